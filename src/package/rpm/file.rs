//! Package files of rpm: which package one is, by its content.
//! <https://rpm-software-management.github.io/rpm/manual/format_v4.html>

use super::bytes::{self, Damage};
use super::header::{self, COUNTS, Header};
use super::{Package, package};
use crate::package::{PackageFile, PackageFileError};
use std::io::Read;

/// Bytes of the lead, of which only its magic number is of use to anybody.
const LEAD: usize = 96;

/// Major versions of the format; 6 is rpm's own newest, with the same lead.
const VERSIONS: std::ops::RangeInclusive<u8> = 3..=6;

/// What a header in a file starts with, before its counts.
const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 1];
const MAGIC_LENGTH: usize = 8;

/// Bytes of a header that are read: those of the largest packages take some ten megabytes.
const HEADER_MAX: usize = 64 << 20;

/// Says that a package is sources: its architecture is the one that it was made on.
const SOURCE_PACKAGE: u32 = 1106;

/// The package that a file is. Signatures are not read.
pub(in crate::package) fn identify(
    file: impl Read,
) -> Result<Option<PackageFile>, PackageFileError> {
    let blob = main_header(file)?;
    identified(&Header::parse(&blob)?).map(Some)
}

/// The package that a header of a file is about.
pub(super) fn identified(header: &Header<'_>) -> Result<PackageFile, PackageFileError> {
    let Package { kind, name, mut architecture, version, source, .. } = package(header)?;
    if header.has(SOURCE_PACKAGE) {
        "src".clone_into(&mut architecture);
    }
    Ok(PackageFile { kind, name, architecture, version, source })
}

/// What the file says of its package, behind the lead and the signatures.
pub(super) fn main_header(mut file: impl Read) -> Result<Vec<u8>, PackageFileError> {
    let mut lead = [0; LEAD];
    file.read_exact(&mut lead)?;
    if !lead.get(4).is_some_and(|major| VERSIONS.contains(major)) {
        return Err(PackageFileError::malformed("its format has another version than 3 to 6"));
    }
    let signatures = read_header(&mut file)?;
    // The signatures are padded.
    let padding = signatures.len().next_multiple_of(8) - signatures.len();
    file.by_ref().take(padding as u64).read_to_end(&mut Vec::new())?;
    read_header(&mut file)
}

/// A header as a database has it, without its magic number.
fn read_header(file: &mut impl Read) -> Result<Vec<u8>, PackageFileError> {
    let mut start = [0; MAGIC_LENGTH + COUNTS];
    file.read_exact(&mut start)?;
    let counts: [u8; COUNTS] = bytes::array(&start, MAGIC_LENGTH).unwrap_or_default();
    if !start.starts_with(&MAGIC) {
        return Err(PackageFileError::malformed("a header is not where it should be"));
    }
    let length = header::length(counts)?;
    if length > HEADER_MAX {
        return Err(PackageFileError::malformed("its header is too large"));
    }
    let mut blob = counts.to_vec();
    file.take((length - COUNTS) as u64).read_to_end(&mut blob)?;
    if blob.len() < length {
        return Err(PackageFileError::malformed("its header is cut off"));
    }
    Ok(blob)
}

impl From<Damage> for PackageFileError {
    fn from(damage: Damage) -> Self {
        Self::malformed(damage.reason)
    }
}

//! Package files of languages: which package one is, by its content alone. Only where that is
//! certain: what a file is called, and where it came from, says nothing.

mod control;
mod gem;
mod tarball;
mod zipped;

#[cfg(test)]
mod tests;

pub(super) use control::control;
pub(super) use zipped::failed;

use super::marks::MarkError;
use super::{PackageFile, PackageFileError};
use std::io::{Read, Seek, SeekFrom};

const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";
const TAR_BLOCK: u64 = 512;

/// The package that a file is; none where it is none of a language that is known.
pub(super) fn identify(
    mut file: impl Read + Seek + Send,
) -> Result<Option<PackageFile>, PackageFileError> {
    let mut start = Vec::new();
    (&mut file).take(TAR_BLOCK).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    if start.starts_with(GZIP_MAGIC) {
        tarball::identify(file)
    } else if start.starts_with(crate::archive::zip::MAGIC) {
        zipped::identify(file)
    } else if gem::starts_so(&start) {
        gem::identify(file)
    } else {
        Ok(None)
    }
}

fn package(kind: &'static str, name: String, version: String) -> PackageFile {
    PackageFile { kind, name, architecture: String::new(), version, source: None }
}

impl From<MarkError> for PackageFileError {
    fn from(error: MarkError) -> Self {
        match error {
            MarkError::Malformed(reason) => Self::malformed(reason),
            MarkError::Read(error) => Self::Read(error),
        }
    }
}

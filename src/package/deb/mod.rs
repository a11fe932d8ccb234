//! Debian package files: which package one is, by its content.
//! <https://manpages.debian.org/bookworm/dpkg-dev/deb.5.en.html>

mod control;

pub(super) use control::read as control;

use super::deb822::{SyntaxError, paragraphs};
use super::{PackageFile, PackageFileError, dpkg};
use crate::archive::ar::{self, ArError};
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Kind};
use std::collections::BTreeSet;
use std::io::Read;

/// The first member, which tells a package from other archives of the kind.
const VERSION_MEMBER: &[u8] = b"debian-binary";

/// What that member starts with. Later minor versions stay readable.
const VERSION_START: &[u8] = b"2.";

/// How the name of the member starts that says what the package is.
const CONTROL_MEMBER: &[u8] = b"control.tar";

/// Bytes of the member that says what the package is, unpacked: lists of checksums of very large
/// packages take ten megabytes.
const CONTROL_ARCHIVE_MAX: u64 = 64 << 20;

/// Bytes of the paragraph about the package.
const CONTROL_MAX: u64 = 1 << 20;

/// The package that a file holds; none where the file is something else. Reads as far as needed:
/// what follows is whatever the file's digest says.
pub(super) fn identify(file: impl Read + Send) -> Result<Option<PackageFile>, PackageFileError> {
    Ok(open(file)?.map(|(package, _)| package))
}

/// The same, with the archive, of which the members behind that one are left to read.
pub(super) fn open<R: Read + Send>(
    file: R,
) -> Result<Option<(PackageFile, ar::Reader<R>)>, PackageFileError> {
    control_member(file, |member| package(&control_file(member)?))
}

/// A package, the archive that says what it is (unpacked), and the members behind that one.
pub(super) type Opened<R> = (PackageFile, Vec<u8>, ar::Reader<R>);

/// The same, with the archive that says what the package is, unpacked.
pub(super) fn open_with_control<R: Read + Send>(
    file: R,
) -> Result<Option<Opened<R>>, PackageFileError> {
    let found = control_member(file, |member| {
        let mut unpacked = Vec::new();
        decoder_within(member, &control_limits())?.1.read_to_end(&mut unpacked)?;
        Ok((package(&control_file(&*unpacked)?)?, unpacked))
    })?;
    Ok(found.map(|((package, control), archive)| (package, control, archive)))
}

fn control_limits() -> compression::Limits {
    compression::Limits {
        output_max: CONTROL_ARCHIVE_MAX,
        ratio_free: CONTROL_ARCHIVE_MAX,
        ..compression::Limits::default()
    }
}

/// What `read` makes of the archive that says what the package is; none where the file is something
/// else.
fn control_member<R: Read + Send, T>(
    file: R,
    read: impl FnOnce(ar::Content<'_, R>) -> Result<T, PackageFileError>,
) -> Result<Option<(T, ar::Reader<R>)>, PackageFileError> {
    let mut archive = match ar::Reader::new(file) {
        Ok(archive) => archive,
        Err(ArError::Magic) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match archive.next_member() {
        Ok(Some(first)) if first.name == VERSION_MEMBER => {}
        // A library, say, with the tables that its reader refuses.
        Ok(_) | Err(ArError::Header(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let mut version = Vec::new();
    archive.content().take(VERSION_START.len() as u64).read_to_end(&mut version)?;
    if version != VERSION_START {
        return Err(PackageFileError::malformed("its format has another version than 2"));
    }
    while let Some(member) = archive.next_member()? {
        if member.name.starts_with(CONTROL_MEMBER) {
            return read(archive.content()).map(|found| Some((found, archive)));
        }
        // Members that start so are for others: signatures.
        if !member.name.starts_with(b"_") {
            break;
        }
    }
    Err(PackageFileError::malformed("`control.tar` does not follow `debian-binary`"))
}

/// The file `control` of the archive that says what the package is.
fn control_file(member: impl Read + Send) -> Result<Vec<u8>, PackageFileError> {
    let (_, unpacked) = decoder_within(member, &control_limits())?;
    let mut files = tar::Reader::new(unpacked, tar::Limits::default());
    while let Some(entry) = files.next_entry()? {
        if entry.path != b"control" || entry.kind != Kind::File {
            continue;
        }
        if entry.size > CONTROL_MAX {
            return Err(PackageFileError::malformed("its `control` is too large"));
        }
        let mut text = Vec::new();
        files.copy_body(&mut |bytes| {
            text.extend_from_slice(bytes);
            Ok(())
        })?;
        return Ok(text);
    }
    Err(PackageFileError::malformed("it has no file `control`"))
}

fn package(control: &[u8]) -> Result<PackageFile, PackageFileError> {
    let malformed = |error: SyntaxError| {
        PackageFileError::malformed(format!("control: line {}: {}", error.line, error.reason))
    };
    let paragraphs = paragraphs(control).map_err(malformed)?;
    let [paragraph] = &*paragraphs else {
        return Err(PackageFileError::malformed("its `control` is not one paragraph"));
    };
    let package = dpkg::package(paragraph, &BTreeSet::new()).map_err(malformed)?;
    Ok(PackageFile {
        kind: package.kind,
        name: package.name,
        architecture: package.architecture,
        version: package.version,
        source: package.source,
    })
}

#[cfg(test)]
mod tests;

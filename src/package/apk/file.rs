//! Package files of apk: which package one is, by its content.
//! <https://wiki.alpinelinux.org/wiki/Apk_spec#Binary_Format>
//!
//! A file is up to three tar archives, each compressed by itself: signatures, what the package is, and
//! its files. None but the last has an end, so that they read as one.

use super::word;
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Kind};
use crate::package::{PackageFile, PackageFileError, SourcePackage};
use std::io::Read;

/// How names of signatures start.
const SIGNATURE: &[u8] = b".SIGN.";

/// Signatures before what the package is.
const SIGNATURES_MAX: usize = 64;

/// What the package is.
const ABOUT: &[u8] = b".PKGINFO";

/// Bytes of it: it lists all that is provided, some hundred kilobytes for the largest.
const ABOUT_MAX: u64 = 16 << 20;

/// The package that a file is; none where it is another archive, or not even that.
pub(in crate::package) fn identify(
    file: impl Read + Send,
) -> Result<Option<PackageFile>, PackageFileError> {
    let limits = compression::Limits {
        output_max: ABOUT_MAX * 2,
        ratio_free: ABOUT_MAX * 2,
        ..compression::Limits::default()
    };
    let (_, unpacked) = decoder_within(file, &limits)?;
    let mut archive = tar::Reader::new(unpacked, tar::Limits::default());
    for signatures in 0..SIGNATURES_MAX {
        let entry = match archive.next_entry() {
            Ok(Some(entry)) => entry,
            // What is compressed is often something else: only signatures make it a package.
            Err(_) if signatures == 0 => return Ok(None),
            Ok(None) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if entry.kind == Kind::File && entry.path == ABOUT {
            if entry.size > ABOUT_MAX {
                return Err(PackageFileError::malformed("its `.PKGINFO` is too large"));
            }
            let mut text = Vec::new();
            archive.copy_body(&mut |bytes| {
                text.extend_from_slice(bytes);
                Ok(())
            })?;
            return package(&text).map(Some);
        }
        if !entry.path.starts_with(SIGNATURE) {
            break;
        }
    }
    Ok(None)
}

/// Lines are `KEY = VALUE`; later ones win, as they do for apk.
fn package(about: &[u8]) -> Result<PackageFile, PackageFileError> {
    let value = |key: &[u8]| {
        let mut values = about
            .split(|byte| *byte == b'\n')
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix(b" = "));
        values.next_back().map(word).transpose().map_err(PackageFileError::malformed)
    };
    let required = |key: &str| {
        let missing = || PackageFileError::malformed(format!("its `.PKGINFO` has no `{key}`"));
        value(key.as_bytes())?.ok_or_else(missing)
    };
    let version = required("pkgver")?;
    let source = value(b"origin")?.map(|name| SourcePackage { name, version: version.clone() });
    Ok(PackageFile {
        kind: "apk",
        name: required("pkgname")?,
        architecture: value(b"arch")?.unwrap_or_default(),
        version,
        source,
    })
}

//! Package files: signature, control and data, a gzip member each (data may have several).

use super::segment;
use crate::index::IndexError;
use crate::index::error::shown;
use crate::oci::Digest;
use sha1::Digest as _;

const WHAT: &str = "apk package";

/// The SHA-1 of a package file's control segment, by which an index knows it, once the control
/// segment's hash of the data segment, to the last byte of the file, is found right.
pub fn control_digest(bytes: &[u8]) -> Result<[u8; 20], IndexError> {
    let (mut content, mut own, mut rest) = segment::first(WHAT, bytes)?;
    let mut files = segment::files(WHAT, &content)?;
    if files.first().is_some_and(|(name, _)| name.starts_with(b".SIGN.")) {
        (content, own, rest) = segment::first(WHAT, rest)?;
        files = segment::files(WHAT, &content)?;
    }
    let about = files.iter().find(|(name, _)| name == b".PKGINFO");
    let (_, about) = about.ok_or_else(|| IndexError::new(WHAT, "it has no `.PKGINFO`"))?;
    let about = String::from_utf8_lossy(about);
    let mut hashes = about.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "datahash").then(|| value.trim())
    });
    let (Some(hash), None) = (hashes.next(), hashes.next()) else {
        return Err(IndexError::new(WHAT, "its `.PKGINFO` has not one `datahash`"));
    };
    if Digest::of(rest).hex() != hash {
        let reason = format!("its data is not what `datahash = {}` says", shown(hash));
        return Err(IndexError::new(WHAT, reason));
    }
    Ok(sha1::Sha1::digest(own).into())
}

/// Whether a package file is the one that an index knows by `control`.
pub fn verify_package(bytes: &[u8], control: &[u8; 20]) -> Result<bool, IndexError> {
    Ok(control_digest(bytes)? == *control)
}

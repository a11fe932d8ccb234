//! Zip archives: wheels (<https://packaging.python.org/en/latest/specifications/binary-distribution-format/>),
//! Go's modules (<https://go.dev/ref/mod#zip-files>), Java archives.

use super::super::marks::{python_metadata, python_name, top_coordinates};
use super::super::{PackageFile, PackageFileError};
use super::package;
use crate::archive::zip::{self, Archive, Entry, ZipError};
use std::io::{Read, Seek};

/// Bytes of a wheel's metadata: a long description may follow.
const METADATA_MAX: u64 = 8 << 20;

pub(super) fn identify(
    file: impl Read + Seek + Send,
) -> Result<Option<PackageFile>, PackageFileError> {
    let mut archive = match Archive::open(file, &zip::Limits::default()) {
        Ok(archive) => archive,
        Err(ZipError::Magic) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if let Some(wheel) = wheel(&mut archive)? {
        return Ok(Some(wheel));
    }
    if let Some(module) = module(archive.entries()) {
        return Ok(Some(module));
    }
    let coordinates = top_coordinates(&mut archive)?;
    Ok(coordinates.map(|it| package("maven", it.name(), it.version().to_owned())))
}

fn wheel(
    archive: &mut Archive<impl Read + Seek + Send>,
) -> Result<Option<PackageFile>, PackageFileError> {
    let is_metadata = |entry: &&Entry| {
        let folder = entry.name.strip_suffix(b".dist-info/METADATA");
        folder.is_some_and(|folder| !folder.contains(&b'/'))
    };
    let mut found = archive.entries().iter().filter(is_metadata);
    let (Some(entry), None) = (found.next().cloned(), found.next()) else { return Ok(None) };
    let folder = entry.name.strip_suffix(b"/METADATA").unwrap_or_default();
    if archive.entry(&[folder, b"/WHEEL"].concat()).map_err(failed)?.is_none() {
        return Ok(None);
    }
    let text = archive.read(&entry, METADATA_MAX).map_err(failed)?;
    let (name, version) = python_metadata(&text)?;
    let folder = String::from_utf8_lossy(folder);
    let stated = folder.split('-').next().map(python_name);
    Ok((stated.as_ref() == Some(&name)).then(|| package("pypi", name, version)))
}

/// Everything is below `MODULE@VERSION/`.
fn module(entries: &[Entry]) -> Option<PackageFile> {
    let first = std::str::from_utf8(&entries.first()?.name).ok()?;
    let (name, rest) = first.split_once('@')?;
    let (version, _) = rest.split_once('/')?;
    let folder = format!("{name}@{version}/");
    let is_module = version.starts_with('v')
        && first.is_ascii()
        && entries.iter().all(|entry| entry.name.starts_with(folder.as_bytes()));
    is_module.then(|| package("golang", name.to_owned(), version.to_owned()))
}

pub(in crate::package) fn failed(error: ZipError) -> PackageFileError {
    match error {
        ZipError::Read(error) => PackageFileError::Read(error),
        other => PackageFileError::malformed(other.to_string()),
    }
}

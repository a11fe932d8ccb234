//! Crates: a compressed archive with everything in one folder, which cargo unpacks below
//! `registry/src`, or into a folder of vendored crates.
//! <https://doc.rust-lang.org/cargo/guide/cargo-home.html>

use super::{Contents, Items, tree};
use crate::archive::tar::Kind;
use crate::package::{PackageFile, PackageFileError};
use std::collections::BTreeMap;
use std::io::Read;

pub(super) fn contents(
    package: PackageFile,
    file: impl Read + Send,
) -> Result<Contents, PackageFileError> {
    let items = folder(file)?;
    let control = BTreeMap::new();
    Ok(Contents { package, items: items.into_map(), control, is_source: true })
}

/// What stands in the one folder of an archive; rights and owners are for who unpacks it.
pub(super) fn folder(file: impl Read + Send) -> Result<Items, PackageFileError> {
    let mut files = tree::open(file)?;
    let mut items = Items::default();
    while let Some(entry) = files.next_entry()? {
        let slash = entry.path.iter().position(|byte| *byte == b'/');
        let Some(path) = slash.and_then(|slash| entry.path.get(slash + 1..)) else { continue };
        let path = path.to_vec();
        if !matches!(entry.kind, Kind::File | Kind::Directory) {
            continue;
        }
        tree::add(&mut items, &mut files, &entry, &path)?;
        if let Some(item) = items.get_mut(&path) {
            (item.mode, item.owner, item.has_capabilities) = (None, None, false);
        }
    }
    Ok(items)
}

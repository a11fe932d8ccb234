//! Packages of npm: a compressed archive with everything in one folder, which becomes the folder in
//! `node_modules`. npm gives rights of its own to what it unpacks.

use super::{Contents, Items, tree};
use crate::archive::tar::Kind;
use crate::package::{PackageFile, PackageFileError};
use std::collections::BTreeMap;
use std::io::Read;

pub(super) fn contents(
    package: PackageFile,
    file: impl Read + Send,
) -> Result<Contents, PackageFileError> {
    let mut files = tree::open(file)?;
    let mut items = Items::default();
    while let Some(entry) = files.next_entry()? {
        let slash = entry.path.iter().position(|byte| *byte == b'/');
        let Some(path) = slash.and_then(|slash| entry.path.get(slash + 1..)) else { continue };
        let path = path.to_vec();
        // npm unpacks files and directories, and leaves out all else.
        if !matches!(entry.kind, Kind::File | Kind::Directory) {
            continue;
        }
        tree::add(&mut items, &mut files, &entry, &path)?;
        if let Some(item) = items.get_mut(&path) {
            item.mode = None;
            item.owner = None;
        }
    }
    let control = BTreeMap::new();
    Ok(Contents { package, items: items.into_map(), control, is_source: false })
}

//! Packages of apk: three archives that read as one. <https://wiki.alpinelinux.org/wiki/Apk_spec>
//!
//! Names that start with a dot are not installed: signatures, `.PKGINFO`, scripts.

use super::{Contents, Items, tree};
use crate::package::{PackageFile, PackageFileError};
use std::collections::BTreeMap;
use std::io::Read;

pub(super) fn contents(
    package: PackageFile,
    file: impl Read + Send,
) -> Result<Contents, PackageFileError> {
    let mut files = tree::open(file)?;
    let (mut items, mut control) = (Items::default(), BTreeMap::new());
    while let Some(entry) = files.next_entry()? {
        if entry.path.starts_with(b".") {
            let digest = tree::digest(&mut files)?;
            control.insert(entry.path, digest);
        } else {
            tree::add(&mut items, &mut files, &entry, &entry.path)?;
        }
    }
    Ok(Contents { package, items: items.into_map(), control, is_source: false })
}

//! Modules of Go: zip archives whose files are below `MODULE@VERSION/`, as in the cache of modules.
//! <https://go.dev/ref/mod#zip-files>

use super::{Contents, HELD_MAX, Item, ItemKind, Items, Role};
use crate::archive::zip::{self, Archive};
use crate::oci::Digest;
use crate::package::{PackageFile, PackageFileError, file};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Cursor;

pub(super) fn contents(package: PackageFile, held: &[u8]) -> Result<Contents, PackageFileError> {
    let mut archive =
        Archive::open(Cursor::new(held), &zip::Limits::default()).map_err(file::failed)?;
    let mut items = Items::default();
    let mut sums = BTreeMap::new();
    let start = format!("{}@{}/", package.name, package.version);
    let mut unpacked = 0_u64;
    for entry in archive.entries().to_vec() {
        unpacked = unpacked.saturating_add(entry.size);
        if unpacked > super::UNPACKED_MAX {
            return Err(PackageFileError::malformed("its files are too large"));
        }
        let path = entry.name.strip_prefix(start.as_bytes()).unwrap_or_default();
        if path.is_empty() || path.ends_with(b"/") {
            continue;
        }
        let content = archive.read(&entry, HELD_MAX).map_err(file::failed)?;
        let digest = Digest::of(&content);
        let path = crate::archive::tar::clean_path(path, 4095)
            .map_err(|problem| PackageFileError::malformed(format!("a path of it {problem}")))?;
        let kind = ItemKind::File { digest, size: content.len() as u64 };
        let item =
            Item { kind, mode: None, owner: None, role: Role::Plain, has_capabilities: false };
        items.add(path, item)?;
        sums.insert(entry.name.clone(), digest);
    }
    let control = [(b"ziphash".to_vec(), Digest::of(hash(&sums).as_bytes()))].into();
    Ok(Contents { package, items: items.into_map(), control, is_source: true })
}

/// The hash of all files, as `go.sum` has it: <https://go.dev/ref/mod#go-sum-files>.
fn hash(sums: &BTreeMap<Vec<u8>, Digest>) -> String {
    let mut lines = Vec::new();
    for (name, digest) in sums {
        lines.extend_from_slice(digest.hex().as_bytes());
        lines.extend([b"  ", &**name, b"\n"].concat());
    }
    format!("h1:{}", STANDARD.encode(Sha256::digest(&lines)))
}

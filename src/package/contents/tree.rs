//! The files of a tar archive.

use super::{Item, ItemKind, ItemOwner, Items, PATHS_MAX, Role, UNPACKED_MAX};
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Entry, Kind};
use crate::oci::Digest;
use crate::package::PackageFileError;
use sha2::{Digest as _, Sha256};
use std::io::Read;

/// An archive without its compression.
pub(super) fn open<'a>(
    archive: impl Read + Send + 'a,
) -> Result<tar::Reader<Box<dyn Read + Send + 'a>>, PackageFileError> {
    let limits = compression::Limits { output_max: UNPACKED_MAX, ..Default::default() };
    let (_, unpacked) = decoder_within(archive, &limits)?;
    let limits = tar::Limits {
        entries_max: 2 * PATHS_MAX,
        size_max: UNPACKED_MAX,
        ..tar::Limits::default()
    };
    Ok(tar::Reader::new(unpacked, limits))
}

/// Adds what an entry is, at a path that may be another one than the entry's. Another name of a file
/// must follow the file.
pub(super) fn add<R: Read>(
    items: &mut Items,
    files: &mut tar::Reader<R>,
    entry: &Entry,
    path: &[u8],
) -> Result<(), PackageFileError> {
    let kind = match entry.kind {
        Kind::File => {
            let digest = digest(files)?;
            ItemKind::File { digest, size: entry.size }
        }
        Kind::Directory => ItemKind::Directory,
        Kind::Symlink => ItemKind::Symlink(entry.link.clone()),
        Kind::Hardlink => match items.get(&entry.link) {
            Some(item) if matches!(item.kind, ItemKind::File { .. }) => {
                // One file has one owner and one mode.
                let item = item.clone();
                return items.add(path.to_vec(), item);
            }
            _ => {
                let shown = entry.path.escape_ascii();
                let reason = format!("`{shown}` is another name of a file that it does not have");
                return Err(PackageFileError::malformed(reason));
            }
        },
        Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => ItemKind::Special,
    };
    let is_link = matches!(kind, ItemKind::Symlink(_));
    let owner = ItemOwner {
        user: entry.user_name.clone(),
        group: entry.group_name.clone(),
        uid: Some(entry.uid),
        gid: Some(entry.gid),
    };
    let item = Item {
        kind,
        mode: (!is_link).then_some(entry.mode),
        owner: Some(owner),
        role: Role::Plain,
        has_capabilities: entry.xattrs.contains_key(&b"security.capability"[..]),
    };
    items.add(path.to_vec(), item)
}

/// Of the body of the current entry.
pub(super) fn digest<R: Read>(files: &mut tar::Reader<R>) -> Result<Digest, PackageFileError> {
    let mut hasher = Sha256::new();
    files.copy_body(&mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(Digest::from(<[u8; 32]>::from(hasher.finalize())))
}

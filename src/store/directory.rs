//! A plain directory as a tree, for comparing it with an image.

use super::error::StoreError;
use super::rooted::{FileKind, Root, stat_fd};
use super::tree::{FileTree, Node, NodeKind};
use super::walk::{Found, Item, Style, Walk, failed};
use crate::oci::{Digest, Hasher};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads the tree and hashes its files. Sockets are left out. Nothing is followed.
pub fn open(path: &Path) -> Result<FileTree, StoreError> {
    let root = Root::open(path).map_err(|error| StoreError::io("open", path, error))?;
    let mut tree = FileTree::new();
    let mut first_names: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    let mut buffer = vec![0; 256 << 10];
    for item in Walk::new(&root, Style::Plain)? {
        // There are no whiteouts in a plain directory.
        let Item::Found(found) = item? else { continue };
        if found.metadata.kind == FileKind::File && found.metadata.links > 1 {
            if let Some(first) = first_names.get(&found.metadata.inode) {
                tree.insert_link(&found.path, first);
                continue;
            }
            first_names.insert(found.metadata.inode, found.path.clone());
        }
        let failed = |source| failed(&root, "read", &found.path, source);
        if let Some(kind) = kind_of(&root, &found, &mut buffer).map_err(failed)? {
            let Found { path, metadata, xattrs } = found;
            let node = Node {
                kind,
                mode: metadata.mode,
                uid: metadata.owner.uid,
                gid: metadata.owner.gid,
                mtime: metadata.mtime,
                xattrs,
                layer: 0,
                hardlink: None,
            };
            tree.insert(&path, node);
        }
    }
    tree.settle_links();
    Ok(tree)
}

fn kind_of(root: &Root, found: &Found, buffer: &mut [u8]) -> io::Result<Option<NodeKind>> {
    Ok(Some(match found.metadata.kind {
        FileKind::File => {
            let (digest, size) = hash(root, found, buffer)?;
            NodeKind::File { digest, size }
        }
        FileKind::Directory => NodeKind::Directory,
        FileKind::Symlink => NodeKind::Symlink(root.read_link(&found.path)?),
        FileKind::CharDevice { major, minor } => NodeKind::CharDevice { major, minor },
        FileKind::BlockDevice { major, minor } => NodeKind::BlockDevice { major, minor },
        FileKind::Fifo => NodeKind::Fifo,
        FileKind::Socket => return Ok(None),
    }))
}

fn hash(root: &Root, found: &Found, buffer: &mut [u8]) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    if found.metadata.size > 0 {
        let mut file = root.open_file_strict(&found.path)?;
        if stat_fd(&file)?.inode != found.metadata.inode {
            return Err(io::Error::other("file was replaced while it was read"));
        }
        loop {
            match file.read(buffer) {
                Ok(0) => break,
                Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(hasher.finish())
}

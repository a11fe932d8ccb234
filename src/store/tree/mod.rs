//! The files of an image as values: what applying its layers gives, with contents as digests.

mod apply;
pub(super) mod entry;
mod links;

#[cfg(test)]
pub(super) mod tests;

use crate::archive::tar::Timestamp;
use crate::oci::Digest;
use links::Links;
use std::collections::{BTreeMap, BTreeSet};

/// A tree of files by clean path, in bytewise order. The root is the empty path and is there only
/// if a layer has an entry for it.
#[derive(Debug, Clone, Default)]
pub struct FileTree {
    nodes: BTreeMap<Vec<u8>, Node>,
    links: Links,
    removed: BTreeSet<Vec<u8>>,
    opaque: BTreeSet<Vec<u8>>,
    /// Bytes that paths, targets and attributes take.
    names_size: usize,
}

/// Something at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Permissions with setuid, setgid and sticky: at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of modification.
    pub mtime: Timestamp,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Which layer it is from, as numbered by who applied the layers.
    pub layer: usize,
    /// The smallest path of this file, where it has several and this is not it.
    pub hardlink: Option<Vec<u8>>,
}

/// What something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File {
        /// Of its content.
        digest: Digest,
        /// Of its content.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link with this text.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Which driver.
        major: u32,
        /// Which device of the driver.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Which driver.
        major: u32,
        /// Which device of the driver.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// What a layer had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerSummary {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Whiteouts, explicit and opaque.
    pub whiteouts: u64,
    /// Bytes of all files.
    pub content_size: u64,
    /// Entries for a path that had one before in the layer; the last one counts.
    pub repeated: u64,
}

impl FileTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is at a path.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Everything, in bytewise order of paths.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &Node)> {
        self.nodes.iter().map(|(path, node)| (&**path, node))
    }

    /// How much there is.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Paths that the applied layers remove and do not have themselves. Of interest where the
    /// lowest layers were not applied, since two images have them in common: the two images are
    /// the same only if this is the same too.
    pub fn removed(&self) -> &BTreeSet<Vec<u8>> {
        &self.removed
    }

    /// Directories whose content in layers below is hidden. See [`FileTree::removed`].
    pub fn opaque(&self) -> &BTreeSet<Vec<u8>> {
        &self.opaque
    }

    /// Puts a node at a path, in place of what was there, the content of a directory excepted.
    pub fn insert(&mut self, path: &[u8], node: Node) {
        self.detach(path);
        self.nodes.insert(path.to_vec(), node);
    }

    /// Makes `path` a second name of the file at `target`; nothing if there is none.
    pub(super) fn insert_link(&mut self, path: &[u8], target: &[u8]) {
        if let Some(node) = self.nodes.get(target).cloned() {
            self.detach(path);
            self.nodes.insert(path.to_vec(), node);
            self.links.join(path, target);
        }
    }

    /// Takes a path out of its set of hard links.
    fn detach(&mut self, path: &[u8]) {
        if let Some(alone) = self.links.leave(path)
            && let Some(node) = self.nodes.get_mut(&alone)
        {
            node.hardlink = None;
        }
    }

    /// Brings `hardlink` of all nodes up to date.
    pub(super) fn settle_links(&mut self) {
        for set in self.links.sets() {
            let Some(first) = set.first() else { continue };
            for path in set {
                if let Some(node) = self.nodes.get_mut(path) {
                    node.hardlink = (path != first).then(|| first.clone());
                }
            }
        }
    }
}

/// All paths below a directory of a map that is sorted by path.
fn below<V>(nodes: &BTreeMap<Vec<u8>, V>, directory: &[u8]) -> Vec<Vec<u8>> {
    paths_below(nodes, directory).cloned().collect()
}

fn paths_below<'a, V>(
    nodes: &'a BTreeMap<Vec<u8>, V>,
    directory: &[u8],
) -> impl Iterator<Item = &'a Vec<u8>> {
    let mut start = directory.to_vec();
    if !directory.is_empty() {
        start.push(b'/');
    }
    let is_below = {
        let start = start.clone();
        move |path: &&Vec<u8>| path.starts_with(&start)
    };
    // Nothing is below itself: the root's own path is where those below the root start.
    let skipped = directory.is_empty();
    nodes
        .range(start..)
        .map(|(path, _)| path)
        .take_while(is_below)
        .filter(move |path| !(skipped && path.is_empty()))
}

//! The tree of an image of which the lowest layers were not applied, as far as they do not matter.

use super::FileDifference;
use super::node::{Aspect, aspects};
use crate::store::{FileTree, Node, NodeKind};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A tree over one that is common to both sides, as overlayfs shows it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) upper: FileTree,
    pub(super) lower: Option<Arc<FileTree>>,
}

impl View {
    /// What is visible at a path.
    pub(super) fn get(&self, path: &[u8]) -> Option<&Node> {
        self.upper.get(path).or_else(|| {
            let lower = self.lower.as_ref()?;
            if self.hides(path) { None } else { lower.get(path) }
        })
    }

    /// Whether the upper tree hides what the lower one has at `path`.
    fn hides(&self, path: &[u8]) -> bool {
        let (removed, opaque) = (self.upper.removed(), self.upper.opaque());
        removed.contains(path)
            || ancestors(path).any(|above| {
                let covered =
                    self.upper.get(above).is_some_and(|node| node.kind != NodeKind::Directory);
                covered || removed.contains(above) || opaque.contains(above)
            })
    }

    /// All nodes that may be visible, the upper ones last.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.lower.iter().flat_map(|lower| lower.iter()).chain(self.upper.iter())
    }
}

/// `a/b` and `a` and the root, for `a/b/c`.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
    let above = slashes.map(|(slash, _)| path.get(..slash).unwrap_or_default());
    above.chain((!path.is_empty()).then_some(&b""[..]))
}

/// Whether the two can only be told apart with what lies below both: one of them has a path that
/// the other lacks, or they remove different things.
pub(super) fn needs_lower(left: &FileTree, right: &FileTree) -> bool {
    left.removed() != right.removed()
        || left.opaque() != right.opaque()
        || left.len() != right.len()
        || !left.iter().map(|(path, _)| path).eq(right.iter().map(|(path, _)| path))
}

/// Whether one tree has a directory, and not so the other, that its archive may have no entry for:
/// the attributes are those of the directory below then.
pub(super) fn has_doubtful_directory(left: &FileTree, right: &FileTree) -> bool {
    let is_doubtful = |node: &Node| {
        node.kind == NodeKind::Directory
            && (node.mode, node.uid, node.gid) == (0o755, 0, 0)
            && node.mtime.seconds == 0
            && node.xattrs.is_empty()
    };
    let differs = |one: &FileTree, other: &FileTree| {
        one.iter()
            .any(|(path, node)| is_doubtful(node) && !other.get(path).is_some_and(is_doubtful))
    };
    differs(left, right) || differs(right, left)
}

/// The paths that differ, in order, and how many were compared.
pub(super) fn compare(left: &View, right: &View) -> (Vec<FileDifference>, u64) {
    let mut paths: BTreeSet<&[u8]> = left.upper.iter().map(|(path, _)| path).collect();
    paths.extend(right.upper.iter().map(|(path, _)| path));
    // Both have the same lower tree.
    if let Some(lower) = &left.lower {
        paths.extend(lower.iter().map(|(path, _)| path));
    }
    let differences =
        paths.iter().filter_map(|path| difference(path, left.get(path), right.get(path)));
    (differences.collect(), paths.len() as u64)
}

fn difference(path: &[u8], left: Option<&Node>, right: Option<&Node>) -> Option<FileDifference> {
    let aspects = match (left, right) {
        (Some(left), Some(right)) => aspects(left, right),
        (None, None) => BTreeSet::new(),
        _ => BTreeSet::from([Aspect::Presence]),
    };
    (!aspects.is_empty()).then(|| FileDifference {
        path: path.to_vec(),
        left: left.cloned(),
        right: right.cloned(),
        aspects,
        content: None,
    })
}

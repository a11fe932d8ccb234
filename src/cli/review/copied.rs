//! Which files of the build context differ between two builds, by the layers of the step that copied
//! them.

use crate::oci::Digest;
use crate::store::{FileTree, Node, NodeKind, Store};
use std::collections::BTreeSet;

/// Absolute paths of the files that differ between two layers. That only their time differs is said of
/// none: the epoch of a lock does that to each.
pub(super) fn changed(
    own: Option<Digest>,
    other: Option<Digest>,
    store: &Store,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let (own, other) = (tree(own, store)?, tree(other, store)?);
    let paths: BTreeSet<&[u8]> = own.iter().chain(other.iter()).map(|(path, _)| path).collect();
    let differs = |path: &&&[u8]| match (own.get(path), other.get(path)) {
        (Some(own), Some(other)) => !is_same(own, other),
        (one, another) => {
            let nodes = [one, another].into_iter().flatten();
            nodes.into_iter().any(|node| node.kind != NodeKind::Directory)
        }
    };
    Ok(paths.iter().filter(differs).map(|path| [b"/", *path].concat()).collect())
}

/// The files of a layer that a build has just made; none where it made no layer.
fn tree(layer: Option<Digest>, store: &Store) -> anyhow::Result<FileTree> {
    let mut tree = FileTree::new();
    if let Some(digest) = layer {
        tree.apply_layer(0, std::io::BufReader::new(store.open_blob(&digest)?))?;
    }
    Ok(tree)
}

fn is_same(own: &Node, other: &Node) -> bool {
    (&own.kind, own.mode, own.uid, own.gid, &own.xattrs)
        == (&other.kind, other.mode, other.uid, other.gid, &other.xattrs)
}

//! Which package a path belongs to, and whether that package moved.

use super::{Images, Side};
use crate::diff::FileDifference;
use crate::oci::Digest;
use crate::review::bases::{BaseMove, plain_name};
use crate::review::moves::Move;
use crate::store::NodeKind;
use std::collections::{BTreeMap, BTreeSet};

/// What a package of an image holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holding {
    /// The purl type.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Architecture; empty where its manager has none.
    pub architecture: String,
    /// Version.
    pub version: String,
    /// Relative to the root, without a slash at the start.
    pub paths: Vec<Vec<u8>>,
}

/// A package of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
}

/// The owners of all paths of both sides.
#[derive(Debug)]
pub(super) struct Owners<'a> {
    old: BTreeMap<Vec<u8>, Vec<Owner<'a>>>,
    new: BTreeMap<Vec<u8>, Vec<Owner<'a>>>,
    moved: BTreeSet<(&'a str, &'a str)>,
    kinds: BTreeSet<&'a str>,
    downloads: [&'a BTreeSet<Digest>; 2],
}

impl<'a> Owners<'a> {
    pub(super) fn of(images: &Images<'a>, moves: &'a [Move], bases: &'a [BaseMove]) -> Self {
        let locked = moves.iter().map(|moved| (&*moved.kind, &*moved.name));
        let in_bases = bases.iter().flat_map(|base| base.packages.iter().flatten());
        let in_bases = in_bases.map(|package| {
            let kind = &*package.kind;
            (kind, plain_name(kind, &package.name))
        });
        let moved: BTreeSet<(&str, &str)> = locked.chain(in_bases).collect();
        let kinds = moved.iter().map(|(kind, _)| *kind).collect();
        let downloads = [images.old.downloads, images.new.downloads];
        Self { old: paths(&images.old), new: paths(&images.new), moved, kinds, downloads }
    }

    /// The packages that a path belongs to, of the old and of the new image.
    pub(super) fn at(&self, path: &[u8]) -> impl Iterator<Item = Owner<'a>> {
        let sides = [self.new.get(path), self.old.get(path)];
        sides.into_iter().flatten().flatten().copied()
    }

    /// Whether a package of the new image has a path.
    pub(super) fn is_held(&self, path: &[u8]) -> bool {
        self.new.contains_key(path)
    }

    /// The packages that have a changed file as it is now; as it was, where it is gone.
    pub(super) fn claims(
        &self,
        file: &FileDifference,
    ) -> impl Iterator<Item = Owner<'a>> + use<'a, '_> {
        self.claims_beside(file, &file.path)
    }

    /// The packages that have a path in the image that a changed file is in.
    pub(super) fn claims_beside(
        &self,
        file: &FileDifference,
        path: &[u8],
    ) -> impl Iterator<Item = Owner<'a>> + use<'a, '_> {
        let side = if file.right.is_some() { &self.new } else { &self.old };
        side.get(path).into_iter().flatten().copied()
    }

    /// Whether the lock says that this package moved.
    pub(super) fn has_moved(&self, kind: &str, name: &str) -> bool {
        self.moved.contains(&(kind, name))
    }

    /// Whether a changed file is, or was, exactly what a manager of languages fetched for its image.
    pub(super) fn is_download(&self, file: &FileDifference) -> bool {
        let [old, new] = self.downloads;
        let (node, downloads) = match (&file.left, &file.right) {
            (_, Some(node)) => (node, new),
            (Some(node), None) => (node, old),
            (None, None) => return false,
        };
        matches!(node.kind, NodeKind::File { digest, .. } if downloads.contains(&digest))
    }

    /// Whether a package of this kind moved.
    pub(super) fn kind_moved(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }
}

/// By the path where a file really is, and by the path that its package gives it: a link may stand
/// where a package has a directory.
fn paths<'a>(side: &Side<'a>) -> BTreeMap<Vec<u8>, Vec<Owner<'a>>> {
    let mut found: BTreeMap<Vec<u8>, Vec<Owner<'a>>> = BTreeMap::new();
    let mut directories: BTreeMap<&[u8], Vec<u8>> = BTreeMap::new();
    for holding in side.holdings {
        let owner = Owner { kind: &holding.kind, name: &holding.name, version: &holding.version };
        for path in &holding.paths {
            let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => path.split_at(slash),
                None => (&b""[..], &**path),
            };
            let name = name.strip_prefix(b"/").unwrap_or(name);
            let real = directories.entry(directory).or_insert_with(|| (side.resolve)(directory));
            let real =
                if real.is_empty() { name.to_vec() } else { [real, &b"/"[..], name].concat() };
            if real != *path {
                found.entry(path.clone()).or_default().push(owner);
            }
            found.entry(real).or_default().push(owner);
        }
    }
    found
}

//! From layers to trees: what both images have in common at the bottom is skipped, the rest of both
//! sides is applied at the same time.

use super::view::{View, has_doubtful_directory, needs_lower};
use super::{DiffError, Input, LayerPair};
use crate::oci::Digest;
use crate::store::{FileTree, Image, Layer, StoreError, directory};
use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

/// Both sides.
#[derive(Debug)]
pub(super) struct Views {
    pub(super) left: View,
    pub(super) right: View,
}

/// The layers of two images, paired by height.
pub(super) fn pairs(left: &Image, right: &Image) -> Vec<LayerPair> {
    let height = left.layers.len().max(right.layers.len());
    let id = |image: &Image, index: usize| -> Option<Digest> {
        image.layers.get(index).map(|layer| layer.diff_id)
    };
    let pair = |index| {
        let (left, right) = (id(left, index), id(right, index));
        LayerPair { left, right, equal: left == right }
    };
    (0..height).map(pair).collect()
}

/// How many layers, from the lowest on, are the same.
fn common(left: Input<'_>, right: Input<'_>) -> usize {
    match (left, right) {
        (Input::Image(left), Input::Image(right)) => {
            pairs(left, right).iter().take_while(|pair| pair.equal).count()
        }
        _ => 0,
    }
}

/// The trees of both sides.
pub(super) fn apply(left: Input<'_>, right: Input<'_>) -> Result<Views, DiffError> {
    let common = common(left, right);
    let empty = FileTree::new();
    let trees = match both(left, right, common, &empty) {
        Ok(trees) => trees,
        // A hard link to a file of a common layer; or a bad layer, which then is bad again.
        Err(DiffError::Store { source, .. })
            if common > 0 && matches!(*source, StoreError::Entry { .. }) =>
        {
            return apply_whole(left, right, common);
        }
        Err(error) => return Err(error),
    };
    let (left_tree, right_tree) = trees;
    if common > 0 && has_doubtful_directory(&left_tree, &right_tree) {
        return apply_whole(left, right, common);
    }
    let lower = if common > 0 && needs_lower(&left_tree, &right_tree) {
        Some(Arc::new(tree(left, 0, Some(common), empty)?))
    } else {
        None
    };
    Ok(Views {
        left: View { upper: left_tree, lower: lower.clone() },
        right: View { upper: right_tree, lower },
    })
}

/// Without the short cut: the common layers are applied too, once.
fn apply_whole(left: Input<'_>, right: Input<'_>, common: usize) -> Result<Views, DiffError> {
    let lower = tree(left, 0, Some(common), FileTree::new())?;
    let (left, right) = both(left, right, common, &lower)?;
    Ok(Views { left: View { upper: left, lower: None }, right: View { upper: right, lower: None } })
}

fn both(
    left: Input<'_>,
    right: Input<'_>,
    first: usize,
    lower: &FileTree,
) -> Result<(FileTree, FileTree), DiffError> {
    at_once(
        || tree(left, first, None, lower.clone()),
        || tree(right, first, None, lower.clone()),
        || describe(left),
    )
}

/// Does both at the same time. Where both fail, the left error is given.
pub(super) fn at_once<T: Send>(
    left: impl FnOnce() -> Result<T, DiffError> + Send,
    right: impl FnOnce() -> Result<T, DiffError>,
    what: impl FnOnce() -> String,
) -> Result<(T, T), DiffError> {
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(left);
        let right = right();
        (left.join(), right)
    });
    let left = left.map_err(|_| DiffError::BrokeOff(what()))?;
    Ok((left?, right?))
}

/// Layers `first` to before `end` applied to `tree`, or the tree of a directory.
fn tree(
    input: Input<'_>,
    first: usize,
    end: Option<usize>,
    mut tree: FileTree,
) -> Result<FileTree, DiffError> {
    let image = match input {
        Input::Image(image) => image,
        Input::Directory(path) => {
            let of = describe(input);
            return directory::open(path).map_err(|source| DiffError::store(of, source));
        }
    };
    let layers =
        image.layers.iter().enumerate().take(end.unwrap_or(image.layers.len())).skip(first);
    for (index, layer) in layers {
        let mut archive = open(image, index, layer)?;
        tree.apply_layer(index, &mut archive)
            .map_err(|source| DiffError::store(describe_layer(image, index), source))?;
        // Digest and size are verified at the end of the stream, which lies behind the archive's.
        io::copy(&mut archive, &mut io::sink())
            .map_err(|source| DiffError::Read { of: describe_layer(image, index), source })?;
    }
    Ok(tree)
}

/// The uncompressed archive of a layer.
pub(super) fn open(
    image: &Image,
    index: usize,
    layer: &Layer,
) -> Result<Box<dyn Read + Send>, DiffError> {
    layer.open().map_err(|source| DiffError::store(describe_layer(image, index), source))
}

pub(super) fn describe(input: Input<'_>) -> String {
    match input {
        Input::Image(image) => format!("`{}`", image.name),
        Input::Directory(path) => format!("`{}`", path.display()),
    }
}

pub(super) fn describe_layer(image: &Image, index: usize) -> String {
    format!("layer {} of `{}`", index + 1, image.name)
}

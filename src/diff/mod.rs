//! What differs between two images, or two directory trees: config and files, as values.
//!
//! Layers that both images have in common at the bottom are not read. The others are applied to
//! trees of metadata and digests, so memory does not grow with contents; a second pass reads only
//! the files that differ, and [`content`] says what differs in them. Says nothing about why: that
//! is [`crate::cause`]'s.

mod config;
pub mod content;
mod contents;
mod layers;
mod node;
mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use config::ConfigDifference;
pub use node::Aspect;

use crate::oci::Digest;
use crate::store::{Image, Node, StoreError};
use content::ContentDifference;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// How much is compared in depth. What is over a limit is still compared, by digest, and
/// [`ContentDifference::incomplete`] says so.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// For one content.
    pub limits: content::Limits,
    /// Files that are compared in depth.
    pub files_max: usize,
    /// A file larger than this, in bytes, is compared in blocks.
    pub file_size_max: u64,
    /// What is held of all files of one side, in bytes; files beyond it are compared in blocks.
    pub held_size_max: u64,
}

impl Default for Options {
    /// Together below the 100 MB that a comparison may take.
    fn default() -> Self {
        Self {
            limits: content::Limits::default(),
            files_max: 10_000,
            file_size_max: 8 << 20,
            held_size_max: 20 << 20,
        }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// An image.
    Image(&'a Image),
    /// A plain directory: a tree without config.
    Directory(&'a Path),
}

/// What differs.
#[derive(Debug, Default)]
pub struct ImageDiff {
    /// Fields of the config and the manifest's annotations.
    pub config: Vec<ConfigDifference>,
    /// Paths, in bytewise order.
    pub files: Vec<FileDifference>,
    /// Paths that were compared; those of common layers are not among them.
    pub compared: u64,
    /// The layers of both images, the lowest first; none for directories.
    pub layers: Vec<LayerPair>,
    /// Whether the images differ only in how the same config and files are written down.
    pub encoding_only: bool,
}

impl ImageDiff {
    /// Whether there is no difference at all.
    pub fn is_empty(&self) -> bool {
        self.config.is_empty()
            && self.files.is_empty()
            && !self.encoding_only
            && self.layers.iter().all(|layer| layer.equal)
    }

    /// The lowest layer that differs: those above it may differ only because it does.
    pub fn first_differing_layer(&self) -> Option<usize> {
        self.layers.iter().position(|layer| !layer.equal)
    }
}

/// Two layers at the same height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPair {
    /// Diff id on the left; none where the left image has fewer layers.
    pub left: Option<Digest>,
    /// Diff id on the right.
    pub right: Option<Digest>,
    /// Whether both are the same.
    pub equal: bool,
}

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDifference {
    /// Relative, without leading slash.
    pub path: Vec<u8>,
    /// What is there on the left.
    pub left: Option<Node>,
    /// What is there on the right.
    pub right: Option<Node>,
    /// In what the two differ; never empty.
    pub aspects: BTreeSet<Aspect>,
    /// What differs in the content, for two regular files.
    pub content: Option<ContentDifference>,
}

/// Why two images cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A layer or directory cannot be read, or is not what its digest promises.
    #[error("cannot read {of}")]
    Store {
        /// Which image and layer, or directory.
        of: String,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// Reading failed on the way.
    #[error("cannot read {of}")]
    Read {
        /// Which image and layer, or directory.
        of: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A config is not JSON.
    #[error("cannot read the config of `{image}`")]
    Config {
        /// Which image.
        image: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A thread of the comparison ended without result.
    #[error("the comparison of {0} broke off")]
    BrokeOff(String),
}

impl DiffError {
    fn store(of: String, source: StoreError) -> Self {
        Self::Store { of, source: Box::new(source) }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store { source, .. } => source.hint(),
            Self::Read { .. } | Self::Config { .. } | Self::BrokeOff(_) => None,
        }
    }
}

/// Compares two images.
pub fn images(left: &Image, right: &Image, options: &Options) -> Result<ImageDiff, DiffError> {
    compare(Input::Image(left), Input::Image(right), options)
}

/// Compares two directories.
pub fn trees(left: &Path, right: &Path, options: &Options) -> Result<ImageDiff, DiffError> {
    compare(Input::Directory(left), Input::Directory(right), options)
}

/// Compares two images, two directories, or one with the other.
pub fn compare(
    left: Input<'_>,
    right: Input<'_>,
    options: &Options,
) -> Result<ImageDiff, DiffError> {
    let mut diff = ImageDiff::default();
    let mut is_same_document = true;
    if let (Input::Image(left), Input::Image(right)) = (left, right) {
        if left.manifest_digest == right.manifest_digest {
            diff.layers = layers::pairs(left, right);
            return Ok(diff);
        }
        is_same_document = false;
        diff.config = compare_configs(left, right)?;
        diff.layers = layers::pairs(left, right);
    }
    let views = layers::apply(left, right)?;
    (diff.files, diff.compared) = view::compare(&views.left, &views.right);
    contents::compare(&mut diff.files, &views, [left, right], options)?;
    diff.encoding_only = !is_same_document && diff.config.is_empty() && diff.files.is_empty();
    Ok(diff)
}

fn compare_configs(left: &Image, right: &Image) -> Result<Vec<ConfigDifference>, DiffError> {
    let mut differences =
        config::compare_annotations(&left.manifest.annotations, &right.manifest.annotations);
    if left.config_bytes != right.config_bytes {
        let failed = |source| DiffError::Config { image: left.name.clone(), source };
        differences
            .extend(config::compare(&left.config_bytes, &right.config_bytes).map_err(failed)?);
    }
    differences.sort();
    Ok(differences)
}

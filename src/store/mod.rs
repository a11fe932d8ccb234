//! The Store: blobs and images on disk, layers, file trees.
//!
//! A [`Store`] is an OCI image layout in a cache folder. Blobs enter it under a temporary name and
//! leave it through a reader that checks digest and size, so nothing half-written or damaged is
//! ever taken for content. An [`Image`] is read from a [`layout`], a [`docker_archive`] or the
//! Store; its [`Layer`]s are applied to a [`FileTree`] (for comparing) or unpacked to a directory
//! (for building), and what a step left in a directory is [`capture`]d as a new layer.
//!
//! Knows nothing of Dockerfiles, networks, or why somebody wants an image.

mod aside;
mod blobs;
pub mod capture;
pub mod changes;
mod derived;
pub mod directory;
pub mod docker_archive;

mod document;
mod error;
mod gc;
mod image;
mod integrity;
mod layer;
pub mod layout;
mod path;
pub mod rooted;
mod select;
mod source;
mod stop;
mod temporary;
mod tree;
mod unpack;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use blobs::Store;
pub(crate) use error::source_of;
pub use error::{StoreError, advice};
pub use gc::{Collected, Collection, Keep};
pub use image::Image;
pub use integrity::Damaged;
pub use layer::{Layer, Location};
pub use layout::Selector;
pub use rooted::remove_tree;
pub use stop::Stop;
pub use temporary::TemporaryDirectory;
pub use tree::{FileTree, LayerSummary, Node, NodeKind};
pub use writer::BlobWriter;

use std::fs::DirEntry;
use std::io;
use std::path::Path;

/// Entries of a directory, sorted bytewise by name: what programs make of them must not depend on
/// the order that the file system happens to have.
pub fn read_dir_sorted(path: &Path) -> io::Result<Vec<DirEntry>> {
    #[expect(clippy::disallowed_methods, reason = "this is the sorted one")]
    let mut entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

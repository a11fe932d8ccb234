//! The extra lower layer: the files, and the image's directories above them as they are.

use crate::build::embedded::trust::split;
use crate::store::rooted::{Metadata, Owner, Root};
use std::collections::BTreeMap;
use std::io::{self, Write as _};

/// The kernel's mark of an overlay's own attributes.
const OVERLAY_XATTRS: &[u8] = b"user.overlay.";

/// What is in the layer.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// The image's directories that the layer repeats.
    pub(super) directories: BTreeMap<Vec<u8>, Metadata>,
    /// Paths that only the layer has.
    pub(super) files: Vec<Vec<u8>>,
}

/// Fills the empty directory `target`. The directories of the files are the image's.
pub(super) fn write(image: &Root, target: &Root, files: &[(&[u8], &[u8])]) -> io::Result<Layer> {
    let mut layer = Layer::default();
    directory(image, target, &mut layer, b"")?;
    for (path, content) in files {
        let (parent, name) = split(path);
        // The directory may be reached through a link.
        let parent = image.resolve(parent)?;
        directory(image, target, &mut layer, &parent)?;
        let path = [&parent[..], b"/", name].concat();
        target.create_file(&path, 0o644, Owner::default())?.write_all(content)?;
        let mtime = layer.directories.get(&parent).map(|found| found.mtime);
        target.set_times(&path, mtime.unwrap_or_default())?;
        layer.files.push(path);
    }
    // The times of directories last: what is made in them changes them.
    for (path, found) in &layer.directories {
        target.set_times(path, found.mtime)?;
    }
    Ok(layer)
}

/// Repeats a directory of the image, and those above it: the topmost layer says what it looks like.
fn directory(image: &Root, target: &Root, layer: &mut Layer, path: &[u8]) -> io::Result<()> {
    if layer.directories.contains_key(path) {
        return Ok(());
    }
    let found = image.entry(path)?.ok_or(io::ErrorKind::NotFound)?;
    if path.is_empty() {
        target.set_owner(path, found.owner)?;
        target.set_mode(path, found.mode)?;
    } else {
        directory(image, target, layer, split(path).0)?;
        target.create_dir(path, found.mode, found.owner)?;
    }
    for (name, value) in image.xattrs(path)? {
        if name.starts_with(b"user.") && !name.starts_with(OVERLAY_XATTRS) {
            target.set_xattr(path, &name, &value)?;
        }
    }
    layer.directories.insert(path.to_vec(), found);
    Ok(())
}

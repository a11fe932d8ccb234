//! The extra lower layer: the files, and the image's directories above them as they are.

use super::{FILE_SIZE_MAX, Injected, Kind};
use crate::build::embedded::trust::split;
use crate::store::rooted::{FileKind, Metadata, Owner, Root};
use bstr::ByteSlice as _;
use std::collections::{BTreeMap, BTreeSet};
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
    /// The image's own files that have more in the layer.
    pub(super) extended: Vec<Extended>,
}

/// A file of the image that has more in the layer.
#[derive(Debug)]
pub(super) struct Extended {
    pub(super) path: Vec<u8>,
    /// The lines that the layer alone has; empty where it is no text of lines.
    pub(super) lines: Vec<Vec<u8>>,
}

/// Fills the empty directory `target`. The directories of the files are the image's.
pub(super) fn write(image: &Root, target: &Root, files: Vec<Injected>) -> io::Result<Layer> {
    let mut layer = Layer::default();
    directory(image, target, &mut layer, b"")?;
    for Injected { path, content, kind } in files {
        let (parent, name) = split(&path);
        // The directory may be reached through a link.
        let parent = image.resolve(parent)?;
        directory(image, target, &mut layer, &parent)?;
        let path = [&parent[..], b"/", name].concat();
        let own = image.entry(&path)?.filter(|found| found.kind == FileKind::File);
        let (mode, owner) = own.map_or((0o644, Owner::default()), |it| (it.mode, it.owner));
        target.create_file(&path, mode, owner)?.write_all(&content)?;
        let mtime = own.or_else(|| layer.directories.get(&parent).copied()).map(|it| it.mtime);
        target.set_times(&path, mtime.unwrap_or_default())?;
        match kind {
            Kind::Own => layer.files.push(path),
            Kind::Lines => {
                let before = image.read(&path, FILE_SIZE_MAX)?.unwrap_or_default();
                let before: BTreeSet<&[u8]> = before.lines().collect();
                let added = content.lines().filter(|line| !before.contains(line));
                let lines = added.map(<[u8]>::to_vec).collect();
                layer.extended.push(Extended { path, lines });
            }
            Kind::Record => layer.extended.push(Extended { path, lines: Vec::new() }),
        }
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

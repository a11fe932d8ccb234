//! Layers that are unpacked once and used by many.

use super::{kept_xattrs, unpack};
use crate::oci::Digest;
use crate::store::blobs::Store;
use crate::store::error::StoreError;
use crate::store::layer::Layer;
use crate::store::rooted::{FileKind, Metadata, Root};
use crate::store::temporary::{create_dir_all, lock_file};
use crate::store::walk::failed;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

impl Store {
    /// The layer as a directory: whiteouts and opaque directories as overlayfs has them (with
    /// `userxattr`), everything else as the archive says. Made at the first call; later ones, also
    /// of other processes, get the same directory. Nobody may change what is in it.
    pub fn unpacked(&self, layer: &Layer) -> Result<PathBuf, StoreError> {
        let mapping = mapping();
        self.cached(&mapping, &layer.diff_id, |tree| self.unpack_with_notes(layer, &mapping, tree))
    }

    /// As [`Store::unpacked`], of all layers of an image, the lowest first. Directories that a
    /// layer has no entry for, though it has files in them, have the attributes that they have in
    /// the layers below: overlayfs takes them from the topmost directory, and containerd's
    /// unpacking copies them likewise.
    pub fn unpacked_all(&self, layers: &[Layer]) -> Result<Vec<PathBuf>, StoreError> {
        let mapping = mapping();
        let mut paths: Vec<PathBuf> = Vec::with_capacity(layers.len());
        let mut chain = String::new();
        for layer in layers {
            chain.push_str(&layer.diff_id.hex());
            let plain = self.unpacked(layer)?;
            let adopted = adopt(&self.notes(&mapping, layer)?, &paths)?;
            if adopted.is_empty() {
                paths.push(plain);
                continue;
            }
            let key = Digest::of(chain.as_bytes());
            paths.push(self.cached(&mapping, &key, |tree| {
                unpack(self.stop().reader(layer.open()?), tree, &layer.diff_id.short())?;
                set_adopted(tree, &adopted)
            })?);
        }
        Ok(paths)
    }

    /// The directory of that name, made by `fill` where it is not there yet.
    fn cached(
        &self,
        mapping: &str,
        name: &Digest,
        fill: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<PathBuf, StoreError> {
        let parent = self.root().join("unpacked").join(mapping);
        let target = parent.join(name.hex());
        if target.is_dir() {
            return Ok(target);
        }
        create_dir_all(&parent)?;
        let _one_at_a_time = lock_file(&parent.join(format!("{}.lock", name.hex())))?;
        if target.is_dir() {
            return Ok(target);
        }
        let temporary = self.temporary_directory()?;
        let tree = temporary.path().join("tree");
        std::fs::create_dir(&tree).map_err(|error| StoreError::io("create", &tree, error))?;
        fill(&tree)?;
        self.note_unsynced(&format!("{mapping}.{}", name.hex()), None)?;
        std::fs::rename(&tree, &target)
            .map_err(|error| StoreError::io("create", &target, error))?;
        Ok(target)
    }

    fn unpack_with_notes(
        &self,
        layer: &Layer,
        mapping: &str,
        tree: &Path,
    ) -> Result<(), StoreError> {
        let archive = self.stop().reader(layer.open()?);
        let implicit = unpack(archive, tree, &layer.diff_id.short())?;
        let notes = self.notes_path(mapping, layer);
        let text: Vec<Vec<u8>> = implicit.into_iter().collect();
        std::fs::write(&notes, text.join(&0))
            .map_err(|error| StoreError::io("write", &notes, error))
    }

    /// Directories that the layer has no entries for.
    fn notes(&self, mapping: &str, layer: &Layer) -> Result<Vec<Vec<u8>>, StoreError> {
        let path = self.notes_path(mapping, layer);
        let text = std::fs::read(&path).map_err(|error| StoreError::io("read", &path, error))?;
        let paths = text.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        Ok(paths.map(<[u8]>::to_vec).collect())
    }

    /// Written before the directory is in its place, under its lock.
    fn notes_path(&self, mapping: &str, layer: &Layer) -> PathBuf {
        let name = format!("{}.implicit", layer.diff_id.hex());
        self.root().join("unpacked").join(mapping).join(name)
    }
}

/// A directory of a lower layer whose attributes an implicit one takes over.
struct Adopted {
    metadata: Metadata,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What the directories are in the layers below, the topmost that has them.
fn adopt(
    implicit: &[Vec<u8>],
    lower: &[PathBuf],
) -> Result<BTreeMap<Vec<u8>, Adopted>, StoreError> {
    let mut adopted = BTreeMap::new();
    for layer in lower.iter().rev().filter(|_| !implicit.is_empty()) {
        let root = Root::open(layer).map_err(|error| StoreError::io("open", layer, error))?;
        for path in implicit {
            if adopted.contains_key(path) {
                continue;
            }
            let Ok(Some(metadata)) = root.entry(path) else { continue };
            let read = |error| failed(&root, "read", path, error);
            let xattrs = root.xattrs(path).map_err(read)?;
            adopted.insert(path.clone(), Adopted { metadata, xattrs });
        }
    }
    // What is something else below is hidden by the new directory, which then is like none.
    adopted.retain(|_, found| found.metadata.kind == FileKind::Directory);
    Ok(adopted)
}

fn set_adopted(tree: &Path, adopted: &BTreeMap<Vec<u8>, Adopted>) -> Result<(), StoreError> {
    let root = Root::open(tree).map_err(|error| StoreError::io("open", tree, error))?;
    for (path, Adopted { metadata, xattrs }) in adopted {
        let set = || -> io::Result<()> {
            root.set_owner(path, metadata.owner)?;
            root.set_mode(path, metadata.mode)?;
            for (name, value) in kept_xattrs(xattrs) {
                root.set_xattr(path, name, value)?;
            }
            root.set_times(path, metadata.mtime)
        };
        set().map_err(|error| failed(&root, "set attributes of", path, error))?;
    }
    Ok(())
}

/// Owners on disk depend on the user namespace that unpacked them: `host` for that of the host, a
/// digest for others.
fn mapping() -> String {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}"));
    let words = |text: io::Result<String>| -> Vec<String> {
        text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let maps = [words(read("uid_map")), words(read("gid_map"))];
    if maps.iter().all(|map| *map == ["0", "0", "4294967295"]) {
        return "host".to_owned();
    }
    let [users, groups] = maps.map(|map| map.join(" "));
    Digest::of(format!("{users}/{groups}").as_bytes()).hex().chars().take(16).collect()
}

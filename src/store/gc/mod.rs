//! Collecting garbage: blobs that nobody needs, images that are then not whole, unpacked layers.
//!
//! Age tells what is needed: each use of a blob sets its modification time. A collection waits until
//! no other process has the Store open, and none opens it while things are moved out of their places;
//! so nobody loses what it has seen. Removing what was moved, the slow part, needs no lock, and is
//! taken over by the next process where this one dies.

mod roots;
#[cfg(test)]
mod tests;

use super::blobs::{Store, list};
use super::error::StoreError;
use super::layout::{self, blob_path};
use super::rooted::remove_tree;
use super::source::Source;
use super::temporary::create_dir_all;
use crate::oci::Digest;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW};
use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often it is looked whether the others have ended.
const WAIT_INTERVAL: Duration = Duration::from_millis(100);

/// What a collection keeps.
#[derive(Debug, Clone, Copy)]
pub struct Keep<'a> {
    /// These blobs, however old.
    pub blobs: &'a BTreeSet<Digest>,
    /// Blobs that were used at this time or later; none for no others than the above.
    pub used_since: Option<SystemTime>,
}

/// What a collection does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Removes it.
    Remove,
    /// Counts it.
    Count,
}

/// What was removed, or would be, and what was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that go.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Images that go.
    pub images: u64,
    /// Unpacked layers that go.
    pub trees: u64,
    /// The space that they take.
    pub tree_bytes: u64,
    /// Blobs that stay.
    pub kept: u64,
    /// Their bytes.
    pub kept_bytes: u64,
    /// What could not be removed yet, and why: files of other users' ids, which a build can remove.
    pub left: Option<String>,
}

/// A blob as it lies there.
struct Found {
    digest: Digest,
    size: u64,
    modified: Option<SystemTime>,
}

impl Store {
    /// Notes that the blob is needed today. Where the Store cannot be written to, nobody collects
    /// anything either.
    pub fn mark_used(&self, digest: &Digest) {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        let path = self.blob_path(digest);
        if let Err(error) = rustix::fs::utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW) {
            tracing::debug!(path = %path.display(), %error, "a use is not noted");
        }
    }

    /// Removes what is not kept, and all unpacked layers and derived data, which are made again when
    /// needed. Calls
    /// `waiting` once if other processes have the Store open, and then waits for them.
    pub fn collect(
        &self,
        keep: &Keep<'_>,
        collection: Collection,
        waiting: &dyn Fn(),
    ) -> Result<Collected, StoreError> {
        if collection == Collection::Count {
            let garbage = self.find_garbage(keep)?;
            return Ok(garbage.counts);
        }
        let alone = self.wait_alone(waiting)?;
        let garbage = self.find_garbage(keep)?;
        let target = self.area().fresh_path("garbage");
        create_dir_all(&target)?;
        self.move_out(&garbage, &target)?;
        drop(alone);
        let mut counts = garbage.counts;
        if let Err(error) = remove_tree(&target) {
            counts.left = Some(error.to_string());
        }
        Ok(counts)
    }

    fn wait_alone(&self, waiting: &dyn Fn()) -> Result<File, StoreError> {
        let mut is_told = false;
        loop {
            if let Some(alone) = self.area().alone()? {
                return Ok(alone);
            }
            if !is_told {
                waiting();
                is_told = true;
            }
            self.stop().check().map_err(|error| StoreError::io("lock", self.root(), error))?;
            std::thread::sleep(WAIT_INTERVAL);
        }
    }

    fn find_garbage(&self, keep: &Keep<'_>) -> Result<Garbage, StoreError> {
        let found = self.blobs()?;
        let is_new =
            |blob: &Found| keep.used_since.is_some_and(|since| blob.modified >= Some(since));
        let mut kept: BTreeSet<Digest> =
            found.iter().filter(|blob| is_new(blob)).map(|blob| blob.digest).collect();
        kept.extend(keep.blobs);
        let images = self.listed()?;
        for image in images.iter().filter(|image| kept.contains(image)).collect::<Vec<_>>() {
            // A manifest that cannot be read keeps nothing but itself.
            let blobs = self.blobs_quietly(image);
            kept.extend(blobs);
        }
        let mut counts = Collected::default();
        let mut gone = Vec::new();
        for blob in found {
            if kept.contains(&blob.digest) {
                counts.kept += 1;
                counts.kept_bytes += blob.size;
            } else {
                counts.blobs += 1;
                counts.blob_bytes += blob.size;
                gone.push(blob.digest);
            }
        }
        counts.images = images.iter().filter(|image| !kept.contains(image)).count() as u64;
        let unpacked = self.root().join("unpacked");
        if unpacked.is_dir() {
            (counts.trees, counts.tree_bytes) = measure_unpacked(self, &unpacked)?;
        }
        Ok(Garbage { blobs: gone, kept, unpacked, counts })
    }

    /// Every blob; other files there are not ours to judge.
    fn blobs(&self) -> Result<Vec<Found>, StoreError> {
        let digest = |path: &Path| Digest::from_hex(path.file_name()?.to_str()?).ok();
        let mut found = Vec::new();
        for path in list(&self.root().join("blobs/sha256"))? {
            let Some(digest) = digest(&path) else { continue };
            let metadata = std::fs::symlink_metadata(&path)
                .map_err(|error| StoreError::io("read", &path, error))?;
            let modified = metadata.modified().ok();
            found.push(Found { digest, size: metadata.len(), modified });
        }
        Ok(found)
    }

    /// The images that the layout lists.
    fn listed(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let index = layout::read_index(&Source::Layout(self.root().to_owned()))?;
        Ok(index.into_iter().flat_map(|index| index.manifests).map(|image| image.digest).collect())
    }

    /// As [`Store::image_blobs`]; reading it is not a use.
    fn blobs_quietly(&self, manifest: &Digest) -> Vec<Digest> {
        let path = self.blob_path(manifest);
        let Ok(before) = std::fs::symlink_metadata(&path) else { return Vec::new() };
        let blobs = self.image_blobs(manifest);
        restore_times(&path, &before);
        blobs.into_iter().flatten().map(|descriptor| descriptor.digest).collect()
    }

    /// The list first: what points goes before what it points to.
    fn move_out(&self, garbage: &Garbage, target: &Path) -> Result<(), StoreError> {
        layout::unlist(self.root(), &|image| garbage.kept.contains(&image.digest))?;
        let rename = |from: &Path, name: &str| {
            std::fs::rename(from, target.join(name))
                .map_err(|error| StoreError::io("remove", from, error))
        };
        for blob in &garbage.blobs {
            rename(&blob_path(self.root(), blob), &blob.hex())?;
        }
        let derived = self.root().join(super::derived::FOLDER);
        for (folder, name) in [(&garbage.unpacked, "unpacked"), (&derived, "derived")] {
            if folder.is_dir() {
                rename(folder, name)?;
            }
        }
        Ok(())
    }
}

/// What is found to be of no use.
struct Garbage {
    blobs: Vec<Digest>,
    kept: BTreeSet<Digest>,
    unpacked: PathBuf,
    counts: Collected,
}

fn restore_times(path: &Path, before: &Metadata) {
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps {
        last_access: time(before.atime(), before.atime_nsec()),
        last_modification: time(before.mtime(), before.mtime_nsec()),
    };
    if let Err(error) = rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW) {
        tracing::debug!(path = %path.display(), %error, "the time of a blob is not set back");
    }
}

/// How many layers are unpacked, and the space that they take.
fn measure_unpacked(store: &Store, unpacked: &Path) -> Result<(u64, u64), StoreError> {
    let mut trees = 0;
    let mut bytes = 0;
    for mapping in list(unpacked)?.into_iter().filter(|path| path.is_dir()) {
        for tree in list(&mapping)?.into_iter().filter(|path| path.is_dir()) {
            store.stop().check().map_err(|error| StoreError::io("read", &tree, error))?;
            trees += 1;
            bytes += measure(&tree);
        }
    }
    Ok((trees, bytes))
}

/// The space that a tree takes; hard links count once. What cannot be read is not counted.
fn measure(tree: &Path) -> u64 {
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in list(&folder).unwrap_or_default() {
            let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                folders.push(path);
            }
            bytes += metadata.blocks() * BLOCK / metadata.nlink().max(1);
        }
    }
    bytes
}

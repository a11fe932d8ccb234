//! Takes out of an upper directory what a step made of held views.

use super::layer::Layer;
use crate::build::embedded::trust::split;
use crate::store::rooted::{Metadata, Root};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Where apt keeps the indexes that it has fetched, and those that are being fetched.
const LISTS: [&[u8]; 2] = [b"var/lib/apt/lists", b"var/lib/apt/lists/partial"];

/// What makes a directory hide those below it in an overlay mounted with `userxattr`.
const OPAQUE: &[u8] = b"user.overlay.opaque";

/// Removes the lists of these hosts, and what is at the paths of the layer's files, whiteouts
/// included. Directories get their times back.
pub(super) fn scrub(upper: &Path, layer: &Layer, hosts: &[Vec<u8>]) -> io::Result<()> {
    let mut scrub = Scrub { upper: Root::open(upper)?, changed: BTreeMap::new() };
    for directory in LISTS {
        for name in scrub.list(directory)? {
            // `HOST_PATH_dists_…`, and a port as `HOST:PORT_…`.
            let is_of = |host: &Vec<u8>| {
                let rest = name.strip_prefix(&host[..]);
                rest.is_some_and(|rest| rest.starts_with(b"_") || rest.starts_with(b":"))
            };
            if hosts.iter().any(is_of) {
                scrub.remove(&[directory, b"/", &name].concat())?;
            }
        }
    }
    for path in &layer.files {
        scrub.remove(path)?;
    }
    scrub.settle(layer)
}

struct Scrub {
    upper: Root,
    /// Directories that something was taken out of, as they were.
    changed: BTreeMap<Vec<u8>, Metadata>,
}

impl Scrub {
    fn list(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        match self.upper.list(path) {
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            listed => listed,
        }
    }

    fn entry(&self, path: &[u8]) -> io::Result<Option<Metadata>> {
        match self.upper.entry(path) {
            Err(error) if is_absent(&error) => Ok(None),
            found => found,
        }
    }

    /// Removes what is there, if anything is.
    fn remove(&mut self, path: &[u8]) -> io::Result<()> {
        if self.entry(path)?.is_none() {
            return Ok(());
        }
        let (parent, _) = split(path);
        if !self.changed.contains_key(parent)
            && let Some(before) = self.upper.entry(parent)?
        {
            self.changed.insert(parent.to_vec(), before);
        }
        self.upper.remove(path)
    }

    /// Gives directories their times back, and takes those away that are there for what was removed
    /// alone: the deepest first.
    fn settle(mut self, layer: &Layer) -> io::Result<()> {
        while let Some((path, before)) = self.changed.pop_last() {
            if self.is_copy(&path, &before, layer)? {
                self.remove(&path)?;
            } else {
                self.upper.set_times(&path, before.mtime)?;
            }
        }
        Ok(())
    }

    /// Whether a directory has nothing and says nothing that the image's own does not.
    fn is_copy(&self, path: &[u8], before: &Metadata, layer: &Layer) -> io::Result<bool> {
        let Some(original) = layer.directories.get(path) else { return Ok(false) };
        let same = (before.mode, before.owner) == (original.mode, original.owner);
        if path.is_empty() || !same || !self.upper.list(path)?.is_empty() {
            return Ok(false);
        }
        Ok(!self.upper.xattrs(path)?.contains_key(OPAQUE))
    }
}

fn is_absent(error: &io::Error) -> bool {
    let absent = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP];
    Errno::from_io_error(error).is_some_and(|error| absent.contains(&error))
}

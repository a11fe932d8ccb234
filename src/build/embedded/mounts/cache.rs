//! `RUN --mount=type=cache`: directories that the steps of one build share and that nobody sees after
//! it. Each build starts with empty ones: what an earlier build left in one would be an input that
//! no lock knows.

use crate::build::embedded::mounted::{Folder, Mounted};
use crate::build::plan::{Attributes, Base};
use crate::build::{BuildError, Request};
use crate::dockerfile::Sharing;
use crate::store::TemporaryDirectory;
use crate::store::rooted::{Owner, Root};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a set flag may go unnoticed.
const CANCELLATION_INTERVAL: Duration = Duration::from_millis(50);

/// What makes two cache mounts the same cache, as in BuildKit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) from: Option<Base>,
    pub(super) attributes: Option<Attributes>,
}

/// The caches of one build.
pub(crate) struct Caches {
    /// The directories of each cache: more than one where two steps must not share.
    slots: Mutex<BTreeMap<Key, Vec<Slot>>>,
    freed: Condvar,
    /// Outlives what is mounted in it.
    folder: TemporaryDirectory,
}

struct Slot {
    directory: PathBuf,
    users: usize,
    /// Whether whoever uses it does not share it.
    is_exclusive: bool,
    /// What it starts with, and the overlay that takes the changes.
    mounted: Option<Mounted>,
}

/// The use of a cache by a step.
pub(super) struct Lease<'a> {
    caches: &'a Caches,
    key: Key,
    number: usize,
    directory: PathBuf,
}

impl Lease<'_> {
    /// Where it is.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Which it is.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut slots = self.caches.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(&self.key).and_then(|slots| slots.get_mut(self.number)) {
            slot.users = slot.users.saturating_sub(1);
        }
        self.caches.freed.notify_all();
    }
}

/// What a step does about a cache.
enum Choice {
    Take(usize),
    Make,
    Wait,
}

impl Caches {
    /// None yet; they will be made in `folder`.
    pub(crate) fn new(folder: TemporaryDirectory) -> Self {
        Self { slots: Mutex::default(), freed: Condvar::new(), folder }
    }

    /// Takes a cache for a step, as `sharing` says, once it may be had. What it starts with, if
    /// anything, is in `lowers`. Leases of several caches are taken in the order of their keys, or two
    /// steps could wait for each other.
    pub(super) fn lease(
        &self,
        request: &Request<'_>,
        key: Key,
        sharing: Sharing,
        lowers: &[PathBuf],
    ) -> Result<Lease<'_>, BuildError> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let count: usize = slots.values().map(Vec::len).sum();
            let known = slots.entry(key.clone()).or_default();
            let number = match choose(known, sharing) {
                Choice::Take(number) => number,
                Choice::Make => {
                    let folder = self.folder.path().join(count.to_string());
                    known.push(Slot::make(&folder, &key, lowers)?);
                    known.len() - 1
                }
                Choice::Wait => {
                    if request.cancelled.load(Ordering::Relaxed) {
                        return Err(BuildError::Cancelled);
                    }
                    let waited = self.freed.wait_timeout(slots, CANCELLATION_INTERVAL);
                    slots = waited.unwrap_or_else(PoisonError::into_inner).0;
                    continue;
                }
            };
            let Some(slot) = known.get_mut(number) else { continue };
            slot.users += 1;
            slot.is_exclusive = sharing != Sharing::Shared;
            let directory = slot.directory.clone();
            return Ok(Lease { caches: self, key, number, directory });
        }
    }
}

/// As BuildKit has it: who shares joins those who share; who is private gets another one where one is
/// in use; who locks waits.
fn choose(slots: &[Slot], sharing: Sharing) -> Choice {
    let shared = slots.iter().position(|slot| slot.users > 0 && !slot.is_exclusive);
    let free = slots.iter().position(|slot| slot.users == 0);
    match (sharing, shared, free) {
        (Sharing::Shared, Some(number), _) | (_, _, Some(number)) => Choice::Take(number),
        (Sharing::Locked, ..) if !slots.is_empty() => Choice::Wait,
        _ => Choice::Make,
    }
}

impl Slot {
    fn make(folder: &Path, key: &Key, lowers: &[PathBuf]) -> Result<Self, BuildError> {
        let (directory, mounted) = if lowers.is_empty() {
            std::fs::create_dir(folder).map_err(|error| BuildError::io(folder, error))?;
            (folder.to_owned(), None)
        } else {
            let mounted = Mounted::mount(lowers, &Folder::create(folder)?)?;
            (mounted.path().to_owned(), Some(mounted))
        };
        // A directory of which nothing says otherwise is like one that root makes.
        let default = Attributes { mode: 0o755, uid: 0, gid: 0 };
        let wanted =
            if lowers.is_empty() { key.attributes.or(Some(default)) } else { key.attributes };
        if let Some(Attributes { mode, uid, gid }) = wanted {
            let set = || {
                let root = Root::open(&directory)?;
                root.set_owner(b"", Owner { uid, gid })?;
                root.set_mode(b"", mode)
            };
            set().map_err(|error| BuildError::io(&directory, error))?;
        }
        Ok(Self { directory, users: 0, is_exclusive: false, mounted })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(mounted) = self.mounted.take()
            && let Err(error) = mounted.unmount()
        {
            tracing::warn!("cannot unmount a cache: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(slots: &[(usize, bool)]) -> Vec<Slot> {
        let slot = |(users, is_exclusive): &(usize, bool)| Slot {
            directory: PathBuf::new(),
            users: *users,
            is_exclusive: *is_exclusive,
            mounted: None,
        };
        slots.iter().map(slot).collect()
    }

    #[test]
    fn sharing_is_as_in_buildkit() {
        use Sharing::{Locked, Private, Shared};
        let choice = |taken: &[(usize, bool)], sharing| match choose(&slots(taken), sharing) {
            Choice::Take(number) => format!("take {number}"),
            Choice::Make => "make".to_owned(),
            Choice::Wait => "wait".to_owned(),
        };
        for sharing in [Shared, Private, Locked] {
            assert_eq!(choice(&[], sharing), "make");
            assert_eq!(choice(&[(0, true)], sharing), "take 0");
            assert_eq!(choice(&[(1, true), (0, false)], sharing), "take 1");
        }
        assert_eq!(choice(&[(2, false), (0, true)], Shared), "take 0");
        assert_eq!(choice(&[(1, true)], Shared), "make");
        assert_eq!(choice(&[(1, false)], Private), "make");
        assert_eq!(choice(&[(1, false)], Locked), "wait");
        assert_eq!(choice(&[(1, true)], Locked), "wait");
    }
}

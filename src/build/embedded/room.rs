//! Where the trees of steps are: in memory while they fit, else on the Store's file system.
//!
//! What a step writes is read again soon, and is thrown away with the build: a disk's file system
//! would spend as much time on inodes and journals as the step on its work.

use super::meanwhile::meanwhile;
use super::mounted::Folder;
use crate::build::{BuildError, Request};
use crate::sandbox::{Tmpfs, available_memory};
use crate::store::TemporaryDirectory;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How much of the available memory one build's trees may take: two builds of a check, and what
/// their programs need, have to fit beside each other.
const SHARE: u64 = 4;

/// Trees in memory give way where less than this is available, in bytes.
const AVAILABLE_MIN: u64 = 256 << 20;

/// Trees smaller than this are not worth moving, in bytes.
const WORTH_MOVING: u64 = 64 << 20;

/// How long a step may outgrow memory unnoticed. At the speed of memory that is some 100 MB.
const INTERVAL: Duration = Duration::from_millis(20);

/// What is available is asked for once in so many looks, so every 200 ms.
const LOOKS_BEFORE_ASKING: u64 = 10;

/// It is asked for at once where the tree grew by so much since the last time, in bytes.
const GROWTH_BEFORE_ASKING: u64 = 64 << 20;

/// The folders of one build.
pub(crate) struct Room {
    memory: Option<Memory>,
    disk: TemporaryDirectory,
    next: AtomicU64,
}

struct Memory {
    tree: Tmpfs,
    /// How often it was looked whether memory is short.
    looks: AtomicU64,
    /// How much the tree took when the system was last asked what is available, in bytes.
    asked_at: AtomicU64,
    /// What the tree may take, in bytes.
    limit: u64,
    /// Where it is mounted.
    _place: TemporaryDirectory,
}

impl Room {
    /// An empty one. Without room in memory, or a kernel that can have overlays there, all of it
    /// is on the disk.
    pub(crate) fn open(request: &Request<'_>) -> Result<Self, BuildError> {
        let limit = request.scratch_memory.unwrap_or_else(|| available_memory() / SHARE);
        let memory = if limit == 0 { None } else { Memory::open(request, limit)? };
        let disk = request.store.temporary_directory()?;
        Ok(Self { memory, disk, next: AtomicU64::new(0) })
    }

    /// A folder for any use.
    pub(crate) fn on_disk(&self) -> Result<Folder, BuildError> {
        Folder::create(&self.disk.path().join(self.fresh_name()))
    }

    /// A folder in memory, while at least half of what may be taken is left. Who writes to it must
    /// be [`watched`](Self::watched).
    pub(crate) fn in_memory(&self) -> Result<Option<Folder>, BuildError> {
        let Some(memory) = &self.memory else { return Ok(None) };
        if memory.used() > memory.limit / 2 || memory.is_short() {
            return Ok(None);
        }
        Folder::create(&memory.tree.path().join(self.fresh_name())).map(Some)
    }

    /// Does `work`, which is to stop when its flag is set: `cancelled` is, or memory got short.
    /// Says, too, whether memory did.
    pub(crate) fn watched<T>(
        &self,
        cancelled: &AtomicBool,
        work: impl FnOnce(&AtomicBool) -> T,
    ) -> (T, bool) {
        let (stop, is_short) = (AtomicBool::new(false), AtomicBool::new(false));
        let look = || {
            if self.memory.as_ref().is_some_and(Memory::is_short) {
                is_short.store(true, Ordering::Relaxed);
            }
            if is_short.load(Ordering::Relaxed) || cancelled.load(Ordering::Relaxed) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let worked = meanwhile(INTERVAL, look, || work(&stop));
        (worked, is_short.into_inner())
    }

    fn fresh_name(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

impl Memory {
    fn open(request: &Request<'_>, limit: u64) -> Result<Option<Self>, BuildError> {
        let place = request.store.temporary_directory()?;
        // Programs that look for free space see as much as on the disk: what ends a tree that
        // outgrows memory is not an error in a program, which might hide it, but the watch.
        let root = request.store.root();
        let disk = rustix::fs::statvfs(root).map_err(|error| BuildError::io(root, error.into()))?;
        let size = disk.f_bavail.saturating_mul(disk.f_frsize).max(limit);
        match Tmpfs::for_overlays(place.path(), size) {
            Ok(tree) => Ok(Some(Self {
                tree,
                looks: AtomicU64::new(0),
                asked_at: AtomicU64::new(0),
                limit,
                _place: place,
            })),
            Err(error) => {
                tracing::debug!(%error, "no trees in memory");
                Ok(None)
            }
        }
    }

    fn used(&self) -> u64 {
        self.tree.used().unwrap_or(u64::MAX)
    }

    fn is_short(&self) -> bool {
        let used = self.used();
        used > self.limit
            || (used > WORTH_MOVING
                && self.is_worth_asking(used)
                && available_memory() < AVAILABLE_MIN)
    }

    /// The kernel sums up a lot to say what is available: it is asked where the tree grew, and now and
    /// then because others take memory, too.
    fn is_worth_asking(&self, used: u64) -> bool {
        let is_due = self.looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOKS_BEFORE_ASKING);
        let has_grown = used.abs_diff(self.asked_at.load(Ordering::Relaxed)) > GROWTH_BEFORE_ASKING;
        if is_due || has_grown {
            self.asked_at.store(used, Ordering::Relaxed);
        }
        is_due || has_grown
    }
}

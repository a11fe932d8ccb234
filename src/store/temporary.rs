//! Temporary files and directories on the Store's file system, and those that dead processes left.
//!
//! Each open Store owns a directory below `temporary/` and holds a lock (`flock(2)`) on a file in
//! it. The kernel drops the lock when the process dies, however it dies; so whoever gets the lock
//! of another's directory may remove it.

use super::error::StoreError;
use super::read_dir_sorted;
use super::rooted::remove_tree;
use rustix::fs::FlockOperation;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The directory of temporary things of one open Store.
#[derive(Debug)]
pub(super) struct Area {
    path: PathBuf,
    /// Held, never read.
    _lock: File,
    next: AtomicU64,
}

/// Name of the file that is locked: below `temporary/` while areas come and go, in an area for as
/// long as it is used.
const LOCK: &str = "lock";

impl Area {
    /// Makes an area below `parent` and removes those whose owners are dead.
    pub(super) fn open(parent: &Path) -> Result<Self, StoreError> {
        create_dir_all(parent)?;
        let coming_and_going = lock_file(&parent.join(LOCK))?;
        let path = free_directory(parent)?;
        let lock = lock_file(&path.join(LOCK))?;
        let area = Self { path, _lock: lock, next: AtomicU64::new(0) };
        let taken = area.take_stale(parent)?;
        drop(coming_and_going);
        for stale in taken {
            // What cannot be removed, for instance since it belongs to another user, is in nobody's
            // way; the next Store tries again.
            if let Err(error) = remove_tree(&stale) {
                tracing::debug!(path = %stale.display(), %error, "stale temporary files stay");
            }
        }
        Ok(area)
    }

    /// Moves the areas of dead owners into this one, so that the slow part, removing them, needs no
    /// lock and is taken over if this process dies too.
    fn take_stale(&self, parent: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let entries =
            read_dir_sorted(parent).map_err(|error| StoreError::io("list", parent, error))?;
        let mut taken = Vec::new();
        for entry in entries {
            let stale = entry.path();
            if stale == self.path || !stale.is_dir() || !is_abandoned(&stale) {
                continue;
            }
            let target = self.fresh_path("stale");
            if std::fs::rename(&stale, &target).is_ok() {
                taken.push(target);
            }
        }
        Ok(taken)
    }

    /// A lock under which no area comes, if this is the only one whose owner lives.
    pub(super) fn alone(&self) -> Result<Option<File>, StoreError> {
        let Some(parent) = self.path.parent() else { return Ok(None) };
        let coming_and_going = lock_file(&parent.join(LOCK))?;
        let entries =
            read_dir_sorted(parent).map_err(|error| StoreError::io("list", parent, error))?;
        let mut others = entries.into_iter().map(|entry| entry.path());
        let lives = |path: PathBuf| path != self.path && path.is_dir() && !is_abandoned(&path);
        Ok(if others.any(lives) { None } else { Some(coming_and_going) })
    }

    /// A path in the area that nothing has had yet.
    pub(super) fn fresh_path(&self, prefix: &str) -> PathBuf {
        self.path.join(format!("{prefix}-{}", self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "temporary files stay");
        }
    }
}

/// A lock file that is missing was never made or is already removed: both only by dead owners,
/// since this is asked under the lock that creation holds.
fn is_abandoned(area: &Path) -> bool {
    match File::open(area.join(LOCK)) {
        Ok(lock) => rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Process ids repeat over time and between containers that share a Store, so a name may be taken. One
/// process takes none twice, so that a path stands for the same files for as long as it is known.
fn free_directory(parent: &Path) -> Result<PathBuf, StoreError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    loop {
        let path = parent.join(format!("{process}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::io("create", &path, error)),
        }
    }
}

/// Opens or makes a file and waits until this process has its lock, which it has until the file
/// is closed.
pub(super) fn lock_file(path: &Path) -> Result<File, StoreError> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| StoreError::io("create", path, error))?;
    lock(&file, path)?;
    Ok(file)
}

/// As [`lock_file`], of a file or directory that is open.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::LockExclusive))
        .map_err(|error| StoreError::io("lock", path, error.into()))
}

pub(super) fn create_dir_all(path: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(path).map_err(|error| StoreError::io("create", path, error))
}

/// A directory on the Store's file system. Removed when dropped; if the process dies before, when
/// the Store is opened next.
#[derive(Debug)]
pub struct TemporaryDirectory {
    path: PathBuf,
    /// The area lives as long as anything in it.
    _area: Arc<Area>,
}

impl TemporaryDirectory {
    pub(super) fn new(area: &Arc<Area>) -> Result<Self, StoreError> {
        let path = area.fresh_path("directory");
        std::fs::create_dir(&path).map_err(|error| StoreError::io("create", &path, error))?;
        Ok(Self { path, _area: Arc::clone(area) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it now and says what hinders.
    pub fn close(self) -> Result<(), StoreError> {
        remove_tree(&self.path).map_err(|error| StoreError::io("remove", &self.path, error))
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "temporary directory stays");
        }
    }
}

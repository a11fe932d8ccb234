//! Trees in memory: a file system that forgets, and how much memory there is for it.

mod available;

use rustix::fs::{StatVfs, XattrFlags, removexattr, setxattr, statvfs};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

pub use available::available_memory;

/// A tmpfs that upper directories of overlays can be on. Unmounted, and all in it gone, when dropped.
///
/// Its size is not its limit: what is written to it takes memory until something else ends that. See
/// [`MemoryTree::used`].
#[derive(Debug)]
pub struct MemoryTree {
    path: PathBuf,
}

impl MemoryTree {
    /// Mounts it on `path`, a directory. Programs that ask for free space are told `size`, in bytes.
    ///
    /// Fails where the kernel has no user attributes on such file systems (before Linux 6.6), which
    /// overlays need.
    pub fn mount(path: &Path, size: u64) -> io::Result<Self> {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        let options = [("source", "rlock"), ("size", &size.to_string()), ("nr_inodes", "0")];
        for (name, value) in options.into_iter().chain([("mode", "0700")]) {
            fsconfig_set_string(context.as_fd(), name, value)?;
        }
        fsconfig_create(context.as_fd())?;
        let flags = MountAttrFlags::MOUNT_ATTR_NOATIME;
        let tree = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(tree.as_fd(), "", rustix::fs::CWD, path, flags)?;
        let mounted = Self { path: path.to_path_buf() };
        setxattr(path, "user.rlock", b"", XattrFlags::empty())?;
        removexattr(path, "user.rlock")?;
        Ok(mounted)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How much memory the contents of its files take, in bytes.
    pub fn used(&self) -> io::Result<u64> {
        let StatVfs { f_blocks, f_bfree, f_frsize, .. } = statvfs(&self.path)?;
        Ok(f_blocks.saturating_sub(f_bfree).saturating_mul(f_frsize))
    }
}

impl Drop for MemoryTree {
    fn drop(&mut self) {
        // Whoever still has something open in it keeps it until then.
        if let Err(error) = unmount(&self.path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            tracing::warn!("cannot unmount `{}`: {error}", self.path.display());
        }
    }
}

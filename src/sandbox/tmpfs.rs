//! File systems in memory, for what a step sees and nothing on a disk may hold, and for what is not
//! worth a disk's work.

use rustix::fs::{CWD, StatVfs, XattrFlags, removexattr, setxattr, statvfs};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

/// A mounted file system in memory. Unmounted, and all in it gone, when dropped.
#[derive(Debug)]
pub struct Tmpfs {
    target: PathBuf,
}

impl Tmpfs {
    /// Mounts one on the directory `target`, whose top gets the permissions `mode`. It holds at most `size`
    /// bytes where that is given, and otherwise as much as the kernel lets it: half of the memory. Devices in
    /// it cannot be opened, and no program gains privileges by being in it.
    pub fn mount(target: &Path, mode: u32, size: Option<u64>) -> io::Result<Self> {
        let size = size.map(|size| ("size", size.to_string()));
        let options = size.into_iter().chain([("mode", format!("{mode:o}"))]);
        let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        Self::with(target, options, flags)
    }

    /// Mounts one on the directory `target` that upper directories of overlays can be on. Programs that ask
    /// for free space are told `size`, in bytes. It is not a limit: what is written takes memory until
    /// something else ends that; see [`Self::used`].
    ///
    /// Fails where the kernel has no user attributes on such file systems (before Linux 6.6), which overlays
    /// need.
    pub fn for_overlays(target: &Path, size: u64) -> io::Result<Self> {
        let options = [("size", size.to_string()), ("nr_inodes", "0".to_owned())];
        let options = options.into_iter().chain([("mode", "0700".to_owned())]);
        let mounted = Self::with(target, options, MountAttrFlags::MOUNT_ATTR_NOATIME)?;
        setxattr(target, "user.rlock", b"", XattrFlags::empty())?;
        removexattr(target, "user.rlock")?;
        Ok(mounted)
    }

    fn with(
        target: &Path,
        options: impl Iterator<Item = (&'static str, String)>,
        flags: MountAttrFlags,
    ) -> io::Result<Self> {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (name, value) in options.chain([("source", "tmpfs".to_owned())]) {
            fsconfig_set_string(context.as_fd(), name, &value)?;
        }
        fsconfig_create(context.as_fd())?;
        let tree = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
        move_mount(tree.as_fd(), "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        Ok(Self { target: target.to_owned() })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// How much memory the contents of its files take, in bytes.
    pub fn used(&self) -> io::Result<u64> {
        let StatVfs { f_blocks, f_bfree, f_frsize, .. } = statvfs(&self.target)?;
        Ok(f_blocks.saturating_sub(f_bfree).saturating_mul(f_frsize))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Whoever still has something of it open keeps it; nobody else sees it any more.
        if let Err(error) = unmount(&self.target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            tracing::warn!("cannot unmount `{}`: {error}", self.target.display());
        }
    }
}

//! File systems in memory, for what a step sees and nothing on a disk may hold.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mounted file system in memory; unmounted when dropped. Devices in it cannot be opened, and no program
/// gains privileges by being in it.
#[derive(Debug)]
pub struct Tmpfs {
    target: PathBuf,
}

impl Tmpfs {
    /// Mounts one on the directory `target`, whose top gets the permissions `mode`. It holds at most `size`
    /// bytes where that is given, and otherwise as much as the kernel lets it: half of the memory.
    pub fn mount(target: &Path, mode: u32, size: Option<u64>) -> io::Result<Self> {
        let size = size.map(|size| format!(",size={size}")).unwrap_or_default();
        let options = CString::new(format!("mode={mode:o}{size}"))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", target, "tmpfs", flags, options.as_c_str())?;
        Ok(Self { target: target.to_owned() })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.target
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

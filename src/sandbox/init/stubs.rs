//! Mount points that the image lacks: made for the time of a step, and taken away after it.
//!
//! With [`mount_points_layer`](crate::sandbox::mount_points_layer) as the lowest layer there is
//! next to nothing to do. What is made is removed and the directory's time is put back; what the step put
//! there itself meanwhile stays.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps};

use crate::sandbox::control::{During as _, Failure};
use crate::sandbox::error::Doing;
use crate::sandbox::step::Step;

/// As many symbolic links as the kernel itself follows.
const LINKS_MAX: usize = 40;

/// What was made, in the order of making.
#[derive(Debug)]
pub(super) struct Stubs {
    root: OwnedFd,
    made: Vec<Stub>,
}

#[derive(Debug)]
struct Stub {
    path: PathBuf,
    is_directory: bool,
    /// The directory that it is in, as it was before.
    parent: Metadata,
}

impl Stubs {
    /// Makes what is missing of `/dev`, `/proc`, `/sys` and the step's bind targets.
    ///
    /// Works in a changed root, so that no symbolic link of the image leads out of it.
    pub(super) fn make(step: &Step) -> Result<Self, Failure> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let outside = rustix::fs::open("/", flags, Mode::empty()).during(Doing::Root)?;
        let root = rustix::fs::open(&step.root, flags, Mode::empty()).during(Doing::Root)?;
        // A source is a directory or not: to be found out while it can be seen.
        let binds: Vec<(PathBuf, bool)> = step
            .binds
            .iter()
            .filter(|bind| !is_covered(&bind.target))
            .map(|bind| (absolute(&bind.target), bind.source.is_dir()))
            .collect();
        let mut stubs = Self { root, made: Vec::new() };
        stubs.enter().during(Doing::Root)?;
        for path in ["/dev", "/proc", "/sys"] {
            stubs.require(Path::new(path), true)?;
        }
        for (path, is_directory) in binds {
            stubs.require(&path, is_directory)?;
        }
        enter(&outside).during(Doing::Root)?;
        Ok(stubs)
    }

    /// Takes away what was made, last first. The calling process then stays in the step's root.
    pub(super) fn remove(self) -> Result<(), Failure> {
        if self.made.is_empty() {
            return Ok(());
        }
        self.enter().during(Doing::Root)?;
        for stub in self.made.into_iter().rev() {
            let doing = || Doing::MountPoint(stub.path.display().to_string());
            if stub.remove().during(doing())? {
                stub.restore_parent().during(doing())?;
            }
        }
        Ok(())
    }

    fn enter(&self) -> io::Result<()> {
        enter(&self.root)
    }

    fn require(&mut self, path: &Path, is_directory: bool) -> Result<(), Failure> {
        let doing = || Doing::MountPoint(path.display().to_string());
        let target = resolve(path).during(doing())?;
        match fs::symlink_metadata(&target) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_all(&target, is_directory).during(doing())
            }
            Err(error) => Err(error).during(doing()),
        }
    }

    fn make_all(&mut self, path: &Path, is_directory: bool) -> io::Result<()> {
        let Some(parent) = path.parent() else { return Ok(()) };
        if !parent.exists() {
            self.make_all(parent, true)?;
        }
        let before = fs::metadata(parent)?;
        if is_directory {
            DirBuilder::new().mode(0o755).create(path)?;
        } else {
            fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
        }
        self.made.push(Stub { path: path.to_path_buf(), is_directory, parent: before });
        Ok(())
    }
}

impl Stub {
    /// Removes it; false where the step has made something of it.
    fn remove(&self) -> io::Result<bool> {
        let removed = if self.is_directory {
            fs::remove_dir(&self.path)
        } else {
            match fs::symlink_metadata(&self.path) {
                Ok(found) if found.is_file() && found.len() == 0 => fs::remove_file(&self.path),
                Ok(_) => return Ok(false),
                Err(error) => Err(error),
            }
        };
        match removed {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound
                | io::ErrorKind::DirectoryNotEmpty
                | io::ErrorKind::NotADirectory => Ok(false),
                _ => Err(error),
            },
        }
    }

    fn restore_parent(&self) -> io::Result<()> {
        let Some(parent) = self.path.parent() else { return Ok(()) };
        let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps {
            last_access: time(self.parent.atime(), self.parent.atime_nsec()),
            last_modification: time(self.parent.mtime(), self.parent.mtime_nsec()),
        };
        rustix::fs::utimensat(CWD, parent, &times, AtFlags::empty())?;
        Ok(())
    }
}

/// Where a path ends after its last component's symbolic links, which may dangle.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            // EINVAL: it is not a link. ENOENT: it is not there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

fn enter(root: &OwnedFd) -> io::Result<()> {
    rustix::process::fchdir(root)?;
    rustix::process::chroot(".")?;
    Ok(())
}

/// Whether a mount of the step's own covers the place, so that a mount point is made there and not here.
pub(super) fn is_covered(target: &[u8]) -> bool {
    ["dev", "proc", "sys"]
        .iter()
        .any(|covered| Path::new(OsStr::from_bytes(target)).strip_prefix(covered).is_ok())
}

/// A target relative to the root as an absolute path; `..` cannot lead above it.
pub(super) fn absolute(target: &[u8]) -> PathBuf {
    let mut path = PathBuf::from("/");
    for component in Path::new(OsStr::from_bytes(target)).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                path.pop();
            }
            _ => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_below_the_root() {
        assert_eq!(absolute(b"etc/hosts"), Path::new("/etc/hosts"));
        assert_eq!(absolute(b"/etc//./hosts"), Path::new("/etc/hosts"));
        assert_eq!(absolute(b"../../x"), Path::new("/x"));
        assert_eq!(absolute(b""), Path::new("/"));
    }

    #[test]
    fn mounts_cover_their_places() {
        assert!(is_covered(b"dev/pipes/EOF") && is_covered(b"proc/x") && is_covered(b"sys"));
        assert!(!is_covered(b"etc/hosts") && !is_covered(b"device"));
    }
}

//! Overlay file systems: read-only layers below, one directory above that takes all changes.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, move_mount,
    unmount,
};

use super::error::SandboxError;

/// The kernel's own limit of lower layers (`OVL_MAX_STACK`).
const LOWERS_MAX: usize = 500;

/// A mounted overlay file system; unmounted when dropped.
///
/// It is mounted `volatile` (nothing is flushed to disk: what a crash leaves is thrown away anyway) and
/// `userxattr` (its marks are `user.overlay.*`, the same for root and others). The work directory of a
/// volatile overlay cannot be used a second time.
///
/// What the root directory itself looks like (mode, owner, time) is taken from `upper`, as for any
/// overlay: give it what the image says.
#[derive(Debug)]
pub struct Overlay {
    target: PathBuf,
    mounted: bool,
}

impl Overlay {
    /// Mounts `lowers` (lowest first) with `upper` above them on `target`. `work` is an empty directory on
    /// the file system of `upper`. Without lowers, `target` itself, which must then be empty, is the lower.
    pub fn mount(
        lowers: &[PathBuf],
        upper: &Path,
        work: &Path,
        target: &Path,
    ) -> Result<Self, SandboxError> {
        let failed = |message: String, source: io::Error| SandboxError::Overlay {
            target: target.to_path_buf(),
            message,
            source,
        };
        let layers = Layers::open(lowers, upper, work, target)
            .map_err(|(path, source)| failed(format!("`{}`", path.display()), source))?;
        match layers.mount_by_parts(target) {
            Ok(()) => {}
            // Before Linux 6.8 there is no `lowerdir+`, before 6.5 overlays are not made by parts.
            Err((_, Errno::INVAL | Errno::NOSYS)) => {
                layers
                    .mount_by_line(target)
                    .map_err(|error| failed(String::new(), error.into()))?;
            }
            Err((message, error)) => return Err(failed(message, error.into())),
        }
        Ok(Self { target: target.to_path_buf(), mounted: true })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// Unmounts it; still in use somewhere, it goes when the last user does.
    pub fn unmount(mut self) -> Result<(), SandboxError> {
        self.mounted = false;
        let target = std::mem::take(&mut self.target);
        detach(&target).map_err(|source| SandboxError::Unmount { target, source })
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        if self.mounted
            && let Err(error) = detach(&self.target)
        {
            tracing::warn!("cannot unmount `{}`: {error}", self.target.display());
        }
    }
}

fn detach(target: &Path) -> io::Result<()> {
    match unmount(target, UnmountFlags::NOFOLLOW) {
        Err(Errno::BUSY) => unmount(target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?,
        result => result?,
    }
    Ok(())
}

/// The directories, opened: `/proc/self/fd/N` names them without the characters and the lengths
/// that mount options cannot hold.
struct Layers {
    /// Topmost first, as the kernel wants them.
    lowers: Vec<OwnedFd>,
    upper: OwnedFd,
    work: OwnedFd,
}

impl Layers {
    fn open(
        lowers: &[PathBuf],
        upper: &Path,
        work: &Path,
        target: &Path,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let open = |path: &Path| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::empty())
                .map_err(|error| (path.to_path_buf(), io::Error::from(error)))
        };
        if lowers.len() > LOWERS_MAX {
            let message = format!("{} layers, of at most {LOWERS_MAX}", lowers.len());
            return Err((target.to_path_buf(), io::Error::other(message)));
        }
        let mut opened =
            lowers.iter().rev().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        if opened.is_empty() {
            require_empty(target).map_err(|error| (target.to_path_buf(), error))?;
            opened.push(open(target)?);
        }
        Ok(Self { lowers: opened, upper: open(upper)?, work: open(work)? })
    }

    /// With the mount API of Linux 5.2, which takes any number of layers of any name.
    fn mount_by_parts(&self, target: &Path) -> Result<(), (String, Errno)> {
        let silent = |error| (String::new(), error);
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(silent)?;
        let set = || -> rustix::io::Result<()> {
            fsconfig_set_string(context.as_fd(), "source", "rlock")?;
            for lower in &self.lowers {
                fsconfig_set_string(context.as_fd(), "lowerdir+", magic_path(lower))?;
            }
            fsconfig_set_string(context.as_fd(), "upperdir", magic_path(&self.upper))?;
            fsconfig_set_string(context.as_fd(), "workdir", magic_path(&self.work))?;
            fsconfig_set_flag(context.as_fd(), "userxattr")?;
            fsconfig_set_flag(context.as_fd(), "volatile")?;
            fsconfig_set_string(context.as_fd(), "index", "off")?;
            fsconfig_create(context.as_fd())
        };
        set().map_err(|error| (kernel_log(&context), error))?;
        let tree = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
            .map_err(silent)?;
        move_mount(tree.as_fd(), "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .map_err(silent)
    }

    /// With `mount(2)`, whose options are one line of at most a page: some 200 layers by descriptor.
    fn mount_by_line(&self, target: &Path) -> rustix::io::Result<()> {
        let lowers: Vec<String> = self.lowers.iter().map(magic_path).collect();
        let options = format!(
            "lowerdir={},upperdir={},workdir={},userxattr,volatile,index=off",
            lowers.join(":"),
            magic_path(&self.upper),
            magic_path(&self.work)
        );
        let options = std::ffi::CString::new(options).map_err(|_| Errno::INVAL)?;
        mount("rlock", target, "overlay", MountFlags::empty(), options.as_c_str())
    }
}

fn magic_path(descriptor: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

fn require_empty(directory: &Path) -> io::Result<()> {
    match directory.read_dir()?.next() {
        None => Ok(()),
        Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
    }
}

/// What the kernel has to say about a mount that failed: its messages, without their levels.
fn kernel_log(context: &OwnedFd) -> String {
    let Ok(copy) = context.try_clone() else { return String::new() };
    let mut file = fs::File::from(copy);
    let mut messages = Vec::new();
    let mut buffer = [0; 4096];
    // One message a read, until there is none (`ENODATA`).
    while let Ok(length) = file.read(&mut buffer)
        && let Some(line) = buffer.get(..length)
        && length > 0
    {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        messages.push(line.strip_prefix("e ").unwrap_or(line).to_owned());
    }
    messages.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    use rustix::mount::{MountPropagationFlags, mount_change};
    use rustix::thread::UnshareFlags;

    /// Both ways to mount show the same: the second is that of older kernels.
    #[test]
    fn upper_hides_lower_both_ways() {
        if !rustix::process::geteuid().is_root() {
            println!("left out: mounting needs root here; see `tests/it/sandbox` for others");
            return;
        }
        // Mounts of a thread with a namespace of its own disturb no other test.
        let check = || {
            crate::sandbox::system::unshare(UnshareFlags::NEWNS).unwrap();
            let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
            mount_change("/", private).unwrap();
            for by_line in [false, true] {
                shows_layers(by_line);
            }
        };
        std::thread::spawn(check).join().unwrap();
    }

    fn shows_layers(by_line: bool) {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for (name, file) in [("low, er", "both"), ("high:er", "both"), ("upper", "own")] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join(file), name).unwrap();
        }
        fs::create_dir(path("work")).unwrap();
        fs::create_dir(path("target")).unwrap();
        let lowers = [path("low, er"), path("high:er")];
        let (upper, work, target) = (path("upper"), path("work"), path("target"));
        let layers = Layers::open(&lowers, &upper, &work, &target).unwrap();
        if by_line {
            layers.mount_by_line(&target).unwrap();
        } else {
            layers.mount_by_parts(&target).unwrap();
        }
        assert_eq!(fs::read_to_string(target.join("both")).unwrap(), "high:er");
        assert_eq!(fs::read_to_string(target.join("own")).unwrap(), "upper");
        fs::remove_file(target.join("both")).unwrap();
        detach(&target).unwrap();
        assert!(fs::symlink_metadata(upper.join("both")).is_ok(), "a whiteout");
    }

    #[test]
    fn layers_are_counted_and_named() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().to_path_buf();
        let many = vec![directory.clone(); LOWERS_MAX + 1];
        let Err((_, error)) = Layers::open(&many, &directory, &directory, &directory) else {
            panic!("501 layers were accepted");
        };
        assert_eq!(error.to_string(), "501 layers, of at most 500");
        let missing = directory.join("missing");
        let Err((path, _)) =
            Layers::open(std::slice::from_ref(&missing), &directory, &directory, &directory)
        else {
            panic!("a missing layer was accepted");
        };
        assert_eq!(path, missing);
    }
}

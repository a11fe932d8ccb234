//! The step's view of the file system: its root and what is mounted in it.
//!
//! Mounts are made before the root is changed, where their sources can be seen and where the kernel finds
//! the outer `/proc` that it wants to see, and put in place after, where no symbolic link of the
//! image can lead out of the root any more.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount,
    fsopen, mount, mount_bind_recursive, mount_change, mount_remount, move_mount, open_tree,
    unmount,
};

use super::devices::Devices;
use super::stubs::{absolute, is_covered};
use crate::sandbox::control::{During as _, Failure};
use crate::sandbox::error::Doing;
use crate::sandbox::step::{Bind, Step};
use crate::sandbox::system;

/// What of `/proc` and `/sys` a container may not see, as
/// [Docker](https://github.com/moby/moby/blob/v28.0.0/oci/defaults.go) has it.
const MASKED: [&str; 11] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// What of `/proc` a container may not write to, from the same place.
const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const NOTHING_SPECIAL: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID
    .union(MountAttrFlags::MOUNT_ATTR_NODEV)
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// What can be taken away from mounts, in the words of `mount_setattr(2)` and of `mount(2)`.
#[derive(Clone, Copy)]
struct Restriction {
    attribute: MountAttrFlags,
    flag: MountFlags,
}

const NO_WRITING: Restriction =
    Restriction { attribute: MountAttrFlags::MOUNT_ATTR_RDONLY, flag: MountFlags::RDONLY };

/// A step may make devices, which are files of an image like others, but not open them: as root
/// these would be the disks of the host, which Docker's device control group keeps away.
const NO_DEVICES: Restriction =
    Restriction { attribute: MountAttrFlags::MOUNT_ATTR_NODEV, flag: MountFlags::NODEV };

/// Makes the step's root the root, with everything mounted that belongs there.
pub(super) fn change_root(step: &Step) -> Result<(), Failure> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).during(Doing::Root)?;
    let proc = make("proc", &[], NOTHING_SPECIAL).during(Doing::Mount("/proc".to_owned()))?;
    let sys = make_sys().during(Doing::Mount("/sys".to_owned()))?;
    let devices = Devices::prepare()?;
    let binds = step
        .binds
        .iter()
        .map(|bind| copy(&bind.source).during(doing_bind(bind)).map(|tree| (bind, tree)))
        .collect::<Result<Vec<_>, _>>()?;
    // `pivot_root` wants a mount; a plain directory becomes one.
    mount_bind_recursive(&step.root, &step.root).during(Doing::Root)?;
    restrict(&step.root, NO_DEVICES).during(Doing::Root)?;
    pivot(&step.root).during(Doing::Root)?;
    put(&proc, "/proc")?;
    put(&sys, "/sys")?;
    set_last_process_id(step.surroundings.last_process_id);
    devices.put()?;
    for path in READ_ONLY {
        make_read_only(path).during(Doing::Mask(path.to_owned()))?;
    }
    for path in MASKED {
        mask(path).during(Doing::Mask(path.to_owned()))?;
    }
    for (bind, tree) in binds {
        put_bind(bind, &tree).during(doing_bind(bind))?;
    }
    Ok(())
}

fn doing_bind(bind: &Bind) -> Doing {
    Doing::Bind {
        source: bind.source.display().to_string(),
        target: absolute(&bind.target).display().to_string(),
    }
}

/// A new file system, not yet to be seen anywhere. A parameter without a value is a flag.
pub(super) fn make(
    kind: &str,
    parameters: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "source", kind)?;
    for (key, value) in parameters {
        if value.is_empty() {
            fsconfig_set_flag(context.as_fd(), *key)?;
        } else {
            fsconfig_set_string(context.as_fd(), *key, *value)?;
        }
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// `/sys`, which shows the network namespace: a new one where that is ours, else the outer one. The latter
/// comes with all that is mounted in it, since the kernel does not let a user namespace uncover it.
fn make_sys() -> io::Result<OwnedFd> {
    let attributes = NOTHING_SPECIAL | MountAttrFlags::MOUNT_ATTR_RDONLY;
    match make("sysfs", &[], attributes) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => copy(Path::new("/sys")),
        result => result,
    }
}

/// A copy of what is at a path, with all that is mounted in it, not yet to be seen anywhere else.
pub(super) fn copy(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(CWD, path, flags)?)
}

/// Puts a made or copied tree in its place. A symbolic link there is not followed, nor covered.
pub(super) fn put(tree: &OwnedFd, path: &str) -> Result<(), Failure> {
    let doing = || Doing::Mount(path.to_owned());
    if fs::symlink_metadata(path).during(doing())?.is_symlink() {
        return Err(Errno::LOOP).during(doing());
    }
    attach(tree, Path::new(path)).during(doing())?;
    if path == "/sys" {
        restrict(Path::new(path), NO_WRITING).during(doing())?;
    }
    Ok(())
}

/// Puts a tree at a path whose symbolic links are followed.
fn attach(tree: &OwnedFd, path: &Path) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    Ok(move_mount(tree.as_fd(), "", CWD, path, flags)?)
}

/// Changes the root to a mount and lets go of the old one
/// ([`pivot_root(".", ".")`](https://man7.org/linux/man-pages/man2/pivot_root.2.html)).
fn pivot(root: &Path) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(root, flags, Mode::empty())?;
    rustix::process::fchdir(&root)?;
    rustix::process::pivot_root(".", ".")?;
    // The old root now lies on top of the new one.
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Ok(())
}

/// Makes the next process id differ, while `/proc/sys` can be written to. Kernels without
/// `CONFIG_CHECKPOINT_RESTORE` count from 1 in both builds.
fn set_last_process_id(last: u32) {
    if last > 0 {
        let _unsupported = fs::write("/proc/sys/kernel/ns_last_pid", last.to_string());
    }
}

fn make_read_only(path: &str) -> io::Result<()> {
    match mount_bind_recursive(path, path) {
        Err(Errno::NOENT) => Ok(()),
        result => {
            result?;
            restrict(Path::new(path), NO_WRITING)
        }
    }
}

/// Hides a file behind `/dev/null`, a directory behind an empty one.
fn mask(path: &str) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if found.is_dir() {
        Ok(mount("tmpfs", path, "tmpfs", MountFlags::RDONLY, None)?)
    } else {
        attach(&copy(Path::new("/dev/null"))?, Path::new(path))
    }
}

fn put_bind(bind: &Bind, tree: &OwnedFd) -> io::Result<()> {
    let target = absolute(&bind.target);
    if is_covered(&bind.target) && !target.exists() {
        let directory = rustix::fs::fstat(tree)?.st_mode & libc::S_IFMT == libc::S_IFDIR;
        if directory {
            fs::create_dir_all(&target)?;
        } else {
            fs::create_dir_all(target.parent().unwrap_or(Path::new("/")))?;
            fs::File::create_new(&target)?;
        }
    }
    attach(tree, &target)?;
    // As in the root: what is bound may be files that steps have made.
    restrict(&target, NO_DEVICES)?;
    if bind.read_only { restrict(&target, NO_WRITING) } else { Ok(()) }
}

/// Takes something away from the mounts at and below a path; from that at it only, before Linux 5.12.
fn restrict(path: &Path, restriction: Restriction) -> io::Result<()> {
    let c_path = CString::new(path.as_os_str().as_bytes())?;
    match system::restrict_mounts(&c_path, u64::from(restriction.attribute.bits())) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            let flags = MountFlags::BIND | restriction.flag | locked_flags(path)?;
            Ok(mount_remount(path, flags, "")?)
        }
        result => result,
    }
}

/// The flags that a remount must repeat, since a user namespace may not clear them.
fn locked_flags(path: &Path) -> io::Result<MountFlags> {
    let found = rustix::fs::statvfs(path)?.f_flag;
    let pairs = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    Ok(pairs
        .into_iter()
        .filter(|(seen, _)| found.contains(*seen))
        .fold(MountFlags::empty(), |all, (_, flag)| all | flag))
}

//! A step's `/dev`: what Docker puts there, on a file system of its own.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, UnmountFlags, unmount};

use super::tree::{copy, make, put};
use crate::sandbox::control::{During as _, Failure};
use crate::sandbox::error::Doing;

/// Name, major and minor number of the
/// [devices that a container has](https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#default-devices).
const NODES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

const KCORE: &str = "/proc/kcore";

/// Links, and what they name.
const LINKS: [(&str, &str); 6] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
    ("/dev/core", KCORE),
];

/// File systems and devices, made but not yet in place.
pub(super) struct Devices {
    dev: OwnedFd,
    pts: OwnedFd,
    shm: OwnedFd,
    /// Absent where the kernel has no message queues.
    mqueue: Option<OwnedFd>,
    /// Where we make devices of our own. That file system opens devices, so no step gets to see it: in
    /// `dev` there are mounts of the single files.
    workshop: OwnedFd,
    /// The outer devices, for where we may not make our own.
    outer: Vec<OwnedFd>,
}

impl Devices {
    pub(super) fn prepare() -> Result<Self, Failure> {
        let no_suid = MountAttrFlags::MOUNT_ATTR_NOSUID;
        let no_exec = no_suid | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let nothing = no_exec | MountAttrFlags::MOUNT_ATTR_NODEV;
        let strict =
            no_suid | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_STRICTATIME;
        let doing = |path: &str| Doing::Mount(path.to_owned());
        let shm = [("mode", "1777"), ("size", "65536k")];
        Ok(Self {
            dev: make("tmpfs", &[("mode", "755"), ("size", "65536k")], strict)
                .during(doing("/dev"))?,
            pts: make_pts(no_exec).during(doing("/dev/pts"))?,
            shm: make("tmpfs", &shm, nothing).during(doing("/dev/shm"))?,
            mqueue: match make("mqueue", &[], nothing) {
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => None,
                result => Some(result.during(doing("/dev/mqueue"))?),
            },
            workshop: make("tmpfs", &[("mode", "755")], no_exec).during(doing("/dev"))?,
            outer: copy_nodes()?,
        })
    }

    pub(super) fn put(self) -> Result<(), Failure> {
        let nodes = self.make_nodes()?.unwrap_or(self.outer);
        put(&self.dev, "/dev")?;
        for ((name, ..), node) in NODES.into_iter().zip(&nodes) {
            let path = format!("/dev/{name}");
            fs::File::create_new(&path).during(Doing::Device(path.clone()))?;
            put(node, &path)?;
        }
        let own = [
            ("/dev/pts", Some(&self.pts)),
            ("/dev/shm", Some(&self.shm)),
            ("/dev/mqueue", self.mqueue.as_ref()),
        ];
        for (path, tree) in own {
            if let Some(tree) = tree {
                fs::create_dir(path).during(Doing::MountPoint(path.to_owned()))?;
                put(tree, path)?;
            }
        }
        // Kernels may be built without `/proc/kcore`.
        for (link, target) in
            LINKS.into_iter().filter(|(_, to)| *to != KCORE || Path::new(to).exists())
        {
            symlink(target, link).during(Doing::Device(link.to_owned()))?;
        }
        Ok(())
    }

    /// Devices of our own: what a step does to their modes must not happen to the host's. None in a
    /// user namespace, where there is neither the right to make any nor one to change the outer ones.
    fn make_nodes(&self) -> Result<Option<Vec<OwnedFd>>, Failure> {
        put(&self.workshop, "/dev")?;
        let mask = rustix::process::umask(Mode::empty());
        let made = NODES.into_iter().try_for_each(|(name, major, minor)| {
            let (path, mode) = (format!("/dev/{name}"), Mode::from_raw_mode(0o666));
            mknodat(CWD, path, FileType::CharacterDevice, mode, makedev(major, minor))
        });
        rustix::process::umask(mask);
        let nodes = match made {
            Err(Errno::PERM) => None,
            made => {
                made.during(Doing::Device("/dev".to_owned()))?;
                Some(copy_nodes()?)
            }
        };
        unmount("/dev", UnmountFlags::DETACH).during(Doing::Mount("/dev".to_owned()))?;
        Ok(nodes)
    }
}

/// Terminals belong to group 5 (`tty`), where the user namespace has that group.
fn make_pts(attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let parameters = [("newinstance", ""), ("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")];
    match make("devpts", &parameters, attributes) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            let (_, without_group) = parameters.split_last().unwrap_or((&("", ""), &[]));
            make("devpts", without_group, attributes)
        }
        result => result,
    }
}

/// Copies of the devices in `/dev` as it is now.
fn copy_nodes() -> Result<Vec<OwnedFd>, Failure> {
    let copied = NODES.iter().map(|(name, ..)| {
        let path = format!("/dev/{name}");
        copy(Path::new(&path)).during(Doing::Device(path))
    });
    copied.collect()
}

//! Changes below a [`Root`]: all strict, none through a symbolic link.

use super::{FileKind, Metadata, Owner, Root, remove, split, xattr};
use crate::archive::tar::Timestamp;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

impl Root {
    /// Makes a directory with exactly this mode, whatever the umask.
    pub fn create_dir(&self, path: &[u8], mode: u32, owner: Owner) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o700))?;
        chown_at(&parent, name, owner)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        chmod_object(&rustix::fs::openat(&parent, name, flags, Mode::empty())?, mode)
    }

    /// Makes the directory and those above it that are missing, following links inside the root as
    /// `mkdir -p` in a container would, and says where it really lies.
    pub fn create_dir_all(&self, path: &[u8], mode: u32, owner: Owner) -> io::Result<Vec<u8>> {
        let resolved = self.resolve(path)?;
        let ends = resolved.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let ends: Vec<usize> = ends.map(|(end, _)| end).chain([resolved.len()]).collect();
        for end in ends {
            let directory = resolved.get(..end).unwrap_or_default();
            match self.entry(directory)? {
                Some(Metadata { kind: FileKind::Directory, .. }) => {}
                Some(_) => return Err(rustix::io::Errno::NOTDIR.into()),
                None => self.create_dir(directory, mode, owner)?,
            }
        }
        Ok(resolved)
    }

    /// Makes a new file, open for writing. An error if anything stands at the path.
    pub fn create_file(&self, path: &[u8], mode: u32, owner: Owner) -> io::Result<File> {
        let (parent, name) = self.parent(path)?;
        let file = create_file_at(&parent, name)?;
        rustix::fs::fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
        Ok(file)
    }

    /// Opens a regular file for reading and writing. Nothing else is opened even for a moment: opening
    /// a device can have effects.
    pub fn open_file_writable(&self, path: &[u8]) -> io::Result<File> {
        let object = self.object(path)?;
        if super::stat_fd(&object)?.kind != FileKind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::open(magic_link(&object), flags, Mode::empty())?))
    }

    /// Makes a symbolic link whose text is `target`.
    pub fn symlink(&self, path: &[u8], target: &[u8], owner: Owner) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::symlinkat(target, &parent, name)?;
        chown_at(&parent, name, owner)
    }

    /// Gives what stands at `existing` a second name.
    pub fn hard_link(&self, existing: &[u8], path: &[u8]) -> io::Result<()> {
        let (old_parent, old_name) = self.parent(existing)?;
        let (parent, name) = self.parent(path)?;
        Ok(rustix::fs::linkat(&old_parent, old_name, &parent, name, AtFlags::empty())?)
    }

    /// Makes a device or a named pipe.
    pub fn create_node(
        &self,
        path: &[u8],
        kind: FileKind,
        mode: u32,
        owner: Owner,
    ) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        create_node_at(&parent, name, kind)?;
        chown_at(&parent, name, owner)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        chmod_object(&rustix::fs::openat(&parent, name, flags, Mode::empty())?, mode)
    }

    /// Changes owner and group. The kernel then takes setuid, setgid and capabilities away.
    pub fn set_owner(&self, path: &[u8], owner: Owner) -> io::Result<()> {
        let object = self.object(path)?;
        Ok(rustix::fs::chownat(
            &object,
            c"",
            Some(Uid::from_raw(owner.uid)),
            Some(Gid::from_raw(owner.gid)),
            AtFlags::EMPTY_PATH,
        )?)
    }

    /// Changes permissions. An error for symbolic links, which have none.
    pub fn set_mode(&self, path: &[u8], mode: u32) -> io::Result<()> {
        chmod_object(&self.object(path)?, mode)
    }

    /// Changes the time of modification, of a symbolic link too.
    pub fn set_times(&self, path: &[u8], mtime: Timestamp) -> io::Result<()> {
        let (parent, name) = match split(path) {
            Ok(_) => self.parent(path)?,
            Err(_) => (self.object(b"")?, &b"."[..]),
        };
        set_mtime_at(&parent, name, mtime)
    }

    /// Extended attributes with their values.
    pub fn xattrs(&self, path: &[u8]) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        xattr::list_on_object(&self.object(path)?)
    }

    /// Sets an extended attribute.
    pub fn set_xattr(&self, path: &[u8], name: &[u8], value: &[u8]) -> io::Result<()> {
        xattr::set_on_object(&self.object(path)?, name, value)
    }

    /// Removes an extended attribute.
    pub fn remove_xattr(&self, path: &[u8], name: &[u8]) -> io::Result<()> {
        xattr::remove_on_object(&self.object(path)?, name)
    }

    /// Removes what stands at the path, a directory with all that is in it. Nothing there is fine.
    pub fn remove(&self, path: &[u8]) -> io::Result<()> {
        match self.parent(path) {
            Ok((parent, name)) => remove::remove_at(&parent, name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Moves within the root, over what stands at `to`.
    pub fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        let (old_parent, old_name) = self.parent(from)?;
        let (parent, name) = self.parent(to)?;
        Ok(rustix::fs::renameat(&old_parent, old_name, &parent, name)?)
    }
}

/// A new file that only its owner can read until the mode is set.
pub(crate) fn create_file_at(parent: &impl AsFd, name: &[u8]) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))?))
}

pub(crate) fn create_node_at(parent: &impl AsFd, name: &[u8], kind: FileKind) -> io::Result<()> {
    let (kind, major, minor) = match kind {
        FileKind::CharDevice { major, minor } => (FileType::CharacterDevice, major, minor),
        FileKind::BlockDevice { major, minor } => (FileType::BlockDevice, major, minor),
        FileKind::Fifo => (FileType::Fifo, 0, 0),
        _ => return Err(rustix::io::Errno::INVAL.into()),
    };
    let device = rustix::fs::makedev(major, minor);
    Ok(rustix::fs::mknodat(parent, name, kind, Mode::from_raw_mode(0o600), device)?)
}

pub(crate) fn chown_at(parent: &impl AsFd, name: &[u8], owner: Owner) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    Ok(rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Access times stay: no layer has them.
pub(crate) fn set_mtime_at(parent: &impl AsFd, name: &[u8], mtime: Timestamp) -> io::Result<()> {
    let times = modified_at(mtime);
    Ok(rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

pub(crate) fn modified_at(mtime: Timestamp) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.into() },
    }
}

/// `fchmod(2)` refuses `O_PATH` handles, and `fchmodat(2)` knows no `O_NOFOLLOW` before Linux 6.6;
/// the magic link in `/proc` leads to the very object that is held.
pub(crate) fn chmod_object(object: &impl AsFd, mode: u32) -> io::Result<()> {
    if super::stat_fd(object)?.kind == FileKind::Symlink {
        return Err(rustix::io::Errno::OPNOTSUPP.into());
    }
    Ok(rustix::fs::chmod(magic_link(object), Mode::from_raw_mode(mode))?)
}

/// Path of the object behind an open descriptor.
pub(crate) fn magic_link(object: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", object.as_fd().as_raw_fd())
}

//! File access below a directory that never leaves it.
//!
//! The tree of an image is hostile input: `etc -> /` is a fine symbolic link in it. [`Root`] holds
//! the directory open, and the kernel resolves every path relative to that descriptor
//! (`openat2(2)`), so no race and no link leads out. Two ways of looking up, never mixed:
//!
//! - *following*, as a process with this root directory would see it: [`Root::open_file`],
//!   [`Root::read`], [`Root::metadata`], [`Root::resolve`], [`Root::create_dir_all`];
//! - *strict*, where a symbolic link as any but the last component is an error and one as the last
//!   component is itself the object: everything that changes something, and [`Root::entry`],
//!   [`Root::list`].
//!
//! To write where a link may lead, [`Root::resolve`] the directory first.

mod change;
mod remove;
mod resolve;
mod xattr;

#[cfg(test)]
mod tests;

pub(crate) use change::{create_file_at, create_node_at, modified_at};
pub use remove::remove_tree;
pub(crate) use xattr::{Xattrs, list_at, parse_capability, set_on_fd};

use crate::archive::tar::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A directory held open, below which paths are looked up. Paths are bytes, relative to it; a
/// leading slash means the same directory.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

/// What an object of the file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device; 0/0 is a whiteout of overlayfs.
    CharDevice {
        /// Which driver.
        major: u32,
        /// Which device of the driver.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Which driver.
        major: u32,
        /// Which device of the driver.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket, which no layer can hold.
    Socket,
}

/// What `stat(2)` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Permissions with setuid, setgid and sticky: at most `0o7777`.
    pub mode: u32,
    /// Owner and group, as the user namespace of this process sees them.
    pub owner: Owner,
    /// Size of the content; of a symbolic link, the length of its target.
    pub size: u64,
    /// Time of modification.
    pub mtime: Timestamp,
    /// Number of names.
    pub links: u64,
    /// File system and inode, which tell hard links.
    pub inode: (u64, u64),
}

/// User and group that own something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// The kernel asks to try again where something was renamed meanwhile.
const ATTEMPTS_MAX: u32 = 64;

const STRICT: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

const FOLLOWING: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

impl Root {
    /// Opens the directory. The path itself is the caller's and may lead through links.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { directory, path: path.to_owned() })
    }

    /// The path that it was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file for reading; follows links.
    pub fn open_file(&self, path: &[u8]) -> io::Result<File> {
        regular(self.look_up(path, READ, FOLLOWING)?)
    }

    /// Opens a regular file for reading; no component may be a link.
    pub fn open_file_strict(&self, path: &[u8]) -> io::Result<File> {
        regular(self.look_up(path, READ | OFlags::NOFOLLOW, STRICT)?)
    }

    /// Content of a regular file, following links; nothing if there is no such file. An error if
    /// it is larger than `size_max` bytes.
    pub fn read(&self, path: &[u8], size_max: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match self.open_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            other => other?,
        };
        let mut bytes = Vec::new();
        file.take(size_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > size_max {
            let message = format!("file is larger than {size_max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(Some(bytes))
    }

    /// What the path leads to; follows links.
    pub fn metadata(&self, path: &[u8]) -> io::Result<Metadata> {
        stat_fd(&self.look_up(path, OFlags::PATH, FOLLOWING)?)
    }

    /// What stands at the path itself; nothing if there is nothing. Strict.
    pub fn entry(&self, path: &[u8]) -> io::Result<Option<Metadata>> {
        match self.object(path) {
            Ok(object) => stat_fd(&object).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether anything stands at the path itself, a dangling link included. Strict.
    pub fn exists_no_follow(&self, path: &[u8]) -> io::Result<bool> {
        Ok(self.entry(path)?.is_some())
    }

    /// Target of a symbolic link. Strict.
    pub fn read_link(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let target = rustix::fs::readlinkat(self.object(path)?, c"", Vec::new())?;
        Ok(target.into_bytes())
    }

    /// Names in a directory, sorted bytewise. Strict.
    pub fn list(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        Ok(names(&self.directory_strict(path)?)?.into_iter().map(CString::into_bytes).collect())
    }

    /// Opens a directory for listing. Strict.
    pub(crate) fn directory_strict(&self, path: &[u8]) -> io::Result<OwnedFd> {
        self.look_up(path, READ | OFlags::DIRECTORY | OFlags::NOFOLLOW, STRICT)
    }

    /// A handle (`O_PATH`) of whatever stands at the path. Strict.
    pub(crate) fn object(&self, path: &[u8]) -> io::Result<OwnedFd> {
        self.look_up(path, OFlags::PATH | OFlags::NOFOLLOW, STRICT)
    }

    /// The directory that holds the path, and its last component. Strict.
    pub(crate) fn parent<'a>(&self, path: &'a [u8]) -> io::Result<(OwnedFd, &'a [u8])> {
        let (parent, name) = split(path)?;
        Ok((self.look_up(parent, OFlags::PATH | OFlags::DIRECTORY, STRICT)?, name))
    }

    fn look_up(&self, path: &[u8], flags: OFlags, how: ResolveFlags) -> io::Result<OwnedFd> {
        let path = relative(path);
        let path = if path.is_empty() { b"." } else { path };
        for _ in 1..ATTEMPTS_MAX {
            let flags = flags | OFlags::CLOEXEC;
            match rustix::fs::openat2(&self.directory, path, flags, Mode::empty(), how) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
        Err(rustix::io::Errno::AGAIN.into())
    }
}

/// Not blocking, so that a named pipe where a file is expected does not hang the reader.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// Without leading slashes.
fn relative(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    path.get(start..).unwrap_or_default()
}

/// Parent and last component, which must name something.
fn split(path: &[u8]) -> io::Result<(&[u8], &[u8])> {
    let path = relative(path);
    let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (path.get(..slash), path.get(slash + 1..)),
        None => (Some(&b""[..]), Some(path)),
    };
    match (parent, name) {
        (Some(parent), Some(name)) if !matches!(name, b"" | b"." | b"..") => Ok((parent, name)),
        _ => Err(rustix::io::Errno::INVAL.into()),
    }
}

fn regular(object: OwnedFd) -> io::Result<File> {
    match stat_fd(&object)?.kind {
        FileKind::File => Ok(File::from(object)),
        FileKind::Directory => Err(rustix::io::Errno::ISDIR.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

/// `fstat(2)`, which works on `O_PATH` handles too.
pub(crate) fn stat_fd(object: &impl AsFd) -> io::Result<Metadata> {
    Ok(Metadata::from(&rustix::fs::fstat(object)?))
}

/// `lstat(2)` of a name in a directory.
pub(crate) fn stat_at(directory: &impl AsFd, name: &CStr) -> io::Result<Metadata> {
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(Metadata::from(&stat))
}

/// Names in an open directory without `.` and `..`, sorted bytewise.
pub(crate) fn names(directory: &impl AsFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// `nlink_t` is 64 bits wide on x86-64 and 32 on others.
#[expect(clippy::unnecessary_cast, reason = "the type depends on the processor")]
fn links(stat: &Stat) -> u64 {
    stat.st_nlink as u64
}

#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "kernel's ranges")]
impl From<&Stat> for Metadata {
    fn from(stat: &Stat) -> Self {
        let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            FileType::CharacterDevice => FileKind::CharDevice { major, minor },
            FileType::BlockDevice => FileKind::BlockDevice { major, minor },
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            _ => FileKind::File,
        };
        Self {
            kind,
            mode: stat.st_mode & 0o7777,
            owner: Owner { uid: stat.st_uid, gid: stat.st_gid },
            size: stat.st_size as u64,
            mtime: Timestamp { seconds: stat.st_mtime, nanoseconds: stat.st_mtime_nsec as u32 },
            links: links(stat),
            inode: (stat.st_dev, stat.st_ino),
        }
    }
}

//! Tar archives as image layers have them: a strict [`Reader`] and a canonical [`Writer`].
//!
//! Readers of tar disagree about malformed archives, and what one shows another hides. The reader
//! here refuses whatever two common readers (Go's `archive/tar`, GNU tar, Python's `tarfile`, the
//! crate `tar`) are known to read differently, so what it shows is what every runtime unpacks.
//!
//! Formats: ustar and PAX
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13>), GNU
//! (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>), the older v7 and star.
//! Paths are bytes, relative and clean: `usr/bin/env`; the root itself is the empty path.
//! Whiteouts are names like others here.

mod body;
mod error;
mod header;
mod input;
mod number;
mod path;
mod pax;
mod reader;
mod sparse;
mod writer;

#[cfg(test)]
mod tests;

pub use body::Body;
pub use error::{Problem, TarError};
pub use header::is_header;
pub use path::{PathProblem, clean_path};
pub use pax::PaxProblem;
pub use reader::Reader;
pub use writer::Writer;

use std::collections::BTreeMap;

/// Size of a block: headers and padded bodies are multiples of it.
const BLOCK: usize = 512;

/// The largest owner or group. `u32::MAX` is `(uid_t)-1`, "leave it as it is", for the kernel.
const OWNER_MAX: u32 = u32::MAX - 1;

/// 0001-01-01, the zero of Go's times, which careless builders write into layers.
const TIME_MIN: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59, the last second that RFC 3339 can write.
const TIME_MAX: i64 = 253_402_300_799;

/// What the [`Reader`] takes before it gives up on an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Entries of the archive, those that only extend the next one included.
    pub entries_max: u64,
    /// Bytes of a path or link target.
    pub path_max: usize,
    /// Bytes of an extended header, and of the map of a sparse file.
    pub pax_max: u64,
    /// Bytes of the archive, and of all its files together (which sparse files make larger).
    pub size_max: u64,
}

impl Default for Limits {
    /// Entries: the largest images in use hold about half a million files. Path: `PATH_MAX` of
    /// Linux. Extended header: what Go's reader takes. Size: a hundred gigabytes are more than
    /// registries accept as a layer.
    fn default() -> Self {
        Self { entries_max: 4 << 20, path_max: 4095, pax_max: 1 << 20, size_max: 128 << 30 }
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, with a body.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; its target is [`Entry::link`], verbatim.
    Symlink,
    /// Another name of an earlier file, whose path is [`Entry::link`].
    Hardlink,
    /// A character device.
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
}

impl Kind {
    /// The word for messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::Hardlink => "hard link",
            Self::CharDevice { .. } => "character device",
            Self::BlockDevice { .. } => "block device",
            Self::Fifo => "named pipe",
        }
    }
}

/// A point in time: `nanoseconds` (below 1,000,000,000) after `seconds` since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, rounded down.
    pub seconds: i64,
    /// What comes on top, also before 1970.
    pub nanoseconds: u32,
}

/// One entry, its extended headers applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Clean relative path; empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions with setuid, setgid and sticky: at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of modification.
    pub mtime: Timestamp,
    /// Bytes of the body, holes included; 0 for everything but files.
    pub size: u64,
    /// Target of a symbolic link (verbatim) or hard link (clean path); else empty.
    pub link: Vec<u8>,
    /// Extended attributes, by full name (`security.capability`).
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Name of the owner, if the archive has one. Runtimes ignore it.
    pub user_name: Vec<u8>,
    /// Name of the group, if the archive has one. Runtimes ignore it.
    pub group_name: Vec<u8>,
}

impl Entry {
    /// An entry of root's, of 1970, without content: what the other fields are set upon.
    pub fn new(path: impl Into<Vec<u8>>, kind: Kind) -> Self {
        Self {
            path: path.into(),
            kind,
            mode: if kind == Kind::Directory { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            mtime: Timestamp::default(),
            size: 0,
            link: Vec::new(),
            xattrs: BTreeMap::new(),
            user_name: Vec::new(),
            group_name: Vec::new(),
        }
    }
}

//! What a package file brings: every path with what is there, which rights it has, and which of it
//! is configuration. Told by the file alone, so that a tree can be compared with it: databases in the
//! tree say whatever a package's script wrote into them.
//!
//! One format a file. What a format does not say (rights in a wheel) is not made up. A file that
//! cannot be read to its end is an error, never a shorter list.

mod apk;
mod crates;
mod deb;
mod gem;
mod golang;
mod npm;
mod sdist;
mod tree;
mod wheel;

#[cfg(test)]
mod language_tests;
#[cfg(test)]
mod tests;

use super::{PackageFile, PackageFileError, file, rpm};
use crate::oci::Digest;
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Paths of one package. The largest of Debian have a hundred thousand.
const PATHS_MAX: u64 = 1 << 20;

/// Bytes of all paths and link targets of one package.
const PATHS_SIZE_MAX: usize = 256 << 20;

/// Bytes of all files of a package, unpacked.
const UNPACKED_MAX: u64 = 32 << 30;

/// Bytes of a package file that has to be held in memory to be read: zip archives have their list at
/// their end.
const HELD_MAX: u64 = 512 << 20;

/// Bytes that tell the formats apart.
const MAGIC_LENGTH: u64 = 4;

/// What a package file brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Which package it is.
    pub package: PackageFile,
    /// By path: relative, without a slash at the start; the root itself is the empty path. Of a
    /// system's package the path in the tree; of a wheel or a package of npm the path in the folder
    /// that it is installed into, and so of a gem, a crate or a module of Go in the folder that it has
    /// for itself. A Java archive is installed whole, and has none.
    pub items: BTreeMap<Vec<u8>, Item>,
    /// What its manager keeps beside its database, by name, which nobody finds in the tree by its
    /// path: of a .deb the files of `control.tar` but for `control`. Of a wheel what installers make
    /// programs of: `scripts/NAME` a script without its first line, `programs/NAME` one that stays as
    /// it is, `functions/NAME` the words `MODULE:FUNCTION`. Of a gem what its specification says:
    /// `executables/NAME`. Of a module of Go its hash.
    pub control: BTreeMap<Vec<u8>, Digest>,
    /// Whether something is built of it, so that more may be installed than it brings.
    pub is_source: bool,
}

/// Something that a package brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Permissions with setuid, setgid and sticky, at most `0o7777`; none where the format does not
    /// say, or for a link.
    pub mode: Option<u32>,
    /// Whose it is; none where the format does not say.
    pub owner: Option<ItemOwner>,
    /// What it is for.
    pub role: Role,
    /// Whether it is to get file capabilities.
    pub has_capabilities: bool,
}

/// What something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// A regular file; another name of one, too.
    File {
        /// Of its content.
        digest: Digest,
        /// Of its content, in bytes.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link with this text.
    Symlink(Vec<u8>),
    /// A device or a named pipe.
    Special,
}

/// Whose something is. Managers take the names where the tree knows them, and the numbers else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemOwner {
    /// Name of the user; empty where there is none.
    pub user: Vec<u8>,
    /// Name of the group; empty where there is none.
    pub group: Vec<u8>,
    /// Number of the user; none where there is only a name.
    pub uid: Option<u32>,
    /// Number of the group.
    pub gid: Option<u32>,
}

/// What something is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// To be there as it is.
    #[default]
    Plain,
    /// To be changed by whoever uses it (`conffile`, `%config`).
    Configuration,
    /// To belong to the package when something makes it (`%ghost`). The file brings no content.
    Ghost,
    /// To be installed as it is, if it is installed at all.
    Source,
}

/// What a package file brings; none where it is of a kind that is not compared with trees.
///
/// The file is read to its end, so that a reader that verifies has verified it.
pub fn contents(mut file: impl Read + Send) -> Result<Option<Contents>, PackageFileError> {
    let mut magic = Vec::new();
    file.by_ref().take(MAGIC_LENGTH).read_to_end(&mut magic)?;
    let mut file = io::Cursor::new(magic.clone()).chain(file);
    let found = match *magic {
        [b'!', b'<', ..] => deb::contents(&mut file)?,
        [0xed, 0xab, 0xee, 0xdb] => Some(rpm::contents(&mut file)?),
        [b'P', b'K', ..] => zipped(&mut file)?,
        [0x1f, 0x8b, ..] => compressed(&mut file)?,
        [b'm' | b'd' | b'c', _, _, _] => gem(&mut file)?,
        _ => None,
    };
    io::copy(&mut file, &mut io::sink())?;
    Ok(found)
}

/// A package of apk, or one of npm: only what is in them tells which.
fn compressed(file: &mut (impl Read + Send)) -> Result<Option<Contents>, PackageFileError> {
    let held = held(file)?;
    match super::apk::identify(&*held)? {
        Some(package) => apk::contents(package, &*held).map(Some),
        None => match file::identify(io::Cursor::new(&held))? {
            Some(package) => match package.kind {
                "npm" => npm::contents(package, &*held).map(Some),
                "pypi" => sdist::contents(package, &held).map(Some),
                "cargo" => crates::contents(package, &*held).map(Some),
                _ => Ok(None),
            },
            None => Ok(None),
        },
    }
}

/// A wheel, a module of Go, or a Java archive, which is installed as it is.
fn zipped(file: &mut (impl Read + Send)) -> Result<Option<Contents>, PackageFileError> {
    let held = held(file)?;
    let Some(package) = file::identify(io::Cursor::new(&held))? else { return Ok(None) };
    match package.kind {
        "pypi" => wheel::contents(package, &held).map(Some),
        "golang" => golang::contents(package, &held).map(Some),
        "maven" => {
            let (items, control) = (BTreeMap::new(), BTreeMap::new());
            Ok(Some(Contents { package, items, control, is_source: false }))
        }
        _ => Ok(None),
    }
}

fn gem(file: &mut (impl Read + Send)) -> Result<Option<Contents>, PackageFileError> {
    let held = held(file)?;
    match file::identify(io::Cursor::new(&held))? {
        Some(package) if package.kind == "gem" => gem::contents(package, &*held).map(Some),
        _ => Ok(None),
    }
}

/// The whole file.
fn held(file: &mut (impl Read + Send)) -> Result<Vec<u8>, PackageFileError> {
    let mut held = Vec::new();
    file.take(HELD_MAX + 1).read_to_end(&mut held)?;
    if held.len() as u64 > HELD_MAX {
        return Err(PackageFileError::malformed("it is too large to be compared"));
    }
    Ok(held)
}

/// Paths as they are collected, each once and within bounds.
#[derive(Debug, Default)]
pub(super) struct Items {
    found: BTreeMap<Vec<u8>, Item>,
    size: usize,
}

impl Items {
    /// Adds what stands at a path. Two things at one path are an error, but for a directory that is
    /// listed twice: readers take the one or the other.
    pub(super) fn add(&mut self, path: Vec<u8>, item: Item) -> Result<(), PackageFileError> {
        let target = match &item.kind {
            ItemKind::Symlink(target) => target.len(),
            _ => 0,
        };
        self.size = self.size.saturating_add(path.len()).saturating_add(target);
        if self.size > PATHS_SIZE_MAX || self.found.len() as u64 >= PATHS_MAX {
            return Err(PackageFileError::malformed("it has more paths than a package can have"));
        }
        let shown = path.escape_ascii().to_string();
        let is_directory = item.kind == ItemKind::Directory;
        match self.found.insert(path, item) {
            Some(before) if !(is_directory && before.kind == ItemKind::Directory) => {
                Err(PackageFileError::malformed(format!("it has `{shown}` twice")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn get(&self, path: &[u8]) -> Option<&Item> {
        self.found.get(path)
    }

    pub(super) fn get_mut(&mut self, path: &[u8]) -> Option<&mut Item> {
        self.found.get_mut(path)
    }

    pub(super) fn into_map(self) -> BTreeMap<Vec<u8>, Item> {
        self.found
    }
}

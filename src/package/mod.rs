//! Package databases of images: which packages a file tree holds, and which paths are whose. One
//! format a file, all of them in [`DATABASES`]. Reads through [`Files`], so it does not know where
//! the tree is. And package files: which package one is.

mod apk;
mod changelog;
mod contents;
mod control;
mod deb;
mod deb822;
mod distribution;
mod dpkg;
mod file;
pub mod marks;
mod places;
mod purl;
mod rpm;
#[cfg(test)]
mod trees;
pub mod version;

pub use changelog::{Changelog, changelog, changelog_date};
pub use contents::{Contents, Item, ItemKind, ItemOwner, Role, contents};
pub use control::{CONTROL_KINDS, Control, control};
pub use distribution::Distribution;
pub use purl::purl;

use crate::archive::ar::ArError;
use crate::archive::tar::TarError;
use std::fmt;
use std::io::{self, Read, Seek};

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// The purl type, such as `deb`:
    /// <https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst>.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Architecture, in the words of the package manager; empty where that has none.
    pub architecture: String,
    /// Version, in the words of the package manager.
    pub version: String,
    /// The source package that it was built from, where the database knows.
    pub source: Option<SourcePackage>,
    /// Installed for the sake of another package, or not known to be asked for, where the database
    /// notes what was.
    pub automatic: bool,
}

/// A source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

impl Package {
    /// What tells it from every other package; the rest of it says more about it.
    pub fn identity(&self) -> (&'static str, &str, &str, &str) {
        (self.kind, &self.name, &self.architecture, &self.version)
    }
}

/// A package as a file, not yet installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageFile {
    /// The purl type, such as `deb`.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Architecture, in the words of the package manager; empty where that has none.
    pub architecture: String,
    /// Version, in the words of the package manager.
    pub version: String,
    /// The source package that it was built from, where the file says so.
    pub source: Option<SourcePackage>,
}

impl PackageFile {
    /// What tells it from every other package, as [`Package::identity`].
    pub fn identity(&self) -> (&'static str, &str, &str, &str) {
        (self.kind, &self.name, &self.architecture, &self.version)
    }

    /// Whether an installed package with this identity can have come from the file. They differ in
    /// one case: an index of Alpine gives its own architecture to packages that have none, and apk
    /// notes that.
    pub fn installs(&self, identity: (&str, &str, &str, &str)) -> bool {
        let (kind, name, architecture, version) = identity;
        let any = self.kind == "apk" && self.architecture == "noarch";
        let architecture = if any { "noarch" } else { architecture };
        self.identity() == (kind, name, architecture, version)
    }
}

/// Bytes that tell the kinds of package files apart.
const MAGIC_LENGTH: u64 = 8;

/// The package that a file is, told by its content; none where it is no package of a kind that is
/// known. Reads as little of it as that takes.
pub fn identify(
    mut file: impl Read + Seek + Send,
) -> Result<Option<PackageFile>, PackageFileError> {
    let mut magic = Vec::new();
    file.by_ref().take(MAGIC_LENGTH).read_to_end(&mut magic)?;
    file.rewind()?;
    let found = match *magic {
        [b'!', b'<', ..] => deb::identify(&mut file)?,
        [0xed, 0xab, 0xee, 0xdb, ..] => rpm::identify(&mut file)?,
        [0x1f, 0x8b, ..] => apk::identify(&mut file)?,
        _ => None,
    };
    if found.is_some() {
        return Ok(found);
    }
    file.rewind()?;
    file::identify(file)
}

/// A file that starts as a package does and is none.
#[derive(Debug, thiserror::Error)]
pub enum PackageFileError {
    /// The archive that it is.
    #[error("package file: {0}")]
    Archive(#[from] ArError),
    /// The archive in it.
    #[error("package file: {0}")]
    Tar(#[from] TarError),
    /// It cannot be read or decompressed.
    #[error("package file: {0}")]
    Read(#[from] io::Error),
    /// It does not say what it is.
    #[error("package file: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

impl PackageFileError {
    fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed { reason: reason.into() }
    }
}

/// Reads a file by its path; nothing where there is no such file.
pub type ReadFile<'a> = dyn Fn(&[u8]) -> io::Result<Option<Vec<u8>>> + 'a;

/// Lists the names in a directory by its path, in any order; none where there is no such directory.
pub type ListDirectory<'a> = dyn Fn(&[u8]) -> io::Result<Vec<Vec<u8>>> + 'a;

/// Reads a symbolic link by its path; none where anything else, or nothing, is.
pub type ReadLink<'a> = dyn Fn(&[u8]) -> io::Result<Option<Vec<u8>>> + 'a;

/// The tree to read from. Paths are relative to its root, without a slash at the start.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Reads a file. Links are followed within the tree, and what is not a file is not there.
    pub read: &'a ReadFile<'a>,
    /// Lists a directory. Links are followed within the tree.
    pub list: &'a ListDirectory<'a>,
    /// Target of a symbolic link, as it is written. No link leads to the path that is given.
    pub link: &'a ReadLink<'a>,
}

impl Files<'_> {
    fn content(self, path: &[u8]) -> Result<Option<Vec<u8>>, PackageError> {
        (self.read)(path).map_err(|error| PackageError::read(path, error))
    }

    fn names(self, path: &[u8]) -> Result<Vec<Vec<u8>>, PackageError> {
        let mut names = (self.list)(path).map_err(|error| PackageError::read(path, error))?;
        names.sort();
        Ok(names)
    }
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Files").finish_non_exhaustive()
    }
}

/// The form in which one package manager notes what is installed.
pub trait PackageDatabase: Sync {
    /// The purl type of its packages.
    fn purl_type(&self) -> &'static str;

    /// The files and directories that it is made of. A step that changes none installed nothing.
    fn paths(&self) -> &'static [&'static str];

    /// The installed packages, sorted; none where the tree has no such database.
    fn read(&self, files: Files<'_>) -> Result<Vec<Package>, PackageError>;

    /// The installed packages with the paths that are theirs, sorted.
    fn owned(&self, files: Files<'_>) -> Result<Vec<Owned>, PackageError>;
}

/// A package and what it put into the tree, or would have the right to put there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owned {
    /// The package.
    pub package: Package,
    /// Paths of files, links and directories (which packages share), relative to the root, without a
    /// slash at the start; sorted. Links among their directories are followed, as they are where
    /// `/bin` is `/usr/bin`.
    pub paths: Vec<Vec<u8>>,
}

/// Every package database that is known.
pub static DATABASES: &[&dyn PackageDatabase] = &[&apk::Apk, &dpkg::Dpkg, &rpm::Rpm];

/// The packages of all databases of a tree, sorted.
pub fn read_all(files: Files<'_>) -> Result<Vec<Package>, PackageError> {
    let mut packages = Vec::new();
    for database in DATABASES {
        packages.extend(database.read(files)?);
    }
    packages.sort();
    Ok(packages)
}

/// The packages of all databases of a tree with the paths that are theirs, sorted.
pub fn owned_all(files: Files<'_>) -> Result<Vec<Owned>, PackageError> {
    let mut owned = Vec::new();
    for database in DATABASES {
        owned.extend(database.owned(files)?);
    }
    owned.sort();
    Ok(owned)
}

/// A package database that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The file cannot be read.
    #[error("cannot read /{path}")]
    Read {
        /// Path within the tree.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It does not have the form that it should have.
    #[error("/{path}: line {line}: {reason}")]
    Malformed {
        /// Path within the tree.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// It is a binary file, and does not have the form that it should have.
    #[error("/{path}: {reason}")]
    Damaged {
        /// Path within the tree.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl PackageError {
    fn read(path: &[u8], error: io::Error) -> Self {
        Self::Read { path: shown_path(path), error }
    }

    fn malformed(path: &[u8], line: usize, reason: impl Into<String>) -> Self {
        Self::Malformed { path: shown_path(path), line, reason: reason.into() }
    }

    fn damaged(path: &[u8], reason: impl Into<String>) -> Self {
        Self::Damaged { path: shown_path(path), reason: reason.into() }
    }
}

/// Keeps hostile names out of messages.
fn shown_path(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().filter(|character| !character.is_control()).collect()
}

/// Keeps hostile input out of messages.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(80).collect()
}

/// Names and versions are words for the lockfile.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

//! Package databases of images: which packages a file tree holds. One format a file, all of them
//! in [`DATABASES`]. Reads through [`Files`], so it does not know where the tree is. And package
//! files: which package one is.

mod deb;
mod deb822;
mod dpkg;

use crate::archive::ar::ArError;
use crate::archive::tar::TarError;
use std::fmt;
use std::io::{self, Read};

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// The purl type, such as `deb`:
    /// <https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst>.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Architecture, in the words of the package manager.
    pub architecture: String,
    /// Version, in the words of the package manager.
    pub version: String,
    /// The source package that it was built from, where the database knows.
    pub source: Option<SourcePackage>,
    /// Installed for the sake of another package, and not asked for.
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
    /// Architecture, in the words of the package manager.
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
}

/// The package that a file is, told by its content; none where it is no package of a kind that is
/// known. Reads only the start of it.
pub fn identify(file: impl Read + Send) -> Result<Option<PackageFile>, PackageFileError> {
    deb::identify(file)
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

/// The tree to read from. Paths are relative to its root, without a slash at the start.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Reads a file. Links are followed within the tree, and what is not a file is not there.
    pub read: &'a ReadFile<'a>,
    /// Lists a directory.
    pub list: &'a ListDirectory<'a>,
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
}

/// Every package database that is known.
pub static DATABASES: &[&dyn PackageDatabase] = &[&dpkg::Dpkg];

/// The packages of all databases of a tree, sorted.
pub fn read_all(files: Files<'_>) -> Result<Vec<Package>, PackageError> {
    let mut packages = Vec::new();
    for database in DATABASES {
        packages.extend(database.read(files)?);
    }
    packages.sort();
    Ok(packages)
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
}

//! Packages that lie anywhere in a tree, each found by its *mark*: the file that says what it is. A
//! wheel has `METADATA`, a package of npm `package.json`, a Go program the list of its modules.
//!
//! Who has a tree goes through it once and hands each file in ([`look`]); most are dismissed by
//! their names. What is found is kept by the path of the mark ([`Inventory`]), so what a layer adds
//! and removes is all that has to be looked at to know what the image has then.
//!
//! Trees are hostile: a mark that cannot be read is a [`Problem`], which the caller shows, and no
//! reason to fail; how much is read of one is bounded.

mod gem;
mod inventory;
mod jar;
mod npm;
mod program;
mod python;
mod tree;

#[cfg(test)]
mod tests;

pub use inventory::{Changes, Inventory};
pub use tree::{Content, OpenFile, Tree};

pub(super) use jar::top_coordinates;
pub(super) use npm::manifest as npm_manifest;
pub(super) use python::{metadata as python_metadata, normalized as python_name};
#[cfg(test)]
pub(super) use tests::zip;

use super::{Owned, Package, PackageError};
use std::fmt;
use std::io;

/// A file of a tree, as far as it is known without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its path, relative to the root, without a slash at the start.
    pub path: &'a [u8],
    /// Its permissions.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
}

/// One kind of file that says which packages lie where it lies.
pub trait Mark: Sync {
    /// The purl types of its packages.
    fn purl_types(&self) -> &'static [&'static str];

    /// Whether a file may be one. Asked of every file of a tree: it must be cheap.
    fn matches(&self, entry: Entry<'_>) -> bool;

    /// The packages that it tells of; none where it is no mark after all.
    fn read(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Package>, MarkError>;

    /// The paths that belong to the packages of this mark, its own among them.
    fn owned(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Vec<u8>>, MarkError>;
}

/// Every kind of mark that is known.
pub static MARKS: &[&dyn Mark] =
    &[&python::Python, &npm::Npm, &gem::Gem, &program::Program, &jar::Jar];

/// Packages that a mark may tell of. The largest Go programs have a thousand modules.
const PACKAGES_MAX: usize = 1 << 16;

/// Longest name or version, in bytes.
const WORD_MAX: usize = 512;

/// A mark that is not read.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// It does not have the form that it should have.
    #[error("{0}")]
    Malformed(String),
    /// The tree cannot be read: not the mark is to blame.
    #[error("cannot be read")]
    Read(#[source] io::Error),
}

impl MarkError {
    fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}

impl From<io::Error> for MarkError {
    /// The kernel's errors are those of the machine; others are those of a decoder or of a limit.
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(_) => Self::Read(error),
            None => Self::Malformed(error.to_string()),
        }
    }
}

/// A mark that does not say which package it is of. That package is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path of the mark.
    pub path: Vec<u8>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}: {}", self.path.escape_ascii(), self.reason)
    }
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// Nothing: it is no mark.
    Nothing,
    /// That these packages are here, sorted.
    Packages(Vec<Package>),
    /// It is a mark, and malformed.
    Problem(Problem),
}

/// Looks at one file of a tree.
pub fn look(tree: Tree<'_>, entry: Entry<'_>) -> Result<Looked, PackageError> {
    for mark in MARKS.iter().filter(|mark| mark.matches(entry)) {
        let mut packages = match mark.read(tree, entry.path) {
            Ok(packages) if packages.is_empty() => continue,
            Ok(packages) => packages,
            Err(error) => return problem(entry.path, error).map(Looked::Problem),
        };
        packages.sort();
        packages.dedup();
        return Ok(Looked::Packages(packages));
    }
    Ok(Looked::Nothing)
}

/// Which paths belong to which package, of the files that are handed in, which are those of the whole
/// tree. And which marks could not be read.
pub fn owned_all<'a>(
    tree: Tree<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
) -> Result<(Vec<Owned>, Vec<Problem>), PackageError> {
    let (mut owned, mut problems) = (Vec::new(), Vec::new());
    for entry in entries {
        for mark in MARKS.iter().filter(|mark| mark.matches(entry)) {
            match of_mark(*mark, tree, entry.path) {
                Ok(found) => owned.extend(found),
                Err(error) => problems.push(problem(entry.path, error)?),
            }
        }
    }
    owned.sort_by(|left, right| left.package.cmp(&right.package));
    Ok((owned, problems))
}

fn of_mark(mark: &dyn Mark, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Owned>, MarkError> {
    let packages = mark.read(tree, path)?;
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    let mut paths = mark.owned(tree, path)?;
    paths.sort();
    paths.dedup();
    let owned = |package| Owned { package, paths: paths.clone() };
    Ok(packages.into_iter().map(owned).collect())
}

fn problem(path: &[u8], error: MarkError) -> Result<Problem, PackageError> {
    match error {
        MarkError::Malformed(reason) => {
            let reason = reason.chars().filter(|c| !c.is_control()).take(300).collect();
            Ok(Problem { path: path.to_vec(), reason })
        }
        MarkError::Read(error) => {
            Err(PackageError::Read { path: path.escape_ascii().to_string(), error })
        }
    }
}

/// A name or version: visible ASCII characters, as a lockfile can hold them.
fn word(what: &str, text: &str) -> Result<String, MarkError> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && text.len() <= WORD_MAX {
        return Ok(text.to_owned());
    }
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    Err(MarkError::malformed(format!("its {what} `{shown}` is not a word of visible characters")))
}

/// A package of a manager that knows no architectures.
fn package(kind: &'static str, name: &str, version: &str) -> Result<Package, MarkError> {
    Ok(Package {
        kind,
        name: word("name", name)?,
        architecture: String::new(),
        version: word("version", version)?,
        source: None,
        automatic: false,
    })
}

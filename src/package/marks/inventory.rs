//! What marks a tree has, kept up as layers are put on it.

use super::super::{Package, PackageError};
use super::{Entry, Looked, Problem, Tree, look};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Marks of one tree. A tree with more is not looked at further, and says so.
const MARKS_MAX: usize = 1 << 19;

/// The packages of a tree, by the path of the mark that tells of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    marks: BTreeMap<Vec<u8>, Arc<[Package]>>,
}

/// What one layer does to an inventory. Made while its files are gone through, in any order.
#[derive(Debug, Default)]
pub struct Changes {
    /// What was here, or below, in the layers below is not there any more.
    removed: BTreeSet<Vec<u8>>,
    /// What was below these is not there any more.
    emptied: BTreeSet<Vec<u8>>,
    /// Here are directories: what was exactly here, if it was none, is not there any more.
    directories: BTreeSet<Vec<u8>>,
    marks: BTreeMap<Vec<u8>, Arc<[Package]>>,
    problems: BTreeSet<Problem>,
}

impl Changes {
    /// The layer removes the path, or has something there that is neither a file nor a directory.
    pub fn remove(&mut self, path: &[u8]) {
        self.removed.insert(path.to_vec());
    }

    /// The layer has a directory here.
    pub fn directory(&mut self, path: &[u8]) {
        self.directories.insert(path.to_vec());
    }

    /// The layer's directory shows nothing of those below the layer.
    pub fn empty(&mut self, path: &[u8]) {
        self.emptied.insert(path.to_vec());
    }

    /// The layer has a file here.
    pub fn file(&mut self, tree: Tree<'_>, entry: Entry<'_>) -> Result<(), PackageError> {
        match look(tree, entry)? {
            Looked::Nothing => {}
            Looked::Problem(problem) => drop(self.problems.insert(problem)),
            Looked::Packages(packages) if self.marks.len() < MARKS_MAX => {
                self.marks.insert(entry.path.to_vec(), packages.into());
            }
            Looked::Packages(_) => {
                let reason = format!("the layer has more than {MARKS_MAX} packages");
                self.problems.insert(Problem { path: entry.path.to_vec(), reason });
            }
        }
        // A file hides what the layers below have at and below its path.
        self.remove(entry.path);
        Ok(())
    }

    /// The marks that are not known, sorted.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }
}

impl Inventory {
    /// Puts a layer on the tree. Says whether any mark came, went, or says something else.
    pub fn apply(&mut self, changes: &Changes) -> bool {
        let before = self.marks.clone();
        for path in &changes.removed {
            self.marks.remove(path);
            self.forget_below(path);
        }
        changes.emptied.iter().for_each(|path| self.forget_below(path));
        changes.directories.iter().for_each(|path| drop(self.marks.remove(path)));
        self.marks
            .extend(changes.marks.iter().map(|(path, found)| (path.clone(), Arc::clone(found))));
        self.marks != before
    }

    fn forget_below(&mut self, path: &[u8]) {
        let start = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let below = self.marks.range(start.clone()..);
        let below = below.take_while(|(mark, _)| mark.starts_with(&start));
        let below: Vec<Vec<u8>> = below.map(|(mark, _)| mark.clone()).collect();
        for mark in &below {
            self.marks.remove(mark);
        }
    }

    /// Each mark with the packages that it tells of.
    pub fn marks(&self) -> impl Iterator<Item = (&[u8], &[Package])> {
        self.marks.iter().map(|(path, packages)| (&**path, &**packages))
    }

    /// The packages, sorted, each once. Asked for in one place is asked for.
    pub fn packages(&self) -> Vec<Package> {
        let mut packages: Vec<Package> =
            self.marks.values().flat_map(|packages| packages.iter().cloned()).collect();
        // `automatic` comes last in the order: what was asked for stands first.
        packages.sort();
        packages.dedup_by(|later, first| later.identity() == first.identity());
        packages
    }
}

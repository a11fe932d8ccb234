//! What is installed in a stage: what package databases at their fixed places list, and packages that
//! lie anywhere, found by their marks.
//!
//! A stage is not gone through again after each step: what a step wrote, or removed, is all that can
//! bring packages or take them away.

use super::mounted::Mounted;
use super::room::Room;
use crate::build::BuildError;
use crate::package::Package;
use crate::package::marks::{Changes, Content, Entry, Inventory, Tree};
use crate::store;
use crate::store::changes::Change;
use crate::store::rooted::Root;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Marks of a step, or of an image, that are named; of more, only the number.
const PROBLEMS_MAX: usize = 20;

/// The packages of a tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Installed {
    databases: Vec<Package>,
    marks: Inventory,
    /// What of the image that it started from could not be read.
    pub(crate) problems: Vec<String>,
}

impl Installed {
    /// What the layers hold, the lowest first.
    fn read(lowers: &[PathBuf], room: &Room) -> Result<Self, BuildError> {
        let view = room.on_disk()?;
        let mounted = Mounted::mount(lowers, &view)?;
        let databases = mounted.packages()?;
        mounted.unmount()?;
        let mut installed = Self { databases, ..Self::default() };
        for lower in lowers {
            let (_, problems) = installed.put(lower)?;
            installed.problems.extend(problems);
        }
        Ok(installed)
    }

    /// Puts a layer on top, which changed no package database. Says whether it brought packages or
    /// took some away, and what of it could not be read.
    fn put(&mut self, layer: &Path) -> Result<(bool, Vec<String>), BuildError> {
        let changes = changes(layer)?;
        Ok((self.marks.apply(&changes), problems(&changes)))
    }

    /// Puts a layer on top, with what databases list since then, if it changed any. Says whether
    /// anything else is installed now, and what could not be read.
    pub(crate) fn after(
        &self,
        layer: &Path,
        databases: Option<Vec<Package>>,
    ) -> Result<(Option<Self>, Vec<String>), BuildError> {
        let mut after = self.clone();
        let (mut has_changed, problems) = after.put(layer)?;
        if let Some(databases) = databases {
            after.databases = databases;
            has_changed = true;
        }
        Ok((has_changed.then_some(after), problems))
    }

    /// All packages, sorted.
    pub(crate) fn packages(&self) -> Vec<Package> {
        let mut packages = self.databases.clone();
        packages.extend(self.marks.packages());
        packages.sort();
        packages
    }
}

/// What trees hold that a build starts from, each read once, by their layers.
#[derive(Debug, Default)]
pub(crate) struct Bases(Mutex<BTreeMap<Vec<PathBuf>, Arc<Installed>>>);

impl Bases {
    /// What these layers hold.
    pub(crate) fn installed(
        &self,
        lowers: &[PathBuf],
        room: &Room,
    ) -> Result<Arc<Installed>, BuildError> {
        // Held while it is read: who needs the same waits for it.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = known.get(lowers) {
            return Ok(Arc::clone(installed));
        }
        let installed = Arc::new(Installed::read(lowers, room)?);
        known.insert(lowers.to_vec(), Arc::clone(&installed));
        Ok(installed)
    }
}

/// What the directory of a layer does to what is installed.
fn changes(layer: &Path) -> Result<Changes, BuildError> {
    let root = Root::open(layer).map_err(|source| BuildError::io(layer, source))?;
    let open = |path: &[u8]| match root.open_file_strict(path) {
        Err(error) if is_elsewhere(&error) => Ok(None),
        opened => opened.map(|file| Some(Box::new(file) as Box<dyn Content>)),
    };
    let list = |path: &[u8]| match root.list(path) {
        Err(error) if is_elsewhere(&error) => Ok(Vec::new()),
        listed => listed,
    };
    let tree = Tree { open: &open, list: &list };
    let mut changes = Changes::default();
    for change in store::changes::Changes::of(&root) {
        match change? {
            Change::File { path, mode, size } => {
                changes.file(tree, Entry { path: &path, mode, size })?;
            }
            Change::Directory(path) => changes.directory(&path),
            Change::Other(path) | Change::Removed(path) => changes.remove(&path),
            Change::Emptied(path) => changes.empty(&path),
        }
    }
    Ok(changes)
}

/// No regular file, no directory: what is asked for is not there, though something else may be.
fn is_elsewhere(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    // What is neither file nor directory is the last.
    let kinds = [Kind::NotFound, Kind::NotADirectory, Kind::IsADirectory, Kind::InvalidInput];
    let is_link = Errno::from_io_error(error) == Some(Errno::LOOP);
    is_link || kinds.contains(&error.kind())
}

fn problems(changes: &Changes) -> Vec<String> {
    let text = |problem| format!("{problem}: the package that it is of is not known");
    let mut texts: Vec<String> = changes.problems().take(PROBLEMS_MAX).map(text).collect();
    let more = changes.problems().count() - texts.len();
    if more > 0 {
        texts.push(format!("{more} more packages are not known, for reasons of their own"));
    }
    texts
}

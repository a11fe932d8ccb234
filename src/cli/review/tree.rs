//! The files of an image, mounted to be read, and which packages they are of.

use crate::package::marks::{self, Content, Entry};
use crate::package::{self, Files, Owned};
use crate::review::files::Holding;
use crate::sandbox::Overlay;
use crate::store::changes::{Change, Changes};
use crate::store::rooted::Root;
use crate::store::{Image, Store, TemporaryDirectory};
use rustix::io::Errno;
use std::io;

/// Files of packages that are larger than this are refused, in bytes.
const FILE_MAX: u64 = 512 << 20;

/// Kinds of packages whose databases are at fixed places.
const IN_DATABASES: [&str; 3] = ["deb", "rpm", "apk"];

/// The files of an image.
pub(super) struct Tree {
    root: Root,
    _overlay: Overlay,
    _folder: TemporaryDirectory,
}

/// Whether packages of a kind are found only by their marks, anywhere in a tree.
pub(super) fn is_anywhere(kind: &str) -> bool {
    !IN_DATABASES.contains(&kind)
}

impl Tree {
    pub(super) fn mount(image: &Image, store: &Store) -> anyhow::Result<Self> {
        let lowers = store.unpacked_all(&image.layers)?;
        let folder = store.temporary_directory()?;
        let [upper, work, merged] =
            ["upper", "work", "merged"].map(|name| folder.path().join(name));
        for path in [&upper, &work, &merged] {
            std::fs::create_dir(path)?;
        }
        let overlay = Overlay::mount(&lowers, &upper, &work, &merged)?;
        Ok(Self { root: Root::open(&merged)?, _overlay: overlay, _folder: folder })
    }

    pub(super) fn read(&self, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.root.read(path, FILE_MAX)
    }

    pub(super) fn resolve(&self, path: &[u8]) -> Vec<u8> {
        self.root.resolve(path).unwrap_or_else(|_| path.to_vec())
    }

    /// What the packages hold; those that lie anywhere are looked for where `anywhere` says so. And
    /// which of these could not be read.
    pub(super) fn holdings(&self, anywhere: bool) -> anyhow::Result<(Vec<Holding>, Vec<String>)> {
        let mut owned = self.of_databases()?;
        let mut problems = Vec::new();
        if anywhere {
            let (found, unread) = self.of_marks()?;
            owned.extend(found);
            problems.extend(unread.iter().map(ToString::to_string));
        }
        let holding = |owned: Owned| Holding {
            kind: owned.package.kind.to_owned(),
            name: owned.package.name,
            architecture: owned.package.architecture,
            version: owned.package.version,
            paths: owned.paths,
        };
        Ok((owned.into_iter().map(holding).collect(), problems))
    }

    fn of_databases(&self) -> anyhow::Result<Vec<Owned>> {
        let read = |path: &[u8]| self.read(path);
        let list = |path: &[u8]| self.list(path);
        let link = |path: &[u8]| match self.root.read_link(path) {
            Err(error) if is_elsewhere(&error) => Ok(None),
            target => target.map(Some),
        };
        Ok(package::owned_all(Files { read: &read, list: &list, link: &link })?)
    }

    fn of_marks(&self) -> anyhow::Result<(Vec<Owned>, Vec<marks::Problem>)> {
        let open = |path: &[u8]| match self.root.open_file_strict(path) {
            Err(error) if is_elsewhere(&error) => Ok(None),
            opened => opened.map(|file| Some(Box::new(file) as Box<dyn Content>)),
        };
        let list = |path: &[u8]| self.list(path);
        let mut files = Vec::new();
        for change in Changes::of(&self.root) {
            if let Change::File { path, mode, size } = change? {
                files.push((path, mode, size));
            }
        }
        files.sort();
        let entries =
            files.iter().map(|(path, mode, size)| Entry { path, mode: *mode, size: *size });
        Ok(marks::owned_all(marks::Tree { open: &open, list: &list }, entries)?)
    }

    /// The names in a directory; none where there is no such directory.
    pub(super) fn list(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        match self.root.resolve(path).and_then(|path| self.root.list(&path)) {
            Err(error) if is_elsewhere(&error) => Ok(Vec::new()),
            listed => listed,
        }
    }
}

/// What is asked for is not there, though something else may be.
fn is_elsewhere(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    // What is neither file nor directory, and no link, is the last.
    let kinds = [Kind::NotFound, Kind::NotADirectory, Kind::IsADirectory, Kind::InvalidInput];
    Errno::from_io_error(error) == Some(Errno::LOOP) || kinds.contains(&error.kind())
}

//! A stack of layers as one writable tree: an overlay in a folder of its own.

use super::users::Accounts;
use crate::archive::tar::Timestamp;
use crate::build::BuildError;
use crate::package::{self, DATABASES, Files, Package};
use crate::sandbox::Overlay;
use crate::store::rooted::Root;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Account databases larger than this are refused, in bytes.
const ACCOUNTS_SIZE_MAX: u64 = 16 << 20;

/// Package databases larger than this are refused, in bytes.
const DATABASE_SIZE_MAX: u64 = 512 << 20;

/// The directories that an overlay needs, and one for files that are bound into it.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
    pub(crate) upper: PathBuf,
    pub(crate) files: PathBuf,
    work: PathBuf,
    merged: PathBuf,
}

impl Folder {
    /// Makes the directories below `root`, which must not exist.
    pub(crate) fn create(root: &Path) -> Result<Self, BuildError> {
        let folder = Self {
            root: root.to_owned(),
            upper: root.join("upper"),
            files: root.join("files"),
            work: root.join("work"),
            merged: root.join("merged"),
        };
        for path in [&folder.root, &folder.upper, &folder.files, &folder.work, &folder.merged] {
            std::fs::create_dir(path).map_err(|source| BuildError::io(path, source))?;
        }
        Ok(folder)
    }
}

/// A mounted overlay. What is written goes into its folder's `upper`.
pub(crate) struct Mounted {
    root: Root,
    path: PathBuf,
    overlay: Overlay,
}

impl Mounted {
    /// Mounts `lowers`, the lowest first, with `folder`'s upper directory on top.
    pub(crate) fn mount(lowers: &[PathBuf], folder: &Folder) -> Result<Self, BuildError> {
        take_after(lowers, &folder.upper)
            .map_err(|source| BuildError::io(&folder.upper, source))?;
        let overlay = Overlay::mount(lowers, &folder.upper, &folder.work, &folder.merged)?;
        let root =
            Root::open(&folder.merged).map_err(|source| BuildError::io(&folder.merged, source))?;
        Ok(Self { root, path: folder.merged.clone(), overlay })
    }

    /// Gives the top of the tree the time of the epoch: it is as young as the mount, and a step may
    /// look at it.
    pub(crate) fn pin_root_time(&self, epoch: i64) -> Result<(), BuildError> {
        let mtime = Timestamp { seconds: epoch, nanoseconds: 0 };
        let set = self.root.set_times(b"", mtime);
        set.map_err(|source| BuildError::io(&self.path, source))
    }

    /// The tree, for file access that cannot leave it.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// Where the tree is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Unmounts; afterwards the upper directory holds what was written.
    pub(crate) fn unmount(self) -> Result<(), BuildError> {
        drop(self.root);
        Ok(self.overlay.unmount()?)
    }

    /// The image's own users and groups.
    pub(crate) fn accounts(&self) -> Result<Accounts, BuildError> {
        let read = |path: &str| {
            let content = self.root.read(path.as_bytes(), ACCOUNTS_SIZE_MAX);
            content.map(Option::unwrap_or_default).map_err(|source| BuildError::io(path, source))
        };
        Ok(Accounts { passwd: read("etc/passwd")?, group: read("etc/group")? })
    }

    /// What is installed, by the tree's package databases.
    pub(crate) fn packages(&self) -> Result<Vec<Package>, BuildError> {
        let read = |path: &[u8]| self.root.read(path, DATABASE_SIZE_MAX);
        let list = |path: &[u8]| list(&self.root, path);
        let link = |path: &[u8]| link(&self.root, path);
        Ok(package::read_all(Files { read: &read, list: &list, link: &link })?)
    }

    /// What is installed, where something below `folder.upper` belongs to a package database.
    pub(crate) fn packages_if_written(
        &self,
        folder: &Folder,
    ) -> Result<Option<Vec<Package>>, BuildError> {
        let mut paths = DATABASES.iter().flat_map(|database| database.paths());
        let written = paths.any(|path| folder.upper.join(path).symlink_metadata().is_ok());
        written.then(|| self.packages()).transpose()
    }
}

/// Names in a directory, links to it followed; none where there is no such directory.
fn list(root: &Root, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    match root.resolve(path).and_then(|path| root.list(&path)) {
        Err(error) if is_elsewhere(&error) => Ok(Vec::new()),
        listed => listed,
    }
}

/// Target of a symbolic link; nothing where something else is.
fn link(root: &Root, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
    match root.read_link(path) {
        // What `readlink(2)` says of anything but a link.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
        Err(error) if is_elsewhere(&error) => Ok(None),
        target => target.map(Some),
    }
}

fn is_elsewhere(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The top of the tree looks like the topmost layer's: the upper directory decides for an overlay.
fn take_after(lowers: &[PathBuf], upper: &Path) -> io::Result<()> {
    let (mode, owner) = match lowers.last().map(std::fs::metadata).transpose()? {
        Some(lower) => (lower.mode() & 0o7777, (lower.uid(), lower.gid())),
        None => (0o755, (0, 0)),
    };
    std::os::unix::fs::chown(upper, Some(owner.0), Some(owner.1))?;
    std::fs::set_permissions(upper, Permissions::from_mode(mode))
}

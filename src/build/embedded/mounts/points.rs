//! Where mounts go: places of the image that may have to be made, and must not be seen afterwards.
//!
//! What the image lacks comes from an extra lowest layer, so that nothing is written for its sake. What
//! lies in an earlier mount is made there.

use crate::archive::tar::Timestamp;
use crate::build::BuildError;
use crate::build::embedded::mounted::{Folder, Mounted};
use crate::store::rooted::{FileKind, Owner, Root};
use std::io;
use std::path::{Path, PathBuf};

/// A place that a mount needs and the image lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    /// Below the image's root, links resolved.
    pub(super) path: Vec<u8>,
    pub(super) is_directory: bool,
}

/// Where something is to be mounted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// Absolute.
    pub(super) path: &'a str,
    pub(super) is_directory: bool,
    /// Whether it lies in another mount, so that what the image has there does not count. A point in the
    /// image is needed nevertheless: mount points are looked for before anything is mounted.
    pub(super) is_covered: bool,
}

/// Why nothing can be mounted at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// A file is there, and what is mounted is a directory.
    #[error("a directory cannot be mounted over the file `{0}`")]
    File(String),
    /// A directory is there, and what is mounted is a file.
    #[error("a file cannot be mounted over the directory `{0}`")]
    Directory(String),
    /// Something on the way is no directory.
    #[error("`{0}` cannot be mounted at: something on the way to it is not a directory")]
    NotBelow(String),
}

/// The tree that mounts go into, as it is before them.
pub(super) struct Image<'a> {
    pub(super) lowers: &'a [PathBuf],
    pub(super) folder: &'a Folder,
}

impl Image<'_> {
    /// The points that are missing for `targets`.
    pub(super) fn missing(
        &self,
        targets: &[Target<'_>],
    ) -> Result<Result<Vec<Point>, PointError>, BuildError> {
        if targets.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let view = Folder::create(&self.folder.files.join("targets"))?;
        let mounted = Mounted::mount(self.lowers, &view)?;
        let found = targets
            .iter()
            .map(|target| look(mounted.root(), *target).map_err(|error| (target.path, error)));
        let found: Result<Vec<_>, _> = found.collect();
        mounted.unmount()?;
        Ok(match found {
            Ok(found) => found
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .map(|points| points.into_iter().flatten().collect()),
            Err((target, error)) if error.kind() == io::ErrorKind::NotADirectory => {
                Err(PointError::NotBelow(target.to_owned()))
            }
            Err((target, error)) => return Err(BuildError::io(target, error)),
        })
    }
}

/// The point for a target, where nothing is there yet.
fn look(root: &Root, target: Target<'_>) -> io::Result<Result<Option<Point>, PointError>> {
    let path = match root.resolve(target.path.as_bytes()) {
        Err(_) if target.is_covered => return Ok(Ok(None)),
        path => path?,
    };
    let name = || target.path.to_owned();
    Ok(match (root.entry(&path)?.map(|found| found.kind), target.is_directory) {
        (None, is_directory) => Ok(Some(Point { path, is_directory })),
        (Some(_), _) if target.is_covered => Ok(None),
        (Some(FileKind::Directory), false) => Err(PointError::Directory(name())),
        (Some(FileKind::Directory), true) | (Some(_), false) => Ok(None),
        (Some(_), true) => Err(PointError::File(name())),
    })
}

/// Makes a point below `directory`, with the time `epoch`: a step may look at it.
pub(super) fn make(directory: &Path, point: &Point, epoch: i64) -> io::Result<()> {
    let root = Root::open(directory)?;
    let path = root.resolve(&point.path)?;
    if root.entry(&path)?.is_some() {
        return Ok(());
    }
    let parent = match path.iter().rposition(|byte| *byte == b'/') {
        Some(end) => path.get(..end).unwrap_or_default(),
        None => &[],
    };
    root.create_dir_all(parent, 0o755, Owner::default())?;
    if point.is_directory {
        root.create_dir(&path, 0o755, Owner::default())?;
    } else {
        drop(root.create_file(&path, 0o644, Owner::default())?);
    }
    let time = Timestamp { seconds: epoch, nanoseconds: 0 };
    let mut made = path.as_slice();
    loop {
        root.set_times(made, time)?;
        match made.iter().rposition(|byte| *byte == b'/') {
            Some(end) => made = made.get(..end).unwrap_or_default(),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_made_where_nothing_is() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        std::fs::create_dir_all(directory.path().join("run")).unwrap();
        std::os::unix::fs::symlink("/run", directory.path().join("link")).unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        let found =
            |path, is_directory| look(&root, Target { path, is_directory, is_covered: false });
        let point = found("/link/secrets/x", false).unwrap().unwrap().unwrap();
        assert_eq!(point.path, b"run/secrets/x");
        assert_eq!(found("/run", true).unwrap(), Ok(None));
        assert_eq!(found("/file", false).unwrap(), Ok(None));
        assert_eq!(found("/run", false).unwrap(), Err(PointError::Directory("/run".into())));
        assert_eq!(found("/file", true).unwrap(), Err(PointError::File("/file".into())));
        assert!(found("/file/below", true).is_err());
        make(directory.path(), &point, 5).unwrap();
        assert!(directory.path().join("run/secrets/x").is_file());
        assert_eq!(root.entry(b"run/secrets").unwrap().unwrap().mtime.seconds, 5);
        make(directory.path(), &point, 5).unwrap();
    }
}

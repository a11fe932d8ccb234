//! Goes through a directory in the one order that rlock writes trees in: bytewise by full path.
//!
//! In that order `a.b` comes before `a/b`, since `.` is less than `/`, and a directory comes
//! before what is in it. The walk holds the names of one directory a level and no descriptors, so
//! depth costs nothing; nothing is followed.

use super::error::StoreError;
use super::path::join;
use super::rooted::{FileKind, Metadata, Root, list_at, names, stat_at};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::OwnedFd;

/// Whether whiteouts and opaque directories of overlayfs are taken as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A directory like any other.
    Plain,
    /// An upper directory of an overlay mounted with `userxattr`.
    Overlay,
}

/// What the walk comes by.
#[derive(Debug)]
pub(super) enum Item {
    /// Something that is there. The root itself comes first, with an empty path.
    Found(Found),
    /// The layer removes this path from those below.
    Whiteout(Vec<u8>),
    /// The layer hides what this directory has in those below.
    Opaque(Vec<u8>),
}

/// Something that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: Vec<u8>,
    pub(super) metadata: Metadata,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Name of a file that stands for the removal of another:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts>.
pub(super) const WHITEOUT_PREFIX: &[u8] = b".wh.";

/// Name of a file that hides what the directory has in lower layers.
pub(super) const OPAQUE_NAME: &[u8] = b".wh..wh..opq";

/// The device that overlayfs takes for a whiteout:
/// <https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories>.
pub(super) const WHITEOUT_DEVICE: FileKind = FileKind::CharDevice { major: 0, minor: 0 };

/// The attribute that makes a directory opaque in an overlay mounted with `userxattr`.
pub(super) const OPAQUE_XATTR: &[u8] = b"user.overlay.opaque";

/// An iterator over a directory tree.
#[derive(Debug)]
pub(super) struct Walk<'root> {
    root: &'root Root,
    style: Style,
    /// What is left of the directories above the current place, the next last.
    stack: Vec<Vec<Step>>,
}

#[derive(Debug)]
enum Step {
    Show(Item),
    Descend(Vec<u8>),
}

impl<'root> Walk<'root> {
    pub(super) fn new(root: &'root Root, style: Style) -> Result<Self, StoreError> {
        let here = || -> std::io::Result<Found> {
            let directory = root.directory_strict(b"")?;
            let metadata = super::rooted::stat_fd(&directory)?;
            Ok(Found { path: Vec::new(), metadata, xattrs: list_at(&directory, c".")? })
        };
        let found = here().map_err(|source| failed(root, "read", b"", source))?;
        let stack = vec![vec![Step::Descend(Vec::new()), Step::Show(Item::Found(found))]];
        Ok(Self { root, style, stack })
    }

    fn list(&self, path: &[u8]) -> Result<Vec<Step>, StoreError> {
        let failed = |source| failed(self.root, "list", path, source);
        let directory = self.root.directory_strict(path).map_err(failed)?;
        let mut steps = Vec::new();
        if self.style == Style::Overlay && is_opaque(&directory).map_err(failed)? {
            steps.push((OPAQUE_NAME.to_vec(), Step::Show(Item::Opaque(path.to_vec()))));
        }
        for name in names(&directory).map_err(failed)? {
            self.look_at(&directory, path, name, &mut steps)?;
        }
        // The next is taken from the end.
        steps.sort_by(|(left, _), (right, _)| right.cmp(left));
        Ok(steps.into_iter().map(|(_, step)| step).collect())
    }

    fn look_at(
        &self,
        directory: &OwnedFd,
        parent: &[u8],
        name: CString,
        steps: &mut Vec<(Vec<u8>, Step)>,
    ) -> Result<(), StoreError> {
        let path = join(parent, name.to_bytes());
        let failed = |source| failed(self.root, "read", &path, source);
        let metadata = stat_at(directory, &name).map_err(failed)?;
        if self.style == Style::Overlay {
            if metadata.kind == WHITEOUT_DEVICE {
                let sorted_as = [WHITEOUT_PREFIX, name.to_bytes()].concat();
                steps.push((sorted_as, Step::Show(Item::Whiteout(path))));
                return Ok(());
            }
            if name.to_bytes().starts_with(WHITEOUT_PREFIX) {
                let reason = "has a name that means a removed file in a layer".to_owned();
                return Err(StoreError::Unrepresentable { path, reason });
            }
        }
        let xattrs = list_at(directory, &name).map_err(failed)?;
        let mut name = name.into_bytes();
        let is_directory = metadata.kind == FileKind::Directory;
        let found = Item::Found(Found { path: path.clone(), metadata, xattrs });
        steps.push((name.clone(), Step::Show(found)));
        if is_directory {
            // What is in it sorts as its name with a slash does among its siblings.
            name.push(b'/');
            steps.push((name, Step::Descend(path)));
        }
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Item, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.stack.last_mut()?.pop() {
                None => {
                    self.stack.pop();
                }
                Some(Step::Show(item)) => return Some(Ok(item)),
                Some(Step::Descend(path)) => match self.list(&path) {
                    Ok(steps) => self.stack.push(steps),
                    Err(error) => {
                        self.stack.clear();
                        return Some(Err(error));
                    }
                },
            }
        }
    }
}

pub(super) fn is_opaque(directory: &OwnedFd) -> std::io::Result<bool> {
    Ok(list_at(directory, c".")?.get(OPAQUE_XATTR).is_some_and(|value| value == b"y"))
}

pub(super) fn failed(
    root: &Root,
    action: &'static str,
    path: &[u8],
    source: std::io::Error,
) -> StoreError {
    StoreError::File { action, root: root.path().to_owned(), path: path.to_vec(), source }
}

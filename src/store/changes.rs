//! What a layer, as a directory of an overlay, changes of the tree below it.

use super::error::StoreError;
use super::path::join;
use super::rooted::{FileKind, Metadata, Root, stat_at};
use super::walk::{WHITEOUT_DEVICE, failed, is_opaque};
use rustix::fs::{Dir, FileType};
use std::io;

/// One change. Paths are relative to the root, without a slash at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// There is a regular file.
    File {
        /// Where.
        path: Vec<u8>,
        /// Its permissions.
        mode: u32,
        /// Its size in bytes.
        size: u64,
    },
    /// There is a directory. If the tree has one there too, both are shown as one.
    Directory(Vec<u8>),
    /// There is a link, a device, a pipe.
    Other(Vec<u8>),
    /// The path is removed, with all below it.
    Removed(Vec<u8>),
    /// Of what the tree has in this directory, nothing is shown.
    Emptied(Vec<u8>),
}

/// Goes through the changes, each directory before what is in it, in no order beside that. Asks for
/// no more than it takes: what has a type in its directory is not looked at again.
#[derive(Debug)]
pub struct Changes<'root> {
    root: &'root Root,
    /// What is next, last; directories among it were shown and are still to be listed.
    stack: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Show(Change),
    List(Vec<u8>),
}

impl<'root> Changes<'root> {
    /// The changes that the directory is: an upper directory of an overlay with the option
    /// `userxattr`, or a layer that was unpacked for one.
    pub fn of(root: &'root Root) -> Self {
        Self { root, stack: vec![Step::List(Vec::new())] }
    }

    fn list(&mut self, path: &[u8]) -> io::Result<()> {
        let directory = self.root.directory_strict(path)?;
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let path = join(path, name.to_bytes());
            match entry.file_type() {
                FileType::Directory => {
                    self.stack.push(Step::List(path.clone()));
                    self.stack.push(Step::Show(Change::Directory(path)));
                }
                FileType::Symlink => self.stack.push(Step::Show(Change::Other(path))),
                _ => {
                    let metadata = stat_at(&directory, name)?;
                    if metadata.kind == FileKind::Directory {
                        // A file system that does not tell types.
                        self.stack.push(Step::List(path.clone()));
                    }
                    self.stack.push(Step::Show(change(path, &metadata)));
                }
            }
        }
        if is_opaque(&directory)? {
            self.stack.push(Step::Show(Change::Emptied(path.to_vec())));
        }
        Ok(())
    }
}

fn change(path: Vec<u8>, metadata: &Metadata) -> Change {
    match metadata.kind {
        WHITEOUT_DEVICE => Change::Removed(path),
        FileKind::File => Change::File { path, mode: metadata.mode, size: metadata.size },
        FileKind::Directory => Change::Directory(path),
        _ => Change::Other(path),
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Change, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.stack.pop()? {
                Step::Show(change) => return Some(Ok(change)),
                Step::List(path) => {
                    if let Err(source) = self.list(&path) {
                        self.stack.clear();
                        return Some(Err(failed(self.root, "list", &path, source)));
                    }
                }
            }
        }
    }
}

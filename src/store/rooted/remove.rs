//! Removal of trees that resist: directories without permissions, deeper than descriptors last,
//! changed by links. Nothing outside the tree is touched.

use super::change::chmod_object;
use super::{FileKind, names, stat_at, stat_fd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Directories that are held open at a time. What lies deeper is moved up first.
const DEPTH_MAX: usize = 64;

/// Removes a file, or a directory with all that is in it; a symbolic link itself. Nothing there is
/// fine.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(Errno::INVAL)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::open(parent, flags, Mode::empty()) {
        Ok(parent) => remove_at(&parent, name.as_bytes()),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// As [`remove_tree`], of a name in an open directory.
pub(crate) fn remove_at(parent: &impl AsFd, name: &[u8]) -> io::Result<()> {
    let name = CString::new(name)?;
    match rustix::fs::unlinkat(parent, &name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(error) => match stat_at(parent, &name) {
            Ok(metadata) if metadata.kind == FileKind::Directory => {}
            _ => return Err(error.into()),
        },
    }
    let top = open_directory(parent, &name)?;
    // Each round empties DEPTH_MAX levels and moves what hangs deeper to the top.
    let mut moved = 0;
    while clear(&top, &top, DEPTH_MAX, &mut moved)? {}
    Ok(rustix::fs::unlinkat(parent, &name, AtFlags::REMOVEDIR)?)
}

/// Removes what is in `directory`; says whether something was moved to `top` for another round.
fn clear(directory: &OwnedFd, top: &OwnedFd, depth: usize, moved: &mut u64) -> io::Result<bool> {
    let mut again = false;
    for name in names(directory)? {
        match rustix::fs::unlinkat(directory, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(error) => match stat_at(directory, &name)?.kind {
                FileKind::Directory => {}
                _ => return Err(error.into()),
            },
        }
        match rustix::fs::unlinkat(directory, &name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        if depth > 0 {
            let child = open_directory(directory, &name)?;
            again |= clear(&child, top, depth - 1, moved)?;
            rustix::fs::unlinkat(directory, &name, AtFlags::REMOVEDIR)?;
        } else {
            lift(directory, &name, top, moved)?;
            again = true;
        }
    }
    Ok(again)
}

/// Moves a directory into `top`, under a name that is free there.
fn lift(directory: &OwnedFd, name: &CString, top: &OwnedFd, moved: &mut u64) -> io::Result<()> {
    loop {
        let free = format!(".rlock-removed-{moved}");
        *moved += 1;
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(directory, name, top, &free, flags) {
            Err(Errno::EXIST) => {}
            other => return Ok(other?),
        }
    }
}

/// Opens a directory for listing and emptying, and gives its owner the permission for that where
/// it is missing (which only matters to who is not root).
fn open_directory(parent: &impl AsFd, name: &CString) -> io::Result<OwnedFd> {
    const NEEDED: u32 = 0o700;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(parent, name, flags | OFlags::PATH, Mode::empty())?;
    let mode = stat_fd(&handle)?.mode;
    if mode & NEEDED != NEEDED {
        chmod_object(&handle, mode | NEEDED)?;
    }
    Ok(rustix::fs::openat(parent, name, flags | OFlags::RDONLY, Mode::empty())?)
}

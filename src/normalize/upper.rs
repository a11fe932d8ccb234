//! An overlay upper directory as the rules may touch it: plain files, reached without following a
//! symbolic link, written in place.
//!
//! The tree was written by a step that may have been hostile. A link `var/log -> /` must not lead
//! out of it, and a file that also has another name must not be changed under that name.

use super::pattern::{component_matches, is_pattern};
use crate::oci::{Digest, HashingReader};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The directory, opened once.
#[derive(Debug)]
pub(super) struct Upper {
    root: OwnedFd,
}

/// A plain file of the directory.
#[derive(Debug)]
pub(super) struct PlainFile {
    file: File,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Whether writing to it changes nothing but its content: it has no second name, and no
    /// set-id bit or file capability, which the kernel takes away on writing.
    pub(super) is_writable: bool,
}

impl Upper {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// The plain file at `path`; nothing where there is none, or something else (whiteouts are
    /// character devices), or where a link stands in the way.
    pub(super) fn file(&self, path: &[u8]) -> io::Result<Option<PlainFile>> {
        let Some(place) = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW)? else {
            return Ok(None);
        };
        // Looked at before it is opened: opening a FIFO would wait for its writer.
        if FileType::from_raw_mode(fstat(&place)?.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let Some(file) = self.open_at(path, OFlags::RDWR | OFlags::NOFOLLOW)? else {
            return Ok(None);
        };
        let status = fstat(&file)?;
        let is_writable =
            status.st_nlink == 1 && status.st_mode & 0o6000 == 0 && !has_capability(&file)?;
        let size = u64::try_from(status.st_size).unwrap_or_default();
        Ok(Some(PlainFile { file: file.into(), size, is_writable }))
    }

    /// Removes the name `path`.
    pub(super) fn remove(&self, path: &[u8]) -> io::Result<()> {
        let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => path.split_at(slash),
            None => (&b"."[..], path),
        };
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let parent = self.open_at(parent, OFlags::PATH | OFlags::DIRECTORY)?;
        let parent = parent.ok_or(Errno::NOENT)?;
        Ok(unlinkat(parent, name, AtFlags::empty())?)
    }

    /// The paths that match a pattern, in bytewise order. A pattern without star or question mark is itself,
    /// whether it is there or not.
    pub(super) fn find(&self, pattern: &str) -> io::Result<Vec<Vec<u8>>> {
        let mut found = vec![Vec::new()];
        for component in pattern.as_bytes().split(|byte| *byte == b'/') {
            let mut next = Vec::new();
            for directory in found {
                if component == b"**" {
                    next.extend(self.files_below(&directory)?);
                } else if is_pattern(component) {
                    let names = self.names(&directory)?.into_iter();
                    let matching = names.filter(|name| component_matches(component, name));
                    next.extend(matching.map(|name| join(&directory, &name)));
                } else {
                    next.push(join(&directory, component));
                }
            }
            found = next;
        }
        found.sort();
        Ok(found)
    }

    /// Everything below a directory. Links are not followed, so it ends.
    fn files_below(&self, directory: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut open = vec![directory.to_vec()];
        while let Some(directory) = open.pop() {
            for name in self.names(&directory)? {
                let path = join(&directory, &name);
                open.push(path.clone());
                found.push(path);
            }
        }
        Ok(found)
    }

    /// The names in a directory; none where there is no directory.
    fn names(&self, directory: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let directory = if directory.is_empty() { b"." } else { directory };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let Some(directory) = self.open_at(directory, flags)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in Dir::new(directory)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open_at(&self, path: &[u8], flags: OFlags) -> io::Result<Option<OwnedFd>> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl PlainFile {
    /// The digest of the content.
    pub(super) fn digest(&mut self) -> io::Result<Digest> {
        self.file.rewind()?;
        let mut reader = HashingReader::new(&self.file);
        io::copy(&mut reader, &mut io::sink())?;
        Ok(reader.finish().0)
    }

    /// The content, at most `size_max` bytes of it.
    pub(super) fn read(&mut self, size_max: u64) -> io::Result<Vec<u8>> {
        self.file.rewind()?;
        let mut content = Vec::new();
        (&self.file).take(size_max).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Puts other content into the same file: mode, owner and attributes stay.
    pub(super) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(content)
    }
}

fn has_capability(file: &OwnedFd) -> io::Result<bool> {
    match rustix::fs::fgetxattr(file, "security.capability", &mut [0_u8; 64][..]) {
        Ok(_) | Err(Errno::RANGE) => Ok(true),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        return name.to_vec();
    }
    [directory, b"/", name].concat()
}

//! ADD of a tar archive: its files instead of itself.

use super::source::View;
use super::tree::{is_refused_device, set_xattr};
use super::{Copier, CopyError, DIRECTORY_MODE, join, name, parent};
use crate::archive::compression;
use crate::archive::tar::{self, Entry, Kind, Limits, Reader, Timestamp};
use crate::store::rooted::{FileKind, Metadata, Owner, Root};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;

/// Bytes of a tar header.
const HEADER: u64 = 512;

/// Whether the file, uncompressed, starts as a tar archive does. Whatever does not is copied.
pub(super) fn is_archive(file: File) -> bool {
    let mut start = Vec::new();
    let read = compression::decoder(file)
        .and_then(|(_, decoder)| decoder.take(HEADER).read_to_end(&mut start));
    read.is_ok() && tar::is_header(&start)
}

impl Copier<'_> {
    /// Unpacks the archive into the destination, which is made if it is not there.
    pub(super) fn unpack(&mut self, view: View<'_>, archive: &[u8]) -> Result<(), CopyError> {
        let destination = self.request.destination.as_bytes();
        self.make_directories(destination)?;
        let into = self.request.into;
        let failed = |error| CopyError::io("open", destination, error);
        let place = into.resolve(destination).map_err(failed)?;
        let root = Root::open(&into.path().join(OsStr::from_bytes(&place))).map_err(failed)?;
        let (_, decoder) = compression::decoder(view.open(archive)?)
            .map_err(|error| CopyError::io("read", archive, error))?;
        let mut unpacker = Unpacker {
            root,
            place,
            owner: self.request.owner,
            directories: Vec::new(),
            left_out: Vec::new(),
            files: 0,
            bytes: 0,
        };
        unpacker
            .unpack(Reader::new(self.request.stop.reader(decoder), Limits::default()), archive)?;
        self.summary.files += unpacker.files;
        self.summary.bytes += unpacker.bytes;
        self.summary.left_out.append(&mut unpacker.left_out);
        self.summary.unpacked.push(archive.to_vec());
        Ok(())
    }
}

struct Unpacker {
    /// The destination: links of the archive, and those that were there, lead no further.
    root: Root,
    /// Where that is in the image.
    place: Vec<u8>,
    owner: Option<Owner>,
    /// Directories with their times, which are set last: each file in them changes them.
    directories: Vec<(Vec<u8>, Timestamp)>,
    left_out: Vec<Vec<u8>>,
    files: u64,
    bytes: u64,
}

impl Unpacker {
    fn unpack<R: Read>(&mut self, mut reader: Reader<R>, archive: &[u8]) -> Result<(), CopyError> {
        let broken = |source| CopyError::Archive { archive: archive.to_vec(), source };
        while let Some(entry) = reader.next_entry().map_err(broken)? {
            // The destination is not the archive's to change.
            if entry.path.is_empty() {
                continue;
            }
            let target = self.clear(&entry)?;
            if target.is_empty() {
                continue;
            }
            if entry.kind == Kind::File {
                let path = &entry.path;
                let mut file = self
                    .root
                    .create_file(&target, 0o600, self.owner(&entry))
                    .map_err(|error| self.failed(path, error))?;
                let copied = reader.copy_body(&mut |bytes| file.write_all(bytes));
                self.bytes += copied.map_err(broken)?;
                self.set_attributes(&entry, &target).map_err(|error| self.failed(path, error))?;
                self.files += 1;
            } else {
                self.place(&entry, &target).map_err(|error| self.failed(&entry.path, error))?;
            }
        }
        for (path, mtime) in self.directories.iter().rev() {
            self.root.set_times(path, *mtime).map_err(|error| self.failed(path, error))?;
        }
        Ok(())
    }

    fn failed(&self, path: &[u8], error: io::Error) -> CopyError {
        CopyError::io("unpack", &join(&self.place, path), error)
    }

    /// Where an entry goes, with nothing there any more: a directory stays only for another.
    fn clear(&self, entry: &Entry) -> Result<Vec<u8>, CopyError> {
        let clear = || {
            let directory = parent(&entry.path);
            let directory =
                self.root.create_dir_all(directory, DIRECTORY_MODE, Owner::default())?;
            let is_directory = entry.kind == Kind::Directory;
            let target = if is_directory {
                self.root.resolve(&entry.path)?
            } else {
                join(&directory, name(&entry.path))
            };
            match self.root.entry(&target)? {
                None => {}
                Some(Metadata { kind: FileKind::Directory, .. }) if is_directory => {}
                Some(_) => self.root.remove(&target)?,
            }
            Ok(target)
        };
        clear().map_err(|error| self.failed(&entry.path, error))
    }

    /// Makes anything but a file.
    fn place(&mut self, entry: &Entry, target: &[u8]) -> io::Result<()> {
        let owner = self.owner(entry);
        match entry.kind {
            Kind::File => {}
            Kind::Directory => {
                if self.root.entry(target)?.is_none() {
                    self.root.create_dir(target, 0o700, owner)?;
                }
                self.root.set_owner(target, owner)?;
                self.set_attributes(entry, target)?;
                self.directories.push((target.to_vec(), bounded(entry.mtime)));
                return Ok(());
            }
            Kind::Symlink => {
                self.root.symlink(target, &entry.link, owner)?;
                self.root.set_times(target, bounded(entry.mtime))?;
            }
            Kind::Hardlink => {
                let directory = self.root.resolve(parent(&entry.link))?;
                self.root.hard_link(&join(&directory, name(&entry.link)), target)?;
            }
            Kind::CharDevice { major, minor } => {
                self.place_node(entry, target, FileKind::CharDevice { major, minor })?;
            }
            Kind::BlockDevice { major, minor } => {
                self.place_node(entry, target, FileKind::BlockDevice { major, minor })?;
            }
            Kind::Fifo => self.place_node(entry, target, FileKind::Fifo)?,
        }
        self.files += 1;
        Ok(())
    }

    fn place_node(&mut self, entry: &Entry, target: &[u8], kind: FileKind) -> io::Result<()> {
        match self.root.create_node(target, kind, entry.mode, self.owner(entry)) {
            Err(error) if is_refused_device(&error, &join(&self.place, target)) => {
                self.left_out.push(entry.path.clone());
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => self.set_attributes(entry, target),
        }
    }

    fn owner(&self, entry: &Entry) -> Owner {
        self.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid })
    }

    fn set_attributes(&self, entry: &Entry, target: &[u8]) -> io::Result<()> {
        self.root.set_mode(target, entry.mode)?;
        for (name, value) in &entry.xattrs {
            set_xattr(&self.root, target, name, value)?;
        }
        self.root.set_times(target, bounded(entry.mtime))
    }
}

/// Times before 1970 become 1970, as Docker has it.
fn bounded(time: Timestamp) -> Timestamp {
    if time.seconds < 0 { Timestamp::default() } else { time }
}

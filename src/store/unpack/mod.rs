//! From a layer to a directory that can be a lower layer of an overlay.
//!
//! The archive is hostile input. Every name is looked up relative to a descriptor of its parent,
//! which the kernel found below the target without following any link; so nothing is written
//! elsewhere, whatever the archive says.

mod cache;

use crate::archive::tar::{self, Entry, Kind, Limits, Timestamp};
use crate::store::capture::is_of_host;
use crate::store::error::StoreError;
use crate::store::path::{ancestors, join, split};
use crate::store::rooted::{self, FileKind, Owner, Root, Xattrs};
use crate::store::tree::entry::{LinkTarget, Role, check_link, role};
use crate::store::walk::{OPAQUE_XATTR, WHITEOUT_DEVICE, failed};
use rustix::fs::{AtFlags, Gid, Mode, Uid};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Unpacks an uncompressed archive into an empty directory. `layer` is for messages. Says which
/// directories the archive has no entries for, though it has entries for what is in them.
pub(in crate::store) fn unpack(
    archive: impl Read,
    target: &Path,
    layer: &str,
) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let root = Root::open(target).map_err(|error| StoreError::io("open", target, error))?;
    let mut unpacker = Unpacker {
        layer,
        parent: None,
        directories: BTreeMap::from([(Vec::new(), Timestamp::default())]),
        implicit: BTreeSet::new(),
        whiteouts: BTreeSet::new(),
        opaque: BTreeSet::new(),
        root,
    };
    let broken = |source| StoreError::archive(layer, source);
    unpacker.set_directory(b"", 0o755, Owner::default(), &BTreeMap::new())?;
    let mut reader = tar::Reader::new(archive, Limits::default());
    while let Some(entry) = reader.next_entry().map_err(broken)? {
        match role(&entry).map_err(|reason| unpacker.refused(&entry.path, reason))? {
            Role::Whiteout(path) => {
                unpacker.whiteouts.insert(path);
            }
            Role::Opaque(path) => {
                unpacker.opaque.insert(path);
            }
            Role::Plain => unpacker.place(&entry, &mut reader)?,
        }
    }
    unpacker.finish()
}

struct Unpacker<'a> {
    root: Root,
    layer: &'a str,
    /// The directory of the previous entry: most entries share it.
    parent: Option<(Vec<u8>, OwnedFd)>,
    /// All directories with their times, which are set last: each new file changes them.
    directories: BTreeMap<Vec<u8>, Timestamp>,
    implicit: BTreeSet<Vec<u8>>,
    whiteouts: BTreeSet<Vec<u8>>,
    opaque: BTreeSet<Vec<u8>>,
}

impl Unpacker<'_> {
    fn refused(&self, path: &[u8], reason: impl Into<String>) -> StoreError {
        let (layer, path) = (self.layer.to_owned(), path.to_vec());
        StoreError::Entry { layer, path, reason: reason.into() }
    }

    fn failed(&self, path: &[u8], error: impl Into<io::Error>) -> StoreError {
        failed(&self.root, "create", path, error.into())
    }

    /// The kernel refuses ids that the user namespace does not map as invalid.
    fn chown_failed(&self, path: &[u8], owner: Owner, error: io::Error) -> StoreError {
        if error.raw_os_error() != Some(Errno::INVAL.raw_os_error()) {
            return self.failed(path, error);
        }
        let (layer, path, Owner { uid, gid }) = (self.layer.to_owned(), path.to_vec(), owner);
        StoreError::Owner { layer, path, uid, gid }
    }

    fn place<R: Read>(
        &mut self,
        entry: &Entry,
        reader: &mut tar::Reader<R>,
    ) -> Result<(), StoreError> {
        let path = &entry.path;
        match entry.kind {
            Kind::Directory => self.place_directory(entry),
            Kind::File => self.place_file(entry, reader),
            Kind::Hardlink => self.place_hard_link(entry),
            Kind::Symlink => {
                self.create(path, |parent, name| {
                    rustix::fs::symlinkat(&*entry.link, parent, name)
                })?;
                self.set_attributes(entry, None)
            }
            Kind::CharDevice { major, minor } => {
                self.place_node(entry, FileKind::CharDevice { major, minor })
            }
            Kind::BlockDevice { major, minor } => {
                self.place_node(entry, FileKind::BlockDevice { major, minor })
            }
            Kind::Fifo => self.place_node(entry, FileKind::Fifo),
        }
    }

    fn place_directory(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let path = &entry.path;
        if !path.is_empty() {
            let is_there = matches!(
                self.root.entry(path),
                Ok(Some(rooted::Metadata { kind: FileKind::Directory, .. }))
            );
            if !is_there {
                self.create(path, |parent, name| {
                    rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700))
                })?;
            }
        }
        let owner = Owner { uid: entry.uid, gid: entry.gid };
        self.set_directory(path, entry.mode, owner, &entry.xattrs)?;
        self.implicit.remove(path);
        self.directories.insert(path.clone(), entry.mtime);
        Ok(())
    }

    fn set_directory(
        &self,
        path: &[u8],
        mode: u32,
        owner: Owner,
        xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), StoreError> {
        let failed = |error| self.failed(path, error);
        let directory = self.root.directory_strict(path).map_err(failed)?;
        chown(&directory, owner).map_err(|error| self.chown_failed(path, owner, error))?;
        rustix::fs::fchmod(&directory, Mode::from_raw_mode(mode))
            .map_err(|error| failed(error.into()))?;
        for (name, value) in kept_xattrs(xattrs) {
            rooted::set_on_fd(&directory, name, value).map_err(failed)?;
        }
        Ok(())
    }

    fn place_file<R: Read>(
        &mut self,
        entry: &Entry,
        reader: &mut tar::Reader<R>,
    ) -> Result<(), StoreError> {
        let mut file = None;
        self.create(&entry.path, |parent, name| {
            rooted::create_file_at(parent, name).map(|created| file = Some(created))
        })?;
        let Some(mut file) = file else { return Ok(()) };
        reader.copy_body(&mut |bytes| file.write_all(bytes)).map_err(|source| {
            match source.problem() {
                tar::Problem::Write(error) => {
                    let error = io::Error::new(error.kind(), error.to_string());
                    failed(&self.root, "write", &entry.path, error)
                }
                _ => StoreError::archive(self.layer, source),
            }
        })?;
        self.set_attributes(entry, Some(&file))
    }

    /// The target must be in this layer, as it is in whatever archivers write: a directory cannot
    /// have a second name for a file of another.
    fn place_hard_link(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let there = self.root.entry(&entry.link);
        let target = match there {
            Ok(Some(target)) if target.kind != FileKind::Directory => target,
            Ok(Some(_)) => return Err(self.refused(&entry.path, "is a hard link to a directory")),
            Ok(None) => {
                let target = crate::store::path::show(&entry.link);
                let reason = format!(
                    "is a hard link to `{target}`, which does not come before it in the layer"
                );
                return Err(self.refused(&entry.path, reason));
            }
            Err(error) => return Err(self.unreachable(&entry.link, error)),
        };
        let xattrs = if entry.xattrs.is_empty() {
            Xattrs::new()
        } else {
            self.root.xattrs(&entry.link).map_err(|error| self.failed(&entry.link, error))?
        };
        let rooted::Metadata { kind, mode, owner, .. } = target;
        check_link(entry, &LinkTarget { kind, mode, owner, xattrs: &xattrs })
            .map_err(|reason| self.refused(&entry.path, reason))?;
        let (old_parent, old_name) =
            self.root.parent(&entry.link).map_err(|error| self.failed(&entry.path, error))?;
        self.create(&entry.path, |parent, name| {
            rustix::fs::linkat(&old_parent, old_name, parent, name, AtFlags::empty())
        })
    }

    fn place_node(&mut self, entry: &Entry, kind: FileKind) -> Result<(), StoreError> {
        let made =
            self.create(&entry.path, |parent, name| rooted::create_node_at(parent, name, kind));
        match made {
            // Without the host's privileges no devices can be made, and a container's `/dev` is
            // made anew for each step anyway.
            Err(StoreError::File { source, .. })
                if source.raw_os_error() == Some(Errno::PERM.raw_os_error())
                    && entry.path.starts_with(b"dev/") =>
            {
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => self.set_attributes(entry, None),
        }
    }

    /// Owner, permissions, attributes, time: in this order, since a change of the owner takes
    /// setuid and capabilities away, and everything changes times.
    fn set_attributes(
        &mut self,
        entry: &Entry,
        file: Option<&std::fs::File>,
    ) -> Result<(), StoreError> {
        let path = &*entry.path;
        let owner = Owner { uid: entry.uid, gid: entry.gid };
        let xattrs = kept_xattrs(&entry.xattrs);
        let Some(file) = file else {
            let chown = self.root.set_owner(path, owner);
            chown.map_err(|error| self.chown_failed(path, owner, error))?;
            let set = || {
                if entry.kind != Kind::Symlink {
                    self.root.set_mode(path, entry.mode)?;
                }
                for (name, value) in xattrs {
                    self.root.set_xattr(path, name, value)?;
                }
                self.root.set_times(path, entry.mtime)
            };
            return set().map_err(|error| self.failed(path, error));
        };
        chown(file, owner).map_err(|error| self.chown_failed(path, owner, error))?;
        let set = || {
            rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode))?;
            for (name, value) in xattrs {
                rooted::set_on_fd(file, name, value)?;
            }
            Ok(rustix::fs::futimens(file, &rooted::modified_at(entry.mtime))?)
        };
        set().map_err(|error: io::Error| self.failed(path, error))
    }

    /// Makes something new, in place of what an earlier entry put there: the last one counts.
    fn create<E: Into<io::Error>>(
        &mut self,
        path: &[u8],
        mut make: impl FnMut(&OwnedFd, &[u8]) -> Result<(), E>,
    ) -> Result<(), StoreError> {
        let (parent, name) = split(path);
        let directory = self.parent(parent)?;
        let error = match make(directory, name).map_err(Into::into) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => error,
            Err(error) => return Err(self.failed(path, error)),
        };
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::ISDIR) => match rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR) {
                Ok(()) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    return Err(self.refused(path, "replaces a directory of the same layer"));
                }
                Err(error) => return Err(self.failed(path, error)),
            },
            Err(_) => return Err(self.failed(path, error)),
        }
        make(directory, name).map_err(|error| self.failed(path, error))?;
        self.directories.remove(path);
        self.implicit.remove(path);
        Ok(())
    }

    /// The directory that is to hold the next entry. Those that the archive has no entry for are
    /// made as extractors do.
    fn parent(&mut self, path: &[u8]) -> Result<&OwnedFd, StoreError> {
        if self.parent.as_ref().is_none_or(|(known, _)| known != path) {
            self.parent = None;
            let found = match self.root.directory_strict(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.make_parents(path)?;
                    self.root.directory_strict(path)
                }
                other => other,
            };
            let directory = found.map_err(|error| self.unreachable(path, error))?;
            self.parent = Some((path.to_vec(), directory));
        }
        match &self.parent {
            Some((_, directory)) => Ok(directory),
            None => Err(self.failed(path, Errno::NOENT)),
        }
    }

    fn make_parents(&mut self, path: &[u8]) -> Result<(), StoreError> {
        for directory in ancestors(path).chain([path]) {
            match self.root.create_dir(directory, 0o755, Owner::default()) {
                Ok(()) => {
                    self.implicit.insert(directory.to_vec());
                    self.directories.insert(directory.to_vec(), Timestamp::default());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.unreachable(directory, error)),
            }
        }
        Ok(())
    }

    /// Extractors follow a link that comes before; readers of the archive see a path below a file.
    fn unreachable(&self, path: &[u8], error: io::Error) -> StoreError {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => {
                self.refused(path, "leads through something that is not a directory")
            }
            _ => self.failed(path, error),
        }
    }

    /// Whiteouts hide lower layers only, wherever in the archive they stand:
    /// <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts>.
    fn finish(mut self) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        for path in std::mem::take(&mut self.whiteouts) {
            // In an opaque directory there is nothing to hide, and overlayfs would list it.
            let is_below_opaque =
                ancestors(&path).chain([split(&path).0]).any(|above| self.opaque.contains(above));
            match self.root.entry(&path) {
                Ok(Some(rooted::Metadata { kind: FileKind::Directory, .. })) => {
                    self.opaque.insert(path);
                }
                Ok(Some(_)) => {}
                Ok(None) if is_below_opaque => {}
                Ok(None) => self.create(&path, |parent, name| {
                    rooted::create_node_at(parent, name, WHITEOUT_DEVICE)
                })?,
                Err(error) => return Err(self.unreachable(&path, error)),
            }
        }
        for path in std::mem::take(&mut self.opaque) {
            if path.is_empty() {
                let marker = join(&path, crate::store::walk::OPAQUE_NAME);
                let reason = "hides all layers below, which overlayfs cannot do";
                return Err(self.refused(&marker, reason));
            }
            self.parent(&path)?;
            self.root
                .set_xattr(&path, OPAQUE_XATTR, b"y")
                .map_err(|error| self.failed(&path, error))?;
        }
        for (path, mtime) in &self.directories {
            self.root
                .set_times(path, *mtime)
                .map_err(|error| failed(&self.root, "set the time of", path, error))?;
        }
        Ok(self.implicit)
    }
}

/// Containers cannot see `trusted.*`, and unprivileged users cannot set them; the others would
/// change what overlayfs or the host's policy makes of the file. The layer itself keeps them.
pub(super) fn kept_xattrs(xattrs: &Xattrs) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
    xattrs.iter().filter(|(name, _)| !is_of_host(name) && !name.starts_with(b"trusted."))
}

fn chown(object: &impl std::os::fd::AsFd, owner: Owner) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    Ok(rustix::fs::fchown(object, Some(uid), Some(gid))?)
}

//! Copying a tree, file by file.

use super::filter::Filter;
use super::source::View;
use super::{CopyError, CopyRequest, CopySummary, join};
use crate::store::rooted::{FileKind, Metadata, Owner, Root, parse_capability};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::vec::IntoIter;

/// What is copied at once, in bytes: the kernel does not stop in between.
const PIECE_SIZE: u64 = 16 << 20;

/// Copies one source of an instruction.
pub(super) struct TreeCopy<'a> {
    request: &'a CopyRequest<'a>,
    view: View<'a>,
    filter: Filter<'a>,
    summary: &'a mut CopySummary,
    /// Where the first name of a file with several was copied to.
    links: BTreeMap<(u64, u64), Vec<u8>>,
    /// The directories above what is being copied, top first. Paths of images are at most 4,095
    /// bytes long but may be 2,000 levels deep, so this is not the stack of the program.
    open: Vec<Directory>,
}

/// A directory that is being copied.
struct Directory {
    source: Vec<u8>,
    target: Vec<u8>,
    /// Below the source of the instruction; empty for that itself.
    relative: Vec<u8>,
    metadata: Metadata,
    names: IntoIter<Vec<u8>>,
    /// Whether it is copied for itself. Otherwise it is made only if something in it is.
    is_taken: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unmade,
    Made,
    WasThere,
}

impl<'a> TreeCopy<'a> {
    pub(super) fn new(
        request: &'a CopyRequest<'a>,
        view: View<'a>,
        filter: Filter<'a>,
        summary: &'a mut CopySummary,
    ) -> Self {
        Self { request, view, filter, summary, links: BTreeMap::new(), open: Vec::new() }
    }

    /// Copies what is in a directory into `target`, which exists.
    pub(super) fn copy_directory(
        &mut self,
        source: &[u8],
        target: &[u8],
        metadata: &Metadata,
    ) -> Result<(), CopyError> {
        self.enter(source.to_vec(), target.to_vec(), Vec::new(), *metadata)?;
        self.make_open()?;
        while let Some(directory) = self.open.last_mut() {
            if let Some(name) = directory.names.next() {
                let source = join(&directory.source, &name);
                let target = join(&directory.target, &name);
                let relative = join(&directory.relative, &name);
                self.visit(source, target, relative)?;
            } else if let Some(directory) = self.open.pop() {
                self.leave(&directory)?;
            }
        }
        Ok(())
    }

    fn visit(
        &mut self,
        source: Vec<u8>,
        target: Vec<u8>,
        relative: Vec<u8>,
    ) -> Result<(), CopyError> {
        self.request.stop.check().map_err(|error| CopyError::io("read", &source, error))?;
        let found = self.view.root.entry(&source);
        let metadata = found.map_err(|error| CopyError::io("read", &source, error))?;
        let Some(metadata) = metadata else { return Ok(()) };
        let is_taken = self.filter.takes(&source, &relative);
        if metadata.kind != FileKind::Directory {
            if !is_taken {
                return Ok(());
            }
            self.make_open()?;
            return self.copy_other(&source, &target, &metadata);
        }
        if is_taken {
            self.enter(source, target, relative, metadata)?;
            return self.make_open();
        }
        if self.filter.may_take_below(&source, &relative) {
            self.enter(source, target, relative, metadata)?;
        }
        Ok(())
    }

    fn enter(
        &mut self,
        source: Vec<u8>,
        target: Vec<u8>,
        relative: Vec<u8>,
        metadata: Metadata,
    ) -> Result<(), CopyError> {
        let names = self.view.root.list(&source);
        let names = names.map_err(|error| CopyError::io("read", &source, error))?.into_iter();
        let is_taken = relative.is_empty() || self.filter.takes(&source, &relative);
        let state = State::Unmade;
        self.open.push(Directory { source, target, relative, metadata, names, is_taken, state });
        Ok(())
    }

    /// Makes the directories that were waiting for something to be copied into them.
    fn make_open(&mut self) -> Result<(), CopyError> {
        let into = self.request.into;
        for directory in self.open.iter_mut().filter(|open| open.state == State::Unmade) {
            let target = &directory.target;
            let failed = |error| CopyError::io("create", target, error);
            directory.state = match into.entry(target).map_err(failed)? {
                Some(Metadata { kind: FileKind::Directory, .. }) => State::WasThere,
                Some(_) => return Err(CopyError::NotDirectory { path: target.clone() }),
                None => {
                    // Mode and owner come last: neither may stand in the way of what is copied.
                    into.create_dir(target, 0o700, Owner::default()).map_err(failed)?;
                    State::Made
                }
            };
        }
        Ok(())
    }

    /// Gives a directory its attributes, now that nothing is added to it any more.
    fn leave(&self, directory: &Directory) -> Result<(), CopyError> {
        let Directory { source, target, metadata, .. } = directory;
        let into = self.request.into;
        let failed = |error| CopyError::io("change", target, error);
        // The destination itself, which was there or was made as one on the way, only takes the
        // time; the context as a whole has none that would mean anything.
        if directory.relative.is_empty() {
            if self.view.is_context() && source.is_empty() {
                return Ok(());
            }
            return into.set_times(target, metadata.mtime).map_err(failed);
        }
        match directory.state {
            State::Unmade => Ok(()),
            State::WasThere if !directory.is_taken => {
                into.set_mode(target, metadata.mode).map_err(failed)
            }
            State::WasThere | State::Made => {
                into.set_owner(target, self.owner(metadata)).map_err(failed)?;
                self.set_attributes(source, target, metadata)
            }
        }
    }

    /// Copies anything but a directory.
    pub(super) fn copy_other(
        &mut self,
        source: &[u8],
        target: &[u8],
        metadata: &Metadata,
    ) -> Result<(), CopyError> {
        clear_for_file(self.request.into, target)?;
        let is_made = match metadata.kind {
            FileKind::File => {
                if self.link_again(target, metadata)? {
                    self.summary.files += 1;
                    return Ok(());
                }
                self.copy_content(source, target, metadata)?;
                true
            }
            FileKind::Symlink => {
                self.copy_symlink(source, target, metadata)?;
                true
            }
            FileKind::Socket => false,
            _ => self.make_node(target, metadata)?,
        };
        if !is_made {
            self.summary.left_out.push(source.to_vec());
            return Ok(());
        }
        self.summary.files += 1;
        self.set_attributes(source, target, metadata)
    }

    /// Gives the copy of a file, whose other name was copied before, a second name too.
    fn link_again(&mut self, target: &[u8], metadata: &Metadata) -> Result<bool, CopyError> {
        if metadata.links < 2 {
            return Ok(false);
        }
        let Some(first) = self.links.get(&metadata.inode) else {
            self.links.insert(metadata.inode, target.to_vec());
            return Ok(false);
        };
        let linked = self.request.into.hard_link(first, target);
        linked.map_err(|error| CopyError::io("create", target, error))?;
        Ok(true)
    }

    fn copy_content(
        &mut self,
        source: &[u8],
        target: &[u8],
        metadata: &Metadata,
    ) -> Result<(), CopyError> {
        let mut from = self.view.open(source)?;
        let mut copy = || {
            // The final mode comes after the content, because writing takes setuid away.
            let mut to = self.request.into.create_file(target, 0o600, self.owner(metadata))?;
            let mut copied = 0;
            loop {
                self.request.stop.check()?;
                match io::copy(&mut (&mut from).take(PIECE_SIZE), &mut to)? {
                    0 => return Ok(copied),
                    length => copied += length,
                }
            }
        };
        self.summary.bytes += copy().map_err(|error| CopyError::io("write", target, error))?;
        Ok(())
    }

    fn copy_symlink(
        &self,
        source: &[u8],
        target: &[u8],
        metadata: &Metadata,
    ) -> Result<(), CopyError> {
        let link = self.view.root.read_link(source);
        let link = link.map_err(|error| CopyError::io("read", source, error))?;
        let made = self.request.into.symlink(target, &link, self.owner(metadata));
        made.map_err(|error| CopyError::io("create", target, error))
    }

    /// A device or pipe. Without privilege there are no devices: those of `/dev`, where each step
    /// finds others anyway, are left out.
    fn make_node(&self, target: &[u8], metadata: &Metadata) -> Result<bool, CopyError> {
        let owner = self.owner(metadata);
        match self.request.into.create_node(target, metadata.kind, metadata.mode, owner) {
            Ok(()) => Ok(true),
            Err(error) if is_refused_device(&error, target) => Ok(false),
            Err(error) => Err(CopyError::io("create", target, error)),
        }
    }

    fn owner(&self, metadata: &Metadata) -> Owner {
        let own = if self.view.is_context() { Owner::default() } else { metadata.owner };
        self.request.owner.unwrap_or(own)
    }

    /// Mode, extended attributes and time, in the order in which none undoes another.
    fn set_attributes(
        &self,
        source: &[u8],
        target: &[u8],
        metadata: &Metadata,
    ) -> Result<(), CopyError> {
        let into = self.request.into;
        let set = || {
            if metadata.kind != FileKind::Symlink {
                let is_directory = metadata.kind == FileKind::Directory;
                let mode = self.request.mode.as_ref();
                let mode =
                    mode.map_or(metadata.mode, |mode| mode.apply(metadata.mode, is_directory));
                into.set_mode(target, mode)?;
                for (name, value) in self.view.root.xattrs(source)? {
                    set_xattr(into, target, &name, &value)?;
                }
            }
            into.set_times(target, metadata.mtime)
        };
        set().map_err(|error| CopyError::io("change", target, error))
    }
}

/// Whether making a device below `/dev` was refused for want of privilege.
pub(super) fn is_refused_device(error: &io::Error, target: &[u8]) -> bool {
    error.raw_os_error() == Some(Errno::PERM.raw_os_error()) && target.starts_with(b"dev/")
}

/// Attributes that belong to the file and not to the host that it is on: what programs set, and
/// capabilities.
pub(super) fn set_xattr(into: &Root, target: &[u8], name: &[u8], value: &[u8]) -> io::Result<()> {
    let is_capability = name == b"security.capability";
    if !is_capability && (!name.starts_with(b"user.") || name.starts_with(b"user.overlay.")) {
        return Ok(());
    }
    let value = if is_capability { parse_capability(value) } else { value.to_vec() };
    match into.set_xattr(target, name, &value) {
        // A file system without them, as BuildKit has it; a lost capability is another matter.
        Err(error)
            if !is_capability && error.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error()) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Takes away what stands where a file will be. A directory stays, and is an error.
pub(super) fn clear_for_file(into: &Root, target: &[u8]) -> Result<(), CopyError> {
    let failed = |error| CopyError::io("replace", target, error);
    match into.entry(target).map_err(failed)? {
        None => Ok(()),
        Some(Metadata { kind: FileKind::Directory, .. }) => {
            Err(CopyError::ReplaceDirectory { path: target.to_vec() })
        }
        Some(_) => into.remove(target).map_err(failed),
    }
}

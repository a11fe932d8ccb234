//! COPY and ADD, as BuildKit does them.
//!
//! From the build context, the tree of another stage, or what was fetched, into the tree of the stage at hand. All are
//! hostile: every path is looked up below its [`Root`], and no link leads out of either. What a
//! source is and where it lands follows BuildKit's `solver/llbsolver/file` and its library
//! `tonistiigi/fsutil`; the documentation is
//! <https://docs.docker.com/reference/dockerfile/#copy> and what follows it.
//!
//! Knows nothing of instructions, caches or layers: variables are expanded, names of users are
//! numbers, and times are clamped later, when the layer is taken.

mod error;
mod filter;
mod source;
mod tree;
mod unpack;

#[cfg(test)]
mod tests;

pub use error::{CopyError, Place};

use crate::archive::tar::Timestamp;
use crate::build::plan::Chmod;
use crate::dockerfile::ignore::Ignore;
use crate::store::Stop;
use crate::store::rooted::{FileKind, Metadata, Owner, Root};
use filter::Filter;
use source::View;
use std::io::Write as _;
use tree::TreeCopy;

/// One COPY or ADD.
#[derive(Debug)]
pub struct CopyRequest<'a> {
    /// What, in the order of the instruction.
    pub sources: Vec<Source<'a>>,
    /// Files whose content is in the Dockerfile; they come after the sources.
    pub inline: Vec<Inline<'a>>,
    /// Absolute path. A slash at the end says that it is a directory; `.` in the Dockerfile says
    /// so too.
    pub destination: &'a str,
    /// `--chown`. Without it, what comes from the context is root's, and what comes from a tree
    /// keeps its owner.
    pub owner: Option<Owner>,
    /// `--chmod`.
    pub mode: Option<Chmod>,
    /// `--exclude`: matched below each source.
    pub exclude: &'a Ignore,
    /// `--parents`: sources keep their directories.
    pub parents: bool,
    /// The tree that is changed.
    pub into: &'a Root,
    /// Time of what is made here without a source to take one from, in seconds since 1970.
    pub epoch: i64,
    /// Ends the copying.
    pub stop: &'a Stop,
}

/// One source of an instruction.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where it is.
    pub from: From<'a>,
    /// What of that, variables expanded.
    pub path: SourcePath<'a>,
    /// ADD: whether a tar archive, compressed or not, is unpacked.
    pub extract: bool,
}

/// How a source says what is copied.
#[derive(Debug, Clone, Copy)]
pub enum SourcePath<'a> {
    /// A path, or a pattern, which may match nothing.
    Pattern(&'a str),
    /// A path whatever it is made of.
    Exact(&'a str),
}

/// Where sources are.
#[derive(Debug, Clone, Copy)]
pub enum From<'a> {
    /// The build context.
    Context {
        /// Its directory.
        root: &'a Root,
        /// What `.dockerignore` leaves out.
        ignore: &'a Ignore,
    },
    /// The tree of an image, a stage or a named context, of which everything is there.
    Tree {
        /// Its directory.
        root: &'a Root,
    },
}

/// A heredoc.
#[derive(Debug, Clone, Copy)]
pub struct Inline<'a> {
    /// Name of the file.
    pub name: &'a str,
    /// Its content.
    pub data: &'a [u8],
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CopySummary {
    /// Files, links and devices that were made.
    pub files: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Archives that were unpacked, by their path at the source.
    pub unpacked: Vec<Vec<u8>>,
    /// What could not be made, by its path at the source: sockets, and devices below `/dev` where
    /// the kernel does not let this process make any.
    pub left_out: Vec<Vec<u8>>,
    /// Patterns that matched nothing, which is no error.
    pub unmatched: Vec<Unmatched>,
}

/// A pattern that matched nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// As the instruction has it.
    pub pattern: String,
    /// Without `.dockerignore` it would have matched something.
    pub ignored: bool,
}

/// Copies, and stops at the first error, with what came before it in place.
pub fn copy(request: &CopyRequest<'_>) -> Result<CopySummary, CopyError> {
    let mut copier = Copier { request, summary: CopySummary::default() };
    copier.check_destination()?;
    for source in &request.sources {
        let view = View::of(source.from);
        match source.path {
            SourcePath::Pattern(path) if request.parents => copier.copy_with_parents(view, path)?,
            SourcePath::Pattern(path) => copier.copy_matching(view, path, source.extract)?,
            SourcePath::Exact(path) => {
                copier.copy_found(view, source::clean(path).as_bytes(), path, source.extract)?;
            }
        }
    }
    for inline in &request.inline {
        copier.copy_inline(inline)?;
    }
    Ok(copier.summary)
}

/// Permissions of directories that are made on the way.
const DIRECTORY_MODE: u32 = 0o755;

/// Permissions of heredocs.
const INLINE_MODE: u32 = 0o644;

struct Copier<'a> {
    request: &'a CopyRequest<'a>,
    summary: CopySummary,
}

impl<'a> Copier<'a> {
    /// Several sources for a destination that is no directory would overwrite each other.
    fn check_destination(&self) -> Result<(), CopyError> {
        let count = self.request.sources.len() + self.request.inline.len();
        let destination = self.request.destination;
        if count < 2 || destination.ends_with('/') || self.request.parents {
            return Ok(());
        }
        match self.request.into.metadata(destination.as_bytes()) {
            Ok(Metadata { kind: FileKind::Directory, .. }) => Ok(()),
            _ => Err(CopyError::SeveralSources { destination: destination.to_owned() }),
        }
    }

    fn copy_matching(
        &mut self,
        view: View<'a>,
        pattern: &str,
        extract: bool,
    ) -> Result<(), CopyError> {
        let matches = view.expand(pattern)?;
        if matches.is_empty() {
            let ignored = view.matches_without_ignore(pattern)?;
            self.summary.unmatched.push(Unmatched { pattern: pattern.to_owned(), ignored });
        }
        matches.iter().try_for_each(|path| self.copy_found(view, path, pattern, extract))
    }

    /// What is at a path, which is there or an error that names the `pattern`.
    fn copy_found(
        &mut self,
        view: View<'a>,
        path: &[u8],
        pattern: &str,
        extract: bool,
    ) -> Result<(), CopyError> {
        let (resolved, metadata) = view.find(path, pattern)?;
        if extract && metadata.kind == FileKind::File && unpack::is_archive(view.open(&resolved)?) {
            return self.unpack(view, &resolved);
        }
        self.copy_one(view, path, (&resolved, &metadata), None)
    }

    /// `--parents`: everything is copied from `/`, or from what stands before `/./`, and what does
    /// not match the rest is left out.
    fn copy_with_parents(&mut self, view: View<'a>, source: &str) -> Result<(), CopyError> {
        let (base, wanted) = source.split_once("/./").unwrap_or(("/", source));
        let wanted = source::clean(wanted);
        if !source::has_wildcards(base) && !source::has_wildcards(&wanted) {
            let path = source::clean(&format!("{base}/{wanted}"));
            view.find(path.as_bytes(), source)?;
        }
        let before = self.summary.files;
        for path in view.expand(base)? {
            let (resolved, metadata) = view.find(&path, source)?;
            self.copy_one(view, &path, (&resolved, &metadata), Some(&wanted))?;
        }
        if self.summary.files == before && source::has_wildcards(source) {
            let pattern = source.to_owned();
            self.summary.unmatched.push(Unmatched { pattern, ignored: false });
        }
        Ok(())
    }

    /// One thing, found at `path` and really lying at `resolved`.
    fn copy_one(
        &mut self,
        view: View<'a>,
        path: &[u8],
        (resolved, metadata): (&[u8], &Metadata),
        only: Option<&str>,
    ) -> Result<(), CopyError> {
        let filter = Filter::new(&view, self.request.exclude, only)?;
        let is_directory = metadata.kind == FileKind::Directory;
        if !is_directory && filter.excludes_source(path) {
            return Ok(());
        }
        let target = self.target(path, is_directory)?;
        let mut tree = TreeCopy::new(self.request, view, filter, &mut self.summary);
        if is_directory {
            tree.copy_directory(resolved, &target, metadata)
        } else {
            tree.copy_other(resolved, &target, metadata)
        }
    }

    /// Where something goes, whose parent is made: into the destination if that is a directory, in
    /// its place otherwise. Of a directory, the content goes into the destination, which is made.
    fn target(&self, source: &[u8], is_directory: bool) -> Result<Vec<u8>, CopyError> {
        let destination = self.request.destination.as_bytes();
        if is_directory || destination.ends_with(b"/") {
            self.make_directories(destination)?;
        } else {
            self.make_directories(parent(destination))?;
        }
        let into = self.request.into;
        let failed = |error| CopyError::io("find", destination, error);
        let target = into.resolve(destination).map_err(failed)?;
        match into.entry(&target).map_err(failed)? {
            Some(Metadata { kind: FileKind::Directory, .. }) if !is_directory => {
                Ok(join(&target, name(source)))
            }
            _ => Ok(target),
        }
    }

    fn make_directories(&self, path: &[u8]) -> Result<(), CopyError> {
        let owner = self.request.owner.unwrap_or_default();
        match self.request.into.create_dir_all(path, DIRECTORY_MODE, owner) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                Err(CopyError::NotDirectory { path: path.to_vec() })
            }
            Err(error) => Err(CopyError::io("create", path, error)),
        }
    }

    fn copy_inline(&mut self, inline: &Inline<'_>) -> Result<(), CopyError> {
        let target = self.target(inline.name.as_bytes(), false)?;
        let into = self.request.into;
        tree::clear_for_file(into, &target)?;
        let mode =
            self.request.mode.as_ref().map_or(INLINE_MODE, |mode| mode.apply(INLINE_MODE, false));
        let write = || {
            let mut file =
                into.create_file(&target, mode, self.request.owner.unwrap_or_default())?;
            file.write_all(inline.data)?;
            let mtime = Timestamp { seconds: self.request.epoch, nanoseconds: 0 };
            into.set_times(&target, mtime)
        };
        write().map_err(|error| CopyError::io("write", &target, error))?;
        self.summary.files += 1;
        self.summary.bytes += inline.data.len() as u64;
        Ok(())
    }
}

/// All but the last component.
fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path.get(..end).unwrap_or_default()
}

/// The last component.
fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

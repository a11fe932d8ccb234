//! The two locks: files, or files of a revision.

use super::git::{Repository, Revision};
use crate::cli::args::ReviewArguments;
use crate::cli::context::Context;
use crate::cli::failure::{InLockfile, Misuse, Unreadable};
use crate::cli::project::read_at_most;
use crate::lock::{self, Lockfile};
use crate::oci::{Digest, Platform};
use crate::report::ReviewSide;
use std::io;
use std::path::{Path, PathBuf};

/// Where a lock is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A file.
    File(PathBuf),
    /// A file of a commit, by its path below the repository's top.
    Revision(Revision, PathBuf),
}

/// A lock, if there is one.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) lock: Option<Lockfile>,
    /// The Dockerfile beside a lock of a commit, by its path below the repository's top.
    pub(super) dockerfile: Option<PathBuf>,
    digest: Option<Digest>,
}

/// Both locks.
pub(super) struct Sides<'a> {
    pub(super) old: Found,
    pub(super) new: Found,
    pub(super) repository: Option<Repository<'a>>,
    /// The Dockerfile that the new lock is for, as it is called in the work tree; where the lock is of a
    /// commit, there may be none there.
    pub(super) dockerfile: PathBuf,
}

impl Sides<'_> {
    /// The commit that the new lock is of.
    pub(super) fn new_commit(&self) -> Option<&str> {
        match &self.new.source {
            Source::Revision(revision, _) => Some(&revision.commit),
            Source::File(_) => None,
        }
    }
}

impl Found {
    pub(super) fn side(&self) -> ReviewSide {
        let name = match &self.source {
            Source::File(path) => path.display().to_string(),
            Source::Revision(revision, path) => format!("{}:{}", revision.name, path.display()),
        };
        ReviewSide { name, digest: self.digest }
    }
}

/// Finds and reads them.
pub(super) fn find<'a>(
    arguments: &ReviewArguments,
    context: &'a Context,
) -> anyhow::Result<Sides<'a>> {
    let dockerfile = arguments.input.dockerfile();
    let host = Platform::host();
    let platform = arguments.input.platform.clone().unwrap_or_else(|| host.clone());
    let beside = Lockfile::file_name(&dockerfile, &platform, &host);
    let folder = match beside.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut finder = Finder { context, folder, beside: &beside, repository: None };
    let new = match &arguments.new {
        Some(name) => finder.named(name)?,
        None => Source::File(beside.clone()),
    };
    let old = match &arguments.old {
        Some(name) => finder.named(name)?,
        None => finder.merge_base()?,
    };
    let (old, new) = (finder.read(old)?, finder.read(new)?);
    if new.lock.is_none() {
        let name = new.side().name;
        let gone = old.lock.is_some();
        let message = if gone {
            format!("there is no lockfile `{name}`, and there was one: it was removed")
        } else {
            format!("there is no lockfile `{name}`")
        };
        let hint = "run `rlock lock` and commit the file, or name the lock with `-f DOCKERFILE`";
        return Err(Misuse { message, hint: hint.to_owned() }.into());
    }
    let dockerfile = match &new.source {
        Source::File(path) => {
            dockerfiles_of(path).find(|path| path.is_file()).unwrap_or(dockerfile)
        }
        Source::Revision(..) => finder.shown(&new, dockerfile)?,
    };
    Ok(Sides { old, new, repository: finder.repository, dockerfile })
}

/// What the Dockerfile beside a lock may be called: `x.Dockerfile` of `x.Dockerfile.lock` and of
/// `x.Dockerfile.linux-arm64.lock`.
pub(super) fn dockerfiles_of(lock: &Path) -> impl Iterator<Item = PathBuf> {
    let name = lock.file_name().and_then(|name| name.to_str());
    let plain = name.and_then(|name| name.strip_suffix(".lock")).map(str::to_owned);
    let without_platform =
        plain.as_ref().and_then(|name| Some(name.rsplit_once('.')?.0.to_owned()));
    plain.into_iter().chain(without_platform).map(|name| lock.with_file_name(name))
}

struct Finder<'a, 'b> {
    context: &'a Context,
    folder: &'b Path,
    /// The lock of the work tree.
    beside: &'b Path,
    repository: Option<Repository<'a>>,
}

impl<'a> Finder<'a, '_> {
    /// What the user names: a file or a directory that is there, else a revision.
    fn named(&mut self, name: &str) -> anyhow::Result<Source> {
        let path = Path::new(name);
        if path.is_dir() {
            return Ok(Source::File(path.join("Dockerfile.lock")));
        }
        if path.exists() {
            return Ok(Source::File(path.to_owned()));
        }
        let beside = self.beside;
        let repository = self.repository()?;
        match name.split_once(':') {
            Some((revision, path)) if !path.is_empty() => {
                let revision = repository.revision(revision)?;
                Ok(Source::Revision(revision, PathBuf::from(path)))
            }
            _ => {
                let revision = repository.revision(name.trim_end_matches(':'))?;
                let path = repository.below(beside)?;
                Ok(Source::Revision(revision, path))
            }
        }
    }

    fn merge_base(&mut self) -> anyhow::Result<Source> {
        let beside = self.beside;
        let repository = self.repository()?;
        let base = repository.merge_base()?;
        let path = repository.below(beside)?;
        Ok(Source::Revision(base, path))
    }

    /// The Dockerfile of a lock of a commit, as the user calls it or would call it here.
    fn shown(&mut self, lock: &Found, asked: PathBuf) -> anyhow::Result<PathBuf> {
        let Some(below) = &lock.dockerfile else { return Ok(asked) };
        let repository = self.repository()?;
        if repository.below(&asked).is_ok_and(|path| path == *below) {
            return Ok(asked);
        }
        let path = repository.root.join(below);
        let here = Path::new(".").canonicalize()?;
        Ok(path.strip_prefix(&here).map_or_else(|_| path.clone(), Path::to_owned))
    }

    fn repository(&mut self) -> anyhow::Result<&Repository<'a>> {
        let found = match self.repository.take() {
            Some(found) => found,
            None => Repository::of(self.folder, self.context)?,
        };
        Ok(self.repository.insert(found))
    }

    fn read(&self, source: Source) -> anyhow::Result<Found> {
        let bytes = match &source {
            Source::File(path) => file(path)?,
            Source::Revision(revision, path) => match &self.repository {
                Some(repository) => repository.file(revision, path)?,
                None => None,
            },
        };
        let dockerfile = match (&source, &self.repository) {
            (Source::Revision(revision, path), Some(repository)) if bytes.is_some() => {
                repository.dockerfile_of(revision, path)?
            }
            _ => None,
        };
        let digest = bytes.as_ref().map(|it| Digest::of(it));
        let mut found = Found { source, lock: None, dockerfile, digest };
        if let Some(bytes) = bytes {
            let path = PathBuf::from(found.side().name);
            let lock = Lockfile::parse(&bytes).map_err(|error| InLockfile { path, error })?;
            found.lock = Some(lock);
        }
        Ok(found)
    }
}

fn file(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match read_at_most(path, lock::SIZE_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Unreadable { what: "lockfile", path: path.to_owned(), source }.into()),
    }
}

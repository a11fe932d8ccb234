//! What the user gives a build: the context and the directories of `--build-context`, without what
//! `.dockerignore` leaves out.

use super::copy::{self, CopyError, CopyRequest, From, Source, SourcePath};
use super::room::Room;
use crate::archive::tar::Timestamp;
use crate::build::plan::{Action, Base, CopySource, Plan, RunMountKind};
use crate::build::{BuildError, Request};
use crate::dockerfile::ignore::Ignore;
use crate::store::TemporaryDirectory;
use crate::store::rooted::{FileKind, Root};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A directory of the user's, opened.
pub(crate) struct Context {
    root: Root,
    ignore: Ignore,
}

impl Context {
    /// As a place to copy from.
    pub(crate) fn from(&self) -> From<'_> {
        From::Context { root: &self.root, ignore: &self.ignore }
    }
}

/// Those that a plan takes from: by name, the build context without one.
pub(crate) struct Contexts {
    opened: BTreeMap<Option<String>, Context>,
    /// Copies for `RUN --mount`, by name and path: the files of the user are not a step's to see
    /// whole, nor to be written, nor with their owners.
    copies: Mutex<BTreeMap<(Option<String>, String), PathBuf>>,
    folder: TemporaryDirectory,
    nothing: Ignore,
}

impl Contexts {
    /// Opens what the plan needs, and reads the `.dockerignore` of each before anything is built.
    pub(crate) fn open(request: &Request<'_>) -> Result<Self, BuildError> {
        let mut opened = BTreeMap::new();
        for name in needed(request.plan) {
            let context = match &name {
                None => open(request.context, &ignore_files(request))?,
                Some(name) => {
                    let directory = request.contexts.get(name).ok_or(BuildError::NoSuchBase)?;
                    open(directory, &[directory.join(".dockerignore")])?
                }
            };
            opened.insert(name, context);
        }
        Ok(Self {
            opened,
            copies: Mutex::default(),
            folder: request.store.temporary_directory()?,
            nothing: Ignore::empty(),
        })
    }

    /// The context with this name.
    pub(crate) fn get(&self, name: Option<&str>) -> Result<&Context, BuildError> {
        self.opened.get(&name.map(str::to_owned)).ok_or(BuildError::NoSuchBase)
    }

    /// A copy of a directory or file of a context, made at the first call. As in BuildKit, it
    /// belongs to root.
    pub(crate) fn copy(
        &self,
        request: &Request<'_>,
        name: Option<&str>,
        source: &str,
    ) -> Result<Result<PathBuf, CopyError>, BuildError> {
        let context = self.get(name)?;
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.map(str::to_owned), source.to_owned());
        if let Some(made) = copies.get(&key) {
            return Ok(Ok(made.clone()));
        }
        let folder = self.folder.path().join(copies.len().to_string());
        std::fs::create_dir(&folder).map_err(|error| BuildError::io(&folder, error))?;
        let into = Root::open(&folder).map_err(|error| BuildError::io(&folder, error))?;
        let made = match self.fill(request, context, source, &into) {
            Ok(made) => folder.join(made),
            Err(error) => return Ok(Err(error)),
        };
        copies.insert(key, made.clone());
        Ok(Ok(made))
    }

    /// Copies into an empty directory; the name of what came out.
    fn fill(
        &self,
        request: &Request<'_>,
        context: &Context,
        source: &str,
        into: &Root,
    ) -> Result<PathBuf, CopyError> {
        const TREE: &str = "tree";
        let path = SourcePath::Exact(source);
        copy::copy(&CopyRequest {
            sources: vec![Source { from: context.from(), path, extract: false }],
            inline: Vec::new(),
            destination: TREE,
            owner: None,
            mode: None,
            exclude: &self.nothing,
            parents: false,
            into,
            epoch: request.epoch,
            stop: request.store.stop(),
        })?;
        let failed = |error| CopyError::io("find", source.as_bytes(), error);
        let found = context.root.resolve(source.as_bytes()).map_err(failed)?;
        if let Some(found) = context.root.entry(&found).map_err(failed)?
            && found.kind == FileKind::Directory
        {
            // The copying makes the directory that it copies into, with a mode of its own.
            let whole = source.trim_matches('/').is_empty();
            let mode = if whole { 0o755 } else { found.mode };
            let time = Timestamp { seconds: request.epoch, nanoseconds: 0 };
            let mtime = if whole { time } else { found.mtime };
            let set = || {
                into.set_mode(TREE.as_bytes(), mode)?;
                into.set_times(TREE.as_bytes(), mtime)
            };
            set().map_err(failed)?;
        }
        Ok(TREE.into())
    }
}

/// The names of the contexts that a plan takes from.
fn needed(plan: &Plan) -> Vec<Option<String>> {
    let name = |base: Option<&Base>| match base {
        None => Some(None),
        Some(Base::Context(name)) => Some(Some(name.clone())),
        Some(_) => None,
    };
    let mut names = Vec::new();
    for step in plan.steps() {
        if let Action::Copy(copy) = &step.action
            && copy.sources.iter().any(|source| matches!(source, CopySource::Path(_)))
        {
            names.extend(name(copy.from.as_ref()));
        }
        for mount in step.mounts() {
            match &mount.kind {
                RunMountKind::Bind { from, .. } => names.extend(name(from.as_ref())),
                // Without `from` a cache is empty.
                RunMountKind::Cache { from: from @ Some(_), .. } => {
                    names.extend(name(from.as_ref()));
                }
                _ => {}
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn open(directory: &Path, ignore_files: &[PathBuf]) -> Result<Context, BuildError> {
    let root = Root::open(directory).map_err(|source| BuildError::io(directory, source))?;
    Ok(Context { root, ignore: read_ignore(ignore_files)? })
}

/// `NAME.dockerignore` beside the Dockerfile, which wins over the one in the context.
/// <https://docs.docker.com/build/concepts/context/#filename-and-location>
fn ignore_files(request: &Request<'_>) -> [PathBuf; 2] {
    let mut beside = request.dockerfile.as_os_str().to_owned();
    beside.push(".dockerignore");
    [beside.into(), request.context.join(".dockerignore")]
}

/// The first of these files that there is.
fn read_ignore(paths: &[PathBuf]) -> Result<Ignore, BuildError> {
    for path in paths {
        match std::fs::read(path) {
            Ok(text) => {
                return Ignore::parse(&text)
                    .map_err(|error| BuildError::Ignore { path: path.clone(), error });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BuildError::io(path, error)),
        }
    }
    Ok(Ignore::empty())
}

/// What all steps of one build share.
pub(crate) struct Shared {
    pub(crate) contexts: Contexts,
    pub(crate) caches: super::mounts::Caches,
    /// Where the files of steps go.
    pub(crate) room: Room,
}

impl Shared {
    /// Made before the first step of a build.
    pub(crate) fn new(request: &Request<'_>) -> Result<Self, BuildError> {
        let contexts = Contexts::open(request)?;
        let caches = super::mounts::Caches::new(request.store.temporary_directory()?);
        Ok(Self { contexts, caches, room: Room::open(request)? })
    }
}

//! `COPY`, `ADD` and `WORKDIR`: files of a step's sources go into the stage's tree.

use super::copy::{self, CopyRequest, From, Inline};
use super::mounted::{Folder, Mounted};
use super::stage::Surrounding;
use crate::build::plan::{Base, CopyAction, Step};
use crate::build::{BuildError, FailedReason, FailedStep};
use crate::dockerfile::ignore::Ignore;
use crate::store::StoreError;
use crate::store::rooted::{Owner, Root};
use std::path::{Path, PathBuf};

/// Carries out a `COPY` or `ADD`.
pub(crate) fn copy(
    surrounding: Surrounding<'_>,
    step: &Step,
    action: &CopyAction,
    lowers: &[PathBuf],
    folder: &Folder,
) -> Result<(), BuildError> {
    let into = Mounted::mount(lowers, folder)?;
    let copied = match &action.from {
        None => {
            let request = surrounding.request;
            let context = open(request.context)?;
            let ignore = read_ignore(&[beside(request.dockerfile), within(request.context)], step)?;
            let from = From::Context { root: &context, ignore: &ignore };
            perform(surrounding, step, action, from, &into)
        }
        Some(Base::Context(name)) => {
            let directory = surrounding.request.contexts.get(name).ok_or(BuildError::NoSuchBase)?;
            let context = open(directory)?;
            let ignore = read_ignore(&[within(directory)], step)?;
            let from = From::Context { root: &context, ignore: &ignore };
            perform(surrounding, step, action, from, &into)
        }
        Some(base) => {
            let layers = surrounding.base(base)?.lowers;
            let view = Folder::create(&folder.files.join("source"))?;
            let source = Mounted::mount(&layers, &view)?;
            perform(surrounding, step, action, From::Tree { root: source.root() }, &into)?;
            source.unmount()
        }
    };
    copied?;
    into.unmount()
}

fn perform(
    surrounding: Surrounding<'_>,
    step: &Step,
    action: &CopyAction,
    from: From<'_>,
    into: &Mounted,
) -> Result<(), BuildError> {
    let failed = |reason| BuildError::from(FailedStep::of(step, reason, Vec::new()));
    let owner = match &action.chown {
        Some(spec) => {
            let owner = into.accounts()?.owner(spec).map_err(|error| failed(error.into()))?;
            Some(Owner { uid: owner.0, gid: owner.1 })
        }
        None => None,
    };
    let exclude = Ignore::from_patterns(&action.exclude)
        .map_err(|error| failed(FailedReason::Exclude(error)))?;
    let inline = action.inline.iter().map(|(name, text)| Inline { name, data: text.as_bytes() });
    let request = CopyRequest {
        sources: action.sources.clone(),
        from,
        inline: inline.collect(),
        destination: &action.destination,
        owner,
        mode: action.chmod.clone(),
        extract_archives: action.extract,
        exclude: &exclude,
        parents: action.parents,
        into: into.root(),
        epoch: surrounding.request.epoch,
        stop: surrounding.request.store.stop(),
    };
    copy::copy(&request).map_err(|error| match error.into_storage_full() {
        Ok(full) => StoreError::io("write", into.path(), full).into(),
        Err(error) => failed(error.into()),
    })?;
    Ok(())
}

/// Makes the directory of a `WORKDIR`.
pub(crate) fn make_directory(
    step: &Step,
    path: &str,
    lowers: &[PathBuf],
    folder: &Folder,
) -> Result<(), BuildError> {
    let into = Mounted::mount(lowers, folder)?;
    into.root()
        .create_dir_all(path.trim_start_matches('/').as_bytes(), 0o755, Owner { uid: 0, gid: 0 })
        .map_err(|error| FailedStep::of(step, FailedReason::Directory(error), Vec::new()))?;
    into.unmount()
}

fn open(path: &Path) -> Result<Root, BuildError> {
    Root::open(path).map_err(|source| BuildError::io(path, source))
}

/// `NAME.dockerignore` beside the Dockerfile, which wins over the one in the context.
/// <https://docs.docker.com/build/concepts/context/#filename-and-location>
fn beside(dockerfile: &Path) -> PathBuf {
    let mut path = dockerfile.as_os_str().to_owned();
    path.push(".dockerignore");
    path.into()
}

/// `.dockerignore` of a context; those given with `--build-context` have their own.
fn within(context: &Path) -> PathBuf {
    context.join(".dockerignore")
}

/// The first of these files that there is.
fn read_ignore(paths: &[PathBuf], step: &Step) -> Result<Ignore, BuildError> {
    for path in paths {
        match std::fs::read(path) {
            Ok(text) => {
                return Ignore::parse(&text).map_err(|error| {
                    let reason = FailedReason::Ignore { path: path.clone(), error };
                    FailedStep::of(step, reason, Vec::new()).into()
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BuildError::io(path, error)),
        }
    }
    Ok(Ignore::empty())
}

//! `COPY`, `ADD` and `WORKDIR`: files of a step's sources go into the stage's tree.

use super::copy::{self, CopyRequest, From, Inline, Source, SourcePath, Unmatched};
use super::mounted::{Folder, Mounted};
use super::remote::{self, Fetched};
use super::stage::Surrounding;
use crate::build::plan::{Base, CopyAction, CopySource, Step};
use crate::build::{BuildError, FailedReason, FailedStep};
use crate::dockerfile::ignore::Ignore;
use crate::package::Package;
use crate::store::StoreError;
use crate::store::rooted::Owner;
use std::path::PathBuf;

/// What a `COPY` or `ADD` did beside copying.
pub(crate) struct Copied {
    /// What is probably a mistake.
    pub(crate) warnings: Vec<String>,
    /// What is installed now, where it brought a package database.
    pub(crate) databases: Option<Vec<Package>>,
}

/// Carries out a `COPY` or `ADD`.
pub(crate) fn copy(
    surrounding: Surrounding<'_>,
    step: &Step,
    action: &CopyAction,
    lowers: &[PathBuf],
    folder: &Folder,
) -> Result<Copied, BuildError> {
    let fetched = remote::fetch(surrounding, step, action, folder)?;
    let into = Mounted::mount(lowers, folder)?;
    let tree = match &action.from {
        None | Some(Base::Context(_)) => None,
        Some(base) => {
            let layers = surrounding.base(base)?.lowers;
            let view = Folder::create(&folder.files.join("source"))?;
            Some(Mounted::mount(&layers, &view)?)
        }
    };
    let local = match (&action.from, &tree) {
        (_, Some(tree)) => Some(From::Tree { root: tree.root() }),
        (Some(Base::Context(name)), None) => {
            Some(surrounding.shared.contexts.get(Some(name))?.from())
        }
        _ if !action.sources.iter().any(|source| matches!(source, CopySource::Path(_))) => None,
        _ => Some(surrounding.shared.contexts.get(None)?.from()),
    };
    let sources = sources(action, local, &fetched);
    let unmatched = perform(surrounding, step, action, sources, &into)?;
    if let Some(tree) = tree {
        tree.unmount()?;
    }
    let databases = into.packages_if_written(folder)?;
    into.unmount()?;
    let warnings = unmatched.iter().map(|unmatched| warning(action, unmatched)).collect();
    Ok(Copied { warnings, databases })
}

fn sources<'a>(
    action: &'a CopyAction,
    local: Option<From<'a>>,
    fetched: &'a [Option<Fetched>],
) -> Vec<Source<'a>> {
    let source = |(source, fetched): (&'a CopySource, &'a Option<Fetched>)| match (source, fetched)
    {
        (CopySource::Path(path), _) => {
            let path = SourcePath::Pattern(path);
            Some(Source { from: local?, path, extract: action.extract })
        }
        (_, fetched) => {
            let Fetched { root, path, extract } = fetched.as_ref()?;
            let path = SourcePath::Exact(path);
            Some(Source { from: From::Tree { root }, path, extract: *extract })
        }
    };
    action.sources.iter().zip(fetched).filter_map(source).collect()
}

/// As in BuildKit a pattern without a match is no error; but hardly what was meant.
fn warning(action: &CopyAction, unmatched: &Unmatched) -> String {
    let place = match action.from {
        None | Some(Base::Context(_)) => "in the build context",
        Some(_) => "there",
    };
    let pattern = &unmatched.pattern;
    if unmatched.ignored {
        return format!("`{pattern}` matches nothing but what .dockerignore leaves out");
    }
    format!("`{pattern}` matches nothing {place}")
}

fn perform(
    surrounding: Surrounding<'_>,
    step: &Step,
    action: &CopyAction,
    sources: Vec<Source<'_>>,
    into: &Mounted,
) -> Result<Vec<Unmatched>, BuildError> {
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
        sources,
        inline: inline.collect(),
        destination: &action.destination,
        owner,
        mode: action.chmod.clone(),
        exclude: &exclude,
        parents: action.parents,
        into: into.root(),
        epoch: surrounding.request.epoch,
        stop: surrounding.request.store.stop(),
    };
    let done = copy::copy(&request).map_err(|error| match error.into_storage_full() {
        Ok(full) => StoreError::io("write", into.path(), full).into(),
        Err(error) => failed(error.into()),
    });
    Ok(done?.unmatched)
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

//! Failures: those that only commands know, and for every failure its exit code and how it is shown.

use super::args::ImageArgument;
use super::diagnostic::{Diagnostic, Excerpt};
use super::explain::UnknownName;
use super::settings::InSettings;
use super::store::{BadArtifact, Incomplete};
use crate::advisory::lifecycle::LifecycleError;
use crate::build::plan::PlanError;
use crate::build::{BuildError, FailedStep, Fault};
use crate::diff::DiffError;
use crate::dockerfile::ParseError;
use crate::lock::LockError;
use crate::registry::RegistryError;
use crate::report::coverage;
use crate::report::{LockState, Status};
use crate::sandbox::SandboxError;
use crate::store::{self, StoreError};
use crate::text::Span;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What [`Unreadable`] calls a Dockerfile.
pub(super) const DOCKERFILE: &str = "Dockerfile";

/// An error at a place in the Dockerfile.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub(super) struct InDockerfile {
    pub(super) path: PathBuf,
    source_text: Vec<u8>,
    error: PlanError,
}

impl InDockerfile {
    /// A Dockerfile that cannot be read.
    pub(super) fn parse(path: &Path, source: &[u8], error: ParseError) -> Self {
        Self::plan(path, source, PlanError::At(error))
    }

    /// A Dockerfile that cannot be built.
    pub(super) fn plan(path: &Path, source: &[u8], error: PlanError) -> Self {
        Self { path: path.to_owned(), source_text: source.to_owned(), error }
    }

    fn excerpt(&self) -> Option<Excerpt> {
        match &self.error {
            PlanError::At(error) => Some(Excerpt {
                path: self.path.clone(),
                source: self.source_text.clone(),
                span: error.span,
                label: error.label.clone().unwrap_or_default(),
            }),
            PlanError::NoStage { .. } => None,
        }
    }
}

/// A step that failed, with the Dockerfile that it stands in.
#[derive(Debug, thiserror::Error)]
#[error("{failed}")]
pub(super) struct InStep {
    path: PathBuf,
    source_text: Vec<u8>,
    span: Span,
    failed: Box<FailedStep>,
}

impl InStep {
    /// Puts a build's failure at its place; other errors stay as they are.
    pub(super) fn locate(
        error: BuildError,
        path: &Path,
        source: &[u8],
        span_of: impl Fn(&str) -> Option<Span>,
    ) -> anyhow::Error {
        match error {
            BuildError::Step(failed) => {
                let span = span_of(&failed.id).unwrap_or_default();
                let (path, source_text) = (path.to_owned(), source.to_owned());
                Self { path, source_text, span, failed }.into()
            }
            other => other.into(),
        }
    }
}

/// A lockfile that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub(super) struct InLockfile {
    pub(super) path: PathBuf,
    pub(super) error: LockError,
}

/// A Dockerfile, lockfile or build context that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the {what} `{}`: {source}", path.display())]
pub(super) struct Unreadable {
    pub(super) what: &'static str,
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

/// An image that the Dockerfile names and that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: no image `{name}`", path.display())]
pub(super) struct NoImage {
    pub(super) path: PathBuf,
    pub(super) line: usize,
    pub(super) name: String,
    /// Whether `--build-context` says where it is.
    pub(super) is_given: bool,
    pub(super) source: anyhow::Error,
}

/// An image that would have to be pulled, and must not be.
#[derive(Debug, thiserror::Error)]
#[error("`{reference}` is not in the Store, and --offline forbids to pull it")]
pub(super) struct OfflinePull {
    pub(super) reference: String,
}

/// A name that was taken for an image in a registry, where a file of that name lies.
#[derive(Debug, thiserror::Error)]
#[error("cannot get `{name}`")]
pub(super) struct LikeFile {
    name: String,
    hint: String,
    source: anyhow::Error,
}

impl LikeFile {
    /// The error for an image that cannot be had, with the suspicion where there is one.
    pub(super) fn suspect(argument: &ImageArgument, error: anyhow::Error) -> anyhow::Error {
        match argument.hint(&Path::exists) {
            Some(hint) => Self { name: argument.text.clone(), hint, source: error }.into(),
            None => error,
        }
    }
}

/// A lockfile that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the lockfile `{}`", path.display())]
pub(super) struct Unwritable {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

impl Unwritable {
    fn hint(&self) -> Option<String> {
        store::advice(&self.source, &self.path)
    }
}

/// Options or variables that do not go together, or name something that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Misuse {
    pub(super) message: String,
    pub(super) hint: String,
}

/// The user stopped the command.
#[derive(Debug, thiserror::Error)]
#[error("{}", if *signal == 2 { "interrupted" } else { "terminated" })]
struct Interrupted {
    signal: u8,
}

/// Whatever fails after the user asked to stop, fails because of that; but nothing hides content that is
/// not what it should be.
pub(super) fn interrupted(error: anyhow::Error, signal: Option<u8>) -> anyhow::Error {
    match (signal, ending(&error)) {
        (Some(signal), Ending::Status(status)) if status != Status::Integrity => {
            Interrupted { signal }.into()
        }
        _ => error,
    }
}

/// A lock that must be used and does not fit, or is not there.
#[derive(Debug)]
pub(super) struct StaleLock {
    pub(super) path: PathBuf,
    pub(super) dockerfile: PathBuf,
    pub(super) state: LockState,
}

impl fmt::Display for StaleLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, dockerfile) = (self.path.display(), self.dockerfile.display());
        match &self.state {
            LockState::Stale(misfits) => {
                write!(formatter, "the lockfile `{path}` does not fit `{dockerfile}`")?;
                misfits.iter().try_for_each(|misfit| write!(formatter, "\n{}", misfit.reason))
            }
            _ => write!(formatter, "there is no lockfile `{path}`"),
        }
    }
}

impl std::error::Error for StaleLock {}

/// How a failed command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With one of the documented codes.
    Status(Status),
    /// The user stopped it with this signal.
    Interrupted(u8),
}

/// The exit code of a failure. What is not known to be something else could not be determined.
pub(super) fn ending(error: &anyhow::Error) -> Ending {
    let known = error.chain().find_map(|cause| {
        if let Some(Interrupted { signal }) = cause.downcast_ref() {
            return Some(Ending::Interrupted(*signal));
        }
        status(cause).map(Ending::Status)
    });
    known.unwrap_or(Ending::Status(Status::Undetermined))
}

fn status(cause: &(dyn std::error::Error + 'static)) -> Option<Status> {
    let in_step = cause.downcast_ref().map(|InStep { failed, .. }| &**failed);
    if let Some(failed) = in_step.or_else(|| cause.downcast_ref::<FailedStep>()) {
        let refused = || coverage::explain_failure(&failed.id, &failed.traffic);
        return Some(match failed.reason.fault() {
            Fault::Build => refused().map_or(Status::BuildFailed, |refused| refused.status),
            Fault::Integrity => Status::Integrity,
            Fault::Lock => Status::Findings,
            Fault::Outside => Status::Undetermined,
        });
    }
    let usage = cause.is::<InDockerfile>()
        || cause.is::<InLockfile>()
        || cause.is::<InSettings>()
        || cause.is::<LifecycleError>()
        || cause.is::<Unreadable>()
        || cause.is::<UnknownName>()
        || cause.is::<Misuse>()
        || matches!(cause.downcast_ref(), Some(BuildError::Ignore { .. } | BuildError::Held(_)));
    if usage {
        return Some(Status::Usage);
    }
    if cause.is::<StaleLock>() || cause.is::<Incomplete>() {
        return Some(Status::Findings);
    }
    if let Some(BadArtifact { is_another_kind, .. }) = cause.downcast_ref() {
        return Some(if *is_another_kind { Status::Usage } else { Status::Integrity });
    }
    let integrity = store_error(cause).is_some_and(StoreError::is_integrity)
        || cause.downcast_ref().is_some_and(RegistryError::is_integrity);
    if integrity {
        return Some(Status::Integrity);
    }
    match store_error(cause) {
        Some(
            StoreError::NotFound { .. }
            | StoreError::Ambiguous { .. }
            | StoreError::Platform { .. },
        ) => Some(Status::Usage),
        Some(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Some(Status::Usage)
        }
        _ => None,
    }
}

/// The Store's error that a cause is. Errors that show another one as themselves do not have it as
/// their source.
fn store_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a StoreError> {
    if let Some(BuildError::Store(error)) = cause.downcast_ref() {
        return Some(error);
    }
    if let Some(DiffError::Store { source, .. }) = cause.downcast_ref() {
        return Some(source);
    }
    cause.downcast_ref()
}

/// The failure as it is shown.
pub(super) fn diagnostic(error: &anyhow::Error) -> Diagnostic {
    let exact = error.chain().find_map(hint);
    let hint = exact.or_else(|| find::<NoImage>(error).map(NoImage::hint));
    let diagnostic = Diagnostic::of(error.as_ref()).hint(hint);
    if let Some(InStep { path, source_text, span, failed }) = find(error) {
        let (path, source) = (path.clone(), source_text.clone());
        let excerpt = Excerpt { path, source, span: *span, label: failed.reason.to_string() };
        return diagnostic.excerpt(excerpt).output(failed.output.clone());
    }
    match find::<InDockerfile>(error).and_then(InDockerfile::excerpt) {
        Some(excerpt) => diagnostic.excerpt(excerpt),
        None => diagnostic,
    }
}

fn find<E: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let of = |hint: Option<Option<String>>| hint.flatten();
    of(cause.downcast_ref().map(|InDockerfile { error, .. }| error.hint()))
        .or_else(|| of(cause.downcast_ref().map(|InStep { failed, .. }| step_hint(failed))))
        .or_else(|| of(cause.downcast_ref().map(|InLockfile { error, .. }| error.hint())))
        .or_else(|| cause.downcast_ref().map(StaleLock::hint))
        .or_else(|| cause.is::<Incomplete>().then(|| Incomplete::HINT.to_owned()))
        .or_else(|| of(cause.downcast_ref().map(Unreadable::hint)))
        .or_else(|| of(cause.downcast_ref().map(UnknownName::hint)))
        .or_else(|| cause.downcast_ref().map(|LikeFile { hint, .. }| hint.clone()))
        .or_else(|| cause.downcast_ref().map(OfflinePull::hint))
        .or_else(|| cause.downcast_ref().map(|Misuse { hint, .. }| hint.clone()))
        .or_else(|| of(cause.downcast_ref().map(Unwritable::hint)))
        .or_else(|| of(cause.downcast_ref().map(BuildError::hint)))
        .or_else(|| of(cause.downcast_ref().map(StoreError::hint)))
        .or_else(|| of(cause.downcast_ref().map(RegistryError::hint)))
        .or_else(|| of(cause.downcast_ref().map(SandboxError::hint)))
        .or_else(|| of(cause.downcast_ref().map(DiffError::hint)))
}

/// What was refused to a step is the likelier reason of its failure.
fn step_hint(failed: &FailedStep) -> Option<String> {
    match coverage::explain_failure(&failed.id, &failed.traffic) {
        Some(refused) => Some(format!("{}: {}", refused.message, refused.hint)),
        None => failed.hint.clone(),
    }
}

impl Unreadable {
    fn hint(&self) -> Option<String> {
        let hint = match (self.source.kind(), self.what) {
            (io::ErrorKind::NotFound, DOCKERFILE) => {
                "name the directory that has it, as in `rlock check DIR`, or the file with `-f FILE`"
            }
            (io::ErrorKind::PermissionDenied, _) => "check who owns it and its permissions",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl NoImage {
    fn hint(&self) -> String {
        if self.is_given {
            return "`--build-context` names the place where it should be".to_owned();
        }
        let name = &self.name;
        format!(
            "check its name and the network, or say where it is: `--build-context \
             {name}=oci-layout://DIR`"
        )
    }
}

impl OfflinePull {
    fn hint(&self) -> String {
        format!(
            "pull it once without --offline, or say where it is: `--build-context \
             {}=oci-layout://DIR`",
            self.reference
        )
    }
}

impl StaleLock {
    fn hint(&self) -> String {
        match self.state {
            LockState::Stale(_) => {
                "run `rlock lock`, which keeps every pin that still fits".to_owned()
            }
            _ => "run `rlock lock` and commit the file".to_owned(),
        }
    }
}

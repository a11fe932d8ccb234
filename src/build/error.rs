//! Why a build did not give an image.

use super::embedded::{CopyError, UserError};
use super::hint;
use super::plan::Step;
use crate::dockerfile::ignore::IgnoreError;
use crate::normalize::NormalizeError;
use crate::package::PackageError;
use crate::sandbox::SandboxError;
use crate::store::{StoreError, advice};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A build that gave no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A step of the user's own build failed: exit code 4.
    #[error(transparent)]
    Step(#[from] Box<FailedStep>),
    /// The build was stopped from outside.
    #[error("the build was cancelled")]
    Cancelled,
    /// A plan names a stage or image that it does not hold; a defect of the caller.
    #[error("the plan takes from a stage or an image that it does not hold")]
    NoSuchBase,
    /// The Store, or an image in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Namespaces, mounts, processes.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A normaliser.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// A package database that cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file of this machine.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl BuildError {
    /// An error of the file at `path`.
    pub(crate) fn io(path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { path: path.as_ref().to_owned(), source }
    }

    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Step(step) => step.hint.clone(),
            Self::Store(error) => error.hint(),
            Self::Sandbox(error) => error.hint(),
            Self::Io { path, source } => advice(source, path),
            _ => None,
        }
    }
}

/// A step of the user's own build that failed.
#[derive(Debug)]
pub struct FailedStep {
    /// Id of the step.
    pub id: String,
    /// First and last line in the Dockerfile, from 1.
    pub lines: (usize, usize),
    /// The instruction in one line.
    pub text: String,
    /// Why.
    pub reason: FailedReason,
    /// The way out, for the classic failures.
    pub hint: Option<String>,
    /// The last lines that it wrote.
    pub output: Vec<Vec<u8>>,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum FailedReason {
    /// A command ended with this code.
    #[error("failed with exit code {0}")]
    Code(i32),
    /// A command was ended by this signal.
    #[error("was ended by signal {0}")]
    Signal(i32),
    /// A user or group that the image does not have.
    #[error("failed: {0}")]
    User(#[from] UserError),
    /// A directory could not be made.
    #[error("failed: {0}")]
    Directory(io::Error),
    /// A `.dockerignore` that is not one.
    #[error("failed: `{}`: {error}", path.display())]
    Ignore {
        /// The file.
        path: PathBuf,
        /// Which line, and why.
        error: IgnoreError,
    },
    /// An `--exclude` that is no pattern.
    #[error("failed: `--exclude`: {0}")]
    Exclude(IgnoreError),
    /// Files could not be copied.
    #[error("failed: {}", with_causes(.0))]
    Copy(#[from] CopyError),
    /// It left something that no layer can hold.
    #[error("failed: {0}")]
    Left(StoreError),
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl FailedReason {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Copy(error) => error.hint(),
            Self::Ignore { error, .. } | Self::Exclude(error) => error.hint(),
            Self::Code(_) | Self::Signal(_) | Self::User(_) => None,
            Self::Directory(_) | Self::Left(_) => None,
        }
    }
}

impl FailedStep {
    /// The failure of `step`, with a hint if it is a classic one.
    pub(crate) fn of(step: &Step, reason: FailedReason, output: Vec<Vec<u8>>) -> Box<Self> {
        let code = match &reason {
            FailedReason::Code(code) => Some(*code),
            _ => None,
        };
        let written = output.join(&b'\n');
        let failed = hint::FailedStep { command: &step.script, code, output: &written };
        let hint = reason.hint().or_else(|| hint::find(&failed).map(|hint| hint.text));
        Box::new(Self {
            id: step.id.clone(),
            lines: step.lines,
            text: step.text.clone(),
            reason,
            hint,
            output,
        })
    }
}

impl fmt::Display for FailedStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` at line {} {}", self.text, self.lines.0, self.reason)
    }
}

impl std::error::Error for FailedStep {}

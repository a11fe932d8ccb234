//! Why a build did not give an image.

use super::embedded::{CopyError, GitError, HeldError, PointError, TrustError, UserError};
use super::hint;
use super::plan::Step;
use crate::dockerfile::ignore::IgnoreError;
use crate::door::{DoorError, Traffic};
use crate::door::{Refusal, RefusalReason};
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
    /// A `.dockerignore` that is not one; found before anything is built.
    #[error("`{}`: {error}", path.display())]
    Ignore {
        /// The file.
        path: PathBuf,
        /// Which line, and why.
        error: IgnoreError,
    },
    /// The Store, or an image in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Namespaces, mounts, processes.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A normaliser.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// The Door.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// A package database that cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The certificate that a step is lent.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Packages that are to stay as they are.
    #[error(transparent)]
    Held(#[from] HeldError),
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
            Self::Ignore { error, .. } => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Sandbox(error) => error.hint(),
            Self::Trust(error) => error.hint(),
            Self::Held(error) => error.hint(),
            Self::Door(error) => error.hint(),
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
    /// What it took from outside, and what it was refused.
    pub traffic: Traffic,
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
    /// An `--exclude` that is no pattern.
    #[error("failed: `--exclude`: {0}")]
    Exclude(IgnoreError),
    /// Files could not be copied.
    #[error("failed: {}", with_causes(.0))]
    Copy(#[from] CopyError),
    /// Nothing can be mounted where a mount says.
    #[error("failed: {0}")]
    Mount(PointError),
    /// A secret that cannot be the value of a variable.
    #[error("failed: the secret `{id}` has a zero byte, which no variable can have")]
    SecretVariable {
        /// Its id.
        id: String,
    },
    /// It wrote one of its secrets into the image.
    #[error("failed: it left a secret in `{}`, and with it in the image", path.display())]
    SecretLeft {
        /// The file in the image.
        path: PathBuf,
    },
    /// It wrote the certificate that it is lent to where it cannot be taken out of.
    #[error("failed: {0}")]
    AuthorityLeft(TrustError),
    /// Something from outside was not to be had.
    #[error("failed: {}", refused(.0))]
    Refused(Refusal),
    /// A server answered with something else than the file.
    #[error("failed: `{url}` answered with status {status}")]
    Status {
        /// Without credentials.
        url: String,
        /// Of the response.
        status: u16,
    },
    /// A secret that BuildKit would authenticate with, which would not be used.
    #[error("failed: the secret `{id}` is not supported: ADD of a URL is done without credentials")]
    Credentials {
        /// Its id.
        id: String,
    },
    /// What was fetched is not what `--checksum` says.
    #[error("failed: `{url}` is {found}, and not {expected}")]
    Checksum {
        /// Without credentials.
        url: String,
        /// A digest, or how a commit's id starts.
        expected: String,
        /// A digest, or a commit's id.
        found: String,
    },
    /// A git repository was not to be had.
    #[error("failed: {0}")]
    Git(GitError),
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
            Self::Exclude(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::AuthorityLeft(error) => error.hint(),
            Self::SecretLeft { .. } => {
                Some("write nothing that holds a secret, or delete it in the same RUN".to_owned())
            }
            Self::Credentials { .. } => {
                Some("use `RUN --mount=type=secret` with a client that can authenticate".to_owned())
            }
            Self::Checksum { .. } => Some(
                "take it only if you know why it is another one: then change `--checksum`"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Whose fault the failure is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Checksum { .. } => Fault::Integrity,
            Self::Refused(refusal) => match refusal.reason {
                RefusalReason::Integrity { .. } => Fault::Integrity,
                RefusalReason::NotLocked => Fault::Lock,
                RefusalReason::Unavailable(_)
                | RefusalReason::Upstream(_)
                | RefusalReason::Store(_) => Fault::Outside,
                _ => Fault::Build,
            },
            _ => Fault::Build,
        }
    }
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The user's own build.
    Build,
    /// Content that is not what it should be.
    Integrity,
    /// A lock that does not have what the build needs.
    Lock,
    /// Somebody who could not be reached, or does not have it.
    Outside,
}

fn refused(refusal: &Refusal) -> String {
    let Refusal { target, reason } = refusal;
    match reason {
        RefusalReason::NotLocked => format!("the lock does not have `{target}`"),
        RefusalReason::Unavailable(tried) => {
            let tried = if tried.is_empty() { "nowhere".to_owned() } else { tried.join(", ") };
            format!("nobody has `{target}` any more (tried: {tried})")
        }
        RefusalReason::Upstream(why) => format!("cannot get `{target}`: {why}"),
        RefusalReason::Integrity { expected, found, .. } => {
            format!("`{target}` is {found}, and the lock says {expected}")
        }
        RefusalReason::NotHttp => format!("`{target}` is neither HTTP nor TLS"),
        RefusalReason::Untrusted(why) | RefusalReason::Unsupported(why) => {
            format!("cannot get `{target}`: {why}")
        }
        RefusalReason::Datagram => format!("`{target}` was asked by UDP"),
        RefusalReason::Store(why) => format!("cannot keep `{target}`: {why}"),
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
            traffic: Traffic::default(),
        })
    }
}

impl fmt::Display for FailedStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` at line {} {}", self.text, self.lines.0, self.reason)
    }
}

impl std::error::Error for FailedStep {}

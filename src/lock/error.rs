//! What is wrong with a lockfile, and where.

use super::{EPOCH_MAX, SIZE_MAX, VERSION};
use crate::oci::{DigestError, PlatformError, ReferenceError};

/// A lockfile that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct LockError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: LockErrorKind,
}

/// What is wrong with a lockfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockErrorKind {
    /// Larger than [`SIZE_MAX`].
    #[error("the lockfile has more than {SIZE_MAX} bytes, which are not read")]
    TooLarge,
    /// Not UTF-8.
    #[error("the lockfile is not UTF-8")]
    NotUtf8,
    /// Starts with a byte order mark.
    #[error("the lockfile starts with a byte order mark")]
    ByteOrderMark,
    /// Has a carriage return.
    #[error("the line ends in CR LF; lockfiles end lines in LF alone")]
    CarriageReturn,
    /// A merge was not finished.
    #[error("`{0}` is the mark of a merge conflict")]
    Conflict(&'static str),
    /// Not TOML, or a key that is unknown, missing, twice or of the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// Another form than this program knows.
    #[error("the lockfile has version {found}, this rlock reads version {VERSION}")]
    Version {
        /// The version that the file names.
        found: i64,
    },
    /// `platform` is not one.
    #[error("`platform`: {0}")]
    Platform(PlatformError),
    /// `epoch` is not a time that files and images can have.
    #[error("`epoch`: {0} is not between 0 and {EPOCH_MAX}")]
    Epoch(i64),
    /// A digest is not one.
    #[error("`{key}`: {error}")]
    Digest {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        error: DigestError,
    },
    /// `reference` is not one.
    #[error("`reference`: {0}")]
    Reference(ReferenceError),
    /// A value that could have been written in another way, or that does not fit its key.
    #[error("`{key}`: `{value}` {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value, without control characters.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// Two blocks for the same thing.
    #[error("`{name}` is locked a second time by this `{block}`; the first is at line {first}")]
    Duplicate {
        /// Kind of block.
        block: &'static str,
        /// What both name.
        name: String,
        /// Line of the first block.
        first: usize,
    },
    /// Two blocks ask the same and have different answers.
    #[error("`{url}` is locked with another `{key}` than at line {first}")]
    Answer {
        /// What both ask for.
        url: String,
        /// The first key of the answer that differs.
        key: &'static str,
        /// Line of the other block.
        first: usize,
    },
    /// A URL with a user's name or password.
    #[error("`{key}` has credentials in it")]
    Credentials {
        /// The key.
        key: &'static str,
    },
    /// A key that makes sense only with another one.
    #[error("`{has}` without `{lacks}`")]
    Incomplete {
        /// What is there.
        has: &'static str,
        /// What is not.
        lacks: &'static str,
    },
    /// A step belongs to a stage that is not there.
    #[error("`id`: there is no `[[stage]]` of the step `{0}` in this file")]
    UnknownStage(String),
    /// A pin belongs to a step that is not there.
    #[error("`step`: `{0}` is not the id of a `[[step]]` of this file")]
    UnknownStep(String),
}

impl LockError {
    pub(super) fn new(line: usize, kind: LockErrorKind) -> Self {
        Self { line, kind }
    }

    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match &self.kind {
            LockErrorKind::Conflict(_) => {
                "take either side of the conflict, then let `rlock lock` complete it"
            }
            LockErrorKind::Answer { .. } => {
                "two branches locked it at different times: take the lockfile of one of them, then \
                 let `rlock lock` complete it"
            }
            LockErrorKind::Credentials { .. } => {
                "whoever can read the file has them: revoke them, remove the file, and run \
                 `rlock lock`"
            }
            LockErrorKind::CarriageReturn => {
                "keep git from changing it: add `*.lock text eol=lf` to .gitattributes"
            }
            LockErrorKind::ByteOrderMark | LockErrorKind::NotUtf8 => {
                "save it as UTF-8 without a byte order mark, or remove it and run `rlock lock`"
            }
            LockErrorKind::Version { found } if *found > i64::from(VERSION) => {
                "a newer rlock wrote it: use that one"
            }
            LockErrorKind::Version { .. } | LockErrorKind::TooLarge => {
                "remove it and run `rlock lock`"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

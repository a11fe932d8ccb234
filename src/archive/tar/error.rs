//! What can be wrong with an archive, and where.

use super::{PathProblem, PaxProblem};
use std::fmt;
use std::io;

/// An archive that is not read, or an entry that is not written.
#[derive(Debug)]
pub struct TarError {
    place: Place,
    problem: Problem,
}

/// Where in which archive.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    entry: Option<Vec<u8>>,
    offset: u64,
}

/// What is wrong. All but [`Problem::Read`] and [`Problem::Write`] are faults of the archive or
/// entry itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes of the archive cannot be had.
    #[error("cannot read")]
    Read(#[source] io::Error),
    /// The archive, or the body of the entry, cannot be passed on.
    #[error("cannot write")]
    Write(#[source] io::Error),
    /// The archive stops where something has to follow.
    #[error("archive is truncated: it ends within {0}")]
    Truncated(&'static str),
    /// An earlier error made the rest unreadable.
    #[error("archive was found broken before")]
    Broken,
    /// The header's checksum is another.
    #[error("header has a wrong checksum")]
    Checksum,
    /// A magic number with a version that is not its own.
    #[error("header has an unknown version of the format")]
    Version,
    /// One zero block and then more.
    #[error("entry after a lone zero block, which some readers take for the end")]
    LoneZeroBlock,
    /// Two zero blocks and then something.
    #[error("data after the end of the archive")]
    DataAfterEnd,
    /// A number that is none.
    #[error("field `{0}` is not a number")]
    Number(&'static str),
    /// A number that nothing on Linux can have.
    #[error("`{field}` is {value}, which is out of range")]
    Range {
        /// Of the header.
        field: &'static str,
        /// Found there.
        value: i64,
    },
    /// A type that readers do not agree on.
    #[error("type `{}` is unknown", char::from(*.0).escape_default())]
    UnknownType(u8),
    /// Only files have a body. Readers differ on whether one follows.
    #[error("{kind} has a size of {size}, which some readers skip and others read as entries")]
    UnexpectedBody {
        /// What the entry is.
        kind: &'static str,
        /// What the header says.
        size: u64,
    },
    /// A path that leads elsewhere or nowhere.
    #[error("path {0}")]
    Path(#[source] PathProblem),
    /// Likewise, of a link.
    #[error("link target {0}")]
    Link(#[source] PathProblem),
    /// A path that ends in a slash, of something else than a directory.
    #[error("{0} has a path that ends in `/`")]
    TrailingSlash(&'static str),
    /// The root of the archive must be a directory.
    #[error("{0} in place of the root directory")]
    Root(&'static str),
    /// A hard link to its own path.
    #[error("hard link to itself")]
    SelfLink,
    /// A malformed extended header.
    #[error("extended header {0}")]
    Pax(#[source] PaxProblem),
    /// Extension headers that readers combine differently.
    #[error("{0}")]
    Extension(&'static str),
    /// A record that would change all later entries, which Go's reader ignores and others do not.
    #[error("global extended header sets `{0}`, which some readers apply and others ignore")]
    Global(String),
    /// A malformed sparse file.
    #[error("sparse file {0}")]
    Sparse(&'static str),
    /// More than allowed.
    #[error("{what} exceeds the limit of {max}")]
    Limit {
        /// Of what there is too much.
        what: &'static str,
        /// How much may be.
        max: u64,
    },
    /// Entries of a canonical archive ascend.
    #[error("entry does not come after `{}`", show(.0))]
    Order(Vec<u8>),
    /// A body that is shorter or longer than the entry says.
    #[error("content is {0} than the {1} bytes of the entry")]
    Size(&'static str, u64),
    /// A value that no archive can hold.
    #[error("{0}")]
    Unrepresentable(&'static str),
}

impl TarError {
    pub(super) fn new(entry: Option<&[u8]>, offset: u64, problem: Problem) -> Self {
        Self { place: Place { entry: entry.map(<[u8]>::to_vec), offset }, problem }
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The error of type `E` that a reader or writer passed on, if that is what went wrong.
    pub fn downcast<E>(self) -> Result<E, Self>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let Self { place, problem } = self;
        let passed_on = match problem {
            Problem::Read(error) => error.downcast().map_err(Problem::Read),
            Problem::Write(error) => error.downcast().map_err(Problem::Write),
            other => Err(other),
        };
        passed_on.map_err(|problem| Self { place, problem })
    }

    /// Byte of the archive at which the offending entry starts.
    pub fn offset(&self) -> u64 {
        self.place.offset
    }

    /// Path of the offending entry, as the archive has it, if it got that far.
    pub fn entry(&self) -> Option<&[u8]> {
        self.place.entry.as_deref()
    }

    /// What the user can do, if anything.
    pub fn hint(&self) -> Option<String> {
        let hint = match &self.problem {
            Problem::Limit { .. } => "such archives are refused to protect memory and disk",
            Problem::Truncated(_) => "fetch or make the archive again",
            Problem::Read(_) | Problem::Write(_) | Problem::Order(_) | Problem::Size(..) => {
                return None;
            }
            _ => "readers of tar disagree about such archives; make it again with GNU tar",
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for TarError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place.entry {
            Some(entry) => write!(formatter, "tar entry `{}`", show(entry))?,
            None => formatter.write_str("tar archive")?,
        }
        write!(formatter, " at byte {}: {}", self.place.offset, self.problem)
    }
}

impl std::error::Error for TarError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Read(source) | Problem::Write(source) => Some(source),
            _ => None,
        }
    }
}

impl From<TarError> for io::Error {
    fn from(error: TarError) -> Self {
        let kind = match &error.problem {
            Problem::Read(source) | Problem::Write(source) => source.kind(),
            Problem::Truncated(_) => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// A path for a message: control characters escaped, long ones cut.
pub(super) fn show(path: &[u8]) -> String {
    const SHOWN_MAX: usize = 200;
    let text = String::from_utf8_lossy(path.get(..SHOWN_MAX).unwrap_or(path));
    let escaped: String = text.chars().flat_map(char::escape_debug).collect();
    if path.len() > SHOWN_MAX { format!("{escaped}…") } else { escaped }
}

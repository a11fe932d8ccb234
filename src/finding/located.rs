//! One finding, in the sense of SARIF's *result*.

use super::Cause;
use std::path::PathBuf;

/// How much a finding matters. Ordered: the last is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; never fails a check.
    Note,
    /// Should be looked at.
    Warning,
    /// Fails a check.
    Error,
}

impl Severity {
    /// `note`, `warning`, `error`: SARIF's levels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in a Dockerfile (or lockfile).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file as the user named it.
    pub file: PathBuf,
    /// First line, from 1; 0 where only the instruction is known, out of an image's history.
    pub start_line: usize,
    /// Last line, from 1; 0 as above.
    pub end_line: usize,
    /// First line of the instruction as written, without continuation.
    pub instruction: String,
}

impl Location {
    /// First and last line, where they are known.
    pub fn lines(&self) -> Option<(usize, usize)> {
        (self.start_line > 0).then_some((self.start_line, self.end_line))
    }
}

/// One thing found: a cause at a place, with the files that show it.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Entry of the one table.
    pub cause: &'static Cause,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence for people: lower case, no full stop.
    pub message: String,
    /// The instruction that did it, where known.
    pub location: Option<Location>,
    /// Way out, where the cause's own mend can be said better for this case.
    pub hint: Option<String>,
    /// Paths in the image (bytes, absolute), sorted.
    pub paths: Vec<Vec<u8>>,
}

impl Finding {
    /// What to do about it: the finding's own hint, else the cause's mend.
    pub fn mend(&self) -> &str {
        self.hint.as_deref().unwrap_or(self.cause.mend)
    }
}

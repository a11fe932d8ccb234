//! What `rlock lock --verify` found.

use super::Status;
use crate::finding::Finding;
use std::path::PathBuf;
use std::time::Duration;

/// Of `rlock lock --verify`.
#[derive(Debug, Clone)]
pub struct ProofReport {
    /// The lockfile.
    pub lock: PathBuf,
    /// The lock that it was compared with.
    pub base: Option<String>,
    /// Keys that signatures are believed of.
    pub keys: usize,
    /// Every image, package and fetch.
    pub rows: Vec<ProofRow>,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// The entries that are not what they should be, or of which that is not known.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub elapsed: Duration,
    /// How the command ends.
    pub status: Status,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRow {
    /// `image`, `package` or `fetch`.
    pub kind: &'static str,
    /// Reference, package or URL.
    pub name: String,
    /// Line of the lockfile, from 1.
    pub line: Option<usize>,
    /// What is said of it.
    pub verdict: ProofVerdict,
    /// Who signs, or why it is not proven.
    pub reason: String,
    /// The key of the lock that is at fault.
    pub key: Option<&'static str>,
    /// What it should have.
    pub expected: Option<String>,
    /// What it has.
    pub found: Option<String>,
}

/// What is said of an entry; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProofVerdict {
    /// It is not what it should be.
    Poisoned,
    /// Its index, or the key that signs it, is not there or counts for nothing.
    Undetermined,
    /// There is no index of such things.
    Unprovable,
    /// An index has it that nobody signs.
    Unsigned,
    /// Nothing vouches for it, and the base lock has the same.
    Held,
    /// It brings no content.
    Empty,
    /// A signed index has it.
    Proven,
}

impl ProofVerdict {
    /// Every verdict, the worst first.
    pub const ALL: [Self; 7] = [
        Self::Poisoned,
        Self::Undetermined,
        Self::Unprovable,
        Self::Unsigned,
        Self::Held,
        Self::Empty,
        Self::Proven,
    ];

    /// What it means, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Poisoned => "poisoned: not what it should be",
            Self::Undetermined => "not checked: its index, or the key of that, is missing",
            Self::Unprovable => "not provable: nobody signs what it should be",
            Self::Unsigned => "as an index says that nobody signs",
            Self::Held => "as in the base lock; nothing else vouches for it",
            Self::Empty => "without content of its own",
            Self::Proven => "proven: a signed index has it",
        }
    }

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Poisoned => "poisoned",
            Self::Undetermined => "undetermined",
            Self::Unprovable => "unprovable",
            Self::Unsigned => "unsigned",
            Self::Held => "held",
            Self::Empty => "empty",
            Self::Proven => "proven",
        }
    }
}

impl ProofReport {
    /// How many entries have this verdict.
    pub fn count(&self, verdict: ProofVerdict) -> u64 {
        self.rows.iter().filter(|row| row.verdict == verdict).count() as u64
    }
}

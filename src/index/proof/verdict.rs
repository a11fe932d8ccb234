//! What can be said of an entry.

/// An entry of a lock, by its place in the list of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Of `Lockfile::images`.
    Image(usize),
    /// Of `Lockfile::packages`.
    Package(usize),
    /// Of `Lockfile::fetches`.
    Fetch(usize),
}

/// The verdict on one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry.
    pub subject: Subject,
    /// What is said of it.
    pub verdict: Verdict,
}

/// Whether an entry is what signed metadata says. Only [`Verdict::Proven`] says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is: the way from the signature to the entry.
    Proven {
        /// Who signed, and what leads from there to the entry.
        by: String,
    },
    /// Metadata says so that nobody has signed.
    Unsigned {
        /// Which.
        by: String,
    },
    /// Nothing says what it should be, and the base lock has the very same.
    Held,
    /// It brings no content that could be wrong.
    Empty {
        /// Why.
        reason: String,
    },
    /// Nothing says what it should be: there is no metadata of such things.
    Unprovable {
        /// Why.
        reason: String,
        /// Whether there is a base lock, and it has something else or nothing.
        is_new: bool,
    },
    /// It could not be found out: metadata is missing, or its signature cannot be checked.
    Undetermined {
        /// Why.
        reason: String,
    },
    /// It is not what it should be.
    Poisoned(Problem),
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, as a sentence.
    pub message: String,
    /// The key of the lock that is at fault.
    pub key: &'static str,
    /// What it should be, where that is known.
    pub expected: Option<String>,
    /// What the lock has.
    pub found: Option<String>,
}

impl Verdict {
    pub(super) fn unprovable(reason: impl Into<String>) -> Self {
        Self::Unprovable { reason: reason.into(), is_new: false }
    }

    pub(super) fn empty(reason: impl Into<String>) -> Self {
        Self::Empty { reason: reason.into() }
    }

    pub(super) fn undetermined(reason: impl Into<String>) -> Self {
        Self::Undetermined { reason: reason.into() }
    }

    pub(super) fn poisoned(message: impl Into<String>, key: &'static str) -> Self {
        Self::Poisoned(Problem { message: message.into(), key, expected: None, found: None })
    }

    /// A value of the lock that should be another one.
    pub(super) fn differs(
        message: impl Into<String>,
        key: &'static str,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Poisoned(Problem {
            message: message.into(),
            key,
            expected: Some(format!("{expected}")),
            found: Some(format!("{found}")),
        })
    }
}

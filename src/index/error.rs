//! What is wrong with an index, and where.

/// An index that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}: {reason}", line.map_or(String::new(), |line| format!(": line {line}")))]
pub struct IndexError {
    /// What it is, in the archive's own words: `InRelease`, `Packages`, `primary.xml`.
    pub what: &'static str,
    /// Line of the decompressed text, from 1, where it has lines.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl IndexError {
    pub(crate) fn new(what: &'static str, reason: impl Into<String>) -> Self {
        Self { what, line: None, reason: reason.into() }
    }

    pub(crate) fn at(what: &'static str, line: usize, reason: impl Into<String>) -> Self {
        Self { what, line: Some(line), reason: reason.into() }
    }
}

/// Keeps hostile input out of messages: at most 80 characters, none of them a control character.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(80).collect()
}

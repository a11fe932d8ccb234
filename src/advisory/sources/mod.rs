//! The formats of local data, one a file, and how one is told from another.

mod csaf;
mod debian_tracker;
mod osv;
mod secdb;
mod updateinfo;
mod vex;

use super::Date;
use super::matching::Statement;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

pub(super) use vex::VexStatement;

/// A kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    Osv,
    DebianTracker,
    Secdb,
    Csaf,
    Updateinfo,
    OpenVex,
}

impl Format {
    /// The name, for reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Osv => "OSV",
            Self::DebianTracker => "Debian tracker",
            Self::Secdb => "secdb",
            Self::Csaf => "CSAF VEX",
            Self::Updateinfo => "updateinfo",
            Self::OpenVex => "OpenVEX",
        }
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// By ecosystem and name.
    pub(super) statements: Vec<(String, String, Statement)>,
    /// Ecosystems that it covers, whether or not there are statements.
    pub(super) ecosystems: BTreeSet<String>,
    /// The day of its newest statement.
    pub(super) as_of: Option<Date>,
    /// Records in it, withdrawn ones not counted.
    pub(super) records: usize,
    /// Statements that cannot be evaluated.
    pub(super) not_evaluated: usize,
    /// Statements about what to ignore.
    pub(super) vex: Vec<VexStatement>,
}

impl Parsed {
    /// Adds what another file of the same source says.
    pub(super) fn append(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.ecosystems.extend(other.ecosystems);
        self.as_of = self.as_of.max(other.as_of);
        self.records += other.records;
        self.not_evaluated += other.not_evaluated;
        self.vex.extend(other.vex);
    }

    fn state(&mut self, ecosystem: String, name: String, statement: Statement) {
        self.ecosystems.insert(ecosystem.clone());
        self.statements.push((ecosystem, name, statement));
    }
}

/// The kind of a file, by its content; none where it is no kind that is known.
pub(super) fn format(content: &[u8]) -> Option<Format> {
    match content.trim_ascii_start() {
        [b'{', ..] => json_format(content),
        [b'<', ..] => updateinfo::is_one(content).then_some(Format::Updateinfo),
        _ => None,
    }
}

/// The keys that tell the formats apart; the values are passed over.
#[derive(Deserialize)]
struct Keys {
    id: Option<IgnoredAny>,
    modified: Option<IgnoredAny>,
    affected: Option<IgnoredAny>,
    packages: Option<IgnoredAny>,
    distroversion: Option<IgnoredAny>,
    document: Option<IgnoredAny>,
    statements: Option<IgnoredAny>,
    #[serde(rename = "@context")]
    context: Option<IgnoredAny>,
}

fn json_format(content: &[u8]) -> Option<Format> {
    // What is malformed is told by how it starts, so that its own reader says what is wrong.
    let Ok(keys) = serde_json::from_slice::<Keys>(content) else {
        return debian_tracker::is_one(content).then_some(Format::DebianTracker);
    };
    match keys {
        Keys { id: Some(_), modified, affected, .. }
            if modified.is_some() || affected.is_some() =>
        {
            Some(Format::Osv)
        }
        Keys { packages: Some(_), distroversion: Some(_), .. } => Some(Format::Secdb),
        Keys { document: Some(_), .. } => Some(Format::Csaf),
        Keys { statements: Some(_), context: Some(_), .. } => Some(Format::OpenVex),
        _ => debian_tracker::is_one(content).then_some(Format::DebianTracker),
    }
}

/// Reads a file of a kind. The error says what is wrong and where, without the file's name.
pub(super) fn parse(format: Format, content: &[u8]) -> Result<Parsed, String> {
    match format {
        Format::Osv => osv::parse(content),
        Format::DebianTracker => debian_tracker::parse(content),
        Format::Secdb => secdb::parse(content),
        Format::Csaf => csaf::parse(content),
        Format::Updateinfo => updateinfo::parse(content),
        Format::OpenVex => vex::parse(content),
    }
}

fn json<'a, T: Deserialize<'a>>(content: &'a [u8]) -> Result<T, String> {
    // Its reader goes 128 levels deep at most.
    serde_json::from_slice(content).map_err(|error| shown(&error.to_string()))
}

/// The day of an RFC 3339 time, or of a date.
fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// One line of text, bounded, without control characters: texts of sources end in reports.
fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 300;
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    line.trim().chars().filter(|character| !character.is_control()).take(SHOWN_MAX).collect()
}

/// An id as sources have them, nothing else: it ends in reports and links.
pub(super) fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.+~".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

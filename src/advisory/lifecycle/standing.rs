//! Where a release stands on a day.

use super::table::{End, Release, Table};
use crate::advisory::Date;
use crate::package::Distribution;

/// Where a distribution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `debian 12 (bookworm)`
    pub name: String,
    /// Whether it gets updates.
    pub state: State,
    /// The last day of what everybody gets.
    pub until: Date,
    /// In words: `bookworm is in LTS (regular support ended 2026-07-11, LTS to 2028-06-30)`.
    pub words: String,
    /// A later release that is supported.
    pub plan: Option<String>,
    /// Where that is known from.
    pub source: String,
    /// The day that this is of.
    pub as_of: Option<Date>,
}

/// Whether a release gets updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// From those who make it.
    Supported,
    /// No longer regularly, but everybody gets some.
    Extended,
    /// None, or for subscribers only.
    Ended,
}

impl State {
    /// The word that JSON reports carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Extended => "extended",
            Self::Ended => "ended",
        }
    }
}

impl Table {
    /// Where a release stands; why that is not known, else.
    pub(super) fn standing(&self, of: &Distribution, today: Date) -> Result<Standing, String> {
        let release = self.release(of).ok_or_else(|| {
            let version = of.codename.as_deref().unwrap_or(&of.version_id);
            format!("{} has no release `{version}`", self.source)
        })?;
        let name = release.name();
        let unknown = || format!("{} has no end of life of {name}", self.source);
        let (paid, free): (Vec<&End>, Vec<&End>) =
            release.ends.iter().partition(|end| end.support.is_paid);
        let (first, last) = (free.first().ok_or_else(unknown)?, free.last().ok_or_else(unknown)?);
        let last = if last.last <= first.last { first } else { last };
        let state = match (today <= first.last, today <= last.last) {
            (true, _) => State::Supported,
            (false, true) => State::Extended,
            (false, false) => State::Ended,
        };
        let words = match state {
            State::Supported => format!("{name} is supported to {}", first.last),
            State::Extended => format!(
                "{name} is in {kind} ({} ended {}, {kind} to {})",
                first.support.name,
                first.last,
                last.last,
                kind = last.support.name
            ),
            State::Ended => {
                let still = paid.iter().rfind(|end| today <= end.last);
                let still = still
                    .map(|end| format!("; {} for subscribers to {}", end.support.name, end.last));
                let still = still.unwrap_or_default();
                format!("{name} is past its end ({} ended {}{still})", last.support.name, last.last)
            }
        };
        let plan = (state != State::Supported).then(|| self.next(release, today)).flatten();
        Ok(Standing {
            name: format!("{} {}", of.id, release.full_name()),
            state,
            until: last.last,
            words,
            plan,
            source: self.source.clone(),
            as_of: self.as_of,
        })
    }

    /// By its code name, else by its version: `3.20` has `3.20.3`.
    fn release(&self, of: &Distribution) -> Option<&Release> {
        let codename = of.codename.as_deref();
        let named = self.rows.iter().find(|row| Some(&*row.series) == codename);
        let is_version = |row: &&Release| {
            let rest = of.version_id.strip_prefix(&*row.version);
            !row.version.is_empty()
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        named.or_else(|| self.rows.iter().find(is_version))
    }

    /// The latest release that is out and supported; one with long support after one with it.
    fn next(&self, after: &Release, today: Date) -> Option<String> {
        let is_next = |row: &&Release| {
            row.released.is_some_and(|day| day <= today && Some(day) > after.released)
                && row.ends.first().is_some_and(|end| today <= end.last)
                && (row.is_lts || !after.is_lts)
        };
        let next = self.rows.iter().filter(is_next).max_by_key(|row| row.released)?;
        Some(next.name().to_owned())
    }
}

impl Release {
    /// What people call it: the code name where that is a word, else the version.
    fn name(&self) -> &str {
        let is_word = self.series.bytes().all(|byte| byte.is_ascii_lowercase());
        if is_word || self.version.is_empty() { &self.series } else { &self.version }
    }

    fn full_name(&self) -> String {
        match self.name() {
            name if name == self.version || self.version.is_empty() => name.to_owned(),
            name => format!("{} ({name})", self.version),
        }
    }
}

//! The smallest move that repairs: which of the versions that an index offers a package takes.
//!
//! The lowest one above the locked version that leaves the fewest advisories open. What was withdrawn
//! is not taken, nor a preview where the locked version is none, nor what a package that stays cannot
//! be used with. Where that passes a lower version over, or leaves the series of releases, it is said.

use super::pages::{Released, is_preview};
use crate::package::version;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// Versions that a choice tells of having passed over.
const PASSED_MAX: usize = 3;

/// A locked version, and what is known of the others.
#[derive(Clone, Copy)]
pub struct Locked<'a> {
    /// The purl type.
    pub kind: &'a str,
    /// The locked version.
    pub version: &'a str,
    /// What its index offers.
    pub released: &'a Released,
    /// The advisories that are open in a version, by the ids that people know; none where nobody
    /// knows.
    pub open: &'a dyn Fn(&str) -> Option<BTreeSet<String>>,
    /// Why a version cannot be used with what stays: `tool 1.0 needs library <2`.
    pub refused: &'a dyn Fn(&str) -> Option<String>,
}

/// What a locked version does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing is open in it, or nobody knows: it stays.
    Stays,
    /// It moves.
    Takes(Taken),
    /// No version that can be taken repairs anything.
    Unrepaired {
        /// What is open.
        open: BTreeSet<String>,
        /// Versions that repair something and cannot be taken.
        passed: Vec<Passed>,
    },
}

/// The version that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The version.
    pub version: String,
    /// Ids that stay open in it.
    pub remaining: BTreeSet<String>,
    /// Ids that are open in it and not in the locked version.
    pub introduced: BTreeSet<String>,
    /// Lower versions that repair as much and were passed over.
    pub passed: Vec<Passed>,
    /// The series of releases that it leaves, `1.x`, and what no version of that repairs.
    pub leaves: Option<(String, BTreeSet<String>)>,
    /// Its authors advise against it.
    pub is_deprecated: bool,
}

/// A version that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The version.
    pub version: String,
    /// Why.
    pub reason: Reason,
}

/// Why a version is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its index has it for those who name it only.
    Withdrawn,
    /// It is published for trial.
    Preview,
    /// Its authors advise against it, and there is another.
    Deprecated,
    /// It has vulnerabilities that the locked version does not have.
    Introduces(BTreeSet<String>),
    /// What stays cannot be used with it.
    Refused(String),
}

impl fmt::Display for Passed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = &self.version;
        match &self.reason {
            Reason::Withdrawn => write!(formatter, "{version} is withdrawn"),
            Reason::Preview => write!(formatter, "{version} is a preview"),
            Reason::Deprecated => write!(formatter, "{version} is deprecated"),
            Reason::Introduces(ids) => write!(formatter, "{version} has {}", listed(ids)),
            Reason::Refused(why) => write!(formatter, "{why}, which {version} is not"),
        }
    }
}

/// The version that an update takes which repairs and does no more.
pub fn repair(locked: Locked<'_>) -> Choice {
    let open = (locked.open)(locked.version).unwrap_or_default();
    if open.is_empty() {
        return Choice::Stays;
    }
    let mut candidates = candidates(locked, &open);
    candidates.retain(|candidate| candidate.remaining.len() < open.len());
    match best(&candidates) {
        Some(best) => Choice::Takes(taken(locked, &open, &candidates, best)),
        None => Choice::Unrepaired { passed: passed(&candidates, |_| true), open },
    }
}

/// The lowest version that is needed, where what is locked is none; none where nothing is offered that
/// would do. It leaves no more open than it must.
pub fn needed(locked: Locked<'_>, is_needed: &dyn Fn(&str) -> bool) -> Option<Taken> {
    let open = (locked.open)(locked.version).unwrap_or_default();
    let mut candidates = candidates(locked, &open);
    candidates.retain(|candidate| is_needed(candidate.version));
    best(&candidates).map(|best| taken(locked, &open, &candidates, best))
}

/// A version above the locked one.
struct Candidate<'a> {
    version: &'a str,
    remaining: BTreeSet<String>,
    introduced: BTreeSet<String>,
    is_elsewhere: bool,
    is_deprecated: bool,
    obstacle: Option<Reason>,
}

impl Candidate<'_> {
    /// The lower the better; of equal ones the lowest version.
    fn rank(&self) -> (usize, bool, usize, bool) {
        (self.remaining.len(), self.is_elsewhere, self.introduced.len(), self.is_deprecated)
    }
}

/// All versions above the locked one, the lowest first.
fn candidates<'a>(locked: Locked<'a>, open: &BTreeSet<String>) -> Vec<Candidate<'a>> {
    let Locked { kind, version, released, .. } = locked;
    let all = released.versions.iter().chain(&released.withdrawn).map(String::as_str);
    let mut above: Vec<&str> = all
        .filter(|other| version::compare(kind, other, version) == Some(Ordering::Greater))
        .collect();
    above.sort_by(|left, right| {
        version::compare(kind, left, right).unwrap_or(Ordering::Equal).then(left.cmp(right))
    });
    above.dedup();
    above.into_iter().map(|version| candidate(locked, open, version)).collect()
}

fn candidate<'a>(locked: Locked<'_>, open: &BTreeSet<String>, version: &'a str) -> Candidate<'a> {
    let Locked { kind, released, .. } = locked;
    let there = (locked.open)(version).unwrap_or_default();
    let is_trial = |version| is_preview(kind, version);
    let obstacle = if released.withdrawn.contains(version) {
        Some(Reason::Withdrawn)
    } else if is_trial(version) && !is_trial(locked.version) {
        Some(Reason::Preview)
    } else {
        (locked.refused)(version).map(Reason::Refused)
    };
    Candidate {
        version,
        remaining: open.intersection(&there).cloned().collect(),
        introduced: there.difference(open).cloned().collect(),
        is_elsewhere: series(version) != series(locked.version),
        is_deprecated: released.deprecated.contains(version),
        obstacle,
    }
}

fn best<'a, 'b>(candidates: &'b [Candidate<'a>]) -> Option<&'b Candidate<'a>> {
    let free = candidates.iter().filter(|candidate| candidate.obstacle.is_none());
    // The first of those that are equally good is the lowest.
    free.reduce(|best, next| if next.rank() < best.rank() { next } else { best })
}

fn taken(
    locked: Locked<'_>,
    open: &BTreeSet<String>,
    candidates: &[Candidate<'_>],
    best: &Candidate<'_>,
) -> Taken {
    let is_lower = |other: &Candidate<'_>| {
        version::compare(locked.kind, other.version, best.version) == Some(Ordering::Less)
            && other.remaining.len() <= best.remaining.len()
    };
    Taken {
        version: best.version.to_owned(),
        remaining: best.remaining.clone(),
        introduced: best.introduced.clone(),
        passed: passed(candidates, is_lower),
        leaves: best.is_elsewhere.then(|| {
            let stays = candidates.iter().filter(|it| !it.is_elsewhere && it.obstacle.is_none());
            let least = stays.min_by_key(|it| it.remaining.len());
            let left = least.map_or(open, |it| &it.remaining);
            let ids = left.difference(&best.remaining).cloned().collect();
            (format!("{}.x", series(locked.version)), ids)
        }),
        is_deprecated: best.is_deprecated,
    }
}

/// What was passed over of these, and why.
fn passed(candidates: &[Candidate<'_>], is_it: impl Fn(&Candidate<'_>) -> bool) -> Vec<Passed> {
    let of = |candidate: &Candidate<'_>| {
        let reason = match &candidate.obstacle {
            Some(reason) => reason.clone(),
            None if !candidate.introduced.is_empty() => {
                Reason::Introduces(candidate.introduced.clone())
            }
            None if candidate.is_deprecated => Reason::Deprecated,
            None => return None,
        };
        Some(Passed { version: candidate.version.to_owned(), reason })
    };
    candidates.iter().filter(|candidate| is_it(candidate)).filter_map(of).take(PASSED_MAX).collect()
}

/// Whether two versions are of one series of releases, within which compatibility does not end.
pub fn is_same_series(left: &str, right: &str) -> bool {
    series(left) == series(right)
}

/// What changes only where compatibility may: `1` of `1.2.3`, `0.4` of `0.4.1`.
fn series(version: &str) -> String {
    let bare = version.trim_start_matches('v');
    let bare = bare.split_once('!').map_or(bare, |(_, bare)| bare);
    let is_end = |c: char| !c.is_ascii_digit();
    let mut parts = bare.split('.').map(|part| part.split(is_end).next().unwrap_or_default());
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("0", Some(minor)) => format!("0.{minor}"),
        (major, _) => major.to_owned(),
    }
}

/// Ids in a sentence.
fn listed(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl fmt::Debug for Locked<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Locked")
            .field("kind", &self.kind)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

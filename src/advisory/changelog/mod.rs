//! Tier A: which vulnerabilities the changelog inside a new package says are repaired since the
//! old one. What a maintainer of Debian claims, graded so: no severity, and no promise of
//! completeness.

mod entries;
mod mentions;

use crate::package::version;
use entries::{Entry, entries};
use mentions::{all_ids, mentions};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What a changelog says happened between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta {
    /// Vulnerabilities (CVE, GHSA, DSA, DLA ids) that are repaired since the old version: those
    /// listed in the new entries, without those that the old package had back-ported.
    pub ids: BTreeSet<String>,
    /// How many the new entries list that the old package's changelog had already.
    pub backported: usize,
    /// What the old package had repaired and a new entry says was taken back.
    pub reverted: BTreeSet<String>,
    /// The new changelog goes back to the old version, so that nothing in between is missing.
    /// Where not (Ubuntu cuts changelogs, the lines of versions are others), entries newer than the
    /// old version count, and the list is a lower bound.
    pub complete: bool,
    /// How many entries are new.
    pub entries: usize,
    /// The highest urgency of the new entries.
    pub urgency: Option<Urgency>,
}

/// How soon to update, as the maintainer sees it:
/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#urgency>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// `low`
    Low,
    /// `medium`, what tools set where nobody thinks about it.
    Medium,
    /// `high`
    High,
    /// `emergency` and `critical`, which mean the same.
    Critical,
}

impl Urgency {
    /// The word of changelogs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What changed from `old_version` to `new_version` of one *source* package, by the changelogs
/// inside a package of each. Without the old changelog nothing is subtracted as back-ported, and
/// `complete` says only whether the new one goes back to the old version.
///
/// The format is deb-changelog(5):
/// <https://manpages.debian.org/bookworm/dpkg-dev/deb-changelog.5.en.html>; lines that have another
/// are passed over. Text of rpm's changelogs works too: see `package::changelog`.
pub fn delta(
    old_changelog: Option<&[u8]>,
    new_changelog: &[u8],
    old_version: &str,
    new_version: &str,
) -> Delta {
    let listed = entries(new_changelog);
    let (new, complete) = newer(&listed, old_version, new_version);
    let known = old_changelog.map(all_ids).unwrap_or_default();
    let mut fixed = BTreeSet::new();
    let mut reverted = BTreeSet::new();
    // From the oldest: what is repaired later counts again.
    for entry in new.iter().rev() {
        let said = mentions(&entry.lines);
        for id in said.reverted {
            fixed.remove(&id);
            reverted.insert(id);
        }
        for id in said.fixed {
            reverted.remove(&id);
            fixed.insert(id);
        }
    }
    reverted.retain(|id| known.contains(id));
    let listed_count = fixed.len();
    fixed.retain(|id| !known.contains(id));
    Delta {
        backported: listed_count - fixed.len(),
        ids: fixed,
        reverted,
        complete,
        entries: new.len(),
        urgency: new.iter().filter_map(|entry| entry.urgency).max(),
    }
}

/// The entries above the one of the old version. Entries of other lines of versions that were
/// merged stand there too and count: their changes are in the new package. Without the old
/// version's entry: those whose version is higher, and not complete.
fn newer<'a, 'b>(
    entries: &'b [Entry<'a>],
    old_version: &str,
    new_version: &str,
) -> (&'b [Entry<'a>], bool) {
    let (old, new) = (without_rebuild(old_version), without_rebuild(new_version));
    if old == new {
        return (&[], true);
    }
    let position = |version: &str| entries.iter().position(|entry| entry.is_of(version));
    // A changelog that does not know the version that it is of belongs to something else.
    let start = position(new_version).or_else(|| position(new));
    let end = position(old_version).or_else(|| position(old));
    if let (Some(start), Some(end)) = (start, end) {
        return match entries.get(start..end) {
            Some(between) => (between, true),
            // A downgrade: nothing is repaired by it.
            None => (&[], true),
        };
    }
    let older = |entry: &Entry<'_>| {
        let kind = if entry.is_rpm { "rpm" } else { "deb" };
        version::compare(kind, entry.version, old).is_none_or(|order| order != Ordering::Greater)
    };
    let end = entries.iter().position(older).unwrap_or(entries.len());
    (entries.get(..end).unwrap_or_default(), false)
}

impl Entry<'_> {
    /// Whether it is the entry of a version. Those of rpm often have no epoch, and no tag.
    fn is_of(&self, version: &str) -> bool {
        if !self.is_rpm {
            return self.version == version;
        }
        let bare = |version: &str| match version.split_once(':') {
            Some((_, rest)) => rest.to_owned(),
            None => version.to_owned(),
        };
        let (own, version) = (bare(self.version), bare(version));
        version.strip_prefix(&*own).is_some_and(|rest| rest.is_empty() || is_dist_tag(rest))
    }
}

/// `.el9_3`, `.fc42`, `.amzn2023.0.1`, but not another number of the release.
fn is_dist_tag(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('.') && characters.next().is_some_and(|c| c.is_ascii_alphabetic())
}

/// Without the `+b1` of a rebuild, which has no entry in the package's own changelog:
/// <https://wiki.debian.org/binNMU>.
fn without_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((start, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            start
        }
        _ => version,
    }
}

#[cfg(test)]
mod tests;

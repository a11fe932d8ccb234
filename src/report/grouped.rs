//! Packages that moved, those of one source in one row: what repairs one repairs all of them. What a
//! person should see first stands first.

use super::review::{self, ReviewReport};
use crate::finding::Severity;
use crate::review::{Flag, PackageReview, Risk};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Packages of one source that moved in the same way.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The one that an instruction names, if it names one of them.
    pub(super) first: &'a PackageReview,
    /// The others, by name.
    pub(super) others: Vec<&'a PackageReview>,
}

/// Urgencies of changelogs: <https://www.debian.org/doc/debian-policy/ch-controlfields.html#urgency>.
const URGENCIES: [&str; 5] = ["emergency", "critical", "high", "medium", "low"];

/// All moved packages: those with flags first, then the most urgent ones.
pub(super) fn rows(report: &ReviewReport) -> Vec<Row<'_>> {
    let mut of_sources: BTreeMap<(&str, &str), Vec<Row<'_>>> = BTreeMap::new();
    for package in &report.review.packages {
        let rows = of_sources.entry(source(package)).or_default();
        match rows.iter_mut().find(|row| is_alike(row.first, package)) {
            Some(row) => row.add(package),
            None => rows.push(Row { first: package, others: Vec::new() }),
        }
    }
    let mut rows: Vec<Row<'_>> = of_sources.into_values().flatten().collect();
    let name = |row: &Row<'_>| (row.first.moved.kind.clone(), row.first.moved.name.clone());
    rows.sort_by_cached_key(name);
    rows.sort_by_cached_key(|row| {
        let severity = row.flags(report).iter().map(|flag| flag.risk.severity()).max();
        let severity = severity.filter(|severity| *severity > Severity::Note);
        let fixes = row.first.evidence.fixes.known();
        let urgency = fixes.and_then(|fixes| fixes.urgency.as_deref());
        let rank = URGENCIES.iter().position(|known| urgency == Some(known));
        let count = fixes.map_or(0, |fixes| fixes.ids.len());
        (Reverse(severity), rank.unwrap_or(URGENCIES.len()), Reverse(count))
    });
    rows
}

/// Kind and name of the source package.
fn source(package: &PackageReview) -> (&str, &str) {
    let moved = &package.moved;
    let mut pins = [&moved.new, &moved.old].into_iter().flatten();
    let source = pins.find_map(|pin| pin.source.as_ref());
    (&moved.kind, source.map_or(&*moved.name, |source| &source.name))
}

/// Whether all that a row says is the same of two packages of one source.
fn is_alike(left: &PackageReview, right: &PackageReview) -> bool {
    let fixes = |package: &PackageReview| {
        package.evidence.fixes.known().map(|it| (it.ids.clone(), it.urgency.clone()))
    };
    let plain = |text: &str| text.to_owned();
    left.moved.change == right.moved.change
        && review::versions(left, &plain) == review::versions(right, &plain)
        && left.ships == right.ships
        && left.location == right.location
        && fixes(left) == fixes(right)
        && review::origin(left, &plain) == review::origin(right, &plain)
}

impl<'a> Row<'a> {
    fn add(&mut self, package: &'a PackageReview) {
        if package.moved.requested && !self.first.moved.requested {
            self.others.insert(0, std::mem::replace(&mut self.first, package));
        } else {
            self.others.push(package);
        }
    }

    /// All packages of the row.
    pub(super) fn packages(&self) -> impl Iterator<Item = &'a PackageReview> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// What should be looked at in any of them; what is said of several stands once.
    pub(super) fn flags(&self, report: &'a ReviewReport) -> Vec<&'a Flag> {
        let mut seen = BTreeSet::new();
        let mut flags = Vec::new();
        for package in self.packages() {
            for flag in report.review.flags_of(&package.moved) {
                if seen.insert((flag.risk, &flag.detail, &flag.paths)) {
                    flags.push(flag);
                }
            }
        }
        flags
    }

    /// What could not be looked for in all of them.
    pub(super) fn unchecked(&self, report: &ReviewReport) -> BTreeSet<Risk> {
        let is_own = |name: &str| self.packages().any(|package| package.moved.name == name);
        let unchecked = report.review.risks.unchecked.iter();
        unchecked.filter(|it| is_own(&it.subject)).map(|it| it.risk).collect()
    }
}

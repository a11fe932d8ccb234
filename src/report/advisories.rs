//! Where what a report says of vulnerabilities is known from: every tier with its source, its date and
//! what it covers. A tier that was not looked into stands there too, with the reason.

use super::words;
use crate::review::{AdvisorySource, Checked, Review, Security};
use std::collections::BTreeSet;

/// Reasons that one row tells.
const REASONS_MAX: usize = 3;

/// What was looked into, for a whole report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdvisorySources {
    /// The tiers, the one inside the packages first; at least one row each.
    pub tiers: Vec<TierRow>,
    /// Ignores whose last day is over.
    pub expired: Vec<ExpiredIgnore>,
    /// What `--require-advisories` asks for and is not there.
    pub lacking: Vec<String>,
}

/// One source of one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierRow {
    /// `in-band`, `local`, `service`.
    pub tier: &'static str,
    /// What was read or asked.
    pub source: String,
    /// Digest of the data, where it has one.
    pub digest: Option<String>,
    /// The day of its newest statement.
    pub as_of: Option<String>,
    /// What it covers, in OSV's words.
    pub ecosystems: BTreeSet<String>,
    /// How many packages it covers.
    pub covered: u64,
    /// Of how many.
    pub of: u64,
    /// What these are: `packages`, `packages that moved`.
    pub subject: &'static str,
    /// Why nothing, or not everything, was checked.
    pub not_checked: Option<String>,
}

/// An ignore that ignores nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpiredIgnore {
    /// The vulnerability.
    pub id: String,
    /// The only package that it was about.
    pub package: Option<String>,
    /// Why it was passed over.
    pub reason: String,
    /// Its last day.
    pub expires: String,
}

/// What says that a later version repairs something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repair {
    /// `in-band`, `local`, `service`.
    pub tier: &'static str,
    /// The archive, the package file, or the data.
    pub source: String,
    /// What it repairs, by the ids that people know; an archive names none.
    pub ids: BTreeSet<String>,
}

/// A vulnerability that a later version repairs, and that is to be passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IgnoredFix {
    /// Its id.
    pub id: String,
    /// Why, and who says so.
    pub reason: String,
}

impl TierRow {
    /// A tier in which nothing was looked into.
    pub fn unchecked(tier: &'static str, source: &str, reason: &str) -> Self {
        Self {
            tier,
            source: source.to_owned(),
            digest: None,
            as_of: None,
            ecosystems: BTreeSet::new(),
            covered: 0,
            of: 0,
            subject: "packages",
            not_checked: Some(reason.to_owned()),
        }
    }

    /// Source, date and coverage in a line. Sources and reasons are foreign text.
    pub fn words(&self) -> String {
        let as_of = self.as_of.as_ref().map(|day| format!(", as of {day}"));
        let as_of = as_of.or_else(|| self.digest.as_ref().map(|_| ", without a date".to_owned()));
        let about: Vec<&str> = self.ecosystems.iter().map(String::as_str).collect();
        let about =
            if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        let head = format!("{}{about}{}", self.source, as_of.unwrap_or_default());
        let counts = || {
            format!("{} of {} {}", words::count(self.covered), words::count(self.of), self.subject)
        };
        match &self.not_checked {
            Some(reason) if self.covered == 0 => format!("{head}: not checked: {reason}"),
            Some(reason) => format!("{head}: {}; not checked: {reason}", counts()),
            None if self.of == 0 => format!("{head}: there are no {}", self.subject),
            None => format!("{head}: {}", counts()),
        }
    }
}

impl AdvisorySources {
    /// Of a review.
    pub fn of_review(review: &Review) -> Self {
        let mut sources = Self { tiers: vec![changelogs(review)], ..Self::default() };
        let security = review.security.as_ref();
        let all = |it: &Security| it.covered + it.not_covered.len() as u64;
        sources.add_data(security.map_or(&[][..], |it| &it.sources), security.map_or(0, all));
        sources
    }

    /// Adds what repositories say of their packages, local data and services, which are about so many
    /// packages.
    pub fn add_data(&mut self, sources: &[AdvisorySource], of: u64) {
        let row = |source: &AdvisorySource, tier| TierRow {
            tier,
            source: source.name.clone(),
            digest: source.digest.clone(),
            as_of: source.as_of.clone(),
            ecosystems: source.ecosystems.clone(),
            covered: source.covered,
            of,
            subject: "packages",
            not_checked: source.failure.clone(),
        };
        // What repositories say; those that say nothing have no row.
        let in_band = sources.iter().filter(|source| source.tier == "in-band");
        self.tiers.extend(in_band.map(|source| row(source, "in-band")));
        for (tier, name, hint) in [
            ("local", "advisory data", "none was given (`--advisories PATH`)"),
            ("service", "OSV service", "it was not asked (`--advisories-service`)"),
        ] {
            let own: Vec<_> = sources.iter().filter(|source| source.tier == tier).collect();
            if own.is_empty() {
                self.tiers.push(TierRow::unchecked(tier, name, hint));
            }
            self.tiers.extend(own.into_iter().map(|source| row(source, tier)));
        }
    }
}

/// The changelogs inside the files of the packages that moved.
fn changelogs(review: &Review) -> TierRow {
    let moved = review.packages.iter().filter(|package| package.moved.versions().is_some());
    let (mut covered, mut of) = (0, 0);
    let mut reasons = BTreeSet::new();
    for package in moved {
        of += 1;
        match &package.evidence.fixes {
            Checked::Known(_) => covered += 1,
            Checked::Not(reason) => drop(reasons.insert(reason.as_str())),
        }
    }
    let shown: Vec<&str> = reasons.iter().take(REASONS_MAX).copied().collect();
    TierRow {
        not_checked: (!shown.is_empty()).then(|| shown.join("; ")),
        covered,
        of,
        subject: "packages that moved",
        ..TierRow::unchecked("in-band", "changelogs inside package files", "")
    }
}

/// An expired ignore in a line; all but the day is foreign text.
pub(super) fn expired(ignore: &ExpiredIgnore) -> String {
    let ExpiredIgnore { id, package, reason, expires } = ignore;
    let package = package.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    format!("the ignore of {id}{package} ended on {expires}, and ignores nothing: {reason}")
}

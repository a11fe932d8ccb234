//! What `rlock review` found, and the words that its screens share.

use super::{
    AdvisorySources, HeldBack, LifecycleRow, Links, ProofRow, ProofVerdict, Status, Timings, words,
};
use crate::finding::Finding;
use crate::oci::{Digest, Platform};
use crate::review::files::{self, Above, Explanation, StepState};
use crate::review::{BaseMove, Change, Outcome, PackageReview, Review, Sake, Suite};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What `rlock review` found.
#[derive(Debug, Clone)]
pub struct ReviewReport {
    /// The Dockerfile as the user named it.
    pub dockerfile: PathBuf,
    /// The platform of the new lock.
    pub platform: Platform,
    /// The lock before.
    pub old: ReviewSide,
    /// The lock now.
    pub new: ReviewSide,
    /// Where the files of the new side are to be seen.
    pub links: Links,
    /// What moved.
    pub review: Review,
    /// Where advisories are known from.
    pub advisories: AdvisorySources,
    /// Whose rules it is judged by: `rlock.toml` of one side, as the user would name it.
    pub policy: String,
    /// Whether signed indexes have what the new lock pins; none where that was not looked at.
    pub trust: Option<Trust>,
    /// Until when the distributions of the new lock get updates.
    pub lifecycle: Vec<LifecycleRow>,
    /// What the new lock does not take though what it has offers it.
    pub held_back: Vec<HeldBack>,
    /// The same as findings.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

/// Whether what a lock pins is what signed indexes say, as `rlock lock --verify` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Every image, package and fetch.
    pub rows: Vec<ProofRow>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl Trust {
    /// How many entries have each verdict, the worst first; without those of none.
    pub fn counts(&self) -> impl Iterator<Item = (ProofVerdict, u64)> {
        let count = |verdict: ProofVerdict| {
            let rows = self.rows.iter().filter(|row| row.verdict == verdict);
            (verdict, rows.count() as u64)
        };
        ProofVerdict::ALL.into_iter().map(count).filter(|(_, count)| *count > 0)
    }

    /// The entries that are not what they should be.
    pub fn poisoned(&self) -> impl Iterator<Item = &ProofRow> {
        self.rows.iter().filter(|row| row.verdict == ProofVerdict::Poisoned)
    }

    /// Who signs what proves entries, each once.
    pub fn signers(&self) -> BTreeSet<&str> {
        let proven = self.rows.iter().filter(|row| row.verdict == ProofVerdict::Proven);
        proven.filter_map(|row| row.reason.split(" → ").next()).collect()
    }
}

/// One of two locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewSide {
    /// As the user would name it: a path, or `REVISION:PATH`.
    pub name: String,
    /// Digest of the file; none where there is no lock.
    pub digest: Option<Digest>,
}

impl ReviewReport {
    /// What happened, in parts of a sentence: `3 packages updated`, `74 vulnerabilities fixed`.
    pub fn headline(&self) -> Vec<String> {
        let review = &self.review;
        let mut parts = Vec::new();
        let poisoned = self.trust.iter().flat_map(Trust::poisoned).count() as u64;
        match poisoned {
            0 => {}
            1 => parts.push("1 poisoned entry".to_owned()),
            several => parts.push(format!("{} poisoned entries", words::count(several))),
        }
        if self.old.digest.is_none() {
            parts.push("no lock before: all of it is new".to_owned());
        }
        let mut changes: BTreeMap<&str, u64> = BTreeMap::new();
        for package in &review.packages {
            *changes.entry(participle(package.moved.change)).or_default() += 1;
        }
        for (word, count) in changes {
            parts.push(format!("{} {word}", words::counted(count, "package")));
        }
        parts.extend(bases(&review.bases));
        let of_bases = review.bases.iter().any(|base| base.old.is_some() && base.new.is_some());
        let moved = of_bases || review.packages.iter().any(|package| package.moved.old.is_some());
        match review.fixed() {
            Some(ids) if !ids.is_empty() => parts.push(vulnerabilities(ids.len() as u64, "fixed")),
            Some(_) if moved => parts.push("no vulnerability named as fixed".to_owned()),
            None if moved => parts.push("fixes not checked".to_owned()),
            _ => {}
        }
        if of_bases && review.security.is_none() && review.fixed().is_some() {
            parts.push("fixes of base images not checked".to_owned());
        }
        parts.extend(self.open());
        parts.extend(self.elsewhere());
        match &review.files {
            Some(files) => {
                let count = files.unexplained.len() as u64;
                parts.push(words::counted(count, "unexplained change"));
                parts.extend(unproven(files));
            }
            None if !(parts.is_empty() && review.is_empty()) => {
                parts.push("files not compared".to_owned());
            }
            None => {}
        }
        if parts.is_empty() {
            parts.push("nothing moved".to_owned());
        }
        parts
    }

    /// What advisory data says of the new lock, and how much of it that data says nothing of.
    fn open(&self) -> Vec<String> {
        let Some(security) = &self.review.security else { return Vec::new() };
        let (introduced, open) = (security.introduced.len() as u64, security.open.len() as u64);
        let missing = words::counted(security.not_covered.len() as u64, "package");
        let mut parts = Vec::new();
        if introduced > 0 {
            parts.push(vulnerabilities(introduced, "introduced"));
        }
        if open > 0 {
            parts.push(vulnerabilities(open, "still open"));
        }
        if !security.not_covered.is_empty() {
            parts.push(format!("advisories of {missing} not checked"));
        }
        parts
    }

    /// What changed besides packages and images.
    fn elsewhere(&self) -> Vec<String> {
        let steps = &self.review.steps;
        let counts = [
            (steps.added.len() + steps.changed.len(), "new or changed instruction"),
            (steps.removed.len(), "removed instruction"),
            (self.unowned_fetches().count(), "unowned download"),
            (self.review.hosts.len(), "new host"),
        ];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| words::counted(count as u64, what)).collect()
    }

    /// Fetches that a person should look at: those that changed for nobody's sake.
    pub fn unowned_fetches(&self) -> impl Iterator<Item = &crate::review::FetchMove> {
        self.review.fetches.iter().filter(|fetch| fetch.sake == Sake::None)
    }

    /// Checks that found nothing anywhere, in the order of the table.
    pub fn clean(&self) -> Vec<Outcome> {
        self.review.outcomes().into_iter().filter(Outcome::is_clean).collect()
    }

    /// Checks that could not be made, at least in part.
    pub fn not_checked(&self) -> Vec<Outcome> {
        let outcomes = self.review.outcomes().into_iter();
        outcomes.filter(|outcome| !outcome.unchecked.is_empty()).collect()
    }
}

/// `2 base images moved`, `1 base image added`.
pub(super) fn bases(bases: &[BaseMove]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for base in bases {
        let word = match (&base.old, &base.new) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "moved",
        };
        *counts.entry(word).or_default() += 1;
    }
    let part = |(word, count)| format!("{} {word}", words::counted(count, "base image"));
    counts.into_iter().map(part).collect()
}

fn participle(change: Change) -> &'static str {
    match change {
        Change::Upgrade => "updated",
        Change::Downgrade => "downgraded",
        Change::Changed => "changed",
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Rehashed => "with other content",
        Change::Relocated => "from another place",
    }
}

fn vulnerabilities(count: u64, what: &str) -> String {
    let noun = if count == 1 { "vulnerability" } else { "vulnerabilities" };
    format!("{} {noun} {what}", words::count(count))
}

/// `1.0 → 1.1`, `new: 1.1`, `gone: 1.0`; versions are foreign text.
pub(super) fn versions(package: &PackageReview, shown: &dyn Fn(&str) -> String) -> String {
    let moved = &package.moved;
    let version = |pin: &crate::review::Pin| shown(&pin.version);
    match (&moved.old, &moved.new) {
        (Some(old), Some(new)) if old.version == new.version => version(new),
        (Some(old), Some(new)) => format!("{} → {}", version(old), version(new)),
        (None, Some(new)) => format!("new: {}", version(new)),
        (Some(old), None) => format!("gone: {}", version(old)),
        (None, None) => String::new(),
    }
}

/// What else the new version provides that is named, of one package.
const PROVIDES_MAX: usize = 3;

/// Where the new version is from, as far as that is known: when it was made, by the word of its file,
/// the suite that has it, and what it counts as that the old one did not. Names are foreign text.
pub(super) fn origin(package: &PackageReview, shown: &dyn Fn(&str) -> String) -> Vec<String> {
    let evidence = &package.evidence;
    let suite = |suite: &Suite| format!("{}{}", shown(&suite.name), suite.automatic.remark());
    let mut words: Vec<String> = Vec::new();
    words.extend(evidence.made.known().map(|at| format!("made {}", words::day(*at))));
    match (evidence.old_suite.known(), evidence.new_suite.known()) {
        (Some(old), Some(new)) if !old.is(new) || old.automatic != new.automatic => {
            words.push(format!("suite {} → {}", suite(old), suite(new)));
        }
        (_, Some(new)) => words.push(format!("suite {}", suite(new))),
        (_, None) => {}
    }
    // All that a new package provides is new, as it is itself.
    let control = evidence.control.known().filter(|_| package.moved.versions().is_some());
    if let Some(names) = control.map(|control| &control.provides).filter(|it| !it.is_empty()) {
        let shown: Vec<String> = names.iter().take(PROVIDES_MAX).map(|name| shown(name)).collect();
        let more = match names.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {} more", words::count(more as u64)),
        };
        words.push(format!("now provides {}{more}", shown.join(" ")));
    }
    words
}

/// An explanation in words; names are foreign text.
pub(super) fn explanation(of: &Explanation, shown: &dyn Fn(&str) -> String) -> String {
    let step = |step: &files::StepOrigin| match &step.location {
        Some(location) => format!("line {}", location.start_line),
        None => format!("step {}", shown(&step.id)),
    };
    match of {
        Explanation::Package(_, name) => format!("as the file of {} brings them", shown(name)),
        Explanation::Installed(_, name, rule) => {
            format!("of {}: {rule}", shown(name))
        }
        Explanation::Claimed(_, name) => format!("noted as {}'s, not compared", shown(name)),
        Explanation::Unproven(_, name, rule) => format!("of {}: {rule}: not proven", shown(name)),
        Explanation::Derived(rule) => {
            format!("derived from packages: {rule} ({})", files::reason(rule))
        }
        Explanation::Base(reference) => format!("of the base image {}", shown(reference)),
        Explanation::Instruction(origin) => format!("made by {}, which changed", step(origin)),
        Explanation::Stage(origin) => {
            format!("copied by {} from a stage in which something moved", step(origin))
        }
        Explanation::Below(origin) => match &origin.state {
            StepState::Below(above) => {
                let above: Vec<String> = above.iter().map(|above| below(above, shown)).collect();
                format!("made by {} below {}: not proven", step(origin), words::list(&above))
            }
            _ => format!("gone, perhaps by {}, which changed: not proven", step(origin)),
        },
    }
}

/// `line 4, which copies /src/a.c, which changed`.
fn below(above: &Above, shown: &dyn Fn(&str) -> String) -> String {
    let place = match &above.location {
        Some(location) => format!("line {}", location.start_line),
        None => format!("step {}", shown(&above.id)),
    };
    let Some(first) = above.files.first() else { return format!("{place}, which changed") };
    let first = shown(&String::from_utf8_lossy(first));
    match above.files.len() {
        1 => format!("{place}, which copies the changed file {first}"),
        more => format!(
            "{place}, which copies {} changed files, such as {first}",
            words::count(more as u64)
        ),
    }
}

/// `12 below a changed instruction (not proven)`, `3 of packages (not proven)`.
fn unproven(files: &files::FilesReview) -> impl Iterator<Item = String> {
    let of_packages: u64 = files
        .unproven()
        .filter(|group| matches!(group.explanation, Explanation::Unproven(..)))
        .map(|group| group.files)
        .sum();
    let below = files.unproven_count() - of_packages;
    let counts = [(below, "below a changed instruction"), (of_packages, "of packages")];
    let some = counts.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{} {what} (not proven)", words::count(count)))
}

/// Rows of one table about the files: an explanation, files, bytes before and after.
pub(super) struct FileSum {
    pub(super) words: String,
    pub(super) files: u64,
    pub(super) old_size: u64,
    pub(super) new_size: u64,
}

/// The groups, those of packages and those of derived files in one row each where they are many.
pub(super) fn file_sums(report: &ReviewReport, shown: &dyn Fn(&str) -> String) -> Vec<FileSum> {
    const ROWS_MAX: usize = 8;
    let Some(files) = &report.review.files else { return Vec::new() };
    let rank = |of: &Explanation| match of {
        Explanation::Package(..) => 0,
        Explanation::Installed(..) => 1,
        Explanation::Claimed(..) => 2,
        Explanation::Derived(_) => 3,
        Explanation::Base(_) => 4,
        Explanation::Instruction(_) => 5,
        Explanation::Stage(_) => 6,
        Explanation::Below(_) => 7,
        Explanation::Unproven(..) => 8,
    };
    let together = files.groups.len() > ROWS_MAX;
    let mut sums: BTreeMap<(u8, String), FileSum> = BTreeMap::new();
    for group in &files.groups {
        let words = match (&group.explanation, together) {
            (Explanation::Package(..), true) => {
                "as the files of moved packages bring them".to_owned()
            }
            (Explanation::Installed(..), true) => "made by installing moved packages".to_owned(),
            (Explanation::Claimed(..), true) => "noted as moved packages', not compared".to_owned(),
            (Explanation::Derived(_), true) => "derived from packages".to_owned(),
            (Explanation::Unproven(_, _, rule), true) => {
                format!("of moved packages: {rule}: not proven")
            }
            (of, _) => explanation(of, shown),
        };
        let sum = sums.entry((rank(&group.explanation), words.clone())).or_insert(FileSum {
            words,
            files: 0,
            old_size: 0,
            new_size: 0,
        });
        sum.files += group.files;
        sum.old_size += group.old_size;
        sum.new_size += group.new_size;
    }
    sums.into_values().collect()
}

/// `+221.0 kB`, `-3 B`, `0 B`.
pub(super) fn growth(old: u64, new: u64) -> String {
    match new.checked_sub(old) {
        Some(0) => words::size(0),
        Some(more) => format!("+{}", words::size(more)),
        None => format!("-{}", words::size(old - new)),
    }
}

/// Reasons of checks that could not be made, each with the checks and subjects that it concerns.
pub(super) fn reasons(report: &ReviewReport) -> Vec<(String, Vec<&'static str>, Vec<String>)> {
    let mut reasons: BTreeMap<String, (Vec<&'static str>, Vec<String>)> = BTreeMap::new();
    for outcome in report.not_checked() {
        for unchecked in outcome.unchecked {
            let (risks, subjects) = reasons.entry(unchecked.reason).or_default();
            if !risks.contains(&outcome.risk.id()) {
                risks.push(outcome.risk.id());
            }
            if !unchecked.subject.is_empty() && !subjects.contains(&unchecked.subject) {
                subjects.push(unchecked.subject);
            }
        }
    }
    let sorted = |(reason, (risks, mut subjects)): (String, (_, Vec<String>))| {
        subjects.sort();
        (reason, risks, subjects)
    };
    reasons.into_iter().map(sorted).collect()
}

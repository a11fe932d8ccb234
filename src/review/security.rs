//! What advisory data says of both locks: fixed, still open, introduced.

use super::bases;
use super::evidence::Checked;
use crate::lock::{LockedImage, LockedPackage, LockedSource, Lockfile, stage_of};
use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Advisory data, wherever it is from.
pub trait Advisories {
    /// What concerns this version of a package.
    fn of(&self, asked: &Asked<'_>) -> Checked<Vec<Known>>;

    /// What was looked into; what could not be, too.
    fn sources(&self) -> Vec<AdvisorySource>;

    /// Which of the sources, by their places, cover a package.
    fn covering(&self, _asked: &Asked<'_>) -> Vec<usize> {
        Vec::new()
    }
}

/// A package that advisories are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The purl type.
    pub kind: &'a str,
    /// Name.
    pub name: &'a str,
    /// Version.
    pub version: &'a str,
    /// Architecture, in the words of its package manager.
    pub architecture: &'a str,
    /// The source package that it was built from, where that is another one.
    pub source: Option<&'a LockedSource>,
    /// The image that has it, by its manifest, where no step installs it: a lock does not say which
    /// source package it is of.
    pub image: Option<Digest>,
}

impl<'a> Asked<'a> {
    fn of(package: &'a LockedPackage) -> Self {
        Self {
            kind: &package.kind,
            name: &package.name,
            version: &package.version,
            architecture: &package.architecture,
            source: package.source.as_ref(),
            image: None,
        }
    }
}

/// An advisory that concerns a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Its other ids.
    pub aliases: BTreeSet<String>,
    /// How bad it is, in a word: `high`.
    pub severity: Option<String>,
    /// The version that fixes it.
    pub fixed: Option<String>,
    /// The source that says so.
    pub source: String,
    /// Why it is to be passed over, and who says that.
    pub ignored: Option<String>,
}

/// Data that was looked into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdvisorySource {
    /// Its name.
    pub name: String,
    /// How it is had: `local`, `service`.
    pub tier: String,
    /// Digest of the data, where it has one.
    pub digest: Option<String>,
    /// The day that it tells of.
    pub as_of: Option<String>,
    /// What it covers, in OSV's words: `Debian:12`.
    pub ecosystems: BTreeSet<String>,
    /// Packages of the new lock and of its images that it covers.
    pub covered: u64,
    /// Why it could not be asked: then nothing is known from it.
    pub failure: Option<String>,
}

/// What of a lock and its images advisory data covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Packages that some source covers.
    pub covered: u64,
    /// Packages that none covers, as `TYPE:NAME`.
    pub not_covered: BTreeSet<String>,
    /// How many each source covers, by its place.
    pub by_source: BTreeMap<usize, u64>,
}

/// An advisory and a package of the locks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Affected {
    /// Name of the package.
    pub package: String,
    /// Its purl type.
    pub kind: String,
    /// The version that is affected.
    pub version: String,
    /// The advisory.
    pub advisory: Known,
    /// The image that brings the package, where no step does.
    pub image: Option<String>,
    /// The steps that bring the package.
    pub steps: BTreeSet<String>,
}

/// What advisory data says of the way from one lock to the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// What concerned the old lock and no longer concerns the new one.
    pub fixed: Vec<Affected>,
    /// What concerns both, or concerns the new one and is not known of the old one.
    pub open: Vec<Affected>,
    /// What concerns only the new one.
    pub introduced: Vec<Affected>,
    /// What concerns the new one and is to be passed over, with the reason.
    pub ignored: Vec<Affected>,
    /// Packages of the new lock and its images that the data covers.
    pub covered: u64,
    /// Packages of the new lock and its images that it does not cover.
    pub not_covered: BTreeSet<String>,
    /// What was looked into, or could not be.
    pub sources: Vec<AdvisorySource>,
}

type Key = (String, String, String);

pub(super) fn compare(old: &Lockfile, new: &Lockfile, data: &dyn Advisories) -> Security {
    let Found { affected: mut before, covered: covered_before, .. } = affected(old, data);
    let found = affected(new, data);
    let Coverage { covered, not_covered, .. } = found.coverage();
    let mut security = Security {
        covered,
        not_covered,
        sources: counted(data, &found.by_source),
        ..Security::default()
    };
    let after = found.affected;
    // A package that the new data does not cover is not fixed by that.
    before.retain(|(kind, name, _), _| !security.not_covered.contains(&format!("{kind}:{name}")));
    for (key, found) in &after {
        let was_there = before.remove(key).is_some();
        let (kind, name, _) = key;
        // What is not known of the old lock cannot be said to be new.
        let was_unknown = covered_before.get(&format!("{kind}:{name}")) == Some(&false);
        let known = if found.advisory.ignored.is_some() {
            &mut security.ignored
        } else if was_there || was_unknown {
            &mut security.open
        } else {
            &mut security.introduced
        };
        known.push(found.clone());
    }
    security.fixed = before.into_values().collect();
    security
}

/// What of a lock and its images advisory data covers.
pub fn coverage(lock: &Lockfile, data: &dyn Advisories) -> Coverage {
    affected(lock, data).coverage()
}

/// The sources, each with how many packages it covers.
fn counted(
    data: &dyn Advisories,
    by_source: &BTreeMap<usize, BTreeSet<String>>,
) -> Vec<AdvisorySource> {
    let count = |at: usize| by_source.get(&at).map_or(0, |names| names.len() as u64);
    let sources = data.sources().into_iter().enumerate();
    sources.map(|(at, source)| AdvisorySource { covered: count(at), ..source }).collect()
}

#[derive(Default)]
struct Found {
    affected: BTreeMap<Key, Affected>,
    /// Whether each package is covered, in each of its versions.
    covered: BTreeMap<String, bool>,
    /// The packages that each source covers, by its place.
    by_source: BTreeMap<usize, BTreeSet<String>>,
}

impl Found {
    fn coverage(&self) -> Coverage {
        let is_not = |(name, is_covered): (&String, &bool)| (!is_covered).then(|| name.clone());
        let not_covered: BTreeSet<String> = self.covered.iter().filter_map(is_not).collect();
        Coverage {
            covered: self.covered.len().saturating_sub(not_covered.len()) as u64,
            not_covered,
            by_source: self.by_source.iter().map(|(at, it)| (*at, it.len() as u64)).collect(),
        }
    }
}

/// Everything of a lock that advisories are asked for: what steps install, and what its images bring.
pub fn all_asked(lock: &Lockfile) -> Vec<Asked<'_>> {
    let of_steps = lock.packages.iter().map(Asked::of);
    of_steps.chain(of_images(lock).into_iter().map(|(asked, _)| asked)).collect()
}

/// What images bring and no step replaces, with the reference of the image.
fn of_images(lock: &Lockfile) -> Vec<(Asked<'_>, String)> {
    let mut all = Vec::new();
    for image in &lock.images {
        let replaced = replaced(lock, image);
        for (kind, name, version) in bases::each_listed(image) {
            if replaced.contains(&(kind, name)) {
                continue;
            }
            let (architecture, image_of) = ("", Some(image.manifest));
            let asked = Asked { kind, name, version, architecture, source: None, image: image_of };
            all.push((asked, image.reference.to_string()));
        }
    }
    all
}

/// What concerns the packages of a lock and of its images; and whether the data covers each.
fn affected(lock: &Lockfile, data: &dyn Advisories) -> Found {
    let mut found = Found::default();
    for package in &lock.packages {
        let steps = BTreeSet::from([package.step.clone()]);
        add(&mut found, data, &Asked::of(package), (None, &steps));
    }
    for (asked, reference) in of_images(lock) {
        add(&mut found, data, &asked, (Some(reference), &BTreeSet::new()));
    }
    found
}

fn add(
    found: &mut Found,
    data: &dyn Advisories,
    asked: &Asked<'_>,
    (image, steps): (Option<String>, &BTreeSet<String>),
) {
    let known = data.of(asked);
    let name = format!("{}:{}", asked.kind, asked.name);
    for source in data.covering(asked) {
        found.by_source.entry(source).or_default().insert(name.clone());
    }
    *found.covered.entry(name).or_insert(true) &= known.known().is_some();
    for advisory in known.known().into_iter().flatten() {
        let key = (asked.kind.to_owned(), asked.name.to_owned(), advisory.id.clone());
        let entry = found.affected.entry(key).or_insert_with(|| Affected {
            package: asked.name.to_owned(),
            kind: asked.kind.to_owned(),
            version: asked.version.to_owned(),
            advisory: advisory.clone(),
            image: image.clone(),
            steps: BTreeSet::new(),
        });
        entry.steps.extend(steps.iter().cloned());
    }
}

/// Packages of an image that a step puts another version in the place of, for everything that starts
/// from it: that is only known where one stage does.
fn replaced<'a>(lock: &'a Lockfile, image: &LockedImage) -> BTreeSet<(&'a str, &'a str)> {
    let reference = image.reference.to_string();
    let mut stages = lock.stages.iter().filter(|stage| stage.base == reference);
    let (Some(only), None) = (stages.next(), stages.next()) else { return BTreeSet::new() };
    let packages = lock.packages.iter().filter(|package| stage_of(&package.step) == only.id);
    packages.map(|package| (&*package.kind, &*package.name)).collect()
}

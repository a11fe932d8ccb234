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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockedStage;

    /// Says of every `TYPE:NAME VERSION` which ids concern it; of what is not there that it is not
    /// covered. An id that ends in `!` is ignored.
    struct Table(&'static [(&'static str, &'static [&'static str])]);

    impl Table {
        fn row(&self, asked: &Asked<'_>) -> Option<&[&'static str]> {
            let wanted = format!("{}:{} {}", asked.kind, asked.name, asked.version);
            self.0.iter().find(|(package, _)| *package == wanted).map(|(_, ids)| *ids)
        }
    }

    impl Advisories for Table {
        fn of(&self, asked: &Asked<'_>) -> Checked<Vec<Known>> {
            let Some(ids) = self.row(asked) else { return Checked::Not("no data".to_owned()) };
            let known = |id: &&str| Known {
                id: (*id).to_owned(),
                aliases: BTreeSet::new(),
                severity: None,
                fixed: None,
                source: "table".to_owned(),
                ignored: id.ends_with('!').then(|| "a reason".to_owned()),
            };
            Checked::Known(ids.iter().map(known).collect())
        }

        fn sources(&self) -> Vec<AdvisorySource> {
            let (name, tier) = ("table".to_owned(), "local".to_owned());
            let (digest, as_of, failure, ecosystems) = (None, None, None, BTreeSet::new());
            vec![AdvisorySource { name, tier, digest, as_of, ecosystems, covered: 0, failure }]
        }

        fn covering(&self, asked: &Asked<'_>) -> Vec<usize> {
            self.row(asked).map(|_| 0).into_iter().collect()
        }
    }

    /// A lock with these packages, `STEP NAME VERSION`, and with what its one image brings.
    fn lock(packages: &[&str], listed: &[&str]) -> Lockfile {
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
        for package in packages {
            let words: Vec<&str> = package.split(' ').collect();
            lock.packages.push(LockedPackage {
                kind: "deb".into(),
                name: words[1].to_owned(),
                version: words[2].to_owned(),
                architecture: "amd64".into(),
                source: None,
                url: None,
                sha256: None,
                size: None,
                modified: None,
                step: words[0].to_owned(),
                requested: true,
            });
        }
        if !listed.is_empty() {
            lock.images.push(LockedImage {
                reference: "docker.io/library/base:1".parse().unwrap(),
                index: None,
                manifest: Digest::of(b"image"),
                packages: listed.iter().map(|it| (*it).to_owned()).collect(),
            });
            let reference = lock.images[0].reference.to_string();
            lock.stages.push(LockedStage { id: String::new(), base: reference });
        }
        lock
    }

    fn names(found: &[Affected]) -> Vec<String> {
        found.iter().map(|it| format!("{} {} {}", it.package, it.version, it.advisory.id)).collect()
    }

    #[test]
    fn what_concerns_one_lock_or_both() {
        let data = Table(&[
            ("deb:a 1", &["A-1", "A-2"]),
            ("deb:a 2", &["A-2", "A-3", "A-4!"]),
            ("deb:b 1", &["B-1"]),
            ("deb:c 2", &["C-1"]),
            ("deb:d 1", &["D-1!"]),
            ("deb:e 1", &["E-1"]),
        ]);
        let old = lock(&["1 a 1", "1 b 1", "1 c 1", "1 d 1", "2 e 1"], &[]);
        let new = lock(&["1 a 2", "1 b 2", "1 c 2", "1 d 1", "3 e 1"], &[]);
        let found = compare(&old, &new, &data);
        assert_eq!(names(&found.fixed), ["a 1 A-1"]);
        // Nothing was known of `c` before, so that what concerns it now may have concerned it then.
        assert_eq!(names(&found.open), ["a 2 A-2", "c 2 C-1", "e 1 E-1"]);
        assert_eq!(names(&found.introduced), ["a 2 A-3"]);
        assert_eq!(names(&found.ignored), ["a 2 A-4!", "d 1 D-1!"]);
        // Nothing is known of `b` now: it is not fixed by that.
        assert_eq!(found.not_covered, BTreeSet::from(["deb:b".to_owned()]));
        assert_eq!(found.covered, 4);
        assert_eq!((found.sources.len(), found.sources[0].covered), (1, 4));
        assert_eq!(found.open[2].steps, BTreeSet::from(["3".to_owned()]));
        // A package that is gone concerns nobody.
        let found = compare(&old, &lock(&["1 c 2"], &[]), &data);
        assert_eq!(names(&found.fixed), ["a 1 A-1", "a 1 A-2", "b 1 B-1", "d 1 D-1!", "e 1 E-1"]);
    }

    #[test]
    fn a_package_is_covered_if_each_of_its_versions_is() {
        let data = Table(&[("deb:a 1", &["A-1"])]);
        let found = coverage(&lock(&["1 a 1", "2 a 2"], &[]), &data);
        assert_eq!((found.covered, found.not_covered.len()), (0, 1));
        let found = coverage(&lock(&["1 a 1", "2 a 1"], &[]), &data);
        assert_eq!((found.covered, found.not_covered.len()), (1, 0));
        assert_eq!(found.by_source, BTreeMap::from([(0, 1)]));
        let both = compare(&lock(&[], &[]), &lock(&["1 a 1", "2 a 1"], &[]), &data);
        let steps = BTreeSet::from(["1".to_owned(), "2".to_owned()]);
        assert_eq!(both.introduced[0].steps, steps);
    }

    #[test]
    fn what_an_image_brings_counts_until_a_step_replaces_it() {
        let data = Table(&[("deb:a 1", &["A-1"]), ("deb:a 2", &[]), ("deb:b 1", &["B-1"])]);
        let listed = ["deb:a 1", "deb:b 1"];
        let before = lock(&[], &listed);
        let found = compare(&lock(&[], &[]), &before, &data);
        assert_eq!(names(&found.introduced), ["a 1 A-1", "b 1 B-1"]);
        assert_eq!(found.introduced[0].image.as_deref(), Some("docker.io/library/base:1"));
        assert!(found.introduced[0].steps.is_empty());
        let found = compare(&before, &lock(&["1 a 2"], &listed), &data);
        assert_eq!(
            (names(&found.fixed), names(&found.open)),
            (vec!["a 1 A-1".to_owned()], vec!["b 1 B-1".to_owned()])
        );
        // In another stage, or where two stages start from the image, it is still there.
        let elsewhere = compare(&before, &lock(&["x/1 a 2"], &listed), &data);
        assert_eq!(names(&elsewhere.fixed), [""; 0]);
        let mut twice = lock(&["1 a 2"], &listed);
        let base = twice.stages[0].base.clone();
        twice.stages.push(LockedStage { id: "x".to_owned(), base });
        assert_eq!(names(&compare(&before, &twice, &data).fixed), [""; 0]);
        let asked = all_asked(&before);
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].image, Some(Digest::of(b"image")));
        assert_eq!(all_asked(&lock(&["1 a 2"], &listed)).len(), 2);
    }
}

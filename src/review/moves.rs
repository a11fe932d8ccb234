//! Which packages moved between two lockfiles.

use super::order;
use crate::lock::{LockedPackage, LockedSource, Lockfile};
use crate::oci::Digest;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A package that is another one than before, or new, or gone. Steps that moved in the same way
/// share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// The purl type, such as `deb`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Architecture, in the words of its package manager.
    pub architecture: String,
    /// How it moved.
    pub change: Change,
    /// What was locked; none where it is new.
    pub old: Option<Pin>,
    /// What is locked now; none where it is gone.
    pub new: Option<Pin>,
    /// The steps that bring it, by their ids in the new lock; in the old one where it is gone.
    pub steps: BTreeSet<String>,
    /// Whether an instruction names it; the others came along.
    pub requested: bool,
}

/// What a lock says of one version of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// Version, in the words of its package manager.
    pub version: String,
    /// The source package that it was built from.
    pub source: Option<LockedSource>,
    /// Where its file came from.
    pub url: Option<String>,
    /// Digest of its file.
    pub sha256: Option<Digest>,
    /// Size of its file in bytes.
    pub size: Option<u64>,
}

/// How a package moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// To a later version.
    Upgrade,
    /// To an earlier version.
    Downgrade,
    /// To another version, and which is later cannot be said.
    Changed,
    /// It was not there.
    Added,
    /// It is no longer there.
    Removed,
    /// The same version with other content.
    Rehashed,
    /// The same file from another place.
    Relocated,
}

impl Change {
    /// One word for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
            Self::Changed => "change",
            Self::Added => "add",
            Self::Removed => "remove",
            Self::Rehashed => "rehash",
            Self::Relocated => "relocate",
        }
    }
}

impl Move {
    /// Whether this is about the package of these names.
    pub fn is_of(&self, kind: &str, name: &str) -> bool {
        self.kind == kind && self.name == name
    }

    /// The old and the new version, where there are two.
    pub fn versions(&self) -> Option<(&str, &str)> {
        Some((&self.old.as_ref()?.version, &self.new.as_ref()?.version))
    }
}

impl Pin {
    fn of(package: &LockedPackage) -> Self {
        let LockedPackage { version, source, url, sha256, size, .. } = package.clone();
        Self { version, source, url, sha256, size }
    }
}

/// Kind, name and architecture.
type Key<'a> = (&'a str, &'a str, &'a str);

/// The packages that are not the same in both, sorted by kind, name and architecture. A package
/// that only another step brings has not moved.
pub fn moves(old: &Lockfile, new: &Lockfile) -> Vec<Move> {
    let (old, new) = (by_name(old), by_name(new));
    let keys: BTreeSet<Key<'_>> = old.keys().chain(new.keys()).copied().collect();
    let nothing = Vec::new();
    let mut found = Vec::new();
    for key in keys {
        let (old, new) = (old.get(&key).unwrap_or(&nothing), new.get(&key).unwrap_or(&nothing));
        found.extend(of_one(key, old, new));
    }
    found
}

fn by_name(lock: &Lockfile) -> BTreeMap<Key<'_>, Vec<&LockedPackage>> {
    let mut packages: BTreeMap<Key<'_>, Vec<&LockedPackage>> = BTreeMap::new();
    for package in &lock.packages {
        let key = (&*package.kind, &*package.name, &*package.architecture);
        packages.entry(key).or_default().push(package);
    }
    packages
}

/// A package before and after, in one step.
type Pair<'a> = (Option<&'a LockedPackage>, Option<&'a LockedPackage>);

fn of_one(key: Key<'_>, old: &[&LockedPackage], new: &[&LockedPackage]) -> Vec<Move> {
    let mut grouped: BTreeMap<(Change, Option<Pin>, Option<Pin>), Move> = BTreeMap::new();
    for (before, after) in pairs(old, new) {
        let Some(change) = change(key.0, before, after) else { continue };
        let (old, new) = (before.map(Pin::of), after.map(Pin::of));
        let one = grouped.entry((change, old.clone(), new.clone())).or_insert_with(|| Move {
            kind: key.0.to_owned(),
            name: key.1.to_owned(),
            architecture: key.2.to_owned(),
            change,
            old,
            new,
            steps: BTreeSet::new(),
            requested: false,
        });
        let shown = after.or(before);
        one.steps.extend(shown.map(|package| package.step.clone()));
        one.requested |= shown.is_some_and(|package| package.requested);
    }
    grouped.into_values().collect()
}

/// Which was which: what stands in the same step, then what is the same anywhere, then what is left
/// in order.
fn pairs<'a>(old: &[&'a LockedPackage], new: &[&'a LockedPackage]) -> Vec<Pair<'a>> {
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let (mut old, mut new) = (old.to_vec(), new.to_vec());
    let rules: [fn(&LockedPackage, &LockedPackage) -> bool; 4] = [
        |old, new| old.step == new.step && is_same(old, new),
        |old, new| old.step == new.step,
        is_same,
        |_, _| true,
    ];
    for fits in rules {
        old.retain(|before| match new.iter().position(|after| fits(before, after)) {
            Some(index) => {
                pairs.push((Some(before), Some(new.remove(index))));
                false
            }
            None => true,
        });
    }
    // One more step that brings what another one brought before is no news, nor one less.
    let known: Vec<Pair<'a>> = pairs.clone();
    let is_new = |package: &LockedPackage| {
        !known.iter().any(|(_, after)| after.is_some_and(|after| is_same(after, package)))
    };
    let is_gone = |package: &LockedPackage| {
        !known.iter().any(|(before, _)| before.is_some_and(|before| is_same(before, package)))
    };
    pairs.extend(old.into_iter().filter(|it| is_gone(it)).map(|before| (Some(before), None)));
    pairs.extend(new.into_iter().filter(|it| is_new(it)).map(|after| (None, Some(after))));
    pairs
}

fn is_same(left: &LockedPackage, right: &LockedPackage) -> bool {
    left.version == right.version && left.sha256 == right.sha256
}

fn change(
    kind: &str,
    before: Option<&LockedPackage>,
    after: Option<&LockedPackage>,
) -> Option<Change> {
    let (before, after) = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => return Some(Change::Added),
        (Some(_), None) => return Some(Change::Removed),
        (Some(before), Some(after)) => (before, after),
    };
    if before.version != after.version {
        return Some(match order::compare(kind, &before.version, &after.version) {
            Some(Ordering::Less) => Change::Upgrade,
            Some(Ordering::Greater) => Change::Downgrade,
            // Two ways to write one version are two versions to whoever reads the lock.
            Some(Ordering::Equal) | None => Change::Changed,
        });
    }
    match (before.sha256, after.sha256) {
        (Some(left), Some(right)) if left != right => Some(Change::Rehashed),
        // A hash that comes or goes says that the file was had from elsewhere.
        _ if before.url != after.url => Some(Change::Relocated),
        _ => None,
    }
}

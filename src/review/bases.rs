//! Base images that moved, explained by the lists of what they contain.

use super::moves::Change;
use super::order;
use crate::lock::{LockedImage, Lockfile};
use crate::oci::Digest;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// An image that is another one than before, or new, or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseMove {
    /// What was locked.
    pub old: Option<BasePin>,
    /// What is locked now.
    pub new: Option<BasePin>,
    /// What moved in it; none where a lock has no list of what the image contains.
    pub packages: Option<Vec<BasePackage>>,
    /// Packages that are the same in both.
    pub unchanged: u64,
}

/// What a lock says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasePin {
    /// What the Dockerfile names, normalised.
    pub reference: String,
    /// What this platform got.
    pub manifest: Digest,
}

/// A package of a base image that moved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BasePackage {
    /// The purl type.
    pub kind: String,
    /// Name, with its architecture where the image has several.
    pub name: String,
    /// How it moved.
    pub change: Change,
    /// Version before.
    pub old: Option<String>,
    /// Version now.
    pub new: Option<String>,
}

impl BaseMove {
    /// The reference, new or old.
    pub fn reference(&self) -> &str {
        let pin = self.new.as_ref().or(self.old.as_ref());
        pin.map_or("", |pin| &pin.reference)
    }
}

/// The images that are not the same in both, by reference.
pub(super) fn moves(old: &Lockfile, new: &Lockfile) -> Vec<BaseMove> {
    let mut moves: Vec<BaseMove> = pairs(old, new)
        .into_iter()
        .filter(|(before, after)| !is_same(*before, *after))
        .map(|(before, after)| explained(before, after))
        .collect();
    moves.sort_by(|left, right| left.reference().cmp(right.reference()));
    moves
}

/// Whether one image stands where the other stood.
type Fits<'a> = &'a dyn Fn(&LockedImage, &LockedImage) -> bool;

type Pair<'a> = (Option<&'a LockedImage>, Option<&'a LockedImage>);

fn is_same(before: Option<&LockedImage>, after: Option<&LockedImage>) -> bool {
    let identity = |image: &LockedImage| (image.reference.to_string(), image.manifest);
    before.map(identity) == after.map(identity)
}

/// By reference; then what the same stage starts from; then what has the same repository.
fn pairs<'a>(old: &'a Lockfile, new: &'a Lockfile) -> Vec<Pair<'a>> {
    let mut left: Vec<&LockedImage> = old.images.iter().collect();
    let mut right: Vec<&LockedImage> = new.images.iter().collect();
    let mut pairs = Vec::new();
    let bases = |lock: &Lockfile| -> BTreeMap<String, String> {
        lock.stages.iter().map(|stage| (stage.id.clone(), stage.base.clone())).collect()
    };
    let (old_bases, new_bases) = (bases(old), bases(new));
    let of_one_stage = |before: &LockedImage, after: &LockedImage| {
        let (before, after) = (before.reference.to_string(), after.reference.to_string());
        old_bases.iter().any(|(id, base)| *base == before && new_bases.get(id) == Some(&after))
    };
    let rules: [Fits<'_>; 3] =
        [&|before, after| before.reference == after.reference, &of_one_stage, &|before, after| {
            before.reference.name() == after.reference.name()
        }];
    for fits in rules {
        left.retain(|before| match right.iter().position(|after| fits(before, after)) {
            Some(index) => {
                pairs.push((Some(*before), Some(right.remove(index))));
                false
            }
            None => true,
        });
    }
    pairs.extend(left.into_iter().map(|before| (Some(before), None)));
    pairs.extend(right.into_iter().map(|after| (None, Some(after))));
    pairs
}

fn explained(before: Option<&LockedImage>, after: Option<&LockedImage>) -> BaseMove {
    let pin = |image: &LockedImage| BasePin {
        reference: image.reference.to_string(),
        manifest: image.manifest,
    };
    let (old, new) = (listed(before), listed(after));
    let both = before.is_some() && after.is_some();
    let known = both && !(old.is_empty() || new.is_empty());
    let packages = known.then(|| package_moves(&old, &new));
    let unchanged = old.iter().filter(|(name, version)| new.get(*name) == Some(*version)).count();
    BaseMove { old: before.map(pin), new: after.map(pin), packages, unchanged: unchanged as u64 }
}

type Listed<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

/// `deb:adduser 3.134`: kind, name and version.
fn parts(package: &str) -> (&str, &str, &str) {
    let (named, version) = package.rsplit_once(' ').unwrap_or((package, ""));
    let (kind, name) = named.split_once(':').unwrap_or(("", named));
    (kind, name, version)
}

/// The name without the architecture that stands behind it where an image has several. Names of other
/// kinds may have colons themselves.
pub(super) fn plain_name<'a>(kind: &str, name: &'a str) -> &'a str {
    match name.split_once(':') {
        Some((plain, _)) if ["deb", "rpm", "apk"].contains(&kind) => plain,
        _ => name,
    }
}

/// Kind, plain name and version of what an image contains.
pub(super) fn each_listed(image: &LockedImage) -> impl Iterator<Item = (&str, &str, &str)> {
    let parts = image.packages.iter().map(|package| parts(package));
    parts.map(|(kind, name, version)| (kind, plain_name(kind, name), version))
}

/// By kind and name: an image may have several versions of one.
fn listed(image: Option<&LockedImage>) -> Listed<'_> {
    let mut found = Listed::new();
    for package in image.map_or(&[][..], |image| &image.packages) {
        let (kind, name, version) = parts(package);
        found.entry((kind, name)).or_default().insert(version);
    }
    found
}

fn package_moves(old: &Listed<'_>, new: &Listed<'_>) -> Vec<BasePackage> {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let nothing = BTreeSet::new();
    let mut moves = Vec::new();
    for (kind, name) in names {
        let before = old.get(&(kind, name)).unwrap_or(&nothing);
        let after = new.get(&(kind, name)).unwrap_or(&nothing);
        let gone: Vec<&str> = before.difference(after).copied().collect();
        let come: Vec<&str> = after.difference(before).copied().collect();
        for index in 0..gone.len().max(come.len()) {
            let (old, new) = (gone.get(index).copied(), come.get(index).copied());
            moves.push(BasePackage {
                kind: kind.to_owned(),
                name: name.to_owned(),
                change: change(kind, old, new),
                old: old.map(str::to_owned),
                new: new.map(str::to_owned),
            });
        }
    }
    moves
}

fn change(kind: &str, old: Option<&str>, new: Option<&str>) -> Change {
    match (old, new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        (Some(old), Some(new)) => match order::compare(kind, old, new) {
            Some(Ordering::Less) => Change::Upgrade,
            Some(Ordering::Greater) => Change::Downgrade,
            _ => Change::Changed,
        },
    }
}

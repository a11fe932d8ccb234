//! What moved between two locks.

use super::identity::listed;
use crate::lock::Lockfile;
use std::collections::{BTreeMap, BTreeSet};

/// A package that is not the same in two locks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// The purl type.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Architecture; empty where the manager has none.
    pub architecture: String,
    /// The versions that only the old lock has.
    pub from: BTreeSet<String>,
    /// The versions that only the new lock has.
    pub to: BTreeSet<String>,
}

/// Every package with other versions, sorted.
pub fn moved(old: &Lockfile, new: &Lockfile) -> Vec<Moved> {
    let (old, new) = (versions(old), versions(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let none = BTreeSet::new();
    let mut moved = Vec::new();
    for key in keys {
        let before = old.get(key).unwrap_or(&none);
        let after = new.get(key).unwrap_or(&none);
        if before != after {
            let (kind, name, architecture) = key.clone();
            let from = before.difference(after).cloned().collect();
            let to = after.difference(before).cloned().collect();
            moved.push(Moved { kind, name, architecture, from, to });
        }
    }
    moved
}

type Named = (String, String, String);

fn versions(lock: &Lockfile) -> BTreeMap<Named, BTreeSet<String>> {
    let mut versions: BTreeMap<Named, BTreeSet<String>> = BTreeMap::new();
    for identity in listed(lock).into_keys() {
        let key = (identity.kind, identity.name, identity.architecture);
        versions.entry(key).or_default().insert(identity.version);
    }
    versions
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockedPackage;

    /// A lock with these packages, `NAME VERSION ARCHITECTURE`.
    fn lock(packages: &[&str]) -> Lockfile {
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
        for package in packages {
            let words: Vec<&str> = package.split(' ').collect();
            lock.packages.push(LockedPackage {
                kind: "deb".into(),
                name: words[0].to_owned(),
                version: words[1].to_owned(),
                architecture: words[2].to_owned(),
                source: None,
                url: None,
                sha256: None,
                size: None,
                modified: None,
                step: "1".into(),
                requested: true,
            });
        }
        lock
    }

    #[test]
    fn moves_are_the_versions_that_only_one_lock_has() {
        let old =
            lock(&["same 1 amd64", "up 1 amd64", "gone 1 amd64", "two 1 amd64", "two 2 amd64"]);
        let new = lock(&["same 1 amd64", "up 2 amd64", "new 1 amd64", "two 2 amd64", "up 1 i386"]);
        let found: Vec<String> = moved(&old, &new)
            .iter()
            .map(|it| format!("{}:{} {:?} {:?}", it.name, it.architecture, it.from, it.to))
            .collect();
        assert_eq!(
            found,
            [
                r#"gone:amd64 {"1"} {}"#,
                r#"new:amd64 {} {"1"}"#,
                r#"two:amd64 {"1"} {}"#,
                r#"up:amd64 {"1"} {"2"}"#,
                r#"up:i386 {} {"1"}"#,
            ]
        );
        assert_eq!(moved(&old, &old), []);
    }
}

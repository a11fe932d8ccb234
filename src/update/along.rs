//! Packages of a language that a system's package brings: the gems in Debian's `libruby`, the modules
//! in its `python3-django`. They have no files of their own, and move when that one does.

use super::identity::{file_identity, normalized};
use super::moves::Moved;
use crate::lock::Lockfile;
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of packages of a system.
const OF_SYSTEMS: [&str; 3] = ["deb", "rpm", "apk"];

/// Whether what moved came along in a package of the system that moved too: nothing of that name was
/// ever fetched, and each step that has it installs a package that `has_moved`.
pub fn came_along(
    moved: &Moved,
    [old, new]: [&Lockfile; 2],
    has_moved: &dyn Fn(&str, &str) -> bool,
) -> bool {
    let is_brought = |lock: &Lockfile| {
        let steps = steps_with(lock, &moved.kind, &moved.name);
        let movers = movers(lock, has_moved);
        !steps.is_empty()
            && steps.iter().all(|step| movers.contains(step))
            && !is_fetched(lock, &moved.kind, &moved.name)
    };
    !OF_SYSTEMS.contains(&&*moved.kind) && is_brought(old) && is_brought(new)
}

/// The packages of languages that were never fetched, by kind, where all steps that have them install
/// packages of a system.
pub fn unfetched(lock: &Lockfile) -> BTreeMap<String, BTreeSet<String>> {
    let of_systems = movers(lock, &|_, _| true);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.packages.iter().filter(|it| !OF_SYSTEMS.contains(&&*it.kind)) {
        let name = normalized(&package.kind, &package.name);
        let steps = steps_with(lock, &package.kind, &name);
        let is_beside = steps.iter().all(|step| of_systems.contains(step));
        if is_beside && !is_fetched(lock, &package.kind, &name) {
            found.entry(package.kind.clone()).or_default().insert(name);
        }
    }
    found
}

/// The steps that install a package of the system which has moved.
fn movers<'a>(lock: &'a Lockfile, has_moved: &dyn Fn(&str, &str) -> bool) -> BTreeSet<&'a str> {
    let of_systems = lock.packages.iter().filter(|it| OF_SYSTEMS.contains(&&*it.kind));
    let moved = of_systems.filter(|package| has_moved(&package.kind, &package.name));
    moved.map(|package| &*package.step).collect()
}

fn steps_with<'a>(lock: &'a Lockfile, kind: &str, name: &str) -> BTreeSet<&'a str> {
    let same = lock.packages.iter();
    let same = same.filter(|it| it.kind == kind && normalized(kind, &it.name) == name);
    same.map(|package| &*package.step).collect()
}

/// Whether the lock has a file of a package of this name.
fn is_fetched(lock: &Lockfile, kind: &str, name: &str) -> bool {
    let mut same = lock.packages.iter();
    let mut files = lock.fetches.iter().filter_map(|fetch| file_identity(&fetch.url));
    same.any(|it| it.kind == kind && normalized(kind, &it.name) == name && it.url.is_some())
        || files.any(|file| file.kind == kind && file.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{LockedFetch, LockedPackage};
    use crate::oci::Digest;

    fn package(kind: &str, name: &str, version: &str, step: &str) -> LockedPackage {
        LockedPackage {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: String::new(),
            source: None,
            url: None,
            sha256: None,
            size: None,
            modified: None,
            step: step.to_owned(),
            requested: false,
        }
    }

    /// `libruby` and what is in it, the gem `cgi`; another step has no package of the system.
    fn lock(version: &str, step: &str) -> Lockfile {
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
        lock.packages.push(package("deb", "libruby", version, "1"));
        lock.packages.push(package("gem", "cgi", version, step));
        lock
    }

    fn came(old: &Lockfile, new: &Lockfile, mover: &str) -> bool {
        let moved = super::super::moved(old, new);
        let gem = moved.iter().find(|moved| moved.kind == "gem").unwrap();
        came_along(gem, [old, new], &|_, name| name == mover)
    }

    #[test]
    fn what_a_moved_package_brings_moves_with_it() {
        assert!(came(&lock("1", "1"), &lock("2", "1"), "libruby"));
        assert!(!came(&lock("1", "1"), &lock("2", "1"), "other"));
        assert!(!came(&lock("1", "2"), &lock("2", "2"), "libruby"));
    }

    #[test]
    fn what_was_fetched_moves_by_itself() {
        let mut new = lock("2", "1");
        let url = "https://g.example/gems/cgi-2.gem".to_owned();
        assert_eq!(unfetched(&new)["gem"], BTreeSet::from(["cgi".to_owned()]));
        new.fetches.push(LockedFetch::new(url, Digest::of(b""), 0, "1".into()));
        assert!(!came(&lock("1", "1"), &new, "libruby"));
        assert!(unfetched(&new).is_empty());
        assert!(unfetched(&lock("1", "2")).is_empty());
    }
}

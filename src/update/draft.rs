//! The lock without the answers that are to be asked anew.

use super::archive::LockedArchive;
use crate::door::{held_host, with_host};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use std::collections::BTreeSet;
use url::Url;

/// A lock that an update builds from, and the steps of it that are to move.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The lock.
    pub lock: Lockfile,
    /// Ids, in the lock, of the steps of which something is asked anew.
    pub steps: BTreeSet<String>,
}

impl Draft {
    /// Everything stays.
    pub fn of(lock: &Lockfile) -> Self {
        Self { lock: lock.clone(), steps: BTreeSet::new() }
    }

    /// Everything that was fetched is asked anew. Images, steps and the epoch stay.
    pub fn of_nothing(lock: &Lockfile) -> Self {
        let steps = lock.fetches.iter().map(|fetch| fetch.step.clone());
        let steps = steps.chain(lock.packages.iter().map(|package| package.step.clone()));
        let steps = steps.collect();
        let (packages, fetches) = (Vec::new(), Vec::new());
        Self { lock: Lockfile { packages, fetches, ..lock.clone() }, steps }
    }

    /// Drops an answer, for all steps that asked.
    pub fn drop_answer(&mut self, is_dropped: impl Fn(&LockedFetch) -> bool) {
        let Self { lock, steps } = self;
        lock.fetches.retain(|fetch| {
            let dropped = is_dropped(fetch);
            if dropped {
                steps.insert(fetch.step.clone());
            }
            !dropped
        });
    }

    /// Drops the packages of a kind with these names; the steps that brought them are to move.
    pub fn drop_packages(&mut self, kind: &str, is_dropped: impl Fn(&str, &str) -> bool) {
        let Self { lock, steps } = self;
        lock.packages.retain(|package| {
            let dropped = package.kind == kind && is_dropped(&package.name, &package.architecture);
            if dropped {
                steps.insert(package.step.clone());
            }
            !dropped
        });
    }

    /// Gives an answer to these steps.
    pub fn answer<'a>(&mut self, steps: impl IntoIterator<Item = &'a String>, new: &LockedFetch) {
        self.lock.fetches.retain(|fetch| fetch.question() != new.question());
        for step in steps {
            self.lock.fetches.push(LockedFetch { step: step.clone(), ..new.clone() });
            self.steps.insert(step.clone());
        }
    }
}

/// Gives the indexes of an archive a second name, under which they stay as they are now, whatever the
/// archive says later. None where its host can have no other name.
pub fn hold(draft: &mut Draft, archive: &LockedArchive) -> Option<()> {
    hold_indexes(draft, (&archive.root, &archive.digest), &|url| archive.has(url))
}

/// The same for the indexes below a root that `has` tells, of which one with this digest says what the
/// others are.
pub fn hold_indexes(
    draft: &mut Draft,
    (root, digest): (&str, &Digest),
    has: &dyn Fn(&str) -> bool,
) -> Option<()> {
    let host = Url::parse(root).ok()?;
    let host = held_host(host.host_str()?, digest);
    with_host(root, &host)?;
    let Draft { lock, steps } = draft;
    let mut held = Vec::new();
    for fetch in lock.fetches.iter().filter(|fetch| has(&fetch.url)) {
        if let Some(url) = with_host(&fetch.url, &host) {
            held.push(LockedFetch { url, ..fetch.clone() });
        }
        steps.insert(fetch.step.clone());
    }
    lock.fetches.extend(held);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockedPackage;

    const ROOT: &str = "http://deb.example/debian/";

    fn lock() -> Lockfile {
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 7, 1);
        for (path, step) in
            [("dists/a/InRelease", "1"), ("dists/a/InRelease", "2"), ("pool/x", "3")]
        {
            let digest = Digest::of(path.as_bytes());
            lock.fetches.push(LockedFetch::new(format!("{ROOT}{path}"), digest, 1, step.into()));
        }
        for (kind, name, architecture, step) in
            [("deb", "a", "amd64", "1"), ("deb", "a", "i386", "2"), ("npm", "a", "", "3")]
        {
            lock.packages.push(LockedPackage {
                kind: kind.into(),
                name: name.into(),
                version: "1".into(),
                architecture: architecture.into(),
                source: None,
                url: None,
                sha256: None,
                size: None,
                modified: None,
                step: step.into(),
                requested: true,
            });
        }
        lock
    }

    fn steps(draft: &Draft) -> Vec<&str> {
        draft.steps.iter().map(String::as_str).collect()
    }

    #[test]
    fn all_or_nothing_is_asked_anew() {
        let all = Draft::of(&lock());
        assert_eq!((&all.lock, steps(&all)), (&lock(), vec![]));
        let nothing = Draft::of_nothing(&lock());
        assert_eq!((nothing.lock.fetches.len(), nothing.lock.packages.len()), (0, 0));
        assert_eq!((nothing.lock.epoch, steps(&nothing)), (7, vec!["1", "2", "3"]));
    }

    #[test]
    fn what_is_dropped_moves_its_steps_and_no_others() {
        let mut draft = Draft::of(&lock());
        draft.drop_answer(|fetch| fetch.url.ends_with("InRelease"));
        assert_eq!((draft.lock.fetches.len(), steps(&draft)), (1, vec!["1", "2"]));
        let mut draft = Draft::of(&lock());
        draft.drop_packages("deb", |name, architecture| (name, architecture) == ("a", "i386"));
        let left: Vec<&str> = draft.lock.packages.iter().map(|it| &*it.architecture).collect();
        assert_eq!((left, steps(&draft)), (vec!["amd64", ""], vec!["2"]));
        let mut draft = Draft::of(&lock());
        draft.drop_packages("npm", |_, _| true);
        assert_eq!((draft.lock.packages.len(), steps(&draft)), (2, vec!["3"]));
    }

    #[test]
    fn a_new_answer_replaces_the_old_ones() {
        let mut draft = Draft::of(&lock());
        let url = format!("{ROOT}dists/a/InRelease");
        let new = LockedFetch::new(url.clone(), Digest::of(b"new"), 3, String::new());
        draft.answer([&"1".to_owned(), &"9".to_owned()], &new);
        let found: Vec<_> = draft.lock.fetches.iter().filter(|it| it.url == url).collect();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|it| it.sha256 == Digest::of(b"new")));
        assert_eq!((&*found[0].step, &*found[1].step, steps(&draft)), ("1", "9", vec!["1", "9"]));
        assert_eq!(draft.lock.fetches.len(), 3);
    }

    #[test]
    fn what_is_held_stays_under_a_second_name() {
        let mut draft = Draft::of(&lock());
        let digest = Digest::of(b"index");
        hold_indexes(&mut draft, (ROOT, &digest), &|url| url.contains("/dists/")).unwrap();
        let host = held_host("deb.example", &digest);
        let held: Vec<_> = draft.lock.fetches.iter().filter(|it| it.url.contains(&host)).collect();
        assert_eq!(held.len(), 2);
        assert_eq!(held[0].url, format!("http://{host}/debian/dists/a/InRelease"));
        assert_eq!(held[0].sha256, lock().fetches[0].sha256);
        assert_eq!((draft.lock.fetches.len(), steps(&draft)), (5, vec!["1", "2"]));
        // An address can have no other name.
        assert_eq!(hold_indexes(&mut draft, ("data:x", &digest), &|_| true), None);
        assert_eq!(draft.lock.fetches.len(), 5);
    }
}

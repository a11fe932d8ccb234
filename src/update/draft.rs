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

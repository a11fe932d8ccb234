//! Whether what a lock pins is what signed indexes say: each entry derived again from the metadata
//! that the lock itself pins, without asking anybody.
//!
//! Indexes of the lock are found by their URLs, and believed as far as a key signs them. What they
//! say of a URL is compared with what the lock says of it. Nothing of the lock is asked for: bodies
//! come from whoever calls, by digest.

mod answers;
mod apk;
mod apt;
mod before;
mod bound;
mod held;
mod images;
mod offered;
mod pages;
mod pinned;
mod rpm;
mod verdict;
mod weaker;

#[cfg(test)]
mod tests;

pub use bound::{Binding, Counting};
pub use verdict::{Problem, Proof, Subject, Verdict};
pub use weaker::moment;

use super::apk::ApkKeys;
use super::openpgp::Keyring;
use super::pins::Pins;
use crate::lock::{LockedFetch, LockedPackage, Lockfile};
use crate::oci::Digest;
use answers::Answers;
use offered::Offers;
use std::collections::{BTreeMap, BTreeSet};

/// What a digest stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The content, whose digest is right.
    There(Vec<u8>),
    /// Nobody has it here.
    Missing,
    /// What is there in its name is something else.
    Damaged(String),
}

/// Content by digest.
pub type Bodies<'a> = dyn Fn(&Digest) -> Body + Sync + 'a;

/// What there is to prove a lock with.
pub struct Evidence<'a> {
    /// The lock.
    pub lock: &'a Lockfile,
    /// The lock that it is to replace, which is believed: what is the same in both is nobody's doing,
    /// and no metadata may be older than there.
    pub base: Option<&'a Lockfile>,
    /// Content behind both.
    pub bodies: &'a Bodies<'a>,
    /// Keys that OpenPGP signatures are believed of.
    pub keyring: &'a Keyring,
    /// Keys that apk's signatures are believed of.
    pub apk_keys: &'a ApkKeys,
    /// Which of the OpenPGP keys count for which archive, as far as that is known.
    pub bindings: &'a [Binding],
    /// What lockfiles of the project's own package managers say, which are believed as the base is.
    pub pins: &'a Pins,
}

impl std::fmt::Debug for Evidence<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Evidence").field("lock", self.lock).finish_non_exhaustive()
    }
}

/// The verdict on each image, package and fetch of the lock, in the lock's order.
pub fn prove(evidence: &Evidence<'_>) -> Vec<Proof> {
    let answers = Answers::of(evidence.lock);
    let mut judged: BTreeMap<Subject, Verdict> = images::judge(evidence);
    let mut offers = Offers::default();
    apt::judge(evidence, &answers, &mut judged, &mut offers);
    rpm::judge(evidence, &answers, &mut judged, &mut offers);
    apk::judge(evidence, &answers, &mut judged, &mut offers);
    pages::judge(evidence, &answers, &mut judged);
    let before = evidence.base.map(Answers::of);
    let subjects = evidence.subjects();
    for (subject, item) in &subjects {
        if !judged.contains_key(subject) {
            judged.insert(*subject, offers.judge(item, &answers, evidence));
        }
    }
    let finish = |(subject, verdict): (Subject, Verdict)| {
        let verdict = match &before {
            Some(before) => {
                let both = [&answers, before];
                before::settle(evidence, both, (subject, subjects.get(&subject)), verdict)
            }
            None => verdict,
        };
        let verdict = pinned::settle(evidence, subjects.get(&subject), verdict);
        Proof { subject, verdict }
    };
    judged.into_iter().map(finish).collect()
}

/// A package or fetch, as far as both have the same to say.
#[derive(Debug, Clone, Copy)]
struct Item<'a> {
    url: Option<&'a str>,
    sha256: Option<Digest>,
    size: Option<u64>,
    package: Option<&'a LockedPackage>,
    fetch: Option<&'a LockedFetch>,
}

impl<'a> Evidence<'a> {
    fn subjects(&self) -> BTreeMap<Subject, Item<'a>> {
        let packages = self.lock.packages.iter().enumerate().map(|(index, package)| {
            let item = Item {
                url: package.url.as_deref(),
                sha256: package.sha256,
                size: package.size,
                package: Some(package),
                fetch: None,
            };
            (Subject::Package(index), item)
        });
        let fetches = self.lock.fetches.iter().enumerate().map(|(index, fetch)| {
            let item = Item {
                url: Some(&fetch.url),
                sha256: Some(fetch.sha256),
                size: Some(fetch.size),
                package: None,
                fetch: Some(fetch),
            };
            (Subject::Fetch(index), item)
        });
        packages.chain(fetches).collect()
    }

    /// Names of packages that indexes are searched for: those of the lock, and what stands at the
    /// start of the names of files, up to each of the signs that end a name.
    fn wanted(&self, kind: &str, suffix: &str, sign: char) -> BTreeSet<Vec<u8>> {
        let packages = self.lock.packages.iter().filter(|package| package.kind == kind);
        let mut wanted: BTreeSet<Vec<u8>> =
            packages.map(|package| package.name.clone().into_bytes()).collect();
        let urls = self.lock.packages.iter().filter_map(|package| package.url.as_deref());
        let urls = urls.chain(self.lock.fetches.iter().map(|fetch| &*fetch.url));
        for url in urls.filter(|url| url.ends_with(suffix)) {
            let file = answers::decoded(url.rsplit('/').next().unwrap_or_default());
            for (at, _) in file.match_indices(sign) {
                wanted.extend(file.get(..at).map(|name| name.as_bytes().to_vec()));
            }
        }
        wanted
    }
}

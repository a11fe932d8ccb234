//! The apt archives of a lock: what they said, what they say now, and what can move.

use super::super::listing;
use super::super::scout::Scout;
use super::known::IN_BAND;
use super::stages::Offers;
use crate::index::apt::{self, Release};
use crate::index::{Dependency, Offer};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Platform;
use crate::report::Repair;
use crate::update::{
    Candidate, IndexFile, LockedArchive, World, all_indexes, is_security, locked_archives,
};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};

/// One archive, then and now.
pub(super) struct Archive {
    pub(super) locked: LockedArchive,
    /// As the lock has it.
    pub(super) old: Release,
    /// As it is now: the answer, and what it says. What is held has no now.
    pub(super) new: Option<(LockedFetch, Release)>,
    indexes: Vec<IndexFile>,
}

/// All archives.
pub(super) struct Archives {
    pub(super) all: Vec<Archive>,
    pub(super) old: World,
    pub(super) new: World,
}

/// Which packages of an index are read.
#[derive(Clone, Copy)]
pub(super) enum Reading<'a> {
    /// All of them, with what they need.
    Whole,
    /// Those of these names.
    Only(&'a BTreeSet<&'a str>),
}

impl Archives {
    /// Reads what the lock has, and asks what there is now.
    pub(super) fn look(
        lock: &Lockfile,
        scout: &Scout<'_>,
        reading: Reading<'_>,
    ) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for locked in locked_archives(lock) {
            let old = scout.locked(&locked.url, locked.digest, locked.size)?;
            let old = release(&locked.url, &old)?;
            let indexes = locked.indexes(lock, &old);
            let new = if locked.is_held { None } else { Some(now(lock, &locked, scout)?) };
            all.push(Archive { locked, old, new, indexes });
        }
        let native = debian_architecture(&lock.platform);
        let (mut old, mut new) = (World::new("deb", native), World::new("deb", native));
        // Most of what there is now is what there was.
        let mut known_offers = BTreeMap::new();
        for (at, archive) in all.iter().enumerate() {
            let base = &archive.locked.base;
            for index in &archive.indexes {
                let packed = || scout.locked(&index.url, index.digest, index.size);
                let text = listing::text(&archive.old, index, scout.store(), packed)?;
                let offers = offers(&index.url, &text, reading)?;
                known_offers.insert(index.digest, offers.clone());
                old.add(at, offers);
            }
            let Some((_, release)) = &archive.new else { continue };
            let known: Vec<IndexFile> = archive
                .indexes
                .iter()
                .filter_map(|index| index.in_release(release, base))
                .collect();
            let now = if known.is_empty() { all_indexes(release, base, native) } else { known };
            for index in now {
                let offers = if let Some(offers) = known_offers.get(&index.digest) {
                    offers.clone()
                } else {
                    let packed = || scout.index(&index, base);
                    let text = listing::text(release, &index, scout.store(), packed)?;
                    offers(&index.url, &text, reading)?
                };
                new.add(at, offers);
            }
        }
        Ok(Self { all, old, new })
    }

    /// The same without the archives.
    pub(super) fn offers(&self) -> Offers<'_> {
        Offers { kind: "deb", old: &self.old, new: &self.new }
    }

    /// What an archive is called in reports: its label and suite.
    pub(super) fn name(&self, at: usize) -> String {
        let Some(archive) = self.all.get(at) else { return String::new() };
        let release = archive.new.as_ref().map_or(&archive.old, |(_, release)| release);
        let label = release.label.as_ref().or(release.origin.as_ref());
        match label {
            Some(label) => format!("{label} {}", archive.locked.suite),
            None => format!("{}{}", archive.locked.root, archive.locked.suite),
        }
    }

    /// A version that is later than this one and comes from an archive of security fixes.
    pub(super) fn fix(&self, key: &str, locked: &str) -> Option<&Candidate> {
        self.new.all(key).iter().find(|candidate| {
            let archive = self.all.get(candidate.archive);
            let release = archive.and_then(|archive| archive.new.as_ref());
            release.is_some_and(|(_, release)| is_security(release))
                && self.new.is_later(&candidate.item.version, locked)
        })
    }

    /// What the label of an archive says of a version.
    pub(super) fn repair(&self, fix: &Candidate) -> Repair {
        Repair { tier: IN_BAND, source: self.name(fix.archive), ids: BTreeSet::new() }
    }

    /// The latest version, where it is later than this one.
    pub(super) fn later(&self, key: &str, locked: &str) -> Option<&Candidate> {
        self.new.later(key, locked)
    }

    /// Whether a version is offered by a held archive alone.
    pub(super) fn is_held(&self, key: &str, version: &str) -> bool {
        let mut archives = self.old.all(key).iter().filter(|it| it.item.version == version);
        let is_held = |at: usize| self.all.get(at).is_some_and(|archive| archive.locked.is_held);
        let first = archives.next().map(|candidate| is_held(candidate.archive));
        first == Some(true) && archives.all(|candidate| is_held(candidate.archive))
    }
}

/// The answer under the URL of a signed index, and what it says.
fn now(
    lock: &Lockfile,
    locked: &LockedArchive,
    scout: &Scout<'_>,
) -> anyhow::Result<(LockedFetch, Release)> {
    let fetch = lock.fetches.iter().find(|fetch| fetch.url == locked.url);
    let fetch = fetch.context("the lock has no such answer")?;
    let (answer, content) = scout.now(fetch)?;
    let release = release(&locked.url, &content)?;
    Ok((answer, release))
}

fn release(url: &str, content: &[u8]) -> anyhow::Result<Release> {
    let read = if url.ends_with("/InRelease") {
        apt::release(content)
    } else {
        apt::release_detached(content, None)
    };
    Ok(read.with_context(|| format!("{url} is no index of packages"))?.value)
}

fn offers(
    url: &str,
    text: &[u8],
    reading: Reading<'_>,
) -> anyhow::Result<Vec<(Offer, Vec<Dependency>)>> {
    let read = match reading {
        Reading::Whole => apt::packages_with_breaks(text),
        Reading::Only(names) => {
            let is_wanted =
                |name: &[u8]| std::str::from_utf8(name).is_ok_and(|name| names.contains(name));
            let bare = |offer| (offer, Vec::new());
            apt::select(text, &is_wanted).map(|found| found.into_iter().map(bare).collect())
        }
    };
    read.with_context(|| format!("{url} is no index of packages"))
}

/// <https://wiki.debian.org/SupportedArchitectures>
fn debian_architecture(platform: &Platform) -> &str {
    match (&*platform.architecture, platform.variant.as_deref()) {
        ("386", _) => "i386",
        ("arm", Some("v5" | "v6")) => "armel",
        ("arm", _) => "armhf",
        ("ppc64le", _) => "ppc64el",
        ("mipsle", _) => "mipsel",
        ("mips64le", _) => "mips64el",
        ("loong64", _) => "loong64",
        (other, _) => other,
    }
}

//! The apt archives of a lock: what they said, what they say now, and what can move.

use super::super::scout::Scout;
use crate::index::apt::{self, Release};
use crate::index::{self, Dependency, Offer};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Platform;
use crate::package::version;
use crate::update::{
    Candidate, IndexFile, Item, LockedArchive, World, all_indexes, is_security, locked_archives,
};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::BTreeSet;

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
        let (mut old, mut new) = (World::new(native), World::new(native));
        for (at, archive) in all.iter().enumerate() {
            let base = &archive.locked.base;
            for index in &archive.indexes {
                let content = scout.locked(&index.url, index.digest, index.size)?;
                old.add(at, offers(&index.url, &content, reading)?);
            }
            let Some((_, release)) = &archive.new else { continue };
            let known: Vec<IndexFile> = archive
                .indexes
                .iter()
                .filter_map(|index| index.in_release(release, base))
                .collect();
            let now = if known.is_empty() { all_indexes(release, base, native) } else { known };
            for index in now {
                let content = scout.index(&index, base)?;
                new.add(at, offers(&index.url, &content, reading)?);
            }
        }
        Ok(Self { all, old, new })
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
                && is_later(&candidate.item.version, locked)
        })
    }

    /// The latest version, where it is later than this one.
    pub(super) fn later(&self, key: &str, locked: &str) -> Option<&Candidate> {
        self.new.best(key).filter(|best| is_later(&best.item.version, locked))
    }

    /// Whether a version is offered by a held archive alone.
    pub(super) fn is_held(&self, key: &str, version: &str) -> bool {
        let mut archives = self.old.all(key).iter().filter(|it| it.item.version == version);
        let is_held = |at: usize| self.all.get(at).is_some_and(|archive| archive.locked.is_held);
        let first = archives.next().map(|candidate| is_held(candidate.archive));
        first == Some(true) && archives.all(|candidate| is_held(candidate.archive))
    }

    /// What is known of an installed package.
    pub(super) fn item(
        &self,
        key: &str,
        (name, architecture, version): (&str, &str, &str),
    ) -> Item {
        let known = self.old.version(key, version).or_else(|| self.new.version(key, version));
        known.map_or_else(|| Item::bare(name, architecture, version), |it| it.item.clone())
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
    content: &[u8],
    reading: Reading<'_>,
) -> anyhow::Result<Vec<(Offer, Vec<Dependency>)>> {
    let read = index::decompress("Packages", content).and_then(|text| match reading {
        Reading::Whole => apt::packages_with_breaks(&text),
        Reading::Only(names) => {
            let is_wanted =
                |name: &[u8]| std::str::from_utf8(name).is_ok_and(|name| names.contains(name));
            let offers = apt::select(&text, &is_wanted)?;
            Ok(offers.into_iter().map(|offer| (offer, Vec::new())).collect())
        }
    });
    read.with_context(|| format!("{url} is no index of packages"))
}

/// Whether a version of Debian's is later than another.
pub(super) fn is_later(version: &str, other: &str) -> bool {
    version::compare("deb", version, other) == Some(Ordering::Greater)
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

//! What repositories of rpms say of their own packages: `updateinfo.xml`, which the index that is
//! signed has the hash of. It is there without being given.

use super::scout::Scout;
use crate::door::real_host;
use crate::index::rpm::{self, DataFile};
use crate::index::{self, Checksum};
use crate::lock::{LockedFetch, Lockfile};
use crate::store::Store;
use crate::update::{IndexFile, listed};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// The notices of one repository.
pub(super) struct Notices {
    /// Of its index.
    pub(super) url: String,
    /// Names of packages that it offers, of those that are asked about.
    pub(super) names: BTreeSet<String>,
    /// `updateinfo.xml`, compressed or not; else why it could not be read.
    pub(super) content: Result<Vec<u8>, String>,
}

/// As the repositories of a lock are now.
pub(super) fn now(lock: &Lockfile, scout: &Scout<'_>) -> Vec<Notices> {
    let index = |fetch: &LockedFetch| Ok(scout.now(fetch)?.1);
    let file = |file: &IndexFile, root: &str| scout.index(file, root);
    all(lock, &index, &file)
}

/// As they were when the lock was made, from the Store alone.
pub(super) fn locked(lock: &Lockfile, store: &Store) -> Vec<Notices> {
    let index = |fetch: &LockedFetch| Ok(store.read_blob(&fetch.sha256, fetch.size)?);
    let file = |file: &IndexFile, _: &str| Ok(store.read_blob(&file.digest, file.size)?);
    all(lock, &index, &file)
}

/// Whether a lock has such repositories.
pub(super) fn has_some(lock: &Lockfile) -> bool {
    indexes(lock).next().is_some()
}

/// The indexes of repositories, without earlier states that a lock holds.
fn indexes(lock: &Lockfile) -> impl Iterator<Item = &LockedFetch> {
    let is_held = |url: &str| {
        let url = Url::parse(url).ok();
        url.as_ref().and_then(Url::host_str).is_some_and(|host| real_host(host).is_some())
    };
    let is_there = |fetch: &&LockedFetch| fetch.status.is_none() && fetch.method.is_none();
    let fetches = lock.fetches.iter().filter(is_there);
    fetches.filter(move |fetch| rpm::repository_root(&fetch.url).is_some() && !is_held(&fetch.url))
}

type ReadIndex<'a> = &'a dyn Fn(&LockedFetch) -> anyhow::Result<Vec<u8>>;
type ReadFile<'a> = &'a dyn Fn(&IndexFile, &str) -> anyhow::Result<Vec<u8>>;

fn all(lock: &Lockfile, index: ReadIndex<'_>, file: ReadFile<'_>) -> Vec<Notices> {
    let by_url: BTreeMap<&str, &LockedFetch> =
        indexes(lock).map(|fetch| (&*fetch.url, fetch)).collect();
    let own = listed(lock).into_keys().filter(|it| it.kind == "rpm").map(|it| it.name);
    let own: BTreeSet<String> = own.collect();
    let read = |fetch: &&LockedFetch| match of(fetch, &own, index, file) {
        // It has none, which is no failure: most repositories have none.
        Ok(found) => found,
        Err(error) => Some(Notices {
            url: fetch.url.clone(),
            names: BTreeSet::new(),
            content: Err(format!("{error:#}")),
        }),
    };
    by_url.values().filter_map(read).collect()
}

fn of(
    fetch: &LockedFetch,
    own: &BTreeSet<String>,
    index: ReadIndex<'_>,
    file: ReadFile<'_>,
) -> anyhow::Result<Option<Notices>> {
    let url = &fetch.url;
    let repomd = rpm::repomd(&index(fetch)?, None)?.value;
    let root = rpm::repository_root(url).context("it is no index")?;
    let Some(updates) = repomd.files.get("updateinfo") else { return Ok(None) };
    let updates = located(updates, root).context("its updateinfo has no size and SHA-256")?;
    let packages = repomd.files.get("primary").and_then(|file| located(file, root));
    let packages = packages.context("its list of packages has no size and SHA-256")?;
    let content = file(&updates, root)?;
    let packages = index::decompress("primary.xml", &file(&packages, root)?)?;
    let is_own = |name: &[u8]| std::str::from_utf8(name).is_ok_and(|name| own.contains(name));
    let names = rpm::select(&packages, &is_own)?.into_iter().map(|offer| offer.name).collect();
    Ok(Some(Notices { url: url.clone(), names, content: Ok(content) }))
}

fn located(file: &DataFile, root: &str) -> Option<IndexFile> {
    let DataFile { location, checksum: Some(Checksum::Sha256(digest)), size: Some(size) } = file
    else {
        return None;
    };
    Some(IndexFile {
        name: location.clone(),
        digest: *digest,
        size: *size,
        url: format!("{root}{location}"),
    })
}

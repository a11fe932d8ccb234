//! What the new lock does not take though what it has says that there is something later: packages
//! that an earlier state of an archive holds, and those whose index page has more. Only packages that
//! an instruction names are looked at, and only what is in the Store.

use crate::cli::listing;
use crate::index::apt;
use crate::lock::{LockedPackage, Lockfile};
use crate::package::version;
use crate::report::{HeldBack, HeldCause};
use crate::store::Store;
use crate::update::{language_pages, locked_archives, published, releases};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Bytes of a page that is read: larger ones take longer than a review may.
const PAGE_MAX: u64 = 2 << 20;

/// Bytes of a signed index.
const RELEASE_MAX: u64 = 4 << 20;

/// The rows, sorted.
pub(super) fn of(lock: &Lockfile, store: &Store) -> Vec<HeldBack> {
    let mut rows = pages(lock, store);
    rows.extend(debs(lock, store));
    rows.sort();
    rows.dedup();
    rows
}

fn requested<'a>(lock: &'a Lockfile, kind: &'a str) -> impl Iterator<Item = &'a LockedPackage> {
    lock.packages.iter().filter(move |package| package.kind == kind && package.requested)
}

fn row(package: &LockedPackage, later: &str, reason: &str, published: Option<i64>) -> HeldBack {
    HeldBack {
        kind: package.kind.clone(),
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        locked: Some(package.version.clone()),
        available: later.to_owned(),
        cause: HeldCause::Locked,
        reason: reason.to_owned(),
        published,
        security: false,
        way_out: Some(package.name.clone()),
    }
}

fn pages(lock: &Lockfile, store: &Store) -> Vec<HeldBack> {
    let mut rows = Vec::new();
    for page in language_pages(lock) {
        let mut own =
            requested(lock, page.kind).filter(|package| page.is_named(&package.name)).peekable();
        if own.peek().is_none() || page.fetch.size > PAGE_MAX {
            continue;
        }
        let Ok(content) = store.read_blob(&page.fetch.sha256, PAGE_MAX) else { continue };
        let released = releases(page.kind, &page.name, &content).ok();
        let Some(latest) = released.and_then(|released| released.latest) else { continue };
        let times = published(page.kind, &page.name, &content).unwrap_or_default();
        let at = times.of(&latest).filter(|_| times.says(&latest));
        let is_behind = |package: &&LockedPackage| {
            version::compare(page.kind, &latest, &package.version) == Some(Ordering::Greater)
        };
        let reason = "the index page in the lock offers it";
        rows.extend(own.filter(is_behind).map(|package| row(package, &latest, reason, at)));
    }
    rows
}

/// Packages that an earlier state of an archive holds, by the present one.
fn debs(lock: &Lockfile, store: &Store) -> Vec<HeldBack> {
    let archives = locked_archives(lock);
    // Without one, apt has taken the latest of what the lock has.
    if !archives.iter().any(|archive| archive.is_held) {
        return Vec::new();
    }
    let own: BTreeMap<&str, &LockedPackage> =
        requested(lock, "deb").map(|package| (&*package.name, package)).collect();
    let is_wanted =
        |name: &[u8]| std::str::from_utf8(name).is_ok_and(|name| own.contains_key(name));
    let mut latest: BTreeMap<String, String> = BTreeMap::new();
    for archive in archives.iter().filter(|archive| !archive.is_held) {
        let Ok(signed) = store.read_blob(&archive.digest, RELEASE_MAX) else { continue };
        let read = if archive.url.ends_with("/InRelease") {
            apt::release(&signed)
        } else {
            apt::release_detached(&signed, None)
        };
        let Ok(release) = read else { continue };
        for index in archive.indexes(lock, &release.value) {
            let packed = || Ok(store.read_blob(&index.digest, index.size)?);
            let text = listing::text(&release.value, &index, store, packed);
            let offers = text.ok().and_then(|text| apt::select(&text, &is_wanted).ok());
            for offer in offers.unwrap_or_default() {
                let known = latest.entry(offer.name).or_insert_with(|| offer.version.clone());
                if version::compare("deb", &offer.version, known) == Some(Ordering::Greater) {
                    *known = offer.version;
                }
            }
        }
    }
    let behind = own.into_iter().filter_map(|(name, package)| {
        let later = latest.get(name)?;
        let is_later = version::compare("deb", later, &package.version) == Some(Ordering::Greater);
        let reason = "the lock holds it by an earlier state of its archive";
        is_later.then(|| row(package, later, reason, None))
    });
    behind.collect()
}

//! Which suite each package of a lock came from, by the signed indexes in the Store.

use crate::index::{self, apt};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use crate::review::{Automatic, Checked, Pin, Suite};
use crate::store::Store;
use bstr::ByteSlice as _;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a signed index.
const RELEASE_MAX: u64 = 4 << 20;

/// Bytes of a list of packages, compressed, that is searched: those of security and update suites
/// are small. What is not in them is in the large one.
const PACKAGES_MAX: u64 = 6 << 20;

/// The suites of the archives that a lock names.
pub(super) struct Suites<'a> {
    store: &'a Store,
    /// URL of the archive, of the suite, and what its signed index says.
    of: Vec<(String, String, Suite)>,
    lists: Vec<&'a LockedFetch>,
    unreadable: bool,
    /// What each of the lists names that was searched.
    listed: RefCell<BTreeMap<Digest, Option<BTreeSet<Digest>>>>,
}

impl<'a> Suites<'a> {
    pub(super) fn of(lock: &'a Lockfile, store: &'a Store) -> Self {
        let mut suites = Vec::new();
        let mut unreadable = false;
        let answered = |fetch: &&LockedFetch| fetch.status.is_none_or(|status| status == 200);
        for fetch in lock.fetches.iter().filter(answered) {
            let Some((root, path)) = apt::archive_root(&fetch.url) else { continue };
            if !fetch.url.ends_with("/InRelease") {
                continue;
            }
            let read = store.read_blob(&fetch.sha256, RELEASE_MAX).ok();
            let Some(release) = read.and_then(|bytes| apt::release(&bytes).ok()) else {
                unreadable = true;
                continue;
            };
            let release = &release.value;
            let name = release.codename.clone().or_else(|| release.suite.clone());
            let label = release.label.clone().unwrap_or_default();
            let url = format!("{root}{path}");
            let automatic = match (release.not_automatic, release.but_automatic_upgrades) {
                (false, _) => Automatic::Yes,
                (true, true) => Automatic::Upgrades,
                (true, false) => Automatic::No,
            };
            let name = name.unwrap_or(path);
            suites.push((root, url, Suite { name, label, date: release.date, automatic }));
        }
        let is_list = |fetch: &&LockedFetch| {
            fetch.url.contains("/binary-") && fetch.status.is_none_or(|status| status == 200)
        };
        let lists = lock.fetches.iter().filter(is_list).collect();
        Self { store, of: suites, lists, unreadable, listed: RefCell::default() }
    }

    /// The suite of a package.
    pub(super) fn find(&self, pin: &Pin) -> Checked<Suite> {
        let not = |reason: &str| Checked::Not(reason.to_owned());
        let (Some(url), Some(sha256)) = (&pin.url, &pin.sha256) else {
            return not("the lock has no file of the package");
        };
        let of_archive: Vec<_> =
            self.of.iter().filter(|(root, ..)| url.starts_with(root)).collect();
        match of_archive.as_slice() {
            [] if self.unreadable => not("the Store does not have the signed index"),
            [] => not("the lock has no signed index of its archive"),
            [(.., only)] => Checked::Known(only.clone()),
            several => self.search(several, sha256),
        }
    }

    /// Several suites share an archive: one that lists the file, else the only one left.
    fn search(&self, suites: &[&(String, String, Suite)], sha256: &Digest) -> Checked<Suite> {
        let mut left = Vec::new();
        for (_, url, suite) in suites {
            let lists = self.lists.iter().filter(|list| list.url.starts_with(&format!("{url}/")));
            let mut searched = true;
            for list in lists {
                match self.lists_file(list, sha256) {
                    Some(true) => return Checked::Known(suite.clone()),
                    Some(false) => {}
                    None => searched = false,
                }
            }
            if !searched {
                left.push(suite);
            }
        }
        match left.as_slice() {
            [only] => Checked::Known((*only).clone()),
            _ => Checked::Not("several suites of its archive may have it".to_owned()),
        }
    }

    /// Whether a list names the file; none where it is too large to look.
    fn lists_file(&self, list: &LockedFetch, sha256: &Digest) -> Option<bool> {
        let mut listed = self.listed.borrow_mut();
        let files = listed.entry(list.sha256).or_insert_with(|| {
            let bytes = self.store.read_blob(&list.sha256, PACKAGES_MAX).ok()?;
            index::decompress("Packages", &bytes).ok().map(|text| files(&text))
        });
        files.as_ref().map(|files| files.contains(sha256))
    }
}

/// The files that a list of packages names.
fn files(text: &[u8]) -> BTreeSet<Digest> {
    let sums = text.lines().filter_map(|line| line.strip_prefix(b"SHA256: "));
    sums.filter_map(|hex| Digest::from_hex(hex.trim_end().to_str().ok()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_list() {
        let [first, second] = ["1", "2"].map(|digit| digit.repeat(64));
        let text = format!(
            "Package: a\nSHA256: {first}\n\nPackage: b\nDescription: SHA256: {second}\nSHA256: x\n"
        );
        assert_eq!(files(text.as_bytes()), BTreeSet::from([Digest::from_hex(&first).unwrap()]));
    }
}

//! Which suite each package of a lock came from, by the signed indexes in the Store.

use crate::index::{self, apt};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use crate::review::{Checked, Pin, Suite};
use crate::store::Store;
use std::cell::RefCell;
use std::collections::BTreeMap;

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
    texts: RefCell<BTreeMap<Digest, Option<Vec<u8>>>>,
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
            suites.push((root, url, Suite { name: name.unwrap_or(path), label }));
        }
        let is_list = |fetch: &&LockedFetch| {
            fetch.url.contains("/binary-") && fetch.status.is_none_or(|status| status == 200)
        };
        let lists = lock.fetches.iter().filter(is_list).collect();
        Self { store, of: suites, lists, unreadable, texts: RefCell::default() }
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
        let mut texts = self.texts.borrow_mut();
        let text = texts.entry(list.sha256).or_insert_with(|| {
            let bytes = self.store.read_blob(&list.sha256, PACKAGES_MAX).ok()?;
            index::decompress("Packages", &bytes).ok()
        });
        let hex = sha256.hex();
        text.as_ref().map(|text| bstr::ByteSlice::find(&**text, hex.as_bytes()).is_some())
    }
}

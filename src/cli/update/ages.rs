//! When later versions of apt's packages were published.
//!
//! A signed index has a date: what it offers is at least as old. Where that is not old enough, the
//! newest entry of the changelog inside the package file says when it was made, by its maintainer's
//! word; the file is fetched for that.

use super::super::scout::Scout;
use super::apt::Archives;
use super::policy::{Age, Policy};
use crate::package::{self, Changelog};
use crate::report::words;
use crate::update::Candidate;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Bytes of package files that are fetched for their dates.
const BYTES_MAX: u64 = 100_000_000;

/// What archives and changelogs say of times.
pub(super) struct DebAges<'a> {
    archives: &'a Archives,
    scout: &'a Scout<'a>,
    policy: &'a Policy,
    /// Bytes that may still be fetched.
    left: Cell<u64>,
    /// By source package and its version: packages of one source are made at one time.
    known: RefCell<BTreeMap<(String, String), Age>>,
}

impl<'a> DebAges<'a> {
    pub(super) fn new(archives: &'a Archives, scout: &'a Scout<'a>, policy: &'a Policy) -> Self {
        let (left, known) = (Cell::new(BYTES_MAX), RefCell::default());
        Self { archives, scout, policy, left, known }
    }

    /// When a version was published.
    pub(super) fn of(&self, candidate: &Candidate) -> Age {
        let by_index = by_index(self.archives, candidate);
        if let Some(at) = by_index
            && self.policy.is_old_enough_for_all(at)
        {
            return Age::Known { at, source: "by its index".to_owned() };
        }
        let item = &candidate.item;
        let source = candidate.file.source.clone();
        let source = source.unwrap_or_else(|| (item.name.clone(), item.version.clone()));
        if let Some(known) = self.known.borrow().get(&source) {
            return known.clone();
        }
        let age = match self.changelog(candidate) {
            Ok(at) => Age::Known { at, source: "by its changelog".to_owned() },
            // Another package of the source may have a changelog.
            Err(reason) => return Age::Unknown(reason),
        };
        self.known.borrow_mut().insert(source, age.clone());
        age
    }

    /// The date of the newest entry of the changelog inside the file.
    fn changelog(&self, candidate: &Candidate) -> Result<i64, String> {
        let file = &candidate.file;
        let digest = file.sha256.ok_or("the index has no SHA-256 of the file")?;
        if !self.scout.store().contains(&digest) {
            let left = self.left.get().checked_sub(file.size);
            let limit = words::size(BYTES_MAX);
            let left = left.ok_or_else(|| format!("more than {limit} of files are not fetched"))?;
            self.left.set(left);
            let archive = self.archives.all.get(candidate.archive).ok_or("it has no archive")?;
            let url = format!("{}{}", archive.locked.root, file.location);
            let told = self.scout.told(&[url], &digest);
            told.map_err(|error| format!("{error:#}"))?;
        }
        let reader = self.scout.store().open_blob(&digest).map_err(|it| it.to_string())?;
        let text = match package::changelog(reader) {
            Ok(Changelog::Text(text)) => text,
            Ok(Changelog::In { package }) => {
                return Err(format!("its changelog is in the package {package}"));
            }
            Ok(Changelog::None) => return Err("its file has no changelog".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        package::changelog_date(&text).ok_or_else(|| "its changelog has no date".to_owned())
    }
}

/// The earliest date of an index that has the version, in seconds since 1970.
pub(super) fn by_index(archives: &Archives, candidate: &Candidate) -> Option<i64> {
    let item = &candidate.item;
    let key = archives.new.key(&item.name, &item.architecture);
    let has_it = |it: &&Candidate| {
        it.item.version == item.version && it.file.sha256 == candidate.file.sha256
    };
    let before = archives.old.all(&key).iter().filter(has_it);
    let before = before.filter_map(|it| Some(archives.all.get(it.archive)?.old.date));
    let now = archives.new.all(&key).iter().filter(has_it);
    let now = now.filter_map(|it| Some(archives.all.get(it.archive)?.new.as_ref()?.1.date));
    before.chain(now).min()
}

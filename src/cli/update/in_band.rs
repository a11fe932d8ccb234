//! What archives and packages of apt say of themselves: labels of archives, and the changelogs inside
//! the files of later versions.

use super::super::args::ChangelogChoice;
use super::super::scout::Scout;
use super::apt::Archives;
use super::holding::debs;
use super::known::IN_BAND;
use crate::advisory;
use crate::lock::{LockedPackage, Lockfile};
use crate::package::{self, Changelog};
use crate::report::{Repair, TierRow, words};
use crate::update::{Candidate, is_security};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of package files that are fetched for their changelogs without being asked to.
const BYTES_MAX: u64 = 100_000_000;

/// Files of one source package that are looked into: the changelog of one may be in another.
const FILES_MAX: usize = 3;

/// Reasons that a row tells.
const REASONS_MAX: usize = 3;

const CHANGELOGS: &str = "changelogs inside package files";

/// The archives of security fixes of a lock: what they are called, of when, and what they are about.
pub(super) fn labels(lock: &Lockfile, archives: &Archives) -> TierRow {
    let fixing = archives.all.iter().enumerate().filter_map(|(at, archive)| {
        let (_, release) = archive.new.as_ref()?;
        is_security(release).then_some((at, release.date))
    });
    let fixing: Vec<(usize, i64)> = fixing.collect();
    let names: BTreeSet<&str> = debs(lock).map(|package| &*package.name).collect();
    let row =
        TierRow::unchecked(IN_BAND, LABELS, "no archive of the lock has security fixes alone");
    if fixing.is_empty() {
        return TierRow { of: names.len() as u64, subject: OF_APT, ..row };
    }
    let shown: Vec<String> = fixing.iter().map(|(at, _)| archives.name(*at)).collect();
    let newest = fixing.iter().map(|(_, date)| *date).max().unwrap_or_default();
    let day = jiff::Timestamp::from_second(newest).ok();
    TierRow {
        source: format!("{LABELS}: {}", shown.join(", ")),
        as_of: day.map(|day| day.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()),
        covered: names.len() as u64,
        of: names.len() as u64,
        subject: OF_APT,
        not_checked: None,
        ..row
    }
}

/// What archives of security fixes are called where they have no names, or there are none.
pub(super) const LABELS: &str = "archives of security fixes";

const OF_APT: &str = "packages of apt";

/// Changelogs that were not read, and why.
pub(super) fn unread(reason: &str) -> TierRow {
    TierRow::unchecked(IN_BAND, CHANGELOGS, reason)
}

/// A locked package, and a later version that nothing else tells of.
pub(super) struct Untold<'a> {
    pub(super) package: &'a LockedPackage,
    pub(super) later: &'a Candidate,
    /// The root of the archive that has it.
    pub(super) root: &'a str,
}

/// What changelogs say.
pub(super) struct Read {
    /// By name and locked version, where something is repaired.
    pub(super) repairs: BTreeMap<(String, String), Repair>,
    /// What was read.
    pub(super) row: TierRow,
}

/// Reads the changelogs of these, one for each source package and pair of versions.
pub(super) fn read(untold: Vec<Untold<'_>>, choice: ChangelogChoice, scout: &Scout<'_>) -> Read {
    let of = untold.len() as u64;
    let mut read = Read {
        repairs: BTreeMap::new(),
        row: TierRow { of, subject: "later versions that nothing else tells of", ..unread("") },
    };
    let mut reasons = BTreeSet::new();
    let mut left = match choice {
        ChangelogChoice::Auto => BYTES_MAX,
        ChangelogChoice::Always => u64::MAX,
        ChangelogChoice::Never => 0,
    };
    let (mut unread_count, mut unread_bytes) = (0_u64, 0_u64);
    for group in groups(untold) {
        let Some(first) = group.first() else { continue };
        let size = first.later.file.size;
        let Some(rest) = left.checked_sub(size).filter(|_| choice != ChangelogChoice::Never) else {
            unread_count += group.len() as u64;
            unread_bytes = unread_bytes.saturating_add(size);
            continue;
        };
        left = rest;
        match delta(&group, scout) {
            Ok(found) => {
                read.row.covered += group.len() as u64;
                for it in group.iter().filter(|_| !found.ids.is_empty()) {
                    let key = (it.package.name.clone(), it.package.version.clone());
                    read.repairs.insert(key, found.clone());
                }
            }
            Err(reason) => drop(reasons.insert(reason)),
        }
    }
    if unread_count > 0 {
        let (count, size) = (words::count(unread_count), words::size(unread_bytes));
        reasons.insert(format!("{count} not fetched ({size}): `--changelogs always`"));
    }
    let shown: Vec<String> = reasons.into_iter().take(REASONS_MAX).collect();
    read.row.not_checked = (!shown.is_empty()).then(|| shown.join("; "));
    read
}

/// Packages of one source and one pair of versions together, the smallest file first; the groups in
/// that order, too.
fn groups(untold: Vec<Untold<'_>>) -> Vec<Vec<Untold<'_>>> {
    let mut groups: BTreeMap<[String; 3], Vec<Untold<'_>>> = BTreeMap::new();
    for it in untold {
        let (name, new) = source_of(&it);
        groups.entry([name, old_source_version(it.package), new]).or_default().push(it);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for group in &mut groups {
        group.sort_by_key(|it| (it.later.file.size, it.package.name.clone()));
    }
    groups.sort_by_key(|group| group.first().map(|it| it.later.file.size));
    groups
}

/// Name and version of the source package of the later version.
fn source_of(it: &Untold<'_>) -> (String, String) {
    let item = &it.later.item;
    it.later.file.source.clone().unwrap_or_else(|| (item.name.clone(), item.version.clone()))
}

fn old_source_version(package: &LockedPackage) -> String {
    package.source.as_ref().map_or(&package.version, |source| &source.version).clone()
}

/// What the changelog in the first file that has one says since the locked version.
fn delta(group: &[Untold<'_>], scout: &Scout<'_>) -> Result<Repair, String> {
    let mut reason = "there is no file".to_owned();
    for it in group.iter().take(FILES_MAX) {
        let new = match new_changelog(it, scout) {
            Ok(new) => new,
            Err(problem) => {
                reason = problem;
                continue;
            }
        };
        let old = old_changelog(it.package, scout);
        let (old_version, (_, new_version)) = (old_source_version(it.package), source_of(it));
        let found = advisory::delta(old.as_deref(), &new, &old_version, &new_version);
        let file = it.later.file.location.rsplit('/').next().unwrap_or_default();
        // Without the old changelog, what was back-ported already is not known.
        let incomplete = if found.complete && old.is_some() { "" } else { " (incomplete)" };
        let source = format!("changelog inside {file}{incomplete}");
        return Ok(Repair { tier: IN_BAND, source, ids: found.ids });
    }
    Err(reason)
}

fn new_changelog(it: &Untold<'_>, scout: &Scout<'_>) -> Result<Vec<u8>, String> {
    let file = &it.later.file;
    let Some(digest) = file.sha256 else {
        return Err("the index has no SHA-256 of the file".to_owned());
    };
    if !scout.store().contains(&digest) {
        let url = format!("{}{}", it.root, file.location);
        scout.told(&[url], &digest).map_err(|error| format!("{error:#}"))?;
    }
    text(&digest, scout)
}

/// From the Store alone: the locked file was fetched when the lock was made.
fn old_changelog(package: &LockedPackage, scout: &Scout<'_>) -> Option<Vec<u8>> {
    text(&package.sha256?, scout).ok()
}

fn text(digest: &crate::oci::Digest, scout: &Scout<'_>) -> Result<Vec<u8>, String> {
    let file = scout.store().open_blob(digest).map_err(|error| error.to_string())?;
    match package::changelog(file) {
        Ok(Changelog::Text(text)) => Ok(text),
        Ok(Changelog::In { package }) => Err(format!("a changelog is in the package {package}")),
        Ok(Changelog::None) => Err("a file has no changelog".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

//! The changelogs of the packages that moved. Packages that were built together have the same one, and it
//! stands behind everything else in each of their files: it is read out of the smallest that has it.

use super::changelogs::{self, Unread};
use super::evidence::MISSING;
use crate::advisory;
use crate::lock::{LockedPackage, LockedSource, Lockfile};
use crate::oci::Digest;
use crate::package::{self, Changelog};
use crate::review::{Change, Checked, Fixes, Move, Pin};
use crate::store::Store;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Kinds whose files have changelogs.
const WITH_CHANGELOG: [&str; 2] = ["deb", "rpm"];

/// What was built together: name and version of a source. A file that is another though its version is
/// the same need not say what the others say, and stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Origin<'a> {
    kind: &'a str,
    name: &'a str,
    version: &'a str,
    alone: Option<Digest>,
}

/// A file that may have the changelog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate<'a> {
    size: u64,
    digest: Digest,
    file: &'a str,
}

/// A changelog, and the name of the file that it was read in.
struct History<'a> {
    text: Vec<u8>,
    file: &'a str,
}

/// The changelogs before and after the moves, and what is new in each.
pub(super) struct Histories<'a> {
    of: BTreeMap<Origin<'a>, Checked<History<'a>>>,
    fixes: BTreeMap<(Origin<'a>, Origin<'a>), Checked<Fixes>>,
}

impl<'a> Histories<'a> {
    /// Reads those of all moves that bring a new file, in files that one of the locks has.
    pub(super) fn of(moves: &'a [Move], locks: [&'a Lockfile; 2], store: &Store) -> Self {
        let pairs: Vec<_> = moves.iter().filter_map(pair).collect();
        let mut candidates: BTreeMap<Origin<'a>, BTreeSet<Candidate<'a>>> = BTreeMap::new();
        for (moved, old, new) in &pairs {
            let pins = [(&moved.old, old), (&moved.new, &Some(new.clone()))];
            for (pin, origin) in pins {
                let (Some(pin), Some(origin)) = (pin, origin) else { continue };
                let of_origin = candidates.entry(origin.clone()).or_default();
                of_origin.extend(candidate(moved, pin));
            }
        }
        // What did not move may have it for what did.
        for package in locks.into_iter().flat_map(|lock| &lock.packages) {
            if let Some(of_origin) = candidates.get_mut(&Origin::of(package)) {
                of_origin.extend(Candidate::of(package));
            }
        }
        let read = |(origin, files)| (origin, first(&files, store));
        let of: BTreeMap<_, _> = candidates.into_par_iter().map(read).collect();
        let steps: BTreeSet<_> =
            pairs.into_iter().filter_map(|(_, old, new)| Some((old?, new))).collect();
        let fixes = |(old, new): (Origin<'a>, Origin<'a>)| {
            let found = fixes(&of, &old, &new);
            ((old, new), found)
        };
        let fixes = steps.into_par_iter().map(fixes).collect();
        Self { of, fixes }
    }

    /// What the changelog of the new file says since the old version, without what the old one says.
    pub(super) fn fixes(&self, moved: &Move) -> Checked<Fixes> {
        let not = |reason: &str| Checked::Not(reason.to_owned());
        match pair(moved) {
            None => Checked::Not(without(moved)),
            Some((_, None, _)) => not("it was not there before"),
            Some((_, Some(old), new)) => {
                self.fixes.get(&(old, new)).cloned().unwrap_or_else(|| not(NO_FILE))
            }
        }
    }

    /// When the newest entry was made, in seconds since 1970.
    pub(super) fn made(&self, moved: &Move) -> Option<i64> {
        let (_, _, new) = pair(moved)?;
        package::changelog_date(&self.of.get(&new)?.known()?.text)
    }
}

/// The lock does not say which file it was.
const NO_FILE: &str = "the lock has no file of the package";

/// The origins of a move's files: the old one where there was one.
fn pair(moved: &Move) -> Option<(&Move, Option<Origin<'_>>, Origin<'_>)> {
    let has_changelog = WITH_CHANGELOG.contains(&&*moved.kind);
    let new = moved.new.as_ref().filter(|_| has_changelog)?;
    let old = moved.old.as_ref().map(|old| origin(moved, old));
    Some((moved, old, origin(moved, new)))
}

fn without(moved: &Move) -> String {
    if moved.new.is_none() {
        return "there is no new file".to_owned();
    }
    format!("packages of {} have no changelogs", moved.kind)
}

fn origin<'a>(moved: &'a Move, pin: &'a Pin) -> Origin<'a> {
    let Move { kind, name, change, .. } = moved;
    let is_other = *change == Change::Rehashed;
    let alone = pin.sha256.filter(|_| is_other);
    Origin { alone, ..Origin::new(kind, name, &pin.version, pin.source.as_ref()) }
}

fn candidate<'a>(moved: &'a Move, pin: &'a Pin) -> Option<Candidate<'a>> {
    Candidate::new(&moved.name, pin.url.as_deref(), pin.size, pin.sha256)
}

impl<'a> Origin<'a> {
    fn of(package: &'a LockedPackage) -> Self {
        Self::new(&package.kind, &package.name, &package.version, package.source.as_ref())
    }

    /// A package that names no source is its own.
    fn new(
        kind: &'a str,
        name: &'a str,
        version: &'a str,
        source: Option<&'a LockedSource>,
    ) -> Self {
        let own = (name, version);
        let (name, version) = source.map_or(own, |source| (&source.name, &source.version));
        Self { kind, name, version, alone: None }
    }
}

impl<'a> Candidate<'a> {
    fn of(package: &'a LockedPackage) -> Option<Self> {
        Self::new(&package.name, package.url.as_deref(), package.size, package.sha256)
    }

    fn new(
        name: &'a str,
        url: Option<&'a str>,
        size: Option<u64>,
        digest: Option<Digest>,
    ) -> Option<Self> {
        let file = url.and_then(|url| url.rsplit('/').next()).unwrap_or(name);
        Some(Self { size: size.unwrap_or(u64::MAX), digest: digest?, file })
    }
}

/// The changelog of the first file that has one; why not, by the word of the last.
fn first<'a>(files: &BTreeSet<Candidate<'a>>, store: &Store) -> Checked<History<'a>> {
    let mut reason = NO_FILE.to_owned();
    for candidate in files {
        reason = match changelogs::of(&candidate.digest, store) {
            Ok(Changelog::Text(text)) => {
                return Checked::Known(History { text, file: candidate.file });
            }
            Ok(Changelog::In { package }) => format!("its changelog is in the package {package}"),
            Ok(Changelog::None) => "its file has no changelog".to_owned(),
            Err(Unread::Store(_)) => MISSING.to_owned(),
            Err(error) => error.to_string(),
        };
    }
    Checked::Not(reason)
}

fn fixes<'a>(
    of: &BTreeMap<Origin<'a>, Checked<History<'a>>>,
    old: &Origin<'a>,
    new: &Origin<'a>,
) -> Checked<Fixes> {
    let history = |origin: &Origin<'a>| of.get(origin).and_then(Checked::known);
    let Some(after) = history(new) else {
        let reason = of.get(new).and_then(Checked::reason);
        return Checked::Not(reason.unwrap_or(NO_FILE).to_owned());
    };
    let before = history(old).map(|history| &*history.text);
    let delta = advisory::delta(before, &after.text, old.version, new.version);
    Checked::Known(Fixes {
        ids: delta.ids,
        reverted: delta.reverted,
        backported: delta.backported as u64,
        // Without the old changelog, what was back-ported already is not known.
        complete: delta.complete && before.is_some(),
        urgency: delta.urgency.map(|urgency| urgency.name().to_owned()),
        source: after.file.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        _folder: tempfile::TempDir,
        store: Store,
        lock: Lockfile,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            Self {
                _folder: folder,
                store,
                lock: Lockfile::new("linux/amd64".parse().unwrap(), 0, 1),
            }
        }

        /// A file of that size with that changelog.
        fn pin(&self, version: &str, source: &str, size: u64, changelog: &Changelog) -> Pin {
            let digest = self.store.put(format!("{version}{source}{size}").as_bytes()).unwrap();
            changelogs::keep(&digest, &self.store, changelog);
            Self::missing(version, source, size, digest)
        }

        fn missing(version: &str, source: &str, size: u64, digest: Digest) -> Pin {
            Pin {
                version: version.to_owned(),
                source: Some(LockedSource { name: source.to_owned(), version: version.to_owned() }),
                url: Some(format!("http://deb.example/pool/{source}_{version}_{size}.deb")),
                sha256: Some(digest),
                size: Some(size),
            }
        }
    }

    fn moved(name: &str, change: Change, old: Pin, new: Pin) -> Move {
        Move {
            kind: "deb".to_owned(),
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            change,
            old: Some(old),
            new: Some(new),
            steps: BTreeSet::new(),
            requested: false,
        }
    }

    fn text(entries: &[(&str, &str)]) -> Changelog {
        let entry = |(version, change): &(&str, &str)| {
            format!(
                "gate ({version}) stable-security; urgency=high\n\n  * {change}\n\n \
                 -- A <a@deb.example>  Sat, 21 Nov 2026 10:00:00 +0000\n\n"
            )
        };
        Changelog::Text(entries.iter().map(entry).collect::<String>().into_bytes())
    }

    const OLD: (&str, &str) = ("1-1", "First.");
    const NEW: (&str, &str) = ("1-2", "Fix CVE-2026-0001.");

    #[test]
    fn one_file_speaks_for_all_of_its_source() {
        let world = World::new();
        let elsewhere = Changelog::In { package: "libgate1".to_owned() };
        let moves = [
            moved(
                "libgate-dev",
                Change::Upgrade,
                world.pin("1-1", "gate", 10, &elsewhere),
                world.pin("1-2", "gate", 10, &elsewhere),
            ),
            moved(
                "libgate1",
                Change::Upgrade,
                world.pin("1-1", "gate", 20, &text(&[OLD])),
                world.pin("1-2", "gate", 20, &text(&[NEW, OLD])),
            ),
            // Not in the Store, and not needed.
            moved(
                "gate-doc",
                Change::Upgrade,
                World::missing("1-1", "gate", 30, Digest::of(b"old")),
                World::missing("1-2", "gate", 30, Digest::of(b"new")),
            ),
        ];
        let histories = Histories::of(&moves, [&world.lock; 2], &world.store);
        for moved in &moves {
            let Checked::Known(fixes) = histories.fixes(moved) else { panic!("{}", moved.name) };
            assert_eq!(fixes.ids, BTreeSet::from(["CVE-2026-0001".to_owned()]));
            assert!(fixes.complete);
            assert_eq!(fixes.source, "gate_1-2_20.deb");
            assert_eq!(histories.made(moved), Some(1_795_255_200));
        }
    }

    #[test]
    fn another_source_version_or_kind_speaks_for_itself() {
        let world = World::new();
        let upgrade = |source: &str, new: Changelog| {
            moved(
                source,
                Change::Upgrade,
                world.pin("1-1", source, 20, &text(&[OLD])),
                world.pin("1-2", source, 20, &new),
            )
        };
        let mut rpm = upgrade("gate", Changelog::None);
        let other = upgrade("other", Changelog::None);
        rpm.kind = "rpm".to_owned();
        let third = world.pin("1-3", "gate", 5, &text(&[("1-3", "Fix CVE-2026-0003.")]));
        let later = Move { new: Some(third), ..upgrade("gate", text(&[NEW, OLD])) };
        let moves = [upgrade("gate", text(&[NEW, OLD])), other, later];
        let histories = Histories::of(&moves, [&world.lock; 2], &world.store);
        let ids = |moved: &Move| match histories.fixes(moved) {
            Checked::Known(fixes) => fixes.ids.into_iter().collect::<Vec<_>>().join(" "),
            Checked::Not(reason) => reason,
        };
        assert_eq!(
            moves.each_ref().map(ids),
            [
                "CVE-2026-0001".to_owned(),
                "its file has no changelog".to_owned(),
                "CVE-2026-0003".to_owned(),
            ]
        );
        assert_eq!(ids(&rpm), NO_FILE, "a deb does not speak for an rpm");
    }

    #[test]
    fn what_did_not_move_speaks_for_what_did() {
        let mut world = World::new();
        let elsewhere = Changelog::In { package: "gate-common".to_owned() };
        let moves = [moved(
            "libgate1",
            Change::Upgrade,
            world.pin("1-1", "gate", 10, &elsewhere),
            world.pin("1-2", "gate", 10, &elsewhere),
        )];
        for (version, entries) in [("1-1", &[OLD][..]), ("1-2", &[NEW, OLD])] {
            let Pin { version, source, url, sha256, size } =
                world.pin(version, "gate", 30, &text(entries));
            let (kind, name) = ("deb".to_owned(), "gate-common".to_owned());
            let architecture = "all".to_owned();
            let (modified, step, requested) = (None, "1".to_owned(), false);
            world.lock.packages.push(LockedPackage {
                kind,
                name,
                version,
                architecture,
                source,
                url,
                sha256,
                size,
                modified,
                step,
                requested,
            });
        }
        let histories = Histories::of(&moves, [&world.lock; 2], &world.store);
        let fixes = histories.fixes(&moves[0]);
        assert_eq!(fixes.known().unwrap().source, "gate_1-2_30.deb");
        assert!(fixes.known().unwrap().complete);
    }

    #[test]
    fn a_file_that_is_another_under_the_same_version_stands_alone() {
        let world = World::new();
        let moves = [
            moved(
                "libgate1",
                Change::Rehashed,
                world.pin("1-2", "gate", 10, &text(&[NEW, OLD])),
                world.pin("1-2", "gate", 11, &text(&[("1-2", "Fix CVE-2026-0009."), OLD])),
            ),
            moved(
                "gate",
                Change::Upgrade,
                world.pin("1-1", "gate", 20, &text(&[OLD])),
                world.pin("1-2", "gate", 20, &text(&[NEW, OLD])),
            ),
        ];
        let histories = Histories::of(&moves, [&world.lock; 2], &world.store);
        let source = |moved: &Move| histories.fixes(moved).known().map(|it| it.source.clone());
        assert_eq!(source(&moves[0]).as_deref(), Some("gate_1-2_11.deb"));
        assert_eq!(source(&moves[1]).as_deref(), Some("gate_1-2_20.deb"));
    }

    #[test]
    fn without_the_old_changelog_what_was_repaired_before_is_not_known() {
        let world = World::new();
        let moves = [moved(
            "gate",
            Change::Upgrade,
            World::missing("1-1", "gate", 10, Digest::of(b"gone")),
            world.pin("1-2", "gate", 10, &text(&[NEW, OLD])),
        )];
        let histories = Histories::of(&moves, [&world.lock; 2], &world.store);
        assert!(!histories.fixes(&moves[0]).known().unwrap().complete);
        let moves = [Move { new: moves[0].old.clone(), ..moves[0].clone() }];
        let histories = Histories::of(&moves, [&world.lock; 2], &world.store);
        assert_eq!(histories.fixes(&moves[0]).reason(), Some(MISSING));
    }
}

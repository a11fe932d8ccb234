//! What the package files in the Store say of the packages that moved. Only those are read.

use super::changelogs::{self, Unread};
use super::suites::Suites;
use crate::advisory;
use crate::lock::Lockfile;
use crate::package::{self, Changelog, Control};
use crate::review::{AllEvidence, Change, Checked, ControlChange, Evidence, Fixes, Move, Pin};
use crate::store::Store;
use rayon::prelude::*;
use std::fs::File;

/// The evidence of each move, by its place.
pub(super) fn of(moves: &[Move], old: &Lockfile, new: &Lockfile, store: &Store) -> AllEvidence {
    let (old_suites, new_suites) = (Suites::of(old, store), Suites::of(new, store));
    let read: Vec<_> = moves.par_iter().map(|moved| Read::of(moved, store)).collect();
    let evidence = moves.iter().zip(read).map(|(moved, read)| {
        let suite = |pin: &Option<Pin>, suites: &Suites<'_>| match pin {
            Some(pin) if moved.kind == "deb" => suites.find(pin),
            Some(_) => Checked::Not(format!("not known for packages of {}", moved.kind)),
            None => Checked::Not("there is none".to_owned()),
        };
        Evidence {
            fixes: read.fixes,
            control: read.control,
            old_suite: suite(&moved.old, &old_suites),
            new_suite: suite(&moved.new, &new_suites),
            made: read.made,
        }
    });
    evidence.enumerate().collect()
}

/// What both files of a package say.
struct Read {
    fixes: Checked<Fixes>,
    control: Checked<ControlChange>,
    made: Checked<i64>,
}

impl Read {
    fn of(moved: &Move, store: &Store) -> Self {
        let new = match (&moved.new, moved.change) {
            (Some(new), change) if !matches!(change, Change::Relocated) => new,
            _ => {
                let nothing = || "there is no new file".to_owned();
                return Self {
                    fixes: Checked::Not(nothing()),
                    control: Checked::Not(nothing()),
                    made: Checked::Not(nothing()),
                };
            }
        };
        let changelog = changelog(moved, new, store);
        let control = control(moved, new, store);
        Self {
            fixes: fixes(moved, new, &changelog, store),
            made: made(&changelog, &control),
            control: match &moved.old {
                None => control.map(|new| ControlChange::between(None, &new)),
                Some(old) => control.and_then(|new| {
                    self::control(moved, old, store)
                        .map(|old| ControlChange::between(Some(&old), &new))
                }),
            },
        }
    }
}

/// When the file says that it was made: its newest changelog entry, or its build.
fn made(changelog: &Checked<Vec<u8>>, control: &Checked<Control>) -> Checked<i64> {
    let changed = changelog.known().and_then(|text| package::changelog_date(text));
    let built = control.known().and_then(|control| control.built);
    let not = || Checked::Not("its file does not say when it was made".to_owned());
    changed.or(built).map_or_else(not, Checked::Known)
}

/// What the changelog in the new file says since the old version, without what the old file's says.
fn fixes(moved: &Move, new: &Pin, text: &Checked<Vec<u8>>, store: &Store) -> Checked<Fixes> {
    let Some(old) = &moved.old else {
        return Checked::Not("it was not there before".to_owned());
    };
    let new_text = match text {
        Checked::Known(text) => text,
        Checked::Not(reason) => return Checked::Not(reason.clone()),
    };
    let old_text = changelog(moved, old, store);
    let version =
        |pin: &Pin| pin.source.as_ref().map_or(&*pin.version, |it| &it.version).to_owned();
    let delta = advisory::delta(
        old_text.known().map(Vec::as_slice),
        new_text,
        &version(old),
        &version(new),
    );
    let file = new.url.as_deref().and_then(|url| url.rsplit('/').next());
    Checked::Known(Fixes {
        ids: delta.ids,
        reverted: delta.reverted,
        backported: delta.backported as u64,
        // Without the old changelog, what was back-ported already is not known.
        complete: delta.complete && old_text.known().is_some(),
        urgency: delta.urgency.map(|urgency| urgency.name().to_owned()),
        source: file.unwrap_or(&moved.name).to_owned(),
    })
}

/// Kinds whose files have changelogs.
const WITH_CHANGELOG: [&str; 2] = ["deb", "rpm"];

fn changelog(moved: &Move, pin: &Pin, store: &Store) -> Checked<Vec<u8>> {
    if !WITH_CHANGELOG.contains(&&*moved.kind) {
        return Checked::Not(format!("packages of {} have no changelogs", moved.kind));
    }
    let Some(digest) = pin.sha256 else {
        return Checked::Not("the lock has no file of the package".to_owned());
    };
    match changelogs::of(&digest, store) {
        Ok(Changelog::Text(text)) => Checked::Known(text),
        Ok(Changelog::In { package }) => {
            Checked::Not(format!("its changelog is in the package {package}"))
        }
        Ok(Changelog::None) => Checked::Not("its file has no changelog".to_owned()),
        Err(Unread::Store(_)) => Checked::Not(MISSING.to_owned()),
        Err(error) => Checked::Not(error.to_string()),
    }
}

fn control(moved: &Move, pin: &Pin, store: &Store) -> Checked<Control> {
    if !package::CONTROL_KINDS.contains(&&*moved.kind) {
        return Checked::Not(format!("not known for packages of {}", moved.kind));
    }
    open(pin, store).and_then(|file| match package::control(file) {
        Ok(Some(control)) => Checked::Known(control),
        Ok(None) => Checked::Not("its file is no package that is known".to_owned()),
        Err(error) => Checked::Not(error.to_string()),
    })
}

/// The package file. Only looked into, and not to its end: whether it is what its digest says is
/// for `lock --verify` to find, whose verdict a review has too, where the Dockerfile is here.
fn open(pin: &Pin, store: &Store) -> Checked<File> {
    let Some(digest) = pin.sha256 else {
        return Checked::Not("the lock has no file of the package".to_owned());
    };
    if !store.contains(&digest) {
        return Checked::Not(MISSING.to_owned());
    }
    match File::open(store.blob_path(&digest)) {
        Ok(file) => Checked::Known(file),
        Err(error) => Checked::Not(format!("its file cannot be read: {error}")),
    }
}

/// Why a file is not read.
pub(super) const MISSING: &str = "its file is not in the Store (`rlock store pull` may bring it)";

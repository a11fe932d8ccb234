//! What the package files in the Store say of the packages that moved. Only those are read.

use super::suites::Suites;
use crate::advisory;
use crate::lock::Lockfile;
use crate::package::{self, Changelog, Control};
use crate::review::{AllEvidence, Change, Checked, ControlChange, Evidence, Fixes, Move, Pin};
use crate::store::Store;
use rayon::prelude::*;

/// The evidence of each move, by its place.
pub(super) fn of(moves: &[Move], old: &Lockfile, new: &Lockfile, store: &Store) -> AllEvidence {
    let (old_suites, new_suites) = (Suites::of(old, store), Suites::of(new, store));
    let read: Vec<_> = moves.par_iter().map(|moved| files(moved, store)).collect();
    let evidence = moves.iter().zip(read).map(|(moved, (fixes, control))| {
        let suite = |pin: &Option<Pin>, suites: &Suites<'_>| match pin {
            Some(pin) if moved.kind == "deb" => suites.find(pin),
            Some(_) => Checked::Not(format!("not known for packages of {}", moved.kind)),
            None => Checked::Not("there is none".to_owned()),
        };
        Evidence {
            fixes,
            control,
            old_suite: suite(&moved.old, &old_suites),
            new_suite: suite(&moved.new, &new_suites),
        }
    });
    evidence.enumerate().collect()
}

fn files(moved: &Move, store: &Store) -> (Checked<Fixes>, Checked<ControlChange>) {
    if matches!(moved.change, Change::Removed | Change::Relocated) {
        let nothing = || "there is no new file".to_owned();
        return (Checked::Not(nothing()), Checked::Not(nothing()));
    }
    (fixes(moved, store), control(moved, store))
}

/// What the changelog in the new file says since the old version, without what the old file's says.
fn fixes(moved: &Move, store: &Store) -> Checked<Fixes> {
    let not = |reason: &str| Checked::Not(reason.to_owned());
    let (Some(old), Some(new)) = (&moved.old, &moved.new) else {
        return not("it was not there before");
    };
    let new_text = match changelog(moved, new, store) {
        Checked::Known(text) => text,
        Checked::Not(reason) => return Checked::Not(reason),
    };
    let old_text = changelog(moved, old, store);
    let version =
        |pin: &Pin| pin.source.as_ref().map_or(&*pin.version, |it| &it.version).to_owned();
    let delta = advisory::delta(
        old_text.known().map(Vec::as_slice),
        &new_text,
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

fn changelog(moved: &Move, pin: &Pin, store: &Store) -> Checked<Vec<u8>> {
    if moved.kind != "deb" {
        return Checked::Not(format!("packages of {} have no changelogs", moved.kind));
    }
    let Some(digest) = pin.sha256 else {
        return Checked::Not("the lock has no file of the package".to_owned());
    };
    let Ok(file) = store.open_blob(&digest) else {
        return Checked::Not(MISSING.to_owned());
    };
    match package::changelog(file) {
        Ok(Changelog::Text(text)) => Checked::Known(text),
        Ok(Changelog::In { package }) => {
            Checked::Not(format!("its changelog is in the package {package}"))
        }
        Ok(Changelog::None) => Checked::Not("its file has no changelog".to_owned()),
        Err(error) => Checked::Not(error.to_string()),
    }
}

fn control(moved: &Move, store: &Store) -> Checked<ControlChange> {
    let new = match of_pin(moved, moved.new.as_ref(), store) {
        Checked::Known(new) => new,
        Checked::Not(reason) => return Checked::Not(reason),
    };
    if moved.old.is_none() {
        return Checked::Known(ControlChange::between(None, &new));
    }
    of_pin(moved, moved.old.as_ref(), store).map(|old| ControlChange::between(Some(&old), &new))
}

fn of_pin(moved: &Move, pin: Option<&Pin>, store: &Store) -> Checked<Control> {
    if moved.kind != "deb" {
        return Checked::Not(format!("not known for packages of {}", moved.kind));
    }
    let Some(digest) = pin.and_then(|pin| pin.sha256) else {
        return Checked::Not("the lock has no file of the package".to_owned());
    };
    let Ok(file) = store.open_blob(&digest) else {
        return Checked::Not(MISSING.to_owned());
    };
    match package::control(file) {
        Ok(Some(control)) => Checked::Known(control),
        Ok(None) => Checked::Not("its file is no package that is known".to_owned()),
        Err(error) => Checked::Not(error.to_string()),
    }
}

/// Why a file is not read.
const MISSING: &str = "its file is not in the Store (`rlock store pull` may bring it)";

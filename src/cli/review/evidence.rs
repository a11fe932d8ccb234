//! What the package files in the Store say of the packages that moved. Only those are read.

use super::histories::Histories;
use super::suites::Suites;
use crate::lock::Lockfile;
use crate::package::{self, Control};
use crate::review::{AllEvidence, Change, Checked, ControlChange, Evidence, Move, Pin};
use crate::store::Store;
use rayon::prelude::*;
use std::fs::File;

/// The evidence of each move, by its place.
pub(super) fn of(moves: &[Move], old: &Lockfile, new: &Lockfile, store: &Store) -> AllEvidence {
    let (old_suites, new_suites) = (Suites::of(old, store), Suites::of(new, store));
    let (histories, controls): (_, Vec<_>) = rayon::join(
        || Histories::of(moves, [old, new], store),
        || moves.par_iter().map(|moved| Controls::of(moved, store)).collect(),
    );
    let evidence = moves.iter().zip(controls).map(|(moved, controls)| {
        let suite = |pin: &Option<Pin>, suites: &Suites<'_>| match pin {
            Some(pin) if moved.kind == "deb" => suites.find(pin),
            Some(_) => Checked::Not(format!("not known for packages of {}", moved.kind)),
            None => Checked::Not("there is none".to_owned()),
        };
        let fixes = match moved.change {
            Change::Relocated => Checked::Not(NO_NEW_FILE.to_owned()),
            _ => histories.fixes(moved),
        };
        Evidence {
            fixes,
            made: made(histories.made(moved), &controls),
            control: controls.change(),
            old_suite: suite(&moved.old, &old_suites),
            new_suite: suite(&moved.new, &new_suites),
        }
    });
    evidence.enumerate().collect()
}

/// Why nothing is read of a move that brings none.
const NO_NEW_FILE: &str = "there is no new file";

/// What both files of a package say of themselves.
struct Controls {
    old: Option<Checked<Control>>,
    new: Checked<Control>,
}

impl Controls {
    fn of(moved: &Move, store: &Store) -> Self {
        let new = match (&moved.new, moved.change) {
            (Some(new), change) if !matches!(change, Change::Relocated) => new,
            _ => return Self { old: None, new: Checked::Not(NO_NEW_FILE.to_owned()) },
        };
        let new = control(moved, new, store);
        let read_old = |old| control(moved, old, store);
        Self { old: moved.old.as_ref().filter(|_| new.known().is_some()).map(read_old), new }
    }

    fn change(self) -> Checked<ControlChange> {
        self.new.and_then(|new| match self.old {
            None => Checked::Known(ControlChange::between(None, &new)),
            Some(old) => old.map(|old| ControlChange::between(Some(&old), &new)),
        })
    }
}

/// When the file says that it was made: its newest changelog entry, or its build.
fn made(changed: Option<i64>, controls: &Controls) -> Checked<i64> {
    if let Some(NO_NEW_FILE) = controls.new.reason() {
        return Checked::Not(NO_NEW_FILE.to_owned());
    }
    let built = controls.new.known().and_then(|control| control.built);
    let not = || Checked::Not("its file does not say when it was made".to_owned());
    changed.or(built).map_or_else(not, Checked::Known)
}

/// What a package's file says beside its name.
pub(super) fn control(moved: &Move, pin: &Pin, store: &Store) -> Checked<Control> {
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

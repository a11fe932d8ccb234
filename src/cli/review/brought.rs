//! What the package files in the Store bring, of the packages that moved.

use crate::package::{self, Contents, Control};
use crate::review::files::{Brought, Script};
use crate::review::{Checked, Move, Pin};
use crate::store::Store;
use rayon::prelude::*;

/// Of the old and of the new pins. Files are read whole, each once.
pub(super) fn of(moves: &[Move], store: &Store) -> [Vec<Brought>; 2] {
    let side = |pin: fn(&Move) -> Option<&Pin>| -> Vec<Brought> {
        let pins: Vec<(&Move, &Pin)> =
            moves.iter().filter_map(|moved| Some((moved, pin(moved)?))).collect();
        pins.par_iter().map(|(moved, pin)| one(moved, pin, store)).collect()
    };
    [side(|moved| moved.old.as_ref()), side(|moved| moved.new.as_ref())]
}

fn one(moved: &Move, pin: &Pin, store: &Store) -> Brought {
    Brought {
        kind: moved.kind.clone(),
        name: moved.name.clone(),
        version: pin.version.clone(),
        file: pin.sha256,
        contents: contents(moved, pin, store).unwrap_or_else(Checked::Not),
        scripts: super::evidence::control(moved, pin, store).known().map(run).unwrap_or_default(),
    }
}

/// Scripts that are run when a package is removed, or that only ask questions.
const NOT_RUN: [&str; 9] = [
    "config",
    "prerm",
    "postrm",
    "pre-deinstall",
    "post-deinstall",
    "preuninstall",
    "postuninstall",
    "preuntrans",
    "postuntrans",
];

/// The scripts of a system's package that are run when it is installed. Packages of languages have
/// none that name where their files will be.
fn run(control: &Control) -> Vec<Script> {
    let run = control.scripts.iter().filter(|(name, _)| !NOT_RUN.contains(&&***name));
    run.map(|(_, text)| Script::of(text)).collect()
}

fn contents(moved: &Move, pin: &Pin, store: &Store) -> Result<Checked<Contents>, String> {
    let digest = pin.sha256.ok_or("the lock has no file of the package")?;
    let file = store.open_blob(&digest).map_err(|_| super::evidence::MISSING)?;
    let contents = package::contents(file).map_err(|error| error.to_string())?;
    let contents =
        contents.ok_or_else(|| format!("files of packages of {} are not compared", moved.kind))?;
    let locked = (&*moved.kind, &*moved.name, &*moved.architecture, &*pin.version);
    if contents.package.installs(locked) {
        Ok(Checked::Known(contents))
    } else {
        Err("the file in the lock is of another package".to_owned())
    }
}

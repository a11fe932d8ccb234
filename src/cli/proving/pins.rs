//! The lockfiles of the project's own package managers, as the base has them. Those of the change itself
//! say nothing: who brings another file along would bring its hash along as well.

use super::base::Base;
use crate::index::pins::{self, Pins};
use std::path::Path;

/// Lockfiles that are read; who has more has copies of others.
const FILES_MAX: usize = 200;

/// What they pin. What cannot be read is noted.
pub(super) fn of(base: Option<&Base>, context: &Path, notes: &mut Vec<String>) -> Pins {
    let mut pins = Pins::default();
    let Some(base) = base else { return pins };
    let is_wanted = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        // Packages bring the lockfiles along that their authors had.
        let is_own = path.split('/').all(|part| part != "node_modules" && part != "vendor");
        is_own && pins::is_lockfile(name)
    };
    let files = base.files(context, &is_wanted, pins::FILE_MAX);
    if files.len() > FILES_MAX {
        notes.push(format!("only {FILES_MAX} of {} lockfiles of the base were read", files.len()));
    }
    for (path, object) in files.iter().take(FILES_MAX) {
        let Some(text) = base.object(object) else { continue };
        if let Err(error) = pins.add(path, &text) {
            notes.push(format!("{error}: it proves nothing"));
        }
    }
    pins
}

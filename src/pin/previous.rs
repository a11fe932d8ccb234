//! What stays of the lockfile that was there before, beside the pins of its own steps.

use super::fetched::Pins;
use crate::lock::{Elsewhere, LockedPackage, LockedStep, Lockfile, stage_of};
use std::collections::{BTreeMap, BTreeSet};

/// Where a step has a package as it had it before, its file is still known.
pub(super) fn known_files(packages: &mut [LockedPackage], previous: Option<&Lockfile>) {
    let locked = previous.iter().flat_map(|previous| &previous.packages);
    let locked: BTreeMap<_, &LockedPackage> =
        locked.map(|package| (package.key(), package)).collect();
    for package in packages.iter_mut().filter(|package| package.url.is_none()) {
        if let Some(known) = locked.get(&package.key()) {
            let (url, sha256, size) = (known.url.clone(), known.sha256, known.size);
            let modified = known.modified;
            *package = LockedPackage { url, sha256, size, modified, ..package.clone() };
        }
    }
}

/// Takes over the pins of stages that were not built now, and the image of the whole if what was
/// built now changes nothing of it.
pub(super) fn keep_elsewhere(
    lockfile: &mut Lockfile,
    kept: &mut Pins,
    previous: &Lockfile,
    elsewhere: &Elsewhere,
) {
    if elsewhere.stages.is_empty() || previous.platform != lockfile.platform {
        return;
    }
    let is_same_form = previous.canonical == lockfile.canonical;
    let steps = previous.steps.iter().filter(|step| elsewhere.has_step(&step.id));
    let steps =
        steps.map(|step| LockedStep { layer: step.layer.filter(|_| is_same_form), ..step.clone() });
    lockfile.steps.extend(steps);
    let stages = previous.stages.iter().filter(|stage| elsewhere.stages.contains(&stage.id));
    lockfile.stages.extend(stages.cloned());
    let normalize = previous.normalize.iter().filter(|item| elsewhere.has_step(&item.step));
    lockfile.normalize.extend(normalize.cloned());
    let packages = previous.packages.iter().filter(|package| elsewhere.has_step(&package.step));
    kept.packages.extend(packages.cloned());
    let fetches = previous.fetches.iter().filter(|fetch| elsewhere.has_step(&fetch.step));
    kept.fetches.extend(fetches.cloned());
    let used: BTreeSet<_> = lockfile.images.iter().map(|image| image.reference.clone()).collect();
    let images = previous.images.iter().filter(|image| elsewhere.images.contains(&image.reference));
    lockfile.images.extend(images.filter(|image| !used.contains(&image.reference)).cloned());
    if lockfile.result.is_none() && keeps_whole(lockfile, previous) {
        lockfile.result.clone_from(&previous.result);
    }
}

/// Whether `lockfile` has everything of `previous` unchanged, and what is new is of stages that
/// `previous` did not know.
fn keeps_whole(lockfile: &Lockfile, previous: &Lockfile) -> bool {
    let stages: BTreeSet<&str> = previous.stages.iter().map(|stage| &*stage.id).collect();
    let own = lockfile.steps.iter().filter(|step| stages.contains(stage_of(&step.id)));
    lockfile.canonical == previous.canonical
        && previous.images.iter().all(|image| lockfile.images.contains(image))
        && previous.stages.iter().all(|stage| lockfile.stages.contains(stage))
        && previous.steps.iter().all(|step| lockfile.steps.contains(step))
        && own.count() == previous.steps.len()
}

//! What stays of the lockfile that was there before.

use super::PinInput;
use crate::lock::{Elsewhere, LockedStep, Lockfile, stage_of};
use std::collections::BTreeSet;

/// How many steps, from the first on, build on nothing but what they were built on when they were
/// locked. Their pins still hold, whatever this build gave: a lock moves on purpose only. What a
/// step after a new one gives may rightly be other than before.
pub(super) fn settled_steps(
    input: &PinInput,
    previous: &Lockfile,
    kept: &[Option<&LockedStep>],
) -> usize {
    let same_image = |image: &super::PinnedImage| {
        let mut locked = previous.images.iter();
        let found = locked.find(|locked| locked.reference == image.reference);
        found.is_none_or(|found| found.manifest == image.manifest)
    };
    let is_same_form = previous.canonical == input.canonical && previous.platform == input.platform;
    let kept_ids: BTreeSet<&str> = kept.iter().flatten().map(|step| &*step.id).collect();
    // Where a step is gone, nobody knows which of the others stood below it.
    let is_complete = previous
        .steps
        .iter()
        .all(|step| kept_ids.contains(&*step.id) || input.elsewhere.has_step(&step.id));
    if !is_same_form || !is_complete || !input.images.iter().all(same_image) {
        return 0;
    }
    kept.iter().take_while(|kept| kept.is_some()).count()
}

/// Takes over the pins of stages that were not built now, and the image of the whole if what was
/// built now changes nothing of it.
pub(super) fn keep_elsewhere(lockfile: &mut Lockfile, previous: &Lockfile, elsewhere: &Elsewhere) {
    if elsewhere.stages.is_empty() || previous.platform != lockfile.platform {
        return;
    }
    let is_same_form = previous.canonical == lockfile.canonical;
    let steps = previous.steps.iter().filter(|step| elsewhere.has_step(&step.id));
    let steps: Vec<LockedStep> = steps
        .map(|step| LockedStep { layer: step.layer.filter(|_| is_same_form), ..step.clone() })
        .collect();
    let packages = previous.packages.iter().filter(|package| elsewhere.has_step(&package.step));
    lockfile.packages.extend(packages.cloned());
    let fetches = previous.fetches.iter().filter(|fetch| elsewhere.has_step(&fetch.step));
    lockfile.fetches.extend(fetches.cloned());
    if !steps.is_empty() {
        // The lockfile does not say which step's files these are.
        lockfile.normalize.extend(previous.normalize.iter().cloned());
        lockfile.normalize.sort();
        lockfile.normalize.dedup();
    }
    lockfile.steps.extend(steps);
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
    let stages: BTreeSet<&str> = previous.steps.iter().map(|step| stage_of(&step.id)).collect();
    let own = lockfile.steps.iter().filter(|step| stages.contains(stage_of(&step.id)));
    lockfile.canonical == previous.canonical
        && previous.images.iter().all(|image| lockfile.images.contains(image))
        && previous.steps.iter().all(|step| lockfile.steps.contains(step))
        && own.count() == previous.steps.len()
}

//! What a lock holds back, as a builder is told.

use super::project::Project;
use crate::build::plan::Plan;
use crate::build::{Held, HeldPackage, HeldStep, HeldView};
use crate::lock::{Lockfile, stage_of};
use crate::pin;
use std::collections::{BTreeMap, BTreeSet};

/// What each step of the plan is held to.
pub(super) fn held(project: &Project, plan: &Plan) -> anyhow::Result<Held> {
    let Some(lock) = &project.lock else { return Ok(Held::default()) };
    let archives = pin::held_archives(lock);
    if archives.is_empty() {
        return Ok(Held::default());
    }
    let wanted = project.wanted()?;
    let locked = lock.matching_steps(&wanted);
    let ids: BTreeMap<&str, &str> = wanted
        .steps
        .iter()
        .zip(locked)
        .filter_map(|(step, locked)| Some((step.id.as_str(), locked?.id.as_str())))
        .collect();
    let mut steps = BTreeMap::new();
    for step in plan.steps() {
        let id = ids.get(step.id.as_str()).copied();
        // A step that the lock does not know may ask for whatever its stage asked for.
        let is_of = |users: &BTreeSet<String>| match id {
            Some(id) => users.contains(id),
            None => users.iter().any(|user| stage_of(user) == stage_of(&step.id)),
        };
        let views: Vec<HeldView> = archives
            .iter()
            .filter(|(_, users)| is_of(users))
            .map(|(held, _)| HeldView {
                kind: held.kind,
                archive: held.archive.clone(),
                suite: held.suite.clone(),
                view: held.view.clone(),
            })
            .collect();
        if !views.is_empty() {
            let kinds: BTreeSet<&str> = views.iter().map(|view| view.kind).collect();
            let pins = pins(lock, id.unwrap_or(&step.id), &kinds);
            let free = project.moving.packages.clone();
            let held = HeldStep { views, pins, free, is_optional: id.is_none() };
            steps.insert(step.id.clone(), held);
        }
    }
    Ok(Held { steps })
}

/// The packages of the step's stage, each in the version that this step has of it.
fn pins(lock: &Lockfile, step: &str, kinds: &BTreeSet<&str>) -> Vec<HeldPackage> {
    let mut pins: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    let of_stage = lock.packages.iter().filter(|package| kinds.contains(&*package.kind));
    let of_stage = of_stage.filter(|package| stage_of(&package.step) == stage_of(step));
    let (own, others): (Vec<_>, Vec<_>) = of_stage.partition(|package| package.step == step);
    for package in own.into_iter().chain(others) {
        let key = (&*package.kind, &*package.name, &*package.architecture);
        pins.entry(key).or_insert(&package.version);
    }
    let pin = |((kind, name, architecture), version): ((&str, &str, &str), &str)| HeldPackage {
        kind: kind.to_owned(),
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        version: version.to_owned(),
    };
    pins.into_iter().map(pin).collect()
}

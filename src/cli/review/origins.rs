//! Which step made which layer of the two images, and whether the step is the same in both.

use crate::build::Built;
use crate::build::plan::{Action, Base, CopySource, Plan, StagePlan, Step};
use crate::cli::building::Prepared;
use crate::cli::project::Project;
use crate::lock::{Lockfile, stage_of};
use crate::oci::Digest;
use crate::review::files::{Layers, Origin, StepOrigin, StepState};
use crate::store::Image;
use std::collections::{BTreeMap, BTreeSet};

/// One of the two builds.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) project: &'a Project,
    pub(super) prepared: &'a Prepared,
    pub(super) built: &'a Built,
    pub(super) image: &'a Image,
    pub(super) lock: &'a Lockfile,
}

/// Where the layers of `made` are from; `other` is the other build.
pub(super) fn layers(made: Made<'_>, other: Made<'_>) -> anyhow::Result<Layers> {
    let (ids, other_ids) = (locked_ids(made)?, locked_ids(other)?);
    let (own, others) = (digests(made, &ids), digests(other, &other_ids));
    let chain = chain(&made.prepared.plan);
    let steps: Vec<&Step> = chain.iter().flat_map(|stage| &stage.steps).collect();
    let layered =
        |step: &&&Step| made.built.steps.iter().any(|it| it.id == step.id && it.layer.is_some());
    let count = steps.iter().filter(layered).count();
    let below = made.image.layers.len().saturating_sub(count);
    let mut layers = Layers::default();
    if let Some(Base::Image(reference)) = chain.first().map(|stage| &stage.base) {
        for index in 0..below {
            layers.0.insert(index, Origin::Base(reference.clone()));
        }
    }
    let moved = moved_stages(made.lock, other.lock);
    let mut is_below = false;
    let mut index = below;
    for step in steps {
        let id = ids.get(&*step.id).cloned().unwrap_or_else(|| step.id.clone());
        let state = if is_changed(&id, made.lock, other.lock) {
            StepState::Changed
        } else if takes_context(step) {
            StepState::TakesContext
        } else if let Some(name) = moved_source(step, made, &moved) {
            StepState::TakesStage(name)
        } else if is_below {
            StepState::Below
        } else {
            StepState::Same
        };
        let differs = own.get(&*id) != others.get(&*id);
        is_below |= state == StepState::Changed || (state == StepState::TakesContext && differs);
        if layered(&&step) {
            let location = Some(made.project.location(step));
            layers.0.insert(index, Origin::Step(StepOrigin { id, location, state }));
            index += 1;
        }
    }
    Ok(layers)
}

/// The stages that become the image, the lowest first.
fn chain(plan: &Plan) -> Vec<&StagePlan> {
    let find = |index: usize| plan.stages.iter().find(|stage| stage.index == index);
    let base = |stage: &&StagePlan| stage.base.stage().and_then(find);
    let mut chain: Vec<&StagePlan> = std::iter::successors(find(plan.target), base).collect();
    chain.reverse();
    chain
}

/// The id in the lock of each step of the plan.
fn locked_ids(made: Made<'_>) -> anyhow::Result<BTreeMap<String, String>> {
    let wanted = made.project.wanted()?;
    let locked = made.lock.matching_steps(&wanted);
    let pairs = wanted.steps.iter().zip(locked);
    Ok(pairs.filter_map(|(step, locked)| Some((step.id.clone(), locked?.id.clone()))).collect())
}

fn digests(made: Made<'_>, ids: &BTreeMap<String, String>) -> BTreeMap<String, Option<Digest>> {
    let steps = made.built.steps.iter();
    steps.map(|step| (ids.get(&step.id).unwrap_or(&step.id).clone(), step.layer)).collect()
}

fn is_changed(id: &str, own: &Lockfile, other: &Lockfile) -> bool {
    let input =
        |lock: &Lockfile| lock.steps.iter().find(|step| step.id == id).map(|step| step.input);
    input(own) != input(other)
}

/// Whether a step copies files of the build context.
fn takes_context(step: &Step) -> bool {
    match &step.action {
        Action::Copy(copy) => match &copy.from {
            None => copy.sources.iter().any(|source| matches!(source, CopySource::Path(_))),
            Some(Base::Context(_)) => true,
            Some(_) => false,
        },
        _ => false,
    }
}

/// The stage or image that a copy takes from, where something moved in it.
fn moved_source(step: &Step, made: Made<'_>, moved: &BTreeSet<String>) -> Option<String> {
    let name = match step.source()? {
        Base::Stage(index) => crate::build::plan::stage_id(&made.project.dockerfile, *index),
        Base::Image(reference) => reference.clone(),
        Base::Scratch | Base::Context(_) => return None,
    };
    moved.contains(&name).then_some(name)
}

/// Stages of which a package, the base or an instruction is another one, and images that are.
fn moved_stages(own: &Lockfile, other: &Lockfile) -> BTreeSet<String> {
    let mut moved: BTreeSet<String> = BTreeSet::new();
    for (left, right) in [(own, other), (other, own)] {
        let packages = left.packages.iter().filter(|package| !right.packages.contains(package));
        moved.extend(packages.map(|package| stage_of(&package.step).to_owned()));
        let steps = left.steps.iter().filter(|step| is_changed(&step.id, left, right));
        moved.extend(steps.map(|step| stage_of(&step.id).to_owned()));
        for image in &left.images {
            let same = |it: &crate::lock::LockedImage| {
                it.reference == image.reference && it.manifest == image.manifest
            };
            if !right.images.iter().any(same) {
                moved.insert(image.reference.to_string());
            }
        }
    }
    // What starts from something that moved has moved.
    for _ in 0..own.stages.len() {
        for stage in &own.stages {
            if moved.contains(&stage.base) {
                moved.insert(stage.id.clone());
            }
        }
    }
    moved
}

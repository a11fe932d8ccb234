//! Which step made which layer of the two images, and whether the step is the same in both.
//!
//! A step that runs below something that changed may have read that: whether it did cannot be known,
//! so what differs of it is told apart from what is proven. It is said of a step only where the locks
//! say the same of it, packages and downloads included: else what differs may as well come of those.

use super::copied;
use crate::build::Built;
use crate::build::plan::{Action, Base, CopySource, Plan, StagePlan, Step};
use crate::cli::building::Prepared;
use crate::cli::project::Project;
use crate::finding::Location;
use crate::lock::{Lockfile, stage_of};
use crate::oci::Digest;
use crate::review::Places;
use crate::review::files::{Above, Layers, Origin, Script, StepOrigin, StepState};
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
            layers.origins.insert(index, Origin::Base(reference.clone()));
        }
    }
    let judge = Judge {
        made,
        other,
        moved: moved_stages(made.lock, other.lock),
        ids: &ids,
        layers: [&own, &others],
    };
    let mut above = Vec::new();
    let mut index = below;
    for step in steps {
        let state = judge.state(step, &above)?;
        above.extend(judge.changes(step, &state)?);
        if let StepState::Below(of) = &state {
            // What it brought from another stage is above the next ones, too.
            let new: Vec<Above> = of.iter().filter(|it| !above.contains(it)).cloned().collect();
            above.extend(new);
        }
        if layered(&&step) {
            let (id, location) = (judge.id(step), Some(made.project.location(step)));
            layers.commands.insert(id.clone(), command(step));
            layers.origins.insert(index, Origin::Step(StepOrigin { id, location, state }));
            index += 1;
        }
    }
    Ok(layers)
}

/// What a step runs, as the Dockerfile has it.
fn command(step: &Step) -> Script {
    let Action::Run(run) = &step.action else { return Script::of(b"") };
    let script = run.script.iter().map(|(_, text)| text.clone());
    let text = run.argv.iter().cloned().chain(script).collect::<Vec<_>>().join(" ");
    Script::of(text.as_bytes())
}

/// Lets the old image's steps stand where the new Dockerfile has them: nobody has the old one's lines
/// before him. What it does not have any more stands nowhere.
pub(super) fn relocate(old: &mut Layers, new: &Layers, places: &Places) {
    let steps = new.origins.values().filter_map(|origin| match origin {
        Origin::Step(step) => Some((step.id.clone(), step.location.clone())),
        Origin::Base(_) => None,
    });
    let known: BTreeMap<String, Option<Location>> = steps.collect();
    let place = |id: &str| match known.get(id) {
        Some(location) => location.clone(),
        None => places.location(id).cloned(),
    };
    for origin in old.origins.values_mut() {
        let Origin::Step(step) = origin else { continue };
        step.location = place(&step.id);
        if let StepState::Below(above) = &mut step.state {
            for above in above {
                above.location = place(&above.id);
            }
        }
    }
}

/// Says what became of a step.
struct Judge<'a> {
    made: Made<'a>,
    other: Made<'a>,
    /// Stages and images in which something moved.
    moved: BTreeSet<String>,
    /// The id in the lock of each step.
    ids: &'a BTreeMap<String, String>,
    /// The layers of both builds, by that id.
    layers: [&'a BTreeMap<String, Option<Digest>>; 2],
}

impl Judge<'_> {
    fn id(&self, step: &Step) -> String {
        self.ids.get(&*step.id).cloned().unwrap_or_else(|| step.id.clone())
    }

    /// What became of a step that stands below those.
    fn state(&self, step: &Step, above: &[Above]) -> anyhow::Result<StepState> {
        let id = self.id(step);
        if is_changed(&id, self.made.lock, self.other.lock) {
            return Ok(StepState::Changed);
        }
        if takes_context(step) {
            return Ok(StepState::TakesContext);
        }
        if let Some(name) = moved_source(step, self.made, &self.moved) {
            return Ok(StepState::TakesStage(name));
        }
        let mut below = self.in_source(step)?;
        if matches!(step.action, Action::Run(_)) {
            below.extend(above.iter().cloned());
        }
        let is_same = !fetches_differ(&id, self.made.lock, self.other.lock);
        Ok(if is_same && !below.is_empty() { StepState::Below(below) } else { StepState::Same })
    }

    /// What a step of this state changes for those below it.
    fn changes(&self, step: &Step, state: &StepState) -> anyhow::Result<Option<Above>> {
        let files = match state {
            StepState::Changed => Vec::new(),
            StepState::TakesContext => match self.files(step)? {
                files if files.is_empty() => return Ok(None),
                files => files,
            },
            _ => return Ok(None),
        };
        let location = Some(self.made.project.location(step));
        Ok(Some(Above { id: self.id(step), location, files }))
    }

    /// The files that a copy from the context brought, and that are other ones in the other build.
    fn files(&self, step: &Step) -> anyhow::Result<Vec<Vec<u8>>> {
        let id = self.id(step);
        let layer = |side: &BTreeMap<String, Option<Digest>>| side.get(&id).copied().flatten();
        let [own, other] = self.layers.map(layer);
        if own == other {
            return Ok(Vec::new());
        }
        copied::changed(own, other, &self.made.prepared.store)
    }

    /// Changes in the stage that a step copies from, where packages and downloads of that stage are
    /// the same.
    fn in_source(&self, step: &Step) -> anyhow::Result<Vec<Above>> {
        let Some(Base::Stage(index)) = step.source() else { return Ok(Vec::new()) };
        let mut above = Vec::new();
        let mut open = vec![*index];
        let mut seen = BTreeSet::new();
        while let Some(index) = open.pop() {
            let plan = &self.made.prepared.plan;
            let Some(stage) = plan.stages.iter().find(|stage| stage.index == index) else {
                continue;
            };
            if !seen.insert(index) {
                continue;
            }
            open.extend(stage.base.stage());
            for step in &stage.steps {
                if fetches_differ(&self.id(step), self.made.lock, self.other.lock) {
                    return Ok(Vec::new());
                }
                if takes_context(step) {
                    above.extend(self.changes(step, &StepState::TakesContext)?);
                }
                open.extend(step.source().and_then(Base::stage));
            }
        }
        Ok(above)
    }
}

/// Whether the locks say different things of what a step took from outside.
fn fetches_differ(id: &str, own: &Lockfile, other: &Lockfile) -> bool {
    let [own_packages, other_packages] =
        [own, other].map(|lock| lock.packages.iter().filter(|package| package.step == id));
    let [own_fetches, other_fetches] =
        [own, other].map(|lock| lock.fetches.iter().filter(|fetch| fetch.step == id));
    !(own_packages.eq(other_packages) && own_fetches.eq(other_fetches))
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

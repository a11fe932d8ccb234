//! One stage: its steps in order, each over the layers of the ones before it.

use super::context::Shared;
use super::image::Draft;
use super::installed::Installed;
use super::mounted::Folder;
use super::{copy_step, layer, run};
use crate::build::event::{Event, EventKind, Place};
use crate::build::plan::{Action, Base, StagePlan, Step};
use crate::build::{BuildError, BuiltStep, FailedReason, FailedStep, PackageChange, Request};
use crate::door::Visitor;
use crate::package::Package;
use crate::store::StoreError;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A stage as far as it is built. A clone is another stage's view of it.
#[derive(Clone)]
pub(crate) struct BuiltStage {
    pub(crate) draft: Draft,
    pub(crate) steps: Vec<BuiltStep>,
    /// Directories of the layers, the lowest first.
    pub(crate) lowers: Vec<PathBuf>,
    /// What is installed; none where that was not asked yet.
    installed: Option<Arc<Installed>>,
}

/// What a step may need beside itself.
#[derive(Clone, Copy)]
pub(crate) struct Surrounding<'a> {
    pub(crate) request: &'a Request<'a>,
    /// The stages that this one takes from.
    pub(crate) available: &'a BTreeMap<usize, BuiltStage>,
    /// What all steps of the build share.
    pub(crate) shared: &'a Shared,
    /// Who asks for what the step takes from outside.
    pub(crate) visitor: &'a Arc<Visitor>,
}

/// Runs the steps of `planned`; `available` holds the stages that it takes from.
pub(crate) fn build_stage(
    request: &Request<'_>,
    planned: &StagePlan,
    available: &BTreeMap<usize, BuiltStage>,
    shared: &Shared,
) -> Result<BuiltStage, BuildError> {
    let nobody = Visitor::new("");
    let surrounding = Surrounding { request, available, shared, visitor: &nobody };
    let mut stage = surrounding.base(&planned.base)?;
    for step in &planned.steps {
        if request.cancelled.load(Ordering::Relaxed) {
            return Err(BuildError::Cancelled);
        }
        let announce = Announce { request, step, place: request.plan.place(&step.id) };
        announce.started();
        let started = Instant::now();
        let visitor = Visitor::behind(&step.id, request.outside.lag);
        let mut performed = stage.perform(Surrounding { visitor: &visitor, ..surrounding }, step);
        match &mut performed {
            Ok(built) => built.traffic = visitor.traffic(),
            Err(BuildError::Step(failed)) => failed.traffic = visitor.traffic(),
            Err(_) => {}
        }
        announce.ended(started.elapsed(), &performed);
        let mut built = performed?;
        built.elapsed = started.elapsed();
        stage.steps.push(built);
    }
    stage.draft.config = planned.config.clone();
    stage.draft.author.clone_from(&planned.author);
    Ok(stage)
}

/// Tells the progress display about one step.
struct Announce<'a> {
    request: &'a Request<'a>,
    step: &'a Step,
    place: Place,
}

impl Announce<'_> {
    fn started(&self) {
        let name = Arc::from(self.step.text.as_str());
        self.send(EventKind::Started { name, place: Some(self.place) });
    }

    fn ended(&self, elapsed: Duration, performed: &Result<BuiltStep, BuildError>) {
        self.send(match performed {
            Ok(_) => EventKind::Finished { elapsed },
            // What failed since it was told to stop, did not fail.
            Err(_) if self.request.cancelled.load(Ordering::Relaxed) => {
                EventKind::Stopped { elapsed }
            }
            Err(_) => EventKind::Failed { elapsed },
        });
    }

    fn send(&self, kind: EventKind) {
        (self.request.events)(Event::new(self.request.name, self.step.id.as_str(), kind));
    }
}

impl Surrounding<'_> {
    /// A stage that starts where `base` ends.
    pub(crate) fn base(self, base: &Base) -> Result<BuiltStage, BuildError> {
        match base {
            Base::Stage(index) => {
                let stage = self.available.get(index).ok_or(BuildError::NoSuchBase)?;
                Ok(BuiltStage { steps: Vec::new(), ..stage.clone() })
            }
            Base::Image(reference) => {
                let image = self.request.images.get(reference).ok_or(BuildError::NoSuchBase)?;
                let descriptors: Vec<_> =
                    image.layers.iter().map(|layer| layer.descriptor.clone()).collect();
                let lowers = self.request.store.unpacked_all(&image.layers)?;
                Ok(BuiltStage::new(Draft::of(&image.config, &descriptors), lowers))
            }
            Base::Scratch | Base::Context(_) => Ok(BuiltStage::new(Draft::scratch(), Vec::new())),
        }
    }
}

impl BuiltStage {
    fn new(draft: Draft, lowers: Vec<PathBuf>) -> Self {
        Self { draft, steps: Vec::new(), lowers, installed: None }
    }

    fn perform(
        &mut self,
        surrounding: Surrounding<'_>,
        step: &Step,
    ) -> Result<BuiltStep, BuildError> {
        let mut built = BuiltStep::of(step);
        let (before, databases);
        let folder = match &step.action {
            Action::Configure => {
                self.draft.record(&step.created_by, surrounding.request.epoch, None);
                return Ok(built);
            }
            Action::Run(command) => {
                before = self.installed(surrounding)?;
                let (folder, listed) = run::run(surrounding, step, command, &self.lowers)?;
                databases = listed;
                folder
            }
            Action::Copy(copy) => {
                before = self.installed(surrounding)?;
                let folder = surrounding.shared.room.on_disk()?;
                let copied = copy_step::copy(surrounding, step, copy, &self.lowers, &folder)?;
                (built.warnings, databases) = (copied.warnings, copied.databases);
                folder
            }
            Action::MakeDirectory(path) => {
                before = self.installed(surrounding)?;
                let folder = surrounding.shared.room.on_disk()?;
                databases = None;
                copy_step::make_directory(step, path, &self.lowers, &folder)?;
                folder
            }
        };
        self.keep_layer(surrounding.request, step, &folder, &mut built)?;
        if built.layer.is_some() {
            let (after, problems) = before.after(&folder.upper, databases)?;
            built.warnings.extend(problems);
            if let Some(after) = after {
                let (before, after) = (before.packages(), self.now_installed(after));
                let comes_from_outside = step.action.takes_from_outside();
                built.packages = comes_from_outside.then_some(PackageChange { before, after });
            }
        }
        Ok(built)
    }

    fn keep_layer(
        &mut self,
        request: &Request<'_>,
        step: &Step,
        folder: &Folder,
        built: &mut BuiltStep,
    ) -> Result<(), BuildError> {
        let taken = layer::take(request, &step.id, folder).map_err(|error| match error {
            BuildError::Store(error @ StoreError::Unrepresentable { .. }) => {
                FailedStep::of(step, FailedReason::Left(error), Vec::new()).into()
            }
            other => other,
        });
        let (layer, normalized) = taken?;
        built.normalized = normalized;
        if let Some(layer) = &layer {
            built.layer = Some(layer.diff_id);
            built.entries = layer.entries;
            built.clamped = layer.clamped;
            self.lowers.push(folder.upper.clone());
        }
        let layer = layer.map(|layer| (layer.diff_id, layer.size));
        self.draft.record(&step.created_by, request.epoch, layer);
        Ok(())
    }

    /// What is installed in the stage as it is now.
    fn installed(&mut self, surrounding: Surrounding<'_>) -> Result<Arc<Installed>, BuildError> {
        if let Some(installed) = &self.installed {
            return Ok(Arc::clone(installed));
        }
        let bases = &surrounding.request.layers.bases;
        let installed = bases.installed(&self.lowers, &surrounding.shared.room)?;
        Ok(Arc::clone(self.installed.insert(installed)))
    }

    /// Takes down what is installed after a step; all packages of it.
    fn now_installed(&mut self, installed: Installed) -> Vec<Package> {
        let packages = installed.packages();
        self.installed = Some(Arc::new(installed));
        packages
    }
}

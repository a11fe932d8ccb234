//! From a project to finished builds: images, moment, plan, and one or two runs of the builder.

use super::args::{InputArguments, NetworkMode};
use super::context::Context;
use super::failure::InStep;
use super::project::Project;
use super::{explain, holding, images, moment, narrowed, outside, secrets, store};
use crate::build::event::BuildName;
use crate::build::plan::{Images, Plan};
use crate::build::{
    Agents, BuildError, Builder, Built, Held, KnownLayers, Outside, Request, Secrets,
};
use crate::door::{Door, Lag, Mode};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How far build B is behind build A where both run at the same time: equal clocks must hide nothing.
const LAG: Duration = Duration::from_secs(2);

/// How long a set flag may go unnoticed.
const WAIT_INTERVAL: Duration = Duration::from_millis(50);

/// Everything that a builder needs.
pub(super) struct Prepared {
    pub(super) store: Store,
    pub(super) images: Images,
    pub(super) plan: Plan,
    pub(super) epoch: i64,
    disabled: BTreeSet<String>,
    directories: BTreeMap<String, PathBuf>,
    scratch_memory: Option<u64>,
    layers: KnownLayers,
    secrets: Secrets,
    agents: Agents,
    door: Door,
    held: Held,
}

impl Prepared {
    /// Finds the images and makes the plan.
    pub(super) fn new(
        project: &Project,
        input: &InputArguments,
        (mode, network): (Mode, NetworkMode),
        context: &Context,
    ) -> anyhow::Result<Self> {
        let secrets = secrets::read(&input.secrets, context)?;
        let agents = secrets::agents(&input.agents, context)?;
        let store = context.open_store()?;
        store::pull_for(project, &store, network, context)?;
        narrowed::bring_back(project, &store, input, network, context)?;
        let door = outside::open(project, input, (mode, network), &secrets, &store, context)?;
        let images = images::resolve(project, &store, network, context)?;
        let plan = project.plan(&images)?;
        project.require(&plan, &secrets.ids(), &agents.keys().cloned().collect())?;
        for name in &plan.unused_arguments {
            context.warn(&format!("no ARG declares the build argument `{name}`"));
        }
        let created: Vec<String> =
            images.values().filter_map(|image| image.config.created.clone()).collect();
        let epoch = moment::epoch(
            project.lock.as_ref().map(|lock| lock.epoch),
            context.variable("SOURCE_DATE_EPOCH").as_deref(),
            &created,
            &project.directory,
        )?;
        let held = holding::held(project, &plan)?;
        let disabled = explain::disabled_rules(&input.no_normalize)?;
        Ok(Self {
            store,
            images,
            plan,
            epoch,
            disabled,
            directories: project.directories(),
            layers: KnownLayers::default(),
            scratch_memory: input.scratch_memory.map(|size| size.0),
            secrets,
            agents,
            door,
            held,
        })
    }

    /// Whether layers come in the canonical form that a lock records, no rule switched off.
    pub(super) fn is_canonical(&self) -> bool {
        self.disabled.is_empty()
    }

    /// Builds once.
    pub(super) fn build(
        &self,
        builder: &dyn Builder,
        name: BuildName,
        project: &Project,
        context: &Context,
    ) -> anyhow::Result<Built> {
        let built = self.attempt(builder, name, project, context);
        let built = built.map_err(|error| self.locate(error, project))?;
        // The other build of a check says the same.
        if name != BuildName::B {
            self.warn(&built, project, context);
        }
        Ok(built)
    }

    /// Says what steps found to be probably a mistake, and what could not be read.
    fn warn(&self, built: &Built, project: &Project, context: &Context) {
        for step in built.steps.iter().filter(|step| !step.warnings.is_empty()) {
            let line = self.plan.steps().find(|planned| planned.id == step.id);
            let line = line.map_or(0, |planned| planned.lines.0);
            for warning in &step.warnings {
                context.warn(&format!("{}:{line}: {warning}", project.path.display()));
            }
        }
        built.warnings.iter().for_each(|warning| context.warn(warning));
    }

    /// Puts the failure of a step at its place in the Dockerfile.
    fn locate(&self, error: BuildError, project: &Project) -> anyhow::Error {
        let span_of = |id: &str| self.plan.steps().find(|step| step.id == id).map(|step| step.span);
        InStep::locate(error, &project.path, &project.dockerfile.source, span_of)
    }

    fn attempt(
        &self,
        builder: &dyn Builder,
        name: BuildName,
        project: &Project,
        context: &Context,
    ) -> Result<Built, BuildError> {
        let authority = self.door.authority()?;
        builder.build(&Request {
            plan: &self.plan,
            images: &self.images,
            context: &project.directory,
            dockerfile: &project.file,
            contexts: &self.directories,
            secrets: &self.secrets,
            agents: &self.agents,
            outside: Outside {
                door: &self.door,
                authority: &authority,
                // Of what is recorded now, whatever has expired is to be heard of.
                replays: project.lock.as_ref().is_some_and(|lock| !lock.fetches.is_empty()),
                lag: Lag(if name == BuildName::B { LAG } else { Duration::ZERO }),
                held: &self.held,
            },
            store: &self.store,
            platform: &project.platform,
            epoch: self.epoch,
            name,
            disabled: &self.disabled,
            layers: &self.layers,
            scratch_memory: self.scratch_memory,
            cancelled: context.cancelled(),
            events: context.events(),
        })
    }

    /// Builds twice in varied surroundings, at the same time where `jobs` allows it.
    pub(super) fn build_twice(
        &self,
        builder: &dyn Builder,
        jobs: usize,
        project: &Project,
        context: &Context,
    ) -> anyhow::Result<(Built, Built)> {
        let built = self.attempt_twice(builder, jobs, project, context);
        let (first, second) = built.map_err(|error| self.locate(error, project))?;
        self.warn(&first, project, context);
        Ok((first, second))
    }

    fn attempt_twice(
        &self,
        builder: &dyn Builder,
        jobs: usize,
        project: &Project,
        context: &Context,
    ) -> Result<(Built, Built), BuildError> {
        let build = |name| self.attempt(builder, name, project, context);
        if jobs < 2 {
            let first = build(BuildName::A)?;
            // The clock is another one even where build A took no time.
            wait(LAG.saturating_sub(first.elapsed), context.cancelled());
            return Ok((first, build(BuildName::B)?));
        }
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                wait(LAG, context.cancelled());
                build(BuildName::B)
            });
            let first = build(BuildName::A);
            let second = second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (first, second) {
                // What went wrong first is the cause; the other build was then told to stop.
                (Err(BuildError::Cancelled) | Ok(_), Err(error)) | (Err(error), _) => Err(error),
                (Ok(first), Ok(second)) => Ok((first, second)),
            }
        })
    }
}

/// Waits, unless the other build fails or the user stops both.
fn wait(time: Duration, cancelled: &AtomicBool) {
    let end = Instant::now() + time;
    while !cancelled.load(Ordering::Relaxed) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(WAIT_INTERVAL));
    }
}

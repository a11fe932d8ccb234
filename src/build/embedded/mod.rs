//! The embedded builder: no daemon; steps run in namespaces over an overlay, layers are canonical.

mod context;
pub mod copy;
mod copy_step;
mod held;
mod image;
mod installed;
mod layer;
mod meanwhile;
mod mounted;
mod mounts;
mod network;
mod remote;
mod room;
mod run;
mod stage;
mod tail;
mod trust;
mod users;

pub use copy::CopyError;
pub use held::HeldError;
pub(super) use installed::Bases;
pub use mounts::PointError;
pub use remote::GitError;
pub use trust::TrustError;
pub use users::UserError;

use super::plan::{Base, StagePlan};
use super::{BuildError, Builder, Built, BuiltStep, Guarantees, Request};
use crate::door::Visitor;
use crate::package::Package;
use context::Shared;
use stage::{BuiltStage, Surrounding, build_stage};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Builds in namespaces of this machine's kernel. Needs [`crate::sandbox::enter`] first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embedded;

impl Builder for Embedded {
    fn name(&self) -> String {
        format!("embedded {}", env!("CARGO_PKG_VERSION"))
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees { hermetic_network: true, canonical_layers: true }
    }

    fn build(&self, request: &Request<'_>) -> Result<Built, BuildError> {
        let started = Instant::now();
        let shared = Shared::new(request)?;
        let mut stages = build_stages(request, &shared)?;
        let target = stages.remove(&request.plan.target).ok_or(BuildError::NoSuchBase)?;
        let mut steps: Vec<BuiltStep> = Vec::new();
        for planned in &request.plan.stages {
            match stages.get(&planned.index) {
                Some(stage) => steps.extend_from_slice(&stage.steps),
                None => steps.extend_from_slice(&target.steps),
            }
        }
        let manifest = target.draft.finish(request.store, request.platform, request.epoch)?;
        let (bases, warnings) = base_packages(request, &shared)?;
        Ok(Built { manifest, steps, bases, warnings, elapsed: started.elapsed() })
    }
}

/// The stages that are done, by index; the first error ends all others.
struct Progress {
    done: Mutex<Outcome>,
    changed: Condvar,
}

#[derive(Default)]
struct Outcome {
    stages: BTreeMap<usize, BuiltStage>,
    failure: Option<BuildError>,
}

/// Builds every needed stage, each on a thread that waits for the stages it takes from.
fn build_stages(
    request: &Request<'_>,
    shared: &Shared,
) -> Result<BTreeMap<usize, BuiltStage>, BuildError> {
    let progress = Progress { done: Mutex::new(Outcome::default()), changed: Condvar::new() };
    std::thread::scope(|scope| {
        for planned in &request.plan.stages {
            let progress = &progress;
            scope.spawn(move || progress.build(request, planned, shared));
        }
    });
    let outcome = progress.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    match outcome.failure {
        Some(failure) => Err(failure),
        None => Ok(outcome.stages),
    }
}

impl Progress {
    fn build(&self, request: &Request<'_>, planned: &StagePlan, shared: &Shared) {
        let wanted: Vec<usize> = planned.dependencies().collect();
        let Some(available) = self.wait_for(&wanted) else { return };
        let built = build_stage(request, planned, &available, shared);
        let mut outcome = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        match built {
            Ok(stage) => drop(outcome.stages.insert(planned.index, stage)),
            Err(failure) => {
                // Nobody waits for the result of the other stages, nor of the other build. Whatever
                // fails after that may fail because of it.
                let was_stopped = request.cancelled.swap(true, Ordering::Relaxed);
                let failure = if was_stopped { BuildError::Cancelled } else { failure };
                outcome.failure.get_or_insert(failure);
            }
        }
        self.changed.notify_all();
    }

    /// The wanted stages once all are built; none if another stage failed meanwhile.
    fn wait_for(&self, wanted: &[usize]) -> Option<BTreeMap<usize, BuiltStage>> {
        let mut outcome = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if outcome.failure.is_some() {
                return None;
            }
            let found: BTreeMap<usize, BuiltStage> = wanted
                .iter()
                .filter_map(|index| outcome.stages.get(index).map(|stage| (*index, stage.clone())))
                .collect();
            if wanted.iter().all(|index| found.contains_key(index)) {
                return Some(found);
            }
            outcome = self.changed.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Packages by the reference of their image.
type PackagesByImage = BTreeMap<String, Vec<Package>>;

/// What each image of the request contains, and what of them could not be read.
fn base_packages(
    request: &Request<'_>,
    shared: &Shared,
) -> Result<(PackagesByImage, Vec<String>), BuildError> {
    let nothing = BTreeMap::new();
    let visitor = Visitor::new("");
    let surrounding = Surrounding { request, available: &nothing, shared, visitor: &visitor };
    let (mut packages, mut warnings) = (BTreeMap::new(), Vec::new());
    for reference in request.images.keys() {
        let image = surrounding.base(&Base::Image(reference.clone()))?;
        let installed = request.layers.bases.installed(&image.lowers, &shared.room)?;
        packages.insert(reference.clone(), installed.packages());
        warnings.extend(installed.problems.iter().map(|text| format!("{reference}: {text}")));
    }
    Ok((packages, warnings))
}

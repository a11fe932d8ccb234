//! `rlock lock`: make the lock, or complete it after the Dockerfile changed.

use super::args::{LockArguments, LockMode};
use super::building::Prepared;
use super::context::Context;
use super::locking;
use super::project::Project;
use crate::build::embedded::Embedded;
use crate::build::event::BuildName;
use crate::report::{LockReport, LockState, Status, Timings};
use std::time::Instant;

/// Builds once and pins what was used; pins that still fit are kept.
pub(super) fn run(arguments: &LockArguments, context: &Context) -> anyhow::Result<LockReport> {
    let started = Instant::now();
    locking::require_canonical(&arguments.input)?;
    let project = Project::load(&arguments.input, context)?;
    let state = match arguments.locking.lock_mode() {
        LockMode::Locked => locking::require_fit(&project, LockMode::Locked)?,
        LockMode::Writable => locking::state(&project)?,
    };
    let mut timings = Timings::default();
    let lock = if state == LockState::Current {
        let epoch = project.lock.as_ref().map_or(0, |lock| lock.epoch);
        locking::summary(&project, state, epoch)
    } else {
        let network = arguments.locking.network_mode();
        let prepared = Prepared::new(&project, &arguments.input, network, context)?;
        timings.prepare = started.elapsed();
        let built = prepared.build(&Embedded, BuildName::Only, &project, context)?;
        locking::write(&project, &prepared, &built, None)?
    };
    timings.total = started.elapsed();
    Ok(LockReport { target: project.target(), lock, timings, status: Status::Ok })
}

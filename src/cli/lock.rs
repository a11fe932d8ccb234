//! `rlock lock`: make the lock, or complete it after the Dockerfile changed.

use super::args::{LockArguments, LockMode};
use super::building::Prepared;
use super::context::Context;
use super::project::Project;
use super::{covering, locking, store};
use crate::build::embedded::Embedded;
use crate::build::event::BuildName;
use crate::door::Mode;
use crate::report::{LockReport, LockState, Status, Timings};
use std::time::Instant;

/// Builds once and pins what was used; pins that still fit are kept.
pub(super) fn run(arguments: &LockArguments, context: &Context) -> anyhow::Result<LockReport> {
    let started = Instant::now();
    locking::require_canonical(&arguments.input)?;
    let project = Project::load(&arguments.input, context)?;
    let mode = arguments.locking.lock_mode();
    let state = match mode {
        LockMode::Locked => locking::require_fit(&project, LockMode::Locked)?,
        LockMode::Writable => locking::state(&project)?,
    };
    let mut timings = Timings::default();
    // A source that changed can make steps ask for more, which only a build tells.
    if state == LockState::Current && (mode == LockMode::Locked || !project.takes_context()) {
        let epoch = project.lock.as_ref().map_or(0, |lock| lock.epoch);
        timings.total = started.elapsed();
        return Ok(LockReport {
            target: project.target(),
            lock: locking::summary(&project, state, epoch),
            coverage: None,
            findings: Vec::new(),
            timings,
            status: Status::Ok,
        });
    }
    let network = arguments.locking.network_mode();
    let prepared = Prepared::new(&project, &arguments.input, (Mode::Record, network), context)?;
    timings.prepare = started.elapsed();
    let built = prepared.build(&Embedded, BuildName::Only, &project, context)?;
    let (lock, lockfile) = locking::write(&project, &prepared, &built, None)?;
    let covered = covering::cover(&project, &prepared, &[&built], Some(&lockfile));
    store::push_after(&project, &prepared.store, network, context)?;
    timings.total = started.elapsed();
    let fail_on = arguments.report.fail_on.into();
    Ok(LockReport {
        target: project.target(),
        lock,
        coverage: Some(covered.coverage),
        status: Status::of_findings(&covered.findings, fail_on).and(covered.status),
        findings: covered.findings,
        timings,
    })
}

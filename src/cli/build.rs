//! `rlock build`: build once from the lock, and put the image somewhere.

use super::args::{BuildArguments, ImageTarget, LockMode};
use super::building::Prepared;
use super::context::Context;
use super::project::Project;
use super::{covering, locking, outside, results, store};
use crate::build::Builder as _;
use crate::build::embedded::Embedded;
use crate::build::event::BuildName;
use crate::finding::Severity;
use crate::report::{BuildReport, LockState, Status, Timings};
use crate::store::{Image, docker_archive, layout};
use std::time::Instant;

/// Builds, writes the outputs, and makes a lock if there is none.
pub(super) fn run(arguments: &BuildArguments, context: &Context) -> anyhow::Result<BuildReport> {
    let started = Instant::now();
    let builder = Embedded;
    let mode = arguments.locking.lock_mode();
    let project = Project::load(&arguments.input, context)?;
    let state = locking::require_fit(&project, mode)?;
    let network = arguments.locking.network_mode();
    let prepared =
        Prepared::new(&project, &arguments.input, (outside::mode(&state), network), context)?;
    let prepare = started.elapsed();
    let built = prepared.build(&builder, BuildName::Only, &project, context)?;
    let image = prepared.store.image(&built.manifest)?;
    for target in &arguments.outputs {
        write(&image, target)?;
    }
    let (lock, lockfile) = match state {
        LockState::Missing if mode == LockMode::Writable && prepared.is_canonical() => {
            let (summary, lock) = locking::write(&project, &prepared, &built, None)?;
            (summary, Some(lock))
        }
        state => (locking::summary(&project, state, prepared.epoch), project.lock.clone()),
    };
    let covered = covering::cover(&project, &prepared, &[&built], lockfile.as_ref());
    store::push_after(&project, &prepared.store, network, context)?;
    Ok(BuildReport {
        target: project.target(),
        builder: builder.name(),
        build: results::build(&prepared.store, &built, Vec::new())?,
        outputs: arguments.outputs.iter().map(ToString::to_string).collect(),
        normalised: results::normalised(&built, None),
        lock,
        coverage: Some(covered.coverage),
        status: Status::of_findings(&covered.findings, Severity::Error).and(covered.status),
        findings: covered.findings,
        timings: Timings { prepare, total: started.elapsed(), ..Timings::default() },
    })
}

fn write(image: &Image, target: &ImageTarget) -> anyhow::Result<()> {
    match target {
        ImageTarget::OciLayout { path, tag } => layout::write(image, path, tag.as_deref())?,
        ImageTarget::DockerArchive { path, tag } => {
            docker_archive::write(image, path, tag.as_deref())?;
        }
    }
    Ok(())
}

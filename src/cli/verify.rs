//! `rlock verify`: build once from the lock, and compare with what the lock, or an image, says.

use super::args::{ImageArgument, ImageSource, LockMode, NetworkMode, VerifyArguments};
use super::building::Prepared;
use super::context::Context;
use super::failure::LikeFile;
use super::project::Project;
use super::{blaming, comparing, covering, images, locking, outside, results, store};
use crate::build::embedded::Embedded;
use crate::build::event::BuildName;
use crate::build::{Builder as _, Built};
use crate::diff::Input;
use crate::report::{Against, Status, Timings, VerifyReport};
use std::time::Instant;

/// Builds and compares.
pub(super) fn run(arguments: &VerifyArguments, context: &Context) -> anyhow::Result<VerifyReport> {
    let started = Instant::now();
    let builder = Embedded;
    if arguments.against.is_none() {
        locking::require_canonical(&arguments.input)?;
    }
    let project = Project::load(&arguments.input, context)?;
    let state = locking::require_fit(&project, LockMode::Locked)?;
    let network = if arguments.offline { NetworkMode::Offline } else { NetworkMode::Online };
    let prepared =
        Prepared::new(&project, &arguments.input, (outside::mode(&state), network), context)?;
    let prepare = started.elapsed();
    let built = prepared.build(&builder, BuildName::Only, &project, context)?;

    let compared = Instant::now();
    let rows = results::steps(&project, &prepared, &built)?;
    let against = match &arguments.against {
        Some(image) => against_image(image, &prepared, &project, &built, network, context)?,
        None => Outcome { against: Against::Lock, comparison: None },
    };
    let mut findings = match &against.comparison {
        Some(comparison) => comparison.findings.clone(),
        None => results::lock_findings(&rows),
    };
    store::push_after(&project, &prepared.store, network, context)?;
    let recorded = project.recorded_image();
    if arguments.against.is_none() && findings.is_empty() {
        findings.extend(results::result_finding(recorded, built.manifest));
    }
    let covered = covering::cover(&project, &prepared, &[&built], project.lock.as_ref());
    findings.extend(covered.findings);
    let fail_on = arguments.report.fail_on.into();
    let status = match &against.comparison {
        Some(comparison) => comparing::status(&comparison.summary, &findings, fail_on),
        None => Status::of_findings(&findings, fail_on),
    };
    Ok(VerifyReport {
        target: project.target(),
        builder: builder.name(),
        against: against.against,
        build: results::build(&prepared.store, &built, Vec::new())?,
        recorded,
        steps: rows,
        comparison: against.comparison.map(|comparison| comparison.summary),
        findings,
        normalised: results::normalised(&built, None),
        clamped: results::clamped(&built),
        lock: locking::summary(&project, state, prepared.epoch),
        coverage: Some(covered.coverage),
        guarantees: results::guarantees(&builder, &prepared),
        timings: Timings { prepare, compare: compared.elapsed(), total: started.elapsed() },
        status: status.and(covered.status),
    })
}

struct Outcome {
    against: Against,
    comparison: Option<comparing::Compared>,
}

fn against_image(
    argument: &ImageArgument,
    prepared: &Prepared,
    project: &Project,
    built: &Built,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let image = match &argument.source {
        ImageSource::Registry(reference) => {
            images::pull(reference, &project.platform, &prepared.store, network, context)
                .map_err(|error| LikeFile::suspect(argument, error))?
        }
        source => images::open(source, &project.platform)?,
    };
    let ours = prepared.store.image(&built.manifest)?;
    let blame = blaming::of_build(prepared, project, (built, &ours), &image);
    let comparison = comparing::inputs(Input::Image(&ours), Input::Image(&image), &blame, context)?;
    let against = Against::Image { name: argument.text.clone(), manifest: image.manifest_digest };
    Ok(Outcome { against, comparison: Some(comparison) })
}

//! `rlock check`: build twice, compare file by file, say why they differ, pin what was used.

use super::args::CheckArguments;
use super::building::Prepared;
use super::context::Context;
use super::project::Project;
use super::{comparing, covering, lifecycle, locking, outside, results, store};
use crate::build::Builder as _;
use crate::build::embedded::Embedded;
use crate::report::{CheckReport, LockState, NormalisedFile, Status, Timings, Verdict};
use std::time::Instant;

/// The route of data, as in ARCHITECTURE.md.
pub(super) fn run(arguments: &CheckArguments, context: &Context) -> anyhow::Result<CheckReport> {
    let started = Instant::now();
    let builder = Embedded;
    let mode = arguments.locking.lock_mode();
    let project = Project::load(&arguments.input, context)?;
    let state = locking::require_fit(&project, mode)?;
    let network = arguments.locking.network_mode();
    let prepared =
        Prepared::new(&project, &arguments.input, (outside::mode(&state), network), context)?;
    let prepare = started.elapsed();

    let jobs = super::jobs(arguments.input.jobs);
    let (first, second) = prepared.build_twice(&builder, jobs, &project, context)?;

    let compared = Instant::now();
    let comparison = comparing::builds(&prepared, &project, &first, &second, context)?;
    let normalised = results::normalised(&first, Some(&second));
    let rows = results::steps(&project, &prepared, &first)?;
    let mut findings = comparison.findings;
    findings.extend(results::lock_findings(&rows));

    let verdict = verdict(first.manifest == second.manifest, &normalised);
    let (lock, lockfile) = match state {
        LockState::Missing if prepared.is_canonical() => {
            let (summary, lock) = locking::write(&project, &prepared, &first, Some(&second))?;
            (summary, Some(lock))
        }
        state => (locking::summary(&project, state, prepared.epoch), project.lock.clone()),
    };
    store::push_after(&project, &prepared.store, network, context)?;
    let covered = covering::cover(&project, &prepared, &[&first, &second], lockfile.as_ref());
    findings.extend(covered.findings);
    findings.extend(lifecycle::findings(&project, lockfile.as_ref())?);
    // Whatever the findings weigh: two images are not one.
    let status = match verdict {
        Verdict::Different => Status::Findings,
        _ => Status::of_findings(&findings, arguments.report.fail_on.into()),
    };
    Ok(CheckReport {
        target: project.target(),
        builder: builder.name(),
        verdict,
        builds: [
            results::build(&prepared.store, &first, Vec::new())?,
            results::build(&prepared.store, &second, results::varied())?,
        ],
        comparison: comparison.summary,
        findings,
        normalised,
        clamped: results::clamped(&first),
        steps: rows,
        lock,
        coverage: Some(covered.coverage),
        guarantees: results::guarantees(&builder, &prepared),
        timings: Timings { prepare, compare: compared.elapsed(), total: started.elapsed() },
        status: status.and(covered.status),
    })
}

fn verdict(identical: bool, normalised: &[NormalisedFile]) -> Verdict {
    match (identical, normalised.iter().any(|file| file.differed)) {
        (false, _) => Verdict::Different,
        (true, true) => Verdict::IdenticalAfterNormalisers,
        (true, false) => Verdict::IdenticalAsBuilt,
    }
}

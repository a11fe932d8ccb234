//! Two images side by side: the difference, its causes, and both as a report shows them.

use super::blaming;
use super::building::Prepared;
use super::context::Context;
use super::project::Project;
use crate::build::Built;
use crate::cause::{self, Blame};
use crate::diff::{self, Input, Options};
use crate::finding::{Finding, Severity};
use crate::report::{Comparison, FileRow, Status};
use crate::sandbox::Surroundings;

/// What a comparison found.
pub(super) struct Compared {
    pub(super) summary: Comparison,
    pub(super) findings: Vec<Finding>,
    pub(super) files: Vec<FileRow>,
}

/// Compares the two builds of a check. Equal digests are equal images: nothing is read then.
pub(super) fn builds(
    prepared: &Prepared,
    project: &Project,
    first: &Built,
    second: &Built,
    context: &Context,
) -> anyhow::Result<Compared> {
    let left = prepared.store.image(&first.manifest)?;
    let right = prepared.store.image(&second.manifest)?;
    let blame = blaming::of_builds(prepared, project, (first, &left), (second, &right))
        .with_surroundings(varied());
    let mut compared = inputs(Input::Image(&left), Input::Image(&right), &blame, context)?;
    let entries = first.steps.iter().map(|step| step.entries).sum();
    compared.summary.files_compared = compared.summary.files_compared.max(entries);
    Ok(compared)
}

/// What the surroundings of the two builds had different and a step can write down.
fn varied() -> Vec<(Vec<u8>, Vec<u8>)> {
    let (first, varied) = (Surroundings::first(), Surroundings::varied());
    let available = super::processors();
    let count = |surroundings: &Surroundings| surroundings.processors.count(available).to_string();
    let processors = (count(&first).into_bytes(), count(&varied).into_bytes());
    vec![(first.hostname.into_bytes(), varied.hostname.into_bytes()), processors]
}

/// Compares any two images or directories.
pub(super) fn inputs(
    left: Input<'_>,
    right: Input<'_>,
    blame: &Blame,
    context: &Context,
) -> anyhow::Result<Compared> {
    // It only reads.
    let compare = || diff::compare(left, right, &Options::default());
    let difference = context.ended_at_once(compare)?;
    Ok(Compared {
        findings: cause::explain(&difference, blame),
        summary: Comparison::of(&difference),
        files: difference.files.iter().map(FileRow::of).collect(),
    })
}

/// How a comparison ends: as diff(1), with findings where anything but the encoding differs.
pub(super) fn status(summary: &Comparison, findings: &[Finding], fail_on: Severity) -> Status {
    if summary.files_different > 0 || !summary.config.is_empty() {
        return Status::Findings;
    }
    Status::of_findings(findings, fail_on)
}

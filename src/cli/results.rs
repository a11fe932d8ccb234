//! From what a builder did to the values of a report.

use super::building::Prepared;
use super::covering;
use super::project::Project;
use crate::build::plan::Step;
use crate::build::{Builder, Built, BuiltStep};
use crate::finding::{Cause, Finding, Severity};
use crate::normalize::Normalized;
use crate::oci::Digest;
use crate::report::{BuildResult, Guarantee, NormalisedFile, StepRow};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// One build as a report shows it.
pub(super) fn build(
    store: &Store,
    built: &Built,
    varied: Vec<String>,
) -> anyhow::Result<BuildResult> {
    let image = store.image(&built.manifest)?;
    Ok(BuildResult {
        manifest: built.manifest,
        layers: image.config.rootfs.diff_ids,
        varied,
        elapsed: built.elapsed,
    })
}

/// What build B has otherwise than build A.
pub(super) fn varied() -> Vec<String> {
    let mut varied = vec!["host name", "processors", "address layout", "time"];
    // One processor cannot be less.
    varied.retain(|what| *what != "processors" || super::processors() > 1);
    varied.into_iter().map(str::to_owned).collect()
}

/// What the normalisers did in one build, or in two of the same plan: sorted, each file once.
pub(super) fn normalised(first: &Built, second: Option<&Built>) -> Vec<NormalisedFile> {
    let Some(second) = second else {
        let files: BTreeSet<NormalisedFile> =
            uses(first).into_keys().map(|(rule, path)| file(rule, &path, false)).collect();
        return files.into_iter().collect();
    };
    let (left, right) = (uses(first), uses(second));
    let all: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    all.into_iter().map(|key| file(key.0, &key.1, left.get(key) != right.get(key))).collect()
}

fn file(rule: &str, path: &[u8], differed: bool) -> NormalisedFile {
    let path = [b"/", path].concat();
    NormalisedFile { rule: rule.to_owned(), path, differed }
}

/// The contents, step by step, that a rule took away from a path.
fn uses(built: &Built) -> BTreeMap<(&'static str, Vec<u8>), Vec<Digest>> {
    let mut uses: BTreeMap<_, Vec<Digest>> = BTreeMap::new();
    for Normalized { rule, path, before } in built.steps.iter().flat_map(|step| &step.normalized) {
        uses.entry((*rule, path.clone())).or_default().push(*before);
    }
    uses
}

/// Entries whose time was set back to the epoch.
pub(super) fn clamped(built: &Built) -> u64 {
    built.steps.iter().map(|step| step.clamped).sum()
}

/// Closed steps, with the layer that the lock records and the one that was built. Layers in another
/// form than the lock's are not compared.
pub(super) fn steps(
    project: &Project,
    prepared: &Prepared,
    built: &Built,
) -> anyhow::Result<Vec<StepRow>> {
    let wanted = project.wanted()?;
    let lock = project.lock.as_ref().filter(|_| prepared.is_canonical());
    let locked = lock.map(|lock| lock.matching_steps(&wanted)).unwrap_or_default();
    // A step keeps its name in the lock when others are added before it: inputs tell which is which.
    let recorded: BTreeMap<&str, Digest> = wanted
        .steps
        .iter()
        .zip(locked)
        .filter_map(|(step, locked)| Some((step.id.as_str(), locked?.layer?)))
        .collect();
    let layers: BTreeMap<&str, Option<Digest>> =
        built.steps.iter().map(|BuiltStep { id, layer, .. }| (id.as_str(), *layer)).collect();
    let row = |step: &Step| StepRow {
        id: step.id.clone(),
        location: Some(project.location(step)),
        recorded: recorded.get(step.id.as_str()).copied(),
        built: layers.get(step.id.as_str()).copied().flatten(),
    };
    let rows = prepared.plan.steps().filter(|step| step.closed).map(row);
    Ok(rows.filter(|row| row.recorded.is_some() || row.built.is_some()).collect())
}

/// The first step of each chain whose layer is not the recorded one.
pub(super) fn lock_findings(rows: &[StepRow]) -> Vec<Finding> {
    let cause = Cause::named("locked-layer");
    let first = rows.iter().find(|row| row.differs());
    let finding = |row: &StepRow| {
        let shown = |digest: Option<Digest>| digest.map_or("no layer".to_owned(), |d| d.short());
        Finding {
            cause,
            severity: Severity::Error,
            message: format!(
                "step {} gives {}, the lock has {}",
                row.id,
                shown(row.built),
                shown(row.recorded)
            ),
            location: row.location.clone(),
            hint: None,
            paths: Vec::new(),
        }
    };
    first.map(finding).into_iter().collect()
}

/// Another image than the recorded one, though every layer is the recorded one: its config differs.
pub(super) fn result_finding(recorded: Option<Digest>, built: Digest) -> Option<Finding> {
    let recorded = recorded.filter(|recorded| *recorded != built)?;
    Some(Finding {
        cause: Cause::named("locked-layer"),
        severity: Severity::Error,
        message: format!("the image is {}, the lock has {}", built.short(), recorded.short()),
        location: None,
        hint: None,
        paths: Vec::new(),
    })
}

/// What the builder promises, in words.
pub(super) fn guarantees(builder: &dyn Builder, prepared: &Prepared) -> Vec<Guarantee> {
    let guarantees = builder.guarantees();
    let hermetic = guarantees.hermetic_network && covering::is_hermetic(prepared);
    let guarantee = |id: &str, holds: bool, yes: &str, no: &str| Guarantee {
        id: id.to_owned(),
        holds,
        text: if holds { yes } else { no }.to_owned(),
    };
    vec![
        guarantee(
            "hermetic-network",
            hermetic,
            "RUN steps reach only what is recorded",
            "a RUN step shares the host's network: what it fetches is not recorded",
        ),
        guarantee(
            "canonical-layers",
            guarantees.canonical_layers,
            "a layer is a function of its files",
            "layers depend on the builder's encoding",
        ),
    ]
}

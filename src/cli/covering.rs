//! What the steps asked of the outside: pinned for the lock, and counted for the report.

use super::building::Prepared;
use super::project::Project;
use crate::build::plan::{Action, Step};
use crate::build::{Built, BuiltStep};
use crate::dockerfile::Network;
use crate::door::Exchange;
use crate::finding::Finding;
use crate::lock::Lockfile;
use crate::package;
use crate::pin::{self, PinnedExchange};
use crate::report::coverage::{self, Covered, StepTraffic};
use crate::store::Store;
use std::collections::BTreeSet;
use std::fs::File;

/// What the builds asked, against what the lock holds now. What shares the host's network is a
/// finding of its own.
pub(super) fn cover(
    project: &Project,
    prepared: &Prepared,
    builds: &[&Built],
    lock: Option<&Lockfile>,
) -> Covered {
    let locked: BTreeSet<_> =
        lock.map(pin::exchanges).unwrap_or_default().into_iter().map(|it| it.key).collect();
    let place = |id: &str| {
        let step = prepared.plan.steps().find(|step| step.id == id);
        step.map(|step| project.location(step))
    };
    let steps: Vec<StepTraffic<'_>> = builds
        .iter()
        .flat_map(|built| &built.steps)
        .map(|BuiltStep { id, traffic, .. }| StepTraffic { step: id, location: place(id), traffic })
        .collect();
    let mut covered = coverage::cover(&steps, &|key| locked.contains(key));
    covered.findings.extend(open_networks(project, prepared));
    covered
}

/// Steps that the host's network is open to.
fn open_networks(project: &Project, prepared: &Prepared) -> Vec<Finding> {
    let steps = prepared.plan.steps().filter(|step| is_open(step));
    steps.map(|step| coverage::not_hermetic(&step.id, Some(project.location(step)))).collect()
}

/// Whether nothing reaches a step but what is recorded.
pub(super) fn is_hermetic(prepared: &Prepared) -> bool {
    !prepared.plan.steps().any(is_open)
}

fn is_open(step: &Step) -> bool {
    matches!(&step.action, Action::Run(run) if run.network == Network::Host)
}

/// What a step used in any of the builds, with what of it is a package.
pub(super) fn exchanges(step: &str, builds: &[&Built], store: &Store) -> Vec<PinnedExchange> {
    let mut seen = BTreeSet::new();
    builds
        .iter()
        .flat_map(|built| &built.steps)
        .filter(|built| built.id == step)
        .flat_map(|built| pin::recorded(&built.traffic))
        .filter(|exchange| seen.insert(exchange.key.clone()))
        .map(|exchange| {
            let package = if pin::is_plain(exchange) { identify(exchange, store) } else { None };
            PinnedExchange { exchange: exchange.clone(), package }
        })
        .collect()
}

/// The package that a body is. What starts as one and is none is a file like any other.
fn identify(exchange: &Exchange, store: &Store) -> Option<package::PackageFile> {
    // Only looked into: what a package is built from, or installed, was verified on its way.
    let body = File::open(store.blob_path(&exchange.content.digest)).ok()?;
    match package::identify(body) {
        Ok(package) => package,
        Err(error) => {
            tracing::debug!(url = exchange.key.url, %error, "not a package");
            None
        }
    }
}

//! `rlock lock --verify`: is each entry of the lock what signed metadata says?
//!
//! Builds nothing, runs nothing of the project's, follows no URL of the lock. What it reads: the lock,
//! the Dockerfile and rlock.toml beside it, the Store, and, through git, the base branch.

mod base;
mod keys;
mod rows;

use super::args::{LockArguments, NetworkMode};
use super::context::Context;
use super::failure::{InLockfile, StaleLock};
use super::project::{Project, read_at_most};
use super::store;
use crate::finding::{Finding, Severity};
use crate::index::proof::{self, Body, Evidence};
use crate::lock::{self, Lines, Lockfile};
use crate::oci::Digest;
use crate::report::{LockState, ProofReport, ProofRow, ProofVerdict, Status, Trust};
use crate::store::{Store, StoreError};
use base::Base;
use std::collections::BTreeMap;
use std::time::Instant;

/// Bytes of an index or package file that is read.
const BODY_MAX: u64 = 2 << 30;

/// Proves the lock, as far as that goes.
pub(super) fn run(arguments: &LockArguments, context: &Context) -> anyhow::Result<ProofReport> {
    let started = Instant::now();
    let project = Project::load(&arguments.input, context)?;
    let path = project.lock_path.clone();
    let Some(_) = &project.lock else {
        let (dockerfile, state) = (project.path.clone(), LockState::Missing);
        return Err(StaleLock { path, dockerfile, state }.into());
    };
    // Read once more for its lines; what counts is what is read here.
    let text = read_at_most(&path, lock::SIZE_MAX)?;
    let lock = Lockfile::parse(&text).map_err(|error| InLockfile { path: path.clone(), error })?;
    let base = Base::find(arguments.base.as_deref(), &path, context)?;
    let store = context.open_store()?;
    if arguments.pull {
        store::pull_for(&project, &store, NetworkMode::Online, context)?;
    }
    let Judged { rows, keys, notes } =
        judge(&project, (&lock, &Lines::of(&text)), base.as_ref(), &store)?;
    let findings = rows::findings(&rows, &path);
    let status = rows.iter().fold(Status::Ok, |status, (row, matters)| {
        status.and(match row.verdict {
            ProofVerdict::Poisoned => Status::Integrity,
            _ if *matters => Status::Undetermined,
            _ => Status::Ok,
        })
    });
    Ok(ProofReport {
        lock: path,
        base: base.map(|base| base.name),
        keys,
        rows: rows.into_iter().map(|(row, _)| row).collect(),
        notes,
        findings,
        elapsed: started.elapsed(),
        status,
    })
}

/// What is said of each entry, and whether that leaves something open.
struct Judged {
    rows: Vec<(ProofRow, bool)>,
    keys: usize,
    notes: Vec<String>,
}

fn judge(
    project: &Project,
    (lock, lines): (&Lockfile, &Lines),
    base: Option<&Base>,
    store: &Store,
) -> anyhow::Result<Judged> {
    let mut notes = Vec::new();
    let keys = keys::collect(project, lock, base, store, &mut notes)?;
    let damaged = damaged(lock, store)?;
    let evidence = Evidence {
        lock,
        base: base.map(|base| &base.lock),
        bodies: &|digest| body(digest, store, &damaged),
        keyring: &keys.openpgp,
        apk_keys: &keys.apk,
    };
    let rows = rows::rows(lock, lines, proof::prove(&evidence), &damaged);
    Ok(Judged { rows, keys: keys.openpgp.len() + keys.apk.len(), notes })
}

/// What would be said of the project's lock with that base: a file, or `REV:PATH`.
pub(super) fn trust(
    project: &Project,
    lock: &Lockfile,
    base: Option<&str>,
    store: &Store,
    context: &Context,
) -> anyhow::Result<(Trust, Vec<Finding>)> {
    let find = |base| Base::find(Some(base), &project.lock_path, context);
    let base = base.map(find).transpose()?.flatten();
    let judged = judge(project, (lock, &Lines::of(b"")), base.as_ref(), store)?;
    let mut findings = rows::findings(&judged.rows, &project.lock_path);
    findings.retain(|finding| finding.severity == Severity::Error);
    // Without its text the lines of the lock are not known.
    for finding in &mut findings {
        finding.location = None;
    }
    let rows = judged.rows.into_iter().map(|(row, _)| row).collect();
    Ok((Trust { rows, notes: judged.notes }, findings))
}

/// Content of packages and fetches that the Store has under a wrong name, and what is wrong.
fn damaged(lock: &Lockfile, store: &Store) -> anyhow::Result<BTreeMap<Digest, String>> {
    let packages = lock.packages.iter().filter_map(|package| package.sha256);
    let mut digests: Vec<Digest> =
        packages.chain(lock.fetches.iter().map(|fetch| fetch.sha256)).collect();
    digests.sort();
    digests.dedup();
    digests.retain(|digest| store.contains(digest));
    let damaged = store.find_damaged(&digests, &|_| {})?;
    let named = damaged
        .into_iter()
        .map(|it| (it.digest, format!("what the Store has of it is damaged: {}", it.problem)));
    Ok(named.collect())
}

fn body(digest: &Digest, store: &Store, damaged: &BTreeMap<Digest, String>) -> Body {
    if let Some(problem) = damaged.get(digest) {
        return Body::Damaged(problem.clone());
    }
    match store.read_blob(digest, BODY_MAX) {
        Ok(bytes) => Body::There(bytes),
        Err(StoreError::Missing { .. }) => Body::Missing,
        Err(error) if error.is_integrity() => Body::Damaged(error.to_string()),
        Err(error) => {
            tracing::debug!(%digest, %error, "content cannot be read");
            Body::Missing
        }
    }
}

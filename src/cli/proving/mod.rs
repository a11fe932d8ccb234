//! `rlock lock --verify`: is each entry of the lock what signed metadata says?
//!
//! Builds nothing, runs nothing of the project's, follows no URL of the lock. What it reads: the lock,
//! the Dockerfile and rlock.toml beside it, the Store, and, through git, the base branch.

mod base;
mod bound;
mod keys;
mod layers;
mod pins;
mod rows;
mod yum;

use super::args::{LockArguments, NetworkMode};
use super::context::Context;
use super::failure::{InLockfile, StaleLock};
use super::listing;
use super::project::{Project, read_at_most};
use super::store;
use crate::finding::{Finding, Severity};
use crate::index::proof::{self, Body, Evidence, Proof};
use crate::lock::{self, Lines, Lockfile};
use crate::oci::Digest;
use crate::report::{LockState, ProofReport, ProofRow, ProofVerdict, Status, Trust};
use crate::store::{Store, StoreError};
pub(super) use base::Believed;

use base::Base;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Bytes of an index or package file that is read.
const BODY_MAX: u64 = 2 << 30;

/// How much of what the Store has is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// All that the lock names, and whole.
    All,
    /// What the base lock does not have. Of a layer that was read before, its keys are known.
    Moved,
}

/// What is not said where not all is read.
const NOT_READ: &str = "content that did not move was not hashed again, nor were layers of images \
                        whose keys are known: `rlock lock --verify` hashes all";

/// Proves the lock, as far as that goes.
pub(super) fn run(arguments: &LockArguments, context: &Context) -> anyhow::Result<ProofReport> {
    let started = Instant::now();
    let mut project = Project::load(&arguments.input, context)?;
    let path = project.lock_path.clone();
    let Some(_) = &project.lock else {
        let (dockerfile, state) = (project.path.clone(), LockState::Missing);
        return Err(StaleLock { path, dockerfile, state }.into());
    };
    // Read once more for its lines; what counts is what is read here.
    let text = read_at_most(&path, lock::SIZE_MAX)?;
    let lock = Lockfile::parse(&text).map_err(|error| InLockfile { path: path.clone(), error })?;
    let base = Base::find(Believed::Named(arguments.base.as_deref()), &path, context)?;
    let store = context.open_store()?;
    if arguments.pull {
        // Whom to ask is not for the change to say.
        if let Some(settings) = base.as_ref().map(Base::settings).transpose()?.flatten() {
            project.settings.store = settings.store;
        }
        store::pull_for(&project, &store, NetworkMode::Online, context)?;
    }
    let Judged { rows, keys, notes } =
        judge(&project, (&lock, &Lines::of(&text)), base.as_ref(), (&store, Reading::All))?;
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
    (store, reading): (&Store, Reading),
) -> anyhow::Result<Judged> {
    // What is damaged is found by hashing all of it; what is needed to prove is hashed as it is read.
    let (proven, damaged) = rayon::join(
        || Proven::of(project, lock, base, (store, reading)),
        || damaged(&named(lock, base.filter(|_| reading == Reading::Moved)), store),
    );
    let Proven { proofs, keys, notes } = proven?;
    Ok(Judged { rows: rows::rows(lock, lines, proofs, &damaged?), keys, notes })
}

/// What signed metadata says of the entries.
struct Proven {
    proofs: Vec<Proof>,
    keys: usize,
    notes: Vec<String>,
}

impl Proven {
    fn of(
        project: &Project,
        lock: &Lockfile,
        base: Option<&Base>,
        (store, reading): (&Store, Reading),
    ) -> anyhow::Result<Self> {
        let mut notes = Vec::new();
        let (keys, ()) = rayon::join(
            || keys::collect(project, lock, base, (store, reading), &mut notes),
            || listing::keep(lock, store),
        );
        let keys = keys?;
        notes.extend(bound::notes(lock, &keys.bindings));
        let before = base.and_then(|base| base.lock.as_ref());
        notes.extend(before.map(|before| proof::moment(lock, before)).unwrap_or_default());
        let pins = pins::of(base, &project.directory, &mut notes);
        let proofs = proof::prove(&Evidence {
            lock,
            base: before,
            bodies: &|digest| body(digest, store),
            keyring: &keys.openpgp,
            apk_keys: &keys.apk,
            bindings: &keys.bindings,
            pins: &pins,
        });
        Ok(Self { proofs, keys: keys.openpgp.len() + keys.apk.len(), notes })
    }
}

/// What would be said of the project's lock with that base, a file or `REV:PATH`, if what is in both
/// is what it was.
pub(super) fn trust(
    project: &Project,
    lock: &Lockfile,
    base: Option<Believed<'_>>,
    store: &Store,
    context: &Context,
) -> anyhow::Result<(Trust, Vec<Finding>)> {
    let find = |base| Base::find(base, &project.lock_path, context);
    let base = base.map(find).transpose()?.flatten();
    let lines = Lines::of(b"");
    let mut judged = judge(project, (lock, &lines), base.as_ref(), (store, Reading::Moved))?;
    judged.notes.push(NOT_READ.to_owned());
    let mut findings = rows::findings(&judged.rows, &project.lock_path);
    findings.retain(|finding| finding.severity == Severity::Error);
    // Without its text the lines of the lock are not known.
    for finding in &mut findings {
        finding.location = None;
    }
    let rows = judged.rows.into_iter().map(|(row, _)| row).collect();
    Ok((Trust { rows, notes: judged.notes }, findings))
}

/// Content of packages and fetches of a lock, without that of the other.
fn named(lock: &Lockfile, without: Option<&Base>) -> BTreeSet<Digest> {
    fn all(lock: &Lockfile) -> impl Iterator<Item = Digest> {
        let packages = lock.packages.iter().filter_map(|package| package.sha256);
        packages.chain(lock.fetches.iter().map(|fetch| fetch.sha256))
    }
    let without: BTreeSet<Digest> =
        without.iter().filter_map(|it| it.lock.as_ref()).flat_map(all).collect();
    all(lock).filter(|digest| !without.contains(digest)).collect()
}

/// What of it the Store has under a wrong name, and what is wrong.
fn damaged(digests: &BTreeSet<Digest>, store: &Store) -> anyhow::Result<BTreeMap<Digest, String>> {
    let digests: Vec<Digest> =
        digests.iter().filter(|digest| store.contains(digest)).copied().collect();
    let damaged = store.find_damaged(&digests, &|_| {})?;
    Ok(damaged.into_iter().map(|it| (it.digest, is_damaged(it.problem))).collect())
}

fn is_damaged(problem: impl std::fmt::Display) -> String {
    format!("what the Store has of it is damaged: {problem}")
}

fn body(digest: &Digest, store: &Store) -> Body {
    match store.read_blob(digest, BODY_MAX) {
        Ok(bytes) => Body::There(bytes),
        Err(StoreError::Missing { .. }) => Body::Missing,
        Err(error) if error.is_integrity() => Body::Damaged(is_damaged(error)),
        Err(error) => {
            tracing::debug!(%digest, %error, "content cannot be read");
            Body::Missing
        }
    }
}

//! The lockfile on disk: does it fit, what is in it, and writing it.

use super::args::{InputArguments, LockMode};
use super::building::Prepared;
use super::covering;
use super::failure::{Misuse, StaleLock, Unwritable};
use super::project::Project;
use crate::build::{Built, BuiltStep};
use crate::lock::{self, Lockfile};
use crate::pin::{self, PinInput, PinnedImage, PinnedStage, PinnedStep};
use crate::report::{LockState, LockSummary, Misfit};
use rustix::fs::{AtFlags, CWD, linkat};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

/// Whether the lock fits. A lock that does not is an error where it must be used: what it pins is
/// not what the Dockerfile asks for.
pub(super) fn require_fit(project: &Project, mode: LockMode) -> anyhow::Result<LockState> {
    let state = state(project)?;
    match (&state, mode) {
        (LockState::Stale(_), _) | (LockState::Missing, LockMode::Locked) => {
            let path = project.lock_path.clone();
            Err(StaleLock { path, dockerfile: project.path.clone(), state }.into())
        }
        _ => Ok(state),
    }
}

/// Refuses `--no-normalize` where layers are compared with a lock or recorded in it.
pub(super) fn require_canonical(input: &InputArguments) -> anyhow::Result<()> {
    if input.no_normalize.is_empty() {
        return Ok(());
    }
    Err(Misuse {
        message: "a lock records layers in the canonical form, which --no-normalize gives up"
            .into(),
        hint: "`rlock check --no-normalize RULE` shows what a rule does".into(),
    }
    .into())
}

/// Whether there is a lock, and whether it fits.
pub(super) fn state(project: &Project) -> anyhow::Result<LockState> {
    let Some(lock) = &project.lock else { return Ok(LockState::Missing) };
    let misfits = lock.fit(&project.wanted()?);
    if misfits.is_empty() {
        return Ok(LockState::Current);
    }
    let misfit = |misfit: &lock::Misfit| Misfit { line: misfit.line(), reason: misfit.to_string() };
    Ok(LockState::Stale(misfits.iter().map(misfit).collect()))
}

/// Counts of the lock on disk, or of nothing.
pub(super) fn summary(project: &Project, state: LockState, epoch: i64) -> LockSummary {
    summary_of(&project.lock_path, project.lock.as_ref(), state, epoch)
}

fn summary_of(path: &Path, lock: Option<&Lockfile>, state: LockState, epoch: i64) -> LockSummary {
    let count = |count: fn(&Lockfile) -> usize| lock.map_or(0, count) as u64;
    LockSummary {
        path: path.to_owned(),
        state,
        images: count(|lock| lock.images.len()),
        packages: count(|lock| lock.packages.len()),
        fetches: count(|lock| lock.fetches.len()),
        steps: count(|lock| lock.steps.len()),
        layers: count(|lock| lock.steps.iter().filter(|step| step.layer.is_some()).count()),
        epoch: lock.map_or(epoch, |lock| lock.epoch),
    }
}

/// Pins what `built` used and writes the lock. Where there are two builds, only layers and an image
/// that both gave are recorded.
pub(super) fn write(
    project: &Project,
    prepared: &Prepared,
    built: &Built,
    second: Option<&Built>,
) -> anyhow::Result<(LockSummary, Lockfile)> {
    let lock = pin(project, prepared, built, second, &BTreeSet::new())?;
    let summary = put(project, &lock, prepared.epoch)?;
    Ok((summary, lock))
}

/// Writes a lock to its place.
pub(super) fn put(project: &Project, lock: &Lockfile, epoch: i64) -> anyhow::Result<LockSummary> {
    let text = lock.write();
    let before = std::fs::read_to_string(&project.lock_path).ok();
    let state = match &before {
        Some(before) if *before == text => LockState::Current,
        Some(_) => LockState::Updated,
        None => LockState::Written,
    };
    if state != LockState::Current {
        replace(&project.lock_path, text.as_bytes())
            .map_err(|source| Unwritable { path: project.lock_path.clone(), source })?;
    }
    Ok(summary_of(&project.lock_path, Some(lock), state, epoch))
}

/// A reader sees the old file or the new one, never a part.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Without the name of the temporary file, which says nothing to anybody.
    let nameless = |error: io::Error| io::Error::from(error.kind());
    // It has a name only when it is whole and on the disk: what is killed before leaves nothing.
    let mut file = tempfile::tempfile_in(directory).map_err(nameless)?;
    fill(&mut file, content)?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |name: &Path| Ok(linkat(CWD, &*unnamed, CWD, name, AtFlags::SYMLINK_FOLLOW)?);
    let mut names = tempfile::Builder::new();
    let named = names.prefix(".rlock-");
    if let Ok(linked) = named.make_in(directory, link) {
        linked.persist(path)?;
        return Ok(());
    }
    // Not every file system has files without names.
    let mut file = named.tempfile_in(directory).map_err(nameless)?;
    fill(file.as_file_mut(), content)?;
    file.persist(path)?;
    Ok(())
}

fn fill(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.sync_all()
}

/// What was used, as a lock. `moving` are the steps whose pins an update moves.
pub(super) fn pin(
    project: &Project,
    prepared: &Prepared,
    built: &Built,
    second: Option<&Built>,
    moving: &BTreeSet<String>,
) -> anyhow::Result<Lockfile> {
    let mut images = Vec::new();
    for (reference, image) in &prepared.images {
        images.push(PinnedImage {
            reference: reference.parse()?,
            index: image.index,
            manifest: image.manifest_digest,
            packages: built.bases.get(reference).cloned().unwrap_or_default(),
        });
    }
    let agreed = |step: &BuiltStep| {
        let other = second.and_then(|second| second.steps.iter().find(|other| other.id == step.id));
        second.is_none() || other.is_some_and(|other| other.layer == step.layer)
    };
    let builds: Vec<&Built> = std::iter::once(built).chain(second).collect();
    let done: BTreeMap<&str, &BuiltStep> =
        built.steps.iter().map(|step| (step.id.as_str(), step)).collect();
    // What the base image's triggers do is pinned by the image's digest.
    let own = prepared.plan.steps().filter(|step| !step.triggered);
    let steps = own.filter_map(|step| {
        let done = done.get(step.id.as_str())?;
        let change = done.packages.clone().unwrap_or_default();
        let normalized =
            done.normalized.iter().map(|used| (used.rule.to_owned(), used.path.clone()));
        Some(PinnedStep {
            id: step.id.clone(),
            input: step.input,
            words: pin::words(&step.script),
            packages_before: change.before,
            packages_after: change.after,
            closed: step.closed,
            layer: done.layer.filter(|_| step.closed && agreed(done)),
            normalized: normalized.collect(),
            exchanges: covering::exchanges(&step.id, &builds, &prepared.store),
        })
    });
    let steps = steps.collect();
    let stages = project.stages().into_iter();
    let triggered = |stage: &str| -> Vec<_> {
        let steps = prepared.plan.steps().filter(|step| step.triggered);
        let steps = steps.filter(|step| lock::stage_of(&step.id) == stage);
        steps.flat_map(|step| covering::exchanges(&step.id, &builds, &prepared.store)).collect()
    };
    let stages = stages.map(|stage| {
        let exchanges = triggered(&stage.id);
        PinnedStage { id: stage.id, base: stage.base, exchanges }
    });
    let same = second.is_none_or(|second| second.manifest == built.manifest);
    let closed = prepared.plan.steps().all(|step| step.closed);
    let result = (same && closed && project.is_whole()).then_some(built.manifest);
    let input = PinInput {
        platform: project.platform.clone(),
        epoch: prepared.epoch,
        canonical: crate::normalize::CANONICAL,
        images,
        stages: stages.collect(),
        steps,
        elsewhere: project.elsewhere()?,
        moving: moving.clone(),
        result,
    };
    Ok(pin::lockfile(&input, project.lock.as_ref()))
}

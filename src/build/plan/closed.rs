//! Which steps are closed: nothing of the build context can have reached what they make.
//!
//! It comes in by `COPY`, `ADD` and `RUN --mount`, stays in a stage, goes on with `FROM` and whatever
//! else takes from a stage, and through caches, which steps of parallel stages share.

use super::{Action, Base, CopySource, RunMountKind, StagePlan, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Where a step is: its stage's place in the plan, and its own in that.
type At = (usize, usize);

/// Marks the steps of a plan.
pub(super) fn mark(stages: &mut [StagePlan]) {
    let mut tainted: BTreeSet<At> =
        steps(stages).filter(|(_, step)| brings_context(step)).map(|(at, _)| at).collect();
    loop {
        let open = spread(stages, &tainted);
        let reached = through_caches(stages, &open);
        if reached.is_empty() {
            for (number, stage) in stages.iter_mut().enumerate() {
                for (index, step) in stage.steps.iter_mut().enumerate() {
                    step.closed = !open.contains(&(number, index));
                }
            }
            return;
        }
        tainted.extend(reached);
    }
}

fn steps(stages: &[StagePlan]) -> impl Iterator<Item = (At, &Step)> {
    stages.iter().enumerate().flat_map(|(number, stage)| {
        stage.steps.iter().enumerate().map(move |(index, step)| ((number, index), step))
    })
}

/// Whether the step itself takes something from the context.
fn brings_context(step: &Step) -> bool {
    match &step.action {
        Action::Run(run) => run.mounts.iter().any(super::RunMount::shows_context),
        Action::Copy(copy) => match &copy.from {
            None => copy.sources.iter().any(|source| matches!(source, CopySource::Path(_))),
            Some(Base::Context(_)) => true,
            Some(_) => false,
        },
        Action::Configure | Action::MakeDirectory(_) => false,
    }
}

/// The open steps: those named, what stands below them, and what takes from a stage that ends open.
fn spread(stages: &[StagePlan], tainted: &BTreeSet<At>) -> BTreeSet<At> {
    let mut open = BTreeSet::new();
    let mut ends: BTreeMap<usize, bool> = BTreeMap::new();
    for (number, stage) in stages.iter().enumerate() {
        let ends_open = |base: &Base, ends: &BTreeMap<usize, bool>| {
            base.stage().is_some_and(|index| ends.get(&index).copied().unwrap_or(false))
        };
        let mut is_open = ends_open(&stage.base, &ends);
        for (index, step) in stage.steps.iter().enumerate() {
            is_open |= tainted.contains(&(number, index));
            is_open |= step.sources().any(|base| ends_open(base, &ends));
            if is_open {
                open.insert((number, index));
            }
        }
        ends.insert(stage.index, is_open);
    }
    open
}

/// The steps that look closed and share a cache with an open step that may have run before.
fn through_caches(stages: &[StagePlan], open: &BTreeSet<At>) -> Vec<At> {
    let mut writers: Vec<(At, &str)> = Vec::new();
    for (at, step) in steps(stages).filter(|(at, _)| open.contains(at)) {
        writers.extend(caches(step).map(|id| (at, id)));
    }
    let reached = |at: At, step: &Step| {
        caches(step).any(|id| {
            writers.iter().any(|(writer, shared)| *shared == id && !is_before(stages, at, *writer))
        })
    };
    steps(stages)
        .filter(|(at, step)| !open.contains(at) && reached(*at, step))
        .map(|(at, _)| at)
        .collect()
}

fn caches(step: &Step) -> impl Iterator<Item = &str> {
    let mounts = match &step.action {
        Action::Run(run) => run.mounts.as_slice(),
        _ => &[],
    };
    mounts.iter().filter_map(|mount| match &mount.kind {
        RunMountKind::Cache { id, .. } => Some(id.as_str()),
        _ => None,
    })
}

/// Whether one step is always done before the other starts.
fn is_before(stages: &[StagePlan], one: At, other: At) -> bool {
    if one.0 == other.0 {
        return one.1 < other.1;
    }
    let (Some(wanted), Some(stage)) = (stages.get(one.0), stages.get(other.0)) else {
        return false;
    };
    let mut waiting = vec![stage];
    let mut seen = BTreeSet::new();
    while let Some(stage) = waiting.pop() {
        if stage.index == wanted.index {
            return true;
        }
        for index in stage.dependencies().filter(|index| seen.insert(*index)) {
            waiting.extend(stages.iter().find(|stage| stage.index == index));
        }
    }
    false
}

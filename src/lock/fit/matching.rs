//! Which stage and which step of a lockfile is which of a Dockerfile: by what they do, in the order
//! in which they do it, so that an inserted line does not move the pins of the lines below it.

use super::Elsewhere;
use crate::lock::{LockedStage, LockedStep, Lockfile, Position, stage_of};
use crate::oci::Digest;
use similar::{Algorithm, DiffTag, capture_diff_slices};
use std::collections::{BTreeMap, BTreeSet};

/// Stages and steps of a Dockerfile to find in a lockfile, both in the order of the Dockerfile.
#[derive(Debug, Clone)]
pub(crate) struct Sought<'a> {
    /// Id and base of each stage.
    pub(crate) stages: Vec<(&'a str, &'a str)>,
    /// Id and input of each step.
    pub(crate) steps: Vec<(&'a str, Digest)>,
    /// What the lockfile may hold besides.
    pub(crate) elsewhere: &'a Elsewhere,
}

/// What the lockfile has for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match<'a> {
    /// The same step, with the same ones before and behind it.
    Same(&'a LockedStep),
    /// A step that does the same, and stood elsewhere in its stage.
    Moved(&'a LockedStep),
    /// A step that did something else, and stood where this one stands.
    Changed(&'a LockedStep),
    /// Nothing.
    None,
}

impl<'a> Match<'a> {
    /// The step that is still what and where it was.
    pub(crate) fn same(self) -> Option<&'a LockedStep> {
        match self {
            Self::Same(step) => Some(step),
            Self::Moved(_) | Self::Changed(_) | Self::None => None,
        }
    }

    /// The step whose name this one has.
    pub(crate) fn namesake(self) -> Option<&'a LockedStep> {
        match self {
            Self::Same(step) | Self::Changed(step) => Some(step),
            Self::Moved(_) | Self::None => None,
        }
    }
}

/// What the lockfile has for a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StageMatch<'a> {
    /// The locked stage, which may have had another name.
    pub(crate) locked: &'a LockedStage,
    /// Whether it started from the same.
    pub(crate) same_base: bool,
}

/// What a lockfile has for a Dockerfile.
#[derive(Debug)]
pub(crate) struct Matches<'a> {
    /// For each stage the locked one.
    pub(crate) stages: Vec<Option<StageMatch<'a>>>,
    /// For each step the locked one.
    pub(crate) steps: Vec<Match<'a>>,
}

/// Finds the stages, and in each the steps.
pub(crate) fn matches<'a>(lock: &'a Lockfile, sought: &Sought<'_>) -> Matches<'a> {
    let locked = by_stage(lock);
    let wanted = sought.by_stage();
    let stages = stages(lock, sought, &locked, &wanted);
    let stages = with_bases(&stages, sought);
    let mut steps = vec![Match::None; sought.steps.len()];
    for ((id, _), stage) in sought.stages.iter().zip(&stages) {
        let Some(stage) = stage else { continue };
        let locked = locked.get(&*stage.locked.id).map_or(&[][..], Vec::as_slice);
        let wanted = wanted.get(id).map_or(&[][..], Vec::as_slice);
        for (at, found) in within_stage(locked, wanted) {
            if let Some(slot) = steps.get_mut(at) {
                *slot = found;
            }
        }
    }
    Matches { stages, steps }
}

/// The steps of each locked stage, in their order.
fn by_stage(lock: &Lockfile) -> BTreeMap<&str, Vec<&LockedStep>> {
    let mut stages: BTreeMap<&str, Vec<&LockedStep>> = BTreeMap::new();
    for step in &lock.steps {
        stages.entry(stage_of(&step.id)).or_default().push(step);
    }
    for steps in stages.values_mut() {
        steps.sort_by_cached_key(|step| Position::of(&step.id));
    }
    stages
}

/// A step that is sought: its place among all, and its input.
type Wanted = (usize, Digest);

impl Sought<'_> {
    fn by_stage(&self) -> BTreeMap<&str, Vec<Wanted>> {
        let mut stages: BTreeMap<&str, Vec<Wanted>> = BTreeMap::new();
        for (at, (id, input)) in self.steps.iter().enumerate() {
            stages.entry(stage_of(id)).or_default().push((at, *input));
        }
        stages
    }
}

/// A stage is the locked one of the same id; else, as it may have got another name, the one with
/// which it shares most steps, or its base where it has none.
fn stages<'a>(
    lock: &'a Lockfile,
    sought: &Sought<'_>,
    locked: &BTreeMap<&str, Vec<&LockedStep>>,
    wanted: &BTreeMap<&str, Vec<Wanted>>,
) -> Vec<Option<&'a LockedStage>> {
    let ids: BTreeSet<&str> = sought.stages.iter().map(|(id, _)| *id).collect();
    let own = lock.stages.iter().filter(|stage| !sought.elsewhere.stages.contains(&stage.id));
    let (named, mut others): (Vec<_>, Vec<_>) = own.partition(|stage| ids.contains(&*stage.id));
    let inputs_of = |stage: &str| -> BTreeSet<Digest> {
        locked.get(stage).into_iter().flatten().map(|step| step.input).collect()
    };
    let mut find = |(id, base): &(&str, &str)| {
        if let Some(found) = named.iter().find(|stage| stage.id == *id) {
            return Some(*found);
        }
        let steps = wanted.get(id).map_or(&[][..], Vec::as_slice);
        let shared = |stage: &LockedStage| {
            let inputs = inputs_of(&stage.id);
            let shared = steps.iter().filter(|(_, input)| inputs.contains(input)).count();
            // Which of several is as good as another: the first.
            shared + usize::from(steps.is_empty() && inputs.is_empty() && stage.base == *base)
        };
        let best = others.iter().map(|stage| shared(stage)).max().filter(|best| *best > 0)?;
        let at = others.iter().position(|stage| shared(stage) == best)?;
        Some(others.remove(at))
    };
    sought.stages.iter().map(&mut find).collect()
}

/// Tells which stages start from what they did. A stage that has another name is still the same.
fn with_bases<'a>(
    stages: &[Option<&'a LockedStage>],
    sought: &Sought<'_>,
) -> Vec<Option<StageMatch<'a>>> {
    let names = sought.stages.iter().zip(stages);
    let names: BTreeMap<&str, &str> =
        names.filter_map(|((id, _), stage)| Some((*id, &*stage.as_ref()?.id))).collect();
    let found = sought.stages.iter().zip(stages).map(|((_, base), stage)| {
        let locked = (*stage)?;
        let base = names.get(base).unwrap_or(base);
        Some(StageMatch { locked, same_base: locked.base == **base })
    });
    found.collect()
}

/// What stands on both sides between two steps that are the same, or before or behind all those.
#[derive(Default)]
struct Gap<'a> {
    gone: Vec<&'a LockedStep>,
    new: Vec<Wanted>,
}

/// What is common to both orders is where it was; of the rest, what does the same has moved.
fn within_stage<'a>(locked: &[&'a LockedStep], wanted: &[Wanted]) -> Vec<(usize, Match<'a>)> {
    let left: Vec<Digest> = locked.iter().map(|step| step.input).collect();
    let right: Vec<Digest> = wanted.iter().map(|(_, input)| *input).collect();
    let mut found = Vec::new();
    let mut gaps = vec![Gap::default()];
    for operation in capture_diff_slices(Algorithm::Myers, &left, &right) {
        let (tag, old, new) = operation.as_tag_tuple();
        let old = locked.get(old).unwrap_or_default().iter().copied();
        let new = wanted.get(new).unwrap_or_default().iter().copied();
        if tag == DiffTag::Equal {
            found.extend(new.zip(old).map(|((at, _), step)| (at, Match::Same(step))));
            gaps.push(Gap::default());
        } else if let Some(gap) = gaps.last_mut() {
            gap.gone.extend(old);
            gap.new.extend(new);
        }
    }
    found.extend(moved(&mut gaps));
    for Gap { gone, new } in gaps {
        found.extend(new.into_iter().zip(gone).map(|((at, _), step)| (at, Match::Changed(step))));
    }
    found
}

/// Takes out of the gaps what is there on both sides, in whichever gaps.
fn moved<'a>(gaps: &mut [Gap<'a>]) -> Vec<(usize, Match<'a>)> {
    let mut gone: BTreeMap<Digest, Vec<&'a LockedStep>> = BTreeMap::new();
    for step in gaps.iter().rev().flat_map(|gap| gap.gone.iter().rev()) {
        gone.entry(step.input).or_default().push(step);
    }
    let mut found = Vec::new();
    let mut taken = BTreeSet::new();
    for gap in &mut *gaps {
        gap.new.retain(|(at, input)| {
            let step = gone.get_mut(input).and_then(Vec::pop);
            taken.extend(step.map(|step| &*step.id));
            found.extend(step.map(|step| (*at, Match::Moved(step))));
            step.is_none()
        });
    }
    for gap in gaps {
        gap.gone.retain(|step| !taken.contains(&*step.id));
    }
    found
}

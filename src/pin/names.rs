//! What each step is called in the lockfile, and what the lockfile before has for it.

use super::PinInput;
use crate::lock::{LockedStep, Lockfile, Match, Matches, Position, Sought, matches, stage_of};
use std::collections::{BTreeMap, BTreeSet};

/// A step, and what there is of it.
pub(super) struct StepId<'a> {
    /// Its id in the lockfile.
    pub(super) name: String,
    /// The same step of the lockfile before, whose stage may have had another name.
    pub(super) before: Option<&'a LockedStep>,
    /// All that it builds on is what it was, and nothing of the context can have reached it: its
    /// pins still hold, whatever this build gave. A lock moves on purpose only.
    pub(super) is_settled: bool,
    /// What it fetched may be needed again, even where this build did not ask for it.
    pub(super) keeps_fetches: bool,
}

/// The names of all steps, in the order of the input.
pub(super) fn step_ids<'a>(input: &PinInput, previous: Option<&'a Lockfile>) -> Vec<StepId<'a>> {
    let before = Before::of(input, previous);
    let mut names = names(input, &before);
    let settled = before.settled(input);
    let step = |(at, step): (usize, &super::PinnedStep)| {
        let found = before.steps.get(at).copied().unwrap_or(Match::None).same();
        let same_stage = before.unmoved.contains(stage_of(&step.id));
        StepId {
            name: names.remove(&at).unwrap_or_default(),
            before: found,
            is_settled: settled.contains(&at) && step.closed,
            keeps_fetches: found.is_some()
                && same_stage
                && step.closed
                && !input.moving.contains(&step.id),
        }
    };
    input.steps.iter().enumerate().map(step).collect()
}

/// What the lockfile before has for this build.
struct Before<'a> {
    steps: Vec<Match<'a>>,
    /// The ids of the steps that the lockfile has of each stage, in their order, by the stage's id
    /// today.
    locked: BTreeMap<String, Vec<&'a str>>,
    /// The stages that start from what they did, all the way down.
    unmoved: BTreeSet<String>,
    /// A stage is gone: nobody knows what it was for.
    lacks_stage: bool,
}

impl<'a> Before<'a> {
    fn of(input: &PinInput, previous: Option<&'a Lockfile>) -> Self {
        let Some(previous) = previous else {
            let steps = vec![Match::None; input.steps.len()];
            let (locked, unmoved) = (BTreeMap::new(), BTreeSet::new());
            return Self { steps, locked, unmoved, lacks_stage: false };
        };
        let sought = Sought {
            stages: input.stages.iter().map(|stage| (&*stage.id, &*stage.base)).collect(),
            steps: input.steps.iter().map(|step| (&*step.id, step.input)).collect(),
            elsewhere: &input.elsewhere,
        };
        let Matches { stages, steps } = matches(previous, &sought);
        let of_stage = |stage: &str| {
            let own = previous.steps.iter().map(|step| &*step.id);
            let mut ids: Vec<&str> = own.filter(|id| stage_of(id) == stage).collect();
            ids.sort_by_cached_key(|id| Position::of(id));
            ids
        };
        let same_images = same_images(input, previous);
        let ids: BTreeSet<&str> = input.stages.iter().map(|stage| &*stage.id).collect();
        let (mut locked, mut unmoved) = (BTreeMap::new(), BTreeSet::new());
        for (stage, found) in input.stages.iter().zip(&stages) {
            let Some(found) = found else { continue };
            locked.insert(stage.id.clone(), of_stage(&found.locked.id));
            // A stage stands behind the one that it starts from.
            let base_unmoved = !ids.contains(&*stage.base) || unmoved.contains(&stage.base);
            if same_images && found.same_base && base_unmoved {
                unmoved.insert(stage.id.clone());
            }
        }
        let kept: BTreeSet<&str> = stages.iter().flatten().map(|found| &*found.locked.id).collect();
        let own = previous.stages.iter().map(|stage| &stage.id);
        let lacks_stage =
            own.clone().any(|id| !kept.contains(&**id) && !input.elsewhere.stages.contains(id));
        Self { steps, locked, unmoved, lacks_stage }
    }

    /// The steps, from the first on, that build on nothing but what they were built on when they
    /// were locked. What a step after a new, changed or removed one gives may rightly be other than
    /// before.
    fn settled(&self, input: &PinInput) -> BTreeSet<usize> {
        let mut settled = BTreeSet::new();
        if self.lacks_stage {
            return settled;
        }
        let is_moving =
            |at: usize| input.steps.get(at).is_some_and(|step| input.moving.contains(&step.id));
        for stage in &input.stages {
            if !self.unmoved.contains(&stage.id) {
                break;
            }
            let steps = input.steps.iter().zip(&self.steps).enumerate();
            let own: Vec<(usize, &Match<'_>)> = steps
                .filter(|(_, (step, _))| stage_of(&step.id) == stage.id)
                .map(|(at, (_, found))| (at, found))
                .collect();
            let locked = self.locked.get(&stage.id).map_or(&[][..], Vec::as_slice);
            let pairs = own.iter().zip(locked);
            let same: Vec<usize> = pairs
                .take_while(|((_, found), id)| found.same().is_some_and(|step| step.id == **id))
                .map(|((at, _), _)| *at)
                .take_while(|at| !is_moving(*at))
                .collect();
            settled.extend(&same);
            if same.len() < own.len().max(locked.len()) {
                break;
            }
        }
        settled
    }
}

/// Whether the images are those that were locked, and what is taken of them has the same form.
fn same_images(input: &PinInput, previous: &Lockfile) -> bool {
    let same = |image: &super::PinnedImage| {
        let mut locked = previous.images.iter();
        let found = locked.find(|locked| locked.reference == image.reference);
        found.is_none_or(|found| found.manifest == image.manifest)
    };
    previous.canonical == input.canonical
        && previous.platform == input.platform
        && input.images.iter().all(same)
}

/// A step that was locked before keeps its name, and one that stands where another stood has that
/// one's. A new one is named after its place if no other step has that name, and otherwise by what
/// lies between those before and behind it.
fn names(input: &PinInput, before: &Before<'_>) -> BTreeMap<usize, String> {
    let mut names = BTreeMap::new();
    for stage in &input.stages {
        let steps = input.steps.iter().enumerate();
        let steps: Vec<(usize, &str)> = steps
            .filter(|(_, step)| stage_of(&step.id) == stage.id)
            .map(|(at, step)| (at, &*step.id))
            .collect();
        let kept: Vec<Option<Position>> = steps
            .iter()
            .map(|(at, _)| Position::of(&before.steps.get(*at)?.namesake()?.id))
            .collect();
        let mut low: Option<Position> = None;
        for (index, (at, id)) in steps.into_iter().enumerate() {
            let new = || {
                let high = kept.iter().skip(index).flatten().next();
                free_position(id, low.as_ref(), high)
            };
            let position = kept.get(index).cloned().flatten().unwrap_or_else(new);
            names.insert(at, position.id(&stage.id));
            low = Some(position);
        }
    }
    names
}

fn free_position(id: &str, low: Option<&Position>, high: Option<&Position>) -> Position {
    let own = Position::of(id)
        .filter(|own| low.is_none_or(|low| low < own) && high.is_none_or(|high| own < high));
    own.unwrap_or_else(|| Position::between(low, high))
}

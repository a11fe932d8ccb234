//! Whether a lockfile still fits its Dockerfile, and if not, why: what is new, changed or gone.

use super::{LockedStep, Lockfile};
use crate::oci::{Digest, Platform, Reference};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a Dockerfile asks of its lockfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The platform to build for.
    pub platform: Platform,
    /// The form that layers are taken in.
    pub canonical: u32,
    /// Every image that an instruction names, in the order of the Dockerfile.
    pub images: Vec<WantedImage>,
    /// Every instruction, in the order of the Dockerfile.
    pub steps: Vec<WantedStep>,
    /// What the lockfile may hold besides.
    pub elsewhere: Elsewhere,
}

/// The stages of a Dockerfile that a build does not need. A lockfile may hold pins of theirs, made
/// with another target; this build neither judges nor drops them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// How the ids of their steps start.
    pub stages: BTreeSet<String>,
    /// The images that they name.
    pub images: BTreeSet<Reference>,
}

impl Elsewhere {
    /// Whether the step of this id is in one of these stages.
    pub fn has_step(&self, id: &str) -> bool {
        self.stages.contains(stage_of(id))
    }
}

/// An image that a Dockerfile names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedImage {
    /// What it names, after expansion.
    pub reference: Reference,
    /// Line of the instruction, from 1.
    pub line: usize,
}

/// An instruction of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedStep {
    /// `STAGE/INSTRUCTION`, as counted today.
    pub id: String,
    /// Digest of the instruction as parsed and its resolved arguments.
    pub input: Digest,
    /// First line of the instruction, from 1.
    pub line: usize,
    /// The instruction as written.
    pub instruction: String,
}

/// One reason why a lockfile does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// It was made for another platform.
    Platform {
        /// The lockfile's.
        locked: Platform,
        /// The build's.
        wanted: Platform,
    },
    /// Its layers were taken in another form.
    Canonical {
        /// The lockfile's.
        locked: u32,
        /// This program's.
        wanted: u32,
    },
    /// The Dockerfile names an image that is not locked.
    ImageNotLocked {
        /// The image.
        reference: Reference,
        /// Line of the instruction that names it first.
        line: usize,
    },
    /// An image is locked that the Dockerfile does not name.
    ImageUnused {
        /// The image.
        reference: Reference,
    },
    /// An instruction is new.
    StepAdded {
        /// Its first line.
        line: usize,
        /// The instruction as written.
        instruction: String,
    },
    /// An instruction, or an argument that it uses, is not what it was.
    StepChanged {
        /// Its id in the lockfile.
        id: String,
        /// Its first line.
        line: usize,
        /// The instruction as written today.
        instruction: String,
    },
    /// A locked instruction is no longer there.
    StepRemoved {
        /// Its id in the lockfile.
        id: String,
    },
}

impl Misfit {
    /// The line of the Dockerfile that it is about.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::ImageNotLocked { line, .. }
            | Self::StepAdded { line, .. }
            | Self::StepChanged { line, .. } => Some(*line),
            Self::Platform { .. }
            | Self::Canonical { .. }
            | Self::ImageUnused { .. }
            | Self::StepRemoved { .. } => None,
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform { locked, wanted } => {
                write!(formatter, "the lockfile is for {locked}, this build is for {wanted}")
            }
            Self::Canonical { locked, wanted } => write!(
                formatter,
                "the lockfile has layers of form {locked}, this rlock makes form {wanted}"
            ),
            Self::ImageNotLocked { reference, line } => {
                write!(formatter, "line {line}: the image `{reference}` is not locked")
            }
            Self::ImageUnused { reference } => {
                write!(formatter, "the image `{reference}` is locked and no longer used")
            }
            Self::StepAdded { line, instruction } => {
                write!(formatter, "line {line}: `{}` is not locked", first_line(instruction))
            }
            Self::StepChanged { line, instruction, .. } => {
                let instruction = first_line(instruction);
                write!(formatter, "line {line}: `{instruction}` is not what was locked")
            }
            Self::StepRemoved { id } => {
                write!(formatter, "step `{id}` is locked and no longer in the Dockerfile")
            }
        }
    }
}

/// What fits into a message of an instruction that may have many lines.
fn first_line(instruction: &str) -> String {
    const LENGTH_MAX: usize = 72;
    let line = instruction.lines().next().unwrap_or_default();
    let line = line.trim_end().trim_end_matches('\\').trim_end();
    let is_whole = line.chars().count() <= LENGTH_MAX && line.len() == instruction.trim_end().len();
    let shown = line.chars().filter(|character| !character.is_control()).take(LENGTH_MAX);
    shown.chain((!is_whole).then_some('…')).collect()
}

impl Lockfile {
    /// Why this lockfile does not fit; nothing where it does.
    pub fn fit(&self, wanted: &Wanted) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        if self.platform != wanted.platform {
            let (locked, wanted) = (self.platform.clone(), wanted.platform.clone());
            misfits.push(Misfit::Platform { locked, wanted });
        }
        if self.canonical != wanted.canonical {
            let (locked, wanted) = (self.canonical, wanted.canonical);
            misfits.push(Misfit::Canonical { locked, wanted });
        }
        misfits.extend(self.image_misfits(wanted));
        misfits.extend(self.step_misfits(wanted));
        // By line of the Dockerfile, then what has none; first of all what concerns the whole.
        misfits.sort_by_key(|misfit| match misfit {
            Misfit::Platform { .. } | Misfit::Canonical { .. } => (0, 0),
            other => other.line().map_or((2, 0), |line| (1, line)),
        });
        misfits
    }

    /// The locked step of each wanted one, matched by what they do rather than by where they
    /// stand, so that an inserted line does not move the pins of the lines below it.
    pub fn matching_steps(&self, wanted: &Wanted) -> Vec<Option<&LockedStep>> {
        let steps: Vec<_> = wanted.steps.iter().map(|step| (&*step.id, step.input)).collect();
        match_steps(&self.steps, &steps, &wanted.elsewhere)
    }

    fn image_misfits(&self, wanted: &Wanted) -> Vec<Misfit> {
        let locked: BTreeSet<&Reference> = self.images.iter().map(|i| &i.reference).collect();
        let mut named = BTreeSet::new();
        let mut misfits = Vec::new();
        for WantedImage { reference, line } in &wanted.images {
            if named.insert(reference) && !locked.contains(reference) {
                let reference = reference.clone();
                misfits.push(Misfit::ImageNotLocked { reference, line: *line });
            }
        }
        named.extend(&wanted.elsewhere.images);
        let unused = locked.difference(&named);
        misfits.extend(unused.map(|unused| Misfit::ImageUnused { reference: (*unused).clone() }));
        misfits
    }

    fn step_misfits(&self, wanted: &Wanted) -> Vec<Misfit> {
        let found = self.matching_steps(wanted);
        let kept: BTreeSet<&str> = found.iter().flatten().map(|step| &*step.id).collect();
        let own = self.steps.iter().map(|step| &*step.id);
        let own = own.filter(|id| !wanted.elsewhere.has_step(id));
        let mut left: BTreeSet<&str> = own.filter(|id| !kept.contains(id)).collect();
        let mut misfits = Vec::new();
        for (step, _) in wanted.steps.iter().zip(&found).filter(|(_, found)| found.is_none()) {
            let (line, instruction) = (step.line, step.instruction.clone());
            misfits.push(if left.remove(&*step.id) {
                Misfit::StepChanged { id: step.id.clone(), line, instruction }
            } else {
                Misfit::StepAdded { line, instruction }
            });
        }
        misfits.extend(left.into_iter().map(|id| Misfit::StepRemoved { id: id.to_owned() }));
        misfits
    }
}

/// `STAGE` of `STAGE/INSTRUCTION`; empty where there is one stage.
pub(crate) fn stage_of(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(stage, _)| stage)
}

/// `INSTRUCTION` of `STAGE/INSTRUCTION`, where it is a number.
pub(crate) fn number_of(id: &str) -> Option<u64> {
    id.rsplit_once('/').map_or(id, |(_, number)| number).parse().ok()
}

/// For each wanted step the locked one with the same input: first within its own stage, then
/// anywhere, for a stage may have got another name; but never one of the stages `elsewhere`.
pub(crate) fn match_steps<'a>(
    locked: &'a [LockedStep],
    wanted: &[(&str, Digest)],
    elsewhere: &Elsewhere,
) -> Vec<Option<&'a LockedStep>> {
    let own: Vec<&LockedStep> =
        locked.iter().filter(|step| !elsewhere.has_step(&step.id)).collect();
    let places = match_places(&own, wanted);
    places.into_iter().map(|place| place.and_then(|at| own.get(at).copied())).collect()
}

fn match_places(locked: &[&LockedStep], wanted: &[(&str, Digest)]) -> Vec<Option<usize>> {
    let mut found = vec![None; wanted.len()];
    let mut taken = BTreeSet::new();
    for within_stage in [true, false] {
        let stage = |id| if within_stage { stage_of(id) } else { "" };
        let mut groups: BTreeMap<(&str, Digest), Vec<usize>> = BTreeMap::new();
        for (at, step) in locked.iter().enumerate().filter(|(at, _)| !taken.contains(at)) {
            groups.entry((stage(&step.id), step.input)).or_default().push(at);
        }
        let mut seekers: BTreeMap<(&str, Digest), Vec<usize>> = BTreeMap::new();
        for (at, (id, input)) in wanted.iter().enumerate() {
            if found.get(at) == Some(&None) {
                seekers.entry((stage(id), *input)).or_default().push(at);
            }
        }
        for (key, seekers) in seekers {
            let offered = groups.remove(&key).unwrap_or_default();
            for (seeker, offer) in pair(locked, wanted, &seekers, offered) {
                taken.insert(offer);
                if let Some(place) = found.get_mut(seeker) {
                    *place = Some(offer);
                }
            }
        }
    }
    found
}

/// Pairs steps that do the same: in order if there are as many, otherwise first those whose ids
/// are equal too.
fn pair(
    locked: &[&LockedStep],
    wanted: &[(&str, Digest)],
    seekers: &[usize],
    mut offered: Vec<usize>,
) -> Vec<(usize, usize)> {
    let locked_id = |at: usize| locked.get(at).map_or("", |step| &*step.id);
    let wanted_id = |at: usize| wanted.get(at).map_or("", |(id, _)| *id);
    offered.sort_by_key(|at| (number_of(locked_id(*at)), locked_id(*at)));
    let mut pairs = Vec::new();
    let mut seekers = seekers.to_vec();
    if seekers.len() != offered.len() {
        seekers.retain(|seeker| {
            let equal = offered.iter().position(|at| locked_id(*at) == wanted_id(*seeker));
            let offer = equal.map(|at| offered.remove(at));
            pairs.extend(offer.map(|offer| (*seeker, offer)));
            offer.is_none()
        });
    }
    pairs.extend(seekers.into_iter().zip(offered));
    pairs
}

#[cfg(test)]
mod tests;

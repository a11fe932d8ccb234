//! Whether a lockfile still fits its Dockerfile, and if not, why: what is new, changed or gone.

mod matching;

pub(crate) use matching::{Match, Matches, Sought, matches};

use super::{LockedStep, Lockfile, stage_of};
use crate::oci::{Digest, Platform, Reference};
use std::collections::BTreeSet;
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
    /// Every stage, in the order of the Dockerfile.
    pub stages: Vec<WantedStage>,
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

/// A stage of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedStage {
    /// How the ids of its steps start.
    pub id: String,
    /// What its `FROM` names, after expansion: a normalised reference, `scratch`, or a stage's id.
    pub base: String,
    /// First line of the `FROM`, from 1.
    pub line: usize,
    /// The `FROM` as written.
    pub instruction: String,
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
    /// A stage is new.
    StageAdded {
        /// First line of its `FROM`.
        line: usize,
        /// Its `FROM` as written.
        instruction: String,
    },
    /// A stage starts from something else than it did.
    StageChanged {
        /// First line of its `FROM`.
        line: usize,
        /// Its `FROM` as written today.
        instruction: String,
        /// What it started from.
        locked: String,
    },
    /// A locked stage is no longer there.
    StageRemoved {
        /// How the ids of its steps start.
        id: String,
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
    /// An instruction stood elsewhere in its stage.
    StepMoved {
        /// Its first line.
        line: usize,
        /// The instruction as written.
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
            | Self::StageAdded { line, .. }
            | Self::StageChanged { line, .. }
            | Self::StepAdded { line, .. }
            | Self::StepChanged { line, .. }
            | Self::StepMoved { line, .. } => Some(*line),
            Self::Platform { .. }
            | Self::Canonical { .. }
            | Self::ImageUnused { .. }
            | Self::StageRemoved { .. }
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
            Self::StageAdded { line, instruction } | Self::StepAdded { line, instruction } => {
                write!(formatter, "line {line}: `{}` is not locked", first_line(instruction))
            }
            Self::StageChanged { line, instruction, locked } => {
                let instruction = first_line(instruction);
                write!(formatter, "line {line}: `{instruction}` was locked on `{locked}`")
            }
            Self::StageRemoved { id } if id.is_empty() => {
                formatter.write_str("the stage that is locked is no longer in the Dockerfile")
            }
            Self::StageRemoved { id } => {
                write!(formatter, "stage `{id}` is locked and no longer in the Dockerfile")
            }
            Self::StepMoved { line, instruction } => {
                let instruction = first_line(instruction);
                write!(formatter, "line {line}: `{instruction}` was locked in another place")
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
        let found = matches(self, &wanted.sought());
        misfits.extend(self.stage_misfits(wanted, &found));
        misfits.extend(self.step_misfits(wanted, &found));
        // By line of the Dockerfile, then what has none; first of all what concerns the whole.
        misfits.sort_by_key(|misfit| match misfit {
            Misfit::Platform { .. } | Misfit::Canonical { .. } => (0, 0),
            other => other.line().map_or((2, 0), |line| (1, line)),
        });
        misfits
    }

    /// The locked step of each wanted one, matched by what they do, and in which order, rather than
    /// by where they stand, so that an inserted line does not move the pins of the lines below it.
    pub fn matching_steps(&self, wanted: &Wanted) -> Vec<Option<&LockedStep>> {
        matches(self, &wanted.sought()).steps.into_iter().map(Match::same).collect()
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

    fn stage_misfits(&self, wanted: &Wanted, found: &Matches<'_>) -> Vec<Misfit> {
        let images: BTreeSet<String> =
            self.images.iter().map(|image| image.reference.to_string()).collect();
        let mut misfits = Vec::new();
        for (stage, found_stage) in wanted.stages.iter().zip(&found.stages) {
            let (line, instruction) = (stage.line, stage.instruction.clone());
            match found_stage {
                // That an image is not locked is said of the image.
                _ if stage.base.contains('/') && !images.contains(&stage.base) => {}
                None => misfits.push(Misfit::StageAdded { line, instruction }),
                Some(found) if !found.same_base => {
                    let locked = found.locked.base.clone();
                    misfits.push(Misfit::StageChanged { line, instruction, locked });
                }
                Some(_) => {}
            }
        }
        let gone = self.gone_stages(wanted, found).into_iter();
        misfits.extend(gone.map(|id| Misfit::StageRemoved { id: id.to_owned() }));
        misfits
    }

    /// The ids of the locked stages that the Dockerfile no longer has.
    fn gone_stages(&self, wanted: &Wanted, found: &Matches<'_>) -> BTreeSet<&str> {
        let kept: BTreeSet<&str> =
            found.stages.iter().flatten().map(|stage| &*stage.locked.id).collect();
        let others = &wanted.elsewhere.stages;
        let ids = self.stages.iter().map(|stage| &*stage.id);
        ids.filter(|id| !kept.contains(id) && !others.contains(*id)).collect()
    }

    fn step_misfits(&self, wanted: &Wanted, found: &Matches<'_>) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        let mut found_ids: BTreeSet<&str> = BTreeSet::new();
        for (step, found) in wanted.steps.iter().zip(&found.steps) {
            let (line, instruction) = (step.line, step.instruction.clone());
            let (locked, misfit) = match found {
                Match::Same(locked) => (*locked, None),
                Match::Moved(locked) => (*locked, Some(Misfit::StepMoved { line, instruction })),
                Match::Changed(locked) => {
                    let id = locked.id.clone();
                    (*locked, Some(Misfit::StepChanged { id, line, instruction }))
                }
                Match::None => {
                    misfits.push(Misfit::StepAdded { line, instruction });
                    continue;
                }
            };
            found_ids.insert(&locked.id);
            misfits.extend(misfit);
        }
        let gone_stages = self.gone_stages(wanted, found);
        let own = self.steps.iter().filter(|step| !wanted.elsewhere.has_step(&step.id));
        let gone = own.filter(|step| !found_ids.contains(&*step.id));
        // With its stage each of its steps is gone.
        let gone = gone.filter(|step| !gone_stages.contains(stage_of(&step.id)));
        misfits.extend(gone.map(|step| Misfit::StepRemoved { id: step.id.clone() }));
        misfits
    }
}

impl Wanted {
    fn sought(&self) -> Sought<'_> {
        Sought {
            stages: self.stages.iter().map(|stage| (&*stage.id, &*stage.base)).collect(),
            steps: self.steps.iter().map(|step| (&*step.id, step.input)).collect(),
            elsewhere: &self.elsewhere,
        }
    }
}

#[cfg(test)]
mod tests;

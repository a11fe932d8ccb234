//! Which instruction made a layer, and whether that instruction is still the same.

use super::Script;
use crate::finding::Location;
use std::collections::BTreeMap;

/// Where the layers of an image are from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// By the number of the layer.
    pub origins: BTreeMap<usize, Origin>,
    /// What the commands say that steps run, by the id of the step; nothing of what they call.
    pub commands: BTreeMap<String, Script>,
}

impl Layers {
    /// Where a layer is from.
    pub fn get(&self, layer: usize) -> Option<&Origin> {
        self.origins.get(&layer)
    }

    /// The first step, from below, that is not the same in both builds.
    pub fn first_changed(&self) -> Option<&StepOrigin> {
        self.origins.values().find_map(|origin| match origin {
            Origin::Step(step) if step.state.is_changed() => Some(step),
            _ => None,
        })
    }
}

/// Where a layer is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A base image, by its reference in the lock.
    Base(String),
    /// A step.
    Step(StepOrigin),
}

/// A step that made a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepOrigin {
    /// Its id.
    pub id: String,
    /// Its instruction.
    pub location: Option<Location>,
    /// What became of it.
    pub state: StepState,
}

/// What became of a step between the two builds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepState {
    /// Nothing that the Dockerfile or the build context says of it changed.
    Same,
    /// Its instruction is new or another one, or gone.
    Changed,
    /// It copies from the build context, which is part of what it is given.
    TakesContext,
    /// It copies from a stage, by name, in which something moved.
    TakesStage(String),
    /// It runs below these, and nothing that the locks say of it changed: it may have read what they
    /// made. Nothing proves that it did.
    Below(Vec<Above>),
}

/// An instruction that makes something else than before, above a step that is the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Above {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub location: Option<Location>,
    /// The files of the build context that it copies and that changed, by their paths in the image;
    /// none where the instruction itself is another one.
    pub files: Vec<Vec<u8>>,
}

impl StepState {
    /// Whether what it makes has another reason than packages.
    pub fn is_changed(&self) -> bool {
        matches!(self, Self::Changed)
    }
}

//! The identity of a step: its id for people, and the digest that tells when it is stale.
//!
//! Inputs are known without any image, so that a lock can be checked before one is looked at. Where an
//! `ARG` takes its default from the environment of a base image, that part is left out: the image is
//! pinned by its manifest.

use super::state::State;
use super::{Arguments, configure};
use crate::dockerfile::expand::Expander;
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, Keyword, Stage};
use crate::oci::{Digest, Hasher};
use std::collections::BTreeMap;

/// A step as far as the Dockerfile and the build arguments tell.
#[derive(Debug, Clone)]
pub struct StepInput {
    /// `stage/instruction`.
    pub id: String,
    /// Of the instruction as parsed and its resolved arguments.
    pub input: Digest,
    /// First line in the Dockerfile, from 1.
    pub line: usize,
    /// The instruction in one line.
    pub text: String,
}

/// What the inputs of a file's stages depend on.
pub(super) struct Inputs<'a> {
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) arguments: &'a Arguments,
    pub(super) globals: &'a BTreeMap<String, String>,
    pub(super) expander: &'a Expander,
}

impl Inputs<'_> {
    /// The inputs of a stage's instructions; `state` is that of the stage it continues, and is left
    /// as that of this one.
    pub(super) fn stage(&self, index: usize, stage: &Stage, state: &mut State) -> Vec<StepInput> {
        let mut inputs = Vec::new();
        for (number, instruction) in stage.instructions.iter().enumerate() {
            inputs.push(StepInput {
                id: step_id(self.dockerfile, index, &(number + 1).to_string()),
                input: digest(instruction, &state.arguments),
                line: self.dockerfile.line(instruction.span),
                text: instruction.normalized().lines().next().unwrap_or_default().to_owned(),
            });
            self.note(instruction, state);
        }
        inputs
    }

    /// A word that cannot be expanded is reported when the plan is made, with all that is known then.
    fn note(&self, instruction: &Instruction, state: &mut State) {
        let before = state.clone();
        let noted = match &instruction.kind {
            InstructionKind::Arg(argument) => {
                configure::argument(argument, self.arguments, self.globals, self.expander, state)
            }
            InstructionKind::Env(_) => configure::apply(instruction, self.expander, state),
            _ => Ok(()),
        };
        if noted.is_err() {
            *state = before;
        }
    }
}

/// The stage by its name, else its number from zero; no stage where the file has only one that has
/// no name.
pub(super) fn step_id(dockerfile: &Dockerfile, stage: usize, instruction: &str) -> String {
    match stage_id(dockerfile, stage).as_str() {
        "" => instruction.to_owned(),
        stage => format!("{stage}/{instruction}"),
    }
}

/// How the ids of a stage's steps start: its name, else its number from zero; empty where the file has
/// only one stage, without a name.
pub fn stage_id(dockerfile: &Dockerfile, stage: usize) -> String {
    let name = dockerfile.stages.get(stage).and_then(|stage| stage.name.clone());
    match (name, dockerfile.stages.len()) {
        (Some(name), _) => name,
        (None, 1) => String::new(),
        (None, _) => stage.to_string(),
    }
}

/// The digest of an instruction as parsed and of the arguments that it can see: all in scope for `RUN`,
/// whose command may read any variable; for the others those that their text names.
pub(super) fn digest(instruction: &Instruction, arguments: &BTreeMap<String, String>) -> Digest {
    let canonical = instruction.normalized();
    let sees = |name: &str| {
        instruction.keyword == Keyword::Run
            || canonical.contains(&format!("${name}"))
            || canonical.contains(&format!("${{{name}"))
    };
    let mut hasher = Hasher::new();
    hasher.update(canonical.as_bytes());
    for (name, value) in arguments.iter().filter(|(name, _)| sees(name)) {
        hasher.update(format!("\0{name}={value}").as_bytes());
    }
    hasher.finish().0
}

//! The outline of a build: which stages are needed, what they take from, and what makes each step stale.
//! Known from the Dockerfile and the build arguments alone, before any image is.

use super::input::{self, Inputs, StepInput};
use super::state::State;
use super::{Arguments, Base, PlanError, at, expansion, mounts, refuse};
use crate::dockerfile::expand::{Expander, Lookup};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, Stage, Word};
use crate::oci::{Platform, Reference};
use crate::text::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Base names that `--build-context` replaces.
#[derive(Debug, Clone, Default)]
pub struct NamedContexts {
    /// Names that stand for images, as the user wrote them.
    pub images: BTreeSet<String>,
    /// Names that stand for directories.
    pub directories: BTreeSet<String>,
}

/// What a build is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// `--target`: a stage's name or number.
    pub target: Option<&'a str>,
    /// `--build-arg` and the platform's arguments.
    pub arguments: &'a Arguments,
    /// The platform of the image.
    pub platform: &'a Platform,
    /// `--build-context`.
    pub contexts: &'a NamedContexts,
}

/// Which stages are needed and what they take from.
#[derive(Debug)]
pub struct Outline {
    /// The needed stages in the order of the file: each after those that it takes from.
    pub stages: Vec<OutlineStage>,
    /// The stages that the target does not need.
    pub others: Vec<OtherStage>,
    /// Index of the stage that becomes the image.
    pub target: usize,
    /// Values of the global `ARG`s.
    pub(super) globals: BTreeMap<String, String>,
}

/// One needed stage.
#[derive(Debug)]
pub struct OutlineStage {
    /// Index in the Dockerfile.
    pub index: usize,
    /// Where it starts.
    pub base: Base,
    /// Where each `COPY --from` and `RUN --mount` takes from, by the index of the instruction and the
    /// number of the mount in it.
    pub sources: BTreeMap<(usize, usize), Base>,
    /// Its instructions, with what makes each stale.
    pub inputs: Vec<StepInput>,
}

/// A stage that the target does not need: as much of it as tells what a lock holds for its sake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherStage {
    /// How the ids of its steps start.
    pub id: String,
    /// The images that it names, by normalised reference; none where it cannot be read.
    pub images: Vec<String>,
}

/// An image that a build uses, and where the Dockerfile says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The normalised reference.
    pub reference: String,
    /// The first place that names it.
    pub span: Span,
}

/// Finds out what a build needs.
pub fn outline(dockerfile: &Dockerfile, wish: &Wish<'_>) -> Result<Outline, PlanError> {
    refuse::frontend(dockerfile)?;
    let expander = Expander::new(dockerfile.directives.escape);
    let globals = wish.arguments.global(&dockerfile.global_args, &expander)?;
    let target = target(dockerfile, wish.target)?;
    let sketch = Sketch { dockerfile, wish, expander: &expander, globals: &globals };
    let mut found: BTreeMap<usize, OutlineStage> = BTreeMap::new();
    let mut wanted = vec![target];
    while let Some(index) = wanted.pop() {
        let Some(stage) = dockerfile.stages.get(index) else { continue };
        if found.contains_key(&index) {
            continue;
        }
        let outlined = sketch.stage(index, stage)?;
        wanted.extend(outlined.bases().filter_map(Base::stage));
        found.insert(index, outlined);
    }
    let inputs =
        Inputs { dockerfile, arguments: wish.arguments, globals: &globals, expander: &expander };
    note_inputs(&inputs, &mut found);
    let others = dockerfile.stages.iter().enumerate();
    let others = others.filter(|(index, _)| !found.contains_key(index));
    let others = others.map(|(index, stage)| sketch.other(index, stage)).collect();
    Ok(Outline { stages: found.into_values().collect(), others, target, globals })
}

/// A stage sees the arguments of the stage that it continues.
fn note_inputs(inputs: &Inputs<'_>, stages: &mut BTreeMap<usize, OutlineStage>) {
    let mut ends: BTreeMap<usize, State> = BTreeMap::new();
    for (index, outlined) in stages {
        let Some(stage) = inputs.dockerfile.stages.get(*index) else { continue };
        let base = outlined.base.stage().and_then(|base| ends.get(&base));
        let mut state = base.map_or_else(State::unknown, State::continued);
        outlined.inputs = inputs.stage(*index, stage, &mut state);
        ends.insert(*index, state);
    }
}

fn target(dockerfile: &Dockerfile, target: Option<&str>) -> Result<usize, PlanError> {
    let Some(name) = target else { return Ok(dockerfile.stages.len().saturating_sub(1)) };
    match dockerfile.stage(name) {
        Some((index, _)) => Ok(index),
        None => Err(PlanError::NoStage {
            name: name.to_owned(),
            known: dockerfile.stages.iter().filter_map(|stage| stage.name.clone()).collect(),
        }),
    }
}

impl OutlineStage {
    fn bases(&self) -> impl Iterator<Item = &Base> {
        std::iter::once(&self.base).chain(self.sources.values())
    }
}

impl Outline {
    /// The images that the needed stages use, each once, in the order of the file.
    pub fn images(&self, dockerfile: &Dockerfile) -> Vec<ImageUse> {
        let mut seen = BTreeSet::new();
        let mut uses = Vec::new();
        for outlined in &self.stages {
            let Some(stage) = dockerfile.stages.get(outlined.index) else { continue };
            let copies = outlined.sources.iter().filter_map(|((index, _), base)| {
                Some((base, stage.instructions.get(*index)?.span))
            });
            for (base, span) in std::iter::once((&outlined.base, stage.from.span)).chain(copies) {
                if let Base::Image(reference) = base
                    && seen.insert(reference.clone())
                {
                    uses.push(ImageUse { reference: reference.clone(), span });
                }
            }
        }
        uses
    }
}

struct Sketch<'a> {
    dockerfile: &'a Dockerfile,
    wish: &'a Wish<'a>,
    expander: &'a Expander,
    globals: &'a BTreeMap<String, String>,
}

impl Sketch<'_> {
    fn stage(&self, index: usize, stage: &Stage) -> Result<OutlineStage, PlanError> {
        if let Some(platform) = &stage.from.platform {
            self.check_platform(platform)?;
        }
        let name = self.expand(&stage.from.image)?;
        if name.is_empty() {
            return Err(at(
                stage.from.image.span,
                format!("the base name `{}` is empty once expanded", stage.from.image.text),
                Some("give the argument a default before the first FROM".to_owned()),
            ));
        }
        let base = match name.as_str() {
            "scratch" => Base::Scratch,
            name => self.base(name, index, stage.from.image.span)?,
        };
        if let Base::Context(name) = &base {
            let message = format!("FROM `{name}` is a directory given with --build-context");
            return Err(at(stage.from.image.span, message, None));
        }
        let mut sources = BTreeMap::new();
        for (number, instruction) in stage.instructions.iter().enumerate() {
            refuse::instruction(instruction)?;
            if let Some(from) = copy_source(instruction) {
                sources.insert((number, 0), self.source(&from.text, index, from.span)?);
            }
            for (mount, from) in mounts::sources(&instruction.kind) {
                let base = match from.text.as_str() {
                    "scratch" => Base::Scratch,
                    name => self.source(name, index, from.span)?,
                };
                sources.insert((number, mount), base);
            }
        }
        Ok(OutlineStage { index, base, sources, inputs: Vec::new() })
    }

    fn other(&self, index: usize, stage: &Stage) -> OtherStage {
        let image = |base: &Base| match base {
            Base::Image(reference) => Some(reference.clone()),
            _ => None,
        };
        let outlined = self.stage(index, stage).ok();
        OtherStage {
            id: input::stage_id(self.dockerfile, index),
            images: outlined.iter().flat_map(OutlineStage::bases).filter_map(image).collect(),
        }
    }

    /// A stage above by its number, else whatever the name says.
    fn source(&self, name: &str, index: usize, span: Span) -> Result<Base, PlanError> {
        match name.parse::<usize>() {
            Ok(number) if number < index => Ok(Base::Stage(number)),
            Ok(number) => Err(at(
                span,
                format!("stage {number} does not stand above this one, which is stage {index}"),
                Some("a stage can take only from stages above".to_owned()),
            )),
            Err(_) => self.base(name, index, span),
        }
    }

    /// A named context, else a stage above, else an image.
    fn base(&self, name: &str, index: usize, span: Span) -> Result<Base, PlanError> {
        let contexts = self.wish.contexts;
        if contexts.directories.contains(name) {
            return Ok(Base::Context(name.to_owned()));
        }
        if !contexts.images.contains(name) {
            if let Some(stage) = self.dockerfile.stage_before(name, index) {
                return Ok(Base::Stage(stage));
            }
            if self.dockerfile.stage_before(name, self.dockerfile.stages.len()).is_some() {
                return Err(at(
                    span,
                    format!("stage `{name}` does not stand above this one"),
                    Some("move the stage up: a stage can take only from stages above".to_owned()),
                ));
            }
        }
        match name.parse::<Reference>() {
            Ok(reference) => Ok(Base::Image(reference.to_string())),
            Err(error) => Err(at(span, error.to_string(), None)),
        }
    }

    fn check_platform(&self, word: &Word) -> Result<(), PlanError> {
        let text = self.expand(word)?;
        let platform: Platform =
            text.parse().map_err(|error| at(word.span, format!("{error}"), None))?;
        if self.wish.platform.accepts(&platform) {
            return Ok(());
        }
        Err(at(
            word.span,
            format!("cannot build for {platform} on {}", self.wish.platform),
            Some("the embedded builder runs only what this machine runs natively".to_owned()),
        ))
    }

    fn expand(&self, word: &Word) -> Result<String, PlanError> {
        let lookup = Lookup(|name: &str| self.globals.get(name).cloned());
        let expanded = self.expander.word(&word.text, &lookup);
        Ok(expanded.map_err(|error| expansion(word.span, &error))?)
    }
}

fn copy_source(instruction: &Instruction) -> Option<&Word> {
    match &instruction.kind {
        InstructionKind::Copy(copy) => copy.from.as_ref(),
        _ => None,
    }
}

//! Walks the instructions of the needed stages and says what each does, variables resolved.

use super::outline::{Outline, OutlineStage, Wish};
use super::sources::Words;
use super::state::{State, absolute};
use super::{
    Action, Base, Images, Plan, PlanError, RunAction, StagePlan, Step, at, closed, configure,
    input, mounts, refuse,
};
use crate::dockerfile::expand::{Expander, Lookup};
use crate::dockerfile::{
    Copy, Dockerfile, Instruction, InstructionKind, Run, Script, Stage, parse_instruction,
};
use crate::oci::Digest;
use crate::text::Span;
use std::collections::BTreeMap;

/// Makes the plan of an outline, once its images are known.
pub fn plan(
    dockerfile: &Dockerfile,
    outline: &Outline,
    wish: &Wish<'_>,
    images: &Images,
) -> Result<Plan, PlanError> {
    let expander = Expander::new(dockerfile.directives.escape);
    let mut ends: BTreeMap<usize, State> = BTreeMap::new();
    let mut stages = Vec::new();
    for outlined in &outline.stages {
        let Some(stage) = dockerfile.stages.get(outlined.index) else { continue };
        let state = match &outlined.base {
            Base::Stage(index) => ends.get(index).map(State::continued).unwrap_or_default(),
            Base::Image(reference) => match images.get(reference) {
                Some(image) => State::of_image(&image.config),
                None => {
                    return Err(at(
                        stage.from.span,
                        format!("image `{reference}` is missing"),
                        None,
                    ));
                }
            },
            Base::Scratch | Base::Context(_) => State::scratch(),
        };
        let walk = Walk { dockerfile, outline, wish, expander: &expander, stage, outlined };
        let (planned, state) = walk.stage(state)?;
        ends.insert(outlined.index, state);
        stages.push(planned);
    }
    let global = dockerfile.global_args.iter().flat_map(|argument| &argument.pairs);
    let declared = global
        .map(|pair| pair.name.text.clone())
        .chain(ends.into_values().flat_map(|state| state.declared))
        .collect();
    let unused_arguments = wish.arguments.unused(&declared);
    closed::mark(&mut stages);
    Ok(Plan { stages, target: outline.target, unused_arguments })
}

struct Walk<'a> {
    dockerfile: &'a Dockerfile,
    outline: &'a Outline,
    wish: &'a Wish<'a>,
    expander: &'a Expander,
    stage: &'a Stage,
    outlined: &'a OutlineStage,
}

/// Where an instruction stands: its own span, or for a trigger the `FROM`.
struct Place {
    id: String,
    input: Digest,
    span: Span,
    triggered: bool,
    /// Where it takes from, by the number of the mount.
    sources: BTreeMap<usize, Base>,
}

impl Walk<'_> {
    fn stage(&self, mut state: State) -> Result<(StagePlan, State), PlanError> {
        let mut steps = self.triggers(&mut state)?;
        for (index, instruction) in self.stage.instructions.iter().enumerate() {
            let Some(known) = self.outlined.inputs.get(index) else { continue };
            let place = Place {
                id: known.id.clone(),
                input: known.input,
                span: instruction.span,
                triggered: false,
                sources: self.sources(index),
            };
            steps.push(self.step(instruction, place, &mut state)?);
        }
        let planned = StagePlan {
            index: self.outlined.index,
            base: self.outlined.base.clone(),
            steps,
            config: state.config.clone(),
            author: state.author.clone(),
        };
        Ok((planned, state))
    }

    /// Where an instruction takes from, by the number of the mount.
    fn sources(&self, instruction: usize) -> BTreeMap<usize, Base> {
        let range = (instruction, 0)..(instruction + 1, 0);
        let sources = self.outlined.sources.range(range);
        sources.map(|((_, number), base)| (*number, base.clone())).collect()
    }

    /// The `ONBUILD` triggers of the base, which are spent by this.
    fn triggers(&self, state: &mut State) -> Result<Vec<Step>, PlanError> {
        let texts = std::mem::take(&mut state.config.on_build);
        let mut steps = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let step = self.trigger(number + 1, text, state);
            steps.push(step.map_err(|error| error.of_trigger(text, self.stage.from.span))?);
        }
        Ok(steps)
    }

    fn trigger(&self, number: usize, text: &str, state: &mut State) -> Result<Step, PlanError> {
        let trigger = parse_instruction(text, self.dockerfile.directives.escape)?;
        refuse::instruction(&trigger)?;
        if let InstructionKind::Copy(Copy { from: Some(from), .. }) = &trigger.kind {
            let message = "COPY --from is not supported in a trigger yet".to_owned();
            return Err(at(from.span, message, None));
        }
        if let Some((_, from)) = mounts::sources(&trigger.kind).first() {
            let message = "RUN --mount with `from` is not supported in a trigger yet".to_owned();
            return Err(at(from.span, message, None));
        }
        let place = Place {
            id: input::step_id(self.dockerfile, self.outlined.index, &format!("onbuild.{number}")),
            input: input::digest(&trigger, &state.arguments),
            span: self.stage.from.span,
            triggered: true,
            sources: BTreeMap::new(),
        };
        self.step(&trigger, place, state)
    }

    fn step(
        &self,
        instruction: &Instruction,
        place: Place,
        state: &mut State,
    ) -> Result<Step, PlanError> {
        let words = Words { expander: self.expander, state };
        let action = match &instruction.kind {
            InstructionKind::Run(run) => Action::Run(self.run(run, &place.sources, state)?),
            InstructionKind::Copy(copy) => {
                Action::Copy(words.copy(copy, place.sources.get(&0).cloned())?)
            }
            InstructionKind::Add(add) => Action::Copy(words.add(add)?),
            InstructionKind::Workdir(word) => {
                let path = absolute(&state.directory(), &words.word(word)?);
                state.config.working_dir.clone_from(&path);
                Action::MakeDirectory(path)
            }
            InstructionKind::Arg(argument) => {
                configure::argument(
                    argument,
                    self.wish.arguments,
                    &self.outline.globals,
                    self.expander,
                    state,
                )?;
                Action::Configure
            }
            _ => {
                configure::apply(instruction, self.expander, state)?;
                Action::Configure
            }
        };
        let script = instruction.normalized();
        let text = script.lines().next().unwrap_or_default().to_owned();
        Ok(Step {
            id: place.id,
            span: place.span,
            lines: self.dockerfile.lines.lines(place.span),
            created_by: created_by(&text, &action),
            text,
            script,
            input: place.input,
            triggered: place.triggered,
            // Known when all steps are.
            closed: false,
            action,
        })
    }

    fn run(
        &self,
        run: &Run,
        sources: &BTreeMap<usize, Base>,
        state: &State,
    ) -> Result<RunAction, PlanError> {
        let lookup = Lookup(|name: &str| state.variable(name));
        let mounts = mounts::resolve(
            &run.mounts,
            &state.directory(),
            &|text| self.expander.word(text, &lookup),
            &|number| sources.get(&number).cloned(),
        )?;
        let (argv, script) = match run.script() {
            Script::Exec(argv) => (argv, None),
            Script::Shell(text) => (state.shell().into_iter().chain([text]).collect(), None),
            Script::File { name, contents } => (Vec::new(), Some((name, contents))),
        };
        Ok(RunAction {
            argv,
            script,
            mounts,
            env: state.command_environment(self.wish.arguments.predefined()),
            user: state.config.user.clone(),
            cwd: state.directory(),
            network: run.network,
        })
    }
}

/// `RUN` as Docker's history shows it, with the shell; everything else as written.
fn created_by(text: &str, action: &Action) -> String {
    match action {
        Action::Run(run) if !run.argv.is_empty() => format!("RUN {}", run.argv.join(" ")),
        _ => text.to_owned(),
    }
}

//! Walks the instructions of the needed stages and says what each does, variables resolved.

use super::outline::{Outline, OutlineStage, Wish};
use super::state::{State, absolute, destination};
use super::{
    Action, Base, Chmod, CopyAction, Images, Plan, PlanError, RunAction, StagePlan, Step, at,
    configure, expansion, input, refuse,
};
use crate::dockerfile::expand::{Expander, Lookup};
use crate::dockerfile::{
    Add, Copy, Dockerfile, Instruction, InstructionKind, Network, Run, Script, Source, Stage, Word,
    parse_instruction,
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
        let walk =
            Walk { dockerfile, outline, wish, expander: &expander, ends: &ends, stage, outlined };
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
    Ok(Plan { stages, target: outline.target, unused_arguments })
}

struct Walk<'a> {
    dockerfile: &'a Dockerfile,
    outline: &'a Outline,
    wish: &'a Wish<'a>,
    expander: &'a Expander,
    /// The final states of the stages above.
    ends: &'a BTreeMap<usize, State>,
    stage: &'a Stage,
    outlined: &'a OutlineStage,
}

/// Where an instruction stands: its own span, or for a trigger the `FROM`.
struct Place {
    id: String,
    input: Digest,
    span: Span,
    triggered: bool,
    source: Option<Base>,
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
                source: self.outlined.sources.get(&index).cloned(),
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
        let place = Place {
            id: input::step_id(self.dockerfile, self.outlined.index, &format!("onbuild.{number}")),
            input: input::digest(&trigger, &state.arguments),
            span: self.stage.from.span,
            triggered: true,
            source: None,
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
            InstructionKind::Run(run) => Action::Run(self.run(run, state)),
            InstructionKind::Copy(copy) => Action::Copy(words.copy(copy, place.source.clone())?),
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
        state.closed = state.closed && self.keeps_closed(&action);
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
            closed: state.closed,
            action,
        })
    }

    /// Whether what `action` brings is known without the build context.
    fn keeps_closed(&self, action: &Action) -> bool {
        let Action::Copy(copy) = action else { return true };
        match &copy.from {
            None => copy.sources.is_empty(),
            Some(Base::Stage(index)) => self.ends.get(index).is_some_and(|state| state.closed),
            Some(Base::Image(_) | Base::Scratch) => true,
            Some(Base::Context(_)) => false,
        }
    }

    fn run(&self, run: &Run, state: &State) -> RunAction {
        let (argv, script) = match run.script() {
            Script::Exec(argv) => (argv, None),
            Script::Shell(text) => (state.shell().into_iter().chain([text]).collect(), None),
            Script::File { name, contents } => (Vec::new(), Some((name, contents))),
        };
        RunAction {
            argv,
            script,
            env: state.command_environment(self.wish.arguments.predefined()),
            user: state.config.user.clone(),
            cwd: state.directory(),
            network: run.network != Network::None,
        }
    }
}

/// `RUN` as Docker's history shows it, with the shell; everything else as written.
fn created_by(text: &str, action: &Action) -> String {
    match action {
        Action::Run(run) if !run.argv.is_empty() => format!("RUN {}", run.argv.join(" ")),
        _ => text.to_owned(),
    }
}

/// The words of `COPY` and `ADD`, expanded with a state.
struct Words<'a> {
    expander: &'a Expander,
    state: &'a State,
}

impl Words<'_> {
    fn copy(&self, copy: &Copy, from: Option<Base>) -> Result<CopyAction, PlanError> {
        let (sources, inline) = self.sources(&copy.sources)?;
        Ok(CopyAction {
            from,
            sources: sources.into_iter().map(|(path, _)| path).collect(),
            inline,
            destination: destination(&self.state.directory(), &self.word(&copy.destination)?),
            chown: self.optional(copy.chown.as_ref())?,
            chmod: self.mode(copy.chmod.as_ref())?,
            exclude: self.all(&copy.exclude)?,
            parents: copy.parents,
            extract: false,
        })
    }

    fn add(&self, add: &Add) -> Result<CopyAction, PlanError> {
        let (sources, inline) = self.sources(&add.sources)?;
        for (path, word) in &sources {
            refuse::remote_source(path, word)?;
        }
        Ok(CopyAction {
            from: None,
            sources: sources.into_iter().map(|(path, _)| path).collect(),
            inline,
            destination: destination(&self.state.directory(), &self.word(&add.destination)?),
            chown: self.optional(add.chown.as_ref())?,
            chmod: self.mode(add.chmod.as_ref())?,
            exclude: self.all(&add.exclude)?,
            parents: false,
            extract: add.unpack.unwrap_or(true),
        })
    }

    #[expect(clippy::type_complexity, reason = "two lists that are made in one pass")]
    fn sources<'s>(
        &self,
        sources: &'s [Source],
    ) -> Result<(Vec<(String, &'s Word)>, Vec<(String, String)>), PlanError> {
        let (mut paths, mut inline) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                Source::Path(word) => paths.push((self.word(word)?, word)),
                Source::Heredoc(heredoc) => {
                    let text = heredoc.contents();
                    let lookup = Lookup(|name: &str| self.state.variable(name));
                    let text = if heredoc.expand {
                        let expanded = self.expander.heredoc(&text, &lookup);
                        expanded.map_err(|error| expansion(heredoc.body_span, &error))?
                    } else {
                        text.into_owned()
                    };
                    inline.push((heredoc.name.clone(), text));
                }
            }
        }
        Ok((paths, inline))
    }

    fn all(&self, words: &[Word]) -> Result<Vec<String>, PlanError> {
        words.iter().map(|word| self.word(word)).collect()
    }

    fn mode(&self, word: Option<&Word>) -> Result<Option<Chmod>, PlanError> {
        let Some(word) = word else { return Ok(None) };
        let mode = Chmod::parse(&self.word(word)?);
        mode.map(Some).map_err(|error| at(word.span, error.to_string(), error.hint()))
    }

    fn optional(&self, word: Option<&Word>) -> Result<Option<String>, PlanError> {
        word.map(|word| self.word(word)).transpose()
    }

    fn word(&self, word: &Word) -> Result<String, PlanError> {
        let lookup = Lookup(|name: &str| self.state.variable(name));
        let expanded = self.expander.word(&word.text, &lookup);
        Ok(expanded.map_err(|error| expansion(word.span, &error))?)
    }
}

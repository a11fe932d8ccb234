//! Instructions that change only the state of a stage: variables and the image's config.

use super::signal::SignalError;
use super::state::State;
use super::{Arguments, PlanError, at, expansion, signal};
use crate::dockerfile::expand::{Expander, Lookup};
use crate::dockerfile::{
    Arg, Command, Env, Expose, Healthcheck, Instruction, InstructionKind, Label, Test, Word, ports,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// `ARG`: a given value wins over the default, which wins over what is known globally.
pub(super) fn argument(
    argument: &Arg,
    given: &Arguments,
    globals: &BTreeMap<String, String>,
    expander: &Expander,
    state: &mut State,
) -> Result<(), PlanError> {
    for pair in &argument.pairs {
        let name = expand(&pair.name, expander, state)?;
        let default =
            pair.value.as_ref().map(|value| expand(value, expander, state)).transpose()?;
        let value = match (given.given(&name), default) {
            (Some(given), _) => Some(given.to_owned()),
            (None, Some(default)) => Some(default),
            (None, None) => globals
                .get(&name)
                .map(String::as_str)
                .or_else(|| given.of_platform(&name))
                .map(str::to_owned),
        };
        match value {
            Some(value) => drop(state.arguments.insert(name.clone(), value)),
            None => drop(state.arguments.remove(&name)),
        }
        state.declared.insert(name);
    }
    Ok(())
}

/// Every other instruction that changes no file.
pub(super) fn apply(
    instruction: &Instruction,
    expander: &Expander,
    state: &mut State,
) -> Result<(), PlanError> {
    match &instruction.kind {
        InstructionKind::Env(env) => environment(env, expander, state)?,
        InstructionKind::Label(label) => labels(label, expander, state)?,
        InstructionKind::Expose(expose) => exposed(expose, expander, state)?,
        InstructionKind::Volume(volume) => {
            for path in &volume.paths {
                let path = expand(path, expander, state)?;
                state.config.volumes.insert(path);
            }
        }
        InstructionKind::User(user) => state.config.user = expand(user, expander, state)?,
        InstructionKind::Stopsignal(word) => {
            let name = expand(word, expander, state)?;
            signal::check(&name).map_err(|error| {
                at(word.span, error.to_string(), Some(SignalError::HINT.to_owned()))
            })?;
            state.config.stop_signal = Some(name);
        }
        InstructionKind::Shell(shell) => state.config.shell = Some(texts(&shell.arguments)),
        InstructionKind::Cmd(command) => {
            state.config.cmd = Some(arguments_of(command, state));
            state.has_cmd = true;
        }
        InstructionKind::Entrypoint(command) => {
            state.config.entrypoint = Some(arguments_of(command, state));
            if !state.has_cmd {
                state.config.cmd = None;
            }
        }
        InstructionKind::Healthcheck(check) => {
            state.config.healthcheck = Some(healthcheck(check));
        }
        InstructionKind::Onbuild(onbuild) => state.config.on_build.push(onbuild.text.clone()),
        InstructionKind::Maintainer(name) => state.author = Some(name.text.clone()),
        // These make layers, or are handled where the arguments are.
        InstructionKind::Run(_)
        | InstructionKind::Copy(_)
        | InstructionKind::Add(_)
        | InstructionKind::Workdir(_)
        | InstructionKind::Arg(_) => {}
    }
    Ok(())
}

/// All pairs of one `ENV` see the values from before it.
fn environment(env: &Env, expander: &Expander, state: &mut State) -> Result<(), PlanError> {
    let before = state.clone();
    for pair in &env.pairs {
        let key = expand(&pair.key, expander, &before)?;
        let value = expand(&pair.value, expander, &before)?;
        state.set_environment(&key, &value);
    }
    Ok(())
}

fn labels(label: &Label, expander: &Expander, state: &mut State) -> Result<(), PlanError> {
    for pair in &label.pairs {
        let key = expand(&pair.key, expander, state)?;
        let value = expand(&pair.value, expander, state)?;
        state.config.labels.insert(key, value);
    }
    Ok(())
}

fn exposed(expose: &Expose, expander: &Expander, state: &mut State) -> Result<(), PlanError> {
    for word in &expose.ports {
        let lookup = Lookup(|name: &str| state.variable(name));
        let specifications =
            expander.words(&word.text, &lookup).map_err(|error| expansion(word.span, &error))?;
        for specification in specifications {
            let ports = ports(&specification)
                .map_err(|error| at(word.span, error.to_string(), error.hint()))?;
            state.config.exposed_ports.extend(ports);
        }
    }
    Ok(())
}

/// A shell form becomes the shell's arguments.
fn arguments_of(command: &Command, state: &State) -> Vec<String> {
    match command {
        Command::Exec { arguments, .. } => texts(arguments),
        Command::Shell { text, .. } => state.shell().into_iter().chain([text.clone()]).collect(),
    }
}

/// Docker's form of a health check; durations in nanoseconds.
fn healthcheck(check: &Healthcheck) -> serde_json::Value {
    let test = match &check.test {
        Test::None => vec!["NONE".to_owned()],
        Test::Command(Command::Exec { arguments, .. }) => {
            std::iter::once("CMD".to_owned()).chain(texts(arguments)).collect()
        }
        Test::Command(Command::Shell { text, .. }) => vec!["CMD-SHELL".to_owned(), text.clone()],
    };
    let mut document = json!({ "Test": test });
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let durations = [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ];
    if let Some(fields) = document.as_object_mut() {
        for (name, duration) in durations {
            fields.extend(duration.map(|value| (name.to_owned(), json!(nanoseconds(value)))));
        }
        fields.extend(check.retries.map(|retries| ("Retries".to_owned(), json!(retries))));
    }
    document
}

fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.text.clone()).collect()
}

fn expand(word: &Word, expander: &Expander, state: &State) -> Result<String, PlanError> {
    let lookup = Lookup(|name: &str| state.variable(name));
    let expanded = expander.word(&word.text, &lookup);
    Ok(expanded.map_err(|error| expansion(word.span, &error))?)
}

//! What the language has and the embedded builder does not do yet: refused before anything is built.

use super::{PlanError, at, remote};
use crate::dockerfile::{Add, Dockerfile, Instruction, InstructionKind, Run, Security, Source};
use crate::text::Span;

/// Frontends whose language is the one that rlock reads.
const FRONTENDS: [&str; 3] =
    ["docker/dockerfile", "docker.io/docker/dockerfile", "docker/dockerfile-upstream"];

/// Refuses a `# syntax=` that asks for another language.
pub(super) fn frontend(dockerfile: &Dockerfile) -> Result<(), PlanError> {
    let Some(syntax) = &dockerfile.directives.syntax else { return Ok(()) };
    let image = syntax.value.split(['@', ' ']).next().unwrap_or_default();
    let name = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    if FRONTENDS.contains(&name) {
        return Ok(());
    }
    Err(at(
        syntax.span,
        format!("the frontend `{}` is not supported", syntax.value),
        Some("rlock reads the language of docker/dockerfile itself".to_owned()),
    ))
}

/// Refuses what an instruction asks for and the builder does not do.
pub(super) fn instruction(instruction: &Instruction) -> Result<(), PlanError> {
    match &instruction.kind {
        InstructionKind::Run(run) => refuse_run(instruction, run),
        InstructionKind::Add(add) => refuse_add(add),
        _ => Ok(()),
    }
}

fn refuse_run(instruction: &Instruction, run: &Run) -> Result<(), PlanError> {
    if !run.devices.is_empty() {
        return Err(unsupported(flag(instruction, "device"), "RUN --device"));
    }
    match run.security {
        Security::Sandbox => Ok(()),
        Security::Insecure => {
            Err(unsupported(flag(instruction, "security"), "RUN --security=insecure"))
        }
    }
}

/// Finds what is no source, before any image is looked at, where there are no variables in it.
fn refuse_add(add: &Add) -> Result<(), PlanError> {
    add.sources.iter().try_for_each(|source| match source {
        Source::Path(word) if !word.text.contains(['$', '\\', '`']) => {
            match remote::classify(&word.text) {
                Some(Err(error)) => Err(at(word.span, error.message, error.hint)),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    })
}

fn unsupported(span: Span, what: &str) -> PlanError {
    at(span, format!("{what} is not supported by the embedded builder yet"), None)
}

fn flag(instruction: &Instruction, name: &str) -> Span {
    let flag = instruction.flags.iter().find(|flag| flag.name.text == name);
    flag.map_or(instruction.keyword_span, |flag| flag.span)
}

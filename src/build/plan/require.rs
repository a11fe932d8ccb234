//! Secrets and agents that a plan cannot do without.

use super::{Plan, PlanError, RunMountKind, at};
use std::collections::BTreeSet;

/// Refuses a plan that requires a secret or an agent that is not among the given ids.
pub fn require(
    plan: &Plan,
    secrets: &BTreeSet<String>,
    agents: &BTreeSet<String>,
) -> Result<(), PlanError> {
    for mount in plan.steps().flat_map(super::Step::mounts) {
        match &mount.kind {
            RunMountKind::Secret { id, required: true, .. } if !secrets.contains(id) => {
                let hint = format!("give it: `--secret id={id},src=FILE` or `id={id},env=NAME`");
                return Err(at(mount.span, missing("secret", id, secrets), Some(hint)));
            }
            RunMountKind::Ssh { id, required: true, .. } if !agents.contains(id) => {
                let hint = match id.as_str() {
                    "default" => "start an agent, and give it: `--ssh default`".to_owned(),
                    id => format!("give it: `--ssh {id}=SOCKET`"),
                };
                return Err(at(mount.span, missing("SSH agent", id, agents), Some(hint)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn missing(what: &str, id: &str, given: &BTreeSet<String>) -> String {
    let given: Vec<String> = given.iter().map(|id| format!("`{id}`")).collect();
    let others = match given.len() {
        0 => String::new(),
        _ => format!("; given are {}", given.join(", ")),
    };
    format!("the {what} `{id}` is required and not given{others}")
}

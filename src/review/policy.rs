//! What a change does to the rules that it is judged by: to `rlock.toml`, and to the data that it names.
//!
//! A change is judged by the rules that were there before it. What it would loosen is told, so that
//! nobody says yes to it unseen.

use super::evidence::Checked;
use super::risk::{Flag, Risk, Risks, Unchecked};
use crate::finding::Location;
use std::collections::BTreeSet;

/// One thing that the new side would let pass, believe or ask that the old one does not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyChange {
    /// What of the file: `[[key]] keys/archive.asc`.
    pub subject: String,
    /// What is otherwise: lower case, a few words.
    pub detail: String,
    /// The line of the new file; none where it is no longer there.
    pub location: Option<Location>,
}

/// What would be loosened, as flags.
pub(super) fn flag(policy: &Checked<Vec<PolicyChange>>, risks: &mut Risks) {
    match policy {
        Checked::Known(changes) => risks.flags.extend(changes.iter().map(|change| Flag {
            risk: Risk::Policy,
            subject: change.subject.clone(),
            detail: change.detail.clone(),
            steps: BTreeSet::new(),
            package: None,
            paths: Vec::new(),
        })),
        Checked::Not(reason) => risks.unchecked.push(Unchecked {
            risk: Risk::Policy,
            subject: String::new(),
            reason: reason.clone(),
        }),
    }
}

/// Where the change is that a flag tells.
pub(super) fn location(policy: &Checked<Vec<PolicyChange>>, flag: &Flag) -> Option<Location> {
    let mut changes = policy.known().into_iter().flatten();
    let is_it = |change: &&PolicyChange| {
        flag.risk == Risk::Policy
            && (&change.subject, &change.detail) == (&flag.subject, &flag.detail)
    };
    changes.find(is_it)?.location.clone()
}

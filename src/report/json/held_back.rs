//! What stays behind, in every document that tells of it.

use super::parts;
use crate::report::HeldBack;
use serde_json::{Value, json};

pub(super) fn all(all: &[HeldBack]) -> Value {
    all.iter().map(one).collect()
}

fn one(held: &HeldBack) -> Value {
    let published = held.published.and_then(|at| jiff::Timestamp::from_second(at).ok());
    parts::object([
        ("type", Some(json!(held.kind))),
        ("name", Some(json!(held.name))),
        ("architecture", (!held.architecture.is_empty()).then(|| json!(held.architecture))),
        ("locked", held.locked.as_ref().map(|version| json!(version))),
        ("available", Some(json!(held.available))),
        ("cause", Some(json!(held.cause.name()))),
        ("reason", Some(json!(held.reason))),
        ("published", published.map(|at| json!(at.to_string()))),
        ("security", Some(json!(held.security))),
        ("way_out", held.way_out.as_ref().map(|it| json!(it))),
    ])
}

//! Reports as JSON, which must be what their schemas say.

use crate::world::{Ran, World};
use serde_json::Value;

#[path = "../../src/report/json/validator.rs"]
mod validator;

/// The report on stdout, which must follow the schema that it names.
#[track_caller]
pub(crate) fn report(world: &World, ran: &Ran) -> Value {
    let report = ran.json();
    let name = report["schema"].as_str().unwrap();
    let command = name.strip_prefix("rlock.").and_then(|name| name.strip_suffix("/1"));
    let schema = world.rlock(&["schema", command.unwrap()]).expect(0).json();
    let errors = validator::errors(&schema, &report);
    assert!(errors.is_empty(), "{}\n{report:#}", errors.join("\n"));
    report
}

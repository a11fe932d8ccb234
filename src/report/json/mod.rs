//! Reports for programs: one JSON document, with the version of its schema in it.
//!
//! The order of keys and elements is fixed and there is no time in it unless asked for, so that two
//! runs over the same thing give the same bytes. Within a major version fields are only added.

mod advisories;
mod check;
mod diff;
mod held_back;
mod lifecycle;
mod lock;
mod parts;
mod proof;
mod review;
mod schema;
mod store_status;
mod update;
mod verify;
mod write;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::report) mod validator;

pub use check::check;
pub use diff::diff;
pub use lock::lock;
pub use proof::proof;
pub use review::review;
pub use schema::SchemaName;
pub use store_status::store_status;
pub use update::{outdated, update};
pub use verify::verify;
pub(in crate::report) use write::write_value;

use super::{Failure, FindingsExit, Status, inert};
use serde_json::{Map, Value, json};
use write::write;

/// What a document says beyond what was found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What `--exit-zero` asks for: the document carries the exit code of the process.
    pub findings_exit: FindingsExit,
    /// Whether it says how long things took.
    pub timings: TimingsShown,
}

/// Whether durations are in the document. They differ from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimingsShown {
    /// They are not.
    #[default]
    No,
    /// `--timings`.
    Yes,
}

/// A command that could not do what it was asked to do, in the schema of its report.
pub fn failure(failure: &Failure, options: Options) -> String {
    let mut document = head(&failure.command, failure.status, options);
    let output: Vec<String> = failure.output.iter().map(|line| inert::bytes(line)).collect();
    let error = parts::object([
        ("message", Some(json!(failure.message))),
        ("location", failure.location.as_ref().map(parts::location)),
        ("output", (!output.is_empty()).then(|| json!(output))),
        ("hint", failure.hint.as_ref().map(|hint| json!(hint))),
    ]);
    document.insert("error".to_owned(), error);
    write(&document)
}

/// What every document starts with.
fn head(command: &str, status: Status, options: Options) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("schema".to_owned(), json!(format!("rlock.{command}/1")));
    let tool = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    document.insert("tool".to_owned(), tool);
    document.insert("status".to_owned(), json!(status.name()));
    document.insert("exit_code".to_owned(), json!(status.exit_code(options.findings_exit)));
    document
}

//! Reports for programs: one JSON document, with the version of its schema in it.
//!
//! The order of keys and elements is fixed and there is no time in it unless asked for, so that two
//! runs over the same thing give the same bytes. Within a major version fields are only added.

mod check;
mod diff;
mod lock;
mod parts;
mod schema;
mod store_status;
mod verify;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod validator;

pub use check::check;
pub use diff::diff;
pub use lock::lock;
pub use schema::SchemaName;
pub use store_status::store_status;
pub use verify::verify;

use super::{Failure, FindingsExit, Status, inert};
use serde_json::ser::{Formatter, PrettyFormatter};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

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

/// Writes a document with a newline at its end.
fn write(document: &Map<String, Value>) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Inert::default());
    // Strings as keys and a Vec as target: there is nothing that could fail.
    let written = serde::Serialize::serialize(document, &mut serializer);
    debug_assert!(written.is_ok(), "a JSON document could not be written");
    bytes.push(b'\n');
    String::from_utf8(bytes).unwrap_or_default()
}

/// Pretty JSON whose strings do nothing to a terminal that shows them: what is not inert is
/// written as an escape sequence of JSON, so the value stays the same.
#[derive(Default)]
struct Inert<'a> {
    pretty: PrettyFormatter<'a>,
}

impl Formatter for Inert<'_> {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let (mut written, mut previous) = (0, None);
        for (at, character) in fragment.char_indices() {
            // `##[` is a command to a CI system that reads the document in its log.
            let doubled = character == '#' && previous == Some('#');
            previous = Some(character);
            if inert::is_inert(character) && !doubled {
                continue;
            }
            writer.write_all(fragment.get(written..at).unwrap_or_default().as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            written = at + character.len_utf8();
        }
        writer.write_all(fragment.get(written..).unwrap_or_default().as_bytes())
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

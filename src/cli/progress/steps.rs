//! What is known of each step while it runs: events become lines of text.

use crate::build::event::{BuildName, Event, EventKind, OutputStream, Place};
use crate::report::{inert, words};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes that are kept of a line; the rest is cut off.
const LINE_BYTES_MAX: usize = 4096;
/// Characters of an instruction that are shown.
const NAME_MAX: usize = 60;

/// A line to show, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Moment {
    /// A step started.
    Started(String),
    /// A step is somewhere.
    Underway(String),
    /// A step wrote a line.
    Wrote(String),
    /// A step ended.
    Ended(String),
}

impl Moment {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Started(text) | Self::Underway(text) | Self::Wrote(text) | Self::Ended(text) => {
                text
            }
        }
    }
}

/// Every step that has started.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: BTreeMap<(BuildName, Arc<str>), Step>,
}

#[derive(Debug)]
struct Step {
    /// `[A 1/2]`, or nothing.
    label: String,
    /// `[A 1/2] RUN apt-get update`.
    title: String,
    standard: OpenLine,
    error: OpenLine,
    moved: Option<u64>,
}

/// A line that a stream has not ended yet. Each stream has its own, so that what one writes does not
/// end up within a line of the other.
#[derive(Debug, Default)]
struct OpenLine {
    bytes: Vec<u8>,
    /// Whether a carriage return came last.
    returned: bool,
}

impl Steps {
    /// Takes an event and says what to show for it. Events of a step that did not start are ignored.
    pub(super) fn take(&mut self, event: &Event) -> Vec<Moment> {
        let key = (event.build, Arc::clone(&event.step));
        if let EventKind::Started { name, place } = &event.kind {
            let step = Step::new(event.build, name, *place);
            let moment = Moment::Started(format!("{} …", step.title));
            self.steps.insert(key, step);
            return vec![moment];
        }
        let Some(step) = self.steps.get_mut(&key) else { return Vec::new() };
        match &event.kind {
            EventKind::Started { .. } => Vec::new(),
            EventKind::Output { stream, bytes } => step.write(*stream, bytes),
            EventKind::Transferred { done, total } => {
                step.moved = Some(*done);
                vec![Moment::Underway(step.moving(*done, *total))]
            }
            EventKind::Finished { elapsed } => step.end(&words::seconds(*elapsed)),
            EventKind::Cached => step.end("cached"),
            EventKind::Failed { elapsed } => {
                step.end(&format!("failed after {}", words::seconds(*elapsed)))
            }
            EventKind::Stopped { elapsed } => {
                step.end(&format!("stopped after {}", words::seconds(*elapsed)))
            }
        }
    }
}

impl Step {
    fn new(build: BuildName, name: &str, place: Option<Place>) -> Self {
        let place = place.map(|place| format!("{}/{}", place.number, place.total));
        let build = (build != BuildName::Only).then(|| build.to_string());
        let parts: Vec<String> = build.into_iter().chain(place).collect();
        let label = if parts.is_empty() { String::new() } else { format!("[{}]", parts.join(" ")) };
        let name = inert::shorten_end(&inert::text(&one_line(name)), NAME_MAX);
        let title = if label.is_empty() { name } else { format!("{label} {name}") };
        Self {
            label,
            title,
            standard: OpenLine::default(),
            error: OpenLine::default(),
            moved: None,
        }
    }

    /// Cuts bytes into lines. A carriage return starts a line anew, as it does on a terminal, so
    /// that of a progress bar only the last state stays.
    fn write(&mut self, stream: OutputStream, bytes: &[u8]) -> Vec<Moment> {
        let open = match stream {
            OutputStream::Standard => &mut self.standard,
            OutputStream::Error => &mut self.error,
        };
        let mut ended = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => ended.push(std::mem::take(open).bytes),
                b'\r' => open.returned = true,
                byte => {
                    if std::mem::take(&mut open.returned) {
                        open.bytes.clear();
                    }
                    if open.bytes.len() < LINE_BYTES_MAX {
                        open.bytes.push(*byte);
                    }
                }
            }
        }
        ended.into_iter().map(|line| self.written(&line)).collect()
    }

    fn written(&self, line: &[u8]) -> Moment {
        let line = anstream::adapter::strip_bytes(line).into_vec();
        let text = inert::bytes(&line);
        let shown = if self.label.is_empty() { text } else { format!("{} {text}", self.label) };
        Moment::Wrote(shown)
    }

    fn end(&mut self, how: &str) -> Vec<Moment> {
        let open = [std::mem::take(&mut self.standard), std::mem::take(&mut self.error)];
        let open = open.into_iter().filter(|line| !line.bytes.is_empty());
        let open: Vec<Moment> = open.map(|line| self.written(&line.bytes)).collect();
        let size = self.moved.map(|bytes| format!(", {}", words::size(bytes))).unwrap_or_default();
        let ended = Moment::Ended(format!("{} … {how}{size}", self.title));
        open.into_iter().chain([ended]).collect()
    }

    fn moving(&self, done: u64, total: Option<u64>) -> String {
        let of = total.map(|total| format!(" of {}", words::size(total))).unwrap_or_default();
        format!("{} {}{of}", self.title, words::size(done))
    }
}

/// An instruction on one line: continuation lines joined, white space as single spaces.
pub(in crate::cli) fn one_line(instruction: &str) -> String {
    let joined = instruction.replace("\\\r\n", " ").replace("\\\n", " ");
    let first = joined.trim().lines().next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

//! Errors for people: the chain of what went wrong, the place in the Dockerfile with a caret, what
//! the step wrote, and the way out.

#[cfg(test)]
mod tests;

use super::progress::one_line;
use crate::finding::Location;
use crate::report::{Failure, Status, inert};
use crate::text::{LineIndex, Span};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use std::error::Error;
use std::path::PathBuf;

/// Lines of output that are shown of a step that failed.
pub const OUTPUT_LINES_MAX: usize = 20;
/// Lines of an instruction that are shown, from its beginning.
const EXCERPT_LINES_MAX: usize = 12;
/// Bytes of a line of an excerpt or of output that are shown.
const LINE_BYTES_MAX: usize = 1000;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const BOLD: Style = Style::new().bold();

/// One error, on its way to the user.
#[derive(Debug, Clone, Default)]
pub struct Diagnostic {
    message: String,
    excerpt: Option<Excerpt>,
    output: Vec<Vec<u8>>,
    hint: Option<String>,
}

/// A place in a text, shown with carets below it.
#[derive(Debug, Clone)]
pub struct Excerpt {
    /// The file as the user named it.
    pub path: PathBuf,
    /// All of its bytes.
    pub source: Vec<u8>,
    /// The place.
    pub span: Span,
    /// What is said below the carets; may be empty.
    pub label: String,
}

impl Diagnostic {
    /// An error with this message: lower case, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// An error with all its sources in one line. A source that its error repeats is not repeated.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.ends_with(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::new(message)
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub fn context(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Shows the place.
    #[must_use]
    pub fn excerpt(mut self, excerpt: Excerpt) -> Self {
        self.excerpt = Some(excerpt);
        self
    }

    /// Shows the last lines that a step wrote.
    #[must_use]
    pub fn output(mut self, lines: Vec<Vec<u8>>) -> Self {
        self.output = lines;
        self
    }

    /// Shows the way out, where there is one.
    #[must_use]
    pub fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// The text, with colours that `anstream` takes out where they do not belong.
    pub fn render(&self) -> String {
        let mut text = format!("{ERROR}error{ERROR:#}: {}\n", lines_of(&self.message, "  "));
        if let Some(excerpt) = &self.excerpt {
            text.push_str(&excerpt.render());
        }
        if !self.output.is_empty() {
            text.push_str(&self.rendered_output());
        }
        if let Some(hint) = &self.hint {
            text = format!("{text}{HINT}hint{HINT:#}: {}\n", lines_of(hint, "  "));
        }
        text
    }

    fn rendered_output(&self) -> String {
        let skipped = self.output.len().saturating_sub(OUTPUT_LINES_MAX);
        let shown = self.output.iter().skip(skipped).map(|line| {
            let cut = line.get(..LINE_BYTES_MAX.min(line.len())).unwrap_or_default();
            let plain = anstream::adapter::strip_bytes(cut).into_vec();
            format!("  | {}\n", inert::bytes(&plain))
        });
        format!("{BOLD}it wrote{BOLD:#}, at the end:\n{}", shown.collect::<String>())
    }

    /// The same for programs.
    pub fn failure(&self, command: &str, status: Status) -> Failure {
        Failure {
            command: command.to_owned(),
            status,
            message: self.message.clone(),
            location: self.excerpt.as_ref().map(Excerpt::location),
            output: self.output.clone(),
            hint: self.hint.clone(),
        }
    }
}

impl Excerpt {
    fn location(&self) -> Location {
        let (start_line, end_line) = LineIndex::new(&self.source).lines(self.clamped());
        let text = String::from_utf8_lossy(self.clamped().of(&self.source)).into_owned();
        Location { file: self.path.clone(), start_line, end_line, instruction: one_line(&text) }
    }

    /// The span within the text, whatever it was.
    fn clamped(&self) -> Span {
        let end = self.span.end.min(self.source.len());
        Span { start: self.span.start.min(end), end }
    }

    fn render(&self) -> String {
        let (shown, span, first) = self.cut();
        let text = inert::same_length(shown);
        let annotation = AnnotationKind::Primary.span(on_characters(&text, span));
        let annotation = match self.label.as_str() {
            "" => annotation,
            label => annotation.label(inert::text(label)),
        };
        let snippet = Snippet::source(text)
            .path(inert::text(&self.path.to_string_lossy()))
            .line_start(first)
            .annotation(annotation);
        let report = [Level::ERROR.no_name().primary_title("-").element(snippet)];
        let rendered = Renderer::styled().render(&report);
        // The title is printed by `render` of the diagnostic, so that it is never cut.
        let without_title = rendered.split_once('\n').map_or("", |(_, rest)| rest);
        format!("{without_title}\n")
    }

    /// The lines of the span and the one before it, cut to what is worth reading: their text, the
    /// span within it, and the number of the first.
    fn cut(&self) -> (&[u8], Span, usize) {
        let span = self.clamped();
        let line_start = |offset: usize| {
            let before = self.source.get(..offset).unwrap_or_default();
            before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
        };
        let of_span = line_start(span.start);
        let start = if of_span == 0 { 0 } else { line_start(of_span - 1) };
        let long = of_span - start > LINE_BYTES_MAX || span.start - of_span > LINE_BYTES_MAX;
        let start =
            if long { of_span.max(span.start.saturating_sub(LINE_BYTES_MAX)) } else { start };
        let rest = self.source.get(span.start..).unwrap_or_default();
        let newlines = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let lines = newlines.map(|(at, _)| span.start + at);
        let wanted = lines.clone().filter(|end| *end >= span.end);
        let end_of_span = wanted.clone().next().unwrap_or(self.source.len());
        let end_of_last = lines.clone().nth(EXCERPT_LINES_MAX - 1).unwrap_or(self.source.len());
        let bytes_max = span.start + EXCERPT_LINES_MAX * LINE_BYTES_MAX;
        let end = end_of_span.min(end_of_last).min(bytes_max);
        let first = LineIndex::new(&self.source).line(start);
        let shown = self.source.get(start..end).unwrap_or_default();
        let span = Span { start: span.start - start, end: span.end.min(end) - start };
        (shown, span, first)
    }
}

/// The span widened to whole characters of `text`.
fn on_characters(text: &str, span: Span) -> std::ops::Range<usize> {
    text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end)
}

/// Text of several lines, made inert line by line.
fn lines_of(text: &str, indent: &str) -> String {
    let lines: Vec<String> = text.lines().map(inert::text).collect();
    lines.join(&format!("\n{indent}"))
}

//! Heredocs: `<<NAME` in `RUN`, `COPY` and `ADD`, and the lines below up to `NAME`.
//!
//! <https://docs.docker.com/reference/dockerfile/#here-documents>

use super::expand::{Mode, lex};
use super::line::{Reader, Text};
use super::{HEREDOCS_MAX, ParseError};
use crate::text::Span;
use std::borrow::Cow;
use std::ops::Range;

/// A heredoc: its marker, its body and its terminator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends the body, without quotes; also the file name in `COPY` and `ADD`.
    pub name: String,
    /// Whether variables in the body are expanded: not if any part of the name is quoted.
    pub expand: bool,
    /// Whether tabs at the start of lines do not count: `<<-`.
    pub strip_tabs: bool,
    /// The number before `<<`; 0 if there is none.
    pub descriptor: u32,
    /// The marker, from the number to the name.
    pub marker: Span,
    /// The lines of the body as written, tabs and line ends included.
    pub body: String,
    /// Where the body stands.
    pub body_span: Span,
    /// The line that ends the body, without its line end.
    pub terminator: Span,
}

impl Heredoc {
    /// The body without the tabs that `<<-` strips.
    pub fn contents(&self) -> Cow<'_, str> {
        if !self.strip_tabs {
            return Cow::Borrowed(&self.body);
        }
        self.body.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// A heredoc whose body is not read yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marker {
    name: String,
    expand: bool,
    strip_tabs: bool,
    descriptor: u32,
    span: Span,
}

/// The markers of a line, in order.
pub(super) fn markers(line: Text<'_>) -> Result<Vec<Marker>, ParseError> {
    let string = line.as_str();
    // A line that the lexer cannot read opens no heredocs: the shell may still make sense of it.
    let Ok(lexed) = lex(string, Mode::KEEP_ALL) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut arithmetic_until = 0;
    let last_close = string.rfind("))").unwrap_or(0);
    for word in lexed.words {
        if word.start < arithmetic_until {
            continue;
        }
        let may_be_arithmetic = word.end < last_close;
        if may_be_arithmetic && let Some(end) = arithmetic_end(string, word.start..word.end) {
            arithmetic_until = end;
        } else if let Some(marker) = marker(line.slice(word.start..word.end), &word.text)? {
            found.push(marker);
        }
    }
    if found.len() > HEREDOCS_MAX {
        let message = format!("more than {HEREDOCS_MAX} heredocs in one instruction");
        return Err(ParseError::new(line.span(), message));
    }
    Ok(found)
}

/// Where an arithmetic expansion ends that a word opens and a later word closes: in
/// `$(( 1 << n ))` there is no heredoc. (`BuildKit` sees one there, and fails for want of its end.)
fn arithmetic_end(string: &str, word: Range<usize>) -> Option<usize> {
    let (_, inside) = string.get(word.clone())?.rsplit_once("$((")?;
    let is_quoted = string.get(word.clone())?.contains(['\'', '"']);
    if inside.contains("))") || is_quoted {
        return None;
    }
    string.get(word.end..)?.find("))").map(|at| word.end + at)
}

/// Reads one word as a marker: digits, `<<`, perhaps `-`, and a single word.
pub(super) fn marker(place: Text<'_>, word: &str) -> Result<Option<Marker>, ParseError> {
    let after_digits = word.trim_start_matches(|char: char| char.is_ascii_digit());
    let Some(rest) = after_digits.strip_prefix("<<") else { return Ok(None) };
    let (strip_tabs, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start_matches(|char: char| char.is_ascii_whitespace());
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let unquoted = lex(rest, Mode::KEEP_UNSET)
        .map_err(|error| ParseError::new(place.span(), format!("wrong heredoc name: {error}")))?;
    let [name] = unquoted.words.as_slice() else { return Ok(None) };
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    // An escaped quote is in both, so a difference means that part of the name is quoted.
    let quoted = lex(rest, Mode::KEEP_QUOTES)
        .is_ok_and(|raw| raw.words.iter().any(|raw| quotes(&raw.text) != quotes(&name.text)));
    let digits = word.get(..word.len() - after_digits.len()).unwrap_or_default();
    Ok(Some(Marker {
        name: name.text.clone(),
        expand: !quoted,
        strip_tabs,
        descriptor: if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u32::MAX) },
        span: place.span(),
    }))
}

/// Reads the bodies of all markers off the lines below, in order.
pub(super) fn bodies(
    reader: &mut Reader<'_>,
    source: &[u8],
    markers: Vec<Marker>,
) -> Result<Vec<Heredoc>, ParseError> {
    markers.into_iter().map(|marker| body(reader, source, marker)).collect()
}

fn body(reader: &mut Reader<'_>, source: &[u8], marker: Marker) -> Result<Heredoc, ParseError> {
    let start = reader.offset();
    while let Some((line, whole)) = reader.physical_line() {
        let text = line.of(source);
        let tabs = text.iter().take_while(|byte| **byte == b'\t').count();
        let terminator =
            Span::new(if marker.strip_tabs { line.start + tabs } else { line.start }, line.end);
        if terminator.of(source) == marker.name.as_bytes() {
            let body_span = Span::new(start, whole.start);
            return Ok(Heredoc {
                name: marker.name,
                expand: marker.expand,
                strip_tabs: marker.strip_tabs,
                descriptor: marker.descriptor,
                marker: marker.span,
                body: reader.utf8(body_span)?.to_owned(),
                body_span,
                terminator,
            });
        }
    }
    let message = format!("unterminated heredoc `{}`", marker.name);
    let hint = format!("end it with a line that holds nothing but `{}`", marker.name);
    Err(ParseError::new(marker.span, message).with_hint(hint).with_label("opened here"))
}

//! Words: the pieces that an instruction's arguments fall into.

use super::line::Text;
use crate::text::Span;

/// A piece of an instruction, not yet expanded, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text as the expansion takes it: quotes and escapes still there, continuations gone.
    pub text: String,
    /// Where it stands, with its quotes.
    pub span: Span,
}

impl Word {
    pub(super) fn new(text: Text<'_>) -> Self {
        Self { text: text.as_str().to_owned(), span: text.span() }
    }

    /// A part of this word. Its place is exact where the file holds the word as it is, and else
    /// that of the whole word.
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        let exact = self.span.end - self.span.start == self.text.len();
        let span = if exact {
            Span::new(self.span.start + start, self.span.start + end)
        } else {
            self.span
        };
        Self { text: self.text.get(start..end).unwrap_or_default().to_owned(), span }
    }

    /// The parts before and after the first `separator`.
    pub(super) fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        let after = at + separator.len_utf8();
        Some((self.part(0, at), self.part(after, self.text.len())))
    }

    /// The words before and after the first `separator` of a text.
    pub(super) fn pair(text: Text<'_>, separator: char) -> Option<(Self, Self)> {
        let at = text.as_str().find(separator)?;
        Some((Self::new(text.slice(0..at)), Self::new(text.from(at + separator.len_utf8()))))
    }

    /// Whether an expansion could change it.
    pub(super) fn is_plain(&self) -> bool {
        !self.text.contains(['$', '\'', '"', '\\', '`'])
    }
}

/// The white space that separates words; others are part of them.
pub(super) fn is_blank(char: char) -> bool {
    matches!(char, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Splits at white space, without a thought about quotes.
pub(super) fn split_blanks(text: Text<'_>) -> Vec<Text<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        let string = rest.as_str();
        let start = string.len() - string.trim_start_matches(is_blank).len();
        let length = string.get(start..).and_then(|text| text.find(is_blank));
        let end = length.map_or(string.len(), |length| start + length);
        if start < end {
            words.push(rest.slice(start..end));
        }
        if end == string.len() {
            return words;
        }
        rest = rest.from(end);
    }
}

/// The first word and what stands after the white space behind it.
pub(super) fn split_first(text: Text<'_>) -> (Text<'_>, Text<'_>) {
    let string = text.as_str();
    let end = string.find(is_blank).unwrap_or(string.len());
    let after = string.get(end..).unwrap_or_default();
    let rest = text.from(end + after.len() - after.trim_start_matches(is_blank).len());
    (text.slice(0..end), rest)
}

/// Splits at white space outside of quotes; the quotes stay. An escape character at the very end
/// is dropped.
pub(super) fn split_quoted(text: Text<'_>, escape: char) -> Vec<Text<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut end = 0;
    let mut quote = None;
    let mut chars = text.as_str().char_indices();
    while let Some((at, char)) = chars.next() {
        if quote.is_none() && char.is_whitespace() {
            words.extend(start.take().map(|start| text.slice(start..at)));
            continue;
        }
        let escapes = char == escape && quote != Some('\'');
        // Whatever is escaped belongs to the word, be it a quote or white space.
        let last = if escapes { chars.next() } else { Some((at, char)) };
        let Some((last_at, last)) = last else { break };
        start.get_or_insert(at);
        end = last_at + last.len_utf8();
        if escapes {
            continue;
        }
        quote = match quote {
            None if matches!(char, '\'' | '"') => Some(char),
            Some(open) if open == char => None,
            other => other,
        };
    }
    words.extend(start.map(|start| text.slice(start..end)));
    words
}

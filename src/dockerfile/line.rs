//! Physical lines become logical lines: continuations joined, comments and blank lines dropped,
//! and each byte still knows where in the file it stands.

use super::{ParseError, ParseWarning};
use crate::text::Span;
use std::ops::Range;

/// One instruction's text without its heredoc bodies.
#[derive(Debug)]
pub(super) struct LogicalLine {
    text: String,
    /// Where each run of bytes without a gap came from, in order.
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    logical: usize,
    source: usize,
}

impl LogicalLine {
    /// The whole line as a [`Text`].
    pub(super) fn as_text(&self) -> Text<'_> {
        Text { line: self, start: 0, end: self.text.len() }
    }

    fn source_offset(&self, logical: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.logical <= logical);
        let piece = after.checked_sub(1).and_then(|at| self.pieces.get(at));
        piece.map_or(0, |piece| piece.source + (logical - piece.logical))
    }

    /// The bytes of the file from which `range` of the text came; of a token that is continued on
    /// another line, everything between its first and last byte.
    fn span(&self, range: Range<usize>) -> Span {
        let start = self.source_offset(range.start);
        match range.end.checked_sub(1) {
            Some(last) if last >= range.start => Span::new(start, self.source_offset(last) + 1),
            _ => Span::new(start, start),
        }
    }
}

/// A part of a logical line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    line: &'a LogicalLine,
    start: usize,
    end: usize,
}

impl<'a> Text<'a> {
    pub(super) fn as_str(self) -> &'a str {
        self.line.text.get(self.start..self.end).unwrap_or_default()
    }

    /// Where in the file this stands.
    pub(super) fn span(self) -> Span {
        self.line.span(self.start..self.end)
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The part between two offsets, which count from the start of this part.
    pub(super) fn slice(self, range: Range<usize>) -> Self {
        let end = (self.start + range.end).min(self.end);
        Self { start: (self.start + range.start).min(end), end, ..self }
    }

    /// The part from an offset on.
    pub(super) fn from(self, start: usize) -> Self {
        self.slice(start..self.end - self.start)
    }

    /// Without white space on both sides.
    pub(super) fn trim(self) -> Self {
        let text = self.as_str();
        let start = text.len() - text.trim_start().len();
        self.slice(start..start + text.trim().len())
    }

    /// Offsets in this part at which one physical line ends and another goes on.
    pub(super) fn joints(self) -> impl Iterator<Item = usize> + 'a {
        let (start, end) = (self.start, self.end);
        let joints = self.line.pieces.iter().skip(1).map(|piece| piece.logical);
        joints.filter(move |at| start < *at && *at < end).map(move |at| at - start)
    }
}

/// Reads a file line by line.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    source: &'a [u8],
    at: usize,
    escape: u8,
    pub(super) comments: Vec<Span>,
    pub(super) warnings: Vec<ParseWarning>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a [u8], escape: char) -> Self {
        let at = if source.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let escape = if escape == '`' { b'`' } else { b'\\' };
        Self { source, at, escape, comments: Vec::new(), warnings: Vec::new() }
    }

    /// The next physical line, and moves past it: its text without the line end, and its text
    /// with it.
    pub(super) fn physical_line(&mut self) -> Option<(Span, Span)> {
        let rest = self.source.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let whole = Span::new(self.at, self.at + length);
        self.at = whole.end;
        let text = whole.of(self.source);
        // BuildKit cuts every CR and LF at the end, so `\r\r\n` ends a line too.
        let line_end = text.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        Some((Span::new(whole.start, whole.end - line_end), whole))
    }

    /// The next instruction's text, or nothing at the end of the file.
    pub(super) fn logical_line(&mut self) -> Result<Option<LogicalLine>, ParseError> {
        while let Some((line, _)) = self.physical_line() {
            let line = self.without_indent(line);
            if self.take_comment(line) {
                continue;
            }
            let (kept, goes_on) = self.cut_continuation(line);
            if kept.start == kept.end && !goes_on {
                continue;
            }
            let mut spans = vec![kept];
            if goes_on {
                self.continuation(&mut spans);
            }
            return self.join(&spans).map(Some);
        }
        Ok(None)
    }

    /// Collects the lines that continue an instruction. Comments and blank lines between them are
    /// dropped, as <https://docs.docker.com/reference/dockerfile/#format> has it.
    fn continuation(&mut self, spans: &mut Vec<Span>) {
        let mut warned = false;
        while let Some((line, _)) = self.physical_line() {
            if self.take_comment(self.without_indent(line)) {
                continue;
            }
            if self.without_indent(line).of(self.source).is_empty() {
                if !warned {
                    let message = "blank line in a continued instruction".to_owned();
                    self.warnings.push(ParseWarning { span: line, message });
                }
                warned = true;
                continue;
            }
            let (kept, goes_on) = self.cut_continuation(line);
            spans.push(kept);
            if !goes_on {
                return;
            }
        }
    }

    /// Notes a line that is a comment, and says whether it was one.
    fn take_comment(&mut self, line: Span) -> bool {
        let is_comment = line.of(self.source).first() == Some(&b'#');
        if is_comment {
            self.comments.push(line);
        }
        is_comment
    }

    fn without_indent(&self, line: Span) -> Span {
        let text = line.of(self.source);
        Span::new(line.end - trim_start(text).len(), line.end)
    }

    /// Cuts the escape character at the end of a line that goes on below. One that stands after
    /// another escape character ends the line instead; so do three in a row.
    fn cut_continuation(&self, line: Span) -> (Span, bool) {
        let text = line.of(self.source);
        let blanks = text.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let solid = text.get(..text.len() - blanks).unwrap_or_default();
        match solid.split_last() {
            Some((last, before)) if *last == self.escape && before.last() != Some(&self.escape) => {
                (Span::new(line.start, line.start + before.len()), true)
            }
            _ => (line, false),
        }
    }

    fn join(&self, spans: &[Span]) -> Result<LogicalLine, ParseError> {
        let mut text = String::new();
        let mut pieces = Vec::new();
        for span in spans {
            pieces.push(Piece { logical: text.len(), source: span.start });
            text.push_str(self.utf8(*span)?);
        }
        Ok(LogicalLine { text, pieces })
    }

    /// The text of a span, which must be UTF-8 without NUL: it ends up in arguments of processes
    /// and in JSON, which hold nothing else. (Comments may hold anything.)
    pub(super) fn utf8(&self, span: Span) -> Result<&'a str, ParseError> {
        let bytes = span.of(self.source);
        if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            let at = span.start + at;
            return Err(ParseError::new(Span::new(at, at + 1), "a NUL byte in an instruction")
                .with_hint("save the file as UTF-8 text"));
        }
        std::str::from_utf8(bytes).map_err(|error| {
            let at = span.start + error.valid_up_to();
            let length = error.error_len().unwrap_or(span.end - at);
            ParseError::new(Span::new(at, at + length), "an instruction is not valid UTF-8")
                .with_hint("save the file as UTF-8; only comments may hold other bytes")
        })
    }

    /// How far the file is read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }
}

/// What editors may put before a UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Without leading white space, as Unicode sees it; bytes that are not UTF-8 are none.
pub(super) fn trim_start(bytes: &[u8]) -> &[u8] {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    bytes.get(valid.len() - valid.trim_start().len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &[u8], escape: char) -> Vec<String> {
        let mut reader = Reader::new(source, escape);
        let mut lines = Vec::new();
        while let Some(line) = reader.logical_line().unwrap() {
            lines.push(line.text);
        }
        lines
    }

    #[test]
    fn continuations_join_without_comments_and_blank_lines() {
        let source = b"RUN a \\\n  # note\n\n  b \\  \n\tc\n# end\n CMD d\r\n";
        assert_eq!(lines(source, '\\'), ["RUN a   b \tc", "CMD d"]);
    }

    #[test]
    fn an_escaped_escape_ends_the_line() {
        assert_eq!(lines(b"RUN dir c:\\\\\nCMD x", '\\'), ["RUN dir c:\\\\", "CMD x"]);
        assert_eq!(lines(b"RUN x\\\\\\\nCMD x", '\\'), ["RUN x\\\\\\", "CMD x"]);
        assert_eq!(lines(b"RUN a `\nb\\\nCMD x", '`'), ["RUN a b\\", "CMD x"]);
        assert_eq!(lines(b"\\\nRUN a", '\\'), ["RUN a"]);
        assert_eq!(lines(b"RUN a \\", '\\'), ["RUN a "]);
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(lines(b"\xef\xbb\xbfFROM a", '\\'), ["FROM a"]);
    }

    #[test]
    fn spans_lead_back_into_the_file() {
        let source = b"RUN a \\\n  # note\n  b\n";
        let mut reader = Reader::new(source, '\\');
        let line = reader.logical_line().unwrap().unwrap();
        let text = line.as_text();
        assert_eq!(text.as_str(), "RUN a   b");
        assert_eq!(text.slice(8..9).span().of(source), b"b");
        assert_eq!(text.slice(4..5).span().of(source), b"a");
        assert_eq!(text.slice(4..9).span().of(source), b"a \\\n  # note\n  b");
        assert_eq!(text.joints().collect::<Vec<_>>(), [6]);
        assert_eq!(reader.comments[0].of(source), b"# note");
    }

    #[test]
    fn only_comments_may_hold_other_bytes() {
        assert_eq!(lines(b"# \xff\nFROM a", '\\'), ["FROM a"]);
        let error = Reader::new(b"RUN \xff", '\\').logical_line().unwrap_err();
        assert_eq!(error.span, Span::new(4, 5));
        let error = Reader::new(b"RUN a\0", '\\').logical_line().unwrap_err();
        assert_eq!(error.span, Span::new(5, 6));
    }
}

//! Places in a text: byte spans, and the lines and columns that people read.
//! Knows nothing of what the text means.

/// A half-open range of byte offsets in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end, "a span ends before it starts");
        Self { start, end }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The bytes of `text` in this span; empty where the span is not within `text`.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// A line and a column, both counted from one; the column counts bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

/// Where the lines of a text start, so that an offset becomes a line number in `O(log n)`.
#[derive(Debug, Clone)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Reads `text` once and notes where each line starts.
    pub fn new(text: &[u8]) -> Self {
        let after_newlines =
            text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// The line, from 1, that holds `offset`. An offset past the end is on the last line.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// Line and column of `offset`.
    pub fn position(&self, offset: usize) -> Position {
        let line = self.line(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        Position { line, column: offset - start + 1 }
    }

    /// First and last line, from 1, that `span` touches.
    pub fn lines(&self, span: Span) -> (usize, usize) {
        let last = span.end.saturating_sub(1).max(span.start);
        (self.line(span.start), self.line(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns() {
        let index = LineIndex::new(b"FROM a\nRUN b\n\nCMD c");
        assert_eq!(index.position(0), Position { line: 1, column: 1 });
        assert_eq!(index.position(6), Position { line: 1, column: 7 });
        assert_eq!(index.position(7), Position { line: 2, column: 1 });
        assert_eq!(index.position(13), Position { line: 3, column: 1 });
        assert_eq!(index.position(99).line, 4);
        assert_eq!(index.lines(Span::new(7, 13)), (2, 2));
        assert_eq!(index.lines(Span::new(0, 14)), (1, 3));
    }

    #[test]
    fn a_span_outside_the_text_is_empty() {
        assert_eq!(Span::new(2, 9).of(b"abc"), b"");
        assert_eq!(Span::new(1, 3).of(b"abc"), b"bc");
    }
}

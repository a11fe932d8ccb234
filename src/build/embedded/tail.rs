//! The last lines of a program's output.

use crate::sandbox::Stream;
use std::collections::VecDeque;

/// Lines that are kept.
const LINES_MAX: usize = 20;

/// Bytes of a line that are kept.
const LINE_LENGTH_MAX: usize = 4096;

/// Keeps the last lines of both streams, in bounded memory. A line has one stream only: what the
/// other writes meanwhile does not end up in its middle.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<Vec<u8>>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Tail {
    /// Takes the next bytes of a stream.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let open = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_LENGTH_MAX.saturating_sub(open.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            open.extend(text.iter().take(room));
            if piece.ends_with(b"\n") {
                keep(&mut self.lines, std::mem::take(open));
            }
        }
    }

    /// The last lines, the oldest first; an unfinished line counts.
    pub(crate) fn into_lines(mut self) -> Vec<Vec<u8>> {
        for open in [self.stdout, self.stderr].into_iter().filter(|open| !open.is_empty()) {
            keep(&mut self.lines, open);
        }
        self.lines.into()
    }
}

fn keep(lines: &mut VecDeque<Vec<u8>>, line: Vec<u8>) {
    if lines.len() == LINES_MAX {
        lines.pop_front();
    }
    lines.push_back(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut tail = Tail::default();
        for number in 0..100 {
            tail.push(Stream::Stdout, format!("line {number}\nhal").as_bytes());
            tail.push(Stream::Stdout, b"f\n");
        }
        tail.push(Stream::Stdout, b"end");
        let lines = tail.into_lines();
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines.last().unwrap(), b"end");
        assert_eq!(lines[LINES_MAX - 2], b"half");
    }

    #[test]
    fn lines_of_two_streams_are_not_mixed() {
        let mut tail = Tail::default();
        tail.push(Stream::Stdout, b"half");
        tail.push(Stream::Stderr, b"warning\ntail");
        tail.push(Stream::Stdout, b" a line\nrest");
        assert_eq!(tail.into_lines(), [&b"warning"[..], b"half a line", b"rest", b"tail"]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(Stream::Stderr, &[b'x'; 1000]);
        }
        assert_eq!(tail.into_lines(), vec![vec![b'x'; LINE_LENGTH_MAX]]);
    }
}

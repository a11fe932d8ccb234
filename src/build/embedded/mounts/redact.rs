//! Takes secrets out of what a step writes, and finds them in what it leaves.

use crate::sandbox::Stream;
use bstr::ByteSlice as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";

/// What of a file is looked at at once, in bytes.
const PIECE_SIZE: usize = 1 << 20;

/// Replaces the given values in two streams, whatever pieces they come in.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    /// The longest first.
    values: Vec<Vec<u8>>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Redactor {
    /// For these values, the longest first.
    pub(super) fn new(values: Vec<Vec<u8>>) -> Self {
        Self { values, ..Self::default() }
    }

    /// Takes the next bytes of a stream; what can be passed on. An end that may be the start of a value
    /// is kept until it is known.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) -> Vec<u8> {
        if self.values.is_empty() {
            return bytes.to_vec();
        }
        let held = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        held.extend_from_slice(bytes);
        let (passed, kept) = replace(&self.values, held);
        let kept = held.len() - kept;
        held.drain(..kept);
        passed
    }

    /// What was kept at the ends of both streams.
    pub(crate) fn finish(&mut self) -> [(Stream, Vec<u8>); 2] {
        let values = &self.values;
        let end = |held: &mut Vec<u8>| {
            let mut passed = Vec::new();
            // What could have become a longer value may be, or hold, a shorter one.
            while let Some(first) = held.first().copied() {
                let (more, kept) = replace(values, held);
                passed.extend(more);
                let start = held.len() - kept;
                held.drain(..start);
                if start == 0 {
                    let whole = values.iter().find(|value| held.starts_with(value));
                    passed.extend_from_slice(if whole.is_some() {
                        MASK
                    } else {
                        std::slice::from_ref(&first)
                    });
                    held.drain(..whole.map_or(1, Vec::len));
                }
            }
            passed
        };
        let (stdout, stderr) = (end(&mut self.stdout), end(&mut self.stderr));
        [(Stream::Stdout, stdout), (Stream::Stderr, stderr)]
    }
}

/// The text with its values masked, and how much of its end may be the start of one and is left out.
fn replace(values: &[Vec<u8>], text: &[u8]) -> (Vec<u8>, usize) {
    let mut passed = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match look(values, rest) {
            Found::Value(length) => {
                passed.extend_from_slice(MASK);
                rest = rest.get(length..).unwrap_or_default();
            }
            Found::Start => break,
            Found::Nothing => {
                passed.push(*first);
                rest = after;
            }
        }
    }
    (passed, rest.len())
}

/// What a text starts with.
enum Found {
    /// A value of this length, the longest that there is.
    Value(usize),
    /// All of it may be the start of a value.
    Start,
    Nothing,
}

fn look(values: &[Vec<u8>], text: &[u8]) -> Found {
    for value in values {
        if text.starts_with(value) {
            return Found::Value(value.len());
        }
        if value.starts_with(text) {
            return Found::Start;
        }
    }
    Found::Nothing
}

/// The first file below `directory`, in order, that holds one of the values: its path from there.
pub(super) fn find(directory: &Path, values: &[Vec<u8>]) -> io::Result<Option<PathBuf>> {
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        let kind = path.symlink_metadata()?.file_type();
        if kind.is_dir() {
            let entries = crate::store::read_dir_sorted(&path)?;
            waiting.extend(entries.iter().rev().map(std::fs::DirEntry::path));
        } else if kind.is_file() && holds(File::open(&path)?, values)? {
            return Ok(Some(path.strip_prefix(directory).unwrap_or(&path).to_owned()));
        }
    }
    Ok(None)
}

fn holds(mut file: File, values: &[Vec<u8>]) -> io::Result<bool> {
    let overlap = values.first().map_or(0, |value| value.len().saturating_sub(1));
    let mut piece = Vec::new();
    loop {
        let kept = piece.len().min(overlap);
        piece.drain(..piece.len() - kept);
        let read = (&mut file).take(PIECE_SIZE as u64).read_to_end(&mut piece)?;
        if values.iter().any(|value| piece.contains_str(value)) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<Vec<u8>> {
        vec![b"abcabcabd".to_vec(), b"secret".to_vec(), b"cab".to_vec()]
    }

    #[test]
    fn values_are_masked_however_they_are_cut() {
        let text = b"a secret abcabcabd, sec ret and abcabc then cab, the end abcabc";
        let expected = "a *** ***, sec ret and ab***c then ***, the end ab***c";
        for size in 1..=text.len() {
            let mut redactor = Redactor::new(values());
            let mut seen = Vec::new();
            for piece in text.chunks(size) {
                seen.extend(redactor.push(Stream::Stdout, piece));
                let shown = String::from_utf8_lossy(&seen);
                assert!(!shown.contains("secret") && !shown.contains("abcabcabd"), "{shown}");
            }
            seen.extend(redactor.finish().into_iter().flat_map(|(_, rest)| rest));
            assert_eq!(String::from_utf8(seen).unwrap(), expected);
        }
    }

    #[test]
    fn streams_do_not_mix() {
        let mut redactor = Redactor::new(values());
        assert_eq!(redactor.push(Stream::Stdout, b"x sec"), b"x ");
        assert_eq!(redactor.push(Stream::Stderr, b"ret"), b"ret");
        assert_eq!(redactor.push(Stream::Stdout, b"ret\n"), b"***\n");
        assert_eq!(Redactor::new(Vec::new()).push(Stream::Stdout, b"any"), b"any");
    }

    #[test]
    fn files_that_hold_a_value_are_found() {
        let root = tempfile::tempdir().unwrap();
        let found = || find(root.path(), &values()).unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("link")).unwrap();
        std::fs::write(root.path().join("a/clean"), "sec ret").unwrap();
        assert_eq!(found(), None);
        let mut large = vec![b'.'; PIECE_SIZE - 3];
        large.extend_from_slice(b"secret and more");
        std::fs::write(root.path().join("a/b/large"), large).unwrap();
        assert_eq!(found().unwrap(), Path::new("a/b/large"));
    }
}

//! Readers and writers that know the digest of what passes through them.

use super::{Digest, Hasher};
use std::io::{self, Read, Write};

/// Content is not what its digest or size promised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Other bytes.
    #[error("content has digest {found}, expected {expected}")]
    Digest {
        /// What was promised.
        expected: Digest,
        /// What was read.
        found: Digest,
    },
    /// Fewer bytes.
    #[error("content ends after {found} bytes, expected {expected}")]
    Short {
        /// Promised size in bytes.
        expected: u64,
        /// Bytes read.
        found: u64,
    },
    /// More bytes.
    #[error("content is longer than the expected {expected} bytes")]
    Long {
        /// Promised size in bytes.
        expected: u64,
    },
}

impl Mismatch {
    /// The mismatch inside an error of a [`VerifiedReader`], if that is what went wrong.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl From<Mismatch> for io::Error {
    fn from(mismatch: Mismatch) -> Self {
        Self::new(io::ErrorKind::InvalidData, mismatch)
    }
}

/// Passes bytes on and fails, with a [`Mismatch`] inside the error, where size or digest are not
/// the promised ones. End of file is reported only after both were found right, so a caller that
/// reads to the end has verified content; one that stops earlier has not.
#[derive(Debug)]
pub struct VerifiedReader<R> {
    inner: R,
    expected: Digest,
    size: u64,
    hasher: Option<Hasher>,
    seen: u64,
}

impl<R: Read> VerifiedReader<R> {
    /// Reads `inner`, which must have `size` bytes with the digest `expected`.
    pub fn new(inner: R, expected: Digest, size: u64) -> Self {
        Self { inner, expected, size, hasher: Some(Hasher::new()), seen: 0 }
    }

    fn check_end(&mut self) -> io::Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let (found, seen) = hasher.finish();
        if seen < self.size {
            return Err(Mismatch::Short { expected: self.size, found: seen }.into());
        }
        if found != self.expected {
            return Err(Mismatch::Digest { expected: self.expected, found }.into());
        }
        Ok(())
    }
}

impl<R: Read> Read for VerifiedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        if count == 0 {
            self.check_end()?;
            return Ok(0);
        }
        self.seen += count as u64;
        if self.seen > self.size {
            return Err(Mismatch::Long { expected: self.size }.into());
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

/// Hashes what is read through it.
#[derive(Debug)]
pub struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> HashingReader<R> {
    /// Reads `inner` and hashes what it gives.
    pub fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    /// Digest and size of what was read so far.
    pub fn finish(self) -> (Digest, u64) {
        self.hasher.finish()
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Hashes what is written through it.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> HashingWriter<W> {
    /// Writes to `inner` and hashes what it takes.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    /// Digest and size of what was written, and the inner writer.
    pub fn finish(self) -> (Digest, u64, W) {
        let (digest, size) = self.hasher.finish();
        (digest, size, self.inner)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8], promised: &[u8], size: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        VerifiedReader::new(content, Digest::of(promised), size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn right_content_passes() {
        assert_eq!(read(b"abc", b"abc", 3).unwrap(), b"abc");
        assert_eq!(read(b"", b"", 0).unwrap(), b"");
    }

    #[test]
    fn wrong_content_is_an_error_that_names_the_difference() {
        let cases: [(&[u8], &[u8], u64, &str); 3] = [
            (b"abd", b"abc", 3, "content has digest"),
            (b"ab", b"abc", 3, "ends after 2 bytes"),
            (b"abcd", b"abc", 3, "longer than the expected 3"),
        ];
        for (content, promised, size, message) in cases {
            let error = read(content, promised, size).unwrap_err();
            assert!(Mismatch::of(&error).is_some());
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn the_end_stays_the_end() {
        let mut reader = VerifiedReader::new(&b"a"[..], Digest::of(b"a"), 1);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    }
}

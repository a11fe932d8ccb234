//! The archive's bytes, through one large buffer whose slices are handed out.

use super::{BLOCK, Problem};
use std::io::{ErrorKind, Read};

/// Large enough that a system call and a hash round cost little by comparison.
const BUFFER: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Input<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes of the archive consumed so far.
    offset: u64,
    max: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(inner: R, max: u64) -> Self {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Self { inner, buffer, start: 0, end: 0, offset: 0, max }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    /// Some bytes that are not consumed yet; none only at the end of the archive.
    pub(super) fn fill(&mut self) -> Result<&[u8], Problem> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.read_more()?;
        }
        Ok(self.buffered())
    }

    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// One read into the free end of the buffer; false at the end of the archive.
    fn read_more(&mut self) -> Result<bool, Problem> {
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = read(&mut self.inner, free)?;
        self.end += count;
        self.check_size(0)?;
        Ok(count > 0)
    }

    /// More bytes than allowed are refused when they arrive, not when they were processed.
    fn check_size(&self, extra: usize) -> Result<(), Problem> {
        let seen = self.offset + (self.end - self.start + extra) as u64;
        if seen > self.max {
            return Err(Problem::Limit { what: "archive in bytes", max: self.max });
        }
        Ok(())
    }

    /// Reads into `target`, past the buffer where that saves a copy.
    pub(super) fn read(&mut self, target: &mut [u8]) -> Result<usize, Problem> {
        if self.start == self.end && target.len() >= BUFFER {
            let count = read(&mut self.inner, target)?;
            self.check_size(count)?;
            self.offset += count as u64;
            return Ok(count);
        }
        let source = self.fill()?;
        let count = source.len().min(target.len());
        if let (Some(target), Some(source)) = (target.get_mut(..count), source.get(..count)) {
            target.copy_from_slice(source);
        }
        self.consume(count);
        Ok(count)
    }

    /// The next block; none if the archive ends before it.
    pub(super) fn block(&mut self, within: &'static str) -> Result<Option<[u8; BLOCK]>, Problem> {
        while self.end - self.start < BLOCK {
            if self.buffer.len() - self.start < BLOCK {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if !self.read_more()? {
                if self.start == self.end {
                    return Ok(None);
                }
                return Err(Problem::Truncated(within));
            }
        }
        let block = self.buffered().first_chunk::<BLOCK>().copied();
        self.consume(BLOCK);
        Ok(block)
    }

    /// Passes over bytes that have to be there.
    pub(super) fn skip(&mut self, mut count: u64, within: &'static str) -> Result<(), Problem> {
        while count > 0 {
            let available = self.fill()?.len();
            if available == 0 {
                return Err(Problem::Truncated(within));
            }
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(available);
            self.consume(step);
            count -= step as u64;
        }
        Ok(())
    }

    /// The next `count` bytes, which the caller has found to be few, and the rest of their block.
    pub(super) fn take(&mut self, count: u64, within: &'static str) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < count {
            let missing = usize::try_from(count).unwrap_or(usize::MAX) - bytes.len();
            let available = self.fill()?;
            if available.is_empty() {
                return Err(Problem::Truncated(within));
            }
            let part = available.get(..missing).unwrap_or(available);
            bytes.extend_from_slice(part);
            let taken = part.len();
            self.consume(taken);
        }
        self.skip(padding(count), within)?;
        Ok(bytes)
    }
}

/// Bytes from the end of a body to the end of its last block.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn read(inner: &mut impl Read, target: &mut [u8]) -> Result<usize, Problem> {
    loop {
        match inner.read(target) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(Problem::Read),
        }
    }
}

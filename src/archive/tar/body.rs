//! Bodies of entries: stored bytes, and the holes of sparse files.

use super::input::{Input, padding};
use super::sparse::Segment;
use super::{Problem, Reader};
use std::io::{self, BufRead, Read};

/// What is left of the current body.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The next run last.
    segments: Vec<Segment>,
    padding: u64,
}

impl Content {
    /// A body of `stored` bytes in the archive.
    pub(super) fn start(&mut self, segments: Vec<Segment>, stored: u64) {
        self.segments = segments;
        self.padding = padding(stored);
    }

    /// What is left, if that is one run of bytes of the archive.
    pub(super) fn stored(&self) -> Option<u64> {
        match &*self.segments {
            [] => Some(0),
            [Segment::Data(length)] => Some(*length),
            _ => None,
        }
    }

    /// Passes over all of it.
    pub(super) fn skip<R: Read>(&mut self, input: &mut Input<R>) -> Result<(), Problem> {
        while let Some(segment) = self.segments.pop() {
            if let Segment::Data(length) = segment {
                input.skip(length, "a body")?;
            }
        }
        input.skip(std::mem::take(&mut self.padding), "a body")
    }

    /// The next bytes; none at the end.
    pub(super) fn chunk<'a, R: Read>(
        &mut self,
        input: &'a mut Input<R>,
    ) -> Result<&'a [u8], Problem> {
        const ZEROS: &[u8] = &[0; 64 * 1024];
        self.drop_empty();
        let (bytes, length) = match self.segments.last() {
            None => return Ok(&[]),
            Some(Segment::Hole(length)) => (ZEROS, *length),
            Some(Segment::Data(length)) => {
                let bytes = input.fill()?;
                if bytes.is_empty() {
                    return Err(Problem::Truncated("a body"));
                }
                (bytes, *length)
            }
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(bytes.get(..length).unwrap_or(bytes))
    }

    /// Passes over bytes that [`Self::chunk`] has given.
    pub(super) fn consume<R: Read>(&mut self, input: &mut Input<R>, count: usize) {
        match self.segments.last_mut() {
            Some(Segment::Hole(left)) => *left = left.saturating_sub(count as u64),
            Some(Segment::Data(left)) => {
                *left = left.saturating_sub(count as u64);
                input.consume(count);
            }
            None => {}
        }
    }

    fn read<R: Read>(&mut self, input: &mut Input<R>, target: &mut [u8]) -> Result<usize, Problem> {
        self.drop_empty();
        if let Some(Segment::Data(left)) = self.segments.last_mut() {
            let length = usize::try_from(*left).unwrap_or(usize::MAX).min(target.len());
            let count = input.read(target.get_mut(..length).unwrap_or_default())?;
            if count == 0 && length > 0 {
                return Err(Problem::Truncated("a body"));
            }
            *left -= count as u64;
            return Ok(count);
        }
        let chunk = self.chunk(input)?;
        let count = chunk.len().min(target.len());
        if let (Some(target), Some(chunk)) = (target.get_mut(..count), chunk.get(..count)) {
            target.copy_from_slice(chunk);
        }
        self.consume(input, count);
        Ok(count)
    }

    fn drop_empty(&mut self) {
        while let Some(Segment::Data(0) | Segment::Hole(0)) = self.segments.last() {
            self.segments.pop();
        }
    }
}

/// Body of an entry; see [`Reader::body`].
#[derive(Debug)]
pub struct Body<'a, R> {
    reader: &'a mut Reader<R>,
}

impl<'a, R: Read> Body<'a, R> {
    pub(super) fn new(reader: &'a mut Reader<R>) -> Self {
        Self { reader }
    }

    fn check(&mut self, result: Result<usize, Problem>) -> io::Result<usize> {
        result.map_err(|problem| self.reader.fail(problem).into())
    }
}

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let (content, input) = self.reader.parts();
        let result = content.read(input, target);
        self.check(result)
    }
}

impl<R: Read> BufRead for Body<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // The first call reads if it must; the second finds what the first has left.
        let (content, input) = self.reader.parts();
        let result = content.chunk(input).map(<[u8]>::len);
        self.check(result)?;
        let (content, input) = self.reader.parts();
        content.chunk(input).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn consume(&mut self, count: usize) {
        let (content, input) = self.reader.parts();
        content.consume(input, count);
    }
}

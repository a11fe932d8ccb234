//! All members of a gzip stream. <https://www.rfc-editor.org/rfc/rfc1952#section-2.2>

use super::CompressionError;
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// Decodes member after member. Zeros may follow the last one, as padding of tape blocks, which
/// some layers have; the decoder of the crate refuses that.
pub(super) struct Members<R> {
    state: State<R>,
}

enum State<R> {
    Member(Box<GzDecoder<R>>),
    Ended,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { state: State::Member(Box::new(GzDecoder::new(inner))) }
    }

    /// After a member: the next one, or the end.
    fn follow(mut inner: R) -> io::Result<State<R>> {
        match inner.fill_buf()?.first() {
            None => Ok(State::Ended),
            Some(0) => check_zeros(inner).map(|()| State::Ended),
            Some(0x1f) => Ok(State::Member(Box::new(GzDecoder::new(inner)))),
            Some(_) => Err(CompressionError::TrailingData("gzip").into()),
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        loop {
            let State::Member(member) = &mut self.state else { return Ok(0) };
            let count = member.read(target)?;
            if count > 0 {
                return Ok(count);
            }
            if let State::Member(member) = std::mem::replace(&mut self.state, State::Ended) {
                self.state = Self::follow(member.into_inner())?;
            }
        }
    }
}

fn check_zeros(mut inner: impl BufRead) -> io::Result<()> {
    loop {
        let bytes = inner.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(CompressionError::TrailingData("gzip").into());
        }
        let count = bytes.len();
        inner.consume(count);
    }
}

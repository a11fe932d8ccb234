//! Bounds around a decoder, and errors that say which stream is at fault.

use super::{CompressionError, Limits};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the reader below the decoder tells the one above it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    input: AtomicU64,
    input_failed: AtomicBool,
}

/// Counts what the decoder reads.
pub(super) struct Counted<R> {
    inner: R,
    progress: Arc<Progress>,
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R, progress: Arc<Progress>) -> Self {
        Self { inner, progress }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(target);
        match &result {
            Ok(count) => drop(self.progress.input.fetch_add(*count as u64, Ordering::Relaxed)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.progress.input_failed.store(true, Ordering::Relaxed),
        }
        result
    }
}

/// Passes on what a decoder gives, within limits.
pub(super) struct Bounded<R> {
    inner: R,
    format: &'static str,
    limits: Limits,
    progress: Arc<Progress>,
    output: u64,
}

impl<R> Bounded<R> {
    pub(super) fn new(
        inner: R,
        format: &'static str,
        limits: Limits,
        progress: Arc<Progress>,
    ) -> Self {
        Self { inner, format, limits, progress, output: 0 }
    }

    fn check(&self) -> Result<(), CompressionError> {
        let (format, output) = (self.format, self.output);
        if output > self.limits.output_max {
            return Err(CompressionError::TooLarge { format, max: self.limits.output_max });
        }
        let input = self.progress.input.load(Ordering::Relaxed);
        let allowed = input.saturating_mul(self.limits.ratio_max).max(self.limits.ratio_free);
        if output > allowed {
            return Err(CompressionError::Bomb { format, input, output });
        }
        Ok(())
    }

    /// An error of the stream below stays what it is; one of the decoder gets the format's name.
    fn explain(&self, error: io::Error) -> io::Error {
        let is_own = CompressionError::of(&error).is_some();
        let is_input = self.progress.input_failed.load(Ordering::Relaxed);
        if is_own || is_input || error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        CompressionError::Malformed { format: self.format, source: error }.into()
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(target).map_err(|error| self.explain(error))?;
        self.output += count as u64;
        self.check()?;
        Ok(count)
    }
}

//! Stopping long work on demand: a flag that readers and writers look at.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when the user wants to stop. Cheap to clone; by default it is never set.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

/// What ends work that was stopped.
#[derive(Debug, thiserror::Error)]
#[error("stopped on demand")]
struct Stopped;

impl Stop {
    /// Looks at this flag.
    pub fn new(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Fails once the flag is set. Not with [`io::ErrorKind::Interrupted`], which means: try again.
    pub fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::Error::other(Stopped)) } else { Ok(()) }
    }

    /// A reader that fails once the flag is set.
    pub fn reader<R: Read>(&self, inner: R) -> impl Read + use<R> {
        Stoppable { inner, stop: self.clone() }
    }

    /// A writer that fails once the flag is set.
    pub fn writer<W: Write + Send>(&self, inner: W) -> impl Write + Send + use<W> {
        StoppableWriter { inner, stop: self.clone() }
    }
}

/// As [`Stop::reader`] does for readers.
struct StoppableWriter<W> {
    inner: W,
    stop: Stop,
}

impl<W: Write> Write for StoppableWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct Stoppable<R> {
    inner: R,
    stop: Stop,
}

impl<R: Read> Read for Stoppable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.inner.read(buffer)
    }
}

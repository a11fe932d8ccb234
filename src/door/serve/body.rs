//! The body of a response: parts of an answer's body, read while they are sent.
//!
//! Neither a large body nor a slow client needs memory: one piece is read when the client has taken
//! the one before.

use super::buffers::{Buffers, Lent, PIECE, Piece};
use crate::door::answer::{Growing, Progress};
use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Source {
    /// There is nothing but text of ours.
    Nothing,
    Memory(Bytes),
    File(Arc<File>),
    Growing(Growing),
}

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text of ours: what stands between parts.
    Text(Bytes),
    /// Bytes of the source.
    Span(Range<u64>),
    /// The source from here to its end, which is not known yet.
    Rest(u64),
}

/// A body that is read while it is sent.
pub(in crate::door) struct Served {
    source: Source,
    parts: VecDeque<Part>,
    state: State,
    /// How far a growing source was when it was last looked at.
    known: Progress,
    buffers: Buffers,
}

enum State {
    Idle,
    /// The file is on a disk that must be waited for, on a thread that may wait.
    Reading(JoinHandle<io::Result<Lent>>),
    /// The source does not have the next byte yet.
    Waiting(Pin<Box<dyn Future<Output = Progress> + Send>>),
}

impl fmt::Debug for Served {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Served").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Served {
    pub(super) fn new(source: Source, parts: Vec<Part>, buffers: &Buffers) -> Self {
        let known = Progress::Written(0);
        Self { source, parts: parts.into(), state: State::Idle, known, buffers: buffers.clone() }
    }

    /// A short text of ours.
    pub(in crate::door) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text)] };
        Self::new(Source::Nothing, parts, &Buffers::default())
    }

    /// All that is to come; none while that is not known.
    pub(super) fn size(&self) -> Option<u64> {
        self.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.size()?))
    }

    /// Goes on with the part that is due.
    fn step(&mut self) -> Step {
        match self.parts.front() {
            None => Step::End,
            Some(Part::Text(text)) => {
                let piece = Piece::Shared(text.clone());
                self.parts.pop_front();
                Step::Emit(piece)
            }
            Some(Part::Span(span)) if span.is_empty() => {
                self.parts.pop_front();
                Step::Again
            }
            Some(Part::Span(span)) => self.take(span.start, span.end - span.start),
            Some(Part::Rest(from)) => self.take(*from, u64::MAX),
        }
    }

    /// Takes a piece of the source, of at most `limit` bytes.
    fn take(&mut self, from: u64, limit: u64) -> Step {
        match &self.source {
            Source::Nothing => Step::fail("there is no body"),
            Source::Memory(bytes) => match slice(bytes, from, limit) {
                Some(piece) => self.emit(Piece::Shared(piece)),
                None => Step::fail("the body is shorter than it was said to be"),
            },
            Source::File(file) => {
                let file = Arc::clone(file);
                self.read(file, from, limit)
            }
            Source::Growing(growing) => match self.known {
                Progress::Written(size) | Progress::Complete(size) if size > from => {
                    let file = Arc::clone(&growing.file);
                    self.read(file, from, limit.min(size - from))
                }
                Progress::Written(_) => {
                    self.state = State::Waiting(Box::pin(beyond(growing.progress.clone(), from)));
                    Step::Again
                }
                Progress::Complete(_) if limit == u64::MAX => {
                    self.parts.pop_front();
                    Step::Again
                }
                Progress::Complete(_) => Step::fail("the body ended before its size"),
                Progress::Failed => Step::fail("the body broke off upstream"),
            },
        }
    }

    /// Reads at once what is in memory already, as most is; else on a thread that may wait.
    fn read(&mut self, file: Arc<File>, from: u64, limit: u64) -> Step {
        let mut lent = self.buffers.lend(usize::try_from(limit).unwrap_or(PIECE));
        let mut space = [IoSliceMut::new(lent.space())];
        match rustix::io::preadv2(&file, &mut space, from, ReadWriteFlags::NOWAIT) {
            Ok(0) => Step::fail("the file is shorter than the body"),
            Ok(size) => self.emit(Piece::Lent(lent.filled(size))),
            // Not in memory, or a file system that cannot tell.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::INTR) => {
                self.state = State::Reading(spawn_blocking(move || {
                    let size = file.read_at(lent.space(), from)?;
                    Ok(lent.filled(size))
                }));
                Step::Again
            }
            Err(error) => Step::Fail(error.into()),
        }
    }

    /// Counts a piece of the part that is due.
    fn emit(&mut self, piece: Piece) -> Step {
        let size = piece.remaining() as u64;
        if size == 0 {
            return Step::fail("the file is shorter than the body");
        }
        match self.parts.front_mut() {
            Some(Part::Span(span)) => span.start += size,
            Some(Part::Rest(from)) => *from += size,
            Some(Part::Text(_)) | None => {}
        }
        Step::Emit(piece)
    }
}

enum Step {
    Emit(Piece),
    End,
    Fail(io::Error),
    /// Look at the state.
    Again,
}

impl Step {
    fn fail(why: &'static str) -> Self {
        Self::Fail(io::Error::new(io::ErrorKind::UnexpectedEof, why))
    }
}

impl Part {
    fn size(&self) -> Option<u64> {
        match self {
            Self::Text(text) => Some(text.len() as u64),
            Self::Span(span) => Some(span.end.saturating_sub(span.start)),
            Self::Rest(_) => None,
        }
    }
}

fn slice(bytes: &Bytes, from: u64, limit: u64) -> Option<Bytes> {
    let from = usize::try_from(from).ok().filter(|from| *from < bytes.len())?;
    let left = bytes.len() - from;
    let size = usize::try_from(limit).map_or(left, |limit| limit.min(left));
    Some(bytes.slice(from..from + size))
}

/// Waits until there is a byte at `from`, or will be none. A writer that is gone has failed.
async fn beyond(mut progress: watch::Receiver<Progress>, from: u64) -> Progress {
    let reached =
        |progress: &Progress| !matches!(progress, Progress::Written(size) if *size <= from);
    progress.wait_for(reached).await.map_or(Progress::Failed, |progress| *progress)
}

impl Body for Served {
    type Data = Piece;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, io::Error>>> {
        let this = self.get_mut();
        loop {
            let step = match &mut this.state {
                State::Idle => this.step(),
                State::Waiting(progress) => {
                    this.known = ready!(progress.as_mut().poll(context));
                    this.state = State::Idle;
                    Step::Again
                }
                State::Reading(read) => {
                    let read = ready!(Pin::new(read).poll(context));
                    this.state = State::Idle;
                    match read.map_err(io::Error::other).flatten() {
                        Ok(lent) => this.emit(Piece::Lent(lent)),
                        Err(error) => Step::Fail(error),
                    }
                }
            };
            match step {
                Step::Emit(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Step::End => return Poll::Ready(None),
                Step::Fail(error) => return Poll::Ready(Some(Err(error))),
                Step::Again => {}
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.size().map(SizeHint::with_exact).unwrap_or_default()
    }
}

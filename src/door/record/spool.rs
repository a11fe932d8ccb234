//! Writing a body into the Store while it comes in, on a thread of its own, and telling its
//! readers how far it is.

use super::super::answer::{Growing, Progress};
use super::super::exchange::RefusalReason;
use super::super::redact::{Scanner, SecretFound, Secrets};
use crate::oci::Digest;
use crate::store::{BlobWriter, Store, StoreError};
use bytes::Bytes;
use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Pieces that wait to be written; a faster upstream is slowed down.
const PIECES_MAX: usize = 32;

/// Readers hear of this much at the latest; sooner where upstream is slower than the disk.
const PROGRESS_SIZE: u64 = 1 << 20;

/// A body on its way into the Store. Dropped without a commit, nothing of it stays.
#[derive(Debug)]
pub(in super::super) struct Spool {
    pieces: mpsc::Sender<Piece>,
    growing: Growing,
    writing: JoinHandle<Result<(Digest, u64), SpoolError>>,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    /// The end, and what the whole must be to be kept.
    End(Option<(Digest, u64)>),
}

/// Why a body is not in the Store.
#[derive(Debug)]
pub(in super::super) enum SpoolError {
    /// It could not be written.
    Store(StoreError),
    /// A secret is in it.
    Secret,
    /// It did not come to its end.
    Abandoned,
}

impl SpoolError {
    /// As the reason of a refusal.
    pub(in super::super) fn into_reason(self) -> RefusalReason {
        match self {
            Self::Store(error) => RefusalReason::Store(chain(&error)),
            Self::Secret => {
                let words = "the answer has a secret of this build in it, so it is not recorded";
                RefusalReason::Unsupported(words.to_owned())
            }
            Self::Abandoned => RefusalReason::Upstream("stopped on demand".to_owned()),
        }
    }
}

impl From<StoreError> for SpoolError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SecretFound> for SpoolError {
    fn from(_: SecretFound) -> Self {
        Self::Secret
    }
}

/// An error with its causes.
pub(in super::super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        words = format!("{words}: {error}");
        inner = error.source();
    }
    words
}

impl Spool {
    /// Starts to write a body, of this size if that is known, that must have no secret.
    pub(in super::super) fn start(
        store: &Store,
        size: Option<u64>,
        secrets: &Secrets,
    ) -> Result<Self, SpoolError> {
        let writer = store.writer()?;
        let file = Arc::new(writer.reader()?);
        let (pieces, received) = mpsc::channel(PIECES_MAX);
        let (reached, progress) = watch::channel(Progress::Written(0));
        let scanner = secrets.scanner();
        let task = Writing { writer, scanner, size, reached, written: 0, told: 0 };
        let writing = tokio::task::spawn_blocking(move || task.run(received));
        Ok(Self { pieces, growing: Growing { file, size, progress }, writing })
    }

    /// For readers.
    pub(in super::super) fn growing(&self) -> Growing {
        self.growing.clone()
    }

    /// Takes the next bytes; false where writing has failed, and committing says why.
    pub(in super::super) async fn push(&self, bytes: Bytes) -> bool {
        self.pieces.send(Piece::Bytes(bytes)).await.is_ok()
    }

    /// Ends the body and gives it its place, if it is what is `wanted` or nothing is. Says what
    /// it is.
    pub(in super::super) async fn commit(
        self,
        wanted: Option<(Digest, u64)>,
    ) -> Result<(Digest, u64), SpoolError> {
        let Self { pieces, growing: _, writing } = self;
        // Fails where writing has, which the result tells.
        let _sent = pieces.send(Piece::End(wanted)).await.is_ok();
        drop(pieces);
        writing.await.unwrap_or(Err(SpoolError::Abandoned))
    }

    /// Drops the body; nothing of it is left when this returns.
    pub(in super::super) async fn abandon(self) {
        let Self { pieces, growing: _, writing } = self;
        drop(pieces);
        let _abandoned = writing.await.is_ok();
    }
}

/// The writing thread's side.
struct Writing {
    writer: BlobWriter,
    scanner: Scanner,
    size: Option<u64>,
    reached: watch::Sender<Progress>,
    written: u64,
    told: u64,
}

impl Writing {
    fn run(self, received: mpsc::Receiver<Piece>) -> Result<(Digest, u64), SpoolError> {
        let reached = self.reached.clone();
        let ended = self.write(received);
        // Readers that wait for more get none.
        if !matches!(*reached.borrow(), Progress::Complete(_)) {
            reached.send_replace(Progress::Failed);
        }
        ended
    }

    fn write(mut self, mut received: mpsc::Receiver<Piece>) -> Result<(Digest, u64), SpoolError> {
        while let Some(piece) = received.blocking_recv() {
            let bytes = match piece {
                Piece::Bytes(bytes) => bytes,
                Piece::End(wanted) => return self.end(wanted),
            };
            let passed = self.scanner.pass(&bytes)?;
            self.writer.write_all(&passed).map_err(|error| self.writer.failed(error))?;
            self.written += passed.len() as u64;
            if received.is_empty() || self.written - self.told >= PROGRESS_SIZE {
                self.tell()?;
            }
        }
        Err(SpoolError::Abandoned)
    }

    /// The last byte is held back until the whole is in the Store, so that no client takes for
    /// whole what could not be recorded.
    fn tell(&mut self) -> Result<(), SpoolError> {
        self.writer.flush().map_err(|error| self.writer.failed(error))?;
        let last = self.size.map_or(u64::MAX, |size| size.saturating_sub(1));
        self.reached.send_replace(Progress::Written(self.written.min(last)));
        self.told = self.written;
        Ok(())
    }

    fn end(mut self, wanted: Option<(Digest, u64)>) -> Result<(Digest, u64), SpoolError> {
        let tail = self.scanner.finish();
        self.writer.write_all(&tail).map_err(|error| self.writer.failed(error))?;
        let Some((digest, size)) = wanted else {
            let content = self.writer.commit()?;
            self.reached.send_replace(Progress::Complete(content.1));
            return Ok(content);
        };
        let content = self.writer.commit_if(&digest, size)?;
        if content == (digest, size) {
            self.reached.send_replace(Progress::Complete(size));
        }
        Ok(content)
    }
}

//! A part of a file as the body of a request.

use crate::registry::{Direction, Progress, RegistryError, Timing};
use crate::store::StoreError;
use reqwest::blocking::Body;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a request with a small body may take.
pub(super) const TIMEOUT_MIN: Duration = Duration::from_secs(30);

/// The slowest link that a piece is still sent over. A connection that takes nothing at all is given
/// up much sooner.
const BYTES_PER_SECOND_MIN: u64 = 32 * 1024;

/// Progress is told after each so many bytes.
const PROGRESS_STEP: u64 = 256 * 1024;

/// How long sending so many bytes may take, the answer included.
pub(super) fn timeout(timing: &Timing, size: u64) -> Duration {
    let rate = BYTES_PER_SECOND_MIN.max(timing.bytes_per_second_min);
    timing.read_timeout + Duration::from_secs(size / rate)
}

/// The blob that a body is part of, and who is told.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Without the bytes so far.
    pub(super) progress: Progress,
    pub(super) tell: Arc<dyn Fn(&Progress) + Send + Sync>,
    pub(super) cancelled: Arc<AtomicBool>,
    /// Why the file could not be read, where that is why a request broke.
    pub(super) failure: Arc<Mutex<Option<io::Error>>>,
}

impl Source {
    /// The bytes from `start` on, so many.
    pub(super) fn open(&self, start: u64, length: u64) -> Result<Body, RegistryError> {
        let place = |error| StoreError::io("read", &self.path, error);
        let mut file = File::open(&self.path).map_err(place)?;
        file.seek(SeekFrom::Start(start)).map_err(place)?;
        let portion =
            Portion { source: self.clone(), file: file.take(length), sent: start, told: start };
        Ok(Body::sized(portion, length))
    }

    /// Why the file could not be read, if it could not.
    pub(super) fn failure(&self) -> Option<RegistryError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(StoreError::io("read", &self.path, failure).into())
    }

    /// Tells how far it is.
    pub(super) fn tell(&self, received: u64) {
        (self.tell)(&Progress { received, ..self.progress });
    }
}

/// The progress of a push that has not begun.
pub(super) fn progress(digest: crate::oci::Digest, total: u64) -> Progress {
    Progress { digest, received: 0, total, direction: Direction::Push }
}

struct Portion {
    source: Source,
    file: io::Take<File>,
    /// Bytes of the blob up to here.
    sent: u64,
    told: u64,
}

impl Read for Portion {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.source.cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("cancelled"));
        }
        let count = match self.file.read(buffer) {
            Ok(count) => count,
            Err(error) => {
                let copy = io::Error::from(error.kind());
                let mut failure =
                    self.source.failure.lock().unwrap_or_else(PoisonError::into_inner);
                *failure = Some(error);
                return Err(copy);
            }
        };
        self.sent += count as u64;
        // The last bytes are told when the registry has them.
        if self.sent - self.told >= PROGRESS_STEP && self.sent < self.source.progress.total {
            self.told = self.sent;
            self.source.tell(self.sent);
        }
        Ok(count)
    }
}

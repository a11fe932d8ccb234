//! The ledger against a server that does what a test tells it.

mod answers;
mod faults;
mod locked;
mod secrets;
mod server;

use super::super::answer::{Answer, Asked, Body, Progress};
use super::super::exchange::{Exchange, Origin, Refusal};
use super::super::options::{Mode, Options, Sources};
use super::super::upstream::Timing;
use super::super::visitor::Visitor;
use super::Ledger;
use crate::store::Store;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A Store, and ledgers on it.
struct Place {
    folder: tempfile::TempDir,
    store: Store,
    cancelled: Arc<AtomicBool>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store, cancelled: Arc::default() }
    }

    fn options(&self, mode: Mode, exchanges: Vec<Exchange>) -> Options {
        Options {
            store: self.store.clone(),
            mode,
            offline: false,
            exchanges,
            secrets: Vec::new(),
            hosts: std::collections::BTreeMap::new(),
            sources: Sources::default(),
            cancelled: Arc::clone(&self.cancelled),
        }
    }

    fn recording(&self) -> Arc<Ledger> {
        open(self.options(Mode::Record, Vec::new()))
    }

    fn locked(&self, exchanges: Vec<Exchange>) -> Arc<Ledger> {
        open(self.options(Mode::Locked, exchanges))
    }

    /// Names of the blobs that are there, and that nothing else is but what a Store always has.
    fn blobs(&self) -> Vec<String> {
        let root = self.folder.path().join("store");
        for area in list(&root.join("temporary")) {
            let path = root.join("temporary").join(&area);
            let left = if path.is_dir() { list(&path) } else { Vec::new() };
            assert!(left.iter().all(|name| name == "lock"), "{left:?}");
        }
        list(&root.join("blobs/sha256"))
    }
}

fn open(options: Options) -> Arc<Ledger> {
    let timing = Timing {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(20),
        first_wait: Duration::from_millis(5),
        retry_after_max: Duration::from_secs(3),
        waits_max: Duration::from_secs(10),
        tries_max: 3,
    };
    Ledger::open_with(options, timing).unwrap()
}

fn list(path: &Path) -> Vec<String> {
    let entries = crate::store::read_dir_sorted(path).unwrap();
    entries.iter().map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn asked(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Asked {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    Asked { method, url: url.parse().unwrap(), headers, body: Bytes::copy_from_slice(body) }
}

fn get(url: &str) -> Asked {
    asked("GET", url, &[], b"")
}

/// Asks as one step does, and reads all.
async fn ask(ledger: &Arc<Ledger>, asked: Asked) -> Result<(u16, Vec<u8>), Refusal> {
    let visitor = Visitor::new("1");
    let answer = ledger.answer(&visitor, asked).await?;
    let status = answer.head.status;
    let body = read(answer).await;
    visitor.settle().await;
    body.map(|body| (status, body)).map_err(|_| visitor.traffic().refusals.pop().unwrap())
}

/// The body; as far as it came where it failed.
async fn read(answer: Answer) -> Result<Vec<u8>, Vec<u8>> {
    let mut growing = match answer.body {
        Body::Bytes(bytes) => return Ok(bytes.to_vec()),
        Body::File { path, size } => {
            let bytes = std::fs::read(path).unwrap();
            assert_eq!(bytes.len() as u64, size);
            return Ok(bytes);
        }
        Body::Growing(growing) => growing,
    };
    let mut body = Vec::new();
    loop {
        let progress = *growing.progress.borrow_and_update();
        let (end, is_end) = match progress {
            Progress::Written(end) => (end, false),
            Progress::Complete(end) => (end, true),
            Progress::Failed => return Err(body),
        };
        let start = body.len();
        body.resize(usize::try_from(end).unwrap(), 0);
        growing.file.read_exact_at(&mut body[start..], start as u64).unwrap();
        if is_end {
            return Ok(body);
        }
        tokio::time::timeout(PATIENCE, growing.progress.changed()).await.unwrap().unwrap();
    }
}

fn origins(visitor: &Visitor) -> Vec<Origin> {
    visitor.traffic().uses.iter().map(|used| used.origin).collect()
}

/// Bytes that do not repeat soon.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(size).collect()
}

//! Between the connection and the ledger: a request that was read, and the answer to send.

use super::exchange::Head;
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::path::PathBuf;
use tokio::sync::watch;
use url::Url;

/// A request of a step, as its client sent it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The whole URL: scheme and host come from the connection where the request leaves them out.
    pub url: Url,
    /// The headers, all of them.
    pub headers: HeaderMap,
    /// The whole body, still coded as `Content-Encoding` says.
    pub body: Bytes,
}

/// What the ledger gives. Always the whole object: ranges, `HEAD` and conditions are for the
/// connection to serve from it.
#[derive(Debug)]
pub struct Answer {
    /// The head.
    pub head: Head,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// In memory; for short ones.
    Bytes(Bytes),
    /// A file that is complete and was verified.
    File {
        /// Where; it stays while rlock runs.
        path: PathBuf,
        /// In bytes.
        size: u64,
    },
    /// A file that is still being written.
    Growing(Growing),
}

/// A body that is still coming in.
#[derive(Debug, Clone)]
pub struct Growing {
    /// Where it is written; opened when the answer is given, as it may be renamed later.
    pub file: std::sync::Arc<std::fs::File>,
    /// Its size where upstream has said it.
    pub size: Option<u64>,
    /// How far it is.
    pub progress: watch::Receiver<Progress>,
}

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes can be read.
    Written(u64),
    /// All of it is there: so many bytes.
    Complete(u64),
    /// There will be no more; the client must notice (the connection is cut).
    Failed,
}

impl Progress {
    /// Whether there will be no other.
    pub(super) fn is_end(self) -> bool {
        !matches!(self, Self::Written(_))
    }
}

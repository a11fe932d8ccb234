//! What a Door is opened with.

use super::exchange::Exchange;
use crate::store::Store;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a request may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What the lock has is served from it; anything else is asked of upstream and recorded.
    Record,
    /// What the lock has, and nothing else.
    Locked,
}

/// How a [`Ledger`](super::Ledger) answers.
#[derive(Clone)]
pub struct Options {
    /// Where bodies are kept.
    pub store: Store,
    /// Whether anything may be recorded.
    pub mode: Mode,
    /// Whether bytes may come from the Store only.
    pub offline: bool,
    /// What the lock has.
    pub exchanges: Vec<Exchange>,
    /// Values that must never be written anywhere. Those of at most three bytes are ignored: they
    /// are part of everything.
    pub secrets: Vec<Vec<u8>>,
    /// Addresses of hosts that no name server is asked for, by lower-case name.
    pub hosts: BTreeMap<String, IpAddr>,
    /// Where locked bytes may come from beside the URL that they were fetched from.
    pub sources: Sources,
    /// Ends everything that takes long, once set.
    pub cancelled: Arc<AtomicBool>,
}

/// Places that locked bytes may come from. None of them is trusted: digests are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Mirrors, in the order in which they are asked.
    pub mirrors: Vec<Mirror>,
    /// Archives, asked after all mirrors.
    pub archives: Vec<Archive>,
    /// What is asked instead of upstream where something is recorded, under the URL of upstream: an
    /// archive as it was at a time.
    pub instead: Vec<Mirror>,
}

/// Another place for everything below a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// How the URLs begin that it has, such as `http://deb.example/debian/`.
    pub of: String,
    /// What stands in the place of that.
    pub url: String,
}

/// An archive that keeps what an apt repository had at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The field `Origin` of the repository's `Release` file.
    pub origin: String,
    /// The field `Label`, where repositories of one origin are archived in several places.
    pub label: Option<String>,
    /// The root of the repository, with `{date}` for a time such as `20261121T083000Z`.
    pub url: String,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("store", &self.store.root())
            .field("mode", &self.mode)
            .field("offline", &self.offline)
            .field("exchanges", &self.exchanges.len())
            .field("secrets", &self.secrets.len())
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

//! What passes through the Door, as values.

use crate::oci::Digest;
use std::collections::BTreeMap;

/// What identifies a request. Requests of one key get one answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// In capitals. `HEAD` has the key of `GET`.
    pub method: String,
    /// Canonical, without credentials and known secrets; see the module `key`.
    pub url: String,
    /// Which of several representations the client asked for, where that matters: the class of
    /// `Accept` (`json`, `npm-install`, …), git's protocol version.
    pub variant: Option<String>,
    /// Digest of the request's body, decoded; none where there is none.
    pub body: Option<Digest>,
}

/// What belongs to a response beside its content. Only what a client's result can depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The status code: 200, a redirect, 404, 410, …; never one that asks for another try.
    pub status: u16,
    /// `Content-Type`.
    pub media_type: Option<String>,
    /// `Last-Modified`, seconds since 1970: apt and wget give it to files.
    pub modified: Option<i64>,
    /// `ETag`, with its quotes: some clients keep it in files.
    pub etag: Option<String>,
    /// `Location` of a redirect, without credentials.
    pub location: Option<String>,
    /// Further headers that clients act on (`link`, `docker-content-digest`, …), by lower-case name.
    pub others: BTreeMap<String, String>,
}

impl Head {
    /// Whether a success under the same key takes the place of this answer: 401, 403 and whatever
    /// else is the client's fault, except that something is not there. It is given to the client,
    /// which may try again with credentials, and recorded where nothing better came.
    pub fn is_provisional(&self) -> bool {
        (400..500).contains(&self.status) && !matches!(self.status, 404 | 410)
    }
}

/// A body, in the Store by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Digest of the whole body as it was sent, without a transfer coding. A content coding is
    /// part of it where upstream applied one though none was accepted: then `others` of the head
    /// says so, and each client does with it what it does without the Door.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The question.
    pub key: Key,
    /// The answer's head.
    pub head: Head,
    /// The answer's body.
    pub content: Content,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// From upstream, now.
    Fetched,
    /// Fetched earlier in this run, for whomever.
    Frozen,
    /// The lock has it.
    Locked,
    /// A named rule answers it: known noise that no result depends on.
    Rule(&'static str),
}

/// An answer that a step got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// What was asked and answered.
    pub exchange: Exchange,
    /// Where from.
    pub origin: Origin,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalReason {
    /// The lock does not have it, and only what it has may be used.
    NotLocked,
    /// The lock has it, but nobody has the bytes any more; with what was tried.
    Unavailable(Vec<String>),
    /// Upstream could not be asked, or gave no answer that may be recorded.
    Upstream(String),
    /// What answers under a locked URL has another digest than the lock says, and nobody else has it.
    Integrity {
        /// What the lock says.
        expected: Digest,
        /// What upstream gave.
        found: Digest,
        /// Everything that was tried, and how it ended.
        tried: Vec<String>,
    },
    /// Neither HTTP nor TLS: cannot be recorded.
    NotHttp,
    /// The client does not take the certificate of the Door's authority.
    Untrusted(String),
    /// UDP, other than names.
    Datagram,
    /// The request is not one that can be recorded (a protocol upgrade, a body too large, …).
    Unsupported(String),
    /// The Store could not take it in.
    Store(String),
}

/// Something that a step wanted of the outside and did not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A URL, or `HOST:PORT`; without secrets.
    pub target: String,
    /// Why.
    pub reason: RefusalReason,
}

/// All that passed for one step. In no particular order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What it got; an answer that was given twice is there once.
    pub uses: Vec<Use>,
    /// What it did not get.
    pub refusals: Vec<Refusal>,
}

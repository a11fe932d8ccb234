//! The Door: the only way out of a step's network namespace. Everything that a step asks of the
//! outside is recorded, or answered from what was recorded. All async code lives here.
//!
//! ```text
//! step ── connect ──> sandbox::Gate ── connection ──> TLS? ── HTTP/1.1 ──> Ledger ── Store, lock
//!           name ──>  names                                                  └────── upstream
//! ```
//!
//! A [`Ledger`] is a stateless map from a canonical [`Key`] to one answer. The first good answer is
//! frozen and serves everybody for the rest of the run; in a locked build nothing else is served.

mod answer;
mod authority;
mod connection;
mod error;
mod exchange;
mod held;
mod key;
mod ledger;
mod names;
mod options;
mod pace;
mod probe;
mod record;
mod redact;
mod rules;
mod serve;
mod sources;
#[cfg(test)]
mod tests;
mod upstream;
mod visit;
mod visitor;

pub use answer::{Answer, Asked, Body, Growing, Progress};
pub use authority::Authority;
pub use error::DoorError;
pub use exchange::{Content, Exchange, Head, Key, Origin, Refusal, RefusalReason, Traffic, Use};
pub use held::{held_host, real_host, with_host};
pub use ledger::Ledger;
pub use options::{Archive, Mirror, Mode, Options, Sources};
pub use pace::Lag;
pub use probe::{Depth, Presence, Probe};
use visit::Refresh;
pub use visit::Visit;
pub use visitor::Visitor;

use crate::sandbox::Gate;
use connection::Entrance;
use names::NameTable;
use serve::Buffers;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// Threads that serve all steps of all builds at once. What they do is copying and encryption.
const WORKERS: usize = 2;

/// Serves the gates of steps. One for all builds of a run: what one build was given, the other is
/// given again, and a name has the same address in both.
#[derive(Debug)]
pub struct Door {
    runtime: Arc<Runtime>,
    ledger: Arc<Ledger>,
    names: Arc<NameTable>,
    buffers: Buffers,
}

impl Door {
    /// Opens a Door. Fails where threads cannot be started, the host has no trust roots, or the lock
    /// or the sources have what can be none.
    pub fn open(options: Options) -> Result<Self, DoorError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("door")
            .enable_all()
            .build()
            .map_err(DoorError::Runtime)?;
        let ledger = {
            let _inside = runtime.enter();
            Ledger::open(options)?
        };
        let (names, buffers) = (Arc::default(), Buffers::default());
        Ok(Self { runtime: Arc::new(runtime), ledger, names, buffers })
    }

    /// Makes a certificate authority: one for each build, so that what is left of it somewhere differs.
    pub fn authority(&self) -> Result<Authority, DoorError> {
        Authority::new().map_err(|error| DoorError::Authority(error.to_string()))
    }

    /// Lets a step in, by the gate of its namespace, until [`Visit::end`]. `refresh` is
    /// called before it is told an address, and before a connection of it is served.
    ///
    /// Where the gate cannot be served, the step reaches nothing, and the traffic says so.
    pub fn admit(
        &self,
        visitor: &Arc<Visitor>,
        authority: &Authority,
        gate: Gate,
        refresh: impl Fn() + Send + Sync + 'static,
    ) -> Visit {
        let (ledger, asking) = (Arc::clone(&self.ledger), Arc::clone(visitor));
        let answer = move |asked| {
            let (ledger, visitor) = (Arc::clone(&ledger), Arc::clone(&asking));
            async move { ledger.answer(&visitor, asked).await }
        };
        let (ledger, refused) = (Arc::clone(&self.ledger), Arc::clone(visitor));
        let refuse = move |refusal: Refusal| {
            let target = ledger.redact(&refusal.target);
            refused.refuse(Refusal { target, ..refusal });
        };
        let entrance = Entrance::new(
            Arc::clone(&self.names),
            authority.clone(),
            self.buffers.clone(),
            answer,
            refuse,
        );
        let refresh: Refresh = Arc::new(refresh);
        Visit::start(&self.runtime, gate, Arc::clone(visitor), entrance, &refresh)
    }

    /// Fetches a URL for the builder itself (`ADD`), through the same ledger: follows redirects, and
    /// returns when the whole object is in the Store. Blocks. What was passed is noted at `visitor`.
    pub fn fetch(&self, visitor: &Arc<Visitor>, url: &Url) -> Result<Exchange, Refusal> {
        self.runtime.block_on(self.ledger.fetch(visitor, url))
    }

    /// As [`Door::fetch`], in the representation that a lock calls `variant`. `known` is what was there
    /// before: where upstream says that it is so still, that is the answer.
    pub fn fetch_again(
        &self,
        visitor: &Arc<Visitor>,
        url: &Url,
        variant: Option<&str>,
        known: Option<&Exchange>,
    ) -> Result<Exchange, Refusal> {
        self.runtime.block_on(self.ledger.fetch_again(visitor, url, variant, known))
    }

    /// The ledger, for what is not asked by steps.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }
}

//! Many blobs on their way, shown as one thing that goes on: a lock has hundreds of them.

use crate::build::event::{BuildName, Event, EventKind, Sink};
use crate::cli::context::Context;
use crate::oci::Digest;
use crate::registry::{self, Client, Progress};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What is under way.
pub(super) struct Transfers {
    events: Arc<Sink>,
    name: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Nothing until something moves: what has nothing to do is not shown.
    since: Option<Instant>,
    moved: BTreeMap<Digest, u64>,
}

impl Transfers {
    /// A client whose transfers are shown under this name until [`Transfers::finish`].
    pub(super) fn client(context: &Context, name: &str) -> (Client, Self) {
        let transfers = Self::new(context, name);
        let progress = transfers.callback();
        let options = registry::Options { progress, ..context.registry_options() };
        (Client::new(options), transfers)
    }

    /// Work that is shown under this name.
    pub(super) fn new(context: &Context, name: &str) -> Self {
        Self { events: context.shared_events(), name: Arc::from(name), state: Arc::default() }
    }

    fn callback(&self) -> Arc<dyn Fn(&Progress) + Send + Sync> {
        let (events, name) = (Arc::clone(&self.events), Arc::clone(&self.name));
        let state = Arc::clone(&self.state);
        Arc::new(move |progress| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.start(&events, &name);
            state.moved.insert(progress.digest, progress.received);
            let done = state.moved.values().sum();
            send(&events, &name, EventKind::Transferred { done, total: None });
        })
    }

    /// Tells that so many bytes of all are done.
    pub(super) fn advance(&self, done: u64, total: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.start(&self.events, &self.name);
        send(&self.events, &self.name, EventKind::Transferred { done, total: Some(total) });
    }

    /// Tells that it is over, if it began.
    pub(super) fn finish(self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = state.since {
            send(&self.events, &self.name, EventKind::Finished { elapsed: since.elapsed() });
        }
    }
}

impl State {
    fn start(&mut self, events: &Arc<Sink>, name: &Arc<str>) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            send(events, name, EventKind::Started { name: Arc::clone(name), place: None });
        }
    }
}

fn send(events: &Arc<Sink>, name: &Arc<str>, kind: EventKind) {
    events(Event::new(BuildName::Only, Arc::clone(name), kind));
}

//! Transfers of blobs as events: each starts once, moves, and ends once.

use crate::build::event::{BuildName, Event, EventKind, Sink};
use crate::oci::Digest;
use crate::registry::{Direction, Progress};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The downloads that are under way, by digest.
pub(super) struct Downloads {
    events: Arc<Sink>,
    started: Mutex<BTreeMap<Digest, Instant>>,
}

impl Downloads {
    /// Tells `events` of downloads.
    pub(super) fn new(events: Arc<Sink>) -> Self {
        Self { events, started: Mutex::default() }
    }

    /// What the registry client calls, from several threads.
    pub(super) fn into_callback(self) -> impl Fn(&Progress) + Send + Sync {
        move |progress| self.take(progress)
    }

    fn take(&self, progress: &Progress) {
        let Progress { digest, received, total, direction } = *progress;
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if !started.contains_key(&digest) {
            let verb = match direction {
                Direction::Pull => "pull",
                Direction::Push => "push",
            };
            let name = Arc::from(format!("{verb} {}", digest.short()));
            self.send(digest, EventKind::Started { name, place: None });
        }
        let since = *started.entry(digest).or_insert_with(Instant::now);
        self.send(digest, EventKind::Transferred { done: received, total: Some(total) });
        if received >= total {
            started.remove(&digest);
            self.send(digest, EventKind::Finished { elapsed: since.elapsed() });
        }
    }

    fn send(&self, digest: Digest, kind: EventKind) {
        (self.events)(Event::new(BuildName::Only, digest.short(), kind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_starts_once_and_ends_once() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let events: Arc<Sink> = Arc::new(move |event: Event| {
            sink.lock().unwrap().push(match event.kind {
                EventKind::Started { .. } => "started",
                EventKind::Transferred { .. } => "moved",
                EventKind::Finished { .. } => "finished",
                _ => "other",
            });
        });
        let callback = Downloads::new(events).into_callback();
        for received in [1, 2, 3] {
            let (digest, direction) = (Digest::of(b"x"), Direction::Pull);
            callback(&Progress { digest, received, total: 3, direction });
        }
        assert_eq!(*seen.lock().unwrap(), ["started", "moved", "moved", "moved", "finished"]);
    }
}

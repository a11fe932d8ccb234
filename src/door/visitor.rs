//! One step at the Door, and what it got there.

use super::exchange::{Exchange, Key, Origin, Refusal, RefusalReason, Traffic, Use};
use super::pace::Lag;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A step that asks. Collects what it was answered and refused.
#[derive(Debug)]
pub struct Visitor {
    step: String,
    lag: Lag,
    seen: Mutex<Seen>,
    /// How many recordings for this step are still under way.
    pending: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Seen {
    uses: BTreeMap<Key, Use>,
    refusals: Vec<Refusal>,
}

impl Visitor {
    /// A step that has asked nothing yet. `step` names it in messages.
    pub fn new(step: &str) -> Arc<Self> {
        Self::behind(step, Lag::default())
    }

    /// As [`Visitor::new`], of a build that stays behind another one.
    pub fn behind(step: &str, lag: Lag) -> Arc<Self> {
        let pending = watch::Sender::new(0);
        Arc::new(Self { step: step.to_owned(), lag, seen: Mutex::default(), pending })
    }

    /// How far its build is to stay behind.
    pub(super) fn lag(&self) -> Lag {
        self.lag
    }

    /// The name of the step.
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Notes that the step did not get something. The same twice is one.
    pub fn refuse(&self, refusal: Refusal) {
        let mut seen = self.seen();
        if !seen.refusals.contains(&refusal) {
            tracing::debug!(step = self.step, target = refusal.target, "refused");
            seen.refusals.push(refusal);
        }
    }

    /// Notes an answer. One that asked for credentials gives way to what they brought; and what
    /// could not be had at first was not refused.
    pub(super) fn note(&self, exchange: &Exchange, origin: Origin) {
        let mut seen = self.seen();
        let Seen { uses, refusals } = &mut *seen;
        refusals.retain(|refusal| {
            refusal.target != exchange.key.url
                || !matches!(refusal.reason, RefusalReason::Upstream(_))
        });
        match uses.get_mut(&exchange.key) {
            Some(there) if there.exchange.head.is_provisional() => {
                there.exchange = exchange.clone();
            }
            Some(_) => {}
            None => {
                let used = Use { exchange: exchange.clone(), origin };
                uses.insert(exchange.key.clone(), used);
            }
        }
    }

    /// Something is recorded for this step from now until [`Visitor::finished`].
    pub(super) fn began(&self) {
        self.pending.send_modify(|count| *count += 1);
    }

    /// As many as began, and after what it brought is noted.
    pub(super) fn finished(&self) {
        self.pending.send_modify(|count| *count = count.saturating_sub(1));
    }

    /// Waits until everything is recorded that this step has asked for, though its clients may
    /// have gone.
    pub async fn settle(&self) {
        let mut pending = self.pending.subscribe();
        // Fails only where the sender is gone, which is in `self`.
        let _ended = pending.wait_for(|count| *count == 0).await.is_ok();
    }

    /// All that passed so far; [`Visitor::settle`] first.
    pub fn traffic(&self) -> Traffic {
        let seen = self.seen();
        Traffic { uses: seen.uses.values().cloned().collect(), refusals: seen.refusals.clone() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange::{Content, Head};
    use super::*;
    use crate::oci::Digest;

    fn exchange(url: &str, status: u16) -> Exchange {
        Exchange {
            key: Key { method: "GET".to_owned(), url: url.to_owned(), variant: None, body: None },
            head: Head { status, ..Head::default() },
            content: Content { digest: Digest::of(b""), size: 0 },
        }
    }

    fn upstream(target: &str) -> Refusal {
        let reason = RefusalReason::Upstream("broken".to_owned());
        Refusal { target: target.to_owned(), reason }
    }

    #[test]
    fn an_answer_given_twice_is_one_use() {
        let visitor = Visitor::new("1");
        visitor.note(&exchange("http://a.example/", 200), Origin::Fetched);
        visitor.note(&exchange("http://a.example/", 200), Origin::Frozen);
        let uses = visitor.traffic().uses;
        assert_eq!(uses.len(), 1);
        assert_eq!(uses[0].origin, Origin::Fetched);
    }

    #[test]
    fn what_credentials_brought_takes_the_place_of_the_challenge() {
        let visitor = Visitor::new("1");
        for status in [401, 200, 401] {
            visitor.note(&exchange("http://a.example/", status), Origin::Fetched);
        }
        assert_eq!(visitor.traffic().uses[0].exchange.head.status, 200);
    }

    #[test]
    fn what_came_at_last_was_not_refused() {
        let visitor = Visitor::new("1");
        visitor.refuse(upstream("http://a.example/"));
        visitor.refuse(upstream("http://a.example/"));
        visitor.refuse(upstream("http://b.example/"));
        assert_eq!(visitor.traffic().refusals.len(), 2);
        visitor.note(&exchange("http://a.example/", 200), Origin::Fetched);
        assert_eq!(visitor.traffic().refusals, [upstream("http://b.example/")]);
    }
}

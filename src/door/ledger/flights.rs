//! What is known by key: answers that are settled, and flights to get one. Requests that come while
//! one flies wait for it; all get the same answer.

use super::super::answer::Growing;
use super::super::exchange::{Exchange, Head, Key, Origin, Refusal};
use super::super::visitor::Visitor;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::time::Instant;

/// Answers and flights.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    slots: BTreeMap<Key, Slot>,
    /// What was recorded in this run.
    recorded: BTreeMap<Key, Exchange>,
    flights: u64,
}

#[derive(Debug)]
enum Slot {
    Settled(Box<Settled>),
    Flying { flight: u64, authorized: bool, phase: watch::Receiver<Phase>, waiting: Vec<Waiting> },
}

/// An answer that stays for the rest of the run.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) exchange: Exchange,
    /// Whether the request that brought it had credentials.
    pub(super) authorized: bool,
    pub(super) origin: Origin,
    /// When it was there.
    pub(super) moment: Instant,
}

#[derive(Debug)]
struct Waiting {
    visitor: Arc<Visitor>,
    origin: Origin,
}

/// How far a flight is.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Asked,
    /// Its body comes in.
    Streaming(Head, Growing),
    Done(Result<Exchange, Refusal>),
}

impl Phase {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// What a request meets.
pub(super) enum Met {
    Settled(Settled),
    /// Somebody has asked the same.
    Flying {
        authorized: bool,
        phase: watch::Receiver<Phase>,
    },
    /// It is the first, and is to bring the answer.
    First {
        landing: Landing,
        phase: watch::Receiver<Phase>,
    },
    /// Nobody may ask.
    Unknown,
}

/// What somebody who asks finds where nothing flies.
pub(super) enum Start {
    /// Fly, for an answer of this origin.
    Fly(Origin),
    /// The settled answer serves.
    Keep,
    /// There is nothing.
    Nothing,
}

impl Flights {
    /// What a request of this visitor meets. `start` decides where nothing flies for the key.
    pub(super) fn join(
        self: &Arc<Self>,
        key: &Key,
        visitor: &Arc<Visitor>,
        authorized: bool,
        start: impl FnOnce(Option<&Settled>) -> Start,
    ) -> Met {
        let mut known = self.known();
        let Known { slots, flights, .. } = &mut *known;
        let settled = match slots.get_mut(key) {
            Some(Slot::Flying { authorized, phase, waiting, flight: _ }) => {
                visitor.began();
                waiting.push(Waiting { visitor: Arc::clone(visitor), origin: Origin::Frozen });
                return Met::Flying { authorized: *authorized, phase: phase.clone() };
            }
            Some(Slot::Settled(settled)) => Some(&**settled),
            None => None,
        };
        let origin = match (start(settled), settled) {
            (Start::Fly(origin), _) => origin,
            (Start::Keep, Some(settled)) => return Met::Settled(settled.clone()),
            (Start::Keep | Start::Nothing, _) => return Met::Unknown,
        };
        *flights += 1;
        visitor.began();
        let (sender, phase) = watch::channel(Phase::Asked);
        let waiting = vec![Waiting { visitor: Arc::clone(visitor), origin }];
        let flying = Slot::Flying { flight: *flights, authorized, phase: phase.clone(), waiting };
        slots.insert(key.clone(), flying);
        let landing = Landing {
            flights: Arc::clone(self),
            key: key.clone(),
            flight: *flights,
            origin,
            authorized,
            phase: sender,
            has_landed: false,
        };
        Met::First { landing, phase }
    }

    /// All that was recorded in this run, by key.
    pub(super) fn recorded(&self) -> Vec<Exchange> {
        self.known().recorded.values().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a flight out, with those who wait for it.
    fn take(&self, key: &Key, flight: u64, settled: Option<Settled>) -> Vec<Waiting> {
        let mut known = self.known();
        let waiting = match known.slots.remove(key) {
            Some(Slot::Flying { flight: there, waiting, .. }) if there == flight => waiting,
            Some(other) => {
                known.slots.insert(key.clone(), other);
                return Vec::new();
            }
            None => return Vec::new(),
        };
        if let Some(settled) = settled {
            if settled.origin == Origin::Fetched {
                known.recorded.insert(key.clone(), settled.exchange.clone());
            }
            known.slots.insert(key.clone(), Slot::Settled(Box::new(settled)));
        }
        waiting
    }
}

/// The duty to end a flight. One that is dropped ends it without an answer.
#[derive(Debug)]
pub(super) struct Landing {
    flights: Arc<Flights>,
    key: Key,
    flight: u64,
    origin: Origin,
    authorized: bool,
    phase: watch::Sender<Phase>,
    has_landed: bool,
}

impl Landing {
    /// The key that is asked for.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// What kind of answer it brings.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// The body begins to come in.
    pub(super) fn announce(&self, head: Head, growing: Growing) {
        self.phase.send_replace(Phase::Streaming(head, growing));
    }

    /// Ends the flight: notes what it brought at all who asked for it.
    pub(super) fn land(mut self, result: Result<Exchange, Refusal>) {
        self.finish(result);
    }

    fn finish(&mut self, result: Result<Exchange, Refusal>) {
        self.has_landed = true;
        let settled = result.as_ref().ok().map(|exchange| Settled {
            exchange: exchange.clone(),
            authorized: self.authorized,
            origin: self.origin,
            moment: Instant::now(),
        });
        let waiting = self.flights.take(&self.key, self.flight, settled);
        for Waiting { visitor, origin } in &waiting {
            let origin = if self.origin == Origin::Locked { Origin::Locked } else { *origin };
            match &result {
                Ok(exchange) => visitor.note(exchange, origin),
                Err(refusal) => visitor.refuse(refusal.clone()),
            }
        }
        self.phase.send_replace(Phase::Done(result));
        for Waiting { visitor, .. } in &waiting {
            visitor.finished();
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.has_landed {
            let reason = super::stopped();
            let target = self.key.url.clone();
            self.finish(Err(Refusal { target, reason }));
        }
    }
}

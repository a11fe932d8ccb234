//! How long and how often upstream is asked before it counts as not answering.

use super::Failure;
use std::time::Duration;

/// Limits of time.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Timing {
    /// Until a connection is there.
    pub(in super::super) connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub(in super::super) read_timeout: Duration,
    /// Before the second try; doubled before each further one.
    pub(in super::super) first_wait: Duration,
    /// The longest that a server may have us wait.
    pub(in super::super) retry_after_max: Duration,
    /// All waits of one answer together.
    pub(in super::super) waits_max: Duration,
    /// Tries that bring nothing.
    pub(in super::super) tries_max: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_mins(1),
            first_wait: Duration::from_millis(500),
            retry_after_max: Duration::from_mins(1),
            waits_max: Duration::from_mins(2),
            tries_max: 5,
        }
    }
}

/// What is left of the tries for one answer.
#[derive(Debug)]
pub(in super::super) struct Patience {
    timing: Timing,
    tries: u32,
    waited: Duration,
}

impl Patience {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, tries: 1, waited: Duration::ZERO }
    }

    /// How long to wait before the next try; the failure itself where there should be none.
    pub(super) fn next(&mut self, failure: Failure) -> Result<Duration, Failure> {
        let named = match &failure {
            Failure::Cancelled | Failure::Final(_) => return Err(failure),
            Failure::Transient(_, named) => *named,
            Failure::Unreachable(_) => None,
        };
        let doubled = self.timing.first_wait.saturating_mul(1 << (self.tries - 1).min(16));
        let wait = named.unwrap_or(doubled);
        let is_too_long = wait > self.timing.retry_after_max
            || self.waited.saturating_add(wait) > self.timing.waits_max;
        if is_too_long || self.tries >= self.timing.tries_max {
            return Err(failure);
        }
        self.tries += 1;
        self.waited += wait;
        Ok(wait)
    }

    /// The last try brought something: bytes of a body that broke off later.
    pub(in super::super) fn renew(&mut self) {
        self.tries = 1;
    }
}

//! How a build reaches what is not here.

use crate::door::{Authority, Door, Exchange, Lag, Refusal, Visitor};
use std::sync::Arc;
use url::Url;

/// The Door, and what this build's steps know it by.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    /// Records, or answers from what was recorded.
    pub door: &'a Door,
    /// Signs the certificates that steps of this build see. Each build has one of its own, so that
    /// a comparison shows what is left of it.
    pub authority: &'a Authority,
    /// Whether there is a lock, with what may have expired since.
    pub replays: bool,
    /// How far this build is to stay behind another one that runs at the same time.
    pub lag: Lag,
}

impl Outside<'_> {
    /// Gets a URL for rlock itself: redirects followed, the body whole and in the Store.
    pub(crate) fn fetch(&self, visitor: &Arc<Visitor>, url: &Url) -> Result<Exchange, Refusal> {
        self.door.fetch(visitor, url)
    }
}

//! Where locked bytes come from when the Store does not have them: the recorded URL, mirrors,
//! archives by date. No source is trusted: what it gives is taken into the Store and verified
//! before anybody sees a byte of it.

mod place;
mod release;

#[cfg(test)]
mod tests;

pub(super) use place::Places;
pub(super) use release::{RELEASE_SIZE_MAX, Release};

use super::exchange::{Exchange, RefusalReason};
use super::key::canonical;
use super::record::{Spool, SpoolError};
use super::redact::Secrets;
use super::upstream::{Failure, Follow, Request, Upstream, content_length};
use crate::oci::Digest;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use url::Url;

/// A body that is larger than the lock says is read up to this size, to tell its digest.
const OTHER_SIZE_MAX: u64 = 64 << 20;

/// What brings locked bytes back.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// Nobody answered there in this run; not asked again, since a locked build asks much.
    unreachable: Mutex<BTreeSet<String>>,
}

/// What one source gave instead of the bytes.
enum Miss {
    Words(String),
    /// An answer with this digest.
    Other(Digest),
    Secret,
    Store(RefusalReason),
}

impl From<SpoolError> for Miss {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Secret => Self::Secret,
            error => Self::Store(error.into_reason()),
        }
    }
}

/// One locked answer, and what it is brought back with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) store: &'a Store,
    /// Those that no content may have.
    pub(super) declared: &'a Secrets,
    /// Those and what the request authenticates itself by, which no message may have.
    pub(super) secrets: &'a Secrets,
    pub(super) exchange: &'a Exchange,
}

impl Fetcher {
    pub(super) fn new() -> Self {
        Self { unreachable: Mutex::default() }
    }

    /// Brings the content of a locked answer into the Store, from the first of these URLs that has
    /// it. The first is the recorded one. Each is asked before one is asked again: what they give is
    /// verified, so all are equally good.
    pub(super) async fn fetch(
        &self,
        wanted: Wanted<'_>,
        request: &Request,
        places: &[Url],
    ) -> Result<(), RefusalReason> {
        let mut patience = wanted.upstream.patience();
        let mut left: Vec<&Url> = places.iter().collect();
        let mut misses: BTreeMap<&Url, Miss> = BTreeMap::new();
        loop {
            let mut failures: Vec<(&Url, Failure)> = Vec::new();
            for place in left {
                match self.fetch_from(wanted, &request.at(place.clone())).await {
                    Ok(Ok(())) => {
                        self.note_unreachable(&failures);
                        return Ok(());
                    }
                    Ok(Err(Miss::Store(reason))) => return Err(reason),
                    Ok(Err(miss)) => drop(misses.insert(place, miss)),
                    Err(Failure::Final(words)) => drop(misses.insert(place, Miss::Words(words))),
                    Err(failure) => failures.push((place, failure)),
                }
            }
            let Some((_, first)) = failures.first() else { break };
            let waited = wanted.upstream.wait(&mut patience, first.clone()).await;
            if waited.is_err() {
                self.note_unreachable(&failures);
                let words = |failure: &Failure| Miss::Words(failure.words().to_owned());
                misses.extend(failures.iter().map(|(place, failure)| (*place, words(failure))));
                break;
            }
            left = failures.into_iter().map(|(place, _)| place).collect();
        }
        Err(refusal(wanted, places, &misses))
    }

    async fn fetch_from(
        &self,
        wanted: Wanted<'_>,
        request: &Request,
    ) -> Result<Result<(), Miss>, Failure> {
        if self.unreachable().contains(&host(&request.url)) {
            return Ok(Err(Miss::Words("nobody answers there".to_owned())));
        }
        wanted.attempt(request).await
    }

    fn note_unreachable(&self, failures: &[(&Url, Failure)]) {
        let unreachable = failures.iter().filter(|(_, it)| matches!(it, Failure::Unreachable(_)));
        self.unreachable().extend(unreachable.map(|(place, _)| host(place)));
    }

    fn unreachable(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Why nothing of it is to be had, in the order in which it was looked for.
fn refusal(wanted: Wanted<'_>, places: &[Url], misses: &BTreeMap<&Url, Miss>) -> RefusalReason {
    let mut tried = Vec::new();
    let mut other = None;
    for (place, miss) in places.iter().filter_map(|place| misses.get_key_value(place)) {
        let words = match miss {
            Miss::Words(words) => words.clone(),
            Miss::Secret => "has a secret of this build in it".to_owned(),
            Miss::Store(reason) => return reason.clone(),
            Miss::Other(found) => {
                // What answers under the locked URL itself comes first, and tells most.
                other = other.or(Some(*found));
                format!("gave other content, {found}")
            }
        };
        let name = wanted.secrets.redact(&canonical(place));
        tracing::debug!(url = name, words, "locked content is not there");
        tried.push(format!("{name}: {words}"));
    }
    match other {
        Some(found) => {
            RefusalReason::Integrity { expected: wanted.exchange.content.digest, found, tried }
        }
        None => RefusalReason::Unavailable(tried),
    }
}

impl Wanted<'_> {
    /// One try. A failure may be tried again; a miss is one for good.
    async fn attempt(&self, request: &Request) -> Result<Result<(), Miss>, Failure> {
        let head = &self.exchange.head;
        let follow = if head.location.is_some() { Follow::None } else { Follow::All };
        let (mut response, _) = self.upstream.follow(request, follow, self.declared).await?;
        let is_success = response.status().is_success();
        if !is_success && response.status().as_u16() != head.status {
            return Ok(Err(Miss::Words(response.status().to_string())));
        }
        let size = content_length(&response);
        let limit = self.exchange.content.size.max(OTHER_SIZE_MAX);
        let too_large = |size| Miss::Words(format!("gave other content, {size} bytes or more"));
        if let Some(size) = size.filter(|size| *size > limit) {
            return Ok(Err(too_large(size)));
        }
        let spool = match Spool::start(self.store, size, self.declared) {
            Ok(spool) => spool,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut taken = 0;
        loop {
            match self.upstream.chunk(&mut response).await {
                Ok(Some(piece)) => {
                    taken += piece.len() as u64;
                    if taken > limit {
                        spool.abandon().await;
                        return Ok(Err(too_large(taken)));
                    }
                    if !spool.push(piece).await {
                        break;
                    }
                }
                Ok(None) => break,
                Err(failure) => {
                    spool.abandon().await;
                    return Err(failure);
                }
            }
        }
        let content = self.exchange.content;
        Ok(match spool.commit(Some((content.digest, content.size))).await {
            Ok(found) if found == (content.digest, content.size) => Ok(()),
            Ok((found, _)) => Err(Miss::Other(found)),
            Err(error) => Err(error.into()),
        })
    }
}

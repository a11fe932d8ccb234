//! Recording one answer of upstream: tried until it comes whole, and stored under its digest.
//!
//! A short body is taken in first and answered then, so a broken one is tried again and nobody
//! notices. A long one flows to the clients while it comes in; if it breaks off it is resumed
//! where upstream can prove that the rest belongs to it, and fails otherwise.

mod spool;

pub(super) use spool::{Spool, SpoolError, chain};

use super::answer::Growing;
use super::exchange::{Content, Exchange, Head, Key, RefusalReason};
use super::redact::{SecretFound, Secrets};
use super::upstream::{
    Failure, Follow, Patience, Request, Upstream, content_length, head_of, is_rest, validator,
};
use crate::oci::Digest;
use crate::store::Store;
use http::{HeaderValue, StatusCode};
use reqwest::Response;

/// Bodies up to this size are answered when they are whole.
const SHORT_SIZE_MAX: u64 = 64 << 10;

/// What one answer is recorded with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorder<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) store: &'a Store,
    /// Those that no content may have.
    pub(super) declared: &'a Secrets,
    /// Those and what the request authenticates itself by, which no head may have.
    pub(super) secrets: &'a Secrets,
    /// Redirects that are not facts.
    pub(super) follow: Follow,
}

/// Why one try brought nothing.
enum Trouble {
    /// Ask again, perhaps.
    Upstream(Failure),
    /// Do not.
    Fatal(RefusalReason),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Upstream(failure)
    }
}

impl From<SpoolError> for Trouble {
    fn from(error: SpoolError) -> Self {
        Self::Fatal(error.into_reason())
    }
}

impl From<SecretFound> for Trouble {
    fn from(found: SecretFound) -> Self {
        SpoolError::from(found).into()
    }
}

impl Recorder<'_> {
    /// Asks upstream and stores the answer. A long one is `announce`d while it comes in.
    pub(super) async fn record(
        &self,
        key: &Key,
        request: &Request,
        announce: impl Fn(Head, Growing),
    ) -> Result<Exchange, RefusalReason> {
        let mut patience = self.upstream.patience();
        loop {
            let failure = match self.attempt(request, &announce).await {
                Ok((head, content)) => return Ok(Exchange { key: key.clone(), head, content }),
                Err(Trouble::Fatal(reason)) => return Err(reason),
                Err(Trouble::Upstream(failure)) => failure,
            };
            tracing::debug!(url = key.url, failure = failure.words(), "upstream");
            self.upstream
                .wait(&mut patience, failure)
                .await
                .map_err(|failure| RefusalReason::Upstream(failure.words().to_owned()))?;
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        announce: &impl Fn(Head, Growing),
    ) -> Result<(Head, Content), Trouble> {
        let (mut response, last) = self.upstream.follow(request, self.follow, self.secrets).await?;
        let head = head_of(&response, self.secrets);
        let size = content_length(&response);
        let is_short = size.is_some_and(|size| size <= SHORT_SIZE_MAX);
        if has_no_content(&response) {
            if is_short {
                // Read, so that the connection can be used again; what is wrong with it is wrong
                // with nothing that anybody gets.
                let _unused = self.short_body(&mut response).await.is_ok();
            }
            return Ok((head, self.put(Vec::new()).await?));
        }
        if is_short {
            let body = self.short_body(&mut response).await?;
            return Ok((head, self.put(body).await?));
        }
        let spool = Spool::start(self.store, size, self.declared)?;
        announce(head.clone(), spool.growing());
        let content = Long { recorder: self, request: &last, size }.take(response, spool).await?;
        Ok((head, content))
    }

    async fn short_body(&self, response: &mut Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(piece) = self.upstream.chunk(response).await? {
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    async fn put(&self, body: Vec<u8>) -> Result<Content, Trouble> {
        let mut scanner = self.declared.scanner();
        let _passed = scanner.pass(&body)?.len();
        let store = self.store.clone();
        let size = body.len() as u64;
        let putting = tokio::task::spawn_blocking(move || {
            // What has no content cannot be damaged.
            let empty = Digest::of(b"");
            if body.is_empty() && store.contains(&empty) { Ok(empty) } else { store.put(&body) }
        });
        match putting.await {
            Ok(Ok(digest)) => Ok(Content { digest, size }),
            Ok(Err(error)) => Err(SpoolError::Store(error).into()),
            Err(_) => Err(SpoolError::Abandoned.into()),
        }
    }
}

/// Redirects are followed by status and `Location`; their pages tell the time or the visitor, and
/// are read by nobody.
fn has_no_content(response: &Response) -> bool {
    let status = response.status();
    let is_redirect =
        status.is_redirection() && response.headers().contains_key(http::header::LOCATION);
    is_redirect || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT)
}

/// A long body that comes in.
struct Long<'a> {
    recorder: &'a Recorder<'a>,
    /// What is asked again for the rest.
    request: &'a Request,
    size: Option<u64>,
}

impl Long<'_> {
    async fn take(&self, mut response: Response, spool: Spool) -> Result<Content, Trouble> {
        let validator = validator(&response);
        let mut patience = self.recorder.upstream.patience();
        let mut taken = 0;
        loop {
            let failure = match self.recorder.upstream.chunk(&mut response).await {
                Ok(Some(piece)) => {
                    taken += piece.len() as u64;
                    patience.renew();
                    if !spool.push(piece).await {
                        // Committing says what is wrong.
                        break;
                    }
                    continue;
                }
                Ok(None) if self.size.is_none_or(|size| size == taken) => break,
                Ok(None) => Failure::Transient(format!("the body ends after {taken} bytes"), None),
                Err(failure) => failure,
            };
            match self.resume(taken, validator.as_ref(), &mut patience, failure).await {
                Ok(rest) => response = rest,
                Err(failure) => {
                    spool.abandon().await;
                    let words = failure.words().to_owned();
                    return Err(Trouble::Fatal(RefusalReason::Upstream(words)));
                }
            }
        }
        let (digest, size) = spool.commit(None).await?;
        Ok(Content { digest, size })
    }

    /// The rest of the body after this failure.
    async fn resume(
        &self,
        taken: u64,
        validator: Option<&HeaderValue>,
        patience: &mut Patience,
        mut failure: Failure,
    ) -> Result<Response, Failure> {
        let Some(validator) = validator else { return Err(failure) };
        let upstream = self.recorder.upstream;
        loop {
            upstream.wait(patience, failure).await?;
            let response = match upstream.send_any(&self.request.rest(taken, validator)).await {
                Ok(response) if is_rest(&response, taken, self.size) => return Ok(response),
                Ok(response) => response,
                Err(broken) => {
                    failure = broken;
                    continue;
                }
            };
            let status = response.status();
            if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
                let words = format!("the body broke off after {taken} bytes and has changed since");
                return Err(Failure::Final(words));
            }
            failure = Failure::Transient(status.to_string(), None);
        }
    }
}

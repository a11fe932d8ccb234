//! One blob on its way into a repository: in one request where it is small, else in pieces, and
//! gone on with where a connection broke.
//!
//! ```text
//! POST uploads/ ── 202, Location ──> PATCH Location … PATCH Location ──> PUT Location?digest=
//!                                      └─ broken: GET Location, Range says how far it came
//! ```

use super::body::{self, Source};
use super::{check_answer, nothing};
use crate::oci::Digest;
use crate::registry::RegistryError;
use crate::registry::blob;
use crate::registry::client::Client;
use crate::registry::host::redacted;
use crate::registry::opaque::BYTES;
use crate::registry::session::{Backoff, Call, Content, Session};
use crate::registry::transport::Broken;
use reqwest::blocking::Response;
use reqwest::header::{HeaderMap, RANGE};
use reqwest::{Method, Url};
use std::path::PathBuf;
use std::sync::Arc;

/// <https://www.rfc-editor.org/rfc/rfc9110#status.416>: a piece that does not follow the last.
const RANGE_REFUSED: u16 = 416;

/// One blob on its way.
pub(super) struct Upload<'a> {
    session: &'a Session<'a>,
    digest: Digest,
    size: u64,
    source: Source,
    chunk_size: u64,
    /// Whether everything goes in one request: the registry does not take pieces.
    whole: bool,
}

/// An upload that the registry has opened.
struct Opened {
    location: Url,
    /// Bytes that the registry has.
    offset: u64,
    chunk_size: u64,
}

/// Why an upload has ended before its end.
enum Ended {
    /// A new one may do better.
    Again(RegistryError),
    /// The registry does not take pieces.
    NoPieces(RegistryError),
    /// None will.
    Never(RegistryError),
}

impl From<RegistryError> for Ended {
    fn from(error: RegistryError) -> Self {
        Self::Never(error)
    }
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        session: &'a Session<'a>,
        digest: Digest,
        size: u64,
        path: PathBuf,
        client: &Client,
    ) -> Self {
        let source = Source {
            path,
            progress: body::progress(digest, size),
            tell: Arc::clone(&client.progress),
            cancelled: Arc::clone(&client.transport.cancelled),
            failure: Arc::default(),
        };
        let chunk_size = client.chunk_size;
        Self { session, digest, size, source, chunk_size, whole: size <= chunk_size }
    }

    /// Sends the blob. A bounded number of uploads is opened.
    pub(super) fn run(mut self) -> Result<(), RegistryError> {
        self.source.tell(0);
        let mut backoff = Backoff::new(self.session.transport);
        loop {
            match self.attempt() {
                Ok(()) => {
                    self.source.tell(self.size);
                    return Ok(());
                }
                Err(Ended::Never(error)) => return Err(error),
                Err(Ended::NoPieces(error)) => {
                    tracing::debug!(%error, "the registry takes no pieces");
                    self.whole = true;
                }
                Err(Ended::Again(error)) => {
                    backoff.wait_or_give_up(Broken::Transient(error, None))?;
                    // The answer may have been lost, and not the blob.
                    if blob::size(self.session, &self.digest)?.is_some() {
                        self.source.tell(self.size);
                        return Ok(());
                    }
                }
            }
        }
    }

    fn attempt(&self) -> Result<(), Ended> {
        let mut opened = self.open()?;
        if !self.whole {
            self.send_pieces(&mut opened)?;
        }
        self.close(&opened)
    }

    fn open(&self) -> Result<Opened, RegistryError> {
        let url = self.session.url("blobs/uploads/");
        let call = Call {
            content: Some(nothing()),
            wanted: &[202],
            ..Call::new(Method::POST, url, self.session.name())
        };
        let response = self.session.send(&call)?;
        let location = self.session.location(&response, response.url())?;
        let chunk_size = self.chunk_size.max(chunk_size_min(response.headers()).min(self.size));
        Ok(Opened { location, offset: 0, chunk_size })
    }

    fn send_pieces(&self, opened: &mut Opened) -> Result<(), Ended> {
        let mut backoff = Backoff::new(self.session.transport);
        backoff.left = self.session.transport.timing.resumes_max;
        while opened.offset < self.size {
            let before = opened.offset;
            match self.send_piece(opened) {
                Ok(response) => {
                    opened.location = self.session.location(&response, response.url())?;
                    let sent = before.saturating_add(opened.chunk_size).min(self.size);
                    opened.offset = received(response.headers()).unwrap_or(sent).min(sent);
                    self.source.tell(opened.offset);
                    if opened.offset > before {
                        backoff.wait = self.session.transport.timing.backoff;
                        continue;
                    }
                    let error = stuck(&opened.location);
                    backoff.wait_or_give_up(Broken::Transient(error, None))?;
                }
                Err(Broken::Transient(error, asked)) => {
                    self.check_source()?;
                    let reason = error.to_string();
                    backoff.wait_or_give_up(Broken::Transient(error, asked))?;
                    self.ask_how_far(opened, &reason)?;
                }
                Err(Broken::Final(error)) => match status_of(&error) {
                    Some(RANGE_REFUSED) => {
                        let reason = error.to_string();
                        backoff.wait_or_give_up(Broken::Transient(error, None))?;
                        self.ask_how_far(opened, &reason)?;
                    }
                    // The upload is gone.
                    Some(404) => return Err(Ended::Again(error)),
                    Some(400..=499 | 501) if opened.offset == 0 => {
                        return Err(Ended::NoPieces(error));
                    }
                    _ => return Err(Ended::Never(error)),
                },
            }
        }
        Ok(())
    }

    fn send_piece(&self, opened: &Opened) -> Result<Response, Broken> {
        let length = opened.chunk_size.min(self.size - opened.offset);
        let open = || self.source.open(opened.offset, length);
        let content = Content {
            media_type: BYTES,
            range: Some((opened.offset, opened.offset + length - 1)),
            timeout: body::timeout(&self.session.transport.timing, length),
            open: &open,
        };
        let (url, name) = (opened.location.clone(), self.name());
        let call =
            Call { content: Some(content), wanted: &[202], ..Call::new(Method::PATCH, url, name) };
        self.session.attempt(&call)
    }

    /// Goes on where the registry is, which may have more than it has confirmed, or less.
    fn ask_how_far(&self, opened: &mut Opened, reason: &str) -> Result<(), Ended> {
        let url = opened.location.clone();
        let call = Call { wanted: &[204, 202, 200], ..Call::new(Method::GET, url, self.name()) };
        match self.session.send(&call) {
            Ok(response) => {
                opened.offset = received(response.headers()).unwrap_or(0).min(self.size);
                if response.headers().contains_key(reqwest::header::LOCATION) {
                    opened.location = self.session.location(&response, response.url())?;
                }
                tracing::debug!(offset = opened.offset, %reason, "going on with an upload");
                Ok(())
            }
            Err(error @ (RegistryError::NotFound { .. } | RegistryError::Status { .. })) => {
                Err(Ended::Again(error))
            }
            Err(error) => Err(Ended::Never(error)),
        }
    }

    /// The request that makes a blob of what was sent; with the content, where it is sent whole.
    fn close(&self, opened: &Opened) -> Result<(), Ended> {
        let mut url = opened.location.clone();
        url.query_pairs_mut().append_pair("digest", &self.digest.to_string());
        let open = || self.source.open(0, self.size);
        let content = if self.whole {
            let timeout = body::timeout(&self.session.transport.timing, self.size);
            Content { media_type: BYTES, range: None, timeout, open: &open }
        } else {
            nothing()
        };
        let call = Call {
            content: Some(content),
            wanted: &[201, 204],
            ..Call::new(Method::PUT, url, self.name())
        };
        match self.session.attempt(&call) {
            Ok(response) => Ok(check_answer(&response, &self.digest)?),
            Err(Broken::Transient(error, _)) => {
                self.check_source()?;
                Err(Ended::Again(error))
            }
            Err(Broken::Final(error)) => match status_of(&error) {
                // The upload is gone, or is not what it should be: something on the way changed it.
                Some(400 | 404 | RANGE_REFUSED) => Err(Ended::Again(error)),
                _ => Err(Ended::Never(error)),
            },
        }
    }

    fn name(&self) -> String {
        format!("{}@{}", self.session.name(), self.digest)
    }

    /// Reading the file may be what broke the request, or the user.
    fn check_source(&self) -> Result<(), RegistryError> {
        self.session.transport.check_cancelled()?;
        self.source.failure().map_or(Ok(()), Err)
    }
}

fn stuck(url: &Url) -> RegistryError {
    let reason = "it takes nothing of what it is sent".to_owned();
    RegistryError::Network { url: redacted(url), reason }
}

/// The status of an error that tells one.
fn status_of(error: &RegistryError) -> Option<u16> {
    match error {
        RegistryError::Status { status, .. } => Some(*status),
        RegistryError::NotFound { .. } => Some(404),
        _ => None,
    }
}

/// The bytes that `Range: 0-99` says are there: 100. `0-0` is what registries say of none, too.
fn received(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RANGE)?.to_str().ok()?;
    let text = text.strip_prefix("bytes=").unwrap_or(text);
    let last: u64 = text.strip_prefix("0-")?.trim().parse().ok()?;
    if last == 0 { Some(0) } else { last.checked_add(1) }
}

/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks>
fn chunk_size_min(headers: &HeaderMap) -> u64 {
    let value = headers.get("oci-chunk-min-length").and_then(|value| value.to_str().ok());
    value.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

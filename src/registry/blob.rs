//! Downloads of blobs: bounded by the size that their descriptor promises, and gone on with where
//! a connection broke.

use super::host::redacted;
use super::manifest;
use super::session::{Backoff, Call, Session};
use super::transport::{Broken, Pace};
use super::{Direction, Progress, RegistryError};
use crate::oci::{Descriptor, Digest, Mismatch};
use reqwest::blocking::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap};
use reqwest::{Method, StatusCode, Url};
use std::io::{self, Write};
use std::time::Duration;

const BUFFER_SIZE: usize = 64 * 1024;
/// <https://www.rfc-editor.org/rfc/rfc9110#status.416>
const RANGE_REFUSED: u16 = 416;
/// Progress is told after each so many bytes.
const PROGRESS_STEP: u64 = 256 * 1024;

/// Why a download ended early.
#[derive(Debug)]
pub(super) enum DownloadError {
    /// The registry's fault.
    Registry(RegistryError),
    /// The fault of what takes the bytes.
    Output(io::Error),
}

impl From<RegistryError> for DownloadError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

/// One blob on its way.
struct Download<'a> {
    session: &'a Session<'a>,
    descriptor: &'a Descriptor,
    url: Url,
    output: &'a mut dyn Write,
    progress: &'a dyn Fn(&Progress),
    /// Bytes that the output has.
    received: u64,
    told: u64,
    /// Whether the server is asked to leave out what is there already.
    resumes: bool,
}

/// Writes the blob's bytes to `output`: exactly as many as promised. Whether they are the promised
/// ones is for the caller to verify before using them.
pub(super) fn download(
    session: &Session<'_>,
    descriptor: &Descriptor,
    output: &mut dyn Write,
    progress: &dyn Fn(&Progress),
) -> Result<(), DownloadError> {
    let url = session.url(&path(&descriptor.digest));
    let mut download = Download {
        session,
        descriptor,
        url,
        output,
        progress,
        received: 0,
        told: 0,
        resumes: true,
    };
    download.tell();
    let mut backoff = Backoff::new(session.transport);
    backoff.left = session.transport.timing.resumes_max;
    loop {
        let before = download.received;
        match download.attempt() {
            Ok(()) => return Ok(()),
            Err(Attempt::Broken(broken)) => {
                if download.received > before {
                    backoff.wait = session.transport.timing.backoff;
                }
                backoff.wait_or_give_up(broken)?;
            }
            Err(Attempt::Output(error)) => return Err(DownloadError::Output(error)),
        }
    }
}

/// The content of a config, verified.
pub(super) fn config(
    session: &Session<'_>,
    descriptor: &Descriptor,
) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    debug_assert!(descriptor.size <= manifest::CONFIG_SIZE_MAX, "checked with the manifest");
    match download(session, descriptor, &mut bytes, &|_| {}) {
        Ok(()) => {}
        Err(DownloadError::Registry(error)) => return Err(error),
        // A `Vec` takes everything.
        Err(DownloadError::Output(error)) => {
            let url = redacted(&session.url(&path(&descriptor.digest)));
            return Err(RegistryError::Network { url, reason: error.to_string() });
        }
    }
    let found = Digest::of(&bytes);
    if found == descriptor.digest {
        return Ok(bytes);
    }
    let mismatch = Mismatch::Digest { expected: descriptor.digest, found };
    Err(corrupt(session, descriptor, mismatch))
}

/// The error for a blob that is not what its descriptor says.
pub(super) fn corrupt(
    session: &Session<'_>,
    descriptor: &Descriptor,
    source: Mismatch,
) -> RegistryError {
    RegistryError::Corrupt { url: redacted(&session.url(&path(&descriptor.digest))), source }
}

/// The size that the registry says the blob has; nothing where it does not have it.
pub(super) fn size(session: &Session<'_>, digest: &Digest) -> Result<Option<u64>, RegistryError> {
    let name = format!("{}@{digest}", session.name());
    match session.send(&Call::new(Method::HEAD, session.url(&path(digest)), name)) {
        Ok(response) => Ok(length(&response)),
        Err(RegistryError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the header says: of a HEAD there is no body to count.
fn length(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

pub(super) fn path(digest: &Digest) -> String {
    format!("blobs/{digest}")
}

/// How one connection ended.
enum Attempt {
    Broken(Broken),
    Output(io::Error),
}

impl From<Broken> for Attempt {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<RegistryError> for Attempt {
    fn from(error: RegistryError) -> Self {
        Self::Broken(Broken::Final(error))
    }
}

impl Download<'_> {
    fn attempt(&mut self) -> Result<(), Attempt> {
        let offset = if self.resumes { self.received } else { 0 };
        let name = format!("{}@{}", self.session.name(), self.descriptor.digest);
        let call = Call { offset, ..Call::new(Method::GET, self.url.clone(), name) };
        let mut response = match self.session.send(&call) {
            Err(RegistryError::Status { status: RANGE_REFUSED, .. }) if offset > 0 => {
                self.resumes = false;
                return Err(self.broken("it does not go on in the middle"));
            }
            response => response?,
        };
        let start = self.start_of(&response, offset)?;
        self.check_length(&response, start)?;
        // A server that starts over sends again what is there; the whole is verified anyway.
        let mut ignored = self.received - start;
        let mut pace = Pace::new(&self.session.transport.timing);
        let mut buffer = vec![0; BUFFER_SIZE];
        loop {
            let transport = self.session.transport;
            let read = transport.read(&mut response, &self.url, &mut buffer, &mut pace)?;
            if read.is_empty() {
                return self.check_end();
            }
            let skipped = read.len().min(usize::try_from(ignored).unwrap_or(usize::MAX));
            ignored -= skipped as u64;
            self.take(read.get(skipped..).unwrap_or_default())?;
        }
    }

    /// The offset of the response's first byte in the blob.
    fn start_of(&mut self, response: &Response, asked: u64) -> Result<u64, Attempt> {
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(0);
        }
        if range_start(response.headers()) == Some(asked) {
            return Ok(asked);
        }
        // Another range than the one that was asked for: from now on the whole is asked for.
        self.resumes = false;
        Err(self.broken("it sent another range than the one asked for"))
    }

    /// What the response says about its length must agree with the manifest, before a byte of it
    /// is read.
    fn check_length(&self, response: &Response, start: u64) -> Result<(), Attempt> {
        let Some(length) = response.content_length() else { return Ok(()) };
        let (found, expected) = (start.saturating_add(length), self.descriptor.size);
        let mismatch = match found.cmp(&expected) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Less => Mismatch::Short { expected, found },
            std::cmp::Ordering::Greater => Mismatch::Long { expected },
        };
        Err(corrupt(self.session, self.descriptor, mismatch).into())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Attempt> {
        let expected = self.descriptor.size;
        if self.received + bytes.len() as u64 > expected {
            let mismatch = Mismatch::Long { expected };
            return Err(corrupt(self.session, self.descriptor, mismatch).into());
        }
        self.output.write_all(bytes).map_err(Attempt::Output)?;
        self.received += bytes.len() as u64;
        if self.received - self.told >= PROGRESS_STEP {
            self.tell();
        }
        Ok(())
    }

    /// A body without a length may end early without the connection being seen to break.
    fn check_end(&mut self) -> Result<(), Attempt> {
        if self.received == self.descriptor.size {
            self.tell();
            return Ok(());
        }
        let (received, size) = (self.received, self.descriptor.size);
        Err(self.broken(&format!("the body ended after {received} of {size} bytes")))
    }

    fn broken(&self, reason: &str) -> Attempt {
        let (url, reason) = (redacted(&self.url), reason.to_owned());
        Attempt::Broken(Broken::Transient(RegistryError::Network { url, reason }, None::<Duration>))
    }

    fn tell(&mut self) {
        self.told = self.received;
        (self.progress)(&Progress {
            digest: self.descriptor.digest,
            received: self.received,
            total: self.descriptor.size,
            direction: Direction::Pull,
        });
    }
}

/// The first number of `bytes 5-9/10`: <https://www.rfc-editor.org/rfc/rfc9110#field.content-range>.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

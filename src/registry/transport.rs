//! HTTP: one exchange at a time, over the connection that the host's trust calls for.
//! Knows nothing of registries; does not follow redirects and does not try again.

use super::host::{Trust, redacted, trust_of};
use super::secret::Secret;
use super::{RegistryError, Timing};
use crate::store::source_of;
use reqwest::blocking::{Client as HttpClient, RequestBuilder, Response};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderValue};
use reqwest::redirect;
use reqwest::{Method, Url};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Granularity in which a wait notices that it was cancelled.
const SLEEP_SLICE: Duration = Duration::from_millis(50);
const CONNECTIONS_IDLE_MAX: usize = 8;

/// The connections of one client.
#[derive(Debug)]
pub(super) struct Transport {
    verified: Mutex<Option<HttpClient>>,
    insecure: Mutex<Option<HttpClient>>,
    loopback: Mutex<Option<HttpClient>>,
    pub(super) insecure_hosts: Vec<String>,
    pub(super) timing: Timing,
    pub(super) cancelled: Arc<AtomicBool>,
}

/// Why one exchange gave no response.
#[derive(Debug)]
pub(super) enum Broken {
    /// May work when tried again, and not before this time is over, if the server named one.
    Transient(RegistryError, Option<Duration>),
    /// Will not.
    Final(RegistryError),
}

impl Broken {
    pub(super) fn into_error(self) -> RegistryError {
        match self {
            Self::Transient(error, _) | Self::Final(error) => error,
        }
    }
}

impl From<RegistryError> for Broken {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

impl Transport {
    pub(super) fn new(
        insecure_hosts: Vec<String>,
        timing: Timing,
        cancelled: Arc<AtomicBool>,
    ) -> Self {
        // reqwest is built without a provider and panics where none is installed. A second
        // installation, or another one by the caller, is refused and does no harm.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let empty = || Mutex::new(None);
        Self {
            verified: empty(),
            insecure: empty(),
            loopback: empty(),
            insecure_hosts,
            timing,
            cancelled,
        }
    }

    /// Starts a request; nothing is sent yet.
    pub(super) fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, Broken> {
        let client = self.client(trust_of(url, &self.insecure_hosts), url)?;
        // Content is verified as it is stored: nobody on the way shall encode it.
        Ok(client.request(method, url.clone()).header(ACCEPT_ENCODING, "identity"))
    }

    /// Sends a request and waits for the head of the response.
    pub(super) fn send(&self, request: RequestBuilder, url: &Url) -> Result<Response, Broken> {
        self.check_cancelled()?;
        request.send().map_err(|error| broken(error, url))
    }

    /// Clients are made when first needed: reading the system's trust store takes time, and a
    /// machine without one can still use a registry on loopback.
    fn client(&self, trust: Trust, url: &Url) -> Result<HttpClient, Broken> {
        let slot = match trust {
            Trust::Verified => &self.verified,
            Trust::Insecure => &self.insecure,
            Trust::Loopback => &self.loopback,
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let client = self.build(trust).map_err(|error| broken(error, url))?;
        Ok(slot.insert(client).clone())
    }

    fn build(&self, trust: Trust) -> reqwest::Result<HttpClient> {
        let builder = HttpClient::builder()
            .user_agent(concat!("rlock/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.timing.connect_timeout)
            .timeout(self.timing.read_timeout)
            // What is sent and not taken.
            .tcp_user_timeout(self.timing.read_timeout)
            .pool_max_idle_per_host(CONNECTIONS_IDLE_MAX)
            .referer(false)
            .redirect(redirect::Policy::none());
        match trust {
            Trust::Verified => builder.build(),
            // What Docker does for insecure registries, and what it takes loopback for:
            // https://docs.docker.com/reference/cli/dockerd/#insecure-registries
            Trust::Insecure => builder.tls_danger_accept_invalid_certs(true).build(),
            Trust::Loopback => builder.tls_danger_accept_invalid_certs(true).no_proxy().build(),
        }
    }

    pub(super) fn check_cancelled(&self) -> Result<(), RegistryError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(RegistryError::Cancelled);
        }
        Ok(())
    }

    /// Waits, unless cancelled.
    pub(super) fn sleep(&self, wait: Duration) -> Result<(), RegistryError> {
        let end = Instant::now() + wait;
        loop {
            self.check_cancelled()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(SLEEP_SLICE));
        }
    }

    /// The body, if it has at most `size_max` bytes; `None` where it is longer.
    pub(super) fn body(
        &self,
        response: &mut Response,
        url: &Url,
        size_max: usize,
    ) -> Result<Option<Vec<u8>>, Broken> {
        let mut body = Vec::new();
        let mut pace = Pace::new(&self.timing);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = self.read(response, url, &mut buffer, &mut pace)?;
            if read.is_empty() {
                return Ok(Some(body));
            }
            if body.len() + read.len() > size_max {
                return Ok(None);
            }
            body.extend_from_slice(read);
        }
    }

    /// The next bytes of a body; none at its end.
    pub(super) fn read<'a>(
        &self,
        response: &mut Response,
        url: &Url,
        buffer: &'a mut [u8],
        pace: &mut Pace,
    ) -> Result<&'a [u8], Broken> {
        self.check_cancelled()?;
        let network = |reason: String| {
            Broken::Transient(RegistryError::Network { url: redacted(url), reason }, None)
        };
        let count = std::io::Read::read(response, buffer)
            .map_err(|error| network(format!("the connection broke: {}", chain(&error))))?;
        if count > 0 && !pace.is_kept(count) {
            return Err(network("it sends too slowly".to_owned()));
        }
        Ok(buffer.get(..count).unwrap_or_default())
    }
}

/// Notices a server that sends just enough to stay connected.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    bytes: u64,
    window: Duration,
    rate_min: u64,
}

impl Pace {
    pub(super) fn new(timing: &Timing) -> Self {
        let (window, rate_min) = (timing.pace_window, timing.bytes_per_second_min);
        Self { start: Instant::now(), bytes: 0, window, rate_min }
    }

    fn is_kept(&mut self, count: usize) -> bool {
        self.bytes += count as u64;
        let elapsed = self.start.elapsed();
        if elapsed < self.window {
            return true;
        }
        let expected = self.rate_min.saturating_mul(elapsed.as_secs().max(1));
        let is_kept = self.bytes >= expected;
        (self.start, self.bytes) = (Instant::now(), 0);
        is_kept
    }
}

/// The `Authorization` header, marked so that no log shows it; `None` where the text cannot be one.
pub(super) fn authorization(scheme: &str, secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", secret.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Adds the header to a request.
pub(super) fn authorize(request: RequestBuilder, value: Option<&HeaderValue>) -> RequestBuilder {
    match value {
        Some(value) => request.header(AUTHORIZATION, value.clone()),
        None => request,
    }
}

fn broken(error: reqwest::Error, url: &Url) -> Broken {
    // The URL in reqwest's message has its query, which may be a signature.
    let error = error.without_url();
    let (url, reason) = (redacted(url), chain(&error));
    match source_of(&error) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            Broken::Final(RegistryError::Certificate { url, reason })
        }
        Some(rustls::Error::InvalidMessage(_)) => Broken::Final(RegistryError::NoTls { url }),
        Some(_) => Broken::Final(RegistryError::Network { url, reason }),
        None if error.is_builder() => Broken::Final(RegistryError::Network { url, reason }),
        None => Broken::Transient(RegistryError::Network { url, reason }, None),
    }
}

/// An error's innermost words, which say what happened: the outer ones say "error sending request".
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        words = error.to_string();
        inner = error.source();
    }
    super::error::quoted(&words)
}

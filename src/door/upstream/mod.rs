//! Asking the outside: one exchange at a time, whole objects only, without following redirects.
//!
//! Asynchronous, as bodies flow to the step's clients while they come in, and a fetch must end
//! soon after the run is cancelled.

mod failure;
mod head;
mod patience;
mod redirect;
mod request;

#[cfg(test)]
mod tests;

pub(super) use failure::Failure;
pub(super) use head::{content_length, head_of, is_rest, validator};
pub(super) use patience::{Patience, Timing};
pub(super) use redirect::Follow;
pub(super) use request::Request;

use super::error::DoorError;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use url::{Host, Url};

/// How soon it is noticed that the run is cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Connections that are kept for the next request, for each host.
const CONNECTIONS_IDLE_MAX: usize = 16;

/// The way to the outside.
#[derive(Debug)]
pub(super) struct Upstream {
    /// By the host's proxy settings, if it has any.
    client: Client,
    /// For this machine itself, and for hosts whose address is given: no proxy helps there.
    direct: Client,
    /// The hosts whose address is given.
    hosts: BTreeMap<String, IpAddr>,
    timing: Timing,
    cancelled: Arc<AtomicBool>,
}

impl Upstream {
    /// Reads the host's trust roots and proxy settings.
    pub(super) fn new(
        timing: Timing,
        hosts: BTreeMap<String, IpAddr>,
        cancelled: Arc<AtomicBool>,
    ) -> Result<Self, DoorError> {
        // reqwest is built without a provider and panics where none is installed. A second
        // installation is refused and does no harm.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .http1_only()
                .redirect(Policy::none())
                .referer(false)
                .retry(reqwest::retry::never())
                .connect_timeout(timing.connect_timeout)
                .read_timeout(timing.read_timeout)
                .pool_max_idle_per_host(CONNECTIONS_IDLE_MAX)
        };
        let failed = |error: reqwest::Error| DoorError::Upstream(failure::innermost(&error));
        let client = builder().build().map_err(failed)?;
        let mut direct = builder().no_proxy();
        for (host, address) in &hosts {
            // Port 0 stands for the URL's.
            direct = direct.resolve(host, SocketAddr::new(*address, 0));
        }
        let direct = direct.build().map_err(failed)?;
        Ok(Self { client, direct, hosts, timing, cancelled })
    }

    /// Sends a request and waits for the head of an answer that may be recorded. An answer that
    /// asks for another try is a failure.
    pub(super) async fn send(&self, request: &Request) -> Result<Response, Failure> {
        let response = self.send_any(request).await?;
        match failure::of_status(&response) {
            Some(failure) => Err(failure),
            None => Ok(response),
        }
    }

    /// The same, whatever the answer is.
    pub(super) async fn send_any(&self, request: &Request) -> Result<Response, Failure> {
        let is_given = request.url.host_str().is_some_and(|host| self.hosts.contains_key(host));
        let direct = is_given || is_loopback(&request.url);
        let client = if direct { &self.direct } else { &self.client };
        let sending = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send();
        let sent = self.unless_cancelled(sending).await?;
        sent.map_err(|error| failure::of_sending(error, request))
    }

    /// The next piece of a body; none at its end.
    pub(super) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, Failure> {
        let chunk = self.unless_cancelled(response.chunk()).await?;
        chunk.map_err(|error| failure::of_body(&error))
    }

    /// How often something is tried.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.timing)
    }

    /// Waits before the next try; fails where there should be none.
    pub(super) async fn wait(
        &self,
        patience: &mut Patience,
        failure: Failure,
    ) -> Result<(), Failure> {
        let wait = patience.next(failure)?;
        self.unless_cancelled(tokio::time::sleep(wait)).await
    }

    pub(super) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => Ok(done),
            () = self.until_cancelled() => Err(Failure::Cancelled),
        }
    }

    async fn until_cancelled(&self) {
        while !self.cancelled.load(Ordering::Relaxed) {
            tokio::time::sleep(CANCEL_POLL).await;
        }
    }
}

/// Whether the URL names this machine itself.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        // https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

//! Documents of a service that speaks JSON: asked for at one address that a person has named, over
//! the connections of this module and with its limits on time, tries and waits. Sends no credentials,
//! and follows no redirect: another address is another party.

use super::host::{Trust, redacted, trust_of};
use super::session::Backoff;
use super::transport::{Broken, Transport};
use super::{RegistryError, Timing, parallel, status};
use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Method, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const JSON: &str = "application/json";

/// A service at an address.
#[derive(Debug)]
pub struct Documents {
    transport: Transport,
    base: Url,
}

/// How much of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimits {
    /// Bytes of one document.
    pub one: usize,
    /// Bytes of all documents of one call together.
    pub all: u64,
}

/// The address of a service in its one form: HTTPS, or HTTP on this machine, without user, password,
/// query and fragment. The error says what is wrong with it, and shows no password.
pub fn service_address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("that is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("that is neither an http nor an https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user or password, which are not sent".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{}` has a query or fragment", redacted(&url)));
    }
    if url.scheme() == "http" && trust_of(&url, &[]) != Trust::Loopback {
        return Err(format!(
            "`{}` has no TLS: anybody on the way could change what it says; write https",
            redacted(&url)
        ));
    }
    Ok(url)
}

impl Documents {
    /// The service at an address that [`service_address`] takes. Nothing is connected yet.
    pub fn at(
        address: &Url,
        timing: Timing,
        cancelled: Arc<AtomicBool>,
    ) -> Result<Self, RegistryError> {
        let refuse = |reason| RegistryError::Network { url: redacted(address), reason };
        let base = service_address(address.as_str()).map_err(refuse)?;
        Ok(Self { transport: Transport::new(Vec::new(), timing, cancelled), base })
    }

    /// What the service answers to a document that is sent to a path below its address.
    pub fn post(
        &self,
        path: &str,
        body: &str,
        limits: SizeLimits,
    ) -> Result<Vec<u8>, RegistryError> {
        let limit = u64::try_from(limits.one).unwrap_or(u64::MAX).min(limits.all);
        let build =
            |request: RequestBuilder| request.header(CONTENT_TYPE, JSON).body(body.to_owned());
        self.exchange(&Method::POST, path, &build, limit)
    }

    /// The documents at paths below its address, in their order, several at a time.
    pub fn get_all(
        &self,
        paths: &[String],
        limits: SizeLimits,
    ) -> Result<Vec<Vec<u8>>, RegistryError> {
        let left = AtomicU64::new(limits.all);
        parallel::map(paths, |path| {
            let one = u64::try_from(limits.one).unwrap_or(u64::MAX);
            let limit = one.min(left.load(Ordering::Relaxed));
            let document = self.exchange(&Method::GET, path, &|request| request, limit)?;
            let size = document.len() as u64;
            let _before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_sub(size))
            });
            Ok(document)
        })
    }

    fn exchange(
        &self,
        method: &Method,
        path: &str,
        build: &dyn Fn(RequestBuilder) -> RequestBuilder,
        size_max: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let mut backoff = Backoff::new(&self.transport);
        loop {
            match self.attempt(method.clone(), &url, build, size_max) {
                Ok(document) => return Ok(document),
                Err(broken) => backoff.wait_or_give_up(broken)?,
            }
        }
    }

    fn attempt(
        &self,
        method: Method,
        url: &Url,
        build: &dyn Fn(RequestBuilder) -> RequestBuilder,
        size_max: u64,
    ) -> Result<Vec<u8>, Broken> {
        let request = build(self.transport.request(method, url)?).header(ACCEPT, JSON);
        let mut response = self.transport.send(request, url)?;
        if response.status().is_redirection() {
            return Err(redirect(&response, url).into());
        }
        if response.status().as_u16() != 200 {
            return Err(status::failure(&self.transport, response, url, |_, _| None));
        }
        let size_max = usize::try_from(size_max).unwrap_or(usize::MAX);
        let body = self.transport.body(&mut response, url, size_max)?;
        let too_large = || RegistryError::Network {
            url: redacted(url),
            reason: format!("the answer has more than {size_max} bytes, which are not read"),
        };
        body.ok_or_else(|| too_large().into())
    }
}

fn redirect(response: &Response, url: &Url) -> RegistryError {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| url.join(location).ok());
    RegistryError::Redirect {
        url: redacted(url),
        target: target.as_ref().map_or_else(|| "nowhere".to_owned(), redacted),
        problem: "a service is asked at its own address alone",
    }
}

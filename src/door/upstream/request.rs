//! What is asked of upstream: what the client asked, without what concerns the client alone.

use super::super::answer::Asked;
use super::super::exchange::Head;
use super::super::serve::http_date;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

/// About one connection only: <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>; and what
/// makes the answer less than the whole, or encodes it.
const DROPPED: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
    "expect",
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "accept-encoding",
];

/// Not for other hosts than the one that the client gave them to.
const CREDENTIALS: &[&str] = &["authorization", "cookie"];

/// A request to upstream.
#[derive(Debug, Clone)]
pub(in super::super) struct Request {
    /// Never `HEAD`.
    pub(super) method: Method,
    pub(in super::super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    /// What a client asked.
    pub(in super::super) fn of(asked: &Asked) -> Self {
        let method = if asked.method == Method::HEAD { Method::GET } else { asked.method.clone() };
        let mut headers = without_dropped(&asked.headers);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut url = asked.url.clone();
        url.set_fragment(None);
        if let Some(credentials) = take_user(&mut url) {
            headers.entry(header::AUTHORIZATION).or_insert(credentials);
        }
        Self { method, url, headers, body: asked.body.clone() }
    }

    /// The same at another place, without credentials where that is another host.
    pub(in super::super) fn at(&self, mut url: Url) -> Self {
        let mut request = self.clone();
        let credentials = take_user(&mut url);
        if url.origin() != self.url.origin() {
            for name in CREDENTIALS {
                request.headers.remove(*name);
            }
        }
        if let Some(credentials) = credentials {
            request.headers.insert(header::AUTHORIZATION, credentials);
        }
        request.url = url;
        request
    }

    /// The same, if it has changed since this answer: <https://www.rfc-editor.org/rfc/rfc9110#section-13>.
    pub(in super::super) fn unless_still(&self, head: &Head) -> Option<Self> {
        let mut request = self.clone();
        let tag = head.etag.as_deref().and_then(|tag| HeaderValue::try_from(tag).ok());
        if let Some(tag) = tag {
            request.headers.insert(header::IF_NONE_MATCH, tag);
            return Some(request);
        }
        let date = HeaderValue::try_from(http_date(head.modified?)?).ok()?;
        request.headers.insert(header::IF_MODIFIED_SINCE, date);
        Some(request)
    }

    /// The same after a redirect with this status.
    pub(super) fn redirected(&self, status: StatusCode, url: Url) -> Self {
        let mut request = self.at(url);
        let becomes_get = match status {
            StatusCode::SEE_OTHER => true,
            // https://www.rfc-editor.org/rfc/rfc9110#status.301
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            request.method = Method::GET;
            request.body = Bytes::new();
            for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
                request.headers.remove(name);
            }
        }
        request
    }

    /// The rest of a body of which `start` bytes are there, if it is still the same.
    pub(in super::super) fn rest(&self, start: u64, validator: &HeaderValue) -> Self {
        let mut request = self.clone();
        if let Ok(range) = HeaderValue::try_from(format!("bytes={start}-")) {
            request.headers.insert(header::RANGE, range);
        }
        request.headers.insert(header::IF_RANGE, validator.clone());
        request
    }

    /// Adds cookies that a redirect back to where it came from has set.
    pub(super) fn with_cookies<'a>(mut self, set: impl Iterator<Item = &'a HeaderValue>) -> Self {
        let own = self.headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
        let mut cookies: Vec<String> = own.map(str::to_owned).into_iter().collect();
        let pair = |value: &HeaderValue| Some(value.to_str().ok()?.split(';').next()?.to_owned());
        cookies.extend(set.filter_map(pair));
        if let Ok(mut value) = HeaderValue::try_from(cookies.join("; "))
            && !cookies.is_empty()
        {
            value.set_sensitive(true);
            self.headers.insert(header::COOKIE, value);
        }
        self
    }
}

fn without_dropped(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if DROPPED.contains(&name.as_str()) || named.iter().any(|named| named == name.as_str()) {
            continue;
        }
        let mut value = value.clone();
        value.set_sensitive(value.is_sensitive() || CREDENTIALS.contains(&name.as_str()));
        kept.append(name, value);
    }
    kept
}

/// Takes user and password out of the URL, as the header that they are sent as.
fn take_user(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = super::super::redact::percent_decoded;
    let pair = [&decoded(url.username())[..], b":", &decoded(url.password().unwrap_or_default())];
    let value = format!("Basic {}", BASE64_STANDARD.encode(pair.concat()));
    let _taken = url.set_username("").is_ok() && url.set_password(None).is_ok();
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

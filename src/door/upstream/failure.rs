//! Why upstream gave nothing that may be recorded, and whether another try can help.

use super::Request;
use crate::store::source_of;
use http::header::{DATE, HeaderMap, RETRY_AFTER};
use http::{Method, StatusCode};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::Response;
use std::error::Error;
use std::time::Duration;

/// Longer words of servers and libraries are cut.
const WORDS_SIZE_MAX: usize = 200;

/// Why one try failed. The words have no URL in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Failure {
    /// The run is cancelled.
    Cancelled,
    /// May work when tried again, and not before this time is over, if the server named one.
    Transient(String, Option<Duration>),
    /// Nobody answers at that address; may work when tried again.
    Unreachable(String),
    /// Will not work.
    Final(String),
}

impl Failure {
    /// What happened.
    pub(in super::super) fn words(&self) -> &str {
        match self {
            Self::Cancelled => "stopped on demand",
            Self::Transient(words, _) | Self::Unreachable(words) | Self::Final(words) => words,
        }
    }
}

/// The failure that a response is, if it is not an answer.
pub(super) fn of_status(response: &Response) -> Option<Failure> {
    let (status, headers) = (response.status(), response.headers());
    let words = || status.to_string();
    match status {
        // Not implemented, or not this version of HTTP: for good.
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => {
            Some(Failure::Final(words()))
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Some(Failure::Transient(words(), retry_after(headers)))
        }
        _ if status.is_server_error() => Some(Failure::Transient(words(), retry_after(headers))),
        StatusCode::FORBIDDEN if is_used_up(headers) => {
            Some(Failure::Final(format!("{status}: its limit of requests is used up")))
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Some(Failure::Final("the proxy of this host wants credentials".to_owned()))
        }
        // Neither a part nor `unchanged` was asked for.
        StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED => {
            Some(Failure::Final(format!("{status}, which was not asked for")))
        }
        _ => None,
    }
}

/// Some services count requests and refuse with 403.
fn is_used_up(headers: &HeaderMap) -> bool {
    let is_zero = |name| headers.get(name).is_some_and(|value| value == "0");
    headers.contains_key(RETRY_AFTER)
        || is_zero("x-ratelimit-remaining")
        || is_zero("ratelimit-remaining")
}

/// Seconds or a date: <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>. A date counts from
/// the response's own `Date`, so that this machine's clock does not matter.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let (then, now) = (date(text)?, date(headers.get(DATE)?.to_str().ok()?)?);
    u64::try_from(then.as_second() - now.as_second()).ok().map(Duration::from_secs)
}

/// No head of a response came.
pub(super) fn of_sending(error: reqwest::Error, request: &Request) -> Failure {
    // The URL in the message may have a secret in it.
    let error = error.without_url();
    let words = innermost(&error);
    if let Some(rustls::Error::InvalidCertificate(_)) = source_of(&error) {
        return Failure::Final(format!("its certificate is not trusted: {words}"));
    }
    if error.is_builder() || error.is_request() && is_no_http(&error) {
        return Failure::Final(words);
    }
    if error.is_connect() {
        return Failure::Unreachable(words);
    }
    // It may have been carried out, and must not be twice.
    if is_repeatable(request) { Failure::Transient(words, None) } else { Failure::Final(words) }
}

/// A body broke off.
pub(super) fn of_body(error: &reqwest::Error) -> Failure {
    Failure::Transient(format!("the body broke off: {}", innermost(error)), None)
}

/// A response that is no HTTP stays so.
fn is_no_http(error: &reqwest::Error) -> bool {
    source_of::<hyper::Error>(error).is_some_and(hyper::Error::is_parse)
}

/// Idempotent (<https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2>), or known to only read.
fn is_repeatable(request: &Request) -> bool {
    let is_query = |value: &http::HeaderValue| {
        value == "application/x-git-upload-pack-request" || value == "application/graphql"
    };
    request.method != Method::POST && request.method != Method::PATCH
        || request.headers.get(http::header::CONTENT_TYPE).is_some_and(is_query)
}

/// An error's innermost words, which say what happened: the outer ones say "error sending request".
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        words = error.to_string();
        inner = error.source();
    }
    words.chars().filter(|character| !character.is_control()).take(WORDS_SIZE_MAX).collect()
}

//! From the head of upstream's response to what is recorded of it.

use super::super::exchange::Head;
use super::super::redact::Secrets;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::Response;
use std::collections::BTreeMap;

/// Headers that clients act on, beside those that have a field of their own. What tells the time,
/// the way or the visitor (`Date`, `Age`, `Via`, `Set-Cookie`, …) is left out.
const KEPT: &[&str] = &[
    // Each client does with a coding what it would do without us; the body is kept as sent.
    "content-encoding",
    "content-disposition",
    // Pages of a list.
    "link",
    "x-next-page",
    "x-page",
    "x-total",
    "x-total-pages",
    // How to authenticate oneself: clients send credentials only when asked.
    "www-authenticate",
    "docker-content-digest",
    "docker-distribution-api-version",
    // Checksums and revisions instead of further requests: Maven, PyPI, model hubs, Terraform.
    "x-checksum-md5",
    "x-checksum-sha1",
    "x-checksum-sha256",
    "x-checksum-sha512",
    "x-goog-hash",
    "x-linked-etag",
    "x-linked-size",
    "x-pypi-last-serial",
    "x-repo-commit",
    "x-terraform-get",
    // Subversion asks for these first.
    "allow",
    "dav",
    "svn-repository-uuid",
    "svn-rev-root-stub",
    "svn-rev-stub",
    "svn-txn-root-stub",
    "svn-txn-stub",
    "svn-vtxn-root-stub",
    "svn-vtxn-stub",
    "svn-me-resource",
    "svn-youngest-rev",
    "svn-allow-bulk-updates",
    "svn-supported-posts",
];

/// What is recorded of a response's head; no secret is in it.
pub(in super::super) fn head_of(response: &Response, secrets: &Secrets) -> Head {
    let headers = response.headers();
    let text = |name: &HeaderName| headers.get(name).and_then(|value| recorded(value, secrets));
    let mut others = BTreeMap::new();
    for name in KEPT {
        let values: Vec<String> =
            headers.get_all(*name).iter().filter_map(|value| recorded(value, secrets)).collect();
        if !values.is_empty() {
            others.insert((*name).to_owned(), values.join(", "));
        }
    }
    Head {
        status: response.status().as_u16(),
        media_type: text(&header::CONTENT_TYPE),
        modified: headers.get(header::LAST_MODIFIED).and_then(seconds),
        etag: text(&header::ETAG),
        location: text(&header::LOCATION).filter(|_| {
            response.status().is_redirection() || response.status() == StatusCode::CREATED
        }),
        others,
    }
}

fn recorded(value: &HeaderValue, secrets: &Secrets) -> Option<String> {
    let text = std::str::from_utf8(value.as_bytes()).ok()?;
    (!text.is_empty()).then(|| secrets.redact(text))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>.
fn seconds(value: &HeaderValue) -> Option<i64> {
    let parser = DateTimeParser::new().relaxed_weekday(true);
    Some(parser.parse_timestamp(value.to_str().ok()?).ok()?.as_second())
}

/// How long the body is, where that is known before it ends.
pub(in super::super) fn content_length(response: &Response) -> Option<u64> {
    let headers = response.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// What proves that a later request gets the rest of the same body.
pub(in super::super) fn validator(response: &Response) -> Option<HeaderValue> {
    let headers = response.headers();
    if response.status() != StatusCode::OK || response.version() < Version::HTTP_11 {
        return None;
    }
    if let Some(etag) = headers.get(header::ETAG) {
        return is_strong(etag).then(|| etag.clone());
    }
    // A time is strong if it was a minute old when it was given:
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.8.2.2
    let modified = headers.get(header::LAST_MODIFIED)?;
    let age = seconds(headers.get(header::DATE)?)? - seconds(modified)?;
    (age >= 60).then(|| modified.clone())
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1>
fn is_strong(etag: &HeaderValue) -> bool {
    let etag = etag.as_bytes();
    etag.len() > 2 && etag.starts_with(b"\"") && etag.ends_with(b"\"")
}

/// Whether a response is the rest from `start` on of a body of `size` bytes.
pub(in super::super) fn is_rest(response: &Response, start: u64, size: Option<u64>) -> bool {
    response.status() == StatusCode::PARTIAL_CONTENT
        && content_range(response.headers()).is_some_and(|(first, last, total)| {
            first == start && last + 1 == total && size.is_none_or(|size| size == total)
        })
}

/// First and last byte, and the size of the whole:
/// <https://www.rfc-editor.org/rfc/rfc9110#field.content-range>.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = value.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (last, total): (u64, u64) = (last.parse().ok()?, total.parse().ok()?);
    (last < total).then_some((first.parse().ok()?, last, total))
}

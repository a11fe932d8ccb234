//! What a status other than success means, and whether asking again can help.

use super::RegistryError;
use super::error::quoted;
use super::host::redacted;
use super::transport::{Broken, Transport};
use reqwest::blocking::Response;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use std::time::Duration;

/// Error bodies are read for their message only.
const BODY_SIZE_MAX: usize = 64 * 1024;

/// `{"errors": [{"code": …, "message": …}]}`:
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>.
#[derive(Deserialize)]
struct Body {
    errors: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The error for a response whose status is not the wished one. `names` makes the errors that tell
/// of the image rather than of the URL.
pub(super) fn failure(
    transport: &Transport,
    mut response: Response,
    url: &Url,
    names: impl FnOnce(StatusCode, &str) -> Option<RegistryError>,
) -> Broken {
    let status = response.status();
    // A body that cannot be read takes nothing from what the status says.
    let body = transport.body(&mut response, url, BODY_SIZE_MAX).ok().flatten();
    let detail = detail(&body.unwrap_or_default());
    if let Some(error) = names(status, &detail) {
        return Broken::Final(error);
    }
    let url = redacted(url);
    if is_limit(status) {
        let wait = retry_after(response.headers());
        let error = RegistryError::RateLimited { url, detail, wait };
        return limited(error, transport.timing.retry_after_max);
    }
    let is_transient = matches!(status.as_u16(), 408 | 500 | 502 | 504);
    let error = RegistryError::Status { url, status: status.as_u16(), detail };
    if is_transient { Broken::Transient(error, None) } else { Broken::Final(error) }
}

fn is_limit(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// A used-up quota comes back in hours, and each try may count against it: not tried again.
fn limited(error: RegistryError, wait_max: Duration) -> Broken {
    let RegistryError::RateLimited { detail, wait, .. } = &error else {
        return Broken::Final(error);
    };
    let (wait, words) = (*wait, detail.to_ascii_lowercase());
    let is_quota =
        ["quota", "pull rate limit", "limit exceeded"].iter().any(|word| words.contains(word));
    match wait {
        _ if is_quota => Broken::Final(error),
        Some(wait) if wait > wait_max => Broken::Final(error),
        wait => Broken::Transient(error, wait),
    }
}

/// `: CODE: message`, or nothing where the body is no JSON (a proxy's HTML page, for instance).
fn detail(body: &[u8]) -> String {
    let Ok(Body { errors }) = serde_json::from_slice(body) else { return String::new() };
    let messages: Vec<String> = errors
        .iter()
        .take(3)
        .map(|message| match &*message.message {
            "" => quoted(&message.code),
            text => quoted(text),
        })
        .filter(|text| !text.is_empty())
        .collect();
    if messages.is_empty() { String::new() } else { format!(": {}", messages.join("; ")) }
}

/// Seconds or a date: <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>. A date counts from
/// the response's own `Date`, so that this machine's clock does not matter.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let (then, now) = (date(text)?, date(headers.get(DATE)?.to_str().ok()?)?);
    u64::try_from(then.as_second() - now.as_second()).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(reqwest::header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wait = |pairs: &[_]| retry_after(&headers(pairs)).map(|wait| wait.as_secs());
        assert_eq!(wait(&[(RETRY_AFTER, "86400")]), Some(86400));
        let (then, now) = ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(wait(&[(RETRY_AFTER, then), (DATE, now)]), Some(30));
        assert_eq!(wait(&[(RETRY_AFTER, now), (DATE, then)]), None);
        assert_eq!(wait(&[(RETRY_AFTER, then)]), None);
        for text in ["-1", "soon", "", "99999999999999999999999"] {
            assert_eq!(wait(&[(RETRY_AFTER, text), (DATE, now)]), None, "{text}");
        }
    }

    #[test]
    fn details_come_from_json_alone() {
        let body =
            br#"{"errors":[{"code":"DENIED","message":"no\n::error::","detail":{}},{"code":"X"}]}"#;
        assert_eq!(detail(body), ": no ::error::; X");
        for body in ["", "<html>Sign in</html>", "{}", r#"{"errors":[]}"#, r#"{"errors":[{}]}"#] {
            assert_eq!(detail(body.as_bytes()), "", "{body}");
        }
    }

    #[test]
    fn quota_and_long_waits_are_not_tried_again() {
        let is_final = |detail: &str, wait: Option<u64>| {
            let wait = wait.map(Duration::from_secs);
            let error =
                RegistryError::RateLimited { url: String::new(), detail: detail.to_owned(), wait };
            matches!(limited(error, Duration::from_mins(1)), Broken::Final(_))
        };
        assert!(is_final(": You have reached your pull rate limit.", Some(1)));
        assert!(is_final("", Some(61)));
        assert!(!is_final("", Some(60)));
        assert!(!is_final(": too many requests", None));
    }
}

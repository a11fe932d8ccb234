//! From a request to its [`Key`]: what may decide about the answer, and nothing else.
//!
//! The method, the URL in one spelling, the digest of the body, and which of several
//! representations is wanted. Not who asks (`User-Agent`, credentials, cookies), which part of the
//! answer is wanted (`Range`, `HEAD`), or what the client already has (`If-…`).

mod body;
mod parameter;
mod url;
mod variant;

#[cfg(test)]
mod tests;

pub(super) use parameter::is_expiring;
pub(super) use url::{canonical, fetchable};

use super::answer::Asked;
use super::exchange::Key;
use super::redact::Secrets;
use http::Method;

impl Key {
    /// The key of a request, without these secrets.
    pub(super) fn of(asked: &Asked, secrets: &Secrets) -> Self {
        let method = if asked.method == Method::HEAD { Method::GET } else { asked.method.clone() };
        Self {
            method: method.as_str().to_owned(),
            url: secrets.redact(&canonical(&asked.url)),
            variant: variant::of(&asked.url, &asked.headers)
                .map(|variant| secrets.redact(&variant)),
            body: body::digest(&asked.body, &asked.headers, secrets),
        }
    }
}

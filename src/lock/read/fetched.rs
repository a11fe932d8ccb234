//! Blocks of what was fetched: a question, its answer, and the step that asked.

use super::{Known, Reader, Text, is_word};
use crate::lock::{LockError, LockErrorKind, LockedFetch, LockedPackage, LockedSource, moment};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::value::Datetime;
use url::Url;

/// Status codes of answers that are recorded: none that only asks to go on or to try again.
const STATUS: RangeInclusive<u16> = 200..=499;
const TOO_MANY_REQUESTS: u16 = 429;

/// Headers that have a key of their own, are made anew for each answer, or are nobody else's.
const HEADERS_REFUSED: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "location",
    "set-cookie",
    "transfer-encoding",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WirePackage {
    r#type: Text,
    name: Text,
    version: Text,
    architecture: Option<Text>,
    source: Option<Text>,
    url: Option<Text>,
    sha256: Option<Text>,
    size: Option<Spanned<u64>>,
    modified: Option<Spanned<Datetime>>,
    step: Text,
    requested: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFetch {
    url: Text,
    method: Option<Text>,
    variant: Option<Text>,
    request: Option<Text>,
    status: Option<Spanned<u16>>,
    location: Option<Text>,
    r#type: Option<Text>,
    modified: Option<Spanned<Datetime>>,
    etag: Option<Text>,
    #[serde(default)]
    headers: BTreeMap<String, Text>,
    sha256: Text,
    size: u64,
    step: Text,
}

impl Reader {
    pub(super) fn package(
        &self,
        wire: WirePackage,
        known: &Known,
    ) -> Result<LockedPackage, LockError> {
        self.complete_file(&wire)?;
        let source = wire.source.map(|source| self.source(&source)).transpose()?;
        let url = wire.url.map(|url| self.url(url)).transpose()?;
        Ok(LockedPackage {
            kind: self.word("type", wire.r#type)?,
            name: self.word("name", wire.name)?,
            version: self.word("version", wire.version)?,
            architecture: self.architecture(wire.architecture)?,
            source,
            url: url.map(|(url, _)| url),
            sha256: wire.sha256.map(|sha256| self.hex("sha256", &sha256)).transpose()?,
            size: wire.size.map(Spanned::into_inner),
            modified: wire.modified.map(|modified| self.modified(&modified)).transpose()?,
            step: self.known_step(wire.step, known)?,
            requested: wire.requested,
        })
    }

    /// A package manager without architectures has none in the lock either.
    fn architecture(&self, wire: Option<Text>) -> Result<String, LockError> {
        let architecture = wire.map(|wire| self.word("architecture", wire)).transpose()?;
        Ok(architecture.unwrap_or_default())
    }

    /// Where a package came from is said wholly or not at all.
    fn complete_file(&self, wire: &WirePackage) -> Result<(), LockError> {
        let url = wire.url.as_ref().map(Spanned::span);
        let sha256 = wire.sha256.as_ref().map(Spanned::span);
        let size = wire.size.as_ref().map(Spanned::span);
        let modified = wire.modified.as_ref().map(Spanned::span);
        for (has, span, lacks, is_there) in [
            ("url", &url, "sha256", sha256.is_some()),
            ("url", &url, "size", size.is_some()),
            ("sha256", &sha256, "url", url.is_some()),
            ("size", &size, "url", url.is_some()),
            ("modified", &modified, "url", url.is_some()),
        ] {
            if let (Some(span), false) = (span, is_there) {
                let kind = LockErrorKind::Incomplete { has, lacks };
                return Err(self.error(span.clone(), kind));
            }
        }
        Ok(())
    }

    pub(super) fn fetch(&self, wire: WireFetch, known: &Known) -> Result<LockedFetch, LockError> {
        let (url, parsed) = self.url(wire.url)?;
        let location =
            wire.location.map(|location| self.location(location, &parsed)).transpose()?;
        let headers = wire.headers.into_iter().map(|(name, value)| self.header(name, value));
        Ok(LockedFetch {
            url,
            method: wire.method.map(|method| self.method(method)).transpose()?,
            variant: wire.variant.map(|variant| self.line("variant", variant)).transpose()?,
            request: wire.request.map(|request| self.hex("request", &request)).transpose()?,
            status: wire.status.map(|status| self.status(&status)).transpose()?,
            location,
            media_type: wire.r#type.map(|kind| self.line("type", kind)).transpose()?,
            modified: wire.modified.map(|modified| self.modified(&modified)).transpose()?,
            etag: wire.etag.map(|etag| self.line("etag", etag)).transpose()?,
            headers: headers.collect::<Result<_, _>>()?,
            sha256: self.hex("sha256", &wire.sha256)?,
            size: wire.size,
            step: self.known_step(wire.step, known)?,
        })
    }

    fn source(&self, wire: &Text) -> Result<LockedSource, LockError> {
        match wire.get_ref().split_once(' ') {
            Some((name, version)) if is_word(name) && is_word(version) => {
                Ok(LockedSource { name: name.to_owned(), version: version.to_owned() })
            }
            _ => Err(self.value("source", wire, "is not `NAME VERSION`")),
        }
    }

    fn url(&self, wire: Text) -> Result<(String, Url), LockError> {
        let parsed = Url::parse(wire.get_ref()).ok().filter(|_| is_word(wire.get_ref()));
        match parsed {
            Some(url) if matches!(url.scheme(), "http" | "https") && url.fragment().is_none() => {
                self.without_credentials("url", &wire, &url)?;
                Ok((wire.into_inner(), url))
            }
            _ => Err(self.value("url", &wire, "is not a URL of http or https without fragment")),
        }
    }

    fn location(&self, wire: Text, url: &Url) -> Result<String, LockError> {
        let target = url.join(wire.get_ref());
        // What cannot be followed cannot carry anything either.
        target.iter().try_for_each(|url| self.without_credentials("location", &wire, url))?;
        self.line("location", wire)
    }

    /// A lockfile is committed: what is in it is no secret any more. The message does not repeat it.
    fn without_credentials(
        &self,
        key: &'static str,
        wire: &Text,
        url: &Url,
    ) -> Result<(), LockError> {
        if url.username().is_empty() && url.password().is_none() {
            return Ok(());
        }
        Err(self.error(wire.span(), LockErrorKind::Credentials { key }))
    }

    fn method(&self, wire: Text) -> Result<String, LockError> {
        let is_usual = matches!(&**wire.get_ref(), "GET" | "HEAD");
        self.require(!is_usual, "method", &wire, "is left out")?;
        let fits = wire.get_ref().bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        let fits = fits && !wire.get_ref().is_empty();
        self.require(fits, "method", &wire, "is not a method in capitals")?;
        Ok(wire.into_inner())
    }

    fn status(&self, wire: &Spanned<u16>) -> Result<u16, LockError> {
        let status = *wire.get_ref();
        let expected = match status {
            200 => "is left out",
            TOO_MANY_REQUESTS => "is not recorded",
            _ if !STATUS.contains(&status) => "is not the status of an answer that is recorded",
            _ => return Ok(status),
        };
        Err(self.error(
            wire.span(),
            LockErrorKind::Value {
                key: "status",
                value: status.to_string(),
                expected: expected.to_owned(),
            },
        ))
    }

    fn modified(&self, wire: &Spanned<Datetime>) -> Result<i64, LockError> {
        moment::seconds(wire.get_ref()).ok_or_else(|| {
            let value = wire.get_ref().to_string();
            let expected = "is not a time in UTC such as 2026-01-01T00:00:00Z".to_owned();
            self.error(wire.span(), LockErrorKind::Value { key: "modified", value, expected })
        })
    }

    fn header(&self, name: String, value: Text) -> Result<(String, String), LockError> {
        let is_name = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
        };
        let fits = !name.is_empty() && name.bytes().all(is_name);
        let fits = fits && !HEADERS_REFUSED.contains(&&*name);
        if !fits {
            let shown = super::printable(&name);
            let expected = "is not the name of a header that is kept".to_owned();
            let kind = LockErrorKind::Value { key: "headers", value: shown, expected };
            return Err(self.error(value.span(), kind));
        }
        Ok((name, self.line("headers", value)?))
    }

    /// A value of a header, as RFC 9110 has it, without what is not ASCII.
    fn line(&self, key: &'static str, wire: Text) -> Result<String, LockError> {
        let is_text = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
        let text = wire.get_ref();
        let fits = !text.is_empty() && text.bytes().all(is_text) && text.trim() == text;
        self.require(fits, key, &wire, "is not a line of ASCII characters")?;
        Ok(wire.into_inner())
    }
}

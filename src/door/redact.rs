//! Values that must be in nothing that is written, and their removal from texts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bstr::ByteSlice as _;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use url::Url;

/// What stands where a secret stood. No longer than any secret, so it cannot hold one.
pub(super) const REDACTED: &str = "***";

/// Values up to this size are part of everything and no secrets.
const IGNORED_SIZE_MAX: usize = 3;

/// Shorter values of cookies are words such as `accept` and no secrets.
const COOKIE_SIZE_MIN: usize = 8;

/// Shorter values may be words that stand in any page; in content they are not looked for.
const SCANNED_SIZE_MIN: usize = 16;

/// How often a secret may be percent-encoded and is still found: once in a URL, again where that
/// URL is a parameter of another.
const ENCODINGS_MAX: usize = 3;

/// Headers whose value is a secret, by a part of their name.
const SECRET_HEADERS: &[&str] = &["token", "api-key", "apikey", "secret", "password", "auth-key"];

/// The secrets of a run, or of one request. Its `Debug` form shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// These values, and as they stand in a host name and without the line end that files have.
    pub(super) fn new(values: &[Vec<u8>]) -> Self {
        let mut secrets = Self::default();
        for value in values {
            secrets.add(value);
        }
        secrets
    }

    /// With what this request authenticates itself by.
    pub(super) fn of_request(&self, url: &Url, headers: &HeaderMap) -> Self {
        let mut secrets = self.clone();
        if let Some(password) = url.password() {
            secrets.add(&percent_decoded(password));
        } else if !url.username().is_empty() {
            secrets.add(&percent_decoded(url.username()));
        }
        for (name, value) in headers {
            let value = value.as_bytes();
            if name == AUTHORIZATION || name == PROXY_AUTHORIZATION {
                secrets.add_credentials(value);
            } else if name == COOKIE {
                secrets.add_cookies(value);
            } else if SECRET_HEADERS.iter().any(|part| name.as_str().contains(part)) {
                secrets.add(value);
            }
        }
        secrets
    }

    fn add(&mut self, value: &[u8]) {
        let trimmed = value.trim();
        for form in [value, trimmed, &trimmed.to_ascii_lowercase()] {
            if form.len() > IGNORED_SIZE_MAX && !self.0.iter().any(|there| there == form) {
                self.0.push(form.to_vec());
            }
        }
    }

    /// `Basic` and base64 of `user:password`, or a scheme and a token:
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-11.4>.
    fn add_credentials(&mut self, value: &[u8]) {
        let value = value.trim();
        let Some((scheme, token)) = value.split_once_str(" ") else { return self.add(value) };
        self.add(token);
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return;
        }
        let Ok(pair) = BASE64_STANDARD.decode(token) else { return };
        let Some((user, password)) = pair.split_once_str(":") else { return };
        self.add(&pair);
        self.add(password);
        // Tokens are also given as a user without a password, or with this word for one.
        if password.is_empty() || password == b"x-oauth-basic" {
            self.add(user);
        }
    }

    fn add_cookies(&mut self, value: &[u8]) {
        for cookie in value.split_str(";") {
            let Some((_, value)) = cookie.split_once_str("=") else { continue };
            if value.len() >= COOKIE_SIZE_MIN {
                self.add(value);
            }
        }
    }

    /// The text with every secret replaced, however it is percent-encoded.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // A replacement may join what stood around it to another secret; each round shortens the
        // text, save where secrets have the replacement in them.
        for _ in 0..=self.0.len() {
            let found = self.find(&text);
            if found.is_empty() {
                return text;
            }
            text = replace(&text, &found);
        }
        if self.find(&text).is_empty() { text } else { REDACTED.to_owned() }
    }

    /// Whether a secret is in the text.
    pub(super) fn are_in(&self, text: &str) -> bool {
        !self.find(text).is_empty()
    }

    /// The content with every secret replaced that stands in it as it is.
    pub(super) fn redact_bytes<'a>(&self, content: &'a [u8]) -> Cow<'a, [u8]> {
        let mut content = Cow::Borrowed(content);
        for secret in &self.0 {
            if content.find(secret).is_some() {
                content = Cow::Owned(content.replace(secret, REDACTED));
            }
        }
        content
    }

    /// What looks for them in content that is to be stored.
    pub(super) fn scanner(&self) -> Scanner {
        let long = |secret: &&Vec<u8>| secret.len() >= SCANNED_SIZE_MIN;
        let secrets: Vec<_> = self.0.iter().filter(long).cloned().collect();
        let kept_back = secrets.iter().map(|secret| secret.len() - 1).max().unwrap_or_default();
        Scanner { secrets, kept_back, tail: Vec::new() }
    }

    /// Where secrets stand in the text: ranges of whole characters, ascending, apart.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut units = units(text);
        for _ in 0..=ENCODINGS_MAX {
            self.find_in(&units, &mut found);
            if units.iter().any(|unit| unit.byte == b'+') {
                // Forms write a blank so: <https://url.spec.whatwg.org/#urlencoded-parsing>.
                let blanks: Vec<Unit> = units.iter().map(Unit::plus_as_blank).collect();
                self.find_in(&blanks, &mut found);
            }
            let decoded = decode(&units);
            if decoded.len() == units.len() {
                break;
            }
            units = decoded;
        }
        for place in &mut found {
            *place = text.floor_char_boundary(place.start)..text.ceil_char_boundary(place.end);
        }
        merge(found)
    }

    fn find_in(&self, units: &[Unit], found: &mut Vec<Range<usize>>) {
        let bytes: Vec<u8> = units.iter().map(|unit| unit.byte).collect();
        for secret in &self.0 {
            for at in bytes.find_iter(secret) {
                let ends = (units.get(at), units.get(at + secret.len() - 1));
                if let (Some(first), Some(last)) = ends {
                    found.push(first.place.start..last.place.end);
                }
            }
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} secrets", self.0.len())
    }
}

/// Looks for secrets in a stream, before it is written.
#[derive(Debug)]
pub(super) struct Scanner {
    secrets: Vec<Vec<u8>>,
    /// So many bytes may be the beginning of a secret.
    kept_back: usize,
    tail: Vec<u8>,
}

/// A secret is in what was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecretFound;

impl Scanner {
    /// Takes the next bytes; gives those that can be written.
    pub(super) fn pass<'a>(&mut self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, SecretFound> {
        if self.secrets.is_empty() {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut joined = std::mem::take(&mut self.tail);
        joined.extend_from_slice(bytes);
        if self.secrets.iter().any(|secret| joined.find(secret).is_some()) {
            return Err(SecretFound);
        }
        self.tail = joined.split_off(joined.len().saturating_sub(self.kept_back));
        Ok(Cow::Owned(joined))
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tail)
    }
}

/// A byte that stands, perhaps encoded, at a place of a text.
#[derive(Clone)]
struct Unit {
    byte: u8,
    place: Range<usize>,
}

impl Unit {
    fn plus_as_blank(&self) -> Self {
        let byte = if self.byte == b'+' { b' ' } else { self.byte };
        Self { byte, place: self.place.clone() }
    }
}

/// Takes one layer of percent-encoding off.
fn decode(units: &[Unit]) -> Vec<Unit> {
    let mut decoded = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let mut unit = first.clone();
        if first.byte == b'%'
            && let Some(([high, low], after)) = after.split_first_chunk()
            && let (Some(high), Some(low_value)) = (hex(high.byte), hex(low.byte))
        {
            unit = Unit { byte: high << 4 | low_value, place: first.place.start..low.place.end };
            rest = after;
        }
        decoded.push(unit);
    }
    decoded
}

/// The bytes that a text stands for, with one layer of percent-encoding taken off.
pub(super) fn percent_decoded(text: &str) -> Vec<u8> {
    decode(&units(text)).into_iter().map(|unit| unit.byte).collect()
}

fn units(text: &str) -> Vec<Unit> {
    text.bytes().enumerate().map(|(at, byte)| Unit { byte, place: at..at + 1 }).collect()
}

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn merge(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}

fn replace(text: &str, places: &[Range<usize>]) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut end = 0;
    for place in places {
        replaced.push_str(text.get(end..place.start).unwrap_or_default());
        replaced.push_str(REDACTED);
        end = place.end;
    }
    replaced.push_str(text.get(end..).unwrap_or_default());
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(values: &[&str]) -> Secrets {
        let values: Vec<Vec<u8>> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        Secrets::new(&values)
    }

    #[test]
    fn secrets_are_found_however_they_are_encoded() {
        let secrets = secrets(&["correct horse/é\n", "Tok3n"]);
        for (text, redacted) in [
            ("nothing", "nothing"),
            ("a correct horse/é b", "a *** b"),
            ("?p=correct%20horse%2f%C3%A9&q", "?p=***&q"),
            ("?p=correct+horse%2F%c3%a9", "?p=***"),
            ("?u=x%3Fp%3Dcorrect%2520horse%252F%25C3%25A9", "?u=x%3Fp%3D***"),
            ("/Tok3n/%54ok3n/tok3n", "/***/***/***"),
            ("Tok3nTok3n", "***"),
            ("TOK3N", "TOK3N"),
        ] {
            assert_eq!(secrets.redact(text), redacted, "{text}");
            assert_eq!(secrets.are_in(text), text != redacted, "{text}");
        }
    }

    #[test]
    fn what_a_request_authenticates_itself_by_is_secret() {
        // `user:hunter22`, and `tok123456:` without a password.
        for (name, value, secret) in [
            ("authorization", "Basic dXNlcjpodW50ZXIyMg==", "hunter22"),
            ("authorization", "basic dXNlcjpodW50ZXIyMg==", "dXNlcjpodW50ZXIyMg=="),
            ("authorization", "Basic dG9rMTIzNDU2Og==", "tok123456"),
            ("authorization", "Bearer abc.def", "abc.def"),
            ("cookie", "lang=en_US; session=0123456789", "0123456789"),
            ("private-token", "glpat-x", "glpat-x"),
            ("x-api-key", "k123456", "k123456"),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            let url = Url::parse("http://a.example/").unwrap();
            let secrets = Secrets::default().of_request(&url, &headers);
            assert_eq!(secrets.redact(&format!("x{secret}y")), "x***y", "{name}: {value}");
            assert_eq!(secrets.redact("http://user.example/en_US"), "http://user.example/en_US");
            assert!(!format!("{secrets:?}").contains(secret));
        }
        let url = Url::parse("http://user:p%40ss@a.example/").unwrap();
        let secrets = Secrets::default().of_request(&url, &HeaderMap::new());
        assert!(secrets.are_in("p@ss") && !secrets.are_in("user"));
    }

    #[test]
    fn short_values_are_no_secrets() {
        assert_eq!(secrets(&["abc", " x ", ""]).redact("abc x "), "abc x ");
    }

    #[test]
    fn a_scanner_finds_what_pieces_share() {
        let secrets = secrets(&["0123456789abcdef", "short"]);
        let text = b"some short text 0123456789abcde, 0123456789abcdef, the end";
        for size in 1..text.len() {
            let mut scanner = secrets.scanner();
            assert!(text.chunks(size).any(|piece| scanner.pass(piece).is_err()), "{size}");
            let mut scanner = secrets.scanner();
            let mut passed = Vec::new();
            for piece in text[..40].chunks(size) {
                passed.extend_from_slice(&scanner.pass(piece).unwrap());
            }
            passed.extend(scanner.finish());
            assert_eq!(passed, &text[..40]);
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_left(
            values in proptest::collection::vec("[a-c*%+é]{4,8}", 1..4),
            text in "[a-c*%+é0-9A-F]{0,60}",
            at in 0_usize..60,
        ) {
            let secrets = Secrets::new(&values.iter().map(|it| it.clone().into_bytes()).collect::<Vec<_>>());
            let at = text.floor_char_boundary(at);
            let text = format!("{}{}{}", &text[..at], values[0], &text[at..]);
            let redacted = secrets.redact(&text);
            prop_assert!(!secrets.are_in(&redacted), "{redacted}");
            prop_assert_eq!(secrets.redact(&redacted), redacted.clone());
            for value in &values {
                prop_assert!(!redacted.contains(value.as_str()));
            }
        }
    }
}

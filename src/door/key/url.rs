//! One spelling for each URL.
//!
//! | what | how |
//! | --- | --- |
//! | scheme, host | lower case, the final dot of a host dropped |
//! | port | dropped where it is the scheme's own |
//! | user, password, fragment | dropped |
//! | path | `%2b`, `%2B` and `+` are one; only what must be encoded is, with capitals |
//! | query | sorted by name, several of one name in their order; unreserved characters decoded |
//! | secrets, cache-busters | dropped by name, see `parameter` |
//!
//! The base is <https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2>. Beyond it goes the path:
//! clients differ in which of `!$&'()*+,;=:@` they encode, and servers do not tell the spellings
//! apart. The query is another matter, where `+` is a blank and `%2B` a plus sign; but its order
//! is that of a hash table in some clients.

use super::super::redact::hex;
use super::parameter;
use ::url::Url;

/// The URL in the one spelling that keys and locks have.
pub(in super::super) fn canonical(url: &Url) -> String {
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
        return foreign(url);
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut text = format!("{}://{host}", url.scheme());
    if let Some(port) = url.port() {
        text.push(':');
        text.push_str(&port.to_string());
    }
    let segments: Vec<String> = url
        .path()
        .split('/')
        .map(|segment| parameter::without_token(recode(segment, Part::Path)))
        .collect();
    text.push_str(&segments.join("/"));
    if let Some(query) = query(url.query().unwrap_or_default()) {
        text.push('?');
        text.push_str(&query);
    }
    text
}

/// What neither HTTP nor HTTPS fetches: refused later, and named until then.
fn foreign(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    // Fails where there is no place for them.
    let _without = url.set_username("").is_ok() && url.set_password(None).is_ok();
    url.into()
}

/// A canonical URL as it is best asked for: some servers take a `+` in a path for a blank, and
/// none mistakes `%2B`.
pub(in super::super) fn fetchable(canonical: &str) -> String {
    let path_end = canonical.find('?').unwrap_or(canonical.len());
    let (path, query) = canonical.split_at(path_end);
    format!("{}{query}", path.replace('+', "%2B"))
}

fn query(query: &str) -> Option<String> {
    let parameters = query.split('&').map(|piece| recode(piece, Part::Query)).collect();
    let mut parameters = parameter::lasting(parameters);
    parameters.sort_by(|left, right| name(left).cmp(name(right)));
    (!parameters.is_empty()).then(|| parameters.join("&"))
}

fn name(parameter: &str) -> &str {
    parameter.split_once('=').map_or(parameter, |(name, _)| name)
}

/// Where a piece of a URL stands.
#[derive(Clone, Copy)]
enum Part {
    Path,
    Query,
}

/// Decodes what needs no encoding and encodes everything else, a percent sign that encodes nothing
/// too.
fn recode(text: &str, part: Part) -> String {
    let mut recoded = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, is_encoded, after) = decode(*first, after);
        rest = after;
        let is_plain = match part {
            Part::Path => is_unreserved(byte) || is_delimiter(byte),
            Part::Query => is_unreserved(byte) || (!is_encoded && is_query_delimiter(byte)),
        };
        if is_plain {
            recoded.push(char::from(byte));
        } else {
            recoded.push('%');
            recoded.extend([byte >> 4, byte & 15].map(capital_digit));
        }
    }
    recoded
}

/// One byte, whether it was encoded, and what follows.
fn decode(first: u8, after: &[u8]) -> (u8, bool, &[u8]) {
    if first == b'%'
        && let Some(([high, low], after)) = after.split_first_chunk()
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return (high << 4 | low, true, after);
    }
    (first, false, after)
}

fn capital_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

/// <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What else `pchar` has: <https://www.rfc-editor.org/rfc/rfc3986#section-3.3>.
fn is_delimiter(byte: u8) -> bool {
    b"!$&'()*+,;=:@".contains(&byte)
}

/// <https://www.rfc-editor.org/rfc/rfc3986#section-3.4>
fn is_query_delimiter(byte: u8) -> bool {
    is_delimiter(byte) || b"/?".contains(&byte)
}

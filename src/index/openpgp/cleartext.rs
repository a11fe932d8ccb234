//! The cleartext signature framework: <https://www.rfc-editor.org/rfc/rfc9580#section-7>.

use super::PgpError;
use bstr::ByteSlice as _;

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// The signed text (lines ended by LF, blanks at their ends taken off, dashes unescaped), and the
/// armored signature.
pub(super) fn split(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), PgpError> {
    let mut at = 0;
    let mut line = || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find_byte(b'\n').unwrap_or(rest.len());
        let start = at;
        at += length + 1;
        Some((start, rest.get(..length)?.trim_end_with(|it| matches!(it, ' ' | '\t' | '\r'))))
    };
    match line() {
        Some((_, BEGIN)) => {}
        Some((_, other)) if bytes.find(BEGIN).is_some() && other != BEGIN => {
            return Err(PgpError::new("there is text before the signed block"));
        }
        _ => return Err(PgpError::new("it is not clear-signed")),
    }
    loop {
        match line() {
            Some((_, b"")) => break,
            Some((_, header)) if header.starts_with(b"Hash:") => {}
            _ => return Err(PgpError::new("the signed block has a header other than `Hash`")),
        }
    }
    let mut text: Vec<u8> = Vec::with_capacity(bytes.len());
    let start = loop {
        match line() {
            Some((start, SIGNATURE)) => {
                // The last line's end belongs to what follows.
                text.pop();
                break start;
            }
            Some((_, escaped)) if escaped.starts_with(b"- ") => {
                text.extend_from_slice(escaped.get(2..).unwrap_or_default());
            }
            Some((_, b"-")) => {}
            Some((_, plain)) if !plain.starts_with(b"-") => text.extend_from_slice(plain),
            Some(_) => return Err(PgpError::new("a line starts with a dash that is not escaped")),
            None => return Err(PgpError::new("the signed block has no signature")),
        }
        text.push(b'\n');
    };
    loop {
        match line() {
            Some((_, END)) => break,
            Some((_, other)) if other.starts_with(b"-----") => {
                return Err(PgpError::new("there is a block inside of the signature"));
            }
            Some(_) => {}
            None => return Err(PgpError::new("the signature has no end")),
        }
    }
    if bytes.get(at..).is_some_and(|rest| !rest.trim_ascii().is_empty()) {
        return Err(PgpError::new("there is text behind the signed block"));
    }
    Ok((text, bytes.get(start..).unwrap_or_default()))
}

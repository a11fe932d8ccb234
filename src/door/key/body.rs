//! The digest of a request's body.

use super::super::redact::Secrets;
use crate::oci::Digest;
use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use std::io::Read;

/// Bodies that are larger once decoded are digested as they are.
const DECODED_SIZE_MAX: u64 = 64 << 20;

/// The digest of what the body means: decoded, since clients compress differently, and without
/// secrets, which differ between the machines that one lock serves. None where there is no body.
pub(super) fn digest(body: &Bytes, headers: &HeaderMap, secrets: &Secrets) -> Option<Digest> {
    if body.is_empty() {
        return None;
    }
    let coding = headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], |value| value.as_bytes());
    let decoded = match &*coding.to_ascii_lowercase() {
        b"gzip" | b"x-gzip" => read(MultiGzDecoder::new(&**body)),
        // Meant is the first; the other is what some clients send:
        // https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.2
        b"deflate" => {
            read(ZlibDecoder::new(&**body)).or_else(|| read(DeflateDecoder::new(&**body)))
        }
        _ => None,
    };
    let content = decoded.as_deref().unwrap_or(body);
    Some(Digest::of(&secrets.redact_bytes(content)))
}

/// All of it; none where it is damaged or too large.
fn read(decoder: impl Read) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let size = decoder.take(DECODED_SIZE_MAX + 1).read_to_end(&mut decoded).ok()?;
    (size as u64 <= DECODED_SIZE_MAX).then_some(decoded)
}

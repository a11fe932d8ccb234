//! Partial responses: RFC 9110, section 14.6.

use super::body::Part;
use super::insert;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::ops::Range;

/// What to send for these ranges of a body of `size` bytes; sets the headers that say so. One range is
/// sent as it is, more with a heading each.
pub(super) fn parts(ranges: &[Range<u64>], size: u64, headers: &mut HeaderMap) -> Vec<Part> {
    if let [range] = ranges {
        insert(headers, header::CONTENT_RANGE, &content_range(range, size));
        return vec![Part::Span(range.clone())];
    }
    let boundary = boundary(ranges, size);
    let media_type = headers.remove(header::CONTENT_TYPE);
    let media_type = media_type.as_ref().and_then(|value| value.to_str().ok());
    let mut parts = Vec::with_capacity(ranges.len() * 2 + 1);
    for range in ranges {
        let mut heading = format!("\r\n--{boundary}\r\n");
        if let Some(media_type) = media_type {
            // Writing to a String does not fail.
            let _ = write!(heading, "Content-Type: {media_type}\r\n");
        }
        let _ = write!(heading, "Content-Range: {}\r\n\r\n", content_range(range, size));
        parts.push(Part::Text(Bytes::from(heading)));
        parts.push(Part::Span(range.clone()));
    }
    parts.push(Part::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    insert(headers, header::CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
    parts
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// A line that no body has, and the same for the same question: nothing that a step can see may differ
/// between two builds.
fn boundary(ranges: &[Range<u64>], size: u64) -> String {
    let mut hash = Sha256::new();
    for number in ranges.iter().flat_map(|range| [range.start, range.end]).chain([size]) {
        hash.update(number.to_be_bytes());
    }
    let mut boundary = String::from("rlock");
    for byte in hash.finalize().iter().take(16) {
        // Writing to a String does not fail.
        let _ = write!(boundary, "{byte:02x}");
    }
    boundary
}

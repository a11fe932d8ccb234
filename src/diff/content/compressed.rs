//! Compressed files: what their headers say, and what they hold.
//!
//! gzip, RFC 1952: <https://www.rfc-editor.org/rfc/rfc1952#page-5>
//!
//! ```text
//! 0  1F 8B, method     3  flags: bit 2: extra field, bit 3: file name
//! 4  modification time, seconds, little-endian     8  effort     9  operating system
//! 10 extra field (its size in two bytes before it), file name up to a NUL, …
//! ```

use super::{Comparator, Comparison, FieldDifference, FieldKind, Limits, Member};
use crate::archive::compression::{Compression, decoder, detect};
use std::io::Read as _;

pub(super) static GZIP: Compressed = Compressed { name: "gzip", compression: Compression::Gzip };
pub(super) static XZ: Compressed = Compressed { name: "xz", compression: Compression::Xz };
pub(super) static ZSTD: Compressed = Compressed { name: "zstd", compression: Compression::Zstd };

/// A file of one compression.
#[derive(Debug)]
pub(super) struct Compressed {
    name: &'static str,
    compression: Compression,
}

impl Comparator for Compressed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn matches(&self, _path: &[u8], left: &[u8], right: &[u8], _limits: &Limits) -> bool {
        [left, right].iter().all(|side| detect(side) == self.compression)
    }

    fn compare(&self, left: &[u8], right: &[u8], limits: &Limits) -> Option<Comparison> {
        let mut found = Comparison::default();
        if self.compression == Compression::Gzip {
            found.fields = gzip_fields(left, right);
        }
        let (left_content, right_content) = (unpack(left, limits)?, unpack(right, limits)?);
        let limit = limits.member_size_max;
        if [&left_content, &right_content].iter().any(|content| content.len() as u64 > limit) {
            found.incomplete = Some(format!("unpacks to more than {limit} bytes"));
        } else if left_content != right_content {
            let name = Vec::new();
            found.members.push(Member { name, left: left_content, right: right_content });
        } else if found.fields.is_empty() {
            found.fields.push(FieldDifference {
                name: "compression",
                kind: FieldKind::Stamp,
                left: format!("{} bytes", left.len()),
                right: format!("{} bytes", right.len()),
                count: 1,
            });
        }
        Some(found)
    }
}

/// What the file holds, at most one byte more than the limit; nothing where it is broken.
fn unpack(content: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let (_, reader) = decoder(content).ok()?;
    let mut unpacked = Vec::new();
    reader.take(limits.member_size_max + 1).read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}

/// Header fields of the first member.
fn gzip_fields(left: &[u8], right: &[u8]) -> Vec<FieldDifference> {
    let (Some(left), Some(right)) = (GzipHeader::read(left), GzipHeader::read(right)) else {
        return Vec::new();
    };
    let mut fields = Vec::new();
    let mut field = |name, left: String, right: String| {
        if left != right {
            fields.push(FieldDifference { name, kind: FieldKind::Stamp, left, right, count: 1 });
        }
    };
    let time = |header: &GzipHeader<'_>| super::stamps::time(i64::from(header.time));
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    field("header time", time(&left), time(&right));
    field("header name", text(left.name), text(right.name));
    field("header system", left.system.to_string(), right.system.to_string());
    fields
}

struct GzipHeader<'a> {
    time: u32,
    system: u8,
    name: &'a [u8],
}

impl<'a> GzipHeader<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = content.split_first_chunk::<10>()?;
        let [_, _, _, flags, t0, t1, t2, t3, _, system] = *header;
        if flags & 4 != 0 {
            let (size, after) = rest.split_first_chunk::<2>()?;
            rest = after.get(usize::from(u16::from_le_bytes(*size))..)?;
        }
        let name = if flags & 8 == 0 { None } else { rest.split(|byte| *byte == 0).next() };
        let time = u32::from_le_bytes([t0, t1, t2, t3]);
        Some(Self { time, system, name: name.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression as Level, GzBuilder};
    use std::io::Write as _;

    fn gzip(content: &[u8], time: u32, level: u32) -> Vec<u8> {
        let builder = GzBuilder::new().mtime(time).filename("log");
        let mut writer = builder.write(Vec::new(), Level::new(level));
        writer.write_all(content).unwrap();
        writer.finish().unwrap()
    }

    fn compare(left: &[u8], right: &[u8]) -> Comparison {
        GZIP.compare(left, right, &Limits::default()).unwrap()
    }

    #[test]
    fn only_the_header_time_differs() {
        let found = compare(&gzip(b"same", 1, 6), &gzip(b"same", 2, 6));
        assert!(found.members.is_empty());
        let [field] = &found.fields[..] else { panic!("{found:?}") };
        assert_eq!((field.name, &field.left[..]), ("header time", "1970-01-01T00:00:01Z"));
    }

    #[test]
    fn another_compressor_or_level_is_named() {
        let content: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let found = compare(&gzip(&content, 1, 1), &gzip(&content, 1, 9));
        assert!(found.members.is_empty());
        assert_eq!(found.fields[0].name, "compression");
    }

    #[test]
    fn what_it_holds_is_handed_on_up_to_the_limit() {
        let (left, right) = (gzip(b"left", 1, 6), gzip(b"right", 1, 6));
        let found = compare(&left, &right);
        assert_eq!(
            (&found.members[0].left[..], &found.members[0].right[..]),
            (&b"left"[..], &b"right"[..])
        );
        let limits = Limits { member_size_max: 4, ..Limits::default() };
        let found = GZIP.compare(&left, &right, &limits).unwrap();
        assert!(found.members.is_empty());
        assert_eq!(found.incomplete.unwrap(), "unpacks to more than 4 bytes");
    }

    #[test]
    fn a_broken_file_is_left_to_others() {
        let good = gzip(b"content", 1, 6);
        assert!(GZIP.compare(&good[..good.len() - 9], &good, &Limits::default()).is_none());
        assert!(GzipHeader::read(b"\x1f\x8b\x08").is_none());
    }
}

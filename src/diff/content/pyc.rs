//! Python bytecode, PEP 552: <https://peps.python.org/pep-0552/>.
//!
//! ```text
//! 0   magic number of the Python version, then 0D 0A
//! 4   flags: bit 0: the next 8 bytes are a hash of the source; bit 1: it is checked
//! 8   modification time of the source, seconds, little-endian   (or the hash, 8 bytes)
//! 12  size of the source                                        (to byte 15)
//! 16  the code object, marshalled
//! ```

use super::{BytesDifference, Comparator, Comparison, FieldDifference, FieldKind, Limits};

const HEADER_SIZE: usize = 16;

/// Bytecode with the header that Python has written since 3.7.
#[derive(Debug)]
pub(super) struct Pyc;

impl Comparator for Pyc {
    fn name(&self) -> &'static str {
        "pyc"
    }

    fn matches(&self, path: &[u8], left: &[u8], right: &[u8], _limits: &Limits) -> bool {
        path.ends_with(b".pyc")
            && [left, right].into_iter().all(|side| Header::read(side).is_some())
    }

    fn compare(&self, left: &[u8], right: &[u8], _limits: &Limits) -> Option<Comparison> {
        let (left_header, left_body) = Header::read(left)?;
        let (right_header, right_body) = Header::read(right)?;
        let fields = left_header.compare(&right_header);
        let bytes = (left_body != right_body).then(|| BytesDifference::of(left_body, right_body));
        Some(Comparison { fields, bytes, ..Comparison::default() })
    }
}

struct Header {
    magic: u32,
    flags: u32,
    first: u32,
    second: u32,
}

impl Header {
    /// The header, and the code object that follows it.
    fn read(content: &[u8]) -> Option<(Self, &[u8])> {
        let (header, body) = content.split_at_checked(HEADER_SIZE)?;
        let (words, _) = header.as_chunks::<4>();
        let [magic, flags, first, second] = words else { return None };
        let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let is_magic = magic.ends_with(b"\r\n");
        let header = Self {
            magic: word(magic),
            flags: word(flags),
            first: word(first),
            second: word(second),
        };
        (is_magic && header.flags <= 3).then_some((header, body))
    }

    fn compare(&self, other: &Self) -> Vec<FieldDifference> {
        let mut fields = Vec::new();
        let mut field = |name, kind, left: String, right: String| {
            if left != right {
                fields.push(FieldDifference { name, kind, left, right, count: 1 });
            }
        };
        let version = |magic: u32| (magic & 0xffff).to_string();
        field("magic", FieldKind::Content, version(self.magic), version(other.magic));
        field("flags", FieldKind::Stamp, self.flags.to_string(), other.flags.to_string());
        field("source", FieldKind::Stamp, self.source(), other.source());
        fields
    }

    fn source(&self) -> String {
        if self.flags & 1 == 1 {
            return format!("hash {:08x}{:08x}", self.first.swap_bytes(), self.second.swap_bytes());
        }
        format!("{}, {} bytes", super::stamps::time(i64::from(self.first)), self.second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pyc(flags: u8, time: u8, body: &[u8]) -> Vec<u8> {
        let mut content = vec![0xcb, 0x0d, 0x0d, 0x0a, flags, 0, 0, 0, time, 0, 0, 0, 7, 0, 0, 0];
        content.extend_from_slice(body);
        content
    }

    fn compare(left: &[u8], right: &[u8]) -> Comparison {
        Pyc.compare(left, right, &Limits::default()).unwrap()
    }

    #[test]
    fn only_the_source_time_differs() {
        let found = compare(&pyc(0, 1, b"code"), &pyc(0, 2, b"code"));
        assert!(found.bytes.is_none());
        let [field] = &found.fields[..] else { panic!("{found:?}") };
        assert_eq!((field.name, field.kind), ("source", FieldKind::Stamp));
        assert_eq!(field.left, "1970-01-01T00:00:01Z, 7 bytes");
    }

    #[test]
    fn bodies_and_forms_that_differ_are_told_apart() {
        let found = compare(&pyc(0, 1, b"code"), &pyc(0, 1, b"cude"));
        assert!(found.fields.is_empty());
        assert_eq!(found.bytes.unwrap().first_offset, 1);
        let found = compare(&pyc(0, 1, b"code"), &pyc(3, 1, b"code"));
        let names: Vec<_> = found.fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["flags", "source"]);
        assert_eq!(found.fields[1].right, "hash 0100000007000000");
    }

    #[test]
    fn what_is_no_bytecode_is_left_to_others() {
        let limits = Limits::default();
        let good = pyc(0, 1, b"");
        assert!(Pyc.matches(b"a/b.pyc", &good, &good, &limits));
        assert!(!Pyc.matches(b"a/b.py", &good, &good, &limits));
        assert!(!Pyc.matches(b"b.pyc", &good[..15], &good, &limits));
        assert!(!Pyc.matches(b"b.pyc", &[0; 32], &good, &limits));
    }
}

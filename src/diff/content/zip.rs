//! Zip archives: jar, war, whl, epub. What the central directory says of each entry; entries whose
//! checksum differs are unpacked. ZIP64 and encryption are left to the comparison of bytes.
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, sections 4.3.7, 4.3.12, 4.3.16.

use super::fields::Fields;
use super::{Comparator, Comparison, Limits, Member};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

const LOCAL_MAGIC: &[u8] = b"PK\x03\x04";
const CENTRAL_MAGIC: &[u8] = b"PK\x01\x02";
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// Size of the end record without its comment.
const END_SIZE: usize = 22;
/// A comment's size has 16 bits.
const COMMENT_SIZE_MAX: usize = 0xffff;

/// A zip archive.
#[derive(Debug)]
pub(super) struct Zip;

impl Comparator for Zip {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn matches(&self, _path: &[u8], left: &[u8], right: &[u8], _limits: &Limits) -> bool {
        [left, right].iter().all(|side| side.starts_with(LOCAL_MAGIC))
    }

    fn compare(&self, left: &[u8], right: &[u8], limits: &Limits) -> Option<Comparison> {
        let (left, right) = (Archive::read(left)?, Archive::read(right)?);
        let mut fields = Fields::default();
        let mut found = Comparison::default();
        fields.stamp("order of entries", &left.order(&right), &right.order(&left));
        let names: BTreeSet<&[u8]> =
            left.entries.keys().chain(right.entries.keys()).copied().collect();
        for name in names {
            let (one, other) = (left.entries.get(name), right.entries.get(name));
            let (Some(one), Some(other)) = (one, other) else {
                fields.one_sided(name, one.is_some());
                continue;
            };
            compare_entries(&mut fields, one, other);
            if one.content_key() != other.content_key() {
                let (left, right) = (left.unpack(one, limits)?, right.unpack(other, limits)?);
                found.members.push(Member { name: name.to_vec(), left, right });
            }
        }
        if fields.found.is_empty() && found.members.is_empty() {
            fields.encoding();
        }
        found.fields = fields.found;
        Some(found)
    }
}

fn compare_entries(fields: &mut Fields, left: &Entry, right: &Entry) {
    fields.stamp("entry times", &dos_time(left.time), &dos_time(right.time));
    let mode = |entry: &Entry| format!("{:06o}", entry.attributes >> 16);
    fields.content("entry modes", &mode(left), &mode(right));
    let method = |entry: &Entry| entry.method.to_string();
    fields.stamp("entry compression", &method(left), &method(right));
}

/// Date (high half) and time (low half) of MS-DOS, two seconds precise.
fn dos_time(stamp: u32) -> String {
    let bits = |shift: u32, count: u32| stamp >> shift & ((1 << count) - 1);
    format!(
        "{}-{:02}-{:02} {:02}:{:02}:{:02}",
        1980 + bits(25, 7),
        bits(21, 4),
        bits(16, 5),
        bits(11, 5),
        bits(5, 6),
        bits(0, 5) * 2
    )
}

struct Archive<'a> {
    content: &'a [u8],
    entries: BTreeMap<&'a [u8], Entry>,
    names: Vec<&'a [u8]>,
}

#[derive(Debug)]
struct Entry {
    method: u16,
    time: u32,
    checksum: u32,
    packed_size: u32,
    size: u32,
    attributes: u32,
    offset: u32,
}

impl Entry {
    fn content_key(&self) -> (u32, u32) {
        (self.checksum, self.size)
    }
}

impl<'a> Archive<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        let earliest = content.len().saturating_sub(END_SIZE + COMMENT_SIZE_MAX);
        let tail = content.get(earliest..)?;
        let end = tail.windows(END_MAGIC.len()).rposition(|window| window == END_MAGIC)?;
        let end = tail.get(end..)?;
        let count = number(end, 10, 2)?;
        let mut rest = content.get(usize::try_from(number(end, 16, 4)?).ok()?..)?;
        let mut archive = Self { content, entries: BTreeMap::new(), names: Vec::new() };
        for _ in 0..count {
            let (name, entry, size) = central_entry(rest)?;
            rest = rest.get(size..)?;
            archive.names.push(name);
            archive.entries.insert(name, entry);
        }
        Some(archive)
    }

    /// The names that the other archive has too, in order, as one digest.
    fn order(&self, other: &Self) -> String {
        let names = self.names.iter().filter(|name| other.entries.contains_key(*name));
        let joined: Vec<u8> = names.flat_map(|name| [name, &b"\0"[..]].concat()).collect();
        crate::oci::Digest::of(&joined).short()
    }

    /// The content of an entry; nothing over the limit, or where it is broken or encrypted.
    fn unpack(&self, entry: &Entry, limits: &Limits) -> Option<Vec<u8>> {
        let local = self.content.get(usize::try_from(entry.offset).ok()?..)?;
        local.starts_with(LOCAL_MAGIC).then_some(())?;
        let is_encrypted = number(local, 6, 2)? & 1 == 1;
        let start = 30 + usize::try_from(number(local, 26, 2)? + number(local, 28, 2)?).ok()?;
        let packed = local.get(start..)?.get(..usize::try_from(entry.packed_size).ok()?)?;
        let mut content = Vec::new();
        let size = match entry.method {
            _ if is_encrypted => return None,
            0 => packed.take(limits.member_size_max + 1).read_to_end(&mut content).ok()?,
            8 => flate2::read::DeflateDecoder::new(packed)
                .take(limits.member_size_max + 1)
                .read_to_end(&mut content)
                .ok()?,
            _ => return None,
        };
        (size as u64 <= limits.member_size_max).then_some(content)
    }
}

/// Name, entry, and size of the record.
fn central_entry(record: &[u8]) -> Option<(&[u8], Entry, usize)> {
    record.starts_with(CENTRAL_MAGIC).then_some(())?;
    let length = |offset| usize::try_from(number(record, offset, 2)?).ok();
    let name_size = length(28)?;
    let name = record.get(46..)?.get(..name_size)?;
    let entry = Entry {
        method: u16::try_from(number(record, 10, 2)?).ok()?,
        time: number(record, 12, 4)?,
        checksum: number(record, 16, 4)?,
        packed_size: number(record, 20, 4)?,
        size: number(record, 24, 4)?,
        attributes: number(record, 38, 4)?,
        offset: number(record, 42, 4)?,
    };
    Some((name, entry, 46 + name_size + length(30)? + length(32)?))
}

/// A little-endian number of at most four bytes.
fn number(bytes: &[u8], offset: usize, size: usize) -> Option<u32> {
    let field = bytes.get(offset..)?.get(..size)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::super::FieldKind;
    use super::*;
    use proptest::prelude::*;

    /// 2026-02-03 10:00:00 in MS-DOS form.
    const TIME: u32 = (46 << 25 | 2 << 21 | 3 << 16) | 10 << 11;

    /// Stored entries: name, time, content.
    fn zip(entries: &[(&str, u32, &str)]) -> Vec<u8> {
        let (mut archive, mut central) = (Vec::new(), Vec::new());
        for (name, time, content) in entries {
            let offset = u32::try_from(archive.len()).unwrap();
            let size = u32::try_from(content.len()).unwrap();
            let name_size = u16::try_from(name.len()).unwrap();
            let checksum =
                content.bytes().fold(7, |sum: u32, byte| sum.wrapping_mul(31) + u32::from(byte));
            let common: Vec<u8> = [
                &20_u16.to_le_bytes()[..],
                &[0; 4],
                &time.to_le_bytes(),
                &checksum.to_le_bytes(),
                &size.to_le_bytes(),
                &size.to_le_bytes(),
                &name_size.to_le_bytes(),
                &[0; 2],
            ]
            .concat();
            archive.extend([LOCAL_MAGIC, &common, name.as_bytes(), content.as_bytes()].concat());
            central.extend(
                [
                    CENTRAL_MAGIC,
                    &[20, 3],
                    &common,
                    &[0; 10],
                    &offset.to_le_bytes(),
                    name.as_bytes(),
                ]
                .concat(),
            );
        }
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let (start, size) = (archive.len() as u64, central.len() as u64);
        let end = [
            END_MAGIC,
            &[0; 4],
            &count,
            &count,
            &size.to_le_bytes()[..4],
            &start.to_le_bytes()[..4],
            &[0; 2],
        ];
        archive.extend(central);
        archive.extend(end.concat());
        archive
    }

    fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
        Zip.compare(left, right, &Limits::default())
    }

    #[test]
    fn times_orders_and_contents_are_told_apart() {
        let left = zip(&[("a", TIME, "x"), ("b", TIME, "y")]);
        let found = compare(&left, &zip(&[("a", TIME + 1, "x"), ("b", TIME + 2, "y")])).unwrap();
        assert_eq!((found.fields[0].name, found.fields[0].count), ("entry times", 2));
        assert_eq!(found.fields[0].left, "2026-02-03 10:00:00");
        assert!(found.members.is_empty());
        let found = compare(&left, &zip(&[("b", TIME, "y"), ("a", TIME, "x")])).unwrap();
        assert_eq!(found.fields[0].name, "order of entries");
        let found = compare(&left, &zip(&[("a", TIME, "x"), ("b", TIME, "z")])).unwrap();
        assert!(found.fields.is_empty());
        let [member] = &found.members[..] else { panic!("{found:?}") };
        assert_eq!((&member.name[..], &member.right[..]), (&b"b"[..], &b"z"[..]));
        let found = compare(&left, &zip(&[("a", TIME, "x")])).unwrap();
        assert!(found.fields.iter().any(|field| field.kind == FieldKind::Content));
    }

    #[test]
    fn over_the_limit_or_broken_is_left_to_others() {
        let (left, right) = (zip(&[("a", TIME, "long")]), zip(&[("a", TIME, "LONG")]));
        let limits = Limits { member_size_max: 3, ..Limits::default() };
        assert!(Zip.compare(&left, &right, &limits).is_none());
        assert!(compare(&left[..left.len() - 23], &right).is_none());
    }

    proptest! {
        #[test]
        fn bad_input_never_panics(flips in prop::collection::vec((0usize..200, any::<u8>()), 1..9)) {
            let good = zip(&[("a", TIME, "content"), ("b", TIME, "more")]);
            let mut bad = good.clone();
            for (at, value) in flips {
                let at = at % bad.len();
                bad[at] = value;
            }
            drop(compare(&good, &bad));
        }
    }
}

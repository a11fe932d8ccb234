//! Headers: the tags of a package, as package files and all databases of rpm hold them.
//! <https://rpm-software-management.github.io/rpm/manual/format_header.html>

use super::bytes::{self, Damage};
use std::collections::BTreeMap;

/// Tags of a header, as rpm limits them (`HEADER_TAGS_MAX`).
const TAGS_MAX: usize = 0xffff;

/// Bytes of data of a header, as rpm limits them (`HEADER_DATA_MAX`).
const DATA_MAX: usize = 0x0fff_ffff;

/// Texts of a tag: the files of the largest packages are some hundred thousand.
const STRINGS_MAX: usize = 4 << 20;

/// Bytes of the counts that a header starts with: of tags, and of bytes of data.
pub(super) const COUNTS: usize = 8;

const ENTRY: usize = 16;

/// Types of values.
const CHAR: u32 = 1;
const INT8: u32 = 2;
const INT16: u32 = 3;
const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18NSTRING: u32 = 9;

/// The tags of a package.
#[derive(Debug)]
pub(super) struct Header<'a> {
    entries: BTreeMap<u32, Entry>,
    data: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: u32,
    offset: usize,
    count: usize,
}

/// How long a header with these counts is, all in all.
pub(super) fn length(counts: [u8; COUNTS]) -> Result<usize, Damage> {
    let tags = bytes::be32(&counts, 0).and_then(bytes::size);
    let data = bytes::be32(&counts, 4).and_then(bytes::size);
    match (tags, data) {
        (Some(tags @ 1..=TAGS_MAX), Some(data @ 0..=DATA_MAX)) => Ok(COUNTS + tags * ENTRY + data),
        _ => Err(Damage::new("a header counts more tags or data than rpm takes")),
    }
}

impl<'a> Header<'a> {
    /// Reads a header that fills `blob`.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, Damage> {
        let counts = bytes::array(blob, 0).ok_or_else(|| Damage::new("a header is cut off"))?;
        let whole = length(counts)?;
        if blob.len() != whole {
            let found = blob.len();
            return Err(Damage::new(format!("a header of {whole} bytes has {found}")));
        }
        let tags = bytes::be32(&counts, 0).and_then(bytes::size).unwrap_or_default();
        let (index, data) = blob
            .get(COUNTS..)
            .and_then(|rest| rest.split_at_checked(tags * ENTRY))
            .ok_or_else(|| Damage::new("a header is cut off"))?;
        let mut entries = BTreeMap::new();
        for entry in index.chunks_exact(ENTRY) {
            if let Some((tag, entry)) = Entry::parse(entry) {
                // Later ones win: rpm appends what it notes when it installs, and that replaces
                // what the package file says.
                entries.insert(tag, entry);
            }
        }
        Ok(Self { entries, data })
    }

    pub(super) fn has(&self, tag: u32) -> bool {
        self.entries.contains_key(&tag)
    }

    /// A text. Nothing where the tag is not there.
    pub(super) fn string(&self, tag: u32) -> Result<Option<&'a [u8]>, Damage> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        match entry.kind {
            STRING | STRING_ARRAY | I18NSTRING => {
                Ok(self.strings_of(tag, Entry { count: 1, ..*entry })?.first().copied())
            }
            _ => Err(wrong_type(tag)),
        }
    }

    /// Texts; none where the tag is not there.
    pub(super) fn strings(&self, tag: u32) -> Result<Vec<&'a [u8]>, Damage> {
        match self.entries.get(&tag) {
            None => Ok(Vec::new()),
            Some(entry) if matches!(entry.kind, STRING_ARRAY | I18NSTRING) => {
                self.strings_of(tag, *entry)
            }
            Some(entry) if entry.kind == STRING => {
                self.strings_of(tag, Entry { count: 1, ..*entry })
            }
            Some(_) => Err(wrong_type(tag)),
        }
    }

    /// Each text ends with a zero, so there cannot be more than there are bytes.
    fn strings_of(&self, tag: u32, entry: Entry) -> Result<Vec<&'a [u8]>, Damage> {
        let rest = self.data.get(entry.offset..).unwrap_or_default();
        if entry.count > rest.len().min(STRINGS_MAX) {
            return Err(cut_off(tag));
        }
        let mut strings = Vec::with_capacity(entry.count);
        let mut pieces = rest.split_inclusive(|byte| *byte == 0);
        for _ in 0..entry.count {
            let text = pieces.next().and_then(|piece| piece.strip_suffix(b"\0"));
            strings.push(text.ok_or_else(|| cut_off(tag))?);
        }
        Ok(strings)
    }

    /// Numbers of 32 bits; none where the tag is not there.
    pub(super) fn numbers(&self, tag: u32) -> Result<Vec<u32>, Damage> {
        let values = self.values(tag, &[INT32], 4)?;
        Ok(values.chunks_exact(4).filter_map(|value| bytes::be32(value, 0)).collect())
    }

    /// Numbers of 16 bits; none where the tag is not there.
    pub(super) fn short_numbers(&self, tag: u32) -> Result<Vec<u16>, Damage> {
        let values = self.values(tag, &[INT16], 2)?;
        Ok(values.chunks_exact(2).filter_map(|value| bytes::be16(value, 0)).collect())
    }

    /// Numbers of 64 bits; none where the tag is not there.
    pub(super) fn long_numbers(&self, tag: u32) -> Result<Vec<u64>, Damage> {
        let values = self.values(tag, &[INT64], 8)?;
        Ok(values.chunks_exact(8).filter_map(|value| bytes::be64(value, 0)).collect())
    }

    /// Numbers of 8 bits; none where the tag is not there.
    pub(super) fn octets(&self, tag: u32) -> Result<&'a [u8], Damage> {
        self.values(tag, &[CHAR, INT8], 1)
    }

    fn values(&self, tag: u32, kinds: &[u32], size: usize) -> Result<&'a [u8], Damage> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(&[]) };
        if !kinds.contains(&entry.kind) {
            return Err(wrong_type(tag));
        }
        let end = entry.count.checked_mul(size).and_then(|length| length.checked_add(entry.offset));
        end.and_then(|end| self.data.get(entry.offset..end)).ok_or_else(|| cut_off(tag))
    }
}

impl Entry {
    /// None for what says where a region of the header ends: it points backwards.
    fn parse(entry: &[u8]) -> Option<(u32, Self)> {
        let [tag, kind, offset, count] = [0, 4, 8, 12].map(|at| bytes::be32(entry, at));
        let (offset, count) = (bytes::size(offset?)?, bytes::size(count?)?);
        let kind = kind.filter(|kind| (CHAR..=I18NSTRING).contains(kind))?;
        Some((tag?, Self { kind, offset, count }))
    }
}

fn wrong_type(tag: u32) -> Damage {
    Damage::new(format!("tag {tag} of a header has a wrong type"))
}

fn cut_off(tag: u32) -> Damage {
    Damage::new(format!("tag {tag} of a header goes beyond its end"))
}

//! `Packages`, the database of rpm before 4.16: a hash table of Berkeley DB. Its keys are numbers of
//! headers, its values the headers; what is too large for a page is a chain of overflow pages.
//!
//! The layout is that of `dbinc/db_page.h` of Berkeley DB, in the byte order of the machine that made
//! it. A page: log position (8 bytes), number, previous, next (4 each), entries, free offset or length
//! (2 each), level, type (1 each); then the offsets of the entries, 2 each, which lie at its end.

use super::bytes::{self, Damage};
use std::collections::BTreeSet;

/// Of a hash table.
const MAGIC: u32 = 0x0006_1561;

/// Versions of hash tables with this layout.
const VERSIONS: std::ops::RangeInclusive<u32> = 8..=10;

const PAGE_SIZES: std::ops::RangeInclusive<usize> = 512..=65_536;
const PAGE_HEADER: usize = 26;

/// Types of pages.
const OVERFLOW: u8 = 7;
const HASH: [u8; 3] = [2, 8, 13];

/// Types of entries.
const ON_PAGE: u8 = 1;
const OFF_PAGE: u8 = 3;

/// Points of splitting that the first page has room for.
const SPARES: usize = 32;

/// Flags of the first page: each page has a checksum, which moves what follows.
const CHECKSUMS: u8 = 1;

struct Table<'a> {
    database: &'a [u8],
    is_big_endian: bool,
    page_size: usize,
    /// Each page belongs to one chain, so no input is read twice.
    used: BTreeSet<u32>,
}

/// The headers in the database.
pub(super) fn headers(database: &[u8]) -> Result<Vec<Vec<u8>>, Damage> {
    let mut table = Table::open(database)?;
    let last_bucket = table.meta(72)?;
    let mut headers = Vec::new();
    for bucket in 0..=last_bucket {
        let mut number = table.page_of(bucket)?;
        while number != 0 {
            let page = table.page(number)?;
            headers.extend(table.entries(page)?);
            number = table.number(page, 16)?;
        }
    }
    Ok(headers)
}

impl<'a> Table<'a> {
    fn open(database: &'a [u8]) -> Result<Self, Damage> {
        let magic = bytes::array(database, 12).ok_or_else(cut_off)?;
        let is_big_endian = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (MAGIC, _) => false,
            (_, MAGIC) => true,
            _ => return Err(Damage::new("it is not a hash table of Berkeley DB")),
        };
        let mut table = Self { database, is_big_endian, page_size: 0, used: BTreeSet::new() };
        let version = table.meta(16)?;
        if !VERSIONS.contains(&version) {
            let reason = format!("version {version} of a hash table of Berkeley DB is not known");
            return Err(Damage::new(reason));
        }
        let encryption = database.get(24).copied().unwrap_or_default();
        let flags = database.get(26).copied().unwrap_or_default();
        if encryption != 0 || flags & CHECKSUMS != 0 {
            return Err(Damage::new("encryption and checksums of Berkeley DB are not supported"));
        }
        table.page_size = bytes::size(table.meta(20)?)
            .filter(|size| PAGE_SIZES.contains(size) && size.is_power_of_two())
            .ok_or_else(|| Damage::new("the size of its pages is wrong"))?;
        Ok(table)
    }

    fn meta(&self, at: usize) -> Result<u32, Damage> {
        self.number(self.database, at)
    }

    fn number(&self, bytes: &[u8], at: usize) -> Result<u32, Damage> {
        let number = bytes::array(bytes, at).ok_or_else(cut_off)?;
        Ok(if self.is_big_endian { u32::from_be_bytes(number) } else { u32::from_le_bytes(number) })
    }

    fn short(&self, bytes: &[u8], at: usize) -> Result<usize, Damage> {
        let number = bytes::array(bytes, at).ok_or_else(cut_off)?;
        let number = if self.is_big_endian {
            u16::from_be_bytes(number)
        } else {
            u16::from_le_bytes(number)
        };
        Ok(usize::from(number))
    }

    /// The first page of a bucket. Pages are added in powers of two, with others between them.
    fn page_of(&self, bucket: u32) -> Result<u32, Damage> {
        let split = (u32::BITS - bucket.leading_zeros()) as usize;
        if split >= SPARES {
            return Err(Damage::new("it has too many buckets"));
        }
        let spare = self.meta(96 + 4 * split)?;
        bucket.checked_add(spare).ok_or_else(cut_off)
    }

    fn page(&mut self, number: u32) -> Result<&'a [u8], Damage> {
        if !self.used.insert(number) {
            return Err(Damage::new(format!("page {number} is used twice")));
        }
        let start = bytes::size(number).and_then(|number| number.checked_mul(self.page_size));
        let end = start.and_then(|start| start.checked_add(self.page_size));
        let page = start.zip(end).and_then(|(start, end)| self.database.get(start..end));
        let page = page.ok_or_else(cut_off)?;
        if number == 0 || self.number(page, 8)? != number {
            return Err(Damage::new(format!("page {number} is not where it should be")));
        }
        Ok(page)
    }

    /// The values on a page whose keys are numbers of headers. Entries fill the page from its end.
    fn entries(&mut self, page: &'a [u8]) -> Result<Vec<Vec<u8>>, Damage> {
        if !page.get(25).is_some_and(|kind| HASH.contains(kind)) {
            return Err(Damage::new("a page of a bucket is of another kind"));
        }
        let count = self.short(page, 20)?;
        let mut end = page.len();
        let mut previous: &[u8] = &[];
        let mut values = Vec::new();
        for index in 0..count {
            let start = self.short(page, PAGE_HEADER + 2 * index)?;
            let entry = page.get(start..end).filter(|entry| !entry.is_empty());
            let entry = entry.ok_or_else(|| Damage::new("an entry of a page is not on it"))?;
            end = start;
            if index % 2 == 0 {
                previous = entry;
            } else if !is_counter(previous) {
                values.push(self.value(entry)?);
            }
        }
        Ok(values)
    }

    fn value(&mut self, entry: &[u8]) -> Result<Vec<u8>, Damage> {
        match entry {
            [ON_PAGE, value @ ..] => Ok(value.to_vec()),
            [OFF_PAGE, ..] => {
                let length = bytes::size(self.number(entry, 8)?).ok_or_else(cut_off)?;
                self.overflow(self.number(entry, 4)?, length)
            }
            _ => Err(Damage::new("an entry of a page is of another kind")),
        }
    }

    fn overflow(&mut self, first: u32, length: usize) -> Result<Vec<u8>, Damage> {
        let mut value = Vec::new();
        let mut number = first;
        while value.len() < length {
            let page = self.page(number)?;
            let end = PAGE_HEADER + self.short(page, 22)?;
            let piece = page.get(PAGE_HEADER..end).filter(|piece| !piece.is_empty());
            match piece {
                Some(piece) if page.get(25) == Some(&OVERFLOW) => value.extend_from_slice(piece),
                _ => return Err(Damage::new("an overflow page is damaged")),
            }
            number = self.number(page, 16)?;
        }
        if value.len() != length {
            return Err(Damage::new("an overflow chain has another length than it should have"));
        }
        Ok(value)
    }
}

/// The entry of header 0 counts the headers.
fn is_counter(key: &[u8]) -> bool {
    key == [ON_PAGE, 0, 0, 0, 0]
}

fn cut_off() -> Damage {
    Damage::new("it is cut off")
}

//! `rpmdb.sqlite`: the table `Packages` of an SQLite database, `CREATE TABLE Packages (hnum INTEGER
//! PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)`. Reads only as much of the format as that takes,
//! strictly, with what the write-ahead log adds. <https://www.sqlite.org/fileformat2.html>

use super::bytes::{self, Damage};
use super::wal::{self, Log};
use std::collections::BTreeSet;

const MAGIC: &[u8] = b"SQLite format 3\0";

/// Bytes of the header of the database, which is at the start of the first page.
const FILE_HEADER: usize = 100;

const PAGE_SIZES: std::ops::RangeInclusive<usize> = 512..=65_536;

const UTF8: u32 = 1;

/// Types of pages of a table.
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// Columns of a row, as SQLite limits them by default.
const COLUMNS_MAX: usize = 2000;

const TABLE: &[u8] = b"Packages";

/// Place of the header in a row of the table.
const COLUMN_OF_HEADER: usize = 1;

/// The headers in the database, as the last transaction left them.
pub(super) fn headers(database: &[u8], log: &[u8]) -> Result<Vec<Vec<u8>>, Damage> {
    let mut pages = Pages::open(database, wal::committed(log)?)?;
    // A file without a single page is a database without tables.
    if pages.count == 0 {
        return Ok(Vec::new());
    }
    let mut root = None;
    for row in pages.rows(1)? {
        if let Some(found) = root_of_table(&row)? {
            root = Some(found);
        }
    }
    let Some(root) = root else { return Ok(Vec::new()) };
    pages.rows(root)?.iter().map(|row| header(row)).collect()
}

/// Where the table starts, if this row of the schema is about it.
fn root_of_table(row: &[u8]) -> Result<Option<u32>, Damage> {
    match *columns(row)? {
        [kind, name, _, root, ..] if (kind, name) == (&b"table"[..], TABLE) => {
            let mut number = [0; 4];
            let start = number.len().checked_sub(root.len());
            let target = start.and_then(|start| number.get_mut(start..));
            let target = target.ok_or_else(|| Damage::new("the table starts nowhere"))?;
            target.copy_from_slice(root);
            Ok(Some(u32::from_be_bytes(number)))
        }
        _ => Ok(None),
    }
}

fn header(row: &[u8]) -> Result<Vec<u8>, Damage> {
    let columns = columns(row)?;
    let header = columns.get(COLUMN_OF_HEADER).filter(|header| !header.is_empty());
    Ok(header.ok_or_else(|| Damage::new("a row of `Packages` has no header"))?.to_vec())
}

/// The values of a row, as bytes: <https://www.sqlite.org/fileformat2.html#record_format>.
fn columns(row: &[u8]) -> Result<Vec<&[u8]>, Damage> {
    let wrong = || Damage::new("a row is damaged");
    let (length, rest) = varint(row).ok_or_else(wrong)?;
    let length = usize::try_from(length).map_err(|_| wrong())?;
    let consumed = row.len() - rest.len();
    let mut kinds = row.get(consumed..length).ok_or_else(wrong)?;
    let mut values = row.get(length..).ok_or_else(wrong)?;
    let mut columns = Vec::new();
    while !kinds.is_empty() && columns.len() < COLUMNS_MAX {
        let (kind, rest) = varint(kinds).ok_or_else(wrong)?;
        let size = value_size(kind).ok_or_else(wrong)?;
        let (value, others) = values.split_at_checked(size).ok_or_else(wrong)?;
        columns.push(value);
        (kinds, values) = (rest, others);
    }
    Ok(columns)
}

/// Bytes of a value of this type.
fn value_size(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((kind - 12) / 2).ok(),
    }
}

/// Seven bits a byte, the highest first, nine bytes at most; and what follows.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        let rest = bytes.get(index + 1..)?;
        if index == 8 {
            return Some((number << 8 | u64::from(*byte), rest));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

struct Pages<'a> {
    database: &'a [u8],
    log: Log<'a>,
    size: usize,
    /// Bytes of a page that are not set apart for extensions.
    usable: usize,
    count: u32,
    /// Each page has one place in one tree, so no input is read twice.
    used: BTreeSet<u32>,
}

impl<'a> Pages<'a> {
    fn open(database: &'a [u8], log: Log<'a>) -> Result<Self, Damage> {
        let first = log.pages.get(&1).copied().unwrap_or(database);
        let mut pages = Self { database, log, size: 0, usable: 0, count: 0, used: BTreeSet::new() };
        if first.is_empty() {
            return Ok(pages);
        }
        if !first.starts_with(MAGIC) || first.len() < FILE_HEADER {
            return Err(Damage::new("it is not an SQLite database"));
        }
        pages.size = match bytes::be16(first, 16) {
            // 65536 does not fit into the field.
            Some(1) => 65_536,
            size => size.map(usize::from).unwrap_or_default(),
        };
        let is_possible = PAGE_SIZES.contains(&pages.size) && pages.size.is_power_of_two();
        let reserved = first.get(20).copied().map(usize::from).unwrap_or_default();
        pages.usable = pages.size.saturating_sub(reserved);
        // SQLite itself wants this much.
        if !is_possible || pages.usable < 480 || pages.log.size.is_some_and(|it| it != pages.size) {
            return Err(Damage::new("the size of its pages is wrong"));
        }
        if bytes::be32(first, 56) != Some(UTF8) {
            return Err(Damage::new("its text is not UTF-8"));
        }
        let in_file = u32::try_from(database.len() / pages.size).unwrap_or(u32::MAX);
        pages.count = pages.log.count.unwrap_or(in_file);
        // Older versions of SQLite leave the count alone, and the second number does not match.
        let counted = bytes::be32(first, 28).filter(|_| first.get(24..28) == first.get(92..96));
        if pages.count == 0 || (pages.log.count.is_none() && counted > Some(in_file)) {
            return Err(Damage::new("it is cut off"));
        }
        Ok(pages)
    }

    /// A page that was not looked at yet.
    fn page(&mut self, number: u32) -> Result<&'a [u8], Damage> {
        let missing = || Damage::new(format!("there is no page {number}"));
        if number == 0 || number > self.count {
            return Err(missing());
        }
        if !self.used.insert(number) {
            return Err(Damage::new(format!("page {number} is used twice")));
        }
        if let Some(page) = self.log.pages.get(&number) {
            return Ok(page);
        }
        let start = bytes::size(number - 1).and_then(|before| before.checked_mul(self.size));
        let end = start.and_then(|start| start.checked_add(self.size));
        start.zip(end).and_then(|(start, end)| self.database.get(start..end)).ok_or_else(missing)
    }

    /// All rows of a table, in their order.
    fn rows(&mut self, root: u32) -> Result<Vec<Vec<u8>>, Damage> {
        let mut rows = Vec::new();
        let mut rest = vec![root];
        while let Some(number) = rest.pop() {
            let page = self.page(number)?;
            let tree = Tree::parse(page, if number == 1 { FILE_HEADER } else { 0 })?;
            match tree.right {
                Some(right) => {
                    let children = tree.cells.iter().map(|cell| bytes::be32(cell, 0));
                    let children: Option<Vec<u32>> = children.collect();
                    rest.push(right);
                    rest.extend(children.ok_or_else(damaged)?.into_iter().rev());
                }
                None => self.leaf(&tree.cells, &mut rows)?,
            }
        }
        Ok(rows)
    }

    fn leaf(&mut self, cells: &[&'a [u8]], rows: &mut Vec<Vec<u8>>) -> Result<(), Damage> {
        // Cells do not overlap, so all of them together are no larger than the page.
        let mut room = self.size;
        for cell in cells {
            let (length, rest) = varint(cell).ok_or_else(damaged)?;
            let (_, content) = varint(rest).ok_or_else(damaged)?;
            let length = usize::try_from(length).map_err(|_| damaged())?;
            let local = self.local(length);
            room = room.checked_sub(local).ok_or_else(damaged)?;
            let (start, rest) = content.split_at_checked(local).ok_or_else(damaged)?;
            let mut row = start.to_vec();
            if local < length {
                self.overflow(&mut row, length, bytes::be32(rest, 0).ok_or_else(damaged)?)?;
            }
            rows.push(row);
        }
        Ok(())
    }

    /// How much of a row stands on its page:
    /// <https://www.sqlite.org/fileformat2.html#cell_payload_overflow_pages>.
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let even = least + (length - least) % (self.usable - 4);
        if even <= most { even } else { least }
    }

    fn overflow(&mut self, row: &mut Vec<u8>, length: usize, first: u32) -> Result<(), Damage> {
        let mut number = first;
        while row.len() < length {
            let page = self.page(number)?;
            let missing = (length - row.len()).min(self.usable - 4);
            row.extend_from_slice(page.get(4..4 + missing).ok_or_else(damaged)?);
            number = bytes::be32(page, 0).ok_or_else(damaged)?;
        }
        Ok(())
    }
}

/// A page of a table: <https://www.sqlite.org/fileformat2.html#b_tree_pages>.
struct Tree<'a> {
    /// Each from its start to the end of the page.
    cells: Vec<&'a [u8]>,
    /// The page behind all cells, where these lead to pages.
    right: Option<u32>,
}

impl<'a> Tree<'a> {
    fn parse(page: &'a [u8], start: usize) -> Result<Self, Damage> {
        let header = page.get(start..).unwrap_or_default();
        let (length, right) = match header.first() {
            Some(&LEAF) => (8, None),
            Some(&INTERIOR) => (12, Some(bytes::be32(header, 8).ok_or_else(damaged)?)),
            _ => return Err(Damage::new("a page is not one of a table")),
        };
        let count = bytes::be16(header, 3).map(usize::from).ok_or_else(damaged)?;
        let pointers = header.get(length..length + 2 * count).ok_or_else(damaged)?;
        let cell = |at: &[u8]| page.get(usize::from(bytes::be16(at, 0)?)..);
        let cells: Option<Vec<&[u8]>> = pointers.chunks_exact(2).map(cell).collect();
        Ok(Self { cells: cells.ok_or_else(damaged)?, right })
    }
}

fn damaged() -> Damage {
    Damage::new("a page is damaged")
}

//! The central directory, found from the end of the archive.

use super::{Entry, Limits, ZipError};
use std::io::{Read, Seek, SeekFrom};

const CENTRAL_MAGIC: &[u8] = b"PK\x01\x02";
const CENTRAL_SIZE: usize = 46;
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// Size of the end record without its comment, whose size has 16 bits.
const END_SIZE: usize = 22;
const COMMENT_SIZE_MAX: u64 = 0xffff;
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";
const LOCATOR_SIZE: usize = 20;
const END_64_MAGIC: &[u8] = b"PK\x06\x06";
const END_64_SIZE: u64 = 56;
/// The extra field with the numbers that do not fit: section 4.5.3.
const EXTRA_64: u64 = 1;
/// Stands where a number does not fit.
const ELSEWHERE_16: u64 = 0xffff;
const ELSEWHERE_32: u64 = 0xffff_ffff;

const TRUNCATED: ZipError = ZipError::Malformed("its directory is truncated");

/// Where the directory is.
struct End {
    count: u64,
    size: u64,
    /// From the start of the archive, which other bytes may stand before.
    offset: u64,
    /// Where in the stream the directory ends.
    position: u64,
}

/// All entries of the archive.
pub(super) fn read(
    inner: &mut (impl Read + Seek),
    limits: &Limits,
) -> Result<Vec<Entry>, ZipError> {
    let end = end(inner)?;
    let entries_max = limits.entries_max;
    if end.count > entries_max {
        return Err(ZipError::TooLarge { what: "entries", max: entries_max });
    }
    if end.size > limits.directory_max {
        return Err(ZipError::TooLarge { what: "a directory", max: limits.directory_max });
    }
    let start = end.position.checked_sub(end.size).ok_or(TRUNCATED)?;
    let before = start.checked_sub(end.offset);
    let before = before.ok_or(ZipError::Malformed("its directory is not where it should be"))?;
    let directory = bytes_at(inner, start, end.size)?;
    let mut rest = &*directory;
    let mut entries = Vec::new();
    for _ in 0..end.count {
        let (mut entry, size) = entry(rest)?;
        entry.offset = entry.offset.checked_add(before).ok_or(TRUNCATED)?;
        rest = rest.get(size..).ok_or(TRUNCATED)?;
        entries.push(entry);
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(ZipError::Malformed("its directory has more entries than it says"))
    }
}

fn end(inner: &mut (impl Read + Seek)) -> Result<End, ZipError> {
    let length = inner.seek(SeekFrom::End(0)).map_err(ZipError::Read)?;
    let earliest = length.saturating_sub(END_SIZE as u64 + COMMENT_SIZE_MAX);
    let tail = bytes_at(inner, earliest, length - earliest)?;
    let at = end_record(&tail).ok_or(ZipError::Magic)?;
    let record = tail.get(at..).ok_or(ZipError::Magic)?;
    let field = |offset, size| number(record, offset, size).ok_or(TRUNCATED);
    let position = earliest.saturating_add(at as u64);
    let end = End { count: field(10, 2)?, size: field(12, 4)?, offset: field(16, 4)?, position };
    let is_elsewhere =
        end.count == ELSEWHERE_16 || end.size == ELSEWHERE_32 || end.offset == ELSEWHERE_32;
    let locator = at.checked_sub(LOCATOR_SIZE).and_then(|start| tail.get(start..at));
    match locator.filter(|locator| is_elsewhere && locator.starts_with(LOCATOR_MAGIC)) {
        Some(_) => end_64(inner, position),
        None => Ok(end),
    }
}

/// The last record whose comment ends where the archive does.
fn end_record(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_SIZE)?;
    (0..=last).rev().find(|at| {
        let record = tail.get(*at..).unwrap_or_default();
        let comment = number(record, 20, 2).and_then(|size| usize::try_from(size).ok());
        record.starts_with(END_MAGIC) && comment.is_some_and(|size| END_SIZE + size == record.len())
    })
}

/// The end record of ZIP64, which every writer puts right before its locator.
fn end_64(inner: &mut (impl Read + Seek), end: u64) -> Result<End, ZipError> {
    let position = end.checked_sub(LOCATOR_SIZE as u64 + END_64_SIZE).ok_or(TRUNCATED)?;
    let record = bytes_at(inner, position, END_64_SIZE)?;
    if !record.starts_with(END_64_MAGIC) {
        return Err(ZipError::Malformed("its ZIP64 record is not where it should be"));
    }
    let field = |offset| number(&record, offset, 8).ok_or(TRUNCATED);
    Ok(End { count: field(32)?, size: field(40)?, offset: field(48)?, position })
}

/// The entry that a part of the directory starts with, and the size of its record.
fn entry(record: &[u8]) -> Result<(Entry, usize), ZipError> {
    if !record.starts_with(CENTRAL_MAGIC) {
        return Err(ZipError::Malformed("its directory has something else than entries"));
    }
    let field = |offset, size| number(record, offset, size).ok_or(TRUNCATED);
    let length = |offset| usize::try_from(field(offset, 2)?).map_err(|_| TRUNCATED);
    let (name, extra) = (CENTRAL_SIZE + length(28)?, length(30)?);
    let mut large = Large { rest: large(record.get(name..name + extra).ok_or(TRUNCATED)?) };
    let size = large.number(field(24, 4)?)?;
    let packed_size = large.number(field(20, 4)?)?;
    let offset = large.number(field(42, 4)?)?;
    let entry = Entry {
        name: record.get(CENTRAL_SIZE..name).ok_or(TRUNCATED)?.to_vec(),
        size,
        packed_size,
        checksum: u32::try_from(field(16, 4)?).map_err(|_| TRUNCATED)?,
        method: u16::try_from(field(10, 2)?).map_err(|_| TRUNCATED)?,
        is_encrypted: field(8, 2)? & 1 == 1,
        offset,
    };
    Ok((entry, name + extra + length(32)?))
}

/// The numbers that do not fit in an entry's record, in this order: those only that are needed.
struct Large<'a> {
    rest: &'a [u8],
}

impl Large<'_> {
    fn number(&mut self, small: u64) -> Result<u64, ZipError> {
        if small != ELSEWHERE_32 {
            return Ok(small);
        }
        let (first, rest) = self.rest.split_at_checked(8).ok_or(TRUNCATED)?;
        self.rest = rest;
        number(first, 0, 8).ok_or(TRUNCATED)
    }
}

/// The content of the extra field for ZIP64; empty where there is none.
fn large(mut extra: &[u8]) -> &[u8] {
    while let (Some(id), Some(size)) = (number(extra, 0, 2), number(extra, 2, 2)) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(field) = extra.get(4..).and_then(|rest| rest.get(..size)) else { break };
        if id == EXTRA_64 {
            return field;
        }
        extra = extra.get(4 + size..).unwrap_or_default();
    }
    &[]
}

fn bytes_at(inner: &mut (impl Read + Seek), start: u64, size: u64) -> Result<Vec<u8>, ZipError> {
    inner.seek(SeekFrom::Start(start)).map_err(ZipError::Read)?;
    let mut bytes = Vec::new();
    inner.take(size).read_to_end(&mut bytes).map_err(ZipError::Read)?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(TRUNCATED) }
}

/// A little-endian number of at most eight bytes.
pub(super) fn number(bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
    let field = bytes.get(offset..)?.get(..size)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

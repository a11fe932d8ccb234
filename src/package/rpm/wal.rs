//! The write-ahead log of an SQLite database: pages that are newer than those in the database. A
//! container that was stopped before the last program closed the database has one.
//! <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>

use super::bytes::{self, Damage};
use std::collections::BTreeMap;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Magic numbers: of checksums over little-endian and over big-endian words.
const MAGIC_LITTLE: u32 = 0x377f_0682;
const MAGIC_BIG: u32 = 0x377f_0683;

const VERSION: u32 = 3_007_000;

/// What transactions that are complete wrote.
#[derive(Debug, Default)]
pub(super) struct Log<'a> {
    /// By number, the newest of each.
    pub(super) pages: BTreeMap<u32, &'a [u8]>,
    /// Pages of the database, where the log says it.
    pub(super) count: Option<u32>,
    /// Bytes of a page, where the log says it.
    pub(super) size: Option<usize>,
}

/// Reads the log up to its last complete transaction. What follows is of a time before the log was
/// started anew, or was never completed: SQLite does not read it either.
pub(super) fn committed(log: &[u8]) -> Result<Log<'_>, Damage> {
    let mut committed = Log::default();
    let Some((header, frames)) = log.split_at_checked(HEADER) else { return Ok(committed) };
    let Some(mut sum) = Checksum::of(header) else { return Ok(committed) };
    let size = bytes::be32(header, 8).and_then(bytes::size).unwrap_or_default();
    if !sum.covers(header.get(..24), header.get(24..)) || !size.is_power_of_two() || size < 512 {
        return Ok(committed);
    }
    if bytes::be32(header, 4) != Some(VERSION) {
        return Err(Damage::new("the version of its write-ahead log is not known"));
    }
    let mut pending = Vec::new();
    for frame in frames.chunks_exact(FRAME_HEADER.saturating_add(size)) {
        let (head, page) = frame.split_at(FRAME_HEADER);
        let is_of_log = head.get(8..16) == header.get(16..24);
        let is_whole =
            is_of_log && sum.covers(head.get(..8), None) && sum.covers(Some(page), head.get(16..));
        let (Some(number), Some(count), true) =
            (bytes::be32(head, 0), bytes::be32(head, 4), is_whole)
        else {
            break;
        };
        pending.push((number, page));
        if count > 0 {
            committed.pages.extend(pending.drain(..));
            committed.count = Some(count);
            committed.size = Some(size);
        }
    }
    Ok(committed)
}

/// The checksum runs on from frame to frame.
struct Checksum {
    is_big_endian: bool,
    first: u32,
    second: u32,
}

impl Checksum {
    fn of(header: &[u8]) -> Option<Self> {
        let is_big_endian = match bytes::be32(header, 0)? {
            MAGIC_LITTLE => false,
            MAGIC_BIG => true,
            _ => return None,
        };
        Some(Self { is_big_endian, first: 0, second: 0 })
    }

    /// Adds bytes, and compares the sum with what is written, where something is.
    fn covers(&mut self, bytes: Option<&[u8]>, written: Option<&[u8]>) -> bool {
        for pair in bytes.unwrap_or_default().chunks_exact(8) {
            let word = |at| {
                let word =
                    if self.is_big_endian { bytes::be32(pair, at) } else { bytes::le32(pair, at) };
                word.unwrap_or_default()
            };
            self.first = self.first.wrapping_add(word(0)).wrapping_add(self.second);
            self.second = self.second.wrapping_add(word(4)).wrapping_add(self.first);
        }
        written.is_none_or(|written| {
            bytes::be32(written, 0) == Some(self.first)
                && bytes::be32(written, 4) == Some(self.second)
        })
    }
}

//! `Packages.db`, the database of SUSE: slots that say where in the file each header is.
//!
//! All numbers are little-endian. The file starts with a header of 32 bytes: magic `RpmP`, version,
//! generation, pages of slots, next package. Slots of 16 bytes follow, up to the end of their pages of
//! 4096: magic `Slot`, package, first block, blocks. A block has 16 bytes. The blocks of a package
//! start with magic `BlbS`, package, time, length, and end with checksum, length, magic `BlbE`.

use super::bytes::{self, Damage};
use std::collections::BTreeSet;

const MAGIC: &[u8] = b"RpmP";
const VERSION: u32 = 0;
const PAGE: usize = 4096;
const SLOT: usize = 16;
const BLOCK: usize = 16;

/// Slots that the header takes the place of.
const SLOTS_OF_HEADER: usize = 2;

const HEAD: usize = 16;
const TAIL: usize = 12;

struct Slot {
    package: u32,
    offset: usize,
    length: usize,
}

/// The headers in the database.
pub(super) fn headers(database: &[u8]) -> Result<Vec<&[u8]>, Damage> {
    let mut slots = slots(database)?;
    slots.sort_by_key(|slot| slot.offset);
    let mut packages = BTreeSet::new();
    let mut free = 0;
    let mut headers = Vec::new();
    for slot in slots {
        if slot.offset < free || !packages.insert(slot.package) {
            return Err(Damage::new("two packages share a place"));
        }
        free = slot.offset + slot.length;
        headers.push(header(database, &slot)?);
    }
    Ok(headers)
}

fn slots(database: &[u8]) -> Result<Vec<Slot>, Damage> {
    let field = |at| bytes::le32(database, at).ok_or_else(|| Damage::new("it is cut off"));
    if !database.starts_with(MAGIC) {
        return Err(Damage::new("it is not a database of rpm (ndb)"));
    }
    let version = field(4)?;
    if version != VERSION {
        return Err(Damage::new(format!("version {version} of ndb is not known")));
    }
    let length = bytes::size(field(12)?).and_then(|pages| pages.checked_mul(PAGE));
    let pages = length.and_then(|length| database.get(..length));
    let pages = pages.ok_or_else(|| Damage::new("it is cut off"))?;
    let mut slots = Vec::new();
    for slot in pages.chunks_exact(SLOT).skip(SLOTS_OF_HEADER) {
        let [package, offset, length] = [4, 8, 12].map(|at| bytes::le32(slot, at));
        let blocks = |count: Option<u32>| {
            let count = count.and_then(bytes::size)?;
            count.checked_mul(BLOCK)
        };
        match (slot.starts_with(b"Slot"), package, blocks(offset), blocks(length)) {
            (true, _, Some(0), _) => {}
            (true, Some(package), Some(offset), Some(length))
                if package > 0 && offset >= pages.len() =>
            {
                slots.push(Slot { package, offset, length });
            }
            _ => return Err(Damage::new("a slot is damaged")),
        }
    }
    Ok(slots)
}

fn header<'a>(database: &'a [u8], slot: &Slot) -> Result<&'a [u8], Damage> {
    let end = slot.offset.checked_add(slot.length);
    let blob = end.and_then(|end| database.get(slot.offset..end));
    let blob = blob.ok_or_else(|| Damage::new("it is cut off"))?;
    let length = bytes::le32(blob, 12).and_then(bytes::size);
    let expected = length.and_then(|length| length.checked_add(HEAD + TAIL));
    let fits = expected.map(|expected| expected.next_multiple_of(BLOCK)) == Some(blob.len());
    let is_whole = fits
        && blob.starts_with(b"BlbS")
        && blob.ends_with(b"BlbE")
        && bytes::le32(blob, 4) == Some(slot.package)
        && bytes::le32(blob, blob.len() - 8).and_then(bytes::size) == length;
    let content = length.and_then(|length| blob.get(HEAD..HEAD + length));
    content.filter(|_| is_whole).ok_or_else(|| Damage::new("a package's place is damaged"))
}

//! As much of ELF as it takes to find a section by its name and a byte by its address:
//! <https://gabi.xinuos.com/>, chapters 2, 3 and 7. Both sizes, both byte orders.

use super::super::{Content, MarkError};
use std::io::{Read as _, SeekFrom};

const MAGIC: &[u8] = b"\x7fELF";
const HEADER_SIZE: u64 = 64;
/// Bytes of a table of headers, or of section names.
const TABLE_MAX: u64 = 4 << 20;
/// Stands where a number does not fit: it is in the first section's header then.
const ELSEWHERE: u64 = 0xffff;
/// A segment that is loaded; one that may be written.
const PT_LOAD: u64 = 1;
const PF_W: u64 = 2;
const PF_X: u64 = 1;
/// A section that takes no room in the file.
const SHT_NOBITS: u64 = 8;

/// Where the fields of headers are, in bytes: those of 32 bits, and of 64.
struct Fields {
    word: usize,
    section_table: usize,
    program_table: usize,
    /// Size of a program header, number of them, size of a section header, number, names.
    counts: usize,
    section_size: u64,
    segment_size: u64,
}

const FIELDS_32: Fields = Fields {
    word: 4,
    program_table: 28,
    section_table: 32,
    counts: 42,
    section_size: 40,
    segment_size: 32,
};
const FIELDS_64: Fields = Fields {
    word: 8,
    program_table: 32,
    section_table: 40,
    counts: 54,
    section_size: 64,
    segment_size: 56,
};

/// A part of the file that is known by a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    name: u64,
    kind: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// A part of the file that is loaded to an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) is_data: bool,
    pub(super) address: u64,
}

/// A program or library.
pub(super) struct Elf {
    file: Box<dyn Content>,
    fields: &'static Fields,
    is_little: bool,
    header: Vec<u8>,
    pub(super) sections: Vec<Section>,
    names: Vec<u8>,
}

impl Elf {
    /// Reads the headers; none where it is another kind of file.
    pub(super) fn open(mut file: Box<dyn Content>) -> Result<Option<Self>, MarkError> {
        let mut header = Vec::new();
        (&mut file).take(HEADER_SIZE).read_to_end(&mut header)?;
        if !header.starts_with(MAGIC) {
            return Ok(None);
        }
        let fields = match header.get(4) {
            Some(1) => &FIELDS_32,
            Some(2) => &FIELDS_64,
            _ => return Ok(None),
        };
        let is_little = match header.get(5) {
            Some(1) => true,
            Some(2) => false,
            _ => return Ok(None),
        };
        let (sections, names) = (Vec::new(), Vec::new());
        let mut elf = Self { file, fields, is_little, header, sections, names };
        elf.read_sections()?;
        Ok(Some(elf))
    }

    /// The section with this name, if it has bytes in the file.
    pub(super) fn section(&self, name: &[u8]) -> Option<Section> {
        let found = self.sections.iter().find(|section| {
            let at = usize::try_from(section.name).unwrap_or(usize::MAX);
            let rest = self.names.get(at..).unwrap_or_default();
            rest.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
        });
        found.filter(|section| section.kind != SHT_NOBITS).copied()
    }

    /// The parts of the file that are loaded.
    pub(super) fn segments(&mut self) -> Result<Vec<Segment>, MarkError> {
        let start = self.word(&self.header, self.fields.program_table);
        let count = self.number(&self.header, self.fields.counts + 2, 2);
        let size = self.fields.segment_size;
        let table =
            self.table(start, count, size, self.number(&self.header, self.fields.counts, 2))?;
        let is_wide = self.fields.word == 8;
        let segments = chunks(&table, size).map(|header| {
            let kind = self.number(header, 0, 4);
            let field = |narrow, wide| self.word(header, if is_wide { wide } else { narrow });
            let flags = self.number(header, if is_wide { 4 } else { 24 }, 4);
            let segment = Segment {
                offset: field(4, 8),
                address: field(8, 16),
                size: field(16, 32),
                is_data: flags & (PF_W | PF_X) == PF_W,
            };
            (kind, segment)
        });
        Ok(segments.filter(|(kind, _)| *kind == PT_LOAD).map(|(_, segment)| segment).collect())
    }

    /// `size` bytes from `offset` on; fewer where the file ends before.
    pub(super) fn bytes(&mut self, offset: u64, size: u64) -> Result<Vec<u8>, MarkError> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(offset))?;
        (&mut self.file).take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// `size` bytes from an address on, when it is loaded.
    pub(super) fn bytes_at(&mut self, address: u64, size: u64) -> Result<Vec<u8>, MarkError> {
        const NOWHERE: &str = "it has an address that is nowhere in the file";
        let segments = self.segments()?;
        let holds = |segment: &&Segment| {
            let within = address.checked_sub(segment.address);
            within.is_some_and(|within| within.saturating_add(size) <= segment.size)
        };
        let segment = segments.iter().find(holds).ok_or_else(|| MarkError::malformed(NOWHERE))?;
        let offset = segment.offset.saturating_add(address - segment.address);
        let bytes = self.bytes(offset, size)?;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(MarkError::malformed(NOWHERE)) }
    }

    fn read_sections(&mut self) -> Result<(), MarkError> {
        let fields = self.fields;
        let start = self.word(&self.header, fields.section_table);
        if start == 0 {
            return Ok(());
        }
        let stride = self.number(&self.header, fields.counts + 4, 2);
        let mut count = self.number(&self.header, fields.counts + 6, 2);
        let mut names = self.number(&self.header, fields.counts + 8, 2);
        let first = self.table(start, 1, fields.section_size, stride)?;
        if count == 0 {
            count = self.section_of(&first).size;
        }
        if names == ELSEWHERE {
            names = self.number(&first, if fields.word == 8 { 40 } else { 24 }, 4);
        }
        let table = self.table(start, count, fields.section_size, stride)?;
        self.sections =
            chunks(&table, fields.section_size).map(|one| self.section_of(one)).collect();
        let names = usize::try_from(names).ok().and_then(|index| self.sections.get(index)).copied();
        if let Some(names) = names.filter(|names| names.kind != SHT_NOBITS) {
            self.names = self.bytes(names.offset, names.size.min(TABLE_MAX))?;
        }
        Ok(())
    }

    fn section_of(&self, header: &[u8]) -> Section {
        let word = self.fields.word;
        Section {
            name: self.number(header, 0, 4),
            kind: self.number(header, 4, 4),
            offset: self.word(header, 8 + 2 * word),
            size: self.word(header, 8 + 3 * word),
        }
    }

    /// A table of headers, whose size must be what it is for this kind of file.
    fn table(
        &mut self,
        start: u64,
        count: u64,
        size: u64,
        stated: u64,
    ) -> Result<Vec<u8>, MarkError> {
        if count > 0 && stated != size {
            return Err(MarkError::malformed("its headers have another size than those of ELF"));
        }
        let whole = count.saturating_mul(size);
        if whole > TABLE_MAX {
            return Err(MarkError::malformed("it has too many headers"));
        }
        let table = self.bytes(start, whole)?;
        if table.len() as u64 == whole {
            Ok(table)
        } else {
            Err(MarkError::malformed("it is truncated"))
        }
    }

    /// A number of the size of an address.
    pub(super) fn word(&self, bytes: &[u8], offset: usize) -> u64 {
        self.number(bytes, offset, self.fields.word)
    }

    /// A number in the file's byte order; 0 where the bytes end before.
    fn number(&self, bytes: &[u8], offset: usize, size: usize) -> u64 {
        number(bytes, offset, size, self.is_little).unwrap_or_default()
    }
}

/// A number of at most eight bytes.
pub(super) fn number(bytes: &[u8], offset: usize, size: usize, is_little: bool) -> Option<u64> {
    let field = bytes.get(offset..)?.get(..size)?;
    let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Some(if is_little { field.iter().rev().fold(0, add) } else { field.iter().fold(0, add) })
}

fn chunks(table: &[u8], size: u64) -> std::slice::ChunksExact<'_, u8> {
    table.chunks_exact(usize::try_from(size).unwrap_or(usize::MAX).max(1))
}

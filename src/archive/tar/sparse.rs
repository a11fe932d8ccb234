//! Sparse files, which GNU tar stores without their holes, in four formats.
//! <https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html>

use super::number;
use super::{BLOCK, Problem};

/// Which bytes of a file are stored: (offset, length), ascending.
pub(super) type Map = Vec<(u64, u64)>;

/// A run of bytes of a body: stored in the archive or zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    Data(u64),
    Hole(u64),
}

/// What extended headers say of a sparse file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Records {
    version: (Option<i64>, Option<i64>),
    pub(super) name: Option<Vec<u8>>,
    size: Option<i64>,
    map: Option<Map>,
    /// Format 0.0: an offset whose length has to follow.
    offset: Option<u64>,
}

/// Where the map of a sparse file stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The file is not sparse.
    NotSparse,
    /// In the extended header, all of it: formats 0.0 and 0.1.
    Header(Map),
    /// At the start of the body: format 1.0.
    Body,
}

impl Records {
    /// Whether the format lets the key occur more than once.
    pub(super) fn repeats(key: &[u8]) -> bool {
        matches!(key, b"GNU.sparse.offset" | b"GNU.sparse.numbytes")
    }

    /// Takes a record, unless it is malformed.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let decimal = || number::parse_decimal(value);
        match key {
            b"GNU.sparse.major" => self.version.0 = Some(decimal()?),
            b"GNU.sparse.minor" => self.version.1 = Some(decimal()?),
            b"GNU.sparse.name" if !value.contains(&0) => self.name = Some(value.to_vec()),
            // The two names of one thing must agree.
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                let size = decimal()?;
                if *self.size.get_or_insert(size) != size {
                    return None;
                }
            }
            // The map says it itself.
            b"GNU.sparse.numblocks" => drop(decimal()?),
            b"GNU.sparse.offset" => {
                let offset = u64::try_from(decimal()?).ok()?;
                if self.offset.replace(offset).is_some() {
                    return None;
                }
            }
            b"GNU.sparse.numbytes" => {
                let pair = (self.offset.take()?, u64::try_from(decimal()?).ok()?);
                self.map.get_or_insert_default().push(pair);
            }
            b"GNU.sparse.map" if self.map.is_none() => self.map = Some(parse_list(value)?),
            _ => return None,
        }
        Some(())
    }

    /// Where the map is, if these records make the file a sparse one.
    pub(super) fn place(self) -> Result<Place, Problem> {
        let place = match (self.version, self.map) {
            ((Some(1), Some(0)), None) => Place::Body,
            ((Some(0), Some(0 | 1)) | (None, None), Some(map)) => Place::Header(map),
            ((None, None), None) if self.name.is_none() && self.size.is_none() => Place::NotSparse,
            ((Some(0), Some(0 | 1)), None) if self.size == Some(0) => Place::Header(Map::new()),
            _ => return Err(Problem::Sparse("has an unknown format")),
        };
        if self.offset.is_some() || (place != Place::NotSparse && self.size.is_none()) {
            return Err(Problem::Sparse("lacks a record"));
        }
        Ok(place)
    }

    /// Size of the file with its holes.
    pub(super) fn size(&self) -> Option<i64> {
        self.size
    }
}

/// Format 0.1: `offset,length,offset,length…`.
fn parse_list(value: &[u8]) -> Option<Map> {
    let numbers: Option<Vec<u64>> = value
        .split(|byte| *byte == b',')
        .map(|text| u64::try_from(number::parse_decimal(text)?).ok())
        .collect();
    pairs(&numbers?)
}

fn pairs(numbers: &[u64]) -> Option<Map> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[offset, length]| (*offset, *length)).collect())
}

/// Format 1.0: lines of decimal numbers in whole blocks before the data; the first says how many
/// pairs follow.
#[derive(Debug, Default)]
pub(super) struct MapLines {
    numbers: Vec<u64>,
    line: Vec<u8>,
    bytes: u64,
}

impl MapLines {
    /// Takes the next block; true if the map is complete.
    pub(super) fn push(&mut self, block: &[u8; BLOCK], bytes_max: u64) -> Result<bool, Problem> {
        self.bytes += BLOCK as u64;
        if self.bytes > bytes_max {
            return Err(Problem::Limit { what: "sparse map in bytes", max: bytes_max });
        }
        for byte in block {
            if self.is_complete() {
                return Ok(true);
            }
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let number = number::parse_decimal(&self.line).and_then(|n| u64::try_from(n).ok());
            self.numbers.push(number.ok_or(Problem::Sparse("has a malformed map"))?);
            self.line.clear();
        }
        Ok(self.is_complete())
    }

    fn is_complete(&self) -> bool {
        let Some((count, numbers)) = self.numbers.split_first() else { return false };
        count.checked_mul(2) == Some(numbers.len() as u64)
    }

    /// The map, and the bytes of the body that it took.
    pub(super) fn finish(self) -> Result<(Map, u64), Problem> {
        let map = self.numbers.split_first().and_then(|(_, numbers)| pairs(numbers));
        Ok((map.ok_or(Problem::Sparse("has a malformed map"))?, self.bytes))
    }
}

/// Old GNU format: pairs of 12-byte fields. One that starts with NUL ends the list.
pub(super) fn push_fields(map: &mut Map, fields: &[u8]) -> Result<(), Problem> {
    let (fields, _) = fields.as_chunks::<24>();
    for field in fields {
        let (offset, length) = field.split_at(12);
        if offset.first() == Some(&0) {
            break;
        }
        let number = |field| {
            let number = number::parse_field(field).and_then(|number| u64::try_from(number).ok());
            number.ok_or(Problem::Sparse("has a malformed map"))
        };
        map.push((number(offset)?, number(length)?));
    }
    Ok(())
}

/// The runs of a file of `size` bytes of which `stored` are in the archive, last first, as a stack.
pub(super) fn segments(
    map: &[(u64, u64)],
    size: u64,
    stored: u64,
) -> Result<Vec<Segment>, Problem> {
    let mut segments = Vec::with_capacity(2 * map.len() + 1);
    let (mut position, mut data) = (0, 0_u64);
    for (offset, length) in map {
        let end = offset.checked_add(*length).filter(|end| *end <= size);
        let end = end.ok_or(Problem::Sparse("has data beyond its size"))?;
        if *offset < position {
            return Err(Problem::Sparse("has a map that does not ascend"));
        }
        segments.push(Segment::Hole(offset - position));
        segments.push(Segment::Data(*length));
        data = data.saturating_add(*length);
        position = end;
    }
    if data != stored {
        return Err(Problem::Sparse("has another amount of data than its map says"));
    }
    segments.push(Segment::Hole(size - position));
    segments.reverse();
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_become_segments() {
        use Segment::{Data, Hole};
        let found = segments(&[(4, 2), (6, 1), (10, 0)], 10, 3).unwrap();
        assert_eq!(found, [Hole(0), Data(0), Hole(3), Data(1), Hole(0), Data(2), Hole(4)]);
    }

    #[test]
    fn maps_that_lie_are_refused() {
        let cases = [
            (vec![(4, 8)], 10, 8, "data beyond its size"),
            (vec![(u64::MAX, 2)], 10, 2, "data beyond its size"),
            (vec![(4, 2), (5, 1)], 10, 3, "does not ascend"),
            (vec![(4, 2)], 10, 3, "another amount of data"),
        ];
        for (map, size, stored, message) in cases {
            let error = segments(&map, size, stored).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_map_in_the_body_ends_where_it_says() {
        let mut block = [0; BLOCK];
        block[..10].copy_from_slice(b"2\n0\n5\n9\n1\n");
        let mut lines = MapLines::default();
        assert!(lines.push(&block, 1024).unwrap());
        assert_eq!(lines.finish().unwrap(), (vec![(0, 5), (9, 1)], 512));
    }

    #[test]
    fn a_map_without_end_is_refused() {
        let mut lines = MapLines::default();
        let block = [b'1'; BLOCK];
        assert!(!lines.push(&block, 1024).unwrap());
        assert!(!lines.push(&block, 1024).unwrap());
        assert!(lines.push(&block, 1024).is_err());
    }
}

//! Contents of no known format: where the bytes differ.

use super::{Comparator, Comparison, Limits};

/// Bytes that are shown of each side.
const EXCERPT_SIZE: usize = 16;

/// How two byte strings differ, position by position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BytesDifference {
    /// Size on the left, in bytes.
    pub left_size: u64,
    /// Size on the right, in bytes.
    pub right_size: u64,
    /// Offset of the first byte that differs; for large files of the block that it is in.
    pub first_offset: u64,
    /// Bytes that differ at positions that both sides have; for large files the size of the
    /// blocks that differ.
    pub differing: u64,
    /// Runs of differing bytes (or blocks).
    pub ranges: u64,
    /// Bytes from the first difference on, on the left; empty for large files and secrets.
    pub left_excerpt: Vec<u8>,
    /// The same on the right.
    pub right_excerpt: Vec<u8>,
    /// Size of the blocks that were compared, in bytes; 1 where each byte was.
    pub block_size: u64,
}

impl BytesDifference {
    /// Compares each byte.
    pub fn of(left: &[u8], right: &[u8]) -> Self {
        let mut difference = Self {
            left_size: left.len() as u64,
            right_size: right.len() as u64,
            block_size: 1,
            ..Self::default()
        };
        let first = difference.count(left.iter(), right.iter()).unwrap_or(0);
        difference.first_offset = first as u64;
        let excerpt = |side: &[u8]| -> Vec<u8> {
            side.iter().skip(first).take(EXCERPT_SIZE).copied().collect()
        };
        difference.left_excerpt = excerpt(left);
        difference.right_excerpt = excerpt(right);
        difference
    }

    /// Compares the digests of blocks of `block_size` bytes, for what is too large to hold.
    pub fn of_blocks<D: PartialEq>(
        (left_size, left): (u64, &[D]),
        (right_size, right): (u64, &[D]),
        block_size: u64,
    ) -> Self {
        let mut difference = Self { left_size, right_size, block_size, ..Self::default() };
        let first = difference.count(left.iter(), right.iter()).unwrap_or(0);
        difference.first_offset = first as u64 * block_size;
        difference.differing *= block_size;
        difference.differing = difference.differing.min(left_size.max(right_size));
        difference
    }

    /// Counts what differs, and gives the first position that does; where one side is the start of
    /// the other, that is its end.
    fn count<T: PartialEq>(
        &mut self,
        left: impl ExactSizeIterator<Item = T>,
        right: impl ExactSizeIterator<Item = T>,
    ) -> Option<usize> {
        let mut first = (left.len() != right.len()).then(|| left.len().min(right.len()));
        let mut is_inside = false;
        for (position, (left, right)) in left.zip(right).enumerate() {
            let differs = left != right;
            if differs {
                self.differing += 1;
                if !is_inside {
                    self.ranges += 1;
                    first = first.map(|first| first.min(position)).or(Some(position));
                }
            }
            is_inside = differs;
        }
        first
    }
}

/// A format that is known by its first bytes, and compared as bytes.
#[derive(Debug)]
pub(super) struct Magic {
    name: &'static str,
    magic: &'static [u8],
}

/// Programs, libraries, object files: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>.
pub(super) static ELF: Magic = Magic { name: "elf", magic: b"\x7fELF" };
/// Java bytecode: <https://docs.oracle.com/javase/specs/jvms/se21/html/jvms-4.html>.
pub(super) static CLASS: Magic = Magic { name: "class", magic: b"\xca\xfe\xba\xbe" };
/// Databases of `SQLite`: <https://www.sqlite.org/fileformat.html>.
pub(super) static SQLITE: Magic = Magic { name: "sqlite", magic: b"SQLite format 3\0" };
/// Matches everything.
pub(super) static BYTES: Magic = Magic { name: "bytes", magic: b"" };

impl Comparator for Magic {
    fn name(&self) -> &'static str {
        self.name
    }

    fn matches(&self, _path: &[u8], left: &[u8], right: &[u8], _limits: &Limits) -> bool {
        [left, right].iter().all(|side| side.starts_with(self.magic))
    }

    fn compare(&self, left: &[u8], right: &[u8], _limits: &Limits) -> Option<Comparison> {
        Some(Comparison { bytes: Some(BytesDifference::of(left, right)), ..Comparison::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_offsets_and_excerpts() {
        let difference = BytesDifference::of(b"0123456789abc", b"01x3456yz9abc!");
        assert_eq!((difference.first_offset, difference.differing, difference.ranges), (2, 3, 2));
        assert_eq!((difference.left_size, difference.right_size), (13, 14));
        assert_eq!(difference.left_excerpt, b"23456789abc");
        let longer = BytesDifference::of(b"abc", b"abcdef");
        assert_eq!((longer.first_offset, longer.differing, longer.ranges), (3, 0, 0));
        assert_eq!(longer.right_excerpt, b"def");
        assert!(longer.left_excerpt.is_empty());
    }

    #[test]
    fn blocks_count_in_their_size() {
        let difference = BytesDifference::of_blocks((250, &[1, 2, 3]), (250, &[1, 9, 8]), 100);
        assert_eq!(
            (difference.first_offset, difference.differing, difference.ranges),
            (100, 200, 1)
        );
        let last = BytesDifference::of_blocks((20, &[1]), (20, &[2]), 100);
        assert_eq!((last.first_offset, last.differing), (0, 20));
    }

    proptest! {
        #[test]
        fn the_first_offset_is_the_first(left: Vec<u8>, right: Vec<u8>) {
            prop_assume!(left != right);
            let difference = BytesDifference::of(&left, &right);
            let first = usize::try_from(difference.first_offset).unwrap();
            prop_assert_eq!(&left[..first], &right[..first]);
            prop_assert_ne!(left.get(first), right.get(first));
            prop_assert!(difference.ranges <= difference.differing);
            let mirrored = BytesDifference::of(&right, &left);
            prop_assert_eq!(mirrored.differing, difference.differing);
        }
    }
}

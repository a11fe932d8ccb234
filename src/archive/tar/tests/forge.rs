//! Forges archives byte by byte, so that they can be wrong in one way only.

use super::super::pax::push_record;

pub(super) const SPARSE_TYPE: u8 = b'S';

/// A ustar header, changed before its checksum is taken.
pub(super) fn header_with(
    path: &[u8],
    type_flag: u8,
    size: usize,
    change: impl FnOnce(&mut [u8; 512]),
) -> Vec<u8> {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path);
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = type_flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.to_vec()
}

pub(super) fn header(path: &[u8], type_flag: u8, size: usize) -> Vec<u8> {
    header_with(path, type_flag, size, |_| {})
}

/// A header whose link target is `target`.
pub(super) fn link(path: &[u8], type_flag: u8, target: &[u8]) -> Vec<u8> {
    header_with(path, type_flag, 0, |block| block[157..157 + target.len()].copy_from_slice(target))
}

/// A body and the rest of its last block.
pub(super) fn body(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().next_multiple_of(512), 0);
    bytes
}

pub(super) fn entry(path: &[u8], type_flag: u8, content: &[u8]) -> Vec<u8> {
    [header(path, type_flag, content.len()), body(content)].concat()
}

pub(super) fn plain(path: &[u8], content: &[u8]) -> Vec<u8> {
    entry(path, b'0', content)
}

/// An extended header with these records.
pub(super) fn pax(records: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        push_record(&mut content, key, value);
    }
    entry(b"PaxHeaders/x", b'x', &content)
}

pub(super) fn end() -> Vec<u8> {
    vec![0; 1024]
}

/// The parts, and the end of the archive.
pub(super) fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), end()].concat()
}

/// Makes a header one of the old GNU format.
pub(super) fn make_gnu(block: &mut [u8; 512]) {
    block[257..265].copy_from_slice(b"ustar  \0");
}

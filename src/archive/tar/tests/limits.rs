//! Each limit at its edge.

use super::forge::{archive, pax};
use super::*;

fn refused(bytes: &[u8], limits: Limits) -> String {
    read_within(bytes, limits).unwrap_err().problem().to_string()
}

#[test]
fn entries_are_counted() {
    let bytes = archive(&[forge::plain(b"a", b""), forge::plain(b"b", b"")]);
    let limits = |entries_max| Limits { entries_max, ..Limits::default() };
    assert_eq!(read_within(&bytes, limits(2)).unwrap().len(), 2);
    assert_eq!(refused(&bytes, limits(1)), "number of entries exceeds the limit of 1");
    // Headers that extend nothing cost as much.
    let comments = archive(&vec![forge::entry(b"g", b'g', b""); 3]);
    assert_eq!(refused(&comments, limits(2)), "number of entries exceeds the limit of 2");
}

#[test]
fn paths_have_a_length() {
    let limits = |path_max| Limits { path_max, ..Limits::default() };
    let bytes = archive(&[forge::link(b"path", b'2', b"target")]);
    assert_eq!(read_within(&bytes, limits(6)).unwrap().len(), 1);
    assert_eq!(refused(&bytes, limits(5)), "link target is longer than 5 bytes");
    assert_eq!(refused(&bytes, limits(3)), "path is longer than 3 bytes");
}

#[test]
fn extended_headers_have_a_size() {
    let bytes = archive(&[pax(&[(b"path", b"12345678")]), forge::plain(b"a", b"")]);
    let limits = |pax_max| Limits { pax_max, ..Limits::default() };
    assert_eq!(read_within(&bytes, limits(17)).unwrap().len(), 1);
    assert_eq!(refused(&bytes, limits(16)), "extended header in bytes exceeds the limit of 16");
}

#[test]
fn archives_have_a_size() {
    let bytes = archive(&[forge::plain(b"a", &[1; 5000])]);
    let limits = |size_max| Limits { size_max, ..Limits::default() };
    let size = bytes.len() as u64;
    assert_eq!(read_within(&bytes, limits(size)).unwrap().len(), 1);
    let message = format!("archive in bytes exceeds the limit of {}", size - 1);
    assert_eq!(refused(&bytes, limits(size - 1)), message);
}

#[test]
fn endless_padding_ends() {
    let zeros = std::io::repeat(0);
    let limits = Limits { size_max: 1 << 20, ..Limits::default() };
    let mut reader = Reader::new(zeros, limits);
    let error = reader.next_entry().unwrap_err();
    assert_eq!(error.problem().to_string(), "archive in bytes exceeds the limit of 1048576");
}

#[test]
fn a_size_that_is_not_there_costs_nothing() {
    // Eight gigabytes are announced; the archive ends.
    let head = forge::header(b"a", b'0', 0o77_777_777_777);
    let error = read(&archive(&[head])).unwrap_err();
    assert_eq!(error.problem().to_string(), "archive is truncated: it ends within a body");
}

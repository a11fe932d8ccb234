//! Sparse files in all four formats, with their holes.

use super::forge::*;
use super::*;

/// Ten bytes: two zeros, `ab`, three zeros, `c`, two zeros.
const CONTENT: &[u8] = b"\0\0ab\0\0\0c\0\0";

fn old_gnu(map: &[(u64, u64)], real_size: u64, stored: usize) -> Vec<u8> {
    header_with(b"sparse", SPARSE_TYPE, stored, |block| {
        make_gnu(block);
        for (index, (offset, length)) in map.iter().enumerate() {
            let at = 386 + 24 * index;
            block[at..at + 11].copy_from_slice(format!("{offset:011o}").as_bytes());
            block[at + 12..at + 23].copy_from_slice(format!("{length:011o}").as_bytes());
        }
        block[483..494].copy_from_slice(format!("{real_size:011o}").as_bytes());
    })
}

fn version_1_0(map: &str, real_size: &[u8], data: &[u8]) -> Vec<u8> {
    let content = [body(map.as_bytes()), data.to_vec()].concat();
    let records = pax(&[
        (b"GNU.sparse.major", b"1"),
        (b"GNU.sparse.minor", b"0"),
        (b"GNU.sparse.name", b"sparse"),
        (b"GNU.sparse.realsize", real_size),
    ]);
    [records, plain(b"GNUSparseFile.0/sparse", &content)].concat()
}

#[test]
fn holes_are_filled() {
    let data = body(b"abc");
    let records = |records: &[(&[u8], &[u8])]| [pax(records), plain(b"sparse", b"abc")].concat();
    let cases = [
        ("old", [old_gnu(&[(2, 2), (7, 1), (10, 0)], 10, 3), data].concat()),
        (
            "0.0",
            records(&[
                (b"GNU.sparse.size", b"10"),
                (b"GNU.sparse.numblocks", b"2"),
                (b"GNU.sparse.offset", b"2"),
                (b"GNU.sparse.numbytes", b"2"),
                (b"GNU.sparse.offset", b"7"),
                (b"GNU.sparse.numbytes", b"1"),
            ]),
        ),
        (
            "0.1",
            records(&[
                (b"GNU.sparse.major", b"0"),
                (b"GNU.sparse.minor", b"1"),
                (b"GNU.sparse.size", b"10"),
                (b"GNU.sparse.name", b"sparse"),
                (b"GNU.sparse.map", b"2,2,7,1"),
            ]),
        ),
        ("22 1.0", version_1_0("2\n2\n2\n7\n1\n", b"10", b"abc")),
    ];
    for (format, bytes) in cases {
        let (entry, content) = read_one(&archive(&[bytes]));
        assert_eq!((&entry.path[..], entry.size), (&b"sparse"[..], 10), "{format}");
        assert_eq!(content, CONTENT, "{format}");
    }
}

#[test]
fn bodies_of_sparse_files_are_passed_over() {
    let bytes = archive(&[version_1_0("2\n2\n2\n7\n1\n", b"10", b"abc"), plain(b"next", b"")]);
    let mut reader = Reader::new(&bytes[..], Limits::default());
    reader.next_entry().unwrap();
    let mut start = [0; 3];
    reader.body().read_exact(&mut start).unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().path, b"next");
}

#[test]
fn sparse_files_that_lie_are_refused() {
    let records = |records: &[(&[u8], &[u8])]| [pax(records), plain(b"x", b"abc")].concat();
    let cases = [
        (old_gnu(&[(7 << 30, 1)], 7 << 30, 1), "sparse file has data beyond its size"),
        (old_gnu(&[(5, 1), (2, 1)], 10, 2), "sparse file has a map that does not ascend"),
        (old_gnu(&[(5, 1)], 10, 512), "sparse file has another amount of data than its map says"),
        (version_1_0("1\n2\nx\n", b"10", b"abc"), "sparse file has a malformed map"),
        (version_1_0("99\n2\n2\n", b"10", b"abc"), "sparse file has a map longer than its body"),
        (version_1_0(&"1".repeat(512), b"10", b""), "sparse file has a map longer than its body"),
        (
            records(&[(b"GNU.sparse.major", b"2"), (b"GNU.sparse.minor", b"0")]),
            "sparse file has an unknown format",
        ),
        (records(&[(b"GNU.sparse.name", b"spoof")]), "sparse file has an unknown format"),
        (
            records(&[(b"GNU.sparse.size", b"10"), (b"GNU.sparse.offset", b"2")]),
            "sparse file has an unknown format",
        ),
        (
            records(&[(b"GNU.sparse.map", b"2,2,7")]),
            "extended header has a malformed `GNU.sparse.map`",
        ),
        (records(&[(b"GNU.sparse.map", b"0,3")]), "sparse file lacks a record"),
    ];
    for (bytes, message) in cases {
        let error = read(&archive(&[bytes])).unwrap_err();
        assert_eq!(error.problem().to_string(), message);
    }
}

#[test]
fn a_sparse_file_of_eight_exabytes_is_refused() {
    let bytes = version_1_0("1\n0\n0\n", b"9223372036854775807", b"");
    let error = read(&archive(&[bytes])).unwrap_err();
    let message = "size of all files in bytes exceeds the limit of 137438953472";
    assert_eq!(error.problem().to_string(), message);
}

#[test]
fn an_endless_map_is_refused() {
    // Every block of the map says that another follows.
    let head = header_with(b"sparse", SPARSE_TYPE, 0, |block| {
        make_gnu(block);
        block[482] = 1;
    });
    let bytes = [head, vec![1; 4 << 20]].concat();
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error.problem(), Problem::Sparse(_) | Problem::Limit { .. }), "{error}");
    let mut block = [0; 512];
    block[504] = 1;
    let head = header_with(b"sparse", SPARSE_TYPE, 0, |header| {
        make_gnu(header);
        header[482] = 1;
    });
    let error = read(&[head, block.repeat(4096)].concat()).unwrap_err();
    assert_eq!(error.problem().to_string(), "sparse map in bytes exceeds the limit of 1048576");
}

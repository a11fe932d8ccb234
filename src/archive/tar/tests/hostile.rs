//! Archives that readers read differently, or that nobody should read. The numbered ones are those
//! that were tried with Go's `archive/tar` (which is Docker's view), GNU tar and Rust's readers.

use super::forge::*;
use super::*;

/// Name, bytes and the error.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut cases = paths();
    cases.extend(ends());
    cases.extend(bodies());
    cases.extend(extended_headers());
    cases.extend(fields());
    cases
}

fn paths() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let long = vec![b'n'; 100 * 1024];
    let deep = b"d/".repeat(4000);
    vec![
        ("upward", archive(&[plain(b"../x", b"")]), "path leads upward with `..`"),
        ("07 upward inside", archive(&[plain(b"a/../b", b"")]), "path leads upward with `..`"),
        ("absolute", archive(&[plain(b"/etc/passwd", b"")]), "path is absolute"),
        ("19 empty name", archive(&[plain(b"", b"")]), "path is empty"),
        ("17 file with a slash", archive(&[plain(b"d/", b"")]), "file has a path that ends in `/`"),
        (
            "symbolic link with a slash",
            archive(&[link(b"d/", b'2', b"x")]),
            "symbolic link has a path that ends in `/`",
        ),
        (
            "root is a link",
            archive(&[link(b"./.", b'2', b"/outside")]),
            "symbolic link in place of the root directory",
        ),
        ("root is a link, absolute", archive(&[link(b"/.", b'2', b"/")]), "path is absolute"),
        ("root is a file", archive(&[plain(b".", b"x")]), "file in place of the root directory"),
        ("prefix upward", archive(&[prefixed(b"..", b"x")]), "path leads upward with `..`"),
        (
            "name of 100 kB",
            archive(&[pax(&[(b"path", &long)]), plain(b"x", b"")]),
            "path is longer than 4095 bytes",
        ),
        (
            "4000 directories deep",
            archive(&[pax(&[(b"path", &deep)]), header(b"x", b'5', 0)]),
            "path is longer than 4095 bytes",
        ),
        (
            "component too long",
            archive(&[pax(&[(b"path", &long[..256])]), plain(b"x", b"")]),
            "path has a component longer than 255 bytes",
        ),
        (
            "hard link outside",
            archive(&[link(b"x", b'1', b"../../etc/passwd")]),
            "link target leads upward with `..`",
        ),
        ("hard link to nothing", archive(&[link(b"x", b'1', b"")]), "link target is empty"),
        ("hard link to the root", archive(&[link(b"x", b'1', b"/")]), "link target is empty"),
        ("hard link to itself", archive(&[link(b"x", b'1', b"./x")]), "hard link to itself"),
        ("symbolic link to nothing", archive(&[link(b"x", b'2', b"")]), "link target is empty"),
    ]
}

fn prefixed(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    header_with(name, b'0', 0, |block| block[345..345 + prefix.len()].copy_from_slice(prefix))
}

fn ends() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let hello = plain(b"hello", b"hello");
    let hidden = plain(b"hidden", b"hidden");
    let zeros = |count| vec![0; count];
    vec![
        ("empty", Vec::new(), "archive is truncated: it ends within its entries"),
        ("no end", hello.clone(), "archive is truncated: it ends within its entries"),
        (
            "half an end",
            [hello.clone(), zeros(512)].concat(),
            "archive is truncated: it ends within its end, which is two zero blocks",
        ),
        (
            "06 lone zero block, then an entry",
            archive(&[hello.clone(), zeros(512), hidden.clone()]),
            "entry after a lone zero block, which some readers take for the end",
        ),
        (
            "05 data after the end",
            [archive(std::slice::from_ref(&hello)), archive(&[hidden])].concat(),
            "data after the end of the archive",
        ),
        (
            "one byte after the padding",
            [archive(&[hello]), zeros(9999), b"x".to_vec()].concat(),
            "data after the end of the archive",
        ),
        ("not an archive", b"#!/bin/sh\n".repeat(100), "header has a wrong checksum"),
    ]
}

fn bodies() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let smuggled = plain(b"smuggled", b"");
    let with_size = |type_flag, path: &[u8], target: &[u8]| {
        let head = header_with(path, type_flag, 512, |block| {
            block[157..157 + target.len()].copy_from_slice(target);
        });
        archive(&[plain(b"a", b""), head, smuggled.clone()])
    };
    vec![
        (
            "11 hard link with a size",
            with_size(b'1', b"x", b"a"),
            "hard link has a size of 512, which some readers skip and others read as entries",
        ),
        (
            "12 symbolic link with a size",
            with_size(b'2', b"x", b"a"),
            "symbolic link has a size of 512, which some readers skip and others read as entries",
        ),
        (
            "13 directory with a size",
            with_size(b'5', b"x", b""),
            "directory has a size of 512, which some readers skip and others read as entries",
        ),
        (
            "v7 directory with a size",
            with_size(0, b"x/", b""),
            "directory has a size of 512, which some readers skip and others read as entries",
        ),
        (
            "pipe with a size",
            with_size(b'6', b"x", b""),
            "named pipe has a size of 512, which some readers skip and others read as entries",
        ),
        (
            "directory with a PAX size",
            archive(&[pax(&[(b"size", b"512")]), header(b"x", b'5', 0), smuggled.clone()]),
            "directory has a size of 512, which some readers skip and others read as entries",
        ),
        ("16 unknown type", archive(&[entry(b"x", b'Z', b"")]), "type `Z` is unknown"),
        ("GNU dumpdir", archive(&[entry(b"x", b'D', b"Yfile\0\0")]), "type `D` is unknown"),
    ]
}

fn extended_headers() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let x = || plain(b"x", b"");
    let long_name = |path: &[u8]| gnu_entry(b'L', path);
    vec![
        (
            "08 PAX path with NUL",
            archive(&[pax(&[(b"path", b"safe\0/../../evil")]), x()]),
            "extended header has a NUL byte in `path`",
        ),
        (
            "15 duplicate PAX path",
            archive(&[pax(&[(b"path", b"first"), (b"path", b"second")]), x()]),
            "extended header has the key `path` twice",
        ),
        (
            "21 malformed PAX length",
            archive(&[entry(b"p", b'x', b"999 path=evil\n"), x()]),
            "extended header has a record with a wrong length",
        ),
        (
            "14 global PAX path",
            archive(&[entry(b"g", b'g', b"13 path=evil\n"), x()]),
            "global extended header sets `path`, which some readers apply and others ignore",
        ),
        (
            "global PAX size",
            archive(&[entry(b"g", b'g', b"12 size=512\n"), x()]),
            "global extended header sets `size`, which some readers apply and others ignore",
        ),
        (
            "global between extended header and entry",
            archive(&[pax(&[(b"path", b"y")]), entry(b"g", b'g', b"12 comment=a\n"), x()]),
            "extended header without an entry",
        ),
        (
            "two extended headers",
            archive(&[pax(&[(b"path", b"y")]), pax(&[(b"uid", b"1")]), x()]),
            "two extended headers for one entry",
        ),
        ("extended header at the end", archive(&[pax(&[])]), "extended header without an entry"),
        (
            "two long names",
            archive(&[long_name(b"y"), long_name(b"z"), x()]),
            "two extended headers for one entry",
        ),
        (
            "long name and PAX path",
            archive(&[long_name(b"y"), pax(&[(b"path", b"z")]), x()]),
            "path in both a PAX and a GNU header",
        ),
        (
            "long name with NUL",
            archive(&[long_name(b"safe\0/../../evil"), x()]),
            "path contains a NUL byte",
        ),
        (
            "long name upward",
            archive(&[long_name(b"a/../b\0"), x()]),
            "path leads upward with `..`",
        ),
        (
            "PAX time that is none",
            archive(&[pax(&[(b"mtime", b"yesterday")]), x()]),
            "extended header has a malformed `mtime`",
        ),
        (
            "extended header of 64 MB",
            archive(&[pax(&[(b"comment", &vec![b'x'; 64 << 20])]), x()]),
            "extended header in bytes exceeds the limit of 1048576",
        ),
    ]
}

fn gnu_entry(type_flag: u8, content: &[u8]) -> Vec<u8> {
    let head = header_with(b"././@LongLink", type_flag, content.len(), make_gnu);
    [head, body(content)].concat()
}

fn fields() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let with = |range: std::ops::Range<usize>, value: &[u8]| {
        archive(&[header_with(b"x", b'0', 0, |block| block[range].copy_from_slice(value))])
    };
    let mut broken = archive(&[plain(b"x", b"")]);
    broken[0] = b'y';
    let negative = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    let no_owner = b"\x80\0\0\0\xff\xff\xff\xff";
    vec![
        ("wrong checksum", broken, "header has a wrong checksum"),
        ("octal with a 9", with(100..107, b"0000649"), "field `mode` is not a number"),
        ("negative octal", with(108..115, b"-000001"), "field `uid` is not a number"),
        ("negative uid", with(108..116, &negative[..8]), "`uid` is -1, which is out of range"),
        (
            "uid that means none",
            with(108..116, no_owner),
            "`uid` is 4294967295, which is out of range",
        ),
        (
            "gid that means none",
            with(116..124, no_owner),
            "`gid` is 4294967295, which is out of range",
        ),
        ("negative size", with(124..136, negative), "`size` is -1, which is out of range"),
        (
            "size of 2^64",
            with(124..136, b"\x80\0\0\x01\0\0\0\0\0\0\0\0"),
            "field `size` is not a number",
        ),
        (
            "time after year 9999",
            with(136..148, b"\x80\0\0\0\0\0\0\x3a\xff\xf4\x41\x80"),
            "`mtime` is 253402300800, which is out of range",
        ),
        ("unknown version", with(263..265, b"99"), "header has an unknown version of the format"),
        (
            "negative device",
            archive(&[header_with(b"x", b'3', 0, |block| {
                block[329..337].copy_from_slice(&negative[..8]);
            })]),
            "`devmajor` is -1, which is out of range",
        ),
    ]
}

#[test]
fn hostile_archives_are_refused() {
    for (name, bytes, message) in cases() {
        let error = read(&bytes).map(|entries| entries.len()).expect_err(name);
        assert_eq!(error.problem().to_string(), message, "{name}");
        assert!(error.to_string().len() < 600, "{name}: {error}");
    }
}

#[test]
fn the_error_says_where() {
    let bytes = archive(&[plain(b"first", b"1"), plain(b"dir\n/../second", b"")]);
    let error = read(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tar entry `dir\\n/../second` at byte 1024: path leads upward with `..`"
    );
}

#[test]
fn a_broken_archive_stays_broken() {
    let bytes = archive(&[plain(b"../x", b""), plain(b"fine", b"")]);
    let mut reader = Reader::new(&bytes[..], Limits::default());
    assert!(reader.next_entry().is_err());
    let error = reader.next_entry().unwrap_err();
    assert!(matches!(error.problem(), Problem::Broken));
}

#[test]
fn truncation_is_an_error_wherever_it_happens() {
    let long = vec![b'l'; 300];
    let bytes = archive(&[
        plain(b"small", b"content"),
        pax(&[(b"path", &long[..200]), (b"SCHILY.xattr.user.a", &long)]),
        plain(b"large", &[7; 3000]),
        header(b"dir", b'5', 0),
        gnu_entry(b'L', &long[..120]),
        plain(b"last", b""),
    ]);
    assert_eq!(read(&bytes).unwrap().len(), 4);
    for length in 0..bytes.len() {
        if length % 512 < 2 || length % 37 == 0 {
            let error = read(&bytes[..length]).unwrap_err();
            let is_truncated = matches!(error.problem(), Problem::Truncated(_));
            assert!(is_truncated, "{length}: {error}");
        }
    }
}

#[test]
fn every_byte_counts_in_headers() {
    let bytes = archive(&[plain(b"x", b"content")]);
    for index in 0..512 {
        let mut changed = bytes.clone();
        changed[index] ^= 0x01;
        // Two digits of the checksum are not its value: the NUL and the space that end it.
        if !(154..156).contains(&index) {
            assert!(read(&changed).is_err(), "{index}");
        }
    }
}

#[test]
fn what_only_looks_odd_is_read() {
    let cases: Vec<(&str, Vec<u8>, Entry)> = vec![
        ("root", header(b"./", b'5', 0), Entry { mode: 0o644, ..Entry::new("", Kind::Directory) }),
        (
            "root as kaniko writes it",
            header(b"/", b'5', 0),
            Entry { mode: 0o644, ..Entry::new("", Kind::Directory) },
        ),
        (
            "v7 directory",
            header_with(b"d/", 0, 0, |block| block[257..265].fill(0)),
            Entry { mode: 0o644, ..Entry::new("d", Kind::Directory) },
        ),
        (
            "hard link as kaniko writes it",
            link(b"b", b'1', b"/usr/a"),
            Entry { link: b"usr/a".to_vec(), ..Entry::new("b", Kind::Hardlink) },
        ),
        (
            "symbolic link that leads outside, which the kernel resolves inside",
            link(b"b", b'2', b"/../../x"),
            Entry { link: b"/../../x".to_vec(), ..Entry::new("b", Kind::Symlink) },
        ),
        ("prefix", prefixed(b"usr/lib", b"x"), Entry::new("usr/lib/x", Kind::File)),
        (
            "owner near the end",
            header_with(b"x", b'0', 0, |block| {
                block[108..116].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xfe");
            }),
            Entry { uid: u32::MAX - 1, ..Entry::new("x", Kind::File) },
        ),
        (
            "time before 1970",
            header_with(b"x", b'0', 0, |block| block[136..148].fill(0xff)),
            Entry {
                mtime: Timestamp { seconds: -1, nanoseconds: 0 },
                ..Entry::new("x", Kind::File)
            },
        ),
        (
            "mode with the type",
            header_with(b"x", b'0', 0, |block| block[100..107].copy_from_slice(b"0104755")),
            Entry { mode: 0o4755, ..Entry::new("x", Kind::File) },
        ),
        (
            "comment of git",
            [entry(b"pax_global_header", b'g', b"15 comment=abc\n"), plain(b"x", b"")].concat(),
            Entry::new("x", Kind::File),
        ),
        ("whiteout", plain(b"dir/.wh..wh..opq", b""), Entry::new("dir/.wh..wh..opq", Kind::File)),
        (
            "device",
            header_with(b"x", b'4', 0, |block| {
                block[329..336].copy_from_slice(b"0000010");
                block[337..344].copy_from_slice(b"0000003");
            }),
            Entry::new("x", Kind::BlockDevice { major: 8, minor: 3 }),
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(read_one(&archive(&[bytes])).0, expected, "{name}");
    }
}

#[test]
fn padding_after_the_end_is_tolerated() {
    let bytes = [archive(&[plain(b"x", b"1")]), vec![0; 100_001]].concat();
    assert_eq!(read(&bytes).unwrap().len(), 1);
}

#[test]
fn a_body_is_read_in_any_way() {
    let content: Vec<u8> = (0..700_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let bytes = archive(&[plain(b"x", &content), plain(b"y", b"next")]);
    let mut reader = Reader::new(&bytes[..], Limits::default());
    reader.next_entry().unwrap();
    let mut start = [0; 1000];
    reader.body().read_exact(&mut start).unwrap();
    let mut rest = Vec::new();
    reader.body().take(600_000).read_to_end(&mut rest).unwrap();
    assert_eq!([&start[..], &rest].concat(), content[..601_000]);
    // What is left is passed over.
    assert_eq!(reader.next_entry().unwrap().unwrap().path, b"y");
    let mut text = String::new();
    reader.body().read_to_string(&mut text).unwrap();
    assert_eq!(text, "next");
    assert_eq!(reader.body().read(&mut start).unwrap(), 0);
    reader.finish().unwrap();
}

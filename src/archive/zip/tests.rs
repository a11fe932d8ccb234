//! Archives that Python writes, and such that are damaged.

use super::*;
use proptest::prelude::*;
use std::io::Cursor;
use std::process::Command;

/// Archives as Python's `zipfile` writes them: `code` has a `ZipFile` named `z`.
fn python(code: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let program = format!(
        "import zipfile, sys\nz = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\n{code}\nz.close()\n"
    );
    let status = Command::new("python3").arg("-c").arg(program).arg(&path).status().unwrap();
    assert!(status.success(), "python3 cannot write the archive");
    std::fs::read(path).unwrap()
}

fn open(bytes: &[u8]) -> Result<Archive<Cursor<&[u8]>>, ZipError> {
    Archive::open(Cursor::new(bytes), &Limits::default())
}

const TWO: &str = "z.writestr('a/b.txt', 'hello ' * 1000)\n\
    z.writestr('empty', '')\nz.writestr(zipfile.ZipInfo('stored'), 'as it is')";

#[test]
fn entries_are_listed_and_read() {
    let bytes = python(TWO);
    let mut archive = open(&bytes).unwrap();
    let names: Vec<&[u8]> = archive.entries().iter().map(|entry| &*entry.name).collect();
    assert_eq!(names, [&b"a/b.txt"[..], b"empty", b"stored"]);
    let entries = archive.entries().to_vec();
    assert_eq!(archive.read(&entries[0], 6000).unwrap(), b"hello ".repeat(1000));
    assert_eq!(archive.read(&entries[1], 0).unwrap(), b"");
    assert_eq!(archive.read(&entries[2], 100).unwrap(), b"as it is");
    let error = archive.read(&entries[0], 5999).unwrap_err();
    assert!(matches!(error, ZipError::TooLarge { max: 5999, .. }), "{error}");
    assert_eq!(archive.entry(b"stored").unwrap().unwrap(), entries[2]);
    assert_eq!(archive.entry(b"nothing").unwrap(), None);
}

#[test]
fn a_comment_and_bytes_before_it_do_no_harm() {
    let bytes = python(&format!("{TWO}\nz.comment = b'PK\\x05\\x06' * 9"));
    let bytes = [b"#!/bin/sh\nexec java -jar $0\n", &*bytes].concat();
    let mut archive = open(&bytes).unwrap();
    let entry = archive.entry(b"stored").unwrap().unwrap();
    assert_eq!(archive.read(&entry, 100).unwrap(), b"as it is");
}

#[test]
fn zip64_is_read() {
    let many = "for i in range(70000): z.writestr(zipfile.ZipInfo('f%d' % i), 'x')\n\
        with z.open('last', 'w', force_zip64=True) as f: f.write(b'large')";
    let bytes = python(many);
    let mut archive = open(&bytes).unwrap();
    assert_eq!(archive.entries().len(), 70_001);
    let last = archive.entry(b"last").unwrap().unwrap();
    assert_eq!(archive.read(&last, 5).unwrap(), b"large");
    let limits = Limits { entries_max: 70_000, ..Limits::default() };
    let error = Archive::open(Cursor::new(&*bytes), &limits).unwrap_err();
    assert!(matches!(error, ZipError::TooLarge { what: "entries", .. }), "{error}");
    let limits = Limits { directory_max: 1000, ..Limits::default() };
    let error = Archive::open(Cursor::new(&*bytes), &limits).unwrap_err();
    assert!(matches!(error, ZipError::TooLarge { what: "a directory", .. }), "{error}");
}

#[test]
fn what_is_no_archive_or_damaged_is_refused() {
    for bytes in [&b""[..], b"PK\x05\x06", &[0; 100], b"PK\x03\x04 and nothing else of it........"]
    {
        assert!(matches!(open(bytes), Err(ZipError::Magic)));
    }
    let bytes = python(TWO);
    let mut damaged = bytes.clone();
    let at = damaged.windows(8).position(|window| window == b"as it is").unwrap();
    damaged[at] = b'A';
    let mut archive = open(&damaged).unwrap();
    let entry = archive.entry(b"stored").unwrap().unwrap();
    assert!(matches!(archive.read(&entry, 100), Err(ZipError::Checksum)));
    // The directory of another archive: nothing is where it says.
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut archive = open(&bytes[directory..]);
    assert!(archive.is_err() || archive.as_mut().unwrap().read(&entry, 100).is_err());
}

#[test]
fn two_entries_of_one_name_are_not_chosen_from() {
    let bytes = python("z.writestr('a', '1')\nz.writestr('a', '2')");
    let error = open(&bytes).unwrap().entry(b"a").unwrap_err();
    assert_eq!(error.to_string(), "zip archive is malformed: two entries have one name");
}

#[test]
fn what_is_larger_than_it_says_is_not_unpacked() {
    let mut bytes = python("z.writestr('a', b'\\0' * 100000)");
    let at = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap() + 24;
    bytes[at..at + 4].copy_from_slice(&9_u32.to_le_bytes());
    let mut archive = open(&bytes).unwrap();
    let entry = archive.entry(b"a").unwrap().unwrap();
    let error = archive.read(&entry, 1 << 20).unwrap_err();
    assert!(error.to_string().ends_with("another size than it says"), "{error}");
}

proptest! {
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0..400_usize) {
        let mut whole = [LOCAL_MAGIC, &bytes, b"PK\x01\x02", &bytes, b"PK\x05\x06\0\0\0\0\x01\0\x01\0"].concat();
        whole.extend_from_slice(&bytes);
        whole.truncate(whole.len().saturating_sub(cut));
        if let Ok(mut archive) = open(&whole) {
            for entry in archive.entries().to_vec() {
                drop(archive.read(&entry, 1 << 20));
            }
        }
    }
}

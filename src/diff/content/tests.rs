//! The driver: which format is taken, how it descends, and where it ends.

use super::*;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write as _;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, body) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, path, *body).unwrap();
    }
    builder.into_inner().unwrap()
}

fn compare_default(path: &str, left: &[u8], right: &[u8]) -> ContentDifference {
    compare(path.as_bytes(), left, right, &Limits::default())
}

#[test]
fn the_driver_descends_into_archives() {
    let archive = |line: &str| gzip(&tar(&[("same", b"x"), ("log", line.as_bytes())]));
    let found = compare_default("x.tar.gz", &archive("at 10:00:00\n"), &archive("at 11:00:00\n"));
    assert_eq!(found.format, "gzip");
    let [inner] = &found.members[..] else { panic!("{found:?}") };
    assert_eq!((inner.content.format, &inner.name[..]), ("tar", &b""[..]));
    let [log] = &inner.content.members[..] else { panic!("{found:?}") };
    assert_eq!((log.content.format, &log.name[..]), ("text", &b"log"[..]));
    assert_eq!(log.content.text.as_ref().unwrap().stamps, Some(Stamps::Times));
}

#[test]
fn a_secret_is_never_shown_however_deep() {
    let key =
        |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let archive = |body: &str| gzip(&tar(&[("key.pem", key(body).as_bytes())]));
    let found = compare_default("x.tar.gz", &archive("HUSH1"), &archive("HUSH2"));
    let shown = format!("{found:?}");
    assert!(shown.contains("\"secret\"") && !shown.contains("HUSH"), "{shown}");
    let bytes = |last: u8| [&b"x"[..], &[0, last]].concat();
    let found = compare_default("etc/munge/munge.key", &bytes(1), &bytes(2));
    assert!(found.format == "secret" && found.bytes.unwrap().left_excerpt.is_empty());
}

#[test]
fn nesting_ends_at_the_limit() {
    let nest = |mut content: Vec<u8>| {
        for _ in 0..6 {
            content = gzip(&content);
        }
        content
    };
    let mut found = compare_default("x", &nest(b"left".to_vec()), &nest(b"right".to_vec()));
    let mut depth = 0;
    while let Some(member) = found.members.pop() {
        found = member.content;
        depth += 1;
    }
    assert_eq!(depth, Limits::default().depth_max);
    assert_eq!(found.incomplete.unwrap(), "archives nested deeper than 4");
}

#[test]
fn members_end_at_the_limit() {
    let names: Vec<String> = (0..20).map(|number| format!("m{number:02}")).collect();
    let archive = |body: &'static [u8]| {
        tar(&names.iter().map(|name| (name.as_str(), body)).collect::<Vec<_>>())
    };
    let found = compare_default("x.tar", &archive(b"left\n"), &archive(b"right\n"));
    assert_eq!(found.members.len(), 16);
    assert_eq!(found.incomplete.unwrap(), "4 more members differ");
}

#[test]
fn large_texts_and_broken_archives_are_bytes() {
    let limits = Limits { text_size_max: 3, ..Limits::default() };
    assert_eq!(compare(b"x", b"abcd", b"abce", &limits).format, "bytes");
    assert_eq!(compare_default("x", b"\x1f\x8b\x08\0", b"\x1f\x8b\x08\x01").format, "bytes");
    assert_eq!(compare_default("x", b"text\n", b"bin\0").format, "bytes");
}

#[test]
fn every_format_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> =
        COMPARATORS.iter().map(|comparator| comparator.name()).collect();
    assert_eq!(names.len(), COMPARATORS.len());
    assert_eq!(COMPARATORS.last().unwrap().name(), "bytes");
}

/// How the formats start, so that random bytes get past the first look.
const STARTS: &[&[u8]] = &[
    b"",
    b"\xcb\x0d\x0d\x0a\0\0\0\0",
    b"\x1f\x8b\x08\0",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"PK\x03\x04",
    b"!<arch>\n",
    b"\x7fELF",
    b"-----BEGIN PRIVATE KEY-----\n",
];

proptest! {
    #[test]
    fn any_two_contents_can_be_compared(
        start in 0..STARTS.len(), path in "[a-z/.]{0,8}(\\.pyc)?", left: Vec<u8>, right: Vec<u8>,
    ) {
        let with_start = |rest: Vec<u8>| [STARTS[start], &rest].concat();
        let (left, right) = (with_start(left), with_start(right));
        prop_assume!(left != right);
        let once = compare_default(&path, &left, &right);
        prop_assert_eq!(&once, &compare_default(&path, &left, &right));
        // Something is always said.
        let says = once.text.is_some() || once.bytes.is_some() || once.incomplete.is_some();
        prop_assert!(says || !once.fields.is_empty() || !once.members.is_empty(), "{:?}", once);
    }
}

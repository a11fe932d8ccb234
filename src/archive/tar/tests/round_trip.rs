//! What the writer writes, the reader reads; and the form stays what it is.

use super::*;
use crate::oci::Digest;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn component() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        4 => vec(1_u8..=255, 1..12),
        1 => vec(1_u8..=255, 90..255),
        1 => Just(b".wh.x".to_vec()),
    ];
    name.prop_map(|mut name| {
        name.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'_');
        if name == b"." || name == b".." { b"dots".to_vec() } else { name }
    })
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    vec(component(), 1..5).prop_map(|components| components.join(&b'/'))
}

/// Kind, link target and content.
fn content() -> impl Strategy<Value = (Kind, Vec<u8>, Vec<u8>)> {
    let device = (0_u32..4096, 0_u32..(1 << 20));
    prop_oneof![
        4 => vec(any::<u8>(), 0..1500).prop_map(|body| (Kind::File, Vec::new(), body)),
        2 => Just((Kind::Directory, Vec::new(), Vec::new())),
        2 => vec(1_u8..=255, 1..300).prop_map(|target| (Kind::Symlink, target, Vec::new())),
        1 => Just((Kind::Hardlink, b"!".to_vec(), Vec::new())),
        1 => Just((Kind::Fifo, Vec::new(), Vec::new())),
        1 => device.prop_map(|(major, minor)| {
            (Kind::CharDevice { major, minor }, Vec::new(), Vec::new())
        }),
    ]
}

fn entry() -> impl Strategy<Value = (Entry, Vec<u8>)> {
    let owner = || prop_oneof![0_u32..70_000, 0_u32..u32::MAX];
    let seconds = prop_oneof![0_i64..2_000_000_000, TIME_MIN..=TIME_MAX];
    let nanoseconds = prop_oneof![3 => Just(0_u32), 1 => 0_u32..1_000_000_000];
    let attribute = "(user|security|trusted)\\.[a-z.]{1,20}".prop_map(String::into_bytes);
    let xattrs = btree_map(attribute, vec(any::<u8>(), 0..60), 0..3);
    (path(), content(), 0_u32..0o10000, owner(), owner(), seconds, nanoseconds, xattrs).prop_map(
        |(path, (kind, link, body), mode, uid, gid, seconds, nanoseconds, xattrs)| {
            let entry = Entry {
                path: [b"p/", &path[..]].concat(),
                mode,
                uid,
                gid,
                mtime: Timestamp { seconds, nanoseconds },
                size: body.len() as u64,
                link,
                xattrs,
                ..Entry::new("", kind)
            };
            (entry, body)
        },
    )
}

fn entries() -> impl Strategy<Value = Vec<(Entry, Vec<u8>)>> {
    vec(entry(), 0..12).prop_map(|mut entries| {
        entries.sort_by(|left, right| left.0.path.cmp(&right.0.path));
        entries.dedup_by(|left, right| left.0.path == right.0.path);
        entries
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(entries in entries()) {
        let bytes = write(&entries);
        prop_assert_eq!(bytes.len() % 512, 0);
        prop_assert_eq!(read(&bytes).unwrap(), entries);
    }

    #[test]
    fn no_bytes_panic_the_reader(
        bytes in vec(any::<u8>(), 0..2000),
        flip in any::<proptest::sample::Index>(),
    ) {
        drop(read(&bytes));
        // A valid archive with one byte changed gets past the first header more often.
        let mut archive = write(&[file("a", &bytes), file("b", b"x")]);
        let index = flip.index(archive.len());
        archive[index] ^= 0x40;
        drop(read(&archive));
    }
}

/// One of everything, long and short.
fn sample() -> Vec<(Entry, Vec<u8>)> {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(99));
    let longer = format!("{}/{}", "d".repeat(160), "f".repeat(120));
    let time = Timestamp { seconds: 1_767_225_600, nanoseconds: 0 };
    let mut entries = vec![
        (Entry { mtime: time, ..Entry::new("", Kind::Directory) }, Vec::new()),
        (Entry { mtime: time, mode: 0o1777, ..Entry::new("a", Kind::Directory) }, Vec::new()),
        file("a/file", b"content\n"),
        file(&long, b"split into prefix and name"),
        file(&longer, b"PAX path"),
        (Entry { link: b"a/file".to_vec(), ..Entry::new("hard", Kind::Hardlink) }, Vec::new()),
        (Entry { link: b"../../x".to_vec(), ..Entry::new("soft", Kind::Symlink) }, Vec::new()),
        (Entry { link: vec![b't'; 200], ..Entry::new("soft2", Kind::Symlink) }, Vec::new()),
        (Entry::new("null", Kind::CharDevice { major: 1, minor: 3 }), Vec::new()),
        (Entry::new("pipe", Kind::Fifo), Vec::new()),
    ];
    let mut odd = file("odd \u{e9}\n", b"");
    odd.0.uid = u32::MAX - 1;
    odd.0.gid = 0o10_000_000;
    odd.0.mode = 0o6755;
    odd.0.mtime = Timestamp { seconds: -2, nanoseconds: 500_000_000 };
    odd.0.xattrs.insert(b"security.capability".to_vec(), b"\x01\0\0\x02\n\0\0\0\n7 a=b\n".to_vec());
    odd.0.xattrs.insert(b"user.empty".to_vec(), Vec::new());
    entries.push(odd);
    entries.sort_by(|left, right| left.0.path.cmp(&right.0.path));
    entries
}

#[test]
fn the_form_does_not_change() {
    let bytes = write(&sample());
    assert_eq!(read(&bytes).unwrap(), sample());
    let golden = "sha256:3725f65642e79c8c45c8bc9c33079a91f663592d3bc7d5e2b93c5c819861fa32";
    assert_eq!(Digest::of(&bytes).to_string(), golden);
    // An empty layer is the same as docker's and everyone's.
    let empty = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    assert_eq!(Digest::of(&write(&[])).to_string(), empty);
}

#[test]
fn names_are_not_written() {
    let mut named = file("a", b"");
    let plain = write(std::slice::from_ref(&named));
    named.0.user_name = b"root".to_vec();
    named.0.group_name = b"wheel".to_vec();
    assert_eq!(write(&[named]), plain);
}

#[test]
fn output_comes_in_equal_pieces() {
    /// Remembers the sizes of writes.
    #[derive(Default)]
    struct Sizes(Vec<usize>);
    impl std::io::Write for Sizes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::new(Sizes::default());
    for (entry, body) in
        [file("a", &vec![1; 600_000]), file("b", b"x"), file("c", &vec![2; 400_000])]
    {
        writer.append(&entry, &mut &body[..]).unwrap();
    }
    let sizes = writer.finish().unwrap().0;
    let (last, pieces) = sizes.split_last().unwrap();
    assert!(pieces.iter().all(|size| *size == 256 * 1024) && *last < 256 * 1024, "{sizes:?}");
}

#[test]
fn entries_that_no_archive_can_hold_are_refused() {
    let hardlink = |path: &str, target: &str| Entry {
        link: target.as_bytes().to_vec(),
        ..Entry::new(path, Kind::Hardlink)
    };
    let with_xattr = |name: &[u8]| Entry {
        xattrs: BTreeMap::from([(name.to_vec(), Vec::new())]),
        ..Entry::new("x", Kind::File)
    };
    let x = || Entry::new("x", Kind::File);
    let cases = [
        (Entry::new("a", Kind::File), "entry does not come after `b`"),
        (Entry::new("b", Kind::File), "entry does not come after `b`"),
        (hardlink("c", "d"), "hard link before the file that it links to"),
        (hardlink("c", ""), "link target is not a clean relative path"),
        (Entry::new("x/", Kind::File), "path is not a clean relative one"),
        (Entry::new("x/../y", Kind::File), "path leads upward with `..`"),
        (Entry::new("/x", Kind::File), "path is absolute"),
        (Entry::new("x", Kind::Symlink), "link target is empty"),
        (
            Entry { size: 1, ..Entry::new("x", Kind::Fifo) },
            "named pipe has a size of 1, which some readers skip and others read as entries",
        ),
        (Entry { size: 9, ..x() }, "content is shorter than the 9 bytes of the entry"),
        (Entry { size: 3, ..x() }, "content is longer than the 3 bytes of the entry"),
        (Entry { uid: u32::MAX, size: 4, ..x() }, "`uid` is 4294967295, which is out of range"),
        (Entry { mode: 0o10000, size: 4, ..x() }, "`mode` is 4096, which is out of range"),
        (
            Entry::new("x", Kind::CharDevice { major: 1 << 21, minor: 0 }),
            "device number is too large",
        ),
        (with_xattr(b"a=b"), "extended attribute has a name with `=`, NUL or none"),
        (with_xattr(b""), "extended attribute has a name with `=`, NUL or none"),
    ];
    for (entry, message) in cases {
        let mut writer = Writer::new(Vec::new());
        writer.append(&file("b", b"").0, &mut std::io::empty()).unwrap();
        let error = writer.append(&entry, &mut &b"four"[..]).unwrap_err();
        assert_eq!(error.problem().to_string(), message);
    }
}

#[test]
fn a_file_beyond_eight_gigabytes_is_announced_in_pax() {
    let entry = Entry { size: 8 << 30, ..Entry::new("big", Kind::File) };
    let mut writer = Writer::new(Vec::new());
    let error = writer.append(&entry, &mut std::io::empty()).unwrap_err();
    assert!(matches!(error.problem(), Problem::Size("shorter", _)));
    // The headers are written all the same, and the body is missing.
    let bytes = writer.finish().unwrap();
    let mut reader = Reader::new(&bytes[..], Limits::default());
    assert_eq!(reader.next_entry().unwrap().unwrap(), entry);
    let error = reader.copy_body(&mut |_| Ok(())).unwrap_err();
    assert_eq!(error.problem().to_string(), "archive is truncated: it ends within a body");
}

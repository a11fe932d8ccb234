//! ADD of archives.

use super::*;
use crate::archive::tar::{Entry, Kind, Writer};
use std::io::Write as _;

fn file(path: &str, content: &str) -> (Entry, String) {
    let mut entry = Entry::new(path, Kind::File);
    entry.size = content.len() as u64;
    entry.mtime = Timestamp { seconds: 100, nanoseconds: 0 };
    (entry, content.to_owned())
}

fn directory(path: &str, mode: u32) -> (Entry, String) {
    let mtime = Timestamp { seconds: 200, nanoseconds: 0 };
    (Entry { mode, mtime, ..Entry::new(path, Kind::Directory) }, String::new())
}

fn link(path: &str, kind: Kind, target: &str) -> (Entry, String) {
    (Entry { link: target.as_bytes().to_vec(), ..Entry::new(path, kind) }, String::new())
}

fn tar(entries: &[(Entry, String)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, content) in entries {
        writer.append(entry, &mut content.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn add(
    fixture: &Fixture,
    content: &[u8],
    destination: &'static str,
) -> Result<CopySummary, CopyError> {
    fs::write(fixture.in_context("a.tar"), content).unwrap();
    copy(&fixture.request_to_extract(&["a.tar"], destination))
}

#[test]
fn archives_are_unpacked_whatever_they_are_called() {
    let plain = tar(&[directory("d", 0o1777), file("d/f", "content")]);
    let zstd = zstd::bulk::compress(&plain, 1).unwrap();
    for bytes in [plain.clone(), gzip(&plain), bzip2(&plain), xz(&plain), zstd] {
        let fixture = Fixture::new();
        let summary = add(&fixture, &bytes, "/new/x").unwrap();
        assert_eq!(fixture.image(), ["new/", "new/x/", "new/x/d/", "new/x/d/f: content"]);
        assert_eq!(summary.unpacked, [b"a.tar".to_vec()]);
        assert_eq!((summary.files, summary.bytes), (1, 7));
        let metadata = fixture.image.entry(b"new/x/d").unwrap().unwrap();
        assert_eq!((metadata.mode, metadata.mtime.seconds), (0o1777, 200));
        assert_eq!(fixture.image.entry(b"new/x/d/f").unwrap().unwrap().mtime.seconds, 100);
    }
}

#[test]
fn what_is_no_archive_is_copied() {
    let texts =
        [&b"text"[..], b"", &[0; 1024], &gzip(b"text"), &gzip(b"text")[..15], b"\x1f\x8b\x08"];
    for content in texts {
        let fixture = Fixture::new();
        let summary = add(&fixture, content, "/x/").unwrap();
        assert_eq!(fs::read(fixture.in_image("x/a.tar")).unwrap(), content);
        assert!(summary.unpacked.is_empty());
    }
    // COPY unpacks nothing.
    let fixture = Fixture::new();
    fs::write(fixture.in_context("a.tar"), tar(&[file("f", "")])).unwrap();
    fixture.copy(&["a.tar"], "/x/");
    assert!(fixture.in_image("x/a.tar").exists());
}

#[test]
fn directories_of_sources_are_not_unpacked() {
    let fixture = Fixture::with(&["d/"]);
    fs::write(fixture.in_context("d/a.tar"), tar(&[file("f", "")])).unwrap();
    copy(&fixture.request_to_extract(&["d"], "/x")).unwrap();
    assert!(fixture.in_image("x/a.tar").exists());
}

#[test]
fn archives_replace_what_was_there() {
    let fixture = Fixture::new();
    fixture.add("image", &["x/f/inner", "x/d", "x/e/kept", "x/l/inner"]);
    let bytes = tar(&[
        directory("d", 0o755),
        directory("e", 0o700),
        file("f", "new"),
        link("l", Kind::Symlink, "f"),
        link("m", Kind::Hardlink, "f"),
    ]);
    add(&fixture, &bytes, "/x").unwrap();
    let expected = ["x/", "x/d/", "x/e/", "x/e/kept: x/e/kept", "x/f: new", "x/l -> f", "x/m: new"];
    assert_eq!(fixture.image(), expected);
    let inode = |path: &[u8]| fixture.image.entry(path).unwrap().unwrap().inode;
    assert_eq!(inode(b"x/f"), inode(b"x/m"));
}

#[test]
fn links_lead_nowhere_but_into_the_destination() {
    let fixture = Fixture::new();
    fixture.add("image", &["usr/lib/", "lib -> usr/lib", "x/"]);
    // A merged /usr: the archive's `lib` is the image's.
    add(&fixture, &tar(&[directory("lib", 0o755), file("lib/f", "1")]), "/").unwrap();
    assert_eq!(fs::read(fixture.in_image("usr/lib/f")).unwrap(), b"1");
    // The archive brings links of its own.
    let outside = fixture.directory.path().to_str().unwrap().to_owned();
    let bytes = tar(&[
        link("a", Kind::Symlink, &outside),
        file("a/secret", "2"),
        link("b", Kind::Symlink, "../../.."),
        file("b/secret", "3"),
    ]);
    add(&fixture, &bytes, "/x").unwrap();
    fixture.image();
    assert_eq!(fs::read(fixture.in_image("x/secret")).unwrap(), b"3");
    // The destination is not the archive's to change, not even behind a link.
    let mode = || fixture.image.entry(b"x").unwrap().unwrap().mode;
    let before = mode();
    add(&fixture, &tar(&[link("c", Kind::Symlink, "/")]), "/x").unwrap();
    add(&fixture, &tar(&[directory("c", 0o700)]), "/x").unwrap();
    assert_eq!(mode(), before);
}

#[test]
fn hard_links_to_the_outside_are_refused() {
    let fixture = Fixture::new();
    fixture.add("image", &["etc/shadow", "x/"]);
    for target in ["etc/shadow", "../etc/shadow", "none"] {
        let mut entry = link("z", Kind::Hardlink, "a").0;
        entry.link = b"aaaaaaaaaaaaa"[..target.len().min(13)].to_vec();
        let mut bytes = tar(&[(entry, String::new())]);
        bytes[157..157 + 100].fill(0);
        bytes[157..157 + target.len()].copy_from_slice(target.as_bytes());
        bytes[148..156].fill(b' ');
        let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
        bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let error = add(&fixture, &bytes, "/x").unwrap_err().to_string();
        assert!(error.starts_with("cannot unpack `/"), "{error}");
    }
    assert_eq!(fixture.image.entry(b"etc/shadow").unwrap().unwrap().links, 1);
}

#[test]
fn broken_archives_are_errors() {
    let whole = tar(&[file("f", "content"), file("g", "more")]);
    let fixture = Fixture::new();
    let error = add(&fixture, &whole[..1024], "/x").unwrap_err();
    assert_eq!(error.to_string(), "cannot unpack `/a.tar`");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        source,
        "tar archive at byte 1024: archive is truncated: it ends within its entries"
    );
    assert!(error.hint().is_some());
    // Damage behind the first header is found too.
    let damaged = gzip(&whole);
    assert!(add(&fixture, &damaged[..damaged.len() - 4], "/x").is_err());
}

#[test]
fn owners_of_archives_are_kept_or_given() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new();
    let mut owned = file("d/f", "x");
    (owned.0.uid, owned.0.gid) = (7, 8);
    owned.0.mode = 0o6755;
    let bytes = tar(&[owned]);
    add(&fixture, &bytes, "/x").unwrap();
    let owner = |path: &[u8]| fixture.image.entry(path).unwrap().unwrap().owner;
    assert_eq!(owner(b"x/d"), Owner::default());
    assert_eq!(owner(b"x/d/f"), Owner { uid: 7, gid: 8 });
    assert_eq!(fixture.image.entry(b"x/d/f").unwrap().unwrap().mode, 0o6755);
    let given = Owner { uid: 9, gid: 10 };
    let mut request = fixture.request_to_extract(&["a.tar"], "/y");
    request.owner = Some(given);
    copy(&request).unwrap();
    assert_eq!(owner(b"y"), given);
    assert_eq!(owner(b"y/d/f"), given);
}

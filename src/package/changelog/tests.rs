//! Packages made here, and one that dpkg-deb made.

use super::*;
use crate::archive::tar::Writer;
use std::io::Write as _;
use std::process::Command;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn tar(entries: &[(&str, Kind, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    for (path, kind, content) in entries {
        let mut entry = Entry::new(path.as_bytes(), *kind);
        if *kind == Kind::Symlink {
            entry.link = content.to_vec();
            writer.append(&entry, &mut io::empty()).unwrap();
        } else {
            entry.size = content.len() as u64;
            writer.append(&entry, &mut &**content).unwrap();
        }
    }
    writer.finish().unwrap();
    bytes
}

fn deb(version: &str, files: &[(&str, Kind, &[u8])]) -> Vec<u8> {
    let control =
        format!("Package: foo\nVersion: {version}\nArchitecture: amd64\nDescription: x\n");
    let control = tar(&[("control", Kind::File, control.as_bytes())]);
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in
        [("debian-binary", b"2.0\n".to_vec()), ("control.tar", control), ("data.tar", tar(files))]
    {
        writeln!(bytes, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len())
            .unwrap();
        bytes.extend(&content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn text(text: &str) -> Changelog {
    Changelog::Text(text.as_bytes().to_vec())
}

#[test]
fn the_packagers_changelog_is_found() {
    let (own, plain) = (gzip("own"), gzip("upstream's"));
    let files: &[(&str, Kind, &[u8])] = &[
        ("usr/share/doc/foo-bar/changelog.Debian.gz", Kind::File, &plain),
        ("usr/share/doc/foo/changelog.Debian.gz", Kind::File, &own),
        ("usr/share/doc/foo/changelog.gz", Kind::File, &plain),
    ];
    assert_eq!(changelog(&*deb("1.0-1", files)).unwrap(), text("own"));
    // Upstream's alone says nothing of what the packager did, unless the packager is upstream.
    let upstream = &files[2..];
    assert_eq!(changelog(&*deb("1.0-1", upstream)).unwrap(), Changelog::None);
    assert_eq!(changelog(&*deb("1.0", upstream)).unwrap(), text("upstream's"));
    let plain: &[(&str, Kind, &[u8])] =
        &[("usr/share/doc/foo/changelog.Debian", Kind::File, b"not compressed")];
    assert_eq!(changelog(&*deb("1.0-1", plain)).unwrap(), text("not compressed"));
}

#[test]
fn rebuilds_stand_on_top() {
    let (own, rebuild) = (gzip("own\n"), gzip("rebuild\n"));
    let files: &[(&str, Kind, &[u8])] = &[
        ("usr/share/doc/foo/changelog.Debian.amd64.gz", Kind::File, &rebuild),
        ("usr/share/doc/foo/changelog.Debian.gz", Kind::File, &own),
    ];
    assert_eq!(changelog(&*deb("1.0-1+b1", files)).unwrap(), text("rebuild\nown\n"));
}

#[test]
fn links_name_the_package_that_has_it() {
    let in_bar = Changelog::In { package: "libbar1".to_owned() };
    let directory: &[(&str, Kind, &[u8])] = &[("usr/share/doc/foo", Kind::Symlink, b"libbar1")];
    assert_eq!(changelog(&*deb("1.0-1", directory)).unwrap(), in_bar);
    let file: &[(&str, Kind, &[u8])] = &[(
        "usr/share/doc/foo/changelog.Debian.gz",
        Kind::Symlink,
        b"../libbar1/changelog.Debian.gz",
    )];
    assert_eq!(changelog(&*deb("1.0-1", file)).unwrap(), in_bar);
    for target in ["..", "/", "foo", "../a\u{1b}[1m"] {
        let hostile: &[(&str, Kind, &[u8])] =
            &[("usr/share/doc/foo", Kind::Symlink, target.as_bytes())];
        assert_eq!(changelog(&*deb("1.0-1", hostile)).unwrap(), Changelog::None, "{target}");
    }
}

#[test]
fn what_has_none_has_none() {
    assert_eq!(changelog(&*deb("1.0-1", &[])).unwrap(), Changelog::None);
    assert_eq!(changelog(&b"PK\x03\x04"[..]).unwrap(), Changelog::None);
    let cut = deb("1.0-1", &[("usr/bin/foo", Kind::File, b"x")]);
    assert!(changelog(&cut[..cut.len() - 2000]).is_err());
}

#[test]
fn bombs_are_refused() {
    let bomb = gzip(&"\0".repeat(usize::try_from(CHANGELOG_MAX).unwrap() + 1));
    let files: &[(&str, Kind, &[u8])] =
        &[("usr/share/doc/foo/changelog.Debian.gz", Kind::File, &bomb)];
    assert!(changelog(&*deb("1.0-1", files)).is_err());
}

/// A package that dpkg-deb itself made.
#[test]
fn real_packages_are_read() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    let documentation = tree.join("usr/share/doc/foo");
    std::fs::create_dir_all(&documentation).unwrap();
    std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    let control = "Package: foo\nVersion: 1.0-1\nArchitecture: all\n\
                   Maintainer: A <a@example.org>\nDescription: x\n";
    std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
    std::fs::write(documentation.join("changelog.Debian.gz"), gzip("real")).unwrap();
    let file = root.path().join("foo.deb");
    let made = Command::new("dpkg-deb").arg("-b").arg(&tree).arg(&file).output();
    let Ok(made) = made else {
        println!("skipped: there is no dpkg-deb here");
        return;
    };
    assert!(made.status.success(), "{made:?}");
    let found = changelog(std::fs::File::open(file).unwrap()).unwrap();
    assert_eq!(found, text("real"));
}

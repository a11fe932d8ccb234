//! Package files: a real one, some that `dpkg-deb` makes, and some that only look like one.

use super::*;
use proptest::prelude::*;
use std::process::Command;

/// The start of a package of Debian 12, up to the header of `data.tar.xz`.
const HELLO: &[u8] = include_bytes!("../../../fixtures/deb/hello-without-data.deb");

fn words(package: &PackageFile) -> String {
    let source = package.source.as_ref().unwrap();
    let (kind, name, architecture, version) = package.identity();
    format!("{kind} {name} {version} {architecture} from {} {}", source.name, source.version)
}

#[test]
fn a_real_package_is_recognised() {
    let package = identify(HELLO).unwrap().unwrap();
    assert_eq!(words(&package), "deb hello 2.10-3 amd64 from hello 2.10-3");
}

/// Builds packages as Debian, Ubuntu and older releases have them.
#[test]
fn packages_of_every_compression_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let control = "Package: x\nVersion: 1:2.0+b1\nArchitecture: all\nMaintainer: Grüße <a@b.example>\n\
                   Source: y (1:2.0)\nDescription: x\n more\n";
    std::fs::create_dir_all(folder.path().join("x/DEBIAN")).unwrap();
    std::fs::write(folder.path().join("x/DEBIAN/control"), control).unwrap();
    for compression in ["xz", "zstd", "gzip", "none"] {
        let file = folder.path().join(format!("{compression}.deb"));
        let mut build = Command::new("dpkg-deb");
        build.args(["--uniform-compression", &format!("-Z{compression}"), "--build"]);
        build.args([&folder.path().join("x"), &file]);
        match build.output() {
            Ok(output) if output.status.success() => {}
            other => return println!("skipped: dpkg-deb -Z{compression}: {other:?}"),
        }
        let package = identify(std::fs::File::open(&file).unwrap()).unwrap().unwrap();
        assert_eq!(words(&package), "deb x 1:2.0+b1 all from y 1:2.0", "{compression}");
    }
}

#[test]
fn other_content_is_no_package() {
    let library = b"!<arch>\n/               0           0     0     0       0         `\n";
    let named = b"!<arch>\nx.o/            0           0     0     644     0         `\n";
    for content in [&b""[..], b"<html>", b"\x1f\x8b\x08", b"!<arch>\n", library, named] {
        assert_eq!(identify(content).unwrap(), None, "{content:?}");
    }
}

fn member(name: &str, content: &[u8]) -> Vec<u8> {
    let header = format!("{name:<16}0           0     0     100644  {:<10}`\n", content.len());
    let mut member = [header.as_bytes(), content].concat();
    member.resize(member.len().next_multiple_of(2), b'\n');
    member
}

fn tarball(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = tar::Writer::new(Vec::new());
    for (path, content) in files {
        let entry = tar::Entry { size: content.len() as u64, ..tar::Entry::new(*path, Kind::File) };
        writer.append(&entry, &mut content.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn package_file(members: &[Vec<u8>]) -> Vec<u8> {
    [b"!<arch>\n".to_vec(), member("debian-binary", b"2.0\n"), members.concat()].concat()
}

const CONTROL: &str = "Package: x\nVersion: 1\nArchitecture: all\n";

#[test]
fn signatures_may_stand_between() {
    let control = member("control.tar", &tarball(&[("control", CONTROL), ("md5sums", "")]));
    let file = package_file(&[member("_gpgbuilder", b"odd"), control]);
    assert_eq!(words(&identify(&*file).unwrap().unwrap()), "deb x 1 all from x 1");
}

#[test]
fn what_only_looks_like_a_package_says_why() {
    let control = |text: &str| member("control.tar", &tarball(&[("control", text)]));
    let bomb = {
        let zeros = vec![0; usize::try_from(CONTROL_ARCHIVE_MAX).unwrap() + 1];
        member("control.tar.zst", &zstd::encode_all(&*zeros, 1).unwrap())
    };
    let large = "x".repeat(usize::try_from(CONTROL_MAX).unwrap() + 1);
    let version = [b"!<arch>\n".to_vec(), member("debian-binary", b"3.0\n")].concat();
    for (file, expected) in [
        (version, "its format has another version than 2"),
        (package_file(&[]), "`control.tar` does not follow `debian-binary`"),
        (package_file(&[member("data.tar", b"")]), "`control.tar` does not follow"),
        (package_file(&[member("control.tar", &tarball(&[]))]), "it has no file `control`"),
        (package_file(&[control("")]), "its `control` is not one paragraph"),
        (package_file(&[control("A: 1\n\nB: 2\n")]), "its `control` is not one paragraph"),
        (package_file(&[control("Package: x\n")]), "control: line 1: the paragraph of `x` has no"),
        (package_file(&[control("Package: x\nVersion: \x1b\n")]), "control: line 2: `Version`"),
        (package_file(&[control(&large)]), "its `control` is too large"),
        (package_file(&[bomb]), ""),
        (HELLO[..300].to_vec(), ""),
        (HELLO[..100].to_vec(), ""),
    ] {
        let error = identify(&*file).unwrap_err().to_string();
        let reason = error.strip_prefix("package file: ").unwrap();
        assert!(reason.starts_with(expected), "{error}, not {expected}");
    }
}

proptest! {
    #[test]
    fn bad_input_never_panics(bytes: Vec<u8>, at in 0..HELLO.len()) {
        drop(identify(&*bytes));
        let mut hello = HELLO.to_vec();
        let end = (at + bytes.len()).min(hello.len());
        hello.splice(at..end, bytes);
        drop(identify(&*hello));
    }
}

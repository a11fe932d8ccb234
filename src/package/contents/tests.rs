//! Packages made here, real ones, and hostile ones.

use super::*;
use crate::archive::tar::{Entry, Kind};
use proptest::prelude::*;
use std::io::Write as _;
use std::process::Command;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn entry(path: &str, kind: Kind, content: &str) -> (Entry, Vec<u8>) {
    let mut entry = Entry::new(path.as_bytes(), kind);
    match kind {
        Kind::File => entry.size = content.len() as u64,
        _ => entry.link = content.as_bytes().to_vec(),
    }
    let body = if kind == Kind::File { content.as_bytes().to_vec() } else { Vec::new() };
    (entry, body)
}

/// Of entries in any order, which our own writer does not write.
fn tar(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (entry, body) in entries {
        let mut header = ::tar::Header::new_ustar();
        header.set_entry_type(match entry.kind {
            Kind::File => ::tar::EntryType::Regular,
            Kind::Directory => ::tar::EntryType::Directory,
            Kind::Symlink => ::tar::EntryType::Symlink,
            Kind::Hardlink => ::tar::EntryType::Link,
            _ => ::tar::EntryType::Fifo,
        });
        header.set_mode(entry.mode);
        header.set_size(body.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        if !entry.link.is_empty() {
            header.set_link_name_literal(&entry.link).unwrap();
        }
        let path = if entry.path.is_empty() { &b"./"[..] } else { &entry.path };
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_cksum();
        builder.append(&header, &**body).unwrap();
    }
    builder.into_inner().unwrap()
}

const CONTROL: &str = "Package: foo\nVersion: 1.0\nArchitecture: amd64\nDescription: x\n";

fn ar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(bytes, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len())
            .unwrap();
        bytes.extend(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn deb(data: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let control = tar(&[
        entry("control", Kind::File, CONTROL),
        entry("conffiles", Kind::File, "/etc/foo\n"),
        entry("postinst", Kind::File, "true\n"),
    ]);
    ar(&[("debian-binary", b"2.0\n".to_vec()), ("control.tar", control), ("data.tar", tar(data))])
}

/// `PATH KIND MODE ROLE` a line.
fn listed(contents: &Contents) -> Vec<String> {
    let item = |(path, item): (&Vec<u8>, &Item)| {
        let kind = match &item.kind {
            ItemKind::File { digest, size } => format!("file {} {size}", &digest.hex()[..6]),
            ItemKind::Directory => "directory".to_owned(),
            ItemKind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            ItemKind::Special => "special".to_owned(),
        };
        let mode = item.mode.map(|mode| format!(" {mode:04o}")).unwrap_or_default();
        let role =
            if item.role == Role::Plain { String::new() } else { format!(" {:?}", item.role) };
        format!("/{} {kind}{mode}{role}", String::from_utf8_lossy(path))
    };
    contents.items.iter().map(item).collect()
}

fn of(file: &[u8]) -> Contents {
    contents(file).unwrap().unwrap()
}

fn refused(file: &[u8]) -> String {
    contents(file).unwrap_err().to_string()
}

#[test]
fn a_deb_brings_what_is_in_its_archive() {
    let mut setuid = entry("bin/foo", Kind::File, "x");
    setuid.0.mode = 0o4755;
    let contents = of(&deb(&[
        entry("", Kind::Directory, ""),
        setuid,
        entry("bin/foo2", Kind::Hardlink, "bin/foo"),
        entry("etc/foo", Kind::File, "y"),
        entry("lib/foo.so", Kind::Symlink, "../foo"),
        entry("run/foo", Kind::Fifo, ""),
    ]));
    assert_eq!(
        listed(&contents),
        [
            "/ directory 0755",
            "/bin/foo file 2d7116 1 4755",
            "/bin/foo2 file 2d7116 1 4755",
            "/etc/foo file a1fce4 1 0644 Configuration",
            "/lib/foo.so -> ../foo",
            "/run/foo special 0644",
        ]
    );
    let control: Vec<_> =
        contents.control.keys().map(|name| String::from_utf8_lossy(name)).collect();
    assert_eq!(control, ["conffiles", "postinst"]);
    assert_eq!(contents.control[&b"postinst"[..]], Digest::of(b"true\n"));
}

#[test]
fn what_readers_would_take_differently_is_refused() {
    let file = || entry("bin/foo", Kind::File, "x");
    let twice = deb(&[file(), entry("bin/foo", Kind::File, "y")]);
    assert_eq!(refused(&twice), "package file: it has `bin/foo` twice");
    let link = deb(&[entry("bin/foo", Kind::Symlink, "/etc"), file()]);
    assert_eq!(refused(&link), "package file: it has `bin/foo` twice");
    let foreign = deb(&[entry("bin/foo", Kind::Hardlink, "etc/shadow")]);
    let expected = "package file: `bin/foo` is another name of a file that it does not have";
    assert_eq!(refused(&foreign), expected);
    let control = tar(&[entry("control", Kind::File, CONTROL)]);
    let binary = || ("debian-binary", b"2.0\n".to_vec());
    let none = ar(&[binary(), ("control.tar", control.clone())]);
    assert_eq!(refused(&none), "package file: it has no `data.tar`");
    let data = || tar(&[file()]);
    let two = ar(&[
        binary(),
        ("control.tar", control),
        ("data.tar", data()),
        ("data.tar.gz", gzip(&data())),
    ]);
    assert_eq!(refused(&two), "package file: it has `data.tar` twice");
}

#[test]
fn a_directory_may_be_listed_twice() {
    let directory = || entry("bin", Kind::Directory, "");
    assert_eq!(listed(&of(&deb(&[directory(), directory()]))), ["/bin directory 0755"]);
}

#[test]
fn packages_that_are_cut_off_are_refused() {
    let whole = deb(&[entry("bin/foo", Kind::File, "x"), entry("etc/foo", Kind::File, "y")]);
    for length in 8..whole.len() {
        let found = contents(&whole[..length]);
        assert!(!matches!(found, Ok(Some(_))), "{length}: {found:?}");
    }
}

#[test]
fn an_apk_brings_what_has_no_dot_before_it() {
    let about = "pkgname = foo\npkgver = 1.0-r0\narch = x86_64\n";
    // The parts but for the last have no end.
    let part = |entries: &[(Entry, Vec<u8>)]| {
        let mut bytes = tar(entries);
        bytes.truncate(bytes.len() - 1024);
        gzip(&bytes)
    };
    let file = [
        part(&[entry(".SIGN.RSA.it", Kind::File, "s")]),
        part(&[entry(".PKGINFO", Kind::File, about), entry(".post-install", Kind::File, "true\n")]),
        gzip(&tar(&[entry("usr/bin/foo", Kind::File, "x"), entry("bin/foo", Kind::Symlink, "/x")])),
    ];
    let contents = of(&file.concat());
    assert_eq!(listed(&contents), ["/bin/foo -> /x", "/usr/bin/foo file 2d7116 1 0644"]);
    assert!(contents.control.contains_key(&b".post-install"[..]));
    assert_eq!(contents.package.name, "foo");
}

#[test]
fn a_package_of_npm_is_its_folder() {
    let manifest = r#"{"name":"foo","version":"1.0.0"}"#;
    let file = gzip(&tar(&[
        entry("package/package.json", Kind::File, manifest),
        entry("package/lib/x.js", Kind::File, "x"),
        entry("package/link", Kind::Symlink, "/etc/passwd"),
    ]));
    let contents = of(&file);
    let paths: Vec<_> = contents.items.keys().map(|path| String::from_utf8_lossy(path)).collect();
    assert_eq!(paths, ["lib/x.js", "package.json"]);
}

#[test]
fn a_wheel_is_unpacked_beside_other_modules() {
    let file = crate::package::marks::zip(&[
        ("foo/__init__.py", b"x"),
        ("foo-1.0.data/purelib/bar.py", b"y"),
        ("foo-1.0.data/scripts/hello", b"#!python\nprint(1)\n"),
        ("foo-1.0.dist-info/METADATA", b"Name: foo\nVersion: 1.0\n"),
        ("foo-1.0.dist-info/WHEEL", b""),
        (
            "foo-1.0.dist-info/entry_points.txt",
            b"[console_scripts]\ngreet = foo.main : run [x]\n[x]\na = b\n",
        ),
    ]);
    let contents = of(&file);
    let paths: Vec<_> = contents.items.keys().map(|path| String::from_utf8_lossy(path)).collect();
    assert_eq!(paths[..2], ["bar.py", "foo-1.0.data/scripts/hello"]);
    let made: Vec<_> =
        contents.control.iter().map(|(name, it)| (String::from_utf8_lossy(name), *it)).collect();
    let expected = [
        ("functions/greet".into(), Digest::of(b"foo.main:run")),
        ("scripts/hello".into(), Digest::of(b"print(1)\n")),
    ];
    assert_eq!(made, expected);
}

const RPM: &[u8] = include_bytes!("../../../fixtures/rpm/file/greeter-1.0-1.src.rpm");

#[test]
fn an_rpm_brings_what_its_header_lists() {
    let contents = of(RPM);
    assert_eq!(contents.package.name, "greeter");
    let [(path, item)] = &*contents.items.iter().collect::<Vec<_>>() else {
        panic!("{contents:?}")
    };
    assert_eq!(**path, b"g.spec");
    let ItemKind::File { digest, .. } = &item.kind else { panic!("{item:?}") };
    // What `rpm -qp --qf '[%{FILEDIGESTS}]'` says.
    let said = "b1cc61c7436a0aa7cf7c4bdbfa747df0b6d187726fc5a9f07b873b44e7605dfd";
    assert_eq!(digest.hex(), said);
    for length in 0..RPM.len() - 1 {
        drop(super::contents(&RPM[..length]));
    }
}

#[test]
fn other_files_bring_nothing() {
    for file in [&b""[..], b"hello", b"\x1f\x8b\x08", b"PK\x03\x04", &gzip(b"x")] {
        assert!(!matches!(contents(file), Ok(Some(_))));
    }
}

/// What `dpkg-deb` packs is what is listed, of every compression.
#[test]
fn packages_of_dpkg_deb_are_read() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("foo");
    std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(tree.join("usr/bin")).unwrap();
    std::fs::write(tree.join("usr/bin/foo"), "x").unwrap();
    std::fs::hard_link(tree.join("usr/bin/foo"), tree.join("usr/bin/zoo")).unwrap();
    let control = format!("{CONTROL}Maintainer: A <a@example.org>\n");
    std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
    for compression in ["xz", "zstd", "gzip", "none"] {
        let file = root.path().join(format!("{compression}.deb"));
        let mut build = Command::new("dpkg-deb");
        build.args(["--root-owner-group", &format!("-Z{compression}"), "--build"]);
        match build.args([&tree, &file]).output() {
            Ok(output) if output.status.success() => {}
            other => return println!("skipped: dpkg-deb -Z{compression}: {other:?}"),
        }
        let contents = contents(std::fs::File::open(&file).unwrap()).unwrap().unwrap();
        let files: Vec<_> =
            listed(&contents).into_iter().filter(|it| it.contains("file")).collect();
        assert_eq!(files, ["/usr/bin/foo file 2d7116 1 0644", "/usr/bin/zoo file 2d7116 1 0644"]);
        let owner = contents.items[&b"usr/bin/foo"[..]].owner.clone().unwrap();
        assert_eq!((owner.user, owner.uid), (b"root".to_vec(), Some(0)));
    }
}

proptest! {
    #[test]
    fn damage_never_panics(at in 0_usize..2048, byte: u8) {
        let mut file = deb(&[entry("bin/foo", Kind::File, "x")]);
        let at = at % file.len();
        file[at] = byte;
        drop(contents(&*file));
        let mut file = RPM.to_vec();
        let at = at * 31 % file.len();
        file[at] = byte;
        drop(contents(&*file));
    }
}

#[test]
fn a_directory_and_something_else_at_one_path_are_refused() {
    let (directory, file) = (entry("bin", Kind::Directory, ""), entry("bin", Kind::File, "x"));
    let link = entry("bin", Kind::Symlink, "/etc");
    for pair in [[&directory, &file], [&file, &directory], [&directory, &link], [&link, &directory]]
    {
        let file = deb(&pair.map(Clone::clone));
        assert_eq!(refused(&file), "package file: it has `bin` twice");
    }
}

#[test]
fn what_a_format_does_not_say_is_not_made_up() {
    let mut manifest =
        entry("package/package.json", Kind::File, r#"{"name":"foo","version":"1.0.0"}"#);
    manifest.0.mode = 0o6777;
    let contents = of(&gzip(&tar(&[manifest])));
    let item = &contents.items[&b"package.json"[..]];
    assert_eq!((item.mode, item.owner.is_none()), (None, true));
}

#[test]
fn every_file_is_read_to_its_end() {
    // Whoever hands a file in verifies what was read of it.
    let deb = deb(&[entry("bin/foo", Kind::File, "x")]);
    for file in [deb, RPM.to_vec(), b"hello, this is no package".to_vec()] {
        let mut reader = io::Cursor::new(file);
        contents(&mut reader).unwrap();
        assert_eq!(reader.position(), reader.get_ref().len() as u64);
    }
}

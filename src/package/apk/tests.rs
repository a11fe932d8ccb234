//! Databases and package files of apk.

use super::*;
use crate::archive::tar::{Entry as TarEntry, Kind, Writer};
use crate::package::PackageFile;
use crate::package::trees::{Tree, with_tree};
use proptest::prelude::*;
use std::io::Write as _;

const DATABASE: &str = "C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nS:1\nI:2\nT:the library\nU:u\nL:MIT\n\
    o:musl\nm:somebody <a@b.example>\nt:1\nc:def\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\n\
    a:0:0:755\nZ:Q1xyz=\nF:\nF:usr/lib\nR:libc.so\n\nP:.build=20240101.000000\n";

fn database(packages: &[&str]) -> String {
    packages.join("\n\n")
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| (path.as_bytes().to_vec(), text.as_bytes().to_vec())).collect()
}

fn read(files: &[(&str, &str)]) -> Result<Vec<Package>, String> {
    with_tree(&tree(files), |files| Apk.read(files)).map_err(|error| error.to_string())
}

#[test]
fn packages_are_read_with_their_origin() {
    let database = DATABASE.split("\n\n").next().unwrap();
    let packages = read(&[(INSTALLED[0], database)]).unwrap();
    let [musl] = &*packages else { panic!("{packages:?}") };
    assert_eq!(musl.identity(), ("apk", "musl", "x86_64", "1.2.4-r2"));
    let source = musl.source.as_ref().unwrap();
    assert_eq!((&*source.name, &*source.version), ("musl", "1.2.4-r2"));
    assert!(!musl.automatic);
}

#[test]
fn the_world_says_what_was_asked_for() {
    let packages = database(&[
        "P:curl\nV:8-r0\np:cmd:curl=8-r0\nA:noarch",
        "P:libcurl\nV:8-r0",
        "P:.build\nV:2024\nD:gcc>9 !clang make@edge",
        "P:gcc\nV:13-r0",
        "P:make\nV:4-r0",
        "P:clang\nV:17-r0",
        "P:.other\nV:1\nD:libcurl",
    ]);
    let automatic = |world: &str| {
        let packages = read(&[(INSTALLED[0], &packages), (WORLD, world)]).unwrap();
        let automatic = packages.into_iter().filter(|package| package.automatic);
        automatic.map(|package| package.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(automatic("curl>7\n.build=2024\n"), ".other clang libcurl");
    assert_eq!(automatic("cmd:curl@edge !gcc\n"), ".build .other clang gcc libcurl make");
}

#[test]
fn paths_have_owners() {
    let mut tree = tree(&[(INSTALLED[0], DATABASE.split("\n\n").next().unwrap())]);
    tree.insert(b"lib".to_vec(), b"-> usr/lib".to_vec());
    // The second path leads to the same file.
    let content = tree[INSTALLED[0].as_bytes()].clone();
    tree.insert(INSTALLED[1].as_bytes().to_vec(), content);
    let owned = with_tree(&tree, |files| Apk.owned(files)).unwrap();
    let [musl] = &*owned else { panic!("{owned:?}") };
    let expected = ["lib", "usr/lib", "usr/lib/ld-musl-x86_64.so.1", "usr/lib/libc.so"];
    assert_eq!(musl.paths, expected.map(|path| path.as_bytes().to_vec()));
}

#[test]
fn what_is_no_database_has_a_line() {
    for (text, expected) in [
        ("P:a\nV:1\nhello\n\n", "/lib/apk/db/installed: line 3: the line is not `LETTER:VALUE`"),
        ("\n\nP:a\nS:1\n\n", "/lib/apk/db/installed: line 3: the package `a` has no version"),
        ("V:1\n", "/lib/apk/db/installed: line 1: the package `` has no name"),
        ("P:a b\nV:1\n", "/lib/apk/db/installed: line 1: `a b` is not a word"),
        (
            DATABASE,
            "/lib/apk/db/installed: line 23: the package `.build=20240101.000000` has no version",
        ),
    ] {
        assert_eq!(read(&[(INSTALLED[0], text)]).unwrap_err(), expected);
    }
    assert_eq!(read(&[]).unwrap(), []);
    assert_eq!(read(&[(INSTALLED[1], "\n\n")]).unwrap(), []);
}

/// A gzip member with a tar archive in it that has no end, unless it is the last.
fn segment(files: &[(&str, &str)], is_last: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    for (path, text) in files {
        let entry = TarEntry { size: text.len() as u64, ..TarEntry::new(*path, Kind::File) };
        writer.append(&entry, &mut text.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    if !is_last {
        bytes.truncate(bytes.len() - 1024);
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap()
}

fn about(file: &[u8]) -> Result<Option<PackageFile>, String> {
    crate::package::identify(std::io::Cursor::new(file)).map_err(|error| error.to_string())
}

const ABOUT: &str = "# made by a test\npkgname = curl\npkgver = 8.1-r0\norigin = curl-all\narch = noarch\ndepend = so:x\n";

#[test]
fn package_files_are_recognised() {
    let data = segment(&[("usr/bin/curl", "x")], true);
    let control = segment(&[(".PKGINFO", ABOUT), (".post-install", "#!/bin/sh")], false);
    let signature = segment(&[(".SIGN.RSA.key.pub", "s")], false);
    for file in [[&*signature, &*control, &*data].concat(), [&*control, &*data].concat()] {
        let file = about(&file).unwrap().unwrap();
        assert_eq!(file.identity(), ("apk", "curl", "noarch", "8.1-r0"));
        assert_eq!(file.source.as_ref().map(|source| &*source.name), Some("curl-all"));
        // The index of the repository gives it the architecture of the machine.
        assert!(file.installs(("apk", "curl", "x86_64", "8.1-r0")));
        assert!(!file.installs(("apk", "curl", "x86_64", "8.1-r1")));
        assert!(!file.installs(("deb", "curl", "noarch", "8.1-r0")));
    }
}

#[test]
fn other_archives_are_no_packages() {
    let index = segment(&[(".SIGN.RSA.key.pub", "s"), ("DESCRIPTION", "x")], true);
    let layer = segment(&[("etc/passwd", "x")], true);
    let mut text = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    text.write_all(b"Package: x\n").unwrap();
    for file in [index, layer, text.finish().unwrap(), segment(&[], true), b"\x1f\x8b".to_vec()] {
        assert_eq!(about(&file).unwrap_or_default(), None);
    }
    let nameless = segment(&[(".PKGINFO", "pkgver = 1\n")], false);
    assert_eq!(about(&nameless).unwrap_err(), "package file: its `.PKGINFO` has no `pkgname`");
}

fn control(file: &[u8]) -> Option<crate::package::Control> {
    crate::package::control(std::io::Cursor::new(file.to_vec())).unwrap()
}

#[test]
fn package_files_say_what_they_run_and_need() {
    let about = format!(
        "{ABOUT}builddate = 1700000000\ndepend = b>=1\ndepend = !old~2\nprovides = cmd:c=1-r0\n\
         replaces = d<2\ntriggers = /usr/lib/*\n"
    );
    let control_part =
        segment(&[(".PKGINFO", &about), (".post-install", "#!/bin/sh"), (".trigger", "t")], false);
    // apk goes by names: a script among the files of the package is run as well.
    let data =
        segment(&[(".pre-upgrade", "late"), ("usr/.trigger", "n"), ("usr/bin/curl", "x")], true);
    let found = control(&[&*control_part, &*data].concat()).unwrap();
    let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
    assert_eq!(list(&found.depends), "b, so:x");
    assert_eq!(list(&found.displaces), "d, old");
    assert_eq!(list(&found.provides), "cmd:c");
    assert_eq!(found.built, Some(1_700_000_000));
    let scripts: Vec<(&str, &[u8])> =
        found.scripts.iter().map(|(name, script)| (&**name, &**script)).collect();
    let expected: [(&str, &[u8]); 4] = [
        ("post-install", b"#!/bin/sh"),
        ("pre-upgrade", b"late"),
        ("trigger", b"t"),
        ("trigger paths", b"/usr/lib/*"),
    ];
    assert_eq!(scripts, expected);
    let other = segment(&[("#first", "x"), (".PKGINFO", ABOUT)], true);
    assert_eq!(control(&other), None);
}

#[test]
fn large_scripts_are_refused() {
    let large = "x".repeat((16 << 20) + 1);
    let file = segment(&[(".PKGINFO", ABOUT), (".post-install", &large)], true);
    let error = crate::package::control(std::io::Cursor::new(file)).unwrap_err().to_string();
    assert_eq!(error, "package file: its scripts are too large");
}

proptest! {
    #[test]
    fn no_database_panics(text in "([PVAoDpFR]:[ -~]{0,8}\n|\n|[ -~]{0,3}\n){0,12}") {
        let _read = read(&[(INSTALLED[0], &text), (WORLD, &text)]);
        let _owned = with_tree(&tree(&[(INSTALLED[0], &text)]), |files| Apk.owned(files));
    }

    #[test]
    fn no_package_file_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), length in any::<prop::sample::Index>()) {
        let mut file = segment(&[(".PKGINFO", ABOUT)], false);
        let at = at.index(file.len());
        file[at] = byte;
        let length = length.index(file.len());
        let _about = about(&file[..length]);
        drop(crate::package::control(std::io::Cursor::new(&file[..length])));
    }
}

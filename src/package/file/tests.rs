//! Files that are made up, each as its kind has it, and such that only look so.

use super::super::marks::zip;
use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Cursor, Write as _};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// `TYPE:NAME VERSION ARCHITECTURE` of what a file is.
fn is(file: &[u8]) -> String {
    let found = super::super::identify(Cursor::new(file.to_vec())).unwrap();
    let text = |file: PackageFile| {
        let PackageFile { kind, name, version, architecture, .. } = file;
        format!("{kind}:{name} {version} {architecture}").trim_end().to_owned()
    };
    found.map_or_else(String::new, text)
}

#[test]
fn wheels() {
    let metadata = b"Name: My.Package\nVersion: 1.0+x\n";
    let (path, wheel) = ("my_package-1.0+x.dist-info/METADATA", "my_package-1.0+x.dist-info/WHEEL");
    let good = zip(&[("my_package.py", b""), (path, metadata), (wheel, b"")]);
    assert_eq!(is(&good), "pypi:my-package 1.0+x");
    assert_eq!(is(&zip(&[(path, metadata)])), "", "without WHEEL");
    let other = "other-1.0.dist-info/METADATA";
    assert_eq!(is(&zip(&[(path, metadata), (other, metadata), (wheel, b"")])), "", "two");
    let named = zip(&[(other, metadata), ("other-1.0.dist-info/WHEEL", b"")]);
    assert_eq!(is(&named), "", "another name than its folder");
}

#[test]
fn source_distributions() {
    let metadata = b"Name: My.Package\nVersion: 1.0\n";
    let files = [("my_package-1.0/setup.py", &b""[..]), ("my_package-1.0/PKG-INFO", metadata)];
    assert_eq!(is(&gzip(&tar(&files))), "pypi:my-package 1.0");
    let other = [("my_package-1.1/PKG-INFO", &metadata[..])];
    assert_eq!(is(&gzip(&tar(&other))), "", "another version than its folder");
    let outside = [("x", &b""[..]), ("my_package-1.0/PKG-INFO", metadata)];
    assert_eq!(is(&gzip(&tar(&outside))), "", "more than one folder");
}

#[test]
fn packages_of_npm() {
    let manifest = br#"{"name":"@s/a","version":"1.0.0"}"#;
    let file = |path: &str, text: &[u8]| gzip(&tar(&[("package/a.js", b""), (path, text)]));
    assert_eq!(is(&file("package/package.json", manifest)), "npm:@s/a 1.0.0");
    assert_eq!(is(&file("package/in/package.json", manifest)), "");
    assert_eq!(is(&gzip(&tar(&[("a-1.0.0/package.json", manifest)]))), "", "a tag of a repository");
    let types = br#"{"name":"@types/node","version":"20.1.0"}"#;
    assert_eq!(is(&gzip(&tar(&[("node/package.json", types)]))), "npm:@types/node 20.1.0");
}

#[test]
fn crates() {
    let manifest = b"[package]\nname = \"itoa\"\nversion = \"1.0.9\"\n";
    let original = ("itoa-1.0.9/Cargo.toml.orig", &manifest[..]);
    let made = ("itoa-1.0.9/Cargo.toml", &manifest[..]);
    assert_eq!(is(&gzip(&tar(&[made, original]))), "cargo:itoa 1.0.9");
    assert_eq!(is(&gzip(&tar(&[original, made]))), "cargo:itoa 1.0.9");
    assert_eq!(is(&gzip(&tar(&[made]))), "", "a tag of a repository");
}

#[test]
fn gems() {
    let yaml = "--- !ruby/object:Gem::Specification\nname: greeter\nversion: !ruby/object:Gem::Version\n  \
        version: '1.10'\nplatform: PLATFORM\nauthors:\n- it\ndependencies:\n- !ruby/object:Gem::Dependency\n  \
        name: other\n";
    let gem = |platform: &str| {
        let metadata = gzip(yaml.replace("PLATFORM", platform).as_bytes());
        tar(&[("metadata.gz", &metadata), ("data.tar.gz", b"")])
    };
    assert_eq!(is(&gem("ruby")), "gem:greeter 1.10");
    assert_eq!(is(&gem("x86_64-linux")), "gem:greeter 1.10 x86_64-linux");
    assert_eq!(is(&tar(&[("data.tar", b"")])), "");
}

#[test]
fn modules_of_go_and_java_archives() {
    let module = zip(&[
        ("example.test/Greeter@v1.0.0/go.mod", b""),
        ("example.test/Greeter@v1.0.0/a/b.go", b""),
    ]);
    assert_eq!(is(&module), "golang:example.test/Greeter v1.0.0");
    let more = zip(&[("example.test/g@v1.0.0/go.mod", b""), ("go.mod", b"")]);
    assert_eq!(is(&more), "");
    let note = b"groupId=org.example\nartifactId=thing\nversion=1.2.3\n";
    let (one, two) = ("META-INF/maven/a/b/pom.properties", "META-INF/maven/a/c/pom.properties");
    assert_eq!(is(&zip(&[(one, note)])), "maven:org.example:thing 1.2.3");
    assert_eq!(is(&zip(&[(one, note), (two, note)])), "", "put together from two");
}

#[test]
fn other_files_are_none() {
    for file in [
        &b""[..],
        b"hello",
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
        &gzip(b"Package: a\n"),
        &gzip(&[0; 5000]),
    ] {
        assert_eq!(is(file), "");
    }
}

//! Package files of languages, made here as their managers make them.

use super::*;
use crate::package::marks::zip;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = ::tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o4777);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn of(file: &[u8]) -> Contents {
    contents(file).unwrap().unwrap()
}

/// Paths with what is there; of no language are rights or owners taken over.
#[track_caller]
fn assert_items(contents: &Contents, expected: &[(&str, &[u8])]) {
    let expected: Vec<_> =
        expected.iter().map(|(path, text)| (path.as_bytes().to_vec(), Digest::of(text))).collect();
    let item = |(path, item): (&Vec<u8>, &Item)| {
        assert_eq!((item.mode, &item.owner, item.has_capabilities), (None, &None, false));
        let ItemKind::File { digest, .. } = item.kind else { panic!("{item:?}") };
        (path.clone(), digest)
    };
    assert_eq!(contents.items.iter().map(item).collect::<Vec<_>>(), expected);
}

fn names(contents: &Contents) -> Vec<String> {
    contents.control.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

const SPECIFICATION: &str = "--- !ruby/object:Gem::Specification\nname: greeter\nversion: \
    !ruby/object:Gem::Version\n  version: '1.0'\nplatform: ruby\nauthors:\n- it\nbindir: exe\n\
    executables:\n- greet\nextensions: EXTENSIONS\nfiles:\n- lib/greeter.rb\nrequire_paths:\n- lib\n";

fn gem(extensions: &str, members: &[(&str, &[u8])]) -> Vec<u8> {
    let metadata = gzip(SPECIFICATION.replace("EXTENSIONS", extensions).as_bytes());
    tar(&[&[("metadata.gz", &*metadata)], members].concat())
}

#[test]
fn a_gem_brings_its_folder_and_says_what_is_run() {
    let data = gzip(&tar(&[("lib/greeter.rb", b"x"), ("exe/greet", b"y")]));
    let plain = of(&gem("[]", &[("data.tar.gz", &data)]));
    assert_items(&plain, &[("exe/greet", b"y"), ("lib/greeter.rb", b"x")]);
    assert_eq!(names(&plain), ["bindir/exe", "executables/greet", "require_paths/lib"]);
    assert!(!plain.is_source);
    let native = of(&gem("\n- ext/extconf.rb", &[("data.tar.gz", &data)]));
    assert!(native.is_source);
    assert!(names(&native).contains(&"extensions/ext/extconf.rb".to_owned()));
    let refused = |file: &[u8]| contents(file).unwrap_err().to_string();
    assert_eq!(refused(&gem("[]", &[])), "package file: it has no `data.tar.gz`");
    let twice = gem("[]", &[("data.tar.gz", &data), ("data.tar.gz", &data)]);
    assert_eq!(refused(&twice), "package file: it has a part of a gem twice");
}

#[test]
fn a_crate_brings_its_folder() {
    let manifest = b"[package]\nname = \"itoa\"\nversion = \"1.0.9\"\n";
    let files = [
        ("itoa-1.0.9/Cargo.toml", &manifest[..]),
        ("itoa-1.0.9/Cargo.toml.orig", b"z"),
        ("itoa-1.0.9/src/lib.rs", b"x"),
    ];
    let found = of(&gzip(&tar(&files)));
    let expected = [("Cargo.toml", &manifest[..]), ("Cargo.toml.orig", b"z"), ("src/lib.rs", b"x")];
    assert_items(&found, &expected);
}

#[test]
fn a_module_of_go_brings_its_folder_and_has_a_hash() {
    let found = of(&zip(&[
        ("example.test/Greeter@v1.0.0/go.mod", b"module example.test/Greeter\n"),
        ("example.test/Greeter@v1.0.0/a/b.go", b"package a\n"),
    ]));
    let expected = [("a/b.go", &b"package a\n"[..]), ("go.mod", b"module example.test/Greeter\n")];
    assert_items(&found, &expected);
    // base64(sha256(lines of `sha256  name`)), computed by another program.
    let hash = Digest::of(HASH.as_bytes());
    assert_eq!(found.control[&b"ziphash"[..]], hash);
}

const HASH: &str = "h1:UmJ8/TZOvAwbvJa6ryxj74ygJvmKeRGPoIqTuKzGOB4=";

#[test]
fn a_source_distribution_brings_its_modules_where_they_are_imported() {
    let metadata = b"Name: thing\nVersion: 1.0\n";
    let project = b"[project.scripts]\nthing = \"thing:main\"\n[tool.flit.scripts]\nx = 'a : b'\n";
    let files = [
        ("thing-1.0/PKG-INFO", &metadata[..]),
        ("thing-1.0/pyproject.toml", project),
        ("thing-1.0/src/thing/a.py", b"x"),
        ("thing-1.0/thing/a.py", b"y"),
        ("thing-1.0/src/thing.egg-info/entry_points.txt", b"[console_scripts]\nother = o:m\n"),
    ];
    let found = of(&gzip(&tar(&files)));
    let item = &found.items[&b"thing/a.py"[..]];
    assert!(matches!(item.kind, ItemKind::File { digest, .. } if digest == Digest::of(b"x")));
    assert_eq!(item.role, Role::Source);
    assert_eq!(names(&found), ["functions/other", "functions/thing", "functions/x"]);
    assert_eq!(found.control[&b"functions/x"[..]], Digest::of(b"a:b"));
    assert!(found.is_source);
}

#[test]
fn a_java_archive_is_installed_whole() {
    let note = b"groupId=org.example\nartifactId=thing\nversion=1.2.3\n";
    let found = of(&zip(&[("META-INF/maven/a/b/pom.properties", note)]));
    assert_eq!((found.package.kind, &*found.package.name), ("maven", "org.example:thing"));
    assert_items(&found, &[]);
}

#[test]
fn other_archives_bring_nothing() {
    for file in [&b"meta"[..], b"data.tar.gz", b"checksum", &gzip(b"x"), &zip(&[("a", b"")])] {
        assert_eq!(contents(file).unwrap(), None);
    }
}

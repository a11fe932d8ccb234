//! Marks in trees that are made up. What real package managers write is tested with them, in
//! `tests/it/languages`.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

/// Files by path, executable where they start with `\x7fELF`.
pub(super) type Made = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) fn made(files: &[(&str, &[u8])]) -> Made {
    files.iter().map(|(path, text)| (path.as_bytes().to_vec(), text.to_vec())).collect()
}

fn with_tree<T>(files: &Made, work: impl FnOnce(Tree<'_>) -> T) -> T {
    let open = |path: &[u8]| {
        let found = files.get(path).cloned();
        Ok(found.map(|content| Box::new(Cursor::new(content)) as Box<dyn Content>))
    };
    let list = |path: &[u8]| {
        let start = [path, b"/"].concat();
        let below = files.keys().filter_map(|file| file.strip_prefix(&*start));
        let names = below.map(|rest| rest.split(|byte| *byte == b'/').next().unwrap().to_vec());
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    };
    work(Tree { open: &open, list: &list })
}

fn entry<'a>(path: &'a [u8], content: &[u8]) -> Entry<'a> {
    let mode = if content.starts_with(b"\x7fELF") { 0o755 } else { 0o644 };
    Entry { path, mode, size: content.len() as u64 }
}

/// The changes that a layer with these files is.
fn layer(files: &Made) -> Changes {
    let mut changes = Changes::default();
    with_tree(files, |tree| {
        for (path, content) in files {
            changes.file(tree, entry(path, content)).unwrap();
        }
    });
    changes
}

/// `TYPE:NAME VERSION` of all packages, with a star where they came for the sake of others; and what
/// is wrong.
pub(super) fn found(files: &Made) -> (Vec<String>, Vec<String>) {
    let changes = layer(files);
    let mut inventory = Inventory::default();
    inventory.apply(&changes);
    let problems = changes.problems().map(ToString::to_string).collect();
    (shown(&inventory), problems)
}

fn shown(inventory: &Inventory) -> Vec<String> {
    let text = |package: &Package| {
        let Package { kind, name, version, architecture, automatic, .. } = package;
        let star = if *automatic { "*" } else { "" };
        format!("{kind}:{name} {version} {architecture}{star}").trim_end().to_owned()
    };
    inventory.packages().iter().map(text).collect()
}

fn owned(files: &Made) -> Vec<(String, Vec<String>)> {
    let entries = files.iter().map(|(path, content)| entry(path, content));
    let (owned, problems) = with_tree(files, |tree| owned_all(tree, entries).unwrap());
    assert_eq!(problems, []);
    let text = |path: &Vec<u8>| String::from_utf8(path.clone()).unwrap();
    owned.iter().map(|it| (it.package.name.clone(), it.paths.iter().map(text).collect())).collect()
}

const SITE: &str = "usr/lib/python3/dist-packages";

#[test]
fn python_packages_are_found_in_every_form() {
    let six =
        b"Metadata-Version: 2.1\r\nName: Zope.Interface__x\r\nversion: 1.16.0\r\n\r\nName: no\n";
    let old = b"Metadata-Version: 1.0\nVersion: 3.2+local.1\nName: old\n";
    let (packages, problems) = found(&made(&[
        (&format!("{SITE}/six-1.16.0.dist-info/METADATA"), six),
        (&format!("{SITE}/six-1.16.0.dist-info/REQUESTED"), b""),
        (&format!("{SITE}/old-3.2.egg-info"), old),
        ("opt/x.egg-info/PKG-INFO", b"Name: x\nVersion: 1"),
        ("opt/site-packages/e-2-py3.egg/EGG-INFO/PKG-INFO", b"Name: e\nVersion: 2"),
        // Those that are part of another package, of Python, or of nothing.
        (&format!("{SITE}/setuptools/_vendor/y-1.dist-info/METADATA"), b"Name: y\nVersion: 1\n"),
        ("srv/lib/setuptools/_vendor/y-1.dist-info/METADATA", b"Name: y\nVersion: 1\n"),
        (&format!("{SITE}/~ip-1.dist-info/METADATA"), b"Name: pip\nVersion: 1\n"),
        (&format!("{SITE}/wsgiref.egg-info"), b"Name: wsgiref\nVersion: 0.1\n"),
        ("srv/METADATA", b"Name: z\nVersion: 1\n"),
    ]));
    let expected =
        ["pypi:e 2 *", "pypi:old 3.2+local.1 *", "pypi:x 1 *", "pypi:zope-interface-x 1.16.0"];
    assert_eq!(packages, expected);
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn python_packages_own_what_their_records_say() {
    let record =
        b"six.py,sha256=x,1\n\"a,\"\"b.py\",,\n../../../bin/six,,\n../../../../../etc/passwd,,\n\
        six-1.dist-info/RECORD,,\n/opt/absolute,,\n\n";
    let owned = owned(&made(&[
        ("usr/lib/python3/six-1.dist-info/METADATA", b"Name: six\nVersion: 1\n"),
        ("usr/lib/python3/six-1.dist-info/RECORD", record),
        ("srv/e.egg-info/PKG-INFO", b"Name: e\nVersion: 1\n"),
        ("srv/e.egg-info/installed-files.txt", b"../e.py\n../../bin/e\n\n"),
    ]));
    let e = [
        "bin/e",
        "srv/e.egg-info",
        "srv/e.egg-info/PKG-INFO",
        "srv/e.egg-info/installed-files.txt",
        "srv/e.py",
    ];
    let six = [
        "bin/six",
        "opt/absolute",
        "usr/lib/python3/a,\"b.py",
        "usr/lib/python3/six-1.dist-info/METADATA",
        "usr/lib/python3/six-1.dist-info/RECORD",
        "usr/lib/python3/six.py",
    ];
    let expected = [
        ("e".to_owned(), e.map(str::to_owned).to_vec()),
        ("six".to_owned(), six.map(str::to_owned).to_vec()),
    ];
    assert_eq!(owned, expected);
}

#[test]
fn npm_packages_are_those_below_node_modules() {
    let manifest = |name: &str, version: &str| {
        format!("{{\"name\": \"{name}\", \"version\": \"{version}\", \"bin\": \"cli.js\"}}")
            .into_bytes()
    };
    let (a, b, c, inner) = (
        manifest("a", "1.0.0"),
        manifest("@s/b", "2.0.0-rc.1"),
        manifest("c", "3.0.0"),
        manifest("inner", "9.0.0"),
    );
    let files = made(&[
        ("srv/node_modules/a/package.json", &a),
        ("srv/node_modules/a/index.js", b""),
        ("srv/node_modules/@s/b/package.json", &b),
        ("srv/node_modules/@s/b/node_modules/c/package.json", &c),
        ("srv/node_modules/.pnpm/c@3.0.0/node_modules/c/package.json", &c),
        // A project, a part of a package, what only tells how to read, and pnpm's own notes.
        ("srv/package.json", &inner),
        ("srv/node_modules/a/test/package.json", &inner),
        ("srv/node_modules/a/dist/node_modules/inner/package.json", &inner),
        ("srv/node_modules/a/dist/node_modules/inner/node_modules/inner/package.json", &inner),
        ("srv/node_modules/a/dist/package.json", b"{\"type\": \"module\"}"),
        ("srv/node_modules/esm/package.json", b"\xef\xbb\xbf{\"type\": \"module\"}"),
        ("srv/node_modules/.cache/package.json", &inner),
        ("srv/node_modules/@s/package.json", &inner),
    ]);
    let (packages, problems) = found(&files);
    assert_eq!(packages, ["npm:@s/b 2.0.0-rc.1", "npm:a 1.0.0", "npm:c 3.0.0"]);
    assert_eq!(problems, Vec::<String>::new());
    let (name, paths) = &owned(&files)[0];
    assert_eq!(name, "@s/b");
    let expected = [
        "bin/b",
        "srv/node_modules/.bin/b",
        "srv/node_modules/@s/b",
        "srv/node_modules/@s/b/package.json",
    ];
    assert_eq!(*paths, expected);
}

#[test]
fn gems_are_found_by_their_specifications() {
    let stub = b"# -*- encoding: utf-8 -*-\n# stub: greeter 1.0 ruby lib\n\nGem::Specification.new do |s|\n  \
        s.executables = [\"greet\".freeze, \"fake\"]\nend\n";
    let plain = b"Gem::Specification.new do |s|\n  s.name = \"json\".freeze\n  \
        s.version = Gem::Version.new(\"2.6.3\")\n  s.platform = 'x86_64-linux'\nend\n";
    let files = made(&[
        ("var/lib/gems/3.1.0/specifications/greeter-1.0.gemspec", stub),
        ("var/lib/gems/3.1.0/gems/greeter-1.0/lib/greeter.rb", b""),
        (
            "usr/local/bin/greet",
            b"#!/usr/bin/ruby\n# This file was generated by RubyGems.\n# 'greeter'",
        ),
        ("usr/bin/fake", b"#!/bin/sh"),
        ("usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.3.gemspec", plain),
        ("srv/app/app.gemspec", plain),
    ]);
    let (packages, problems) = found(&files);
    assert_eq!(packages, ["gem:greeter 1.0", "gem:json 2.6.3 x86_64-linux"]);
    assert_eq!(problems, Vec::<String>::new());
    let (_, paths) = &owned(&files)[0];
    assert!(paths.contains(&"var/lib/gems/3.1.0/gems/greeter-1.0/lib/greeter.rb".to_owned()));
    assert!(paths.contains(&"usr/local/bin/greet".to_owned()), "{paths:?}");
    assert!(!paths.contains(&"usr/bin/fake".to_owned()), "{paths:?}");
}

/// A zip archive of files as they are.
pub(in crate::package) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = u32::try_from(bytes.len()).unwrap();
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let name_size = u16::try_from(name.len()).unwrap().to_le_bytes();
        let common = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58][..],
            &crc.sum().to_le_bytes(),
            &size,
            &size,
            &name_size,
            &[0; 2],
        ]
        .concat();
        bytes.extend([b"PK\x03\x04", &*common, name.as_bytes(), content].concat());
        directory.extend(
            [b"PK\x01\x02\x14\x03", &*common, &[0; 10], &offset.to_le_bytes(), name.as_bytes()]
                .concat(),
        );
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let (start, size) =
        (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    bytes.extend(directory);
    bytes.extend(
        [
            b"PK\x05\x06\0\0\0\0",
            &count[..],
            &count,
            &size.to_le_bytes(),
            &start.to_le_bytes(),
            &[0; 2],
        ]
        .concat(),
    );
    bytes
}

const POM: &str = "META-INF/maven/org.example/thing/pom.properties";
const PROPERTIES: &[u8] =
    b"#Generated\r\nversion=1.2.3\r\ngroupId=org.example\r\nartifactId=thing\r\n";

#[test]
fn jars_say_what_they_are_and_what_is_in_them() {
    let noted = zip(&[(POM, PROPERTIES)]);
    let manifest = "META-INF/MANIFEST.MF";
    let titled = zip(&[(manifest, b"Implementation-Title: bundled-\n with-long-name\nImplementation-Version: 2.0\nImplementation-Vendor-Id: org.v\n\nName: x\n")]);
    let named = zip(&[(manifest, b"Manifest-Version: 1.0\nImplementation-Version: ${version}\n")]);
    let nobody = zip(&[(manifest, b"Manifest-Version: 1.0\n")]);
    let fat = zip(&[
        (manifest, b"Manifest-Version: 1.0\n"),
        ("BOOT-INF/lib/thing.jar", &noted),
        ("BOOT-INF/lib/titled.jar", &titled),
    ]);
    let (packages, problems) = found(&made(&[
        ("srv/app.JAR", &fat),
        ("srv/commons-lang3-3.12.0.jar", &named),
        ("srv/nobody.jar", &nobody),
        ("srv/empty.jar", b""),
    ]));
    let expected = [
        "maven:commons-lang3 3.12.0",
        "maven:org.example:thing 1.2.3",
        "maven:org.v:bundled-with-long-name 2.0",
    ];
    assert_eq!(packages, expected);
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn jars_in_jars_end_somewhere() {
    let mut jar = zip(&[(POM, PROPERTIES)]);
    for _ in 0..5 {
        jar = zip(&[("in.jar", &jar)]);
    }
    let (packages, problems) = found(&made(&[("a.jar", &jar)]));
    assert_eq!(packages, Vec::<String>::new());
    assert_eq!(problems, ["/a.jar: the archives in it are too many, too large or too deep"]);
}

#[test]
fn malformed_marks_are_named() {
    let (packages, problems) = found(&made(&[
        ("s/a.dist-info/METADATA", b"Name: a\n"),
        ("s/b.dist-info/METADATA", b"Name: b c\nVersion: 1\n"),
        ("s/c.dist-info/METADATA", b"Name: c\nVersion: 1 \x1b[31m2\n"),
        ("s/node_modules/a/package.json", b"{"),
        (
            "s/node_modules/\u{e9}/package.json",
            "{\"name\":\"\u{e9}\",\"version\":\"1\"}".as_bytes(),
        ),
        ("s/specifications/a.gemspec", b"Gem::Specification.new do |s|\n  s.name = NAME\nend\n"),
        ("s/a.jar", &[b'x'; 100]),
        ("s/node_modules/ok/package.json", b"{\"name\":\"ok\",\"version\":\"1\"}"),
    ]));
    assert_eq!(packages, ["npm:ok 1"]);
    let expected = [
        "/s/a.dist-info/METADATA: it has no `Version`",
        "/s/a.jar: not a zip archive",
        "/s/b.dist-info/METADATA: `b c` is not a name of a Python package",
        "/s/c.dist-info/METADATA: its version `1 [31m2` is not a word of visible characters",
        "/s/node_modules/\\xc3\\xa9/package.json: its name `\u{e9}` is not a word of visible characters",
        "/s/node_modules/a/package.json: it is not JSON: EOF while parsing an object at line 1 column 1",
        "/s/specifications/a.gemspec: it does not say its name",
    ];
    let sorted = |texts: &[String]| texts.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&problems), sorted(&expected.map(str::to_owned)));
}

fn metadata(name: &str) -> (String, Vec<u8>) {
    (
        format!("site-packages/{name}.dist-info/METADATA"),
        format!("Name: {name}\nVersion: 1\n").into_bytes(),
    )
}

#[test]
fn layers_bring_packages_and_take_them_away() {
    let of = |names: &[&str]| {
        let files: Vec<(String, Vec<u8>)> = names.iter().map(|name| metadata(name)).collect();
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, text)| (&**path, &**text)).collect();
        layer(&made(&files))
    };
    let mut base = Inventory::default();
    assert!(base.apply(&of(&["a", "b", "c", "d"])));
    let after = |changes: Changes| {
        let mut inventory = base.clone();
        let changed = inventory.apply(&changes);
        assert_eq!(changed, inventory != base);
        inventory.packages().into_iter().map(|package| package.name).collect::<String>()
    };
    assert_eq!(after(of(&["b", "e"])), "abcde");
    let changes = |paths: &[&str], change: fn(&mut Changes, &[u8])| {
        let mut changes = Changes::default();
        for path in paths {
            change(&mut changes, path.as_bytes());
        }
        changes
    };
    assert_eq!(after(changes(&["site-packages/b.dist-info"], Changes::remove)), "acd");
    assert_eq!(after(changes(&["site-packages/b"], Changes::remove)), "abcd");
    assert_eq!(after(changes(&["site-packages"], Changes::remove)), "");
    assert_eq!(after(changes(&["site-packages/a.dist-info/METADATA"], Changes::remove)), "bcd");
    assert_eq!(after(changes(&["site-packages"], Changes::directory)), "abcd");
    assert_eq!(after(changes(&["site-packages/a.dist-info/METADATA"], Changes::directory)), "bcd");
    assert_eq!(after(changes(&["site-packages"], Changes::empty)), "");
    // What is new in an emptied directory stays, whatever comes first.
    let mut emptied = of(&["e"]);
    emptied.empty(b"site-packages");
    assert_eq!(after(emptied), "e");
    // A file in the place of a directory.
    assert_eq!(after(layer(&made(&[("site-packages", b"")]))), "");
}

#[test]
fn what_was_asked_for_somewhere_was_asked_for() {
    let (first, text) = metadata("a");
    let second = format!("opt/{first}");
    let requested = second.replace("METADATA", "REQUESTED");
    let (packages, _) = found(&made(&[(&first, &text), (&second, &text), (&requested, b"")]));
    assert_eq!(packages, ["pypi:a 1"]);
}

proptest! {
    /// Whatever the bytes are, a mark gives packages or a problem.
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), start in 0..6_usize) {
        let start = [&b"\x7fELF\x02\x01"[..], b"Name: a\nVersion: ", b"# stub: ", b"{\"name\":\"a\",", b"PK\x03\x04", b""][start];
        let bytes = [start, &bytes].concat();
        for path in ["a.dist-info/METADATA", "node_modules/a/package.json", "specifications/a.gemspec", "a.jar", "bin/a"] {
            let files = made(&[(path, &bytes)]);
            found(&files);
            let entries = files.iter().map(|(path, content)| entry(path, content));
            with_tree(&files, |tree| owned_all(tree, entries).unwrap());
        }
    }

    #[test]
    fn paths_stay_in_the_tree(directory in "[a-c/.]{0,8}", path in "[a-c/.]{0,12}") {
        if let Some(resolved) = tree::resolve(directory.as_bytes(), path.as_bytes()) {
            let is_clean = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
            prop_assert!(resolved.split(|byte| *byte == b'/').all(is_clean));
        }
    }
}

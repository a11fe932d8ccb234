//! Files that are made up, each as its kind has it; and garbage.

use super::super::super::{Control, PackageFileError, control};
use super::super::tests::{gzip, tar};
use crate::package::marks::zip;
use proptest::prelude::*;
use std::io::Cursor;

fn read(file: &[u8]) -> Result<Option<Control>, PackageFileError> {
    control(Cursor::new(file.to_vec()))
}

fn known(file: &[u8]) -> Control {
    read(file).unwrap().unwrap()
}

/// One line a field that is not empty; of scripts their text.
fn shown(control: &Control) -> String {
    let mut lines = Vec::new();
    let sets = [
        ("depends", &control.depends),
        ("recommends", &control.recommends),
        ("provides", &control.provides),
        ("displaces", &control.displaces),
    ];
    for (name, set) in sets.into_iter().filter(|(_, set)| !set.is_empty()) {
        let words: Vec<&str> = set.iter().map(String::as_str).collect();
        lines.push(format!("{name}: {}", words.join(", ")));
    }
    for (name, script) in &control.scripts {
        let text = String::from_utf8_lossy(script);
        lines.push(format!("{name}: {}", text.lines().next().unwrap_or_default()));
    }
    lines.join("\n")
}

fn npm(manifest: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let manifest = format!(r#"{{"name":"a","version":"1.0.0",{manifest}}}"#);
    let all = [&[("package/package.json", manifest.as_bytes())], files].concat();
    gzip(&tar(&all))
}

#[test]
fn npm_runs_what_its_scripts_say() {
    let file = npm(
        r#""scripts":{"postinstall":"node ./lib/setup --quiet","test":"no","install":" "},
           "dependencies":{"b":"^1","d":"1"},"peerDependencies":{"c":"*"},"optionalDependencies":{"d":"1"},
           "bin":{"a":"a.js","other":"b.js"}"#,
        &[("package/lib/setup.js", b"one")],
    );
    let control = known(&file);
    let expected = "depends: b, c\nrecommends: d\nprovides: command a, command other\n\
                    postinstall: node ./lib/setup --quiet";
    assert_eq!(shown(&control), expected);
    assert_eq!(shown(&known(&npm(r#""bin":"a.js""#, &[]))), "provides: command a");
}

#[test]
fn what_a_command_names_is_part_of_the_script() {
    let script = |files: &[(&str, &[u8])]| {
        let manifest = r#""scripts":{"install":"node lib/setup && (sh \"run.sh\")"}"#;
        known(&npm(manifest, files)).scripts.remove("install").unwrap()
    };
    let first = script(&[("package/lib/setup.js", b"one"), ("package/x.js", b"x")]);
    assert_ne!(first, script(&[("package/lib/setup.js", b"two"), ("package/x.js", b"x")]));
    assert_eq!(first, script(&[("package/lib/setup.js", b"one"), ("package/x.js", b"y")]));
    assert_ne!(script(&[("package/run.sh", b"1")]), script(&[("package/run.sh", b"2")]));
}

#[test]
fn npm_builds_what_has_a_build_file() {
    let gyp: &[(&str, &[u8])] = &[("package/binding.gyp", b"{}")];
    assert_eq!(shown(&known(&npm(r#""x":1"#, gyp))), "install: node-gyp rebuild");
    let own = r#""scripts":{"preinstall":"true"}"#;
    assert_eq!(shown(&known(&npm(own, gyp))), "preinstall: true");
    let deeper: &[(&str, &[u8])] = &[("package/deps/binding.gyp", b"{}")];
    assert_eq!(shown(&known(&npm(r#""x":1"#, deeper))), "");
}

#[test]
fn two_manifests_are_no_answer() {
    let other = br#"{"name":"a","version":"1.0.0","scripts":{"install":"evil"}}"#;
    let file = npm(r#""x":1"#, &[("other/package.json", other)]);
    // What unpacks a package takes the first component away: both are its manifest.
    let error = read(&file).map(|found| found.map(|control| shown(&control)));
    assert!(!matches!(error, Ok(Some(ref text)) if text.is_empty()), "{error:?}");
    let twice = npm(r#""x":1"#, &[("package/package.json", other)]);
    let error = read(&twice).unwrap_err().to_string();
    assert!(error.contains("package.json"), "{error}");
}

#[test]
fn wheels_run_nothing_but_what_python_starts() {
    let metadata = b"Name: a\nVersion: 1\nRequires-Dist: B.c (>=1)\nRequires-Dist: d[x]>=2; \
        python_version < '3.11'\nRequires-Dist: e; extra == 'all'\n\nRequires-Dist: no\n";
    let plain = [("a-1.dist-info/METADATA", &metadata[..]), ("a-1.dist-info/WHEEL", b"")];
    assert_eq!(shown(&known(&zip(&plain))), "depends: b-c, d");
    let more = [
        ("a-1.dist-info/entry_points.txt", &b"[console_scripts]\nrun = a:b\n[other]\nx = y\n"[..]),
        ("a-1.data/scripts/tool", b"#!python"),
        ("a-1.data/purelib/z.pth", b"import z"),
        ("hook.pth", b"import os"),
        ("a/inside.pth", b"nothing"),
    ];
    let expected = "depends: b-c, d\nprovides: command run, command tool\nhook.pth: import os\n\
                    z.pth: import z";
    assert_eq!(shown(&known(&zip(&[&plain[..], &more].concat()))), expected);
    let twice = [("hook.pth", &b"a"[..]), ("hook.pth", b"b")];
    let error = read(&zip(&[&plain[..], &twice].concat())).unwrap_err().to_string();
    assert!(error.contains("two entries have one name"), "{error}");
}

#[test]
fn source_distributions_run_their_own_code() {
    let about = ("a-1/PKG-INFO", &b"Name: a\nVersion: 1\nRequires-Dist: b\n"[..]);
    let old = gzip(&tar(&[about, ("a-1/setup.py", b"import os")]));
    let expected =
        "depends: b\nbuild backend: setuptools.build_meta:__legacy__\nsetup.py: import os";
    assert_eq!(shown(&known(&old)), expected);
    let project = b"[build-system]\nrequires = ['Flit_Core>=3']\nbuild-backend = 'own'\n\
                    backend-path = ['.']\n";
    let with = |code: &[u8]| {
        let files = [about, ("a-1/pyproject.toml", &project[..]), ("a-1/own.py", code)];
        known(&gzip(&tar(&files)))
    };
    assert_eq!(shown(&with(b"1")), "depends: b, flit-core (to build)\nbuild backend: own");
    // A backend that lies in the package is a script of it.
    assert_ne!(with(b"1"), with(b"2"));
    let broken = gzip(&tar(&[about, ("a-1/pyproject.toml", b"[")]));
    assert!(read(&broken).unwrap_err().to_string().contains("pyproject.toml"));
}

#[test]
fn too_much_text_is_refused() {
    let about = ("a-1/PKG-INFO", &b"Name: a\nVersion: 1\n"[..]);
    let large = vec![b'#'; usize::try_from(super::TEXT_MAX).unwrap() + 1];
    let error = read(&gzip(&tar(&[about, ("a-1/setup.py", &large)]))).unwrap_err();
    assert_eq!(error.to_string(), "package file: its `setup.py` is too large");
}

#[test]
fn other_files_say_nothing() {
    let crate_file = tar(&[
        ("a-1/Cargo.toml", b"[package]\nname='a'\nversion='1'"),
        ("a-1/Cargo.toml.orig", b""),
    ]);
    for file in
        [&b""[..], b"x", b"\x1f\x8b\x08", &gzip(b"text"), &gzip(&crate_file), &zip(&[("a", b"")])]
    {
        assert_eq!(read(file).unwrap(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_file_panics(at in any::<prop::sample::Index>(), bytes: Vec<u8>, which in 0..3_usize, text in "[ -~\n]{0,60}") {
        let about = ("a-1/PKG-INFO", &b"Name: a\nVersion: 1\nRequires-Dist: b\n"[..]);
        let files = [
            tar(&[about, ("a-1/setup.py", b"x"), ("a-1/pyproject.toml", text.as_bytes())]),
            tar(&[("package/package.json", br#"{"name":"a","version":"1"}"#)]),
            zip(&[("a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n"), ("a-1.dist-info/WHEEL", b""), ("a.pth", text.as_bytes())]),
        ];
        let mut file = files[which].clone();
        let at = at.index(file.len());
        let end = (at + bytes.len()).min(file.len());
        file.splice(at..end, bytes);
        let file = if which == 2 { file } else { gzip(&file) };
        let _control = read(&file);
    }
}

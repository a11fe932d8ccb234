//! Indexes that `apt-ftparchive` and gpg made (`fixtures/index/make.sh`), and hostile ones.

use super::*;
use crate::index::openpgp::Keyring;
use crate::index::{Dependency, IndexError, Provided, Relation, decompress};
use crate::oci::Digest;
use proptest::prelude::*;

fn fixture(path: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join("fixtures/index").join(path)).unwrap()
}

#[test]
fn a_signed_index_says_what_the_suite_is_and_has() {
    let signed = release(&fixture("apt/InRelease.ed25519")).unwrap();
    let mut keyring = Keyring::default();
    keyring.add("ed25519.asc", &fixture("keys/ed25519.asc")).unwrap();
    assert_eq!(signed.verify(&keyring).unwrap().len(), 1);
    let release = signed.value;
    let names = [&release.origin, &release.label, &release.suite, &release.codename];
    assert_eq!(names.map(|it| it.clone().unwrap()), ["it", "it-label", "stable", "it1"]);
    assert_eq!((release.date, release.valid_until), (1_767_225_600, Some(1_767_830_400)));
    assert!(release.by_hash);
    for name in ["Packages", "Packages.gz", "Packages.xz"] {
        let (body, path) = (fixture(&format!("apt/{name}")), format!("main/binary-amd64/{name}"));
        let digest = Digest::of(&body);
        let expected = Some((&*path, digest, body.len() as u64));
        let other = Digest::of(b"");
        assert_eq!(release.file(&path, &other), expected);
        let folder = "main/binary-amd64/by-hash";
        assert_eq!(release.file(&format!("{folder}/SHA256/{}", digest.hex()), &other), expected);
        // Of hashes that are not in the list what was answered decides.
        assert_eq!(release.file(&format!("{folder}/SHA512/0123"), &digest), expected);
        assert_eq!(release.file(&format!("{folder}/SHA512/0123"), &other), None);
        assert_eq!(release.file(&format!("by-hash/SHA256/{}", digest.hex()), &other), None);
    }
    assert_eq!(release.file("main/binary-amd64/other", &Digest::of(b"")), None);
}

#[test]
fn suites_say_whether_they_are_taken_from_by_themselves() {
    let with = |fields: &str| {
        let text = [fields.as_bytes(), &fixture("apt/Release")].concat();
        let release = release_detached(&text, None).unwrap().value;
        (release.not_automatic, release.but_automatic_upgrades)
    };
    assert_eq!(with(""), (false, false));
    assert_eq!(with("NotAutomatic: yes\n"), (true, false));
    assert_eq!(with("NotAutomatic: yes\nButAutomaticUpgrades: yes\n"), (true, true));
    assert_eq!(with("NotAutomatic: no\n"), (false, false));
}

#[test]
fn the_same_beside_its_signature() {
    let (text, signature) = (fixture("apt/Release"), fixture("apt/Release.gpg"));
    let signed = release_detached(&text, Some(&signature)).unwrap();
    let inline = release(&fixture("apt/InRelease.ed25519")).unwrap();
    assert_eq!(signed.value, inline.value);
    assert!(signed.is_signed());
    assert!(!release_detached(&text, None).unwrap().is_signed());
    let error = release_detached(&text, Some(b"nothing")).unwrap_err();
    assert_eq!(error.what, "Release.gpg");
}

#[test]
fn packages_have_all_that_is_asked_of_them() {
    let text = fixture("apt/Packages");
    for name in ["Packages.gz", "Packages.xz", "Packages"] {
        assert_eq!(decompress("Packages", &fixture(&format!("apt/{name}"))).unwrap(), text);
    }
    let offers = packages(&text).unwrap();
    let [greeter, phrases] = &*offers else { panic!("{offers:#?}") };
    assert_eq!((greeter.kind, &*greeter.name, &*greeter.version), ("deb", "greeter", "1:1.0-1"));
    assert_eq!(greeter.architecture, "all");
    assert_eq!(greeter.source, Some(("greet".into(), "1.0".into())));
    assert_eq!(phrases.source, Some(("phrases".into(), "1:1.0-1".into())));
    assert_eq!(greeter.location, "pool/main/greeter_1.0-1_all.deb");
    assert!(greeter.sha256().is_some() && greeter.size > 100);
    let plain = |name: &str| Dependency { name: name.into(), architecture: None, version: None };
    let version = Some((Relation::GreaterOrEqual, "1.0".to_owned()));
    let phrases = Dependency { version, ..plain("phrases") };
    let other = Dependency { architecture: Some("any".into()), ..plain("other") };
    assert_eq!(greeter.depends, [vec![phrases, other], vec![plain("libc6")]]);
    let provided = |name: &str, version: Option<&str>| Provided {
        name: name.into(),
        version: version.map(Into::into),
    };
    assert_eq!(greeter.provides, [provided("hello", Some("1.0")), provided("hi", None)]);
    let selected = select(&text, &|name| name == b"phrases").unwrap();
    assert_eq!(selected, offers[1..]);
}

/// A paragraph with one field changed, or left out where the value is empty.
fn stanza(field: &str, value: &str) -> String {
    let hash = "0".repeat(64);
    [
        ("Package", "a"),
        ("Version", "1"),
        ("Architecture", "all"),
        ("Filename", "pool/a.deb"),
        ("Size", "10"),
        ("SHA256", &*hash),
    ]
    .iter()
    .map(|(name, usual)| (name, if *name == field { value } else { usual }))
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| format!("{name}: {value}\n"))
    .collect::<Vec<_>>()
    .concat()
}

fn refused(text: &str) -> IndexError {
    packages(text.as_bytes()).unwrap_err()
}

#[test]
fn hostile_packages_are_refused_with_their_line() {
    assert_eq!(packages(stanza("", "").as_bytes()).unwrap().len(), 1);
    for (field, value, reason) in [
        ("Filename", "../../etc/passwd", "leads out of the archive"),
        ("Filename", "pool/%2e%2e/x", "leads out of the archive"),
        ("Filename", "/etc/passwd", "is absolute"),
        ("Filename", "http://deb.example/x.deb", "is a URL"),
        ("Filename", "pool/x.deb?y", "is not a path alone"),
        ("SHA256", "00", "64 lower-case hexadecimal digits"),
        ("SHA256", "", "has no `SHA256`"),
        ("Size", "-1", "not a number of bytes"),
        ("Size", "99999999999999999999", "not a number of bytes"),
        ("Version", "1 2", "not one word"),
        ("Version", "", "has no `Version`"),
        ("Architecture", "a\u{1b}[31m", "not one word"),
    ] {
        let error = refused(&format!("{}\n{}", stanza("", ""), stanza(field, value)));
        assert!(error.reason.contains(reason), "{field}: {value}: {error}");
        assert_eq!(error.line, Some(8), "{error}");
    }
    let twice = stanza("", "") + "size: 1\n";
    assert!(refused(&twice).reason.contains("there twice"));
    assert!(refused("Package: a\nno field\n").reason.contains("not `Field: value`"));
    assert!(refused(&(stanza("", "") + "Depends: a (>= 1\n")).reason.contains("no relation"));
    // A paragraph without a name stands for nothing that was asked for.
    assert!(select(b"Version: 1\n", &|_| false).unwrap_err().reason.contains("no `Package`"));
}

#[test]
fn hostile_signed_indexes_are_refused() {
    let text = String::from_utf8(fixture("apt/Release")).unwrap();
    let hash = Digest::of(b"").hex();
    for (from, to, reason) in [
        ("Date: ", "Datum: ", "has no `Date`"),
        ("Date: Thu", "Date: someday", "is not a date"),
        ("SHA256:", "SHA255:", "has no `SHA256`"),
        ("SHA256:\n", "SHA256:\n x\n", "not a hash, a size and a path"),
        ("SHA256:\n", &format!("SHA256:\n {hash} 1 ../x\n"), "leads out of the archive"),
        ("SHA256:\n", &format!("SHA256:\n {hash} x y\n"), "not a number of bytes"),
        ("SHA256:\n", &format!("SHA256:\n {hash} 1 y\n {hash} 2 y\n"), "another hash"),
        ("Origin: it\n", "Origin: it\norigin: other\n", "there twice"),
        ("Origin: it\n", "Origin: it\n\nOrigin: other\n", "second paragraph"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = release_detached(text.replacen(from, to, 1).as_bytes(), None).unwrap_err();
        assert!(error.reason.contains(reason), "{to}: {error}");
    }
    assert!(release_detached(b"", None).unwrap_err().reason.contains("empty"));
}

#[test]
fn a_bomb_is_no_index() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let error = decompress("Packages", &encoder.finish().unwrap()).unwrap_err();
    assert!(error.reason.contains("bomb"), "{error}");
    assert!(decompress("Packages", &fixture("apt/Packages.xz")[..100]).is_err());
}

#[test]
fn the_root_of_an_archive_is_found_by_its_url() {
    for (url, expected) in [
        (
            "http://deb.example/debian/dists/bookworm/InRelease",
            ("http://deb.example/debian/", "dists/bookworm"),
        ),
        (
            "https://deb.example/dists/a/updates/Release",
            ("https://deb.example/", "dists/a/updates"),
        ),
        ("http://dists/dists/x/Release.gpg", ("http://dists/", "dists/x")),
        ("http://deb.example/flat/InRelease", ("http://deb.example/flat/", "")),
    ] {
        let (root, suite) = archive_root(url).unwrap();
        assert_eq!((&*root, &*suite), expected);
        assert_eq!(
            format!("{}{}", release_place(url).unwrap().base(), "x"),
            url.rsplit_once('/').unwrap().0.to_owned() + "/x"
        );
    }
    for url in ["http://deb.example/debian/dists/bookworm/Packages", "InRelease", "/InRelease"] {
        assert_eq!(archive_root(url), None, "{url}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_fall_over(text in "(([A-Za-z-]{1,12}: ?)?[ -~äß]{0,20}\n{0,3}){0,12}") {
        let _either = packages(text.as_bytes());
        let _either = release_detached(text.as_bytes(), None);
        let _either = release(text.as_bytes());
    }
}

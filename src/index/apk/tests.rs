//! An index and a package as apk has them (`fixtures/index/make.sh`), and hostile ones.

use super::*;
use crate::index::{Checksum, Dependency, Provided, Relation};

fn fixture(path: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join("fixtures/index/apk").join(path)).unwrap()
}

fn keys() -> ApkKeys {
    let mut keys = ApkKeys::default();
    let name = "it@index.test.rsa.pub";
    keys.add(name, "/etc/apk/keys", &fixture(name)).unwrap();
    keys
}

#[test]
fn an_index_is_signed_by_its_key() {
    for (name, is_weak) in [("APKINDEX.tar.gz", false), ("APKINDEX.sha1.tar.gz", true)] {
        let index = index(&fixture(name)).unwrap();
        let signer = index.verify(&keys()).unwrap().unwrap();
        assert_eq!((&*signer.key, signer.is_weak), ("it@index.test.rsa.pub", is_weak));
        assert_eq!(index.verify(&ApkKeys::default()).unwrap(), None);
    }
    let index = index(&fixture("APKINDEX.unsigned.tar.gz")).unwrap();
    assert!(!index.is_signed());
    assert_eq!(index.verify(&keys()).unwrap(), None);
}

#[test]
fn packages_have_all_that_is_asked_of_them() {
    let index = index(&fixture("APKINDEX.tar.gz")).unwrap();
    let offers = packages(&index.text).unwrap();
    let [greeter] = &*offers else { panic!("{offers:#?}") };
    assert_eq!((greeter.kind, &*greeter.name, &*greeter.version), ("apk", "greeter", "1.0-r0"));
    assert_eq!(greeter.location, "greeter-1.0-r0.apk");
    assert_eq!(greeter.source, Some(("greet".into(), "1.0-r0".into())));
    let plain = |name: &str| Dependency { name: name.into(), architecture: None, version: None };
    let version = Some((Relation::GreaterOrEqual, "1.0".to_owned()));
    let phrases = Dependency { version, ..plain("phrases") };
    assert_eq!(greeter.depends, [[phrases], [plain("so:libc.musl-x86_64.so.1")]]);
    let command = Provided { name: "cmd:greeter".into(), version: Some("1.0-r0".into()) };
    assert_eq!(greeter.provides, [command]);
    let package = fixture("greeter-1.0-r0.apk");
    assert_eq!(greeter.size, package.len() as u64);
    let Checksum::ApkControl(control) = &greeter.checksum else { panic!("{greeter:?}") };
    assert!(verify_package(&package, control).unwrap());
    let root = repository_root("http://apk.example/v3/main/x86_64/APKINDEX.tar.gz");
    assert_eq!(root, Some("http://apk.example/v3/main/x86_64/"));
}

#[test]
fn every_changed_byte_is_found() {
    let good = fixture("APKINDEX.tar.gz");
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        // The signature's own gzip member may be packed in another way.
        let verified =
            index(&changed).ok().and_then(|it| it.verify(&keys()).ok().flatten().map(|_| it));
        let text = index(&good).unwrap().text;
        assert!(verified.is_none_or(|it| it.text == text), "byte {at}");
    }
    let package = fixture("greeter-1.0-r0.apk");
    let control = control_digest(&package).unwrap();
    let data = package.len() - 100;
    for at in data..package.len() {
        let mut changed = package.clone();
        changed[at] ^= 1;
        assert!(!verify_package(&changed, &control).unwrap_or(false), "byte {at}");
    }
    // A segment behind the data.
    let tail = [&*package, &fixture("APKINDEX.unsigned.tar.gz")].concat();
    assert!(control_digest(&tail).unwrap_err().reason.contains("its data is not"));
    let tail = [&*good, &fixture("APKINDEX.unsigned.tar.gz")].concat();
    assert!(index(&tail).unwrap_err().reason.contains("follows its last segment"));
}

#[test]
fn hostile_records_are_refused_with_their_line() {
    let good = "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:a\nV:1\nA:x86_64\nS:10\n";
    assert_eq!(packages(good.as_bytes()).unwrap().len(), 1);
    for (from, to, line, reason) in [
        ("P:a", "P:../a", 6, "leads out of the archive"),
        ("P:a", "P:a b", 2, "not one word"),
        ("P:a\n", "", 5, "has no name"),
        ("C:Q1A", "C:Q2A", 1, "no checksum"),
        ("S:10", "S:x", 6, "has no size"),
        ("V:1", "nothing", 3, "not `K:value`"),
    ] {
        let error = packages(good.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(error.reason.contains(reason), "{to}: {error}");
        assert_eq!(error.line, Some(line), "{error}");
    }
}

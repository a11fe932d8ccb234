//! Indexes that `createrepo_c` made (`fixtures/index/make.sh`), and hostile ones.

use super::*;
use crate::index::openpgp::{Keyring, SignatureError};
use crate::index::{Checksum, Dependency, Provided, Relation, decompress};
use crate::oci::Digest;

fn fixture(path: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join("fixtures/index").join(path)).unwrap()
}

#[test]
fn an_index_of_indexes_has_them_with_their_hashes() {
    let text = fixture("rpm/repomd.xml");
    let signed = repomd(&text, Some(&fixture("rpm/repomd.xml.asc"))).unwrap();
    let mut keyring = Keyring::default();
    keyring.add("ed25519.asc", &fixture("keys/ed25519.asc")).unwrap();
    assert_eq!(signed.verify(&keyring).unwrap().len(), 1);
    let repomd = signed.value;
    assert_eq!(
        (repomd.revision.as_deref(), repomd.date),
        (Some("1767225600"), Some(1_767_225_600))
    );
    let (primary, body) = (&repomd.files["primary"], fixture("rpm/primary.xml.gz"));
    assert_eq!(primary.checksum, Some(Checksum::Sha256(Digest::of(&body))));
    assert_eq!(primary.size, Some(body.len() as u64));
    assert!(primary.location.starts_with("repodata/"), "{}", primary.location);
    let unsigned = super::repomd(&text, None).unwrap();
    assert_eq!(unsigned.verify(&keyring).unwrap_err(), SignatureError::Unsigned);
    let root = repository_root("http://rpm.example/repo/repodata/repomd.xml");
    assert_eq!(root, Some("http://rpm.example/repo/"));
    assert_eq!(repository_root("http://rpm.example/repo/repomd.xml"), None);
}

#[test]
fn packages_have_all_that_is_asked_of_them() {
    let text = decompress("primary.xml", &fixture("rpm/primary.xml.gz")).unwrap();
    let offers = packages(&text).unwrap();
    let [greeter] = &*offers else { panic!("{offers:#?}") };
    assert_eq!((greeter.kind, &*greeter.name, &*greeter.version), ("rpm", "greeter", "1:1.0-1"));
    assert_eq!(greeter.architecture, "noarch");
    assert_eq!(greeter.source, Some(("greeter".into(), "1.0-1".into())));
    assert!(greeter.location.ends_with("greeter-1.0-1.noarch.rpm"), "{}", greeter.location);
    assert!(greeter.sha256().is_some() && greeter.size > 100);
    let needs = Dependency {
        name: "phrases".into(),
        architecture: None,
        version: Some((Relation::GreaterOrEqual, "1.0".into())),
    };
    assert_eq!(greeter.depends[0], [needs]);
    let hello = Provided { name: "hello".into(), version: Some("1.0".into()) };
    assert!(greeter.provides.contains(&hello), "{:?}", greeter.provides);
    assert_eq!(select(&text, &|name| name == b"other").unwrap(), []);
}

#[test]
fn hostile_indexes_are_refused() {
    let text = decompress("primary.xml", &fixture("rpm/primary.xml.gz")).unwrap();
    let text = String::from_utf8(text).unwrap();
    for (from, to, reason) in [
        ("<location href=\"", "<location href=\"../", "leads out of the archive"),
        ("<location href=\"", "<location href=\"/", "is absolute"),
        ("<location href=\"", "<location href=\"http://x/", "is a URL"),
        ("<location ", "<location xml:base=\"http://x/\" ", "`xml:base`"),
        ("<name>greeter", "<name>greeter x", "not one word"),
        ("pkgid=\"YES\">", "pkgid=\"YES\">x", "hexadecimal"),
        ("ver=\"1.0\"", "ver=\"\"", "has no version"),
        ("<metadata", "<!DOCTYPE x><metadata", "document type"),
        ("</metadata>", "", "ends before"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = packages(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(error.reason.contains(reason), "{to}: {error}");
    }
    // What only a weak hash tells from others is not offered.
    let weak = text.replacen("type=\"sha256\"", "type=\"sha\"", 1);
    assert_eq!(packages(weak.as_bytes()).unwrap(), []);
    let repomd = String::from_utf8(fixture("rpm/repomd.xml")).unwrap();
    for (from, to, reason) in [
        ("href=\"repodata/", "href=\"../repodata/", "leads out of the archive"),
        ("type=\"filelists\"", "type=\"primary\"", "there twice"),
        ("<repomd", "<other", ""),
    ] {
        assert!(repomd.contains(from), "{from}");
        let error = super::repomd(repomd.replacen(from, to, 1).as_bytes(), None).unwrap_err();
        assert!(error.reason.contains(reason), "{to}: {error}");
    }
}

//! Java's trust stores, and apk, in trees made by code.

use super::super::{jks, keystore};
use super::fixtures::authority;
use super::world::{World, may_mount};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::Digest as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const STORE: &str = "usr/lib/jvm/java-17/lib/security/cacerts";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

fn store() -> Vec<u8> {
    jks::of(&[authority().1, authority().1]).unwrap()
}

#[test]
fn key_stores_are_extended_and_cleaned() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[("etc/ssl/certs/java/cacerts", &store())]);
    world.link(STORE, "/etc/ssl/certs/java/cacerts");
    let running = world.start();
    assert!(running.trusts("etc/ssl/certs/java/cacerts"));
    assert!(running.trust.env().iter().all(|(name, _)| name != "JAVA_TOOL_OPTIONS"));
    running.end().unwrap();
    world.proves(&|root| {
        let path = root.join("etc/ssl/certs/java/cacerts");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::copy(path, root.join("truststore.jks")).unwrap();
    });
}

#[test]
fn key_stores_that_appear_are_extended() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[("etc/passwd", b"")]);
    let content = store();
    let running = world.start();
    let path = running.path().join(STORE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &content).unwrap();
    running.refresh();
    assert!(running.trusts(STORE));
    assert_eq!(running.end().unwrap()[STORE].5, content);
}

#[test]
fn a_key_store_with_a_password_of_its_own_has_a_stand_in() {
    if !may_mount() {
        return;
    }
    let mut closed = store();
    *closed.last_mut().unwrap() ^= 1;
    let world = World::new(&[(STORE, &closed), (BUNDLE, authority().0.as_bytes())]);
    let running = world.start();
    assert!(!running.trusts(STORE));
    let env = running.trust.env();
    let (_, options) = env.iter().find(|(name, _)| name == "JAVA_TOOL_OPTIONS").unwrap();
    assert!(options.contains("trustStore=/dev/.rlock/cacerts "), "{options}");
    let source = running.trust.binds().remove(0).source;
    let stand_in = fs::read(source.join("cacerts")).unwrap();
    assert!(running.trust.certificate.is_in(&stand_in));
    assert!(keystore::remove(&stand_in, &running.trust.certificate).is_some());
    assert!(running.end().unwrap().is_empty());
}

/// apk keeps a file that looks changed, and puts the new one beside it.
#[test]
fn apk_replaces_what_it_would_have_replaced() {
    if !may_mount() {
        return;
    }
    let bundle = authority().0.into_bytes();
    let new = authority().0.into_bytes();
    let checksum = |content: &[u8]| BASE64_STANDARD.encode(sha1::Sha1::digest(content));
    let database = |content: &[u8]| {
        format!(
            "P:musl\nF:lib\nR:ca-certificates.crt\nZ:Q1none\n\nP:ca-certificates-bundle\nF:etc/ssl\n\
             R:cert.pem\nZ:Q1none\nF:etc/ssl/certs\nR:ca-certificates.crt\nZ:Q1{}\n",
            checksum(content)
        )
    };
    let upgrade = |installed: &[u8], packaged: &[u8], root: &Path| {
        let path = root.join(BUNDLE);
        let found = fs::read(&path).unwrap();
        let beside = path.with_extension("crt.apk-new");
        if found == installed {
            fs::write(&beside, packaged).unwrap();
            fs::rename(beside, path).unwrap();
        } else if found != packaged {
            fs::write(beside, packaged).unwrap();
        }
    };
    for (installed, packaged) in
        [(&bundle, &new), (&bundle, &bundle), (&new, &bundle), (&new, &new)]
    {
        let notes = database(installed);
        let world = World::new(&[(BUNDLE, &bundle), ("lib/apk/db/installed", notes.as_bytes())]);
        let act = |root: &Path| upgrade(installed, packaged, root);
        let running = world.start();
        act(running.path());
        let (left, plain) = (running.end().unwrap(), world.plain(&act));
        let contents = |tree: &super::world::Snapshot| {
            tree.iter().map(|(path, object)| (path.clone(), object.5.clone())).collect::<Vec<_>>()
        };
        let is_untouched =
            |tree: &super::world::Snapshot| tree.values().all(|found| found.5.len() < 9);
        if is_untouched(&plain) {
            assert!(is_untouched(&left), "{left:?}");
        } else {
            assert_eq!(contents(&left), contents(&plain));
        }
    }
}

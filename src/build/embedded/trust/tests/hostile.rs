//! Images and steps that mean harm.

use super::fixtures::authority;
use super::world::{World, may_mount};
use crate::build::BuildError;
use crate::store::read_dir_sorted;
use crate::store::rooted::{FileKind, Owner, Root};
use std::fs;
use std::os::unix::fs::symlink;

const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

#[test]
fn no_link_leads_out_of_the_tree() {
    if !may_mount() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("ca.pem");
    fs::write(&file, authority().0).unwrap();
    let before = fs::read(&file).unwrap();
    let up = format!("../../../../../../../..{}", file.display());
    let world = World::new(&[("etc/ssl/other", b"")]);
    world.link(BUNDLE, &up);
    world.link("etc/ssl/ca-bundle.pem", file.to_str().unwrap());
    world.link("etc/pki", outside.path().to_str().unwrap());
    world.link("etc/apk/ca.pem", "ca.pem");
    let running = world.start();
    // And the step makes more of them.
    symlink(&file, running.path().join("etc/ssl/cert.pem")).unwrap();
    symlink(outside.path(), running.path().join("opt")).unwrap();
    running.refresh();
    running.end().unwrap();
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(read_dir_sorted(outside.path()).unwrap().len(), 1);
}

#[test]
fn what_is_no_bundle_is_left_alone() {
    if !may_mount() {
        return;
    }
    let world = World::new(&[
        ("etc/ssl/cert.pem", b""),
        ("etc/ssl/ca-bundle.pem", b"\x7fELF"),
        ("usr/lib/jvm/a/lib/security/cacerts", b"nonsense"),
    ]);
    world.directory(BUNDLE);
    let root = Root::open(&world.lowers[0]).unwrap();
    root.create_dir_all(b"etc/apk", 0o755, Owner::default()).unwrap();
    root.create_node(b"etc/apk/ca.pem", FileKind::Fifo, 0o644, Owner::default()).unwrap();
    let null = FileKind::CharDevice { major: 1, minor: 3 };
    root.create_dir_all(b"usr/lib/ssl", 0o755, Owner::default()).unwrap();
    root.create_node(b"usr/lib/ssl/cert.pem", null, 0o644, Owner::default()).unwrap();
    let running = world.start();
    running.refresh();
    assert!(running.end().unwrap().is_empty());
}

#[test]
fn what_it_cannot_be_taken_out_of_is_an_error() {
    if !may_mount() {
        return;
    }
    let bundle = authority().0;
    let world = World::new(&[(BUNDLE, bundle.as_bytes())]);
    let running = world.start();
    let content = fs::read(running.path().join(BUNDLE)).unwrap();
    fs::create_dir(running.path().join("srv")).unwrap();
    let archive = [&[0; 512][..], &content, &[0; 1024]].concat();
    fs::write(running.path().join("srv/etc.tar"), archive).unwrap();
    let name = running.trust.certificate.name().to_vec();
    fs::write(running.path().join("srv/list"), name).unwrap();
    let Err(error) = running.end() else { panic!("the authority was left") };
    assert!(matches!(error, BuildError::Trust(_)));
    let text = error.to_string();
    assert!(text.ends_with("left in `/srv/etc.tar`, `/srv/list`"), "{text}");
    assert!(error.hint().unwrap().contains("--network=none"));
}

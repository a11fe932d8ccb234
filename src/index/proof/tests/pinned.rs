//! Packages of languages, and what lockfiles of the project say of them.

use super::*;

const URL: &str = "https://crates.example/greeter/1.0.0/download";

/// A crate that no index of the lock has anything of.
fn world(body: &[u8]) -> World {
    let mut world = World::new();
    world.bodies.insert(Digest::of(body), body.to_vec());
    world.lock.packages.push(LockedPackage {
        kind: "cargo".into(),
        name: "greeter".into(),
        version: "1.0.0".into(),
        architecture: String::new(),
        source: None,
        url: Some(URL.into()),
        sha256: Some(Digest::of(body)),
        size: Some(body.len() as u64),
        modified: None,
        step: "1".into(),
        requested: true,
    });
    world
}

fn pin(world: &mut World, body: &[u8]) {
    let checksum = Digest::of(body).hex();
    let text = format!(
        "version = 4\n[[package]]\nname = \"greeter\"\nversion = \"1.0.0\"\nchecksum = \"{checksum}\"\n"
    );
    world.pins.add("app/Cargo.lock", text.as_bytes()).unwrap();
}

#[test]
fn a_lockfile_of_the_project_speaks_for_what_no_index_has() {
    let mut it = world(b"good");
    assert!(matches!(&it.prove(None)[0], Verdict::Unprovable { .. }));
    pin(&mut it, b"good");
    let by = "app/Cargo.lock of the base, which nobody signs".to_owned();
    assert_eq!(it.prove(None), [Verdict::Unsigned { by: by.clone() }]);
    // As new as the lock before has it not: nothing is open.
    let base = World::new().lock;
    assert_eq!(it.prove(Some(&base)), [Verdict::Unsigned { by: by.clone() }]);
    // A mere download of the same content.
    let package = it.lock.packages.remove(0);
    it.fetch(&package.url.unwrap(), b"good");
    assert_eq!(it.prove(None), [Verdict::Unsigned { by }]);
}

#[test]
fn another_file_than_the_lockfile_pins_is_poisoned() {
    let mut it = world(b"evil");
    pin(&mut it, b"good");
    let problem = it.poisoned(None);
    assert_eq!(problem.message, "app/Cargo.lock of the base pins another file of this version");
    assert_eq!(problem.expected, Some(Digest::of(b"good").hex()));
    // What the lock before had as well is not the doing of this one.
    let base = it.lock.clone();
    assert_eq!(it.prove(Some(&base)), [Verdict::Held]);
    // Of several lockfiles one that pins it is enough.
    pin(&mut it, b"evil");
    assert!(matches!(&it.prove(None)[0], Verdict::Unsigned { .. }));
    // Another version is none of its business.
    let mut it = world(b"evil");
    pin(&mut it, b"good");
    it.lock.packages[0].version = "1.0.1".into();
    assert!(matches!(&it.prove(None)[0], Verdict::Unprovable { .. }));
}

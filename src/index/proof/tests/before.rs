//! Files that the lock before has otherwise.

use super::*;

/// A greeter of apk whose file the Store has, and the lock before.
fn alpine() -> (World, Lockfile) {
    let mut world = World::new();
    let root = "http://apk.example/main/x86_64/";
    let key = "it@index.test.rsa.pub";
    world.apk_keys.add(key, "keys", &fixture(&format!("apk/{key}"))).unwrap();
    world.fetch(&format!("{root}APKINDEX.tar.gz"), &fixture("apk/APKINDEX.tar.gz"));
    let file = fixture("apk/greeter-1.0-r0.apk");
    world.bodies.insert(Digest::of(&file), file.clone());
    world.lock.packages.push(LockedPackage {
        kind: "apk".into(),
        name: "greeter".into(),
        version: "1.0-r0".into(),
        architecture: "x86_64".into(),
        source: None,
        url: Some(format!("{root}greeter-1.0-r0.apk")),
        sha256: Some(Digest::of(&file)),
        size: Some(file.len() as u64),
        modified: None,
        step: "1".into(),
        requested: true,
    });
    let base = world.lock.clone();
    (world, base)
}

#[test]
fn another_hash_of_a_file_of_the_base_needs_a_signature() {
    let evil = Digest::of(b"evil");
    let (mut world, base) = alpine();
    assert!(world.prove(Some(&base)).iter().all(is_proven));
    // Nobody has the file, so that it cannot be compared with the hash of the index.
    world.lock.packages[0].sha256 = Some(evil);
    let verdicts = world.prove(None);
    assert!(matches!(verdicts[0], Verdict::Undetermined { .. }), "{verdicts:#?}");
    let problem = world.poisoned(Some(&base));
    assert_eq!(problem.message, "the base lock has another hash of the same file");
    let was = base.packages[0].sha256.unwrap().hex();
    assert_eq!(
        (problem.key, problem.expected, problem.found),
        ("sha256", Some(was), Some(evil.hex()))
    );
    // A fetch of the package's file is the same file.
    let (mut world, base) = alpine();
    let package = world.lock.packages.remove(0);
    let fetch = world.fetch(&package.url.unwrap(), b"");
    (fetch.sha256, fetch.size) = (evil, package.size.unwrap());
    assert!(world.poisoned(Some(&base)).message.contains("the base lock has another hash"));
    // Another version, or another place: nothing is known of it before.
    let changes: [fn(&mut LockedPackage); 2] = [
        |it| it.version = "1.0-r1".into(),
        |it| it.url = Some("http://x.example/greeter.apk".into()),
    ];
    for change in changes {
        let (mut world, mut base) = alpine();
        change(&mut base.packages[0]);
        world.lock.packages[0].sha256 = Some(evil);
        let verdicts = world.prove(Some(&base));
        assert!(matches!(verdicts[0], Verdict::Undetermined { .. }), "{verdicts:#?}");
    }
}

#[test]
fn a_signed_index_may_name_another_file_than_the_base() {
    let mut base = World::apt("apt/InRelease.ed25519").lock;
    base.packages[0].sha256 = Some(Digest::of(b"before"));
    let proven = World::apt("apt/InRelease.ed25519").prove(Some(&base));
    assert!(proven.iter().all(is_proven), "{proven:#?}");
    // One that nobody believes does not.
    let problem = World::apt("apt/InRelease.rsa").poisoned(Some(&base));
    assert_eq!(problem.message, "the base lock has another hash of the same file");
}

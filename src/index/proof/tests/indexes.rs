//! What indexes, images and lists of mirrors say, form by form.

use super::*;
use sha2::Digest as _;

const REPOSITORY: &str = "http://rpm.example/repo/";

/// A repository that nobody signs, whose repomd is changed, and its packages.
fn repository(change: impl Fn(String) -> String) -> World {
    let mut world = World::new();
    let text = String::from_utf8(fixture("rpm/repomd.xml")).unwrap();
    let files = crate::index::rpm::repomd(text.as_bytes(), None).unwrap().value.files;
    let primary = fixture("rpm/primary.xml.gz");
    world.fetch(&format!("{REPOSITORY}{}", files["primary"].location), &primary);
    let plain = crate::index::decompress("primary.xml", &primary).unwrap();
    let offer = crate::index::rpm::packages(&plain).unwrap().remove(0);
    let package = world.fetch(&format!("{REPOSITORY}{}", offer.location), b"");
    (package.sha256, package.size) = (offer.sha256().unwrap(), offer.size);
    world.fetch(&format!("{REPOSITORY}repodata/repomd.xml"), change(text).as_bytes());
    world
}

/// The checksum of `primary.xml.gz`, in another form.
fn with_checksum(kind: &str, hex: &str) -> World {
    let plain = "e896bf5090ebec50fc8782f4deab8eded292b45a90ed595e0d50251a125a072f";
    let new = format!("<checksum type=\"{kind}\">{hex}<");
    let old = format!("<checksum type=\"sha256\">{plain}<");
    repository(|text| text.replacen(&old, &new, 1))
}

#[test]
fn a_repository_names_its_lists_by_hash_and_size() {
    let is_unsigned = |verdict: &Verdict| matches!(verdict, Verdict::Unsigned { .. });
    assert!(repository(|text| text).prove(None).iter().all(is_unsigned));
    let primary = fixture("rpm/primary.xml.gz");
    let hex = |bytes: &[u8]| {
        sha2::Sha512::digest(bytes)
            .iter()
            .map(|it| format!("{it:02X}"))
            .collect::<Vec<_>>()
            .concat()
    };
    let good = with_checksum("sha512", &hex(&primary));
    assert!(good.prove(None).iter().all(is_unsigned), "{:#?}", good.prove(None));
    let mut gone = with_checksum("sha512", &hex(&primary));
    gone.bodies.remove(&Digest::of(&primary));
    assert!(matches!(gone.prove(None)[0], Verdict::Undetermined { .. }));
    for (kind, other) in [("sha256", Digest::of(b"x").hex()), ("sha512", hex(b"x"))] {
        let world = with_checksum(kind, &other);
        let problem = world.poisoned(None);
        assert_eq!((&*problem.message, problem.key), ("repomd.xml has another hash", "sha256"));
        // What the list offers is then not known.
        let Verdict::Undetermined { reason } = &world.prove(None)[1] else { panic!() };
        assert!(reason.ends_with("is not usable"), "{reason}");
    }
    let weak = with_checksum("sha", "00").prove(None);
    let Verdict::Undetermined { reason } = &weak[0] else { panic!("{weak:#?}") };
    assert_eq!(reason, "repomd.xml has only a weak hash of it");
    let mut world = repository(|text| text);
    world.lock.fetches[0].size += 1;
    assert_eq!(world.poisoned(None).key, "size");
    for bad in ["", "0", "00", "zz"] {
        let world = with_checksum("sha512", bad);
        assert!(world.poisoned(None).message.contains("no SHA-512"), "{bad}");
    }
    // The list of packages is not in the lock.
    let mut world = repository(|text| text);
    world.lock.fetches.remove(0);
    let verdicts = world.prove(None);
    let Verdict::Undetermined { reason } = &verdicts[0] else { panic!("{verdicts:#?}") };
    assert!(reason.starts_with("the lock has no primary.xml of "), "{reason}");
}

#[test]
fn a_version_of_rpm_may_be_said_without_its_epoch_and_nothing_else_otherwise() {
    let mut world = World::apt("apt/InRelease.ed25519");
    let good = world.lock.packages[0].clone();
    // A database that does not say it.
    world.lock.packages[0].architecture = String::new();
    assert!(world.prove(None).iter().all(is_proven));
    let plain = good.version.split_once(':').unwrap().1.to_owned();
    world.lock.packages[0] = LockedPackage { version: plain, ..good };
    assert_eq!(world.poisoned(None).key, "version");
    // Alpine's indexes say x86_64 of what is noarch.
    let mut world = World::new();
    let name = "it@index.test.rsa.pub";
    world.apk_keys.add(name, "keys", &fixture(&format!("apk/{name}"))).unwrap();
    let root = "http://apk.example/main/x86_64/";
    world.fetch(&format!("{root}APKINDEX.tar.gz"), &fixture("apk/APKINDEX.tar.gz"));
    let file = fixture("apk/greeter-1.0-r0.apk");
    world.bodies.insert(Digest::of(&file), file.clone());
    world.lock.packages.push(LockedPackage {
        kind: "apk".into(),
        name: "greeter".into(),
        version: "1.0-r0".into(),
        architecture: "noarch".into(),
        source: None,
        url: Some(format!("{root}greeter-1.0-r0.apk")),
        sha256: Some(Digest::of(&file)),
        size: Some(file.len() as u64),
        modified: None,
        step: "1".into(),
        requested: true,
    });
    assert!(world.prove(None).iter().all(is_proven), "{:#?}", world.prove(None));
    world.lock.packages[0].version = "1.0-r1".into();
    assert_eq!(world.poisoned(None).key, "version");
    // The index's own hash is of a part of the file alone: without the file nothing is known.
    world.lock.packages[0].version = "1.0-r0".into();
    world.bodies.remove(&Digest::of(&file));
    assert!(matches!(world.prove(None)[0], Verdict::Undetermined { .. }));
}

#[test]
fn packages_of_rpm_are_found_with_and_without_their_epoch() {
    let mut world = repository(|text| text);
    let fetch = world.lock.fetches.remove(1);
    let primary = fixture("rpm/primary.xml.gz");
    let text = crate::index::decompress("primary.xml", &primary).unwrap();
    let offer = crate::index::rpm::packages(&text).unwrap().remove(0);
    world.lock.packages.push(LockedPackage {
        kind: "rpm".into(),
        name: offer.name.clone(),
        version: offer.version.clone(),
        architecture: offer.architecture.clone(),
        source: None,
        url: Some(fetch.url),
        sha256: offer.sha256(),
        size: Some(offer.size),
        modified: None,
        step: "1".into(),
        requested: true,
    });
    let is_good = |world: &World| matches!(world.prove(None)[0], Verdict::Unsigned { .. });
    assert!(is_good(&world), "{:#?}", world.prove(None));
    let version = offer.version.clone();
    if let Some((_, plain)) = version.split_once(':') {
        world.lock.packages[0].version = plain.to_owned();
        assert!(is_good(&world));
    }
    world.lock.packages[0].version = format!("9:{version}");
    assert_eq!(world.poisoned(None).key, "version");
}

#[test]
fn the_manifest_of_an_image_is_in_its_index() {
    let (manifest, other) = (Digest::of(b"manifest"), Digest::of(b"other"));
    let index = format!("{{\"manifests\":[{{\"digest\":\"{manifest}\"}}]}}").into_bytes();
    let world = |reference: &str, has: &[u8], is_there: bool| {
        let mut world = World::new();
        if is_there {
            world.bodies.insert(Digest::of(has), has.to_vec());
        }
        world.lock.images.push(LockedImage {
            reference: reference.parse().unwrap(),
            index: Some(Digest::of(has)),
            manifest,
            packages: Vec::new(),
        });
        world.prove(None).remove(0)
    };
    let tagged = "docker.io/library/base:1";
    let by_index = format!("docker.io/library/base@{}", Digest::of(&index));
    let by_manifest = format!("docker.io/library/base@{manifest}");
    assert!(matches!(world(tagged, &index, true), Verdict::Unprovable { .. }));
    assert!(matches!(world(tagged, &index, false), Verdict::Unprovable { .. }));
    assert!(is_proven(&world(&by_index, &index, true)));
    assert!(is_proven(&world(&by_manifest, &index, false)));
    // Whoever names the index has to have it.
    assert!(matches!(world(&by_index, &index, false), Verdict::Undetermined { .. }));
    // An index of other images; the digest has to be a whole value there.
    for text in [format!("\"{other}\""), format!("\"x{manifest}\""), format!("\"{manifest}0\"")] {
        for reference in [tagged, &by_manifest] {
            let verdict = world(reference, text.as_bytes(), true);
            let Verdict::Poisoned(problem) = &verdict else { panic!("{verdict:#?}") };
            assert!(problem.message.ends_with("does not have the manifest"), "{problem:?}");
        }
    }
}

#[test]
fn mirrors_of_a_repository_have_its_files() {
    let names = |list: &str, media: &str| {
        let mut world = repository(|text| text);
        for fetch in world.lock.fetches.iter_mut().take(2) {
            fetch.url = fetch.url.replace(REPOSITORY, "http://mirror.example/el/");
        }
        world.fetch(&format!("http://lists.example/{media}?repo=it"), list.as_bytes());
        world.prove(None).iter().take(2).all(|it| matches!(it, Verdict::Unsigned { .. }))
    };
    let metalink = format!(
        "<metalink><url>{REPOSITORY}repodata/repomd.xml</url>\
         <url>http://mirror.example/el/repodata/repomd.xml</url></metalink>"
    );
    assert!(names(&metalink, "metalink"));
    assert!(names(&format!("# it\n{REPOSITORY}\nhttp://mirror.example/el\n"), "mirrorlist"));
    // A list that is of another repository, or no list at all.
    let other = "http://other.example/\nhttp://mirror.example/el/\n";
    assert!(!names(other, "mirrorlist"));
    assert!(!names(&format!("{REPOSITORY}\nhttp://mirror.example/el/\n"), "page"));
    assert!(!names(&format!("{REPOSITORY}\nhttp://third.example/el/\n"), "mirrorlist"));
    assert!(!names(&format!("{REPOSITORY}\nftp://mirror.example/el/\n"), "mirrorlist"));
}

#[test]
fn a_signature_beside_a_release_is_judged_with_it() {
    let mut world = World::apt("apt/InRelease.ed25519");
    world.lock.fetches.remove(0);
    world.fetch(&format!("{ROOT}dists/stable/Release"), &fixture("apt/Release"));
    world.fetch(&format!("{ROOT}dists/stable/Release.gpg"), &fixture("apt/Release.gpg"));
    assert!(world.prove(None).iter().all(is_proven), "{:#?}", world.prove(None));
    // Its signature is not of this text.
    let mut other = World::apt("apt/InRelease.ed25519");
    other.lock.fetches.remove(0);
    let text = String::from_utf8(fixture("apt/Release")).unwrap().replace("it-label", "evil");
    other.fetch(&format!("{ROOT}dists/stable/Release"), text.as_bytes());
    other.fetch(&format!("{ROOT}dists/stable/Release.gpg"), &fixture("apt/Release.gpg"));
    let problems = other.poisoned_all();
    assert!(problems.len() >= 2, "{problems:#?}");
    assert!(problems.iter().all(|it| it.message.starts_with("the signature is wrong")));
}

#[test]
fn flat_archives_are_where_their_signed_index_is_or_above() {
    let flat = |folder: &str, file: &str, root: &str| {
        let mut world = World::apt("apt/InRelease.ed25519");
        let text = fixture(&format!("apt/{file}"));
        world.lock.fetches[0].url =
            format!("http://flat.example/{folder}{file}").replace(".ed25519", "");
        world.lock.fetches[0].sha256 = Digest::of(&text);
        world.bodies.insert(Digest::of(&text), text);
        world.lock.fetches[1].url = format!("http://flat.example/{folder}{LIST}");
        for package in &mut world.lock.packages {
            package.url = package.url.as_ref().map(|url| url.replace(ROOT, root));
        }
        world
    };
    let all = |world: &World| world.prove(None).iter().all(is_proven);
    assert!(all(&flat("a/b/", "InRelease.ed25519", "http://flat.example/a/b/")));
    assert!(all(&flat("a/b/", "InRelease.ed25519", "http://flat.example/a/")));
    assert!(all(&flat("a/b/", "InRelease.ed25519", "http://flat.example/")));
    assert!(!all(&flat("a/b/", "InRelease.ed25519", "http://other.example/a/b/")));
    // A file that is called `Release` with no signature beside it need not be an index.
    let alone = flat("a/b/", "Release", "http://flat.example/a/b/");
    let verdicts = alone.prove(None);
    assert!(matches!(verdicts[2], Verdict::Unprovable { .. }), "{verdicts:#?}");
    let mut signed = flat("a/b/", "Release", "http://flat.example/a/b/");
    signed.fetch("http://flat.example/a/b/Release.gpg", &fixture("apt/Release.gpg"));
    assert!(all(&signed), "{:#?}", signed.prove(None));
}

#[test]
fn what_a_signed_index_does_not_name_is_not_proven() {
    let mut world = World::apt("apt/InRelease.ed25519");
    world.fetch(&format!("{ROOT}dists/stable/main/i18n/Translation-en.xz"), b"text");
    let verdicts = world.prove(None);
    let Some(Verdict::Unprovable { reason, .. }) = verdicts.last() else { panic!("{verdicts:#?}") };
    assert!(reason.ends_with("dists/stable/InRelease does not name it"), "{reason}");
    // In a flat archive anything may lie beside the index.
    let mut flat = World::apt("apt/InRelease.ed25519");
    flat.lock.fetches[0].url = "http://flat.example/InRelease".into();
    flat.fetch("http://flat.example/tool", b"tool");
    let verdicts = flat.prove(None);
    let Some(Verdict::Unprovable { reason, .. }) = verdicts.last() else { panic!("{verdicts:#?}") };
    assert!(!reason.contains("does not name it"), "{reason}");
}

#[test]
fn a_list_is_read_from_its_plain_form_where_its_packed_one_is_gone() {
    let mut world = World::apt("apt/InRelease.ed25519");
    world.bodies.remove(&Digest::of(&fixture("apt/Packages.xz")));
    assert!(!world.prove(None).iter().all(is_proven));
    let plain = fixture("apt/Packages");
    world.bodies.insert(Digest::of(&plain), plain);
    assert!(world.prove(None).iter().all(is_proven));
}

#[test]
fn escaped_and_plain_paths_are_the_same_place() {
    let mut world = World::apt("apt/InRelease.ed25519");
    let url = world.lock.packages[0].url.clone().unwrap();
    let (folder, file) = url.rsplit_once('/').unwrap();
    let escape =
        |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    for spelt in [escape(file), format!("{}{}", escape(&file[..1]), &file[1..]), file.to_owned()] {
        world.lock.packages[0].url = Some(format!("{folder}/{spelt}"));
        assert!(world.prove(None).iter().all(is_proven), "{spelt}");
    }
    for spelt in [format!("{file}%"), format!("%zz{file}"), format!("%6{file}")] {
        world.lock.packages[0].url = Some(format!("{folder}/{spelt}"));
        assert_eq!(world.poisoned(None).key, "url", "{spelt}");
    }
}

#[test]
fn redirects_are_followed_backwards_ten_times() {
    // Ten names of one URL, itself first.
    for (count, is_found) in [(9, true), (10, false)] {
        let mut world = World::apt("apt/InRelease.ed25519");
        let url = world.lock.packages[0].url.clone().unwrap();
        let name = |at: usize| {
            if at == 0 { url.clone() } else { format!("http://cdn.example/{at}/greeter.deb") }
        };
        for at in 0..count {
            let redirect = world.fetch(&name(at), b"");
            redirect.status = Some(302);
            redirect.location = Some(name(at + 1));
        }
        // Round in a circle does no harm.
        let circle = world.fetch(&name(count), b"");
        (circle.status, circle.location) = (Some(302), Some(name(1)));
        world.lock.packages[0].url = Some(name(count));
        assert_eq!(is_proven(&world.prove(None)[0]), is_found, "{count}");
    }
}

#[test]
fn one_of_two_indexes_that_agrees_is_enough() {
    let mut world = World::apt("apt/InRelease.ed25519");
    // Another suite has another file at the same path; its name sorts first.
    let list = String::from_utf8(fixture("apt/Packages")).unwrap();
    let right = world.lock.packages[0].sha256.unwrap().hex();
    let list = list.replace(&right, &Digest::of(b"other").hex());
    let (digest, size) = (Digest::of(list.as_bytes()).hex(), list.len());
    let release = format!(
        "Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {digest} {size} main/binary-amd64/Packages\n"
    );
    world.fetch(&format!("{ROOT}dists/a/Release"), release.as_bytes());
    world.fetch(&format!("{ROOT}dists/a/main/binary-amd64/Packages"), list.as_bytes());
    let verdicts = world.prove(None);
    assert!(is_proven(&verdicts[0]), "{verdicts:#?}");
    assert!(matches!(verdicts.last(), Some(Verdict::Unsigned { .. })), "{verdicts:#?}");
    // None agrees.
    world.lock.packages[0].sha256 = Some(Digest::of(b"third"));
    assert_eq!(world.poisoned(None).key, "sha256");
}

#[test]
fn a_package_that_is_offered_elsewhere_is_at_the_wrong_place() {
    let elsewhere = "http://vendor.example/greeter_1_all.deb";
    let mut world = World::apt("apt/InRelease.ed25519");
    world.lock.packages[0].url = Some(elsewhere.to_owned());
    // By its name and version, whatever its hash; or by its hash, whatever its name.
    world.lock.packages[0].sha256 = Some(Digest::of(b"evil"));
    assert_eq!(world.poisoned(None).key, "url");
    let mut world = World::apt("apt/InRelease.ed25519");
    world.lock.packages[0].url = Some(elsewhere.to_owned());
    world.lock.packages[0].name = "renamed".to_owned();
    assert_eq!(world.poisoned(None).key, "url");
}

#[test]
fn packages_that_nothing_vouches_for_are_held_if_the_base_has_the_very_same() {
    let mut world = World::new();
    world.lock.packages.push(LockedPackage {
        kind: "generic".into(),
        name: "tool".into(),
        version: "1".into(),
        architecture: String::new(),
        source: None,
        url: Some("http://files.example/tool-1.tar.gz".into()),
        sha256: Some(Digest::of(b"tool")),
        size: Some(4),
        modified: None,
        step: "1".into(),
        requested: true,
    });
    let base = world.lock.clone();
    let first = |world: &World, base: &Lockfile| world.prove(Some(base)).remove(0);
    assert_eq!(first(&world, &base), Verdict::Held);
    let is_new = |it: &Verdict| matches!(it, Verdict::Unprovable { is_new: true, .. });
    assert!(is_new(&first(&world, &World::new().lock)));
    let mut other = base.clone();
    other.packages[0].name = "another".into();
    other.packages[0].url = Some("http://files.example/another.tar.gz".into());
    assert!(is_new(&first(&world, &other)), "{:#?}", first(&world, &other));
    // What is another file by the same name needs a signature.
    world.lock.packages[0].sha256 = Some(Digest::of(b"evil"));
    assert_eq!(world.poisoned(Some(&base)).key, "sha256");
}

#[test]
fn a_fetched_package_file_of_the_base_is_the_same_file() {
    let url = "http://vendor.example/greeter_1_all.deb";
    let with = |url: &str, body: &[u8]| {
        let mut world = World::new();
        world.fetch(url, body);
        world
    };
    let now = with(url, b"evil");
    let problem = now.poisoned(Some(&with(url, b"good").lock));
    assert_eq!(problem.message, "the base lock has another hash of the same file");
    let is_bad = |base: &World| {
        now.prove(Some(&base.lock)).iter().any(|it| matches!(it, Verdict::Poisoned(_)))
    };
    assert!(!is_bad(&with(url, b"evil")));
    assert!(!is_bad(&with("http://vendor.example/other_1_all.deb", b"good")));
    // It was not there, or it is no package.
    let mut missing = with(url, b"good");
    missing.lock.fetches[0].status = Some(404);
    assert!(!is_bad(&missing));
    let page = "http://vendor.example/page";
    assert!(
        !with(page, b"new")
            .prove(Some(&with(page, b"old").lock))
            .iter()
            .any(|it| { matches!(it, Verdict::Poisoned(_)) })
    );
}

#[test]
fn a_suite_is_known_by_its_place_or_by_its_names() {
    let older = "the metadata is older than what the base lock has";
    let later = |url: &str, change: (&str, &str)| {
        let mut base = World::new();
        let text = String::from_utf8(fixture("apt/Release")).unwrap();
        let text = text.replace("Date: Thu, 01 Jan 2026", "Date: Fri, 02 Jan 2026");
        let text = if change.0.is_empty() { text } else { text.replace(change.0, change.1) };
        base.fetch(url, text.as_bytes());
        base
    };
    for (url, change, expected) in [
        ("http://mirror.example/dists/x/Release", ("", ""), true),
        // Other names, at the same place.
        (&*format!("{ROOT}dists/stable/Release"), ("Codename: it1", "Codename: it2"), true),
        ("http://mirror.example/dists/x/Release", ("Codename: it1", "Codename: it2"), false),
        ("http://mirror.example/dists/x/Release", ("Origin: it\n", ""), false),
        ("http://mirror.example/dists/x/Release", ("Label: it-label", "Label: x"), false),
    ] {
        let base = later(url, change);
        let mut now = World::apt("apt/InRelease.ed25519");
        now.bodies.extend(base.bodies.clone());
        let verdicts = now.prove(Some(&base.lock));
        let is_older = verdicts
            .iter()
            .any(|it| matches!(it, Verdict::Poisoned(problem) if problem.message == older));
        assert_eq!(is_older, expected, "{url} {change:?}");
    }
}

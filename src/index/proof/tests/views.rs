//! Earlier states of repositories that an update holds, and indexes that are older or less signed
//! than those of the lock before.

use super::*;
use crate::door::held_host;

const RPM: &str = "http://rpm.example/repo/";
const APK: &str = "http://apk.example/main/x86_64/";

/// A repository, with the place of its first index among the fetches at 0.
fn rpm() -> World {
    let mut world = World::new();
    let repomd = fixture("rpm/repomd.xml");
    let files = crate::index::rpm::repomd(&repomd, None).unwrap().value.files;
    world.fetch(&format!("{RPM}repodata/repomd.xml"), &repomd);
    world.fetch(&format!("{RPM}repodata/repomd.xml.asc"), &fixture("rpm/repomd.xml.asc"));
    let primary = fixture("rpm/primary.xml.gz");
    world.fetch(&format!("{RPM}{}", files["primary"].location), &primary);
    let text = crate::index::decompress("primary.xml", &primary).unwrap();
    let offer = crate::index::rpm::packages(&text).unwrap().remove(0);
    let package = world.fetch(&format!("{RPM}{}", offer.location), b"");
    (package.sha256, package.size) = (offer.sha256().unwrap(), offer.size);
    world
}

fn apk() -> World {
    let mut world = World::new();
    let name = "it@index.test.rsa.pub";
    world.apk_keys.add(name, "keys", &fixture(&format!("apk/{name}"))).unwrap();
    world.fetch(&format!("{APK}APKINDEX.tar.gz"), &fixture("apk/APKINDEX.tar.gz"));
    world.fetch(&format!("{APK}greeter-1.0-r0.apk"), &fixture("apk/greeter-1.0-r0.apk"));
    world
}

fn apt() -> World {
    World::apt("apt/InRelease.ed25519")
}

/// The same with its indexes in a view that is named after `digest`; packages keep their URL.
fn held(mut world: World, host: &str, digest: &Digest) -> World {
    let view = held_host(host, digest);
    let is_package = |url: &str| offered::kind_of(url).is_some();
    for fetch in world.lock.fetches.iter_mut().filter(|fetch| !is_package(&fetch.url)) {
        fetch.url = fetch.url.replacen(host, &view, 1);
    }
    world
}

/// The verdict on the first index, once more than nothing else is judged.
fn of_index(world: &World, base: Option<&Lockfile>) -> Verdict {
    let at = world.lock.images.len() + world.lock.packages.len();
    world.prove(base).remove(at)
}

fn message(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Poisoned(problem) => &problem.message,
        Verdict::Undetermined { reason } => reason,
        other => panic!("{other:#?}"),
    }
}

/// How a lock of a kind is made, and the host of its repository.
type Kind = (fn() -> World, &'static str);

const KINDS: [Kind; 3] = [(apt, "deb.example"), (rpm, "rpm.example"), (apk, "apk.example")];

#[test]
fn a_view_is_named_after_its_first_index() {
    for (world, host) in KINDS {
        let digest = world().lock.fetches[0].sha256;
        let good = held(world(), host, &digest);
        let verdicts = good.prove(None);
        assert!(verdicts.iter().all(is_proven), "{host}: {verdicts:#?}");
        for base in [None, Some(&good.lock)] {
            let bad = held(world(), host, &Digest::of(b"another"));
            let verdict = of_index(&bad, base);
            assert_eq!(message(&verdict), "the view is named after another index", "{host}");
            let Verdict::Poisoned(problem) = verdict else { panic!("{verdict:#?}") };
            assert_eq!(problem.key, "url");
        }
    }
}

#[test]
fn a_view_has_the_keys_of_the_repository_itself() {
    let folders = ["http://deb.example/debian/dists/stable/", RPM];
    for ((world, host), base) in KINDS.into_iter().zip(folders) {
        let mut world = held(world(), host, &world().lock.fetches[0].sha256);
        world.bindings = vec![Binding { base: base.to_owned(), ..binding(&["rsa.asc"]) }];
        let verdict = of_index(&world, None);
        assert!(message(&verdict).contains("does not count for this archive"), "{verdict:#?}");
        world.bindings = vec![Binding { base: base.to_owned(), ..binding(&["ed25519.asc"]) }];
        assert!(is_proven(&of_index(&world, None)), "{host}");
    }
}

/// A later state of the first index, signed by whoever.
fn later(world: fn() -> World) -> (World, Vec<u8>) {
    let mut world = world();
    let fetch = &mut world.lock.fetches[0];
    let (from, to) = if fetch.url.ends_with("InRelease") {
        fetch.url = fetch.url.replace("InRelease", "Release");
        ("Date: Thu, 01 Jan 2026", "Date: Fri, 02 Jan 2026")
    } else {
        ("<timestamp>1767225600<", "<timestamp>1767312000.5<")
    };
    let path = if fetch.url.ends_with("Release") { "apt/Release" } else { "rpm/repomd.xml" };
    let text = String::from_utf8(fixture(path)).unwrap();
    let text = text.replacen(from, to, 1).into_bytes();
    assert_ne!(text, fixture(path));
    fetch.sha256 = Digest::of(&text);
    (world, text)
}

#[test]
fn a_view_is_as_old_as_the_base_has_it_and_no_older() {
    let older = "the metadata is older than what the base lock has";
    for (world, host) in [KINDS[0], KINDS[1]] {
        let (base, text) = later(world);
        let digest = world().lock.fetches[0].sha256;
        for mut now in [world(), held(world(), host, &digest)] {
            now.bodies.insert(Digest::of(&text), text.clone());
            let verdict = of_index(&now, Some(&base.lock));
            assert_eq!(message(&verdict), older, "{host}");
            // The other way round time goes on.
            let mut then = later(world).0;
            then.bodies.insert(Digest::of(&text), text.clone());
            let verdict = of_index(&then, Some(&now.lock));
            assert!(!matches!(&verdict, Verdict::Poisoned(it) if it.message == older), "{host}");
            // Of the same age, by another hash.
            assert!(is_proven(&of_index(&now, Some(&world().lock))), "{host}");
        }
        // The base holds it as well, or had it before it was held.
        for same in [held(world(), host, &digest), world()] {
            let mut base = base.lock.clone();
            base.fetches.extend(
                same.lock
                    .fetches
                    .iter()
                    .filter(|it| base.fetches.iter().all(|other| other.url != it.url))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            let mut now = held(world(), host, &digest);
            now.bodies.insert(Digest::of(&text), text.clone());
            let has = base.fetches.iter().any(|it| it.sha256 == digest);
            assert_eq!(is_proven(&of_index(&now, Some(&base))), has, "{host}");
        }
    }
}

#[test]
fn a_view_of_apk_that_the_base_does_not_have_may_be_older() {
    let digest = apk().lock.fetches[0].sha256;
    let now = held(apk(), "apk.example", &digest);
    for (base, is_known) in [
        (apk().lock, true),
        (now.lock.clone(), true),
        (World::new().lock, false),
        // Another index at the same place.
        (
            {
                let mut other = apk().lock;
                other.fetches[0].sha256 = Digest::of(b"other");
                other
            },
            false,
        ),
        // The same content at another place.
        (
            {
                let mut other = apk().lock;
                other.fetches[0].url = "http://apk.example/other/x86_64/APKINDEX.tar.gz".into();
                other
            },
            false,
        ),
    ] {
        let verdict = of_index(&now, Some(&base));
        assert_eq!(is_proven(&verdict), is_known, "{verdict:#?}");
        if !is_known {
            assert!(message(&verdict).contains("the base lock does not have it"), "{verdict:#?}");
        }
    }
}

#[test]
fn a_signature_that_the_base_had_is_not_dropped() {
    let dropped = "is not signed, and was in the base lock";
    let base = rpm();
    let mut now = rpm();
    now.lock.fetches.remove(1);
    assert!(matches!(of_index(&now, None), Verdict::Unsigned { .. }));
    let verdict = of_index(&now, Some(&base.lock));
    assert!(message(&verdict).ends_with(dropped), "{verdict:#?}");
    // Nobody signed it before either.
    let unsigned = now.lock.clone();
    assert!(!matches!(of_index(&now, Some(&unsigned)), Verdict::Poisoned(_)));
    assert!(is_proven(&of_index(&base, Some(&unsigned))));
    // apk.
    let base = apk();
    let mut now = apk();
    let body = fixture("apk/APKINDEX.unsigned.tar.gz");
    let fetch = &mut now.lock.fetches[0];
    (fetch.sha256, fetch.size) = (Digest::of(&body), body.len() as u64);
    now.bodies.insert(Digest::of(&body), body);
    let verdict = of_index(&now, None);
    assert!(message(&verdict).contains("it is not signed, as apk demands"), "{verdict:#?}");
    assert!(message(&of_index(&now, Some(&base.lock))).ends_with(dropped));
    let verdict = of_index(&now, Some(&now.lock));
    assert!(message(&verdict).contains("it is not signed, as apk demands"), "{verdict:#?}");
    assert!(is_proven(&of_index(&base, Some(&now.lock))));
}

#[test]
fn an_index_that_cannot_be_read_is_poisoned_and_its_packages_are_not_known() {
    let garbage = b"\x1f\x8bgarbage".to_vec();
    for (world, host) in KINDS {
        for is_there in [true, false] {
            let mut world = world();
            let fetch = &mut world.lock.fetches[0];
            (fetch.sha256, fetch.size) = (Digest::of(&garbage), garbage.len() as u64);
            if is_there {
                world.bodies.insert(Digest::of(&garbage), garbage.clone());
            }
            let verdict = of_index(&world, None);
            if is_there {
                assert!(message(&verdict).starts_with("no client believes it: "), "{verdict:#?}");
            } else {
                assert_eq!(message(&verdict), "it is not in the Store");
            }
            // Its packages: nothing is said that would need the index.
            let verdicts = world.prove(None);
            let of_package =
                if host == "deb.example" { &verdicts[0] } else { verdicts.last().unwrap() };
            let Verdict::Undetermined { reason } = of_package else { panic!("{of_package:#?}") };
            assert!(reason.contains("cannot be used"), "{host}: {reason}");
        }
    }
    // What a key has signed that is believed, and is now something else.
    let mut world = apk();
    let name = "it@index.test.rsa.pub";
    world.apk_keys = ApkKeys::default();
    let other = b"-----BEGIN PUBLIC KEY-----\n".to_vec();
    assert!(world.apk_keys.add(name, "keys", &other).is_err());
    assert!(world.apk_keys.is_empty());
    assert!(matches!(of_index(&world, None), Verdict::Undetermined { .. }));
}

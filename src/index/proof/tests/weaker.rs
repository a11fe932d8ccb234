//! Entries that are still there and pin less than in the lock before.

use super::*;
use crate::lock::LockedSource;

/// A change of a lock that an update may make, and what it is.
type Move = (&'static str, fn(&mut Lockfile));

const WHEEL: &str = "https://pypi.example/files/greeter-1.0-py3-none-any.whl";
const DEB: &str = "http://deb.example/pool/greeter_1.0_amd64.deb";
const TOOL: &str = "https://tool.example/tool.tar.gz";

fn package(kind: &str, url: &str) -> LockedPackage {
    LockedPackage {
        kind: kind.into(),
        name: "greeter".into(),
        version: "1.0".into(),
        architecture: String::new(),
        source: Some(LockedSource { name: "greeter".into(), version: "1.0".into() }),
        url: Some(url.into()),
        sha256: Some(Digest::of(kind.as_bytes())),
        size: Some(3),
        modified: None,
        step: "1".into(),
        requested: true,
    }
}

/// Nobody signs anything in it.
fn lock() -> Lockfile {
    let mut lock = Lockfile::new("linux/amd64".parse::<Platform>().unwrap(), 0, 1);
    lock.packages.extend([package("deb", DEB), package("pypi", WHEEL)]);
    for url in [TOOL, "http://deb.example/dists/stable/InRelease"] {
        let fetch = LockedFetch::new(url.into(), Digest::of(url.as_bytes()), 3, "1".into());
        lock.fetches.push(fetch);
    }
    lock.images.push(LockedImage {
        reference: "debian:12".parse().unwrap(),
        index: Some(Digest::of(b"index")),
        manifest: Digest::of(b"manifest"),
        packages: vec!["deb:openssl 3.0".into(), "deb:zlib 1".into()],
    });
    lock
}

fn verdicts(base: &Lockfile, lock: &Lockfile) -> Vec<Verdict> {
    let world = World { lock: lock.clone(), ..World::new() };
    world.prove(Some(base))
}

fn without_file(package: &mut LockedPackage) {
    (package.url, package.sha256, package.size) = (None, None, None);
}

fn redirect(fetch: &mut LockedFetch, to: &str) {
    (fetch.status, fetch.location) = (Some(302), Some(to.to_owned()));
    (fetch.sha256, fetch.size) = (Digest::of(b""), 0);
}

fn gone(fetch: &mut LockedFetch) {
    (fetch.status, fetch.sha256, fetch.size) = (Some(404), Digest::of(b""), 0);
}

/// What a hostile branch does to the lock, and the key that is then at fault.
type Way = (&'static str, fn(&mut Lockfile), &'static str);

const WAYS: [Way; 16] = [
    ("no file of a package", |lock| without_file(&mut lock.packages[0]), "sha256"),
    ("no file of one of a language", |lock| without_file(&mut lock.packages[1]), "sha256"),
    (
        "no file, and a type that nobody knows",
        |lock| {
            without_file(&mut lock.packages[0]);
            lock.packages[0].kind = "generic".into();
        },
        "sha256",
    ),
    (
        "another file, and a type that nobody knows",
        |lock| {
            lock.packages[1].kind = "generic".into();
            lock.packages[1].sha256 = Some(Digest::of(b"evil"));
        },
        "type",
    ),
    (
        "another file under another architecture",
        |lock| {
            lock.packages[1].architecture = "amd64".into();
            lock.packages[1].sha256 = Some(Digest::of(b"evil"));
        },
        "sha256",
    ),
    (
        "another file, as a plain download",
        |lock| {
            let package = lock.packages.remove(1);
            let evil = Digest::of(b"evil");
            lock.fetches.push(LockedFetch::new(package.url.unwrap(), evil, 3, "1".into()));
        },
        "sha256",
    ),
    ("another type of the same file", |lock| lock.packages[1].kind = "npm".into(), "type"),
    ("another name of the same file", |lock| lock.packages[0].name = "x".into(), "name"),
    ("another version of the same file", |lock| lock.packages[0].version = "9".into(), "version"),
    ("another source of the same file", |lock| lock.packages[0].source = None, "source"),
    ("another size of the same file", |lock| lock.packages[0].size = Some(4), "size"),
    ("no index of an image", |lock| lock.images[0].index = None, "index"),
    ("fewer packages of an image", |lock| drop(lock.images[0].packages.remove(0)), "packages"),
    (
        "another version of a package of an image",
        |lock| lock.images[0].packages[0] = "deb:openssl 9.0".into(),
        "packages",
    ),
    ("no signed index", |lock| gone(&mut lock.fetches[1]), "status"),
    (
        "a signed index from elsewhere",
        |lock| redirect(&mut lock.fetches[1], "http://evil.example/InRelease"),
        "status",
    ),
];

#[test]
fn what_was_pinned_stays_pinned() {
    let base = lock();
    let is_poisoned = |verdict: &Verdict| matches!(verdict, Verdict::Poisoned(_));
    assert!(!verdicts(&base, &base).iter().any(is_poisoned));
    for (way, change, key) in WAYS {
        let mut changed = base.clone();
        change(&mut changed);
        let found: BTreeSet<&str> = verdicts(&base, &changed)
            .iter()
            .filter_map(
                |it| if let Verdict::Poisoned(problem) = it { Some(problem.key) } else { None },
            )
            .collect();
        assert_eq!(found, BTreeSet::from([key]), "{way}");
        // Without the lock before nobody knows.
        let world = World { lock: changed, ..World::new() };
        assert!(!world.prove(None).iter().any(is_poisoned), "{way}");
    }
}

#[test]
fn what_an_update_does_is_not_weaker() {
    let base = lock();
    let ways: [Move; 6] = [
        ("another version from another place", |lock| {
            let package = &mut lock.packages[1];
            package.version = "1.1".into();
            package.url = Some(WHEEL.replace("1.0", "1.1"));
            package.sha256 = Some(Digest::of(b"new"));
        }),
        ("another version from the same place", |lock| {
            lock.packages[0].version = "1.1".into();
            lock.packages[0].sha256 = Some(Digest::of(b"new"));
        }),
        ("gone altogether", |lock| drop(lock.packages.remove(1))),
        ("a copy beside the one that has a file", |lock| {
            let mut copy = lock.packages[1].clone();
            without_file(&mut copy);
            copy.step = "2".into();
            lock.packages.push(copy);
        }),
        ("more packages of an image", |lock| lock.images[0].packages.push("pypi:x 1".into())),
        ("the same by way of a redirect", |lock| {
            let target = LockedFetch {
                url: "https://elsewhere.example/tool.tar.gz".into(),
                ..lock.fetches[0].clone()
            };
            redirect(&mut lock.fetches[0], &target.url);
            lock.fetches.push(target);
        }),
    ];
    for (way, change) in ways {
        let mut changed = base.clone();
        change(&mut changed);
        for verdict in verdicts(&base, &changed) {
            assert!(!matches!(verdict, Verdict::Poisoned(_)), "{way}: {verdict:#?}");
        }
    }
}

#[test]
fn other_content_behind_a_redirect_is_somebodys_word() {
    // What the redirect leads to is locked, and held: only where it leads is new.
    let mut base = lock();
    let old = "https://tool.example/old.tar.gz";
    base.fetches.push(LockedFetch::new(old.into(), Digest::of(b"old"), 3, "1".into()));
    let mut changed = base.clone();
    redirect(&mut changed.fetches[0], old);
    let found = verdicts(&base, &changed);
    let at = base.images.len() + base.packages.len();
    assert!(matches!(&found[at], Verdict::Unprovable { is_new: true, .. }), "{found:#?}");
    assert_eq!(found[at + 2], Verdict::Held);
    // An update without a file of a package that has always had one.
    let mut changed = base.clone();
    changed.packages[0].version = "2.0".into();
    without_file(&mut changed.packages[0]);
    let found = verdicts(&base, &changed);
    assert!(matches!(&found[1], Verdict::Unprovable { is_new: true, .. }), "{found:#?}");
}

#[test]
fn an_image_that_is_older_says_so() {
    let mut world = World::new();
    let mut image = |created: &str| {
        let rootfs = r#""rootfs":{"type":"layers","diff_ids":[]}"#;
        let config =
            format!(r#"{{"architecture":"amd64","os":"linux","created":"{created}",{rootfs}}}"#);
        let digest = Digest::of(config.as_bytes());
        let size = config.len();
        world.bodies.insert(digest, config.into_bytes());
        let config = format!(
            r#"{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{size}}}"#
        );
        let manifest = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#);
        let digest = Digest::of(manifest.as_bytes());
        world.bodies.insert(digest, manifest.into_bytes());
        let (reference, packages) = ("debian:12".parse().unwrap(), Vec::new());
        LockedImage { reference, index: None, manifest: digest, packages }
    };
    let (old, new) = (image("2026-01-01T00:00:00Z"), image("2026-02-01T00:00:00Z"));
    for (before, now, is_older) in [(&old, &new, false), (&new, &old, true)] {
        let mut base = world.lock.clone();
        base.images = vec![before.clone()];
        world.lock.images = vec![now.clone()];
        let found = world.prove(Some(&base));
        let Verdict::Unprovable { reason, is_new: true } = &found[0] else { panic!("{found:#?}") };
        assert_eq!(reason.contains("the base lock has a newer one"), is_older, "{reason}");
    }
}

#[test]
fn what_else_of_a_lock_changed_is_noted() {
    let base = lock();
    let mut changed = base.clone();
    assert_eq!(moment(&changed, &base), Vec::<String>::new());
    (changed.epoch, changed.canonical) = (1, 2);
    changed.platform = "linux/arm64".parse().unwrap();
    let expected = ["linux/amd64 → linux/arm64", "`epoch` of the lock: 0 → 1", "1 → 2"];
    let notes = moment(&changed, &base);
    assert_eq!(notes.len(), expected.len());
    for (note, expected) in notes.iter().zip(expected) {
        assert!(note.ends_with(expected), "{note}");
    }
}

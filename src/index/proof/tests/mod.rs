//! Locks of the archives in `fixtures/index`, and what is said of them when they are changed.

mod before;
mod indexes;
mod pinned;
mod views;
mod weaker;
mod yum;

use super::*;
use crate::lock::LockedImage;
use crate::oci::Platform;

const ROOT: &str = "http://deb.example/debian/";
const LIST: &str = "main/binary-amd64/Packages.xz";

fn fixture(path: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join("fixtures/index").join(path)).unwrap()
}

/// A lock, and the content behind it.
struct World {
    lock: Lockfile,
    bodies: BTreeMap<Digest, Vec<u8>>,
    keyring: Keyring,
    apk_keys: ApkKeys,
    bindings: Vec<Binding>,
    pins: Pins,
}

impl World {
    fn new() -> Self {
        let mut keyring = Keyring::default();
        keyring.add("ed25519.asc", &fixture("keys/ed25519.asc")).unwrap();
        let lock = Lockfile::new("linux/amd64".parse::<Platform>().unwrap(), 0, 1);
        Self {
            lock,
            bodies: BTreeMap::new(),
            keyring,
            apk_keys: ApkKeys::default(),
            bindings: Vec::new(),
            pins: Pins::default(),
        }
    }

    /// The archive with its two packages.
    fn apt(in_release: &str) -> Self {
        let mut world = Self::new();
        world.fetch(&format!("{ROOT}dists/stable/InRelease"), &fixture(in_release));
        world.fetch(&format!("{ROOT}dists/stable/{LIST}"), &fixture("apt/Packages.xz"));
        for offer in crate::index::apt::packages(&fixture("apt/Packages")).unwrap() {
            world.lock.packages.push(LockedPackage {
                kind: "deb".into(),
                name: offer.name.clone(),
                version: offer.version.clone(),
                architecture: offer.architecture.clone(),
                source: None,
                url: Some(format!("{ROOT}{}", offer.location)),
                sha256: offer.sha256(),
                size: Some(offer.size),
                modified: None,
                step: "1".into(),
                requested: true,
            });
        }
        world
    }

    fn fetch(&mut self, url: &str, body: &[u8]) -> &mut LockedFetch {
        let digest = Digest::of(body);
        self.bodies.insert(digest, body.to_vec());
        let fetch = LockedFetch::new(url.into(), digest, body.len() as u64, "1".into());
        self.lock.fetches.push(fetch);
        self.lock.fetches.last_mut().unwrap()
    }

    fn prove(&self, base: Option<&Lockfile>) -> Vec<Verdict> {
        let bodies = |digest: &Digest| match self.bodies.get(digest) {
            Some(body) => Body::There(body.clone()),
            None => Body::Missing,
        };
        let evidence = Evidence {
            lock: &self.lock,
            base,
            bodies: &bodies,
            keyring: &self.keyring,
            apk_keys: &self.apk_keys,
            bindings: &self.bindings,
            pins: &self.pins,
        };
        prove(&evidence).into_iter().map(|proof| proof.verdict).collect()
    }

    /// The only entry that is poisoned.
    #[track_caller]
    fn poisoned(&self, base: Option<&Lockfile>) -> Problem {
        let verdicts = self.prove(base);
        let bad: Vec<Problem> = verdicts
            .into_iter()
            .filter_map(|it| if let Verdict::Poisoned(problem) = it { Some(problem) } else { None })
            .collect();
        assert_eq!(bad.len(), 1, "{bad:#?}");
        bad[0].clone()
    }
}

fn is_proven(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Proven { .. })
}

#[test]
fn a_lock_that_is_as_the_archive_has_it_is_proven() {
    let verdicts = World::apt("apt/InRelease.ed25519").prove(None);
    assert_eq!(verdicts.len(), 4);
    assert!(verdicts.iter().all(is_proven), "{verdicts:#?}");
    let Verdict::Proven { by } = &verdicts[0] else { panic!() };
    assert!(by.ends_with(&format!("dists/stable/InRelease → {LIST}")), "{by}");
    assert!(by.contains("(ed25519 <ed25519@index.test>) signed 2026-01-01"), "{by}");
}

fn binding(keys: &[&str]) -> Binding {
    let mut ring = Keyring::default();
    for key in keys {
        ring.add(key, &fixture(&format!("keys/{key}"))).unwrap();
    }
    Binding {
        base: format!("{ROOT}dists/stable/"),
        keys: Counting::These(ring),
        place: "it.sources of debian".to_owned(),
    }
}

#[test]
fn only_the_keys_that_are_named_for_an_archive_count_for_it() {
    let by = |world: &World| {
        let verdicts = world.prove(None);
        let Verdict::Proven { by } = &verdicts[2] else { panic!("{verdicts:#?}") };
        by.clone()
    };
    let mut world = World::apt("apt/InRelease.ed25519");
    assert!(by(&world).contains(", not bound: no file of sources"), "{}", by(&world));
    world.bindings = vec![binding(&["rsa.asc", "ed25519.asc"])];
    assert!(by(&world).contains(", which it.sources of debian names for it"), "{}", by(&world));
    // The key is believed, but for other archives.
    world.bindings = vec![binding(&["rsa.asc"])];
    let verdicts = world.prove(None);
    for verdict in &verdicts {
        let Verdict::Poisoned(problem) = verdict else { continue };
        assert!(problem.message.contains("does not count for this archive: see it.sources"));
        assert!(problem.message.contains("ed25519@index.test"), "{}", problem.message);
    }
    assert!(verdicts.iter().any(|it| matches!(it, Verdict::Poisoned(_))), "{verdicts:#?}");
    assert!(!verdicts.iter().any(is_proven), "{verdicts:#?}");
    // Of two images one names it.
    world.bindings.push(binding(&["ed25519.asc"]));
    assert!(world.prove(None).iter().all(is_proven));
    // Of another suite nothing is said.
    world.bindings = vec![Binding { base: format!("{ROOT}dists/other/"), ..binding(&["rsa.asc"]) }];
    assert!(by(&world).contains("not bound"));
    let unknown = Counting::NotKnown("a reason".to_owned());
    world.bindings = vec![Binding { keys: unknown, ..binding(&[]) }];
    assert!(by(&world).contains(", not bound: a reason"), "{}", by(&world));
}

#[test]
fn every_value_of_a_package_that_is_another_one_is_named() {
    type Change = fn(&mut LockedPackage);
    let changes: [(&str, Change); 8] = [
        ("sha256", |it| it.sha256 = Some(Digest::of(b"evil"))),
        ("size", |it| it.size = Some(1)),
        ("version", |it| it.version = "1:1.0-2".into()),
        ("name", |it| it.name = "greater".into()),
        ("architecture", |it| it.architecture = "amd64".into()),
        ("url", |it| {
            it.url = it.url.as_ref().map(|url| url.replace("deb.example", "evil.example"));
        }),
        ("url", |it| it.url = it.url.as_ref().map(|url| url.replace("pool/", "pools/"))),
        ("url", |it| it.url = it.url.as_ref().map(|url| url.replace("debian/", "debian/../"))),
    ];
    for (key, change) in changes {
        let mut world = World::apt("apt/InRelease.ed25519");
        change(&mut world.lock.packages[0]);
        let problem = world.poisoned(None);
        assert_eq!(problem.key, key);
        assert!(problem.expected.is_some() && problem.expected != problem.found, "{problem:?}");
    }
    // Another file that the archive has, too.
    let mut world = World::apt("apt/InRelease.ed25519");
    let other = world.lock.packages[1].clone();
    world.lock.packages[0].url = other.url;
    assert_eq!(world.poisoned(None).key, "name");
}

#[test]
fn what_no_index_offers_is_poisoned_inside_of_the_archive_and_unknown_outside() {
    let mut world = World::apt("apt/InRelease.ed25519");
    let package = &mut world.lock.packages[0];
    package.name = "evil".into();
    package.sha256 = Some(Digest::of(b"evil"));
    package.url = Some(format!("{ROOT}pool/main/evil_1_all.deb"));
    assert_eq!(world.poisoned(None).message, "no index of the lock offers the package");
    world.lock.packages[0].url = Some("http://vendor.example/evil_1_all.deb".into());
    assert!(matches!(world.prove(None)[0], Verdict::Undetermined { .. }));
    // A known package from another place, in a version that nobody offers.
    world.lock.packages[0].name = "greeter".into();
    world.lock.packages[0].version = "9".into();
    assert_eq!(world.poisoned(None).key, "version");
}

#[test]
fn signatures_that_count_for_nothing_prove_nothing() {
    for name in ["rsa", "rsa-sha1", "revoked"] {
        let verdicts = World::apt(&format!("apt/InRelease.{name}")).prove(None);
        assert!(
            verdicts.iter().all(|it| matches!(it, Verdict::Undetermined { .. })),
            "{verdicts:#?}"
        );
    }
    // A wrong hash is one whoever has signed: no client takes it.
    let mut world = World::apt("apt/InRelease.rsa");
    world.lock.packages[0].sha256 = Some(Digest::of(b"evil"));
    assert_eq!(world.poisoned(None).key, "sha256");
    let mut world = World::apt("apt/InRelease.ed25519");
    let text = String::from_utf8(fixture("apt/InRelease.ed25519")).unwrap();
    for (changed, reason) in [
        (text.replace("Suite: stable", "Suite: unstable"), "the signature is wrong"),
        (format!("Origin: evil\n{text}"), "text before the signed block"),
    ] {
        world.lock.fetches.clear();
        world.fetch(&format!("{ROOT}dists/stable/InRelease"), changed.as_bytes());
        let problem = world.poisoned_all();
        assert!(problem[0].message.contains(reason), "{problem:#?}");
    }
}

impl World {
    fn poisoned_all(&self) -> Vec<Problem> {
        let problem = |it| if let Verdict::Poisoned(problem) = it { Some(problem) } else { None };
        self.prove(None).into_iter().filter_map(problem).collect()
    }
}

#[test]
fn an_index_that_is_not_the_signed_one_is_poisoned() {
    let mut world = World::apt("apt/InRelease.ed25519");
    let other = fixture("apt/Packages.gz");
    world.bodies.insert(Digest::of(&other), other.clone());
    world.lock.fetches[1].sha256 = Digest::of(&other);
    assert_eq!(world.poisoned(None).key, "sha256");
    world.lock.fetches[1].url =
        format!("{ROOT}dists/stable/main/binary-amd64/by-hash/SHA256/{}", Digest::of(b"").hex());
    assert!(world.poisoned(None).message.contains("names no file with this hash"));
    let digest = Digest::of(&other).hex();
    world.lock.fetches[1].url =
        format!("{ROOT}dists/stable/main/binary-amd64/by-hash/SHA256/{digest}");
    world.lock.fetches[1].size = other.len() as u64;
    assert!(world.prove(None).iter().all(is_proven));
    world.bodies.remove(&Digest::of(&other));
    let verdicts = world.prove(None);
    assert!(matches!(verdicts[0], Verdict::Undetermined { .. }), "{verdicts:#?}");
}

#[test]
fn a_base_lock_shows_older_metadata_and_dropped_signatures() {
    let base = World::apt("apt/InRelease.ed25519");
    let mut world = World::apt("apt/InRelease.ed25519");
    world.lock.fetches.remove(0);
    world.bodies.extend(base.bodies.clone());
    assert!(world.poisoned(Some(&base.lock)).message.contains("its signature is not checked"));
    let verdicts = world.prove(None);
    assert!(verdicts.iter().all(|it| matches!(it, Verdict::Undetermined { .. })), "{verdicts:#?}");
    // Unsigned instead of signed.
    world.fetch(&format!("{ROOT}dists/stable/Release"), &fixture("apt/Release"));
    let problem = world.poisoned(Some(&base.lock));
    assert!(problem.message.contains("not signed, and was in the base lock"), "{problem:?}");
    // Older, from wherever: the suite is the same.
    let mut old = World::apt("apt/InRelease.ed25519");
    let mut base = World::new();
    let text = String::from_utf8(fixture("apt/Release")).unwrap();
    let newer = text.replace("Date: Thu, 01 Jan 2026", "Date: Fri, 02 Jan 2026");
    assert_ne!(newer, text);
    base.fetch("http://mirror.example/dists/stable/Release", newer.as_bytes());
    old.bodies.extend(base.bodies.clone());
    let problem = old.poisoned(Some(&base.lock));
    assert_eq!(problem.expected.as_deref(), Some("of 2026-01-02T00:00:00Z or later"));
    assert_eq!(problem.found.as_deref(), Some("of 2026-01-01T00:00:00Z"));
}

#[test]
fn what_nothing_vouches_for_is_held_or_new() {
    let mut world = World::new();
    world.fetch("http://files.example/tool", b"tool");
    world.lock.images.push(LockedImage {
        reference: "docker.io/library/base:latest".parse().unwrap(),
        index: None,
        manifest: Digest::of(b"image"),
        packages: Vec::new(),
    });
    let unprovable = |is_new: bool| move |it: &Verdict| matches!(it, Verdict::Unprovable { is_new: found, .. } if *found == is_new);
    assert!(world.prove(None).iter().all(unprovable(false)));
    let base = world.lock.clone();
    assert_eq!(world.prove(Some(&base)), [Verdict::Held, Verdict::Held]);
    world.lock.images[0].manifest = Digest::of(b"other");
    world.lock.fetches[0].sha256 = Digest::of(b"other");
    assert!(world.prove(Some(&base)).iter().all(unprovable(true)));
    // A reference that names the digest proves the image, or shows that it is another one.
    let named = format!("docker.io/library/base@{}", Digest::of(b"image"));
    world.lock.images[0].reference = named.parse().unwrap();
    assert_eq!(world.poisoned(None).key, "manifest");
    world.lock.images[0].manifest = Digest::of(b"image");
    assert!(is_proven(&world.prove(None)[0]));
}

#[test]
fn redirects_lead_back_to_the_archive() {
    let mut world = World::apt("apt/InRelease.ed25519");
    let url = world.lock.packages[0].url.clone().unwrap();
    let moved = "http://cdn.example/greeter.deb";
    world.lock.packages[0].url = Some(moved.into());
    assert_eq!(world.poisoned(None).key, "url");
    let redirect = world.fetch(&url, b"");
    redirect.status = Some(302);
    redirect.location = Some(moved.into());
    let verdicts = world.prove(None);
    assert!(is_proven(&verdicts[0]), "{verdicts:#?}");
    assert!(matches!(verdicts.last(), Some(Verdict::Empty { .. })), "{verdicts:#?}");
}

#[test]
fn pages_of_pypi_agree_with_the_files() {
    let wheel = b"wheel";
    let hex = Digest::of(wheel).hex();
    let file = "http://files.example/a/greeter-1-py3-none-any.whl";
    let html = format!(
        "<!-- <a href='x'> --><A HREF='../../a/greeter-1-py3-none-any.whl#sha256={hex}' data-x='a>b'>g</a>"
    );
    let json =
        format!("{{\"files\": [{{\"url\": \"{file}\", \"hashes\": {{\"sha256\": \"{hex}\"}}}}]}}");
    for (page, media_type) in
        [(html, "text/html; charset=utf-8"), (json, "application/vnd.pypi.simple.v1+json")]
    {
        let mut world = World::new();
        world.fetch("http://files.example/simple/greeter/", page.as_bytes()).media_type =
            Some(media_type.into());
        world.fetch(file, wheel);
        let verdicts = world.prove(None);
        assert!(verdicts.iter().all(|it| matches!(it, Verdict::Unsigned { .. })), "{verdicts:#?}");
        world.lock.fetches[1].sha256 = Digest::of(b"evil");
        let problem = world.poisoned(None);
        assert_eq!((problem.key, problem.expected), ("sha256", Some(hex.clone())));
        world.lock.fetches[1].url = file.replace("files.", "evil.");
        let problem = world.poisoned(None);
        assert_eq!((problem.key, problem.expected.as_deref()), ("url", Some(file)));
    }
}

#[test]
fn documents_of_npm_agree_with_the_files() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let tarball = b"tarball";
    let file = "http://npm.example/greeter/-/greeter-1.0.0.tgz";
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha512::digest(tarball));
    let dist = format!("{{\"tarball\": \"{file}\", \"integrity\": \"sha512-{hash}\"}}");
    let mut world = World::new();
    let document = format!("{{\"versions\": {{\"1.0.0\": {{\"dist\": {dist}}}}}}}");
    world.fetch("http://npm.example/greeter", document.as_bytes()).media_type =
        Some("application/json".into());
    world.fetch(file, tarball);
    let verdicts = world.prove(None);
    assert!(verdicts.iter().all(|it| matches!(it, Verdict::Unsigned { .. })), "{verdicts:#?}");
    let base = world.lock.clone();
    let evil = b"evil".to_vec();
    world.lock.fetches[1].sha256 = Digest::of(&evil);
    assert!(matches!(world.prove(None)[1], Verdict::Undetermined { .. }));
    // The lock before has the file that the document means; one that it does not mean says nothing.
    let problem = world.poisoned(Some(&base));
    assert_eq!((problem.key, problem.expected), ("sha256", Some(Digest::of(tarball).hex())));
    let mut other = base;
    other.fetches[1].sha256 = Digest::of(document.as_bytes());
    assert!(matches!(world.prove(Some(&other))[1], Verdict::Undetermined { .. }));
    world.bodies.insert(Digest::of(&evil), evil);
    assert_eq!(world.poisoned(None).key, "sha256");
}

#[test]
fn packages_are_those_that_pages_name() {
    let tarball = b"tarball";
    let sum = Digest::of(tarball).hex();
    let wheel = "https://files.example/Polite_Kit-1.0-1-py3-none-any.whl";
    let archive = "https://files.example/polite-kit-1.0.tar.gz";
    for url in [wheel, archive] {
        let mut world = World::new();
        let page = format!("<a href=\"{url}#sha256={sum}\">x</a>");
        world.fetch("https://pypi.example/simple/polite-kit/", page.as_bytes()).media_type =
            Some("text/html".into());
        world.lock.packages.push(LockedPackage {
            kind: "pypi".into(),
            name: "polite-kit".into(),
            version: "1.0.0".into(),
            architecture: String::new(),
            source: None,
            url: Some(url.into()),
            sha256: Some(Digest::of(tarball)),
            size: Some(7),
            modified: None,
            step: "1".into(),
            requested: true,
        });
        let verdicts = world.prove(None);
        assert!(verdicts.iter().all(|it| matches!(it, Verdict::Unsigned { .. })), "{verdicts:#?}");
        let good = world.lock.packages[0].clone();
        for (key, bad) in [
            ("version", LockedPackage { version: "1.0.1".into(), ..good.clone() }),
            ("name", LockedPackage { name: "polite".into(), ..good.clone() }),
            ("type", LockedPackage { kind: "npm".into(), ..good.clone() }),
        ] {
            world.lock.packages[0] = bad;
            assert_eq!(world.poisoned(None).key, key, "{url}");
        }
    }
}

#[test]
fn apk_and_rpm_repositories_prove_their_files() {
    let mut world = World::new();
    let root = "http://apk.example/main/x86_64/";
    world.fetch(&format!("{root}APKINDEX.tar.gz"), &fixture("apk/APKINDEX.tar.gz"));
    world.fetch(&format!("{root}greeter-1.0-r0.apk"), &fixture("apk/greeter-1.0-r0.apk"));
    let repository = "http://rpm.example/repo/";
    let repomd = fixture("rpm/repomd.xml");
    let primary = fixture("rpm/primary.xml.gz");
    let files = crate::index::rpm::repomd(&repomd, None).unwrap().value.files;
    let text = crate::index::decompress("primary.xml", &primary).unwrap();
    let offer = crate::index::rpm::packages(&text).unwrap().remove(0);
    world.fetch(&format!("{repository}repodata/repomd.xml"), &repomd);
    world.fetch(&format!("{repository}repodata/repomd.xml.asc"), &fixture("rpm/repomd.xml.asc"));
    world.fetch(&format!("{repository}{}", files["primary"].location), &primary);
    let package = world.fetch(&format!("{repository}{}", offer.location), b"package");
    package.sha256 = offer.sha256().unwrap();
    package.size = offer.size;
    let verdicts = world.prove(None);
    assert!(verdicts[2..].iter().all(is_proven), "{verdicts:#?}");
    assert!(
        verdicts[..2].iter().all(|it| matches!(it, Verdict::Undetermined { .. })),
        "{verdicts:#?}"
    );
    let name = "it@index.test.rsa.pub";
    world.apk_keys.add(name, "keys", &fixture(&format!("apk/{name}"))).unwrap();
    assert!(world.prove(None).iter().all(is_proven));
    world.lock.fetches[5].sha256 = Digest::of(b"package");
    assert_eq!(world.poisoned(None).key, "sha256");
    world.lock.fetches.truncate(2);
    let evil = fixture("apk/APKINDEX.tar.gz");
    world.lock.fetches[1].sha256 = Digest::of(&evil);
    world.lock.fetches[1].size = fixture("apk/greeter-1.0-r0.apk").len() as u64;
    assert_eq!(world.poisoned(None).key, "sha256");
}

//! `rlock lock --verify`: real clients make locks, which are then poisoned in every way that there is.

use crate::clients::{Case, NEW, OLD, now};
use crate::upstream::apt::{Key, Package, archive, sources};
use crate::upstream::{Site, Wire, apk, rpm};
use crate::world::{Ran, World, succeed, tool};
use serde_json::Value;
use std::process::Command;

const INSTALL: &str =
    "RUN apt-get update && apt-get install -y greeter && rm -rf /var/lib/apt/lists/*\n";

const PACKAGES: [Package; 2] = [
    Package { name: "greeter", version: "1.0", depends: Some("phrases") },
    Package { name: "phrases", version: "1.0", depends: None },
];

/// A lock of packages of an archive whose key rlock.toml names.
struct Apt<'a> {
    case: Case<'a>,
    good: String,
}

impl<'a> Apt<'a> {
    fn new(site: &'a Site, key: &Key) -> Self {
        site.serve(archive(key, &PACKAGES, OLD, None));
        let dockerfile = sources(&site.url(), key) + INSTALL;
        let case = Case::new("debian-bookworm", &dockerfile, &[site]);
        case.lock();
        believe(&case, "archive.asc", &key.armored());
        let good = case.world.read("Dockerfile.lock");
        Self { case, good }
    }

    /// Poisons the lock; the entry that is found. No server is there to ask.
    #[track_caller]
    fn poisoned(&self, lock: &str, arguments: &[&str]) -> Value {
        poisoned(&self.case, lock, arguments)
    }
}

fn believe(case: &Case<'_>, name: &str, key: &str) {
    case.world.write(name, key);
    case.world.write("rlock.toml", format!("[[key]]\npath = \"{name}\"\n"));
}

fn verify(case: &Case<'_>, arguments: &[&str]) -> Ran {
    let mut all = vec!["--verify", "--format", "json"];
    all.extend(arguments);
    case.rlock("lock", &all)
}

#[track_caller]
fn poisoned(case: &Case<'_>, lock: &str, arguments: &[&str]) -> Value {
    case.world.write("Dockerfile.lock", lock);
    let report = verify(case, arguments).expect(3).json();
    assert_eq!(report["status"], "integrity");
    let entries = report["entries"].as_array().unwrap();
    let bad: Vec<&Value> = entries.iter().filter(|it| it["verdict"] == "poisoned").collect();
    assert_eq!(bad.len(), 1, "{bad:#?}");
    let finding = &report["findings"][0];
    assert_eq!(finding["cause"], "poisoned-lock");
    assert_eq!(finding["location"]["start_line"], bad[0]["line"]);
    bad[0].clone()
}

/// The lock with another value of a key in the block that has this text; and its line.
fn changed(lock: &str, block: &str, key: &str, value: &str) -> (String, u64) {
    let mut line = 0;
    let mut found = None;
    let blocks: Vec<String> = lock
        .split("\n\n")
        .map(|text| {
            let start = line;
            line += text.lines().count() as u64 + 1;
            if !text.contains(block) || found.is_some() {
                return text.to_owned();
            }
            let lines: Vec<String> = text
                .lines()
                .enumerate()
                .map(|(at, text)| {
                    if !text.starts_with(&format!("{key} = ")) {
                        return text.to_owned();
                    }
                    found = Some(start + at as u64 + 1);
                    format!("{key} = {value}")
                })
                .collect();
            lines.join("\n")
        })
        .collect();
    let blocks = blocks.join("\n\n");
    (blocks + if lock.ends_with('\n') { "\n" } else { "" }, found.unwrap())
}

/// The lock without the blocks that have this text.
fn without(lock: &str, block: &str) -> String {
    let kept: Vec<&str> = lock.split("\n\n").filter(|text| !text.contains(block)).collect();
    assert!(kept.len() < lock.split("\n\n").count());
    kept.join("\n\n")
}

#[test]
fn what_apt_installed_is_proven_by_the_key_and_a_poisoned_lock_is_found() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let apt = Apt::new(&site, &key);
    let asked = site.seen().len();
    site.stop();
    let report = verify(&apt.case, &[]).expect(0).json();
    assert_eq!(report["summary"]["proven"], 4, "{report:#}");
    assert_eq!(report["summary"]["unprovable"], 1, "{report:#}");
    assert_eq!(report["findings"], serde_json::json!([]));
    let entries = report["entries"].as_array().unwrap();
    let greeter = entries.iter().find(|it| it["name"] == "deb:greeter 1.0 all").unwrap();
    let by = greeter["reason"].as_str().unwrap();
    assert!(
        by.contains("it <it@apt.test>") && by.contains("dists/stable/InRelease → main/"),
        "{by}"
    );
    let text = apt.case.rlock("lock", &["--verify"]).expect(0).stdout;
    assert!(text.starts_with("nothing wrong: 4 of 5 entries"), "{text}");

    let url = format!("{}/debian/pool/main/greeter_1.0_all.deb", site.url());
    let quoted = |text: &str| format!("\"{text}\"");
    let zeros = "0".repeat(64);
    let evil = url.replace("apt.test", "evil.test");
    for (key, value) in [
        ("sha256", quoted(&zeros)),
        ("size", "1".to_owned()),
        ("version", quoted("9.0")),
        ("architecture", quoted("amd64")),
        ("name", quoted("greater")),
        ("url", quoted(&evil)),
        ("url", quoted(&url.replace("pool/main", "pool/other"))),
    ] {
        let (lock, line) = changed(&apt.good, "name = \"greeter\"", key, &value);
        let bad = apt.poisoned(&lock, &[]);
        assert_eq!((&bad["key"], &bad["line"]), (&key.into(), &line.into()), "{bad:#}");
        assert_eq!(bad["found"], value.trim_matches('"'), "{bad:#}");
        let expected = bad["expected"].as_str().unwrap();
        assert!(key == "url" || apt.good.contains(expected), "{bad:#}");
        assert!(key != "url" || expected == url, "{bad:#}");
    }
    // A package that nobody offers.
    let (lock, _) =
        changed(&apt.good, "name = \"greeter\"", "url", &quoted(&url.replace("greeter", "more")));
    let (lock, _) = changed(&lock, "name = \"greeter\"", "sha256", &quoted(&zeros));
    let (lock, line) = changed(&lock, "name = \"greeter\"", "name", &quoted("more"));
    let bad = apt.poisoned(&lock, &[]);
    assert_eq!(bad["reason"], "no index of the lock offers the package");
    assert_eq!(bad["line"], line + 4, "{bad:#}");
    // A list of packages that the signed index does not have.
    let (lock, line) = changed(&apt.good, "binary-amd64", "sha256", &quoted(&zeros));
    apt.case.world.write("Dockerfile.lock", &lock);
    let report = verify(&apt.case, &[]).expect(3).json();
    let bad = report["entries"].as_array().unwrap().iter().find(|it| it["verdict"] == "poisoned");
    assert_eq!(bad.unwrap()["line"], line, "{report:#}");
    assert_eq!(site.seen().len(), asked, "somebody was asked");
}

#[test]
fn dropped_signatures_old_metadata_and_unknown_keys_are_found() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let apt = Apt::new(&site, &key);
    apt.case.world.write("old.lock", &apt.good);
    // Without a lock to compare with it is not known that there was a signature.
    let dropped = without(&apt.good, "/InRelease");
    apt.case.world.write("Dockerfile.lock", &dropped);
    let report = verify(&apt.case, &[]).expect(5).json();
    assert_eq!(report["summary"]["undetermined"], 3, "{report:#}");
    let bad = apt.poisoned(&dropped, &["--base", "old.lock"]);
    assert!(bad["reason"].as_str().unwrap().contains("signature is not checked"), "{bad:#}");

    // The archive moves on; the old lock is older than the new one.
    site.serve(archive(&key, &PACKAGES, NEW, None));
    let dockerfile = format!("FROM base\n{}RUN true\n{INSTALL}", sources(&site.url(), &key));
    apt.case.world.write("Dockerfile", &dockerfile);
    std::fs::remove_file(apt.case.world.path("context/Dockerfile.lock")).unwrap();
    apt.case.lock();
    let new = apt.case.world.read("Dockerfile.lock");
    apt.case.world.write("new.lock", &new);
    let report = verify(&apt.case, &["--base", "old.lock"]).expect(0).json();
    // The image is as it was.
    assert_eq!(report["summary"]["held"], 1, "{report:#}");
    let bad = apt.poisoned(&apt.good, &["--base", "new.lock"]);
    assert_eq!(bad["reason"], "the metadata is older than what the base lock has");
    assert_eq!(bad["expected"], "of 2026-01-01T00:00:00Z or later");

    // Somebody else's archive, and somebody else's signature.
    let other = Key::new();
    believe(&apt.case, "archive.asc", &other.armored());
    apt.case.world.write("Dockerfile.lock", &new);
    let report = verify(&apt.case, &[]).expect(5).json();
    assert_eq!(report["summary"]["proven"], 0, "{report:#}");
    let reason = report["entries"].as_array().unwrap().iter().find_map(|it| {
        it["name"].as_str()?.ends_with("InRelease").then(|| it["reason"].as_str())?
    });
    assert!(reason.unwrap().contains("which no keyring has"), "{report:#}");
}

#[test]
fn content_that_is_not_what_its_digest_says_is_found() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let apt = Apt::new(&site, &key);
    // Of this archive alone: the Store is everybody's.
    let block = apt.good.split("\n\n").find(|text| text.contains("/InRelease")).unwrap();
    let digest = block.split("sha256 = \"").nth(1).unwrap().split('"').next().unwrap();
    let path = apt.case.store().join("blobs/sha256").join(digest);
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bad).unwrap();
    let found = verify(&apt.case, &[]).expect(3).json();
    std::fs::write(&path, &good).unwrap();
    let entries = found["entries"].as_array().unwrap();
    let bad = entries.iter().find(|it| it["verdict"] == "poisoned").unwrap();
    assert!(bad["reason"].as_str().unwrap().contains("damaged"), "{bad:#}");
    verify(&apt.case, &[]).expect(0);
    // And what is not there at all is not known.
    std::fs::remove_file(&path).unwrap();
    let found = verify(&apt.case, &[]).expect(5).json();
    assert_eq!(found["summary"]["proven"], 0, "{found:#}");
    std::fs::write(&path, &good).unwrap();
}

fn git(case: &Case<'_>) -> Command {
    let mut git = tool("git", "git");
    git.current_dir(case.world.path("context"));
    for (key, value) in [("user.name", "it"), ("user.email", "it@apt.test")] {
        git.arg("-c").arg(format!("{key}={value}"));
    }
    git
}

#[test]
fn a_pull_request_is_compared_with_where_it_left_its_branch() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let apt = Apt::new(&site, &key);
    for arguments in [
        &["init", "--quiet", "--initial-branch", "main"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "base"],
        &["update-ref", "refs/remotes/origin/main", "HEAD"],
        &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"],
    ] {
        succeed(git(&apt.case).args(arguments));
    }
    let report = verify(&apt.case, &[]).expect(0).json();
    assert!(report["base"].as_str().unwrap().ends_with("the merge base with origin/HEAD"));
    assert_eq!(report["summary"]["held"], 1, "{report:#}");
    let bad = apt.poisoned(&without(&apt.good, "/InRelease"), &[]);
    assert!(bad["reason"].as_str().unwrap().contains("signature is not checked"), "{bad:#}");
    // A key that the pull request brings along itself is not believed, whatever it signs.
    let other = Key::new();
    site.serve(archive(&other, &PACKAGES, now(), None));
    let dockerfile = format!("FROM base\n{}{INSTALL}", sources(&site.url(), &other));
    apt.case.world.write("Dockerfile", dockerfile);
    std::fs::remove_file(apt.case.world.path("context/Dockerfile.lock")).unwrap();
    apt.case.lock();
    believe(&apt.case, "archive.asc", &other.armored());
    let report = verify(&apt.case, &[]).expect(5).json();
    assert_eq!(report["summary"]["proven"], 0, "{report:#}");
    assert!(report["notes"][0].as_str().unwrap().contains("not believed"), "{report:#}");
    verify(&apt.case, &["--base", "HEAD"]).expect(5);
    let ran = apt.case.rlock("lock", &["--verify", "--base", "nowhere"]).expect(2);
    ran.says(&["git has no lock `nowhere`"]);
    apt.case.rlock("lock", &["--verify", "--base=--output=x"]).expect(2);
}

/// The lock with another body for one of its fetches, which the Store then has.
fn replaced(case: &Case<'_>, lock: &str, block: &str, body: &[u8]) -> String {
    let digest = rlock::oci::Digest::of(body).hex();
    std::fs::write(case.store().join("blobs/sha256").join(&digest), body).unwrap();
    let (lock, _) = changed(lock, block, "sha256", &format!("\"{digest}\""));
    changed(&lock, block, "size", &body.len().to_string()).0
}

#[test]
fn a_key_counts_only_for_the_archives_that_the_image_names_it_for() {
    let (key, other) = (Key::new(), Key::new());
    let site = Site::start("apt.test", Wire::Plain);
    site.serve(archive(&key, &PACKAGES, OLD, None));
    // An image whose sources name one key; it has another one, for whatever else.
    let image = format!(
        "{}COPY <<END /usr/share/keyrings/other.asc\n{}END\n",
        sources(&site.url(), &key),
        other.armored()
    );
    let image = Case::new("debian-bookworm", &image, &[&site]);
    image.rlock("build", &["-o", "oci:../sourced:latest"]).expect(0);
    let layout = image.world.path("sourced");
    let context = format!("sourced=oci-layout://{}:latest", layout.display());
    let case =
        Case::new("debian-bookworm", "", &[&site]).with(["--build-context".to_owned(), context]);
    case.world.write("Dockerfile", format!("FROM sourced\n{INSTALL}"));
    case.lock();
    let good = case.world.read("Dockerfile.lock");
    let report = verify(&case, &[]).expect(0).json();
    let is_note = |text: &str, report: &Value| {
        report["notes"].as_array().unwrap().iter().any(|it| it.as_str().unwrap().contains(text))
    };
    assert!(!is_note("is not bound", &report), "{report:#}");
    let reason = |report: &Value| {
        let entries = report["entries"].as_array().unwrap();
        let index = entries.iter().find(|it| it["name"].as_str().unwrap().ends_with("/InRelease"));
        index.unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason(&report).contains("it.sources of"), "{report:#}");

    // The same archive, signed with the other key.
    let forged = archive(&other, &PACKAGES, OLD, None);
    let page = forged.find("/debian/dists/stable/InRelease", "").unwrap();
    let lock = replaced(&case, &good, "/InRelease", &page.body);
    case.world.write("Dockerfile.lock", &lock);
    let report = verify(&case, &[]).expect(3).json();
    assert!(reason(&report).contains("does not count for this archive"), "{report:#}");
    assert_eq!(report["summary"]["proven"], 0, "{report:#}");
    // What the project itself believes counts for every archive.
    believe(&case, "other.asc", &other.armored());
    verify(&case, &[]).expect(0);

    // Sources that a step makes are not known: nothing is bound, and that is said.
    let made = Apt::new(&site, &key);
    let report = verify(&made.case, &[]).expect(0).json();
    assert!(is_note("is not bound", &report), "{report:#}");
    assert!(reason(&report).contains("not bound: no file of sources"), "{report:#}");
}

const NOTES: &str =
    "/srv/root/var/lib/dnf /srv/root/var/lib/rpm /srv/root/var/log /srv/root/var/cache";

#[test]
fn what_dnf_installed_is_proven_where_the_repository_is_signed() {
    let key = Key::new();
    let site = Site::start("rpm.test", Wire::Plain);
    site.serve(rpm::signed(&key, &["1.0"], OLD));
    let dockerfile = |check: u8| {
        format!(
            "COPY <<END /srv/key.asc\n{}END\nRUN dnf --installroot=/srv/root --releasever=1 \
             --repofrompath=it,{} --repo=it --setopt=it.repo_gpgcheck={check} \
             --setopt=it.gpgkey=file:///srv/key.asc --setopt=it.gpgcheck=0 --assumeyes install \
             greeter && rm -rf {NOTES}\n",
            key.armored(),
            site.url()
        )
    };
    let case = Case::new("clients", &dockerfile(1), &[&site]);
    case.lock();
    let good = case.world.read("Dockerfile.lock");
    assert!(good.contains("repomd.xml.asc"), "{good}");
    verify(&case, &[]).expect(5);
    believe(&case, "archive.asc", &key.armored());
    let report = verify(&case, &[]).expect(0).json();
    let all = report["entries"].as_array().unwrap().len();
    // All but the image.
    assert_eq!(report["summary"]["proven"], all - 1, "{report:#}");
    let package = "greeter-1.0-1.noarch.rpm";
    let (lock, line) = changed(&good, package, "sha256", &format!("\"{}\"", "0".repeat(64)));
    let bad = poisoned(&case, &lock, &[]);
    assert_eq!((&bad["key"], &bad["line"]), (&"sha256".into(), &line.into()), "{bad:#}");
    // The same repository without a signature: its hashes agree, and nobody says that they are right.
    case.world.write("good.lock", &good);
    let unsigned = without(&good, "repomd.xml.asc");
    let bad = poisoned(&case, &unsigned, &["--base", "good.lock"]);
    assert!(bad["reason"].as_str().unwrap().contains("not signed"), "{bad:#}");
    let report = verify(&case, &[]).expect(0).json();
    assert_eq!(report["summary"]["proven"], 0, "{report:#}");
    assert!(report["summary"]["unsigned"].as_u64().unwrap() >= 3, "{report:#}");
}

#[test]
fn what_apk_installed_is_proven_by_its_key() {
    let key = apk::Key::new();
    let site = Site::start("apk.test", Wire::Plain);
    site.serve(apk::repository(&key, &["1.0-r0"], OLD));
    let name = apk::KEY_NAME;
    let dockerfile = format!(
        "COPY <<END /etc/apk/keys/{name}\n{}END\nRUN echo {} > /etc/apk/repositories \
         && apk add --no-cache greeter\n",
        key.public(),
        site.url()
    );
    let case = Case::new("alpine", &dockerfile, &[&site]);
    case.lock();
    let good = case.world.read("Dockerfile.lock");
    verify(&case, &[]).expect(5);
    believe(&case, name, &key.public());
    let report = verify(&case, &[]).expect(0).json();
    let all = report["entries"].as_array().unwrap().len();
    assert_eq!(report["summary"]["proven"], all - 1, "{report:#}");
    let package = "greeter-1.0-r0.apk";
    // The digest of something else that the Store has.
    let index = good.split("\n\n").find(|text| text.contains("APKINDEX")).unwrap();
    let other = index.split("sha256 = ").nth(1).unwrap().lines().next().unwrap();
    let (lock, line) = changed(&good, package, "sha256", other);
    let bad = poisoned(&case, &lock, &[]);
    assert_eq!(bad["line"], line, "{bad:#}");
    let (lock, _) = changed(&good, package, "size", "1");
    assert_eq!(poisoned(&case, &lock, &[])["key"], "size");
}

#[test]
fn a_base_image_that_is_damaged_in_the_store_is_no_unknown() {
    let world = World::new("FROM busybox\nRUN echo a > /a\n");
    world.on_busybox("lock", &[]).expect(0);
    let verify = || world.on_busybox("lock", &["--verify"]);
    let before = verify();
    assert!(before.code != 3, "{}", before.stdout);
    let lock = world.read("Dockerfile.lock");
    let manifest = lock.split("manifest = \"sha256:").nth(1).unwrap().split('"').next().unwrap();
    let blobs = world.path("cache/rlock/blobs/sha256");
    let parsed = std::fs::read(blobs.join(manifest)).unwrap();
    let parsed: Value = serde_json::from_slice(&parsed).unwrap();
    let layer = parsed["layers"][0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    for (blob, at) in [(layer, 0), (layer, 1), (manifest, 5)] {
        let path = blobs.join(blob);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        // In a header, or, where nothing but the digest tells, in the last block of all.
        let at = if at == 1 { bad.len() - 600 } else { at };
        bad[at] ^= 1;
        std::fs::write(&path, bad).unwrap();
        verify().expect(3).says(&["busybox", "damaged"]);
        std::fs::write(&path, good).unwrap();
    }
    // What is not there is not known, which is no damage.
    let path = blobs.join(layer);
    let aside = blobs.join("aside");
    std::fs::rename(&path, &aside).unwrap();
    assert_eq!(verify().code, before.code);
    std::fs::rename(aside, path).unwrap();
    assert_eq!(verify().code, before.code);
}

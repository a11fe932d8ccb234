//! What was worked out once is kept in the Store: answers are the same with it, without it, and where
//! it is damaged.

use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::{Contents, Key, Package, archive_with, sources};
use crate::upstream::{Site, Wire};
use serde_json::Value;
use std::path::PathBuf;

const INSTALL: &str =
    "RUN apt-get update && apt-get install -y greeter && rm -rf /var/lib/apt/lists/*\n";

const FIRST: &str = "greeter (1.0) stable; urgency=medium\n\n  * Fix CVE-2025-1000.\n\n -- it \
    <it@apt.test>  Wed, 01 Jul 2026 00:00:00 +0000\n";

fn publish(site: &Site, key: &Key, date: i64, greeter: (&'static str, &str)) {
    let (version, changelog) = greeter;
    let packages = [
        (
            Package { name: "greeter", version, depends: Some("phrases") },
            Contents { changelog: Some(changelog), ..Contents::default() },
        ),
        (Package { name: "phrases", version: "1.0", depends: None }, Contents::default()),
    ];
    site.serve(archive_with(key, &packages, date, None));
}

/// Where the Store keeps the list of packages of the lock, without its compression.
fn list(case: &Case<'_>) -> PathBuf {
    let lock = case.world.read("Dockerfile.lock");
    let blobs = case.store().join("blobs/sha256");
    let block = lock.split("\n\n").find(|block| block.contains("/InRelease\"")).unwrap();
    let digest = block.split("sha256 = \"").nth(1).unwrap().split('"').next().unwrap();
    let index = std::fs::read_to_string(blobs.join(digest)).unwrap();
    let (_, sha256) = index.split_once("SHA256:").unwrap();
    let line = sha256.lines().find(|line| line.ends_with("main/binary-amd64/Packages")).unwrap();
    blobs.join(line.split_whitespace().next().unwrap())
}

/// The report, without what it took to make it.
#[track_caller]
fn said(case: &Case<'_>, arguments: &[&str], code: i32) -> Value {
    let (command, rest) = arguments.split_first().unwrap();
    let mut all = rest.to_vec();
    all.extend(["--format", "json"]);
    case.rlock(command, &all).expect(code).json()
}

#[test]
fn answers_do_not_depend_on_what_was_worked_out_before() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    publish(&site, &key, OLD, ("1.0", FIRST));
    let case = Case::new("debian-bookworm", &(sources(&site.url(), &key) + INSTALL), &[&site]);
    case.world.write("archive.asc", key.armored());
    case.world.write("rlock.toml", "[[key]]\npath = \"archive.asc\"\n");
    case.lock();
    let old = case.world.read("Dockerfile.lock");
    case.world.write("old.lock", &old);
    let changelog = "greeter (1.1) stable; urgency=high\n\n  * Fix CVE-2026-1111.\n\n -- it \
        <it@apt.test>  Sat, 01 Aug 2026 00:00:00 +0000\n\n"
        .to_owned()
        + FIRST;
    publish(&site, &key, NEW, ("1.1", &changelog));
    case.rlock("outdated", &[]).expect(0);
    let stale = list(&case);
    std::fs::remove_file(case.world.path("context/Dockerfile.lock")).unwrap();
    case.lock();
    site.stop();
    let new = case.world.read("Dockerfile.lock");

    for (lock, arguments) in [
        (&new, &["lock", "--verify"][..]),
        (&new, &["review", "old.lock"]),
        (&old, &["outdated", "--offline"]),
    ] {
        case.world.write("Dockerfile.lock", lock);
        let derived = case.store().join("derived");
        let forget = || {
            // Some of it is not there the first time.
            drop(std::fs::remove_file(list(&case)));
            drop(std::fs::remove_file(&stale));
            drop(std::fs::remove_dir_all(&derived));
        };
        forget();
        let cold = said(&case, arguments, 0);
        assert!(list(&case).is_file(), "{arguments:?} keeps no list");
        assert_eq!(said(&case, arguments, 0), cold, "{arguments:?}, kept");
        std::fs::write(list(&case), "Package: greeter\nVersion: 9\n").unwrap();
        for file in files(&derived) {
            std::fs::write(file, "text\ngreeter (1.1) stable\n").unwrap();
        }
        assert_eq!(said(&case, arguments, 0), cold, "{arguments:?}, damaged");
        forget();
    }
    case.world.write("Dockerfile.lock", &new);
    let review = said(&case, &["review", "old.lock"], 0);
    let ids = &review["packages"][0]["security"]["ids"];
    assert_eq!(ids, &serde_json::json!(["CVE-2026-1111"]), "{review:#}");
    // A changelog each, and the keys of the one layer of the base image.
    let kept = case.store().join("derived");
    let count = |kind: &str| kept.join(kind).read_dir().map_or(0, Iterator::count);
    assert_eq!((count("changelog-1"), count("keys-2")), (2, 1), "{:?}", files(&kept));
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let Ok(kinds) = folder.read_dir() else { return Vec::new() };
    let kinds = kinds.map(|kind| kind.unwrap().path());
    kinds.flat_map(|kind| kind.read_dir().unwrap().map(|file| file.unwrap().path())).collect()
}

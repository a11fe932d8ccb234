//! The story of who answers for security: an archive repairs one library and moves others on; the lock
//! follows with that library alone, the review says what it repairs and explains every changed file,
//! the lock proves itself, and whoever tampers with it is found.

use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::{Contents, Key, Package, SECURITY, STABLE, publish_with, sources_of};
use crate::upstream::{Site, Tree, Wire};
use crate::world::{Ran, succeed, tool};
use serde_json::{Value, json};

const INSTALL: &str = "RUN apt-get update && apt-get install -y tool other \
    && rm -rf /var/lib/apt/lists/*\n";

const FIRST_ENTRY: &str = "library (1.0) stable; urgency=medium\n\n  * Fix CVE-2025-1000.\n\n \
    -- it <it@apt.test>  Wed, 01 Jul 2026 00:00:00 +0000\n";

fn package(name: &'static str, version: &'static str) -> Package {
    let depends = (name == "tool").then_some("library (>= 1.0)");
    Package { name, version, depends }
}

fn described(changelog: &str) -> Contents<'_> {
    Contents { changelog: Some(changelog), ..Contents::default() }
}

/// The archive with its suites: what is released, and what is repaired.
fn archives(key: &Key, modified: i64, other: &'static str, fix: Option<&str>) -> Tree {
    let mut tree = Tree::at(modified);
    let released = [
        (package("library", "1.0"), described(FIRST_ENTRY)),
        (package("tool", other), Contents::default()),
        (package("other", other), Contents::default()),
    ];
    publish_with(&mut tree, key, STABLE, &released, None);
    let fixed: Vec<_> = fix
        .map(|changelog| (package("library", "1.0+sec1"), described(changelog)))
        .into_iter()
        .collect();
    publish_with(&mut tree, key, SECURITY, &fixed, None);
    tree
}

fn git(case: &Case<'_>, arguments: &[&str]) {
    let mut git = tool("git", "git");
    git.current_dir(case.world.path("context"));
    git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
    succeed(&mut git);
}

/// Whether the lock is what signed metadata says; believes what HEAD has.
fn prove(case: &Case<'_>) -> Ran {
    let arguments = ["--verify", "--base", "HEAD", "--format", "json"];
    case.rlock("lock", &arguments)
}

#[test]
fn a_security_fix_is_found_moved_alone_explained_and_proven() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    site.serve(archives(&key, OLD, "1.0", None));
    let dockerfile = sources_of(&site.url(), &[STABLE, SECURITY], &key) + INSTALL;
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    case.world.write("archive.asc", key.armored());
    case.world.write("rlock.toml", "[[key]]\npath = \"archive.asc\"\n");
    case.lock();
    git(&case, &["init", "--quiet", "--initial-branch=main"]);
    git(&case, &["add", "--all"]);
    git(&case, &["commit", "--quiet", "--message", "locked"]);
    let nothing = case.rlock("outdated", &["--exit-code", "--format", "json"]).expect(0).json();
    assert_eq!(nothing["packages"], json!([]), "{nothing:#}");

    let changelog = format!(
        "library (1.0+sec1) stable-security; urgency=high\n\n  * CVE-2026-1111: an overflow.\n  \
         * Fix CVE-2026-2222; CVE-2025-1000 was fixed before.\n\n -- it <it@apt.test>  Sat, 01 Aug \
         2026 00:00:00 +0000\n\n{FIRST_ENTRY}"
    );
    site.serve(archives(&key, NEW, "1.1", Some(&changelog)));
    let report = case.rlock("outdated", &["--exit-code", "--format", "json"]).expect(1).json();
    assert_eq!(report["summary"]["security"], 1, "{report:#}");
    assert_eq!(report["packages"].as_array().unwrap().len(), 3, "{report:#}");

    let report =
        case.rlock("update", &["--security", "-C", ".", "--format", "json"]).expect(0).json();
    assert_eq!(report["outcome"], "written", "{report:#}");
    let moved: Vec<&str> =
        report["moves"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(moved, ["library"]);

    assert_reviewed(&case);
    let proof = prove(&case).expect(0).json();
    assert_eq!(proof["findings"], json!([]), "{proof:#}");
    assert_tampering_is_found(&case);
}

#[track_caller]
fn assert_reviewed(case: &Case<'_>) {
    let body = case.world.path("body.md");
    let arguments = ["HEAD", "--files", "--format", "json", "--pr-body", body.to_str().unwrap()];
    let report = case.rlock("review", &arguments).expect(0).json();
    let packages = report["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 1, "{report:#}");
    assert_eq!(packages[0]["name"], "library");
    let security: &Value = &packages[0]["security"];
    assert_eq!(security["ids"], json!(["CVE-2026-1111", "CVE-2026-2222"]), "{security:#}");
    assert_eq!(report["files"]["unexplained"], json!([]), "{report:#}");
    let body = std::fs::read_to_string(body).unwrap();
    for text in ["library", "CVE-2026-1111", "0 unexplained changes"] {
        assert!(body.contains(text), "no `{text}` in:\n{body}");
    }
}

/// A pull request that also swaps one hash.
#[track_caller]
fn assert_tampering_is_found(case: &Case<'_>) {
    let lock = case.world.read("Dockerfile.lock");
    let block = lock.split("\n\n").find(|block| block.contains("name = \"other\"")).unwrap();
    let digest = block.lines().find(|line| line.starts_with("sha256 = ")).unwrap();
    let swapped = block.replace(digest, &format!("sha256 = \"{}\"", "5".repeat(64)));
    case.world.write("Dockerfile.lock", lock.replace(block, &swapped));
    let proof = prove(case).expect(3).json();
    assert_eq!(proof["status"], "integrity", "{proof:#}");
    assert!(proof["findings"][0]["message"].as_str().unwrap().contains("other"), "{proof:#}");
    case.world.write("Dockerfile.lock", lock);
}

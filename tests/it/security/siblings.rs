//! A repaired source of several packages, as most of Debian's are: one of them has the changelog of all,
//! and brings packages of a language that nobody fetched.

use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::{Contents, Key, Package, SECURITY, STABLE, publish_with, sources_of};
use crate::upstream::{Site, Tree, Wire};
use crate::world::{succeed, tool};
use serde_json::{Value, json};

const INSTALL: &str = "RUN apt-get update && apt-get install -y library-dev \
    && rm -rf /var/lib/apt/lists/*\n";

const ENTRY: &str = "library (1.0) stable; urgency=medium\n\n  * New.\n\n \
    -- it <it@apt.test>  Wed, 01 Jul 2026 00:00:00 +0000\n";

/// Where Ruby's own gems are noted.
const GEMS: [&str; 5] = [
    "./usr/lib/ruby/",
    "./usr/lib/ruby/gems/",
    "./usr/lib/ruby/gems/3.1.0/",
    "./usr/lib/ruby/gems/3.1.0/specifications/",
    "./usr/lib/ruby/gems/3.1.0/specifications/default/",
];

/// Adds one version of the source: a library with a gem, and what builds with it.
fn publish_source(
    tree: &mut Tree,
    key: &Key,
    (version, gem): (&'static str, &str),
    changelog: &str,
) {
    let specification = format!("# -*- encoding: utf-8 -*-\n# stub: cgi {gem} ruby lib\n");
    let path = format!("{}cgi-{gem}.gemspec", GEMS[4]);
    let mut files = GEMS.map(|folder| (folder, &b""[..])).to_vec();
    files.push((&path, specification.as_bytes()));
    let library = Contents { changelog: Some(changelog), files: &files, ..Contents::default() };
    let link = [("./usr/share/doc/library-dev -> library", &b""[..])];
    let dev = Contents { source: Some("library"), files: &link, ..Contents::default() };
    let depends = Some(if version == "1.0" { "library (= 1.0)" } else { "library (= 1.0+sec1)" });
    let packages = [
        (Package { name: "library", version, depends: None }, library),
        (Package { name: "library-dev", version, depends }, dev),
    ];
    let suite = if version == "1.0" { STABLE } else { SECURITY };
    publish_with(tree, key, suite, &packages, None);
}

fn git(case: &Case<'_>, arguments: &[&str]) {
    let mut git = tool("git", "git");
    git.current_dir(case.world.path("context"));
    git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
    succeed(&mut git);
}

fn archives(key: &Key, modified: i64, fix: Option<&str>) -> Tree {
    let mut tree = Tree::at(modified);
    publish_source(&mut tree, key, ("1.0", "0.3.5"), ENTRY);
    match fix {
        Some(changelog) => {
            publish_source(&mut tree, key, ("1.0+sec1", "0.3.7"), changelog);
        }
        None => publish_with(&mut tree, key, SECURITY, &[], None),
    }
    tree
}

#[test]
fn packages_of_one_source_move_with_what_they_bring() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    site.serve(archives(&key, OLD, None));
    let dockerfile = sources_of(&site.url(), &[STABLE, SECURITY], &key) + INSTALL;
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    case.lock();
    git(&case, &["init", "--quiet", "--initial-branch=main"]);
    git(&case, &["add", "--all"]);
    git(&case, &["commit", "--quiet", "--message", "locked"]);

    let changelog = format!(
        "library (1.0+sec1) stable-security; urgency=high\n\n  * Fix CVE-2026-1111.\n\n \
         -- it <it@apt.test>  Sat, 01 Aug 2026 00:00:00 +0000\n\n{ENTRY}"
    );
    site.serve(archives(&key, NEW, Some(&changelog)));
    let report = case.rlock("outdated", &["--format", "json"]).expect(0).json();
    let unchecked = report["unchecked"].as_array().unwrap();
    assert_eq!(unchecked.len(), 1, "{report:#}");
    assert!(unchecked[0].as_str().unwrap().starts_with("1 package of gem (cgi)"), "{report:#}");

    let report = case.rlock("update", &["--security", "--format", "json"]).expect(0).json();
    assert_eq!(report["outcome"], "written", "{report:#}");
    let named = |row: &Value| row["name"].as_str().unwrap().to_owned();
    let moved: Vec<String> = report["moves"].as_array().unwrap().iter().map(named).collect();
    assert_eq!(moved, ["library", "library-dev", "cgi"]);
    assert_reviewed(&case);
}

#[track_caller]
fn assert_reviewed(case: &Case<'_>) {
    let body = case.world.path("body.md");
    let arguments = ["HEAD", "--files", "--format", "json", "--pr-body", body.to_str().unwrap()];
    let report = case.rlock("review", &arguments).expect(0).json();
    for package in report["packages"].as_array().unwrap() {
        let expected =
            if package["type"] == "deb" { json!(["CVE-2026-1111"]) } else { Value::Null };
        assert_eq!(package["security"]["ids"], expected, "{package:#}");
    }
    assert_eq!(report["files"]["unexplained"], json!([]), "{report:#}");
    let body = std::fs::read_to_string(body).unwrap();
    for text in ["`library-dev` with `library`", "0 unexplained changes"] {
        assert!(body.contains(text), "no `{text}` in:\n{body}");
    }
}

//! What is known of vulnerabilities, from where, and what is not checked: through the commands that
//! tell of it.

mod base;
mod changelogs;
mod data;
mod osv;
mod service;

use crate::clients::{Case, OLD};
use crate::schema;
use crate::upstream::apt::{Contents, Key, Package, STABLE, publish_with, sources};
use crate::upstream::{Site, Tree, Wire};
use serde_json::Value;

/// A case whose archive has no suite of security fixes.
fn install(key: &Key, site: &Site) -> String {
    sources(&site.url(), key)
        + "RUN apt-get update && apt-get install -y library other && rm -rf /var/lib/apt/lists/*\n"
}

/// The archive with both packages in these versions, and changelogs.
fn archive(
    key: &Key,
    modified: i64,
    packages: &[(&'static str, &'static str, Option<&str>)],
) -> Tree {
    let mut tree = Tree::at(modified);
    let packages = packages.iter().map(|(name, version, changelog)| {
        let contents = Contents { changelog: *changelog, ..Contents::default() };
        (Package { name, version, depends: None }, contents)
    });
    publish_with(&mut tree, key, STABLE, &packages.collect::<Vec<_>>(), None);
    tree
}

/// The first day: both packages, and nothing to do.
fn first(key: &Key) -> Tree {
    archive(key, OLD, &[("library", "1.0", Some(FIRST)), ("other", "1.0", None)])
}

const FIRST: &str = "library (1.0) stable; urgency=medium\n\n  * Fix CVE-2025-1000.\n\n \
    -- it <it@apt.test>  Wed, 01 Jul 2026 00:00:00 +0000\n";

fn start() -> (Key, Site) {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    site.serve(first(&key));
    (key, site)
}

fn case<'a>(key: &Key, site: &'a Site) -> Case<'a> {
    let case = Case::new("debian-bookworm", &install(key, site), &[site]);
    case.lock();
    case
}

/// The report of a command, which follows its schema.
#[track_caller]
fn report(case: &Case<'_>, command: &str, code: i32, arguments: &[&str]) -> Value {
    let ran = case.rlock(command, &[&["--format", "json"], arguments].concat()).expect(code);
    schema::report(&case.world, &ran)
}

/// The rows of a tier.
#[track_caller]
fn tier<'a>(report: &'a Value, name: &str) -> Vec<&'a Value> {
    let rows = report["advisory_sources"]["tiers"].as_array().unwrap();
    let rows: Vec<_> = rows.iter().filter(|row| row["tier"] == name).collect();
    assert!(!rows.is_empty(), "no {name} in {report:#}");
    rows
}

/// What is said of a package that is outdated.
#[track_caller]
fn row<'a>(report: &'a Value, list: &str, name: &str) -> &'a Value {
    let rows = report[list].as_array().unwrap().iter();
    rows.clone().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{report:#}"))
}

fn names(report: &Value, list: &str) -> Vec<String> {
    let rows = report[list].as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

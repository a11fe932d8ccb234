//! Debian.

use super::{Unpacked, paths, sorted};
use crate::world::{succeed, tool};
use std::collections::{BTreeMap, BTreeSet};

fn query(tree: &Unpacked, arguments: &[&str]) -> String {
    let mut query = tool("dpkg-query", "dpkg");
    succeed(query.arg("--admindir").arg(tree.path().join("var/lib/dpkg")).args(arguments))
}

#[test]
fn packages_are_those_of_dpkg_query() {
    let tree = Unpacked::base("debian-bookworm");
    let format = "deb ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n";
    let expected = query(&tree, &["-W", "-f", format]);
    let found = tree.packages().into_iter().map(|package| {
        let source = package.source.unwrap();
        let (name, version) = (package.name, package.version);
        let what = format!("{} {name} {version} {}", package.kind, package.architecture);
        format!("{what} {} {}\n", source.name, source.version)
    });
    assert_eq!(sorted(&found.collect::<String>()), sorted(&expected));
}

/// The paths of a package by `dpkg-query -L`, where they are in the tree.
fn listed(tree: &Unpacked, text: &str) -> BTreeSet<String> {
    let mut listed: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some((_, diverted)) = line.split_once(" to: ").filter(|_| !line.starts_with('/')) {
            if line.starts_with("diverted by ") {
                listed.pop();
                listed.push(tree.place(diverted));
            }
        } else if line != "/." {
            listed.push(tree.place(line));
        }
    }
    listed.into_iter().collect()
}

#[test]
fn owners_are_those_of_dpkg_query() {
    let tree = Unpacked::base("debian-bookworm");
    let owned = tree.owned();
    let names: Vec<&str> = owned.iter().map(|owned| &*owned.package.name).collect();
    let text = query(&tree, &[&["-L"], &*names].concat());
    let expected: Vec<BTreeSet<String>> =
        text.split("\n\n").map(|lists| listed(&tree, lists)).collect();
    assert_eq!(expected.len(), owned.len());
    let mut others: BTreeMap<String, String> = BTreeMap::new();
    for (owned, expected) in owned.iter().zip(&expected) {
        let found: BTreeSet<String> = paths(owned).into_iter().collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert_eq!(missing, Vec::<&String>::new(), "{}", owned.package.name);
        for path in found.difference(expected) {
            if !path.starts_with("var/lib/dpkg/info/") {
                others.insert(path.clone(), owned.package.name.clone());
            }
        }
    }
    // Beyond what dpkg lists there are only alternatives, the links that they are behind included.
    assert_eq!(others.get("etc/alternatives/awk").map(String::as_str), Some("mawk"));
    assert_eq!(others.get("usr/bin/awk").map(String::as_str), Some("mawk"));
    for path in others.keys().filter(|path| !path.starts_with("etc/alternatives/")) {
        let target = std::fs::read_link(tree.path().join(path)).unwrap();
        assert!(target.starts_with("/etc/alternatives"), "{path}");
    }
}

/// What no package explains is what programs make when they are set up: databases, caches, accounts,
/// empty directories. No program, no library.
#[test]
fn nearly_all_of_a_tree_has_an_owner() {
    let tree = Unpacked::base("debian-bookworm");
    let without = tree.without_owner();
    let programs = ["usr/bin/", "usr/sbin/", "usr/lib/", "usr/libexec/"];
    let is_program = |path: &&String| programs.iter().any(|start| path.starts_with(start));
    assert_eq!(without.iter().filter(is_program).collect::<Vec<_>>(), Vec::<&String>::new());
    let owned: usize = tree.owned().iter().map(|owned| owned.paths.len()).sum();
    assert!(without.len() * 20 < owned, "{} of {owned}: {without:?}", without.len());
}

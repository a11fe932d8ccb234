//! Which packages move along.

use super::*;
use crate::index::{Checksum, Dependency, Offer, Relation};
use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// `a (>= 1) | b`
fn relations(text: &str) -> Vec<Vec<Dependency>> {
    let relation = |text: &str| {
        let (name, version) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let version = version.trim_matches(['(', ')']).split_once(' ').map(|(sign, version)| {
            let relation = match sign {
                "<<" => Relation::Less,
                "=" => Relation::Equal,
                ">=" => Relation::GreaterOrEqual,
                other => panic!("{other}"),
            };
            (relation, version.to_owned())
        });
        Dependency { name: name.to_owned(), architecture: None, version }
    };
    let groups = text.split(',').filter(|group| !group.trim().is_empty());
    groups.map(|group| group.split('|').map(relation).collect()).collect()
}

/// `NAME VERSION; depends; breaks; provides`
fn offer(text: &str) -> (Offer, Vec<Dependency>) {
    let mut parts = text.split(';').map(str::trim);
    let (name, version) = parts.next().unwrap().split_once(' ').unwrap();
    let depends = relations(parts.next().unwrap_or_default());
    let breaks = relations(parts.next().unwrap_or_default()).concat();
    let provides = relations(parts.next().unwrap_or_default()).concat();
    let provides = provides.into_iter().map(|provided| crate::index::Provided {
        name: provided.name,
        version: provided.version.map(|(_, version)| version),
    });
    let offer = Offer {
        kind: "deb",
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: version.to_owned(),
        source: None,
        location: "x".to_owned(),
        checksum: Checksum::Sha256(Digest::of(b"")),
        size: 0,
        built: None,
        depends,
        provides: provides.collect(),
    };
    (offer, breaks)
}

fn moved(installed: &[&str], offered: &[&str], wanted: &[&str]) -> Result<Vec<String>, String> {
    let mut old = World::new("deb", "amd64");
    old.add(0, installed.iter().map(|text| offer(text)).collect());
    let installed: BTreeMap<Key, Item> = installed
        .iter()
        .map(|text| {
            let (offer, _) = offer(text);
            let found = old.version(&offer.name, &offer.version).unwrap();
            (offer.name, found.item.clone())
        })
        .collect();
    let mut new = World::new("deb", "amd64");
    new.add(0, offered.iter().map(|text| offer(text)).collect());
    let wanted: BTreeSet<Key> = wanted.iter().map(ToString::to_string).collect();
    let solution = solve(&installed, &wanted, &new).map_err(|problem| problem.to_string())?;
    let shown = solution.steps.iter().map(|(key, step)| {
        let from = step.from.as_deref().unwrap_or("-");
        let reason = step.reason.as_deref().map(|reason| format!(", because {reason}"));
        format!("{key} {from} -> {}{}", step.to.version, reason.unwrap_or_default())
    });
    Ok(shown.collect())
}

#[test]
fn what_needs_nothing_moves_alone() {
    let found = moved(&["a 1", "b 1; a"], &["a 2", "b 2; a"], &["a"]);
    assert_eq!(found.unwrap(), ["a 1 -> 2"]);
    assert_eq!(moved(&["a 2"], &["a 2"], &["a"]).unwrap(), [""; 0]);
}

#[test]
fn what_the_new_version_needs_moves_along() {
    let found = moved(
        &["libfoo 2", "libbar 1.0; libfoo (>= 2)"],
        &["libfoo 3", "libbar 1.2; libfoo (>= 3), libnew | libother", "libother 1"],
        &["libbar"],
    );
    assert_eq!(
        found.unwrap(),
        [
            "libbar 1.0 -> 1.2",
            "libfoo 2 -> 3, because libbar 1.2 needs libfoo (>= 3)",
            "libother - -> 1, because libbar 1.2 needs libother"
        ]
    );
}

#[test]
fn what_no_index_has_still_satisfies_what_it_did() {
    let installed = ["tool 1; private | company (>= 1)"];
    let found = moved(&installed, &["tool 2; private | company (>= 1)"], &["tool"]);
    assert_eq!(found.unwrap(), ["tool 1 -> 2"]);
    // What is new to it must be there.
    let found = moved(&installed, &["tool 2; private"], &["tool"]);
    assert_eq!(found.unwrap_err(), "tool 2 needs private, which no archive offers");
}

#[test]
fn what_needs_the_old_version_moves_along() {
    let found = moved(
        &["libfoo 1", "libfoo-dev 1; libfoo (= 1)", "tool 1; libfoo-dev (= 1)"],
        &["libfoo 2", "libfoo-dev 2; libfoo (= 2)", "tool 1.1; libfoo-dev"],
        &["libfoo"],
    );
    assert_eq!(
        found.unwrap(),
        [
            "libfoo 1 -> 2",
            "libfoo-dev 1 -> 2, because libfoo-dev 1 needs libfoo (= 1), which moves",
            "tool 1 -> 1.1, because tool 1 needs libfoo-dev (= 1), which moves"
        ]
    );
}

#[test]
fn what_the_new_version_breaks_moves_along() {
    let found = moved(
        &["libfoo 1", "plugin 1", "old 1;; libfoo (>= 2)"],
        &["libfoo 2;; plugin (<< 2)", "plugin 2", "old 2"],
        &["libfoo"],
    );
    assert_eq!(
        found.unwrap(),
        [
            "libfoo 1 -> 2",
            "old 1 -> 2, because old 1 breaks libfoo (>= 2), which moves",
            "plugin 1 -> 2, because libfoo 2 breaks plugin (<< 2)"
        ]
    );
}

#[test]
fn what_is_provided_counts() {
    let found = moved(
        &["mta 1;;; mail", "news 1; mail"],
        &["mta 2;;; mail", "news 2; mail, editor", "vi 1;;; editor"],
        &["news"],
    );
    assert_eq!(found.unwrap(), ["news 1 -> 2", "vi - -> 1, because news 2 needs editor"]);
}

#[test]
fn what_cannot_be_is_said() {
    assert_eq!(
        moved(&["a 1"], &["a 2; b (>= 5)", "b 4"], &["a"]).unwrap_err(),
        "a 2 needs b (>= 5), which no archive offers"
    );
    assert_eq!(
        moved(&["a 1", "b 1; a (= 1)"], &["a 2"], &["a"]).unwrap_err(),
        "b 1 needs a (= 1), which moves, and no archive offers another b"
    );
}

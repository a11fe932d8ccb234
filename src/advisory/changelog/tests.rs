//! Real changelogs of `fixtures/changelogs`, and words that are easy to misread.

use super::mentions::Mentions;
use super::*;
use std::fs;
use std::path::PathBuf;

struct Case {
    old: Vec<u8>,
    new: Vec<u8>,
    old_version: String,
    new_version: String,
}

/// A pair of `fixtures/changelogs`.
fn case(source: &str) -> Case {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/changelogs").join(source);
    let version = |name: &str| {
        let control = fs::read_to_string(folder.join(name)).unwrap();
        let line = control.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap();
        line.to_owned()
    };
    Case {
        old: fs::read(folder.join("old.changelog")).unwrap(),
        new: fs::read(folder.join("new.changelog")).unwrap(),
        old_version: version("old.control"),
        new_version: version("new.control"),
    }
}

fn delta_of(source: &str) -> Delta {
    let Case { old, new, old_version, new_version } = case(source);
    delta(Some(&old), &new, &old_version, &new_version)
}

/// What is new, as `review.md` measured it on Debian 12 and its security suite.
#[test]
fn real_updates_have_the_numbers_that_were_measured() {
    let cases = [
        ("openssl", 12, 0, Urgency::High, 2),
        ("expat", 27, 0, Urgency::High, 3),
        ("rsync", 35, 13, Urgency::Critical, 18),
        ("ca-certificates", 0, 0, Urgency::High, 5),
        ("nginx", 14, 0, Urgency::High, 2),
    ];
    for (source, ids, backported, urgency, entries) in cases {
        let delta = delta_of(source);
        assert_eq!((delta.ids.len(), delta.backported), (ids, backported), "{source}");
        assert!(delta.complete, "{source}");
        assert_eq!((delta.urgency, delta.entries), (Some(urgency), entries), "{source}");
        assert!(delta.ids.iter().all(|id| id.starts_with("CVE-20")), "{source}: {:?}", delta.ids);
        assert!(delta.reverted.is_empty(), "{source}: {:?}", delta.reverted);
    }
}

#[test]
fn ids_of_github_count() {
    let delta = delta_of("xz-utils");
    assert_eq!(delta.ids, BTreeSet::from(["GHSA-5qpq-xqfv-j9pg".to_owned()]));
    assert!(delta.complete);
}

/// `Drop CVE-2021-23017 patch, as this is fixed in 1.20.1` and `d/patches/CVE-2021-3618.patch removed`.
#[test]
fn dropped_patches_of_a_real_changelog_are_no_fixes() {
    let Case { new, .. } = case("nginx");
    let listed = entries(&new);
    for (version, dropped) in [("1.20.2-1", "CVE-2021-23017"), ("1.18.0-7", "CVE-2019-20372")] {
        let entry = listed.iter().find(|entry| entry.version == version).unwrap();
        assert!(entry.lines.iter().any(|line| line.contains(dropped)), "{dropped}");
        assert!(!mentions(&entry.lines).fixed.contains(dropped), "{dropped}");
    }
    let since = delta(None, &new, "1.18.0-9", "1.20.2-1");
    assert!(since.complete && since.ids.is_empty(), "{since:?}");
}

fn said(item: &str) -> (Vec<String>, Vec<String>) {
    let lines: Vec<&str> = item.lines().collect();
    let Mentions { fixed, reverted } = mentions(&lines);
    (fixed.into_iter().collect(), reverted.into_iter().collect())
}

#[test]
fn a_fix_is_told_from_a_mention() {
    let fixes = [
        "  * CVE-2024-0001: reject URI to path mapping",
        "  * Fix CVE-2024-0001 (Closes: #1)",
        "  * d/p/CVE-2024-0001.patch: remove the unsafe call of strcpy",
        "  * d/p/CVE-2024-0001.patch: reject URI to path mapping with alias\n    after a rewrite",
        "  * d/p/CVE-2024-0001.patch add, backport upstream",
        "    - CVE-2024-0001: Sender --remove-source-files unlink follows a link",
        "      ~ curl removes wrong file on error (CVE-2024-0001)",
        "  * New upstream version, drop obsolete documentation. Fixes CVE-2024-0001.",
        "  * Remove CAs that are distrusted; CVE-2024-0001",
        "  * cve-2024-0001 is repaired",
        "  * https://example.org/CVE-2024-0001/details",
        "  * Security:\n    + CVE-2024-0001",
        "  * Drop docs:\n    + CVE-2024-0001 is in the new code",
        "CVE-2024-0001 without a bullet",
    ];
    for item in fixes {
        assert_eq!(said(item).0, ["CVE-2024-0001"], "{item}");
    }
    let mentions_only = [
        "  * Drop CVE-2024-0001 patch, as this is fixed in 1.20.1",
        "  * d/patches/Resolver-fixed-off-by-one\n    _copy.patch: Drop CVE-2024-0001 patch",
        "  * d/patches/CVE-2024-0001.patch removed, fix is included in new upstream",
        "  * d/p/CVE-2024-0001.patch: Drop, applied upstream.",
        "  * Remove patches for CVE-2024-0002 and CVE-2024-0001",
        "  * Dropped debian/patches/CVE-2024-0001.patch",
        "  * Drop patches, applied upstream:\n    - CVE-2024-0001.patch\n    - CVE-2024-0002.patch",
        "  * d/p/CVE-2024-0001.patch, d/p/CVE-2024-0002.patch: dropped",
        "  * CVE-2024-0001.patch and CVE-2024-0002.patch were removed",
        "  * Remove all security patches: CVE-2024-0001, CVE-2024-0002",
        "  * XCVE-2024-0001, CVE-24-1, CVE-2024-001",
    ];
    for item in mentions_only {
        assert_eq!(said(item), (vec![], vec![]), "{item}");
    }
    let both = "  * Drop CVE-2024-0001 patch.\n  * Fix CVE-2024-0002";
    assert_eq!(said(both).0, ["CVE-2024-0002"]);
}

#[test]
fn what_is_taken_back_is_not_repaired() {
    assert_eq!(said("  * Revert the fix for CVE-2024-0001").1, ["CVE-2024-0001"]);
    let entry = |version: &str, item: &str| {
        format!("a ({version}) x; urgency=low\n\n  * {item}\n\n -- A <a@b>  Mon, 1 Jan 2024\n\n")
    };
    let old = entry("1-1", "Fix CVE-2024-0001.");
    let revert = entry("1-2", "Revert patch for CVE-2024-0001.");
    let new = format!("{revert}{old}");
    let taken_back = delta(Some(old.as_bytes()), new.as_bytes(), "1-1", "1-2");
    assert_eq!(taken_back.reverted, BTreeSet::from(["CVE-2024-0001".to_owned()]));
    assert!(taken_back.ids.is_empty());
    // Repaired, taken back, repaired again.
    let again = entry("1-3", "Fix CVE-2024-0001 properly.");
    let new = format!("{again}{revert}{old}");
    let repaired = delta(Some(old.as_bytes()), new.as_bytes(), "1-1", "1-3");
    assert!(repaired.reverted.is_empty());
    // Neither old nor new in sum; new without the old changelog.
    assert_eq!(repaired.backported, 1);
    // New and taken back at once.
    let fix = entry("1-2", "Fix CVE-2024-0002.");
    let revert = entry("1-3", "Revert CVE-2024-0002 patch.");
    let new = format!("{revert}{fix}{old}");
    let nothing = delta(Some(old.as_bytes()), new.as_bytes(), "1-1", "1-3");
    assert!(nothing.ids.is_empty() && nothing.reverted.is_empty());
}

#[test]
fn a_changelog_that_was_cut_is_not_complete() {
    let Case { old, new, old_version, new_version } = case("openssl");
    let end = new.windows(9).position(|window| window == b"openssl (").unwrap();
    let second = new[end + 9..].windows(9).position(|window| window == b"openssl (").unwrap();
    let cut = &new[..end + 9 + second];
    let delta = delta(Some(&old), cut, &old_version, &new_version);
    assert!(!delta.complete);
    assert_eq!(delta.entries, 1);
    assert!(!delta.ids.is_empty());
    let none = super::delta(Some(&old), b"no changelog\n\xff\xfe", &old_version, &new_version);
    assert_eq!(none, Delta::default());
}

#[test]
fn rebuilds_and_downgrades_repair_nothing() {
    let Case { old, new, old_version, new_version } = case("openssl");
    let rebuild = delta(Some(&old), &old, &old_version, &format!("{old_version}+b1"));
    assert_eq!(rebuild, Delta { complete: true, ..Delta::default() });
    let down = delta(Some(&new), &new, &new_version, &old_version);
    assert_eq!(down, Delta { complete: true, ..Delta::default() });
    let from_rebuild = delta(Some(&old), &new, &format!("{old_version}+b2"), &new_version);
    assert_eq!(from_rebuild.ids.len(), 12);
    assert!(from_rebuild.complete);
}

#[test]
fn headings_are_read_as_dpkg_writes_them() {
    let text = b"# comment\n\
        a (1:2.0~rc1-1+b1) unstable stable; urgency=EMERGENCY, binary-only=yes\n  * x\n\
        b (1) UNRELEASED; urgency=low (a remark)\nNot (a heading)\n  * y\n -- A <a@b>  now\n\
        c (2) x; binary-only=yes\n";
    let entries = entries(text);
    let shown: Vec<_> =
        entries.iter().map(|entry| (entry.version, entry.urgency, entry.lines.len())).collect();
    assert_eq!(
        shown,
        [
            ("1:2.0~rc1-1+b1", Some(Urgency::Critical), 1),
            ("1", Some(Urgency::Low), 2),
            ("2", None, 1),
        ]
    );
}

#[test]
fn hostile_changelogs_take_little_time() {
    let ids = "CVE-2024-0001 ".repeat(20_000);
    let bullets = "  * CVE-\n".repeat(20_000);
    let nested = (0..20_000).map(|depth| format!("{}* x:\n", " ".repeat(depth % 200)));
    let headings = "a (1) b; urgency=low\n".repeat(30_000);
    let text =
        format!("a (2) b; urgency=low\n{ids}\n{bullets}{}{headings}", nested.collect::<String>());
    let delta = delta(Some(text.as_bytes()), text.as_bytes(), "0", "2");
    assert!(delta.ids.is_empty());
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "(a \\([0-9.]{1,3}\\) x; urgency=low\n|  \\* [ -~é]{0,30}(CVE|GHSA|DSA|Drop|patch|:|-)\n){0,12}") {
        let found = delta(Some(text.as_bytes()), text.as_bytes(), "1", "2");
        proptest::prop_assert!(found.ids.is_empty());
    }
}

#[test]
fn changelogs_of_rpm_are_read_too() {
    let entry = |version: &str, item: &str| {
        format!("openssl ({version}) rpm; urgency=unknown\n  - {item}\n")
    };
    let old = entry("1:3.0.7-24", "Fix CVE-2099-0001");
    let new = [
        entry("3.0.7-25.1", "Fix CVE-2099-0003, Drop patch for CVE-2099-0009"),
        entry("3.0.7-25", "Resolves: CVE-2099-0002 and CVE-2099-0001"),
        old.clone(),
    ]
    .concat();
    let delta_to = |version| delta(Some(old.as_bytes()), new.as_bytes(), "1:3.0.7-24.el9", version);
    let delta = delta_to("1:3.0.7-25.1.el9_3");
    assert_eq!((delta.ids.len(), delta.backported, delta.entries), (2, 1, 2));
    assert!(delta.complete && delta.urgency.is_none());
    // `25` is not `25.1`.
    assert_eq!(delta_to("1:3.0.7-25.el9_3").entries, 1);
}

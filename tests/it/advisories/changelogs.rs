//! Tier A: an archive without a label for security, in which only a changelog tells of a repair.

use super::{FIRST, archive, case, names, report, start, tier};
use crate::clients::NEW;
use serde_json::json;

#[test]
fn a_repair_that_only_a_changelog_tells_of_moves_alone() {
    let (key, site) = start();
    let case = case(&key, &site);
    let changelog = format!(
        "library (1.0+fix1) stable; urgency=high\n\n  * CVE-2026-7777: an overflow.\n  * \
         CVE-2025-1000 was fixed before.\n\n -- it <it@apt.test>  Sat, 01 Aug 2026 00:00:00 \
         +0000\n\n{FIRST}"
    );
    let other = "other (1.1) stable; urgency=low\n\n  * Prettier.\n\n -- it <it@apt.test>  Sat, 01 \
                 Aug 2026 00:00:00 +0000\n";
    let later = [("library", "1.0+fix1", Some(&*changelog)), ("other", "1.1", Some(other))];
    site.serve(archive(&key, NEW, &later));

    let looked = report(&case, "outdated", 0, &["--security"]);
    assert_eq!(names(&looked, "packages"), [""; 0], "no index tells of it");
    let [labels, changelogs] = tier(&looked, "in-band")[..] else { panic!("{looked:#}") };
    assert!(labels["not_checked"].as_str().unwrap().contains("no archive"), "{labels}");
    assert_eq!((&changelogs["covered"], &changelogs["of"]), (&json!(0), &json!(2)));
    let shown = case.rlock("outdated", &["--security"]).expect(0).stdout;
    assert!(shown.contains("changelogs inside package files: not checked"), "{shown}");

    let never = ["-C", ".", "--security", "--changelogs", "never"];
    let idle = report(&case, "update", 0, &never);
    assert_eq!(idle["outcome"], "nothing-to-do", "{idle:#}");
    let unread = tier(&idle, "in-band")[1]["not_checked"].as_str().unwrap();
    assert!(unread.contains("2 not fetched") && unread.contains("--changelogs always"), "{unread}");
    let before: usize = site.seen().iter().filter(|path| path.contains("fix1")).count();
    assert_eq!(before, 0, "{:?}", site.seen());

    let moved = report(&case, "update", 0, &["-C", ".", "--security"]);
    assert_eq!(
        (&moved["outcome"], names(&moved, "moves")),
        (&json!("written"), vec!["library".into()])
    );
    let repair = &moved["moves"][0]["repairs"][0];
    assert_eq!((&repair["tier"], &repair["ids"]), (&json!("in-band"), &json!(["CVE-2026-7777"])));
    assert_eq!(repair["source"], "changelog inside library_1.0+fix1_all.deb");
    let read = tier(&moved, "in-band")[1];
    // What `other` had before is not known: its locked file has no changelog, and its new one no id.
    assert_eq!((&read["covered"], &read["of"]), (&json!(2), &json!(2)), "{read}");
    let idle = report(&case, "update", 0, &["-C", ".", "--security"]);
    assert_eq!(idle["outcome"], "nothing-to-do", "{idle:#}");
}

//! Tier B: data that is given, what is ignored of it, and what is required of it.

use super::osv::{Manner, Osv, record};
use super::{archive, case, names, report, row, start, tier};
use crate::clients::NEW;
use serde_json::{Value, json};

/// What a package of Debian 12 is not affected by, as OpenVEX has it.
fn vex(id: &str, package: &str) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://it.example/vex/1",
        "author": "it", "timestamp": "2026-11-01T00:00:00Z", "version": 1,
        "statements": [{
            "vulnerability": {"name": id},
            "products": [{"@id": format!("pkg:deb/debian/{package}")}],
            "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
        }],
    })
}

#[test]
fn given_data_moves_what_it_says_and_what_is_ignored_stays() {
    let (key, site) = start();
    let case = case(&key, &site);
    site.serve(archive(&key, NEW, &[("library", "1.1", None), ("other", "1.1", None)]));
    case.world.write("osv/1.json", record("DEBIAN-CVE-2026-1", "library", "1.1").to_string());
    case.world.write("osv/2.json", record("DEBIAN-CVE-2026-2", "other", "1.1").to_string());
    let given = ["--advisories", "osv"];
    let looked = report(&case, "outdated", 0, &given);
    for (name, id) in [("library", "DEBIAN-CVE-2026-1"), ("other", "DEBIAN-CVE-2026-2")] {
        let row = row(&looked, "packages", name);
        assert_eq!((&row["security"], &row["fixes"]), (&json!(true), &json!([id])), "{row}");
    }
    let local = tier(&looked, "local")[0];
    assert_eq!((&local["source"], &local["as_of"]), (&json!("OSV osv"), &json!("2026-11-20")));
    assert_eq!(local["ecosystems"], json!(["Debian:12"]));

    // An ignore that holds, and one that has ended.
    let ignore = |id: &str, expires: &str| {
        format!(
            "[[advisories.ignore]]\nid = \"{id}\"\nreason = \"the parser is not used\"\n{expires}\n"
        )
    };
    let settings = format!(
        "[advisories]\npaths = [\"osv\"]\n\n{}\n{}",
        ignore("DEBIAN-CVE-2026-2", ""),
        ignore("DEBIAN-CVE-2026-1", "expires = 2026-01-31")
    );
    case.world.write("rlock.toml", &settings);
    let looked = report(&case, "outdated", 0, &["--security"]);
    assert_eq!(names(&looked, "packages"), ["library"], "{looked:#}");
    let ended = &looked["advisory_sources"]["expired_ignores"];
    assert_eq!(
        (&ended[0]["id"], &ended[0]["expires"]),
        (&json!("DEBIAN-CVE-2026-1"), &json!("2026-01-31"))
    );
    let looked = report(&case, "outdated", 0, &[]);
    let ignored = &row(&looked, "packages", "other")["ignored"];
    let expected =
        json!([{"id": "DEBIAN-CVE-2026-2", "reason": "the parser is not used (rlock.toml)"}]);
    assert_eq!(*ignored, expected, "{looked:#}");
    for format in ["text", "markdown"] {
        let shown = case.rlock("outdated", &["--format", format]).expect(0).stdout;
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in ["the parser is not used", "ended on 2026-01-31", "OSV osv", "2026-11-20"] {
            assert!(shown.contains(text), "no `{text}` in {format}:\n{shown}");
        }
    }

    let moved = report(&case, "update", 0, &["-C", ".", "--security"]);
    assert_eq!(
        (&moved["outcome"], names(&moved, "moves")),
        (&json!("written"), vec!["library".into()])
    );
    assert_eq!(moved["moves"][0]["repairs"][0]["source"], "OSV osv");
    let named = report(&case, "update", 0, &["-C", ".", "other", "--dry-run"]);
    assert_eq!(row(&named, "moves", "other")["security"], false);
    let notes = named["notes"].to_string();
    assert!(notes.contains("DEBIAN-CVE-2026-2 in other 1.0 is ignored: the parser"), "{notes}");
}

#[test]
fn a_review_names_all_tiers_what_is_ignored_and_what_is_missing() {
    let (key, site) = start();
    let case = case(&key, &site);
    case.world.write("osv/1.json", record("DEBIAN-CVE-2026-1", "library", "1.1").to_string());
    case.world.write("osv/2.json", record("DEBIAN-CVE-2026-2", "other", "1.1").to_string());
    case.world.write("vex.json", vex("DEBIAN-CVE-2026-2", "other").to_string());
    let osv = Osv::start(Manner::Garbage, Vec::new());
    let service = format!("--advisories-service={}", osv.url());
    let lock = case.world.path("context/Dockerfile.lock").display().to_string();
    let all = [&*lock, &lock, "--advisories", "osv", "--advisories", "vex.json", &service];
    let reviewed = report(&case, "review", 0, &all);
    let security = &reviewed["advisories"];
    assert_eq!(security["open"][0]["id"], "DEBIAN-CVE-2026-1", "{security:#}");
    assert_eq!(security["ignored"][0]["id"], "DEBIAN-CVE-2026-2");
    let reason = security["ignored"][0]["ignored"].as_str().unwrap();
    assert!(reason.contains("vulnerable_code_not_in_execute_path"), "{reason}");
    assert!(reason.contains("vex.json"), "{reason}");
    let body = case.world.path("body.md").display().to_string();
    let shown = case.rlock("review", &[&all[..], &["--pr-body", &body]].concat()).expect(0).stdout;
    let body = std::fs::read_to_string(body).unwrap();
    let markdown = case.rlock("review", &[&all[..], &["--format", "markdown"]].concat()).expect(0);
    for shown in [shown, body, markdown.stdout] {
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
        for text in
            ["changelogs inside package files", "OSV osv", "2026-11-20", "could not be asked"]
        {
            assert!(shown.contains(text), "no `{text}` in:\n{shown}");
        }
        for text in ["DEBIAN-CVE-2026-1", "vulnerable_code_not_in_execute_path"] {
            assert!(shown.contains(text), "no `{text}` in:\n{shown}");
        }
    }
}

#[test]
fn required_data_must_be_there_cover_everything_and_be_new_enough() {
    let (key, site) = start();
    let case = case(&key, &site);
    let lacking = |arguments: &[&str], code| {
        let found = report(&case, "outdated", code, arguments);
        found["advisory_sources"]["lacking"].to_string()
    };
    assert!(lacking(&["--require-advisories"], 5).contains("no advisory data was given"));
    case.world.write("osv/1.json", record("DEBIAN-CVE-2026-1", "library", "1.1").to_string());
    let given = ["--advisories", "osv", "--require-advisories"];
    assert_eq!(lacking(&given, 0), "[]");
    let old = lacking(&["--advisories", "osv", "--require-advisories=0"], 5);
    assert!(old.contains("is of 2026-11-20, more than 0 days ago"), "{old}");
    assert_eq!(lacking(&["--advisories", "osv", "--require-advisories=36500"], 0), "[]");

    let other = record("PYSEC-1", "x", "1").to_string().replace("Debian:12", "PyPI");
    case.world.write("pypi/1.json", other);
    let uncovered = lacking(&["--advisories", "pypi", "--require-advisories"], 5);
    assert!(uncovered.contains("no data covers") && uncovered.contains("deb:"), "{uncovered}");
    let update = ["-C", ".", "--security", "--advisories", "pypi", "--require-advisories"];
    case.rlock("update", &update).expect(5).says(&["advisories are required", "deb:"]);
}

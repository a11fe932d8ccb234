//! Tier C: a service that is asked where somebody says so, and nowhere else.

use super::osv::{Manner, Osv, record};
use super::{archive, case, names, report, row, start, tier};
use crate::clients::NEW;
use serde_json::json;

#[test]
fn a_service_is_asked_when_told_to_and_what_it_says_moves_a_package() {
    let (key, site) = start();
    let case = case(&key, &site);
    site.serve(archive(&key, NEW, &[("library", "1.1", None), ("other", "1.1", None)]));
    let records = vec![
        record("DEBIAN-CVE-2026-1", "library", "1.1"),
        record("DEBIAN-CVE-2026-2", "library", "1.1"),
        record("DEBIAN-CVE-2026-3", "library", "2.0"),
    ];
    let osv = Osv::start(Manner::Honest, records);
    case.world.write("rlock.toml", format!("[advisories]\nservice = \"{}\"\n", osv.url()));

    let looked = report(&case, "outdated", 0, &[]);
    assert_eq!(tier(&looked, "service")[0]["covered"], 0);
    assert!(tier(&looked, "service")[0]["not_checked"].as_str().unwrap().contains("not asked"));
    let looked = report(&case, "outdated", 0, &["--offline", "--advisories-service"]);
    let reason = tier(&looked, "service")[0]["not_checked"].as_str().unwrap();
    assert!(reason.contains("--offline"), "{reason}");
    case.rlock("check", &["--frozen"]).expect(0);
    assert_eq!(osv.log(), [], "nobody told it anything");

    let looked =
        report(&case, "outdated", 1, &["--advisories-service", "--security", "--exit-code"]);
    assert_eq!(names(&looked, "packages"), ["library"]);
    let library = row(&looked, "packages", "library");
    assert_eq!(library["fixes"], json!(["DEBIAN-CVE-2026-1", "DEBIAN-CVE-2026-2"]), "{looked:#}");
    let source = format!("OSV {}", osv.url());
    assert_eq!(
        (&library["repairs"][0]["tier"], &library["repairs"][0]["source"]),
        (&json!("service"), &json!(source))
    );
    let asked = tier(&looked, "service")[0];
    assert_eq!((&asked["source"], &asked["as_of"]), (&json!(source), &json!("2026-11-20")));
    assert!(asked["covered"].as_u64() > Some(50) && asked.get("not_checked").is_none(), "{asked}");
    assert!(osv.was_asked("library", "1.0"), "{:?}", osv.log());
    let records = osv.log().iter().filter(|(path, _)| path.starts_with("/v1/vulns/")).count();
    assert_eq!(records, 3, "each record once");

    let url = format!("--advisories-service={}", osv.url());
    let moved = report(&case, "update", 0, &["-C", ".", "--security", &url]);
    assert_eq!(names(&moved, "moves"), ["library"], "{moved:#}");
    assert_eq!(moved["moves"][0]["repairs"][0]["tier"], "service");
    assert_eq!(tier(&moved, "service")[0]["source"], json!(source));
}

#[test]
fn a_service_that_cannot_be_asked_is_not_checked_and_never_clean() {
    let (key, site) = start();
    let case = case(&key, &site);
    let records = || vec![record("DEBIAN-CVE-2026-1", "library", "1.1")];
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut services = vec![(format!("http://{dead}"), "refused")];
    for (manner, words) in [
        (Manner::Garbage, "not understood"),
        (Manner::Endless, "more than 100 pages"),
        (Manner::Busy, "refuses more requests"),
        (Manner::Forgetful, "answered 404"),
        (Manner::Elsewhere, "redirects to http://127.0.0.2:1/"),
    ] {
        services.push((Osv::start(manner, records()).url(), words));
    }
    let lock = case.world.path("context/Dockerfile.lock").display().to_string();
    for (url, words) in services {
        let service = format!("--advisories-service={url}");
        for (command, sides) in [("outdated", vec![]), ("review", vec![&*lock, &*lock])] {
            let all = [&sides[..], &[&*service]].concat();
            let found = report(&case, command, 0, &all);
            let row = tier(&found, "service")[0];
            assert_eq!(
                (&row["source"], &row["covered"]),
                (&json!(format!("OSV {url}")), &json!(0))
            );
            let reason = row["not_checked"].as_str().unwrap();
            assert!(reason.contains("could not be asked") && reason.contains(words), "{reason}");
            let required = [&all[..], &["--require-advisories"]].concat();
            let found = report(&case, command, 5, &required);
            let lacking = found["advisory_sources"]["lacking"].to_string();
            assert!(lacking.contains("could not be asked"), "{lacking}");
            for format in ["text", "markdown"] {
                let shown = case.rlock(command, &[&all[..], &["--format", format]].concat());
                let shown = shown.expect(0).stdout.replace('\n', " ");
                assert!(shown.contains("not checked"), "{command} {format}:\n{shown}");
                assert!(!shown.contains("Introduced: 0"), "{command} {format}:\n{shown}");
            }
        }
        let required = ["-C", ".", "--security", "--require-advisories", &service];
        case.rlock("update", &required).expect(5).says(&["could not be asked"]);
    }
}

#[test]
fn a_service_without_an_address_is_a_wrong_use() {
    let (key, site) = start();
    let case = case(&key, &site);
    case.rlock("outdated", &["--advisories-service"]).expect(2).says(&["rlock.toml", "hint:"]);
    let plain = case.rlock("outdated", &["--advisories-service=http://osv.example"]);
    plain.expect(2).says(&["no TLS"]);
    case.world.write("rlock.toml", "[advisories]\nask = true\n");
    case.rlock("outdated", &[]).expect(2).says(&["rlock.toml: line 2: unknown field `ask`"]);
}

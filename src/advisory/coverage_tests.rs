//! What is covered by which source, and what a source says of nothing.

use super::service::Query;
use super::*;
use std::fs;

const DEBIAN: System<'_> = System { id: "debian", version_id: "12", codename: "bookworm" };

fn data(files: &[(&str, &str)]) -> Data {
    let root = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::write(&path, text).unwrap();
        paths.push(path);
    }
    Data::load(&paths, "2026-11-23".parse().unwrap()).unwrap()
}

fn deb(name: &'static str, version: &'static str) -> Named<'static> {
    Named { kind: "deb", name, version, source: None }
}

fn record(more: &str, affected: &str) -> String {
    format!(
        r#"{{"id": "DSA-1-1", "modified": "2026-11-01T00:00:00Z"{more}, "affected": [{affected}]}}"#
    )
}

const OPENSSL: &str = r#"{"package": {"ecosystem": "Debian:12", "name": "openssl"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.2"}]}]}"#;
const COMMITS: &str = r#"{"ranges": [{"type": "GIT", "repo": "https://git.example/x",
    "events": [{"introduced": "0"}, {"fixed": "abc"}]}]}"#;

#[test]
fn each_source_covers_its_own_packages() {
    let other = OPENSSL.replace("Debian:12", "Debian:11");
    let mut data = data(&[("a.json", &record("", OPENSSL)), ("b.json", &record("", &other))]);
    assert_eq!(data.covering(DEBIAN, deb("openssl", "3.0.1")), [0]);
    // A local source covers all of its ecosystem, a service what it was asked about.
    assert_eq!(data.covering(DEBIAN, deb("expat", "1")), [0]);
    assert_eq!(data.covering(System::default(), deb("openssl", "1")), [0; 0]);
    let queries = Query::of(DEBIAN, deb("openssl", "3.0.1"));
    data.add_service("https://osv.example", &queries, &[]).unwrap();
    assert_eq!(data.covering(DEBIAN, deb("openssl", "3.0.1")), [0, 2]);
    assert_eq!(data.covering(DEBIAN, deb("expat", "1")), [0]);
}

#[test]
fn a_withdrawn_record_says_nothing_and_still_covers() {
    let of = |more: &str, affected: &str| {
        let data = data(&[("a.json", &record(more, affected))]);
        let source = &data.sources()[0];
        let found = match data.of(DEBIAN, deb("openssl", "3.0.1")) {
            Checked::Known(found) => Some(found.len()),
            Checked::NotCovered => None,
        };
        (found, source.records, source.not_evaluated)
    };
    let withdrawn = r#", "withdrawn": "2026-11-02T00:00:00Z""#;
    assert_eq!(of("", OPENSSL), (Some(1), 1, 0));
    assert_eq!(of(withdrawn, OPENSSL), (Some(0), 0, 0));
    // Commits alone are not compared with anything; a record that is withdrawn is none that was not.
    let both = format!("{OPENSSL}, {COMMITS}");
    assert_eq!(of("", &both), (Some(1), 1, 1));
    assert_eq!(of(withdrawn, &both), (Some(0), 0, 0));
}

#[test]
fn an_advisory_is_known_by_its_first_cve() {
    let data = data(&[("a.json", &record(r#", "aliases": ["GHSA-1", "CVE-2026-1"]"#, OPENSSL))]);
    let Checked::Known(found) = data.of(DEBIAN, deb("openssl", "3.0.1")) else { panic!() };
    assert_eq!((found[0].known_as(), &*found[0].id), ("CVE-2026-1", "DSA-1-1"));
    assert_eq!(Advisory { aliases: BTreeSet::new(), ..found[0].clone() }.known_as(), "DSA-1-1");
}

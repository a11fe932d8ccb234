//! Cases of `fixtures/advisories`, and what cannot stand in a folder.

use super::*;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;

const TODAY: &str = "2026-11-23";

fn today() -> Date {
    TODAY.parse().unwrap()
}

fn load(paths: &[&Path]) -> Result<Data, AdvisoryError> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    Data::load(&paths, today())
}

fn case(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/advisories").join(name);
    let data = load(&[&folder.join("data")]).unwrap();
    let questions = fs::read_to_string(folder.join("questions")).unwrap();
    let mut found = String::new();
    for source in data.sources() {
        write_source(&mut found, source);
    }
    for question in questions.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        writeln!(found, "\n{question}").unwrap();
        write_answer(&mut found, &data.of(system(question), named(question)));
    }
    let path = folder.join("answers");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name}: found\n{found}\nexpected\n{expected}");
}

fn system(question: &str) -> System<'_> {
    let words: Vec<_> = question.split(' ').map(|word| word.trim_matches('-')).collect();
    System { id: words[0], version_id: words[1], codename: words[2] }
}

fn named(question: &str) -> Named<'_> {
    let words: Vec<_> = question.split(' ').collect();
    let source = words.get(6).map(|name| (*name, words[7]));
    Named { kind: words[3], name: words[4], version: words[5], source }
}

fn write_source(text: &mut String, source: &SourceInfo) {
    let SourceInfo { name, as_of, records, ecosystems, not_evaluated, .. } = source;
    let day = as_of.map_or("no date".to_owned(), |day| day.to_string());
    let covers: Vec<_> = ecosystems.iter().map(String::as_str).collect();
    let covers = covers.join(", ");
    writeln!(text, "{name}, {day}: {records} records, {not_evaluated} not evaluated; {covers}")
        .unwrap();
}

fn write_answer(text: &mut String, checked: &Checked) {
    match checked {
        Checked::NotCovered => text.push_str("  not covered\n"),
        Checked::Known(known) if known.is_empty() => text.push_str("  nothing known\n"),
        Checked::Known(known) => known.iter().for_each(|advisory| write_advisory(text, advisory)),
    }
}

fn write_advisory(text: &mut String, advisory: &Advisory) {
    let aliases: Vec<_> = advisory.aliases.iter().map(String::as_str).collect();
    let fixed = advisory.fixed.as_deref().unwrap_or("no fix");
    let severity = match &advisory.severity {
        Some(Severity { rating, score_tenths: Some(score), .. }) => {
            format!("{} {}.{}", rating.name(), score / 10, score % 10)
        }
        Some(severity) => severity.rating.name().to_owned(),
        None => "no severity".to_owned(),
    };
    let unsure = if advisory.certainty == Certainty::Undetermined { " UNDETERMINED" } else { "" };
    let id = &advisory.id;
    writeln!(text, "  {id} [{}] {fixed}; {severity}{unsure}", aliases.join(" ")).unwrap();
    if !advisory.summary.is_empty() {
        writeln!(text, "    {}", advisory.summary).unwrap();
    }
    if let Some(Ignored { reason, from }) = &advisory.ignored {
        writeln!(text, "    ignored: {reason} ({from})").unwrap();
    }
}

#[test]
fn osv_of_distributions() {
    case("osv-distributions");
}

#[test]
fn osv_of_languages() {
    case("osv-languages");
}

#[test]
fn debian_tracker() {
    case("debian-tracker");
}

#[test]
fn secdb() {
    case("secdb");
}

#[test]
fn csaf() {
    case("csaf");
}

#[test]
fn updateinfo() {
    case("updateinfo");
}

#[test]
fn openvex() {
    case("openvex");
}

fn record(id: &str, ecosystem: &str, name: &str, fixed: &str) -> String {
    format!(
        r#"{{"id": "{id}", "modified": "2026-11-01T00:00:00Z", "affected": [{{"package":
            {{"ecosystem": "{ecosystem}", "name": "{name}"}}, "ranges": [{{"type": "ECOSYSTEM",
            "events": [{{"introduced": "0"}}, {{"fixed": "{fixed}"}}]}}]}}]}}"#
    )
}

fn python(name: &'static str, version: &'static str) -> Named<'static> {
    Named { kind: "pypi", name, version, source: None }
}

fn ids(checked: &Checked) -> Vec<String> {
    match checked {
        Checked::Known(known) => known.iter().map(|advisory| advisory.id.clone()).collect(),
        Checked::NotCovered => vec!["not covered".to_owned()],
    }
}

/// A zip archive whose entries are stored, with the names as they are given.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let size = u32::try_from(content.len()).unwrap();
        let length = u16::try_from(name.len()).unwrap();
        let offset = u32::try_from(bytes.len()).unwrap();
        let mut common = Vec::new();
        common.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        common.extend(crc.sum().to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(length.to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(*content);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size) = (bytes.len(), directory.len());
    let count = u16::try_from(entries.len()).unwrap();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(u32::try_from(size).unwrap().to_le_bytes());
    bytes.extend(u32::try_from(start).unwrap().to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn archives_are_read_as_directories_are() {
    let root = tempfile::tempdir().unwrap();
    let [one, two] = [record("A-1", "PyPI", "a", "2"), record("A-2", "PyPI", "b", "2")];
    let path = root.path().join("all.zip");
    let entries: &[(&str, &[u8])] =
        &[("one.json", one.as_bytes()), ("LICENSE", b"x"), ("two.json", two.as_bytes())];
    fs::write(&path, zip(entries)).unwrap();
    let data = load(&[&path]).unwrap();
    let [source] = data.sources() else { panic!("one source") };
    assert_eq!((&*source.name, source.records, source.tier), ("OSV all.zip", 2, Tier::Local));
    assert_eq!(source.digest, Digest::of(&fs::read(&path).unwrap()));
    assert_eq!(ids(&data.of(System::default(), python("a", "1"))), ["A-1"]);
    assert_eq!(ids(&data.of(System::default(), python("c", "1"))), Vec::<String>::new());
    // Which of two entries counts is up to the reader.
    fs::write(&path, zip(&[("one.json", one.as_bytes()), ("one.json", two.as_bytes())])).unwrap();
    let error = load(&[&path]).unwrap_err().to_string();
    assert!(error.contains("`one.json` is in the archive twice"), "{error}");
}

#[test]
fn files_may_be_compressed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("A-1.json.zst");
    let packed = zstd::encode_all(record("A-1", "PyPI", "a", "2").as_bytes(), 1).unwrap();
    fs::write(&path, packed).unwrap();
    let data = load(&[&path]).unwrap();
    assert_eq!(ids(&data.of(System::default(), python("a", "1"))), ["A-1"]);
    let bomb = zstd::encode_all(std::io::repeat(b' ').take(600 << 20), 1).unwrap();
    fs::write(&path, bomb).unwrap();
    let error = load(&[&path]).unwrap_err().to_string();
    assert!(error.contains("bomb") || error.contains("more than"), "{error}");
}

#[test]
fn what_is_no_data_is_one_error() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = root.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let good = write("good.json", &record("A-1", "PyPI", "a", "2"));
    assert!(load(&[&good]).is_ok());
    for (index, content) in
        ["{}", "[]", "", "{\"a\": 1}", "<html/>", "text", "\0"].iter().enumerate()
    {
        write(&format!("bad{index}.json"), content);
    }
    let error = load(&[root.path()]).unwrap_err().to_string();
    assert!(error.contains("7 files are of no known kind") && error.contains("hint:"), "{error}");
    assert_eq!(error.matches("bad").count(), 5, "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = load(&[empty.path()]).unwrap_err().to_string();
    assert!(error.contains("holds no file of advisories"), "{error}");
    assert!(matches!(load(&[&root.path().join("none")]), Err(AdvisoryError::Read { .. })));
}

#[test]
fn malformed_data_is_an_error_with_a_place() {
    let root = tempfile::tempdir().unwrap();
    let cases = [
        (r#"{"id": "A-1", "affected": [{"package": 7}]}"#, "line 1"),
        (r#"{"id": "A\n1", "affected": []}"#, "is not an id"),
        (r#"{"id": "", "affected": []}"#, "is not an id"),
        (r#"{"document": {"csaf_version": "3.1", "tracking": {"id": "x"}}}"#, "only 2.0"),
        (r#"{"@context": "https://x.example", "statements": []}"#, "the context of OpenVEX"),
        (
            r#"{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [{"vulnerability":
                "CVE-1", "products": ["pkg:pypi/a"], "status": "not_affected"}]}"#,
            "needs a justification",
        ),
        (r#"{"a": {"CVE-1": {"releases": {"sid": {"status": "what"}}}}}"#, "is not a status"),
        ("<updates><update>", "ends within an element"),
        ("<updates><update></updates>", "byte"),
    ];
    for (content, reason) in cases {
        let path = root.path().join("x.json");
        fs::write(&path, content).unwrap();
        let error = load(&[&path]).unwrap_err().to_string();
        assert!(error.contains("x.json`") && error.contains(reason), "{content}: {error}");
    }
}

#[test]
fn hostile_data_ends_in_an_error() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.json");
    let deep = format!(r#"{{"id": "A-1", "affected": {}"#, "[".repeat(1_000_000));
    let deep_tracker = "{\"a\":".repeat(1_000_000);
    let deep_xml = format!("<updates>{}", "<a>".repeat(100_000));
    let doctype = "<!DOCTYPE a [<!ENTITY b \"c\">]><updates><update type=\"&b;\"/></updates>";
    for content in [&deep, &deep_tracker, &deep_xml, doctype] {
        fs::write(&path, content).unwrap();
        assert!(load(&[&path]).is_err());
    }
    // A link to itself, and directories without end.
    std::os::unix::fs::symlink(".", root.path().join("loop")).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir_all(root.path().join("a/".repeat(40))).unwrap();
    assert!(matches!(load(&[root.path()]), Err(AdvisoryError::TooLarge { .. })));
}

#[test]
fn hostile_texts_of_records_do_no_harm() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.json");
    let many: Vec<_> = (0..2000).map(|i| format!(r#"{{"fixed": "{}"}}"#, 2000 - i)).collect();
    let content = format!(
        r#"{{"id": "A-1", "summary": "a\u001b[31m\u0000b\nc", "aliases": ["x\u0007", "CVE-1"],
        "severity": [{{"type": "CVSS_V3", "score": "CVSS:3.1/{}"}}, {{"type": "CVSS_V4", "score": "x"}}],
        "affected": [{{"package": {{"ecosystem": "PyPI", "name": "a"}}, "ranges": [{{"type":
        "ECOSYSTEM", "events": [{{"introduced": "0"}}, {}]}}]}}]}}"#,
        "AV:N/".repeat(100_000),
        many.join(","),
    );
    fs::write(&path, content).unwrap();
    let data = load(&[&path]).unwrap();
    let Checked::Known(known) = data.of(System::default(), python("a", "0.5")) else { panic!() };
    let [advisory] = &*known else { panic!("one") };
    assert_eq!(advisory.summary, "a[31mb");
    assert_eq!(advisory.aliases, BTreeSet::from(["CVE-1".to_owned()]));
    assert_eq!((advisory.fixed.as_deref(), &advisory.severity), (Some("1"), &None));
}

#[derive(serde::Deserialize)]
struct Configuration {
    ignore: Vec<Ignore>,
}

#[test]
fn ignores_need_a_reason_and_end() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.json");
    fs::write(&path, record("CVE-2099-1", "PyPI", "a", "2")).unwrap();
    let ignored = |toml: &str| {
        let Configuration { ignore } = toml::from_str(toml).unwrap();
        let data = load(&[&path]).unwrap().ignoring(ignore);
        let Checked::Known(known) = data.of(System::default(), python("a", "1")) else { panic!() };
        (known[0].ignored.clone().map(|ignored| ignored.reason), data.expired().len())
    };
    let entry = |rest: &str| format!("[[ignore]]\nid = \"CVE-2099-1\"\nreason = \"r\"\n{rest}\n");
    let yes = Some("r".to_owned());
    assert_eq!(ignored(&entry("")), (yes.clone(), 0));
    assert_eq!(ignored(&entry("package = \"a\"")), (yes.clone(), 0));
    assert_eq!(ignored(&entry("package = \"b\"")), (None, 0));
    assert_eq!(ignored(&entry("expires = 2026-11-23")), (yes.clone(), 0));
    assert_eq!(ignored(&entry("expires = \"2026-12-01\"")), (yes, 0));
    assert_eq!(ignored(&entry("expires = 2026-11-22")), (None, 1));
    assert_eq!(ignored("[[ignore]]\nid = \"CVE-2099-2\"\nreason = \"r\"\n"), (None, 0));
    for bad in [
        "id = \"x\"",
        "id = \"x\"\nreason = \" \"",
        "id = \"x\"\nreason = \"r\"\nexpires = \"soon\"",
        "id = \"x\"\nreason = \"r\"\nexpires = 2026-11-22T00:00:00Z",
        "id = \"x\"\nreason = \"r\"\nuntil = 1",
    ] {
        assert!(toml::from_str::<Ignore>(bad).is_err(), "{bad}");
    }
}

#[test]
fn severities_are_those_of_the_specifications() {
    let of = |vector: &str| {
        Severity::of_vector(vector)
            .map(|severity| (severity.rating.name(), severity.score_tenths.unwrap()))
    };
    // Examples of FIRST.
    let cases = [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(("medium", 61))),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(("critical", 98))),
        ("CVSS:3.0/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", Some(("medium", 42))),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(("none", 0))),
        ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(("high", 73))),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
            Some(("critical", 100)),
        ),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", Some(("high", 75))),
        ("CVSS:3.1/AV:N", None),
        ("CVSS:5.0/AV:N/AC:L", None),
        ("high", None),
        ("", None),
    ];
    for (vector, expected) in cases {
        assert_eq!(of(vector), expected, "{vector}");
    }
}

#[test]
fn a_service_is_asked_in_batches_and_believed_only_so_far() {
    let debian = System { id: "debian", version_id: "12", codename: "bookworm" };
    let openssl = Named {
        kind: "deb",
        name: "libssl3",
        version: "3.0.20-1+b1",
        source: Some(("openssl", "3.0.20-1")),
    };
    let queries = service::Query::of(debian, openssl);
    let body = service::batches(&queries);
    assert_eq!(
        body,
        [
            r#"{"queries":[{"package":{"ecosystem":"Debian:12","name":"openssl"},"version":"3.0.20-1"}]}"#
        ]
    );
    assert!(service::Query::of(System::default(), openssl).is_empty());
    let many = vec![queries[0].next_page("t"); 2500];
    assert_eq!(service::batches(&many).len(), 3);
    assert!(service::batches(&many)[0].contains(r#""page_token":"t""#));

    let answer = br#"{"results":[{"vulns":[{"id":"DSA-1","modified":"x"}],"next_page_token":"p"}, {}, null]}"#;
    let answers = service::answers(answer, 3).unwrap();
    assert_eq!(
        (&*answers[0].ids, answers[0].next_page.as_deref()),
        (&["DSA-1".to_owned()][..], Some("p"))
    );
    assert!(answers[1].ids.is_empty() && answers[2].next_page.is_none());
    assert!(service::answers(answer, 2).unwrap_err().contains("3 answers to 2"));
    assert!(service::answers(br#"{"results":[{"vulns":[{"id":"../x"}]}]}"#, 1).is_err());
    assert!(service::answers(b"<html>", 1).is_err());
    assert_eq!(service::record_path("DSA-1").as_deref(), Some("/v1/vulns/DSA-1"));
    assert_eq!(service::record_path("../../x"), None);

    let mut data = Data::load(&[], today()).unwrap();
    assert_eq!(data.of(debian, openssl), Checked::NotCovered);
    let record = record("DSA-1", "Debian:12", "openssl", "3.0.22-1").into_bytes();
    data.add_service("https://osv.example", &queries, &[record]).unwrap();
    let Checked::Known(known) = data.of(debian, openssl) else { panic!("it was asked about") };
    assert_eq!((&*known[0].id, known[0].tier), ("DSA-1", Tier::Service));
    let other = Named { source: None, name: "expat", ..openssl };
    assert_eq!(data.of(debian, other), Checked::NotCovered);
}

/// The aim: 5,000 files in less than two seconds. `cargo test --lib -- --ignored --nocapture
/// five_thousand`; the aim is for an optimised build.
#[test]
#[ignore = "a measurement"]
fn five_thousand_files_load_fast() {
    let root = tempfile::tempdir().unwrap();
    let details = "A flaw. ".repeat(100);
    for number in 0..5000 {
        let affected: Vec<_> = (0..8)
            .map(|part| {
                format!(
                    r#"{{"package": {{"ecosystem": "AlmaLinux:9", "name": "pkg{}-{part}"}}, "ranges":
                    [{{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}}, {{"fixed":
                    "1:3.0.{number}-25.el9_3"}}]}}]}}"#,
                    number % 400
                )
            })
            .collect();
        let record = format!(
            r#"{{"id": "ALSA-2099:{number}", "modified": "2026-11-01T00:00:00Z", "details": "{details}",
            "affected": [{}]}}"#,
            affected.join(",")
        );
        fs::write(root.path().join(format!("{number}.json")), record).unwrap();
    }
    let start = std::time::Instant::now();
    let data = load(&[root.path()]).unwrap();
    let loaded = start.elapsed();
    assert_eq!(data.sources()[0].records, 5000);
    let alma = System { id: "almalinux", version_id: "9.3", codename: "" };
    let package = Named { kind: "rpm", name: "pkg7-3", version: "1:3.0.2000-1.el9", source: None };
    let start = std::time::Instant::now();
    let Checked::Known(known) = data.of(alma, package) else { panic!("covered") };
    println!("5,000 files: {loaded:?}; one package ({} found): {:?}", known.len(), start.elapsed());
    let is_optimised = !cfg!(debug_assertions);
    assert!(!is_optimised || loaded < std::time::Duration::from_secs(2), "{loaded:?}");
}

/// A service whose answer to the n-th batch this makes, and that has any record.
fn asked(answer: impl Fn(usize) -> String, id: &str) -> Result<Vec<Vec<u8>>, String> {
    let debian = System { id: "debian", version_id: "12", codename: "bookworm" };
    let curl = Named { kind: "deb", name: "curl", version: "1", source: None };
    let mut batch = 0;
    let mut post = |path: &str, _: &str| {
        assert_eq!(path, service::BATCH_PATH);
        batch += 1;
        Ok(answer(batch).into_bytes())
    };
    let record = format!(r#"{{"id":"{id}"}}"#).into_bytes();
    let mut get_all = |paths: &[String]| Ok(vec![record.clone(); paths.len()]);
    let mut sending = service::Sending { post: &mut post, get_all: &mut get_all };
    service::ask(&service::Query::of(debian, curl), &mut sending)
}

#[test]
fn a_service_is_asked_page_by_page_and_not_for_ever() {
    let page = |id: &str, token: &str| {
        format!(r#"{{"results":[{{"vulns":[{{"id":"{id}"}}],"next_page_token":"{token}"}}]}}"#)
    };
    let once = asked(|batch| page("CVE-1", if batch < 3 { "more" } else { "" }), "CVE-1");
    assert_eq!(once.unwrap().len(), 1, "one record, however many pages name it");
    let endless = asked(|_| page("CVE-1", "more"), "CVE-1").unwrap_err();
    assert!(endless.contains("more than 100 pages"), "{endless}");
    let other = asked(|_| page("CVE-1", ""), "CVE-2").unwrap_err();
    assert!(other.contains("another record for CVE-1"), "{other}");
    let ids: Vec<String> = (0..=service::IDS_MAX).map(|n| format!(r#"{{"id":"X-{n}"}}"#)).collect();
    let flood = format!(r#"{{"results":[{{"vulns":[{}]}}]}}"#, ids.join(","));
    assert!(asked(|_| flood.clone(), "X").unwrap_err().contains("more than 20000"));
    let none = asked(|_| r#"{"results":[{}]}"#.to_owned(), "X").unwrap();
    assert_eq!(none, Vec::<Vec<u8>>::new());
}

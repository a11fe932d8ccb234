//! Documents against their schemas, and what they must not contain.

use super::*;
use crate::diff::content::{Line, Side};
use crate::report::{LockState, Misfit, samples};

const TIMED: Options = Options { findings_exit: FindingsExit::One, timings: TimingsShown::Yes };

fn valid(name: SchemaName, text: &str) -> Value {
    let schema: Value = serde_json::from_str(name.text()).unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    let errors = validator::errors(&schema, &document);
    assert!(errors.is_empty(), "{}\n{text}", errors.join("\n"));
    document
}

#[test]
fn documents_follow_their_schemas() {
    for options in [Options::default(), TIMED] {
        valid(SchemaName::Check, &check(&samples::reproducible(), options));
        valid(SchemaName::Check, &check(&samples::not_reproducible(), options));
        valid(SchemaName::Verify, &verify(&samples::not_verified(), options));
        valid(SchemaName::Diff, &diff(&samples::difference(), options));
        valid(SchemaName::StoreStatus, &store_status(&samples::supplies(), options));
        valid(SchemaName::Lock, &lock(&samples::completed(), options));
        valid(SchemaName::Update, &update(&samples::updated(), options));
        valid(SchemaName::Outdated, &outdated(&samples::outdated(), options));
    }
    let mut report = samples::not_reproducible();
    report.target.stage = Some("final".into());
    report.lock.state = LockState::Stale(vec![Misfit { line: Some(3), reason: "changed".into() }]);
    valid(SchemaName::Check, &check(&report, TIMED));
    let mut report = samples::not_verified();
    report.comparison = Some(samples::difference().comparison);
    report.against = crate::report::Against::Image {
        name: "debian".into(),
        manifest: crate::oci::Digest::of(b""),
    };
    valid(SchemaName::Verify, &verify(&report, TIMED));
}

#[test]
fn the_document_of_a_status_counts_every_state() {
    let text = store_status(&samples::supplies(), Options::default());
    let document = valid(SchemaName::StoreStatus, &text);
    let expected = json!({
        "urls": 5, "lost": 1, "unknown": 1, "only_here": 1, "one_source": 1, "safe": 1,
        "gone_upstream": 3, "without_digest": 2,
    });
    assert_eq!(document["summary"], expected);
    let states: Vec<_> =
        document["urls"].as_array().unwrap().iter().map(|url| url["state"].clone()).collect();
    assert_eq!(states, ["lost", "unknown", "only-here", "one-source", "safe"]);
    assert_eq!(document["urls"][1]["upstream"]["reason"], "it answers 503");
    let failed = Failure {
        command: "store-status".into(),
        status: Status::Findings,
        message: "there is no lockfile".into(),
        location: None,
        output: Vec::new(),
        hint: None,
    };
    valid(SchemaName::StoreStatus, &failure(&failed, Options::default()));
}

#[test]
fn what_was_refused_is_in_the_documents() {
    let (coverage, findings) = samples::not_covered(2);
    let mut report = samples::completed();
    report.coverage = Some(coverage.clone());
    report.findings.clone_from(&findings);
    let document = valid(SchemaName::Lock, &lock(&report, Options::default()));
    let refused = &document["coverage"]["refused"];
    assert_eq!(refused.as_array().unwrap().len(), 3);
    assert_eq!(refused[2]["target"], "db.example:5432");
    assert_eq!(refused[2]["cause"], "refused-connection");
    assert_eq!(refused[0]["location"]["start_line"], 2);
    assert_eq!(document["coverage"]["rules"][0]["rule"], "npm-noise");
    let mut report = samples::reproducible();
    report.coverage = None;
    let document = valid(SchemaName::Check, &check(&report, Options::default()));
    assert!(document["coverage"].is_null());
    let mut report = samples::not_verified();
    (report.coverage, report.findings) = (Some(coverage), findings);
    valid(SchemaName::Verify, &verify(&report, Options::default()));
}

/// `UPDATE=1` rewrites the file.
#[test]
fn the_document_of_a_lock() {
    let mut report = samples::completed();
    let (coverage, findings) = samples::not_covered(1);
    (report.coverage, report.findings) = (Some(coverage), findings);
    let document = lock(&report, Options::default());
    let document = document.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/report/lock.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &document).unwrap();
    }
    assert_eq!(document, std::fs::read_to_string(path).unwrap());
}

#[test]
fn the_validator_finds_what_does_not_follow() {
    let schema: Value = serde_json::from_str(SchemaName::Check.text()).unwrap();
    let text = check(&samples::not_reproducible(), TIMED);
    let changes: [fn(&mut Value); 6] = [
        |document| document["verdict"] = json!("perhaps"),
        |document| document["surprise"] = json!(1),
        |document| document["builds"][0]["manifest"] = json!("sha256:1"),
        |document| document["clamped"] = json!(-1),
        |document| document["findings"][0]["files"] = json!("none"),
        |document| drop(document.as_object_mut().unwrap().remove("summary")),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut document: Value = serde_json::from_str(&text).unwrap();
        change(&mut document);
        assert!(!validator::errors(&schema, &document).is_empty(), "change {index}");
    }
}

#[test]
fn a_failure_is_a_document_of_the_same_schema() {
    let found = Failure {
        command: "check".into(),
        status: Status::BuildFailed,
        message: "cannot check Dockerfile: `apt-get install imagemagick` failed with exit code 100 at line 2".into(),
        location: samples::not_reproducible().findings[0].location.clone(),
        output: vec![b"E: Unable to locate package imagemagick".to_vec(), b"\xff\x1b[2J".to_vec()],
        hint: Some("put `apt-get update &&` before it in the same RUN".into()),
    };
    let document = valid(SchemaName::Check, &failure(&found, Options::default()));
    assert_eq!(document["exit_code"], 4);
    assert_eq!(document["status"], "build-failed");
    let bare = Failure { location: None, output: Vec::new(), hint: None, ..found };
    valid(SchemaName::Check, &failure(&bare, Options::default()));
}

#[test]
fn two_runs_give_the_same_bytes_whatever_time_they_took() {
    let mut slower = samples::not_reproducible();
    slower.timings.total *= 2;
    slower.builds[0].elapsed *= 2;
    let text = check(&slower, Options::default());
    assert_eq!(text, check(&samples::not_reproducible(), Options::default()));
    assert!(!text.contains("seconds"));
}

#[test]
fn paths_that_are_not_utf8_are_exact_in_base64() {
    let document = valid(SchemaName::Check, &check(&samples::not_reproducible(), TIMED));
    let file = &document["findings"][3]["files"][0];
    assert_eq!(file["path"], r"/app/\x1b[31mbuild\xff.txt");
    assert_eq!(file["path_bytes"], "L2FwcC8bWzMxbWJ1aWxk/y50eHQ=");
    assert!(document["findings"][0]["files"][0]["path_bytes"].is_null());
}

#[test]
fn strings_are_inert_on_a_terminal_and_the_same_when_read() {
    let mut report = samples::difference();
    let text = "\u{202e}gpj\x1b[2J\u{9b}\u{e0041}\u{feff} ##[error] Grüße 世界";
    report.files.truncate(1);
    report.files[0].path = text.as_bytes().to_vec();
    let line = |text: &[u8]| Line { side: Side::Both, text: text.to_vec(), is_cut: true };
    let mut content = samples::archive();
    let inner = &mut content.members[0].content.members[0].content;
    inner.text.as_mut().unwrap().hunks[0].lines = vec![line(text.as_bytes()), line(b"\xff")];
    report.files[0].content = Some(content);
    let written = diff(&report, Options::default());
    assert!(written.chars().all(|character| character == '\n' || inert::is_inert(character)));
    assert!(written.contains("Grüße 世界") && !written.contains("##["));
    let document = valid(SchemaName::Diff, &written);
    assert_eq!(document["files"][0]["path"], text);
    let inner = &document["files"][0]["content"]["members"][0]["content"]["members"][0];
    assert_eq!(inner["path_bytes"], "ZXRjL/8bbmFtZQ==");
    let lines = &inner["content"]["text"]["hunks"][0]["lines"];
    assert_eq!(lines[0]["text"], text);
    assert_eq!(lines[1]["text_bytes"], "/w==");
}

#[test]
fn exit_zero_is_in_the_exit_code_and_not_in_the_status() {
    let masked = Options { findings_exit: FindingsExit::Zero, ..Options::default() };
    let document = valid(SchemaName::Check, &check(&samples::not_reproducible(), masked));
    assert_eq!((&document["status"], &document["exit_code"]), (&json!("fail"), &json!(0)));
}

#[test]
fn a_fingerprint_does_not_move_with_the_line() {
    let mut moved = samples::not_reproducible();
    moved.findings[0].location.as_mut().unwrap().start_line = 99;
    let prints = |report| {
        let document: Value = serde_json::from_str(&check(report, Options::default())).unwrap();
        document["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["fingerprint"].clone())
            .collect::<Vec<_>>()
    };
    let (before, after) = (prints(&samples::not_reproducible()), prints(&moved));
    assert_eq!(before, after);
    assert_ne!(before[0], before[1]);
}

/// `UPDATE=1` rewrites the file.
#[test]
fn the_document_of_a_check() {
    let mut report = samples::not_reproducible();
    report.findings.truncate(1);
    report.normalised.truncate(1);
    let document = check(&report, Options::default());
    let document = document.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/report/check.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &document).unwrap();
    }
    assert_eq!(document, std::fs::read_to_string(path).unwrap());
}

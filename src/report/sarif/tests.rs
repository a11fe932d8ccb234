//! Documents against the official schema, and against what GitHub wants beyond it.

use super::*;
use crate::report::outcome::tests::{hostile, outcomes, roots};
use crate::report::{Failure, Report, Status, samples};

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/schemas/sarif-2.1.0.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn valid(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    let errors = json::validator::errors(&schema(), &document);
    assert!(errors.is_empty(), "{}\n{text}", errors.join("\n"));
    document
}

#[test]
fn documents_follow_the_official_schema() {
    for report in outcomes() {
        valid(&sarif(&report.outcome().unwrap(), &roots(), 1));
    }
}

#[test]
fn the_validator_finds_what_does_not_follow_it() {
    let report = Report::Check(Box::new(samples::not_reproducible()));
    let text = sarif(&report.outcome().unwrap(), &roots(), 1);
    let changes: [fn(&mut Value); 6] = [
        |document| document["version"] = json!("2.2.0"),
        |document| document["surprise"] = json!(1),
        |document| document["runs"][0]["results"][0]["level"] = json!("fatal"),
        |document| {
            let place = &mut document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
            place["region"]["startLine"] = json!(0);
        },
        |document| drop(document["runs"][0].as_object_mut().unwrap().remove("tool")),
        |document| document["runs"][0]["results"][0]["message"] = json!({}),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut document: Value = serde_json::from_str(&text).unwrap();
        change(&mut document);
        assert!(!json::validator::errors(&schema(), &document).is_empty(), "change {index}");
    }
}

#[test]
fn results_are_at_lines_of_the_dockerfile() {
    let report = Report::Check(Box::new(samples::not_reproducible()));
    let document = valid(&sarif(&report.outcome().unwrap(), &roots(), 1));
    let run = &document["runs"][0];
    assert_eq!(run["automationDetails"]["id"], "rlock/check/fixtures/imagemagick/linux/amd64/");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    let pyc = results.iter().find(|result| result["ruleId"] == "pyc-mtime").unwrap();
    let place = &pyc["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "fixtures/imagemagick/Dockerfile");
    assert_eq!(place["region"]["startLine"], 5);
    assert_eq!(pyc["occurrenceCount"], 321);
    assert_eq!(pyc["locations"][0]["logicalLocations"].as_array().unwrap().len(), 100);
    assert!(pyc["message"]["text"].as_str().unwrap().contains("100 of 321 files"));
    assert_eq!(results.last().unwrap()["level"], "warning");
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        let tags = rule["properties"]["tags"].as_array().unwrap();
        let is_security = tags.contains(&json!("security"));
        assert_eq!(is_security, rule["properties"].get("security-severity").is_some());
        assert_eq!(is_security, rule["id"] == "secret", "{rule}");
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("**Mend:**"));
    }
}

#[test]
fn a_result_leads_to_the_line_of_the_lock_where_both_are_known() {
    let mut report = samples::not_reproducible();
    report.steps[0].location = report.findings[2].location.clone();
    let report = Report::Check(Box::new(report));
    let mut outcome = report.outcome().unwrap();
    let lock = "version = 1\n\n[[package]]\nid = \"1\"\n\n[[step]]\nid = \"1\"\ninput = \"x\"\n";
    outcome.lock_lines = crate::report::outcome::lock_lines(lock);
    let document = valid(&sarif(&outcome, &roots(), 1));
    let results = document["runs"][0]["results"].as_array().unwrap();
    let related: Vec<&Value> =
        results.iter().filter_map(|result| result.get("relatedLocations")).collect();
    let [related] = &related[..] else { panic!("{related:?}") };
    let place = &related[0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "fixtures/imagemagick/Dockerfile.lock");
    assert_eq!(place["region"]["startLine"], 6);
}

#[test]
fn a_fingerprint_stays_when_lines_move_and_no_two_are_the_same() {
    let prints = |report: crate::report::CheckReport| {
        let report = Report::Check(Box::new(report));
        let document = valid(&sarif(&report.outcome().unwrap(), &roots(), 1));
        let results = document["runs"][0]["results"].as_array().unwrap().clone();
        let print = |result: &Value| result["partialFingerprints"]["rlock/v1"].to_string();
        results.iter().map(print).collect::<Vec<_>>()
    };
    let before = prints(samples::not_reproducible());
    let mut moved = samples::not_reproducible();
    for finding in &mut moved.findings {
        finding.location.as_mut().unwrap().start_line += 7;
        finding.location.as_mut().unwrap().end_line += 7;
    }
    assert_eq!(before, prints(moved));
    // The same instruction twice, as in two stages.
    let mut twice = samples::not_reproducible();
    let mut again = twice.findings.clone();
    for finding in &mut again {
        finding.location.as_mut().unwrap().start_line += 20;
        finding.location.as_mut().unwrap().end_line += 20;
    }
    twice.findings.extend(again);
    let mut all = prints(twice);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!((count, all.len()), (8, 8));
}

#[test]
fn a_document_that_would_be_too_large_says_what_it_leaves_out() {
    let mut report = samples::not_reproducible();
    let sample = report.findings[0].clone();
    report.findings = (0..30_000_usize)
        .map(|number| {
            let mut finding = sample.clone();
            finding.location.as_mut().unwrap().start_line = number + 1;
            finding.location.as_mut().unwrap().end_line = number + 1;
            finding
        })
        .collect();
    let report = Report::Check(Box::new(report));
    let text = sarif(&report.outcome().unwrap(), &roots(), 1);
    assert!(text.len() <= BYTES_MAX, "{}", text.len());
    let document: Value = serde_json::from_str(&text).unwrap();
    let run = &document["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), 5000);
    let said = &run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
    assert!(said.as_str().unwrap().starts_with("5,000 of 30,000 results are here"), "{said}");
}

#[test]
fn a_failure_is_not_a_clean_run() {
    let failure = Failure {
        command: "check".into(),
        status: Status::Undetermined,
        message: "cannot pull [x](javascript:1)".into(),
        location: None,
        output: Vec::new(),
        hint: None,
    };
    let outcome = Outcome::failed(&failure);
    let document = valid(&sarif(&outcome, &roots(), 5));
    let run = &document["runs"][0]["invocations"][0];
    assert_eq!((&run["executionSuccessful"], &run["exitCode"]), (&json!(false), &json!(5)));
    let text = &run["toolExecutionNotifications"][0]["message"]["text"];
    assert_eq!(text, "cannot pull \\[x\\](javascript:1)");
}

#[test]
fn hostile_text_follows_the_schema_too() {
    for report in hostile() {
        valid(&sarif(&report.outcome().unwrap(), &roots(), 1));
    }
}

//! What every format makes of every report: of ordinary ones, and of text that means harm.

use super::*;
use crate::report::inert::markdown::tests::{HOSTILE, rendered};
use crate::report::{Report, github, gitlab, inert, junit, markdown, samples, sarif};
use serde_json::Value;

pub(in crate::report) fn roots() -> Roots {
    Roots { directory: "/repo".into(), repository: Some("/repo".into()) }
}

/// One report of each command, good and bad.
pub(in crate::report) fn outcomes() -> Vec<Report> {
    vec![
        Report::Check(Box::new(samples::reproducible())),
        Report::Check(Box::new(samples::not_reproducible())),
        Report::Verify(Box::new(samples::not_verified())),
        Report::Diff(Box::new(samples::difference())),
        Report::Lock(Box::new(samples::completed())),
        Report::Lock(Box::new(not_covered())),
    ]
}

fn not_covered() -> crate::report::LockReport {
    let mut report = samples::completed();
    let (coverage, findings) = samples::not_covered(3);
    (report.coverage, report.findings) = (Some(coverage), findings);
    report.status = Status::Findings;
    report
}

/// Reports in which everything that comes out of images, packages and Dockerfiles means harm.
pub(in crate::report) fn hostile() -> Vec<Report> {
    let mut reports = Vec::new();
    for text in HOSTILE {
        let mut report = samples::not_reproducible();
        for finding in &mut report.findings {
            finding.message = text.to_owned();
            finding.hint = Some(text.to_owned());
            finding.paths = vec![[b"/", text.as_bytes(), b"\xff"].concat(), text.into()];
            finding.location.as_mut().unwrap().instruction = format!("RUN {text}");
        }
        report.findings[0].location.as_mut().unwrap().file = text.into();
        report.target.dockerfile = format!("d/{text}").into();
        report.target.stage = Some(text.to_owned());
        report.lock.path = text.into();
        reports.push(Report::Check(Box::new(report)));
        let mut report = samples::difference();
        report.left.name = text.to_owned();
        report.findings[0].message = format!("x {text}");
        report.findings[0].paths = vec![text.into()];
        reports.push(Report::Diff(Box::new(report)));
    }
    reports
}

fn every_format(report: &Report) -> Vec<(&'static str, String)> {
    let outcome = report.outcome().unwrap();
    vec![
        ("sarif", sarif::sarif(&outcome, &roots(), 1)),
        ("github", github::github(&outcome, &roots())),
        ("gitlab", gitlab::gitlab(&outcome, &roots())),
        ("junit", junit::junit(&outcome, &roots())),
        ("markdown", markdown::markdown(&outcome, &roots(), markdown::SUMMARY_MAX)),
    ]
}

/// The injection corpus through every format: no line is a command to a CI system, no character
/// moves a cursor, nothing is markup.
#[test]
fn hostile_text_is_inert_in_every_format() {
    for report in hostile() {
        for (format, text) in every_format(&report) {
            let active = text.chars().find(|c| *c != '\n' && !inert::is_inert(*c));
            // An emoji's variant selector is ours.
            assert_eq!(active.filter(|c| *c != '\u{fe0f}'), None, "{format}: {text}");
            for line in text.lines() {
                let command = line.trim_start().starts_with("::");
                assert_eq!(command, format == "github", "{format}: {line}");
                assert!(!line.contains("##[") && !line.contains("##vso["), "{format}: {line}");
            }
            match format {
                "sarif" | "gitlab" => drop(serde_json::from_str::<Value>(&text).unwrap()),
                "junit" => well_formed(&text),
                "markdown" => only_text(&text),
                _ => assert!(text.lines().count() <= 31),
            }
        }
    }
}

/// Rendered, the document has the elements that we wrote and no others.
fn only_text(document: &str) {
    let html = rendered(document);
    // Out of code, where forges look for nothing.
    let mut outside = String::new();
    for (index, part) in html.split("<code").enumerate() {
        let rest = if index == 0 { part } else { part.split_once("</code>").map_or("", |it| it.1) };
        outside.push_str(rest);
    }
    for trigger in [
        "@everyone",
        "#12",
        "#1 ",
        "GH-7",
        "://",
        "www.h",
        ":tada:",
        "<img",
        "<a ",
        "javascript:a",
        "<input",
        "<del",
        "data-math",
        "<!--",
    ] {
        assert!(!outside.contains(trigger), "{trigger} in {outside}");
    }
    assert_eq!(html.matches("<details>").count(), html.matches("</details>").count(), "{html}");
    assert_eq!(html.matches("<h1").count() + html.matches("<h2").count(), 1, "{html}");
}

/// XML whose elements are closed in order and whose text has no markup.
fn well_formed(xml: &str) {
    let mut open = Vec::new();
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let mut rest = body;
    while let Some((text, after)) = rest.split_once('<') {
        let plain = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        let plain = plain.replace("&quot;", "").replace("&apos;", "");
        assert!(!plain.contains(['&', '>']), "{text}");
        let (tag, after) = after.split_once('>').unwrap();
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name), "{xml}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap().to_owned()),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        rest = after;
    }
    assert!(open.is_empty(), "{open:?}");
}

/// `UPDATE=1` rewrites the files.
#[test]
fn every_format_of_a_check() {
    let mut report = samples::not_reproducible();
    report.findings[2].paths.truncate(3);
    let report = Report::Check(Box::new(report));
    for (format, text) in every_format(&report) {
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let path = format!("{}/fixtures/report/check.{format}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{format}");
    }
}

#[test]
fn annotations_keep_within_what_a_step_has_room_for() {
    let mut report = samples::not_reproducible();
    let sample = report.findings.clone();
    for number in 0..30 {
        report.findings.extend(sample.iter().cloned().map(|mut finding| {
            finding.location.as_mut().unwrap().start_line += 100 * (number + 1);
            finding
        }));
    }
    let report = Report::Check(Box::new(report));
    let text = github::github(&report.outcome().unwrap(), &roots());
    let count = |kind: &str| text.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((count("::error "), count("::warning "), count("::notice ")), (10, 10, 0));
    assert!(text.contains("and 85 more findings"), "{text}");
    assert!(text.contains("and 22 more findings"), "{text}");
}

#[test]
fn properties_and_data_of_annotations_are_encoded() {
    let mut report = samples::not_reproducible();
    report.findings.truncate(1);
    report.findings[0].message = "100% of it, a:b".into();
    report.findings[0].location.as_mut().unwrap().file = "a,b:c%.Dockerfile".into();
    let report = Report::Check(Box::new(report));
    let text = github::github(&report.outcome().unwrap(), &roots());
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with(
            "::error file=a%2Cb%3Ac%25.Dockerfile,line=2,endLine=4,title=random-id%3A "
        ),
        "{first}"
    );
    assert!(first.contains("::100%25 of it, a:b%0A"), "{first}");
}

#[test]
fn issues_for_gitlab_have_places_and_fingerprints_of_their_own() {
    for report in outcomes().iter().chain(&hostile()) {
        let issues: Vec<Value> =
            serde_json::from_str(&gitlab::gitlab(&report.outcome().unwrap(), &roots())).unwrap();
        let mut prints: Vec<&str> = Vec::new();
        for issue in &issues {
            prints.push(issue["fingerprint"].as_str().unwrap());
            assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
            let path = issue["location"]["path"].as_str().unwrap();
            assert!(!path.is_empty() && !path.starts_with("./"), "{path}");
            let severity = issue["severity"].as_str().unwrap();
            assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity));
            assert!(!issue["description"].as_str().unwrap().is_empty());
            assert!(!issue["check_name"].as_str().unwrap().is_empty());
        }
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count);
        assert_eq!(issues.is_empty(), report.status() == Status::Ok);
    }
}

#[test]
fn checks_say_what_passed_and_what_was_not_looked_at() {
    let results = |report: Report| {
        let outcome = report.outcome().unwrap();
        outcome.checks.iter().map(|check| (check.id, check.result.clone())).collect::<Vec<_>>()
    };
    let not_recorded = CheckResult::NotChecked("the lock records no layer");
    let expected = vec![
        ("reproducible", CheckResult::Passed),
        ("from-lock", CheckResult::Passed),
        ("recorded-layers", not_recorded.clone()),
    ];
    assert_eq!(results(Report::Check(Box::new(samples::reproducible()))), expected);
    let mut report = samples::not_reproducible();
    report.coverage = None;
    report.steps.clear();
    let expected = vec![
        ("reproducible", CheckResult::Failed),
        ("from-lock", CheckResult::NotChecked("the builder does not say what steps fetched")),
        ("recorded-layers", not_recorded),
    ];
    assert_eq!(results(Report::Check(Box::new(report))), expected);
    let covered = results(Report::Lock(Box::new(not_covered())));
    assert_eq!(covered, [("lock", CheckResult::Failed)]);
}

#[test]
fn a_summary_is_never_longer_than_a_forge_takes() {
    let mut report = samples::not_reproducible();
    for finding in &mut report.findings {
        finding.paths = (0..5000).map(|number| format!("/{number:01000}").into_bytes()).collect();
    }
    let report = Report::Check(Box::new(report));
    let outcome = report.outcome().unwrap();
    for bytes_max in [4000, 60_000, markdown::SUMMARY_MAX] {
        let text = markdown::markdown(&outcome, &roots(), bytes_max);
        assert!(text.len() <= bytes_max, "{} of {bytes_max}", text.len());
        assert!(text.contains("left out") && text.contains("5,000"), "{bytes_max}");
    }
}

#[test]
fn a_failure_is_a_failure_in_every_format() {
    let failure = Failure {
        command: "check".into(),
        status: Status::BuildFailed,
        message: "`apt-get install` failed".into(),
        location: samples::not_reproducible().findings[0].location.clone(),
        output: vec![b"E: \x1b[31mno package\n::error::owned".to_vec()],
        hint: Some("put `apt-get update &&` before it".into()),
    };
    let outcome = Outcome::failed(&failure);
    let xml = junit::junit(&outcome, &roots());
    well_formed(&xml);
    assert!(xml.contains("errors=\"1\"") && xml.contains("<error "), "{xml}");
    let text = github::github(&outcome, &roots());
    assert!(text.starts_with("::error file=fixtures/imagemagick/Dockerfile,line=2"), "{text}");
    let issues: Vec<Value> = serde_json::from_str(&gitlab::gitlab(&outcome, &roots())).unwrap();
    assert_eq!(issues.len(), 1);
    let text = markdown::markdown(&outcome, &roots(), markdown::SUMMARY_MAX);
    assert!(text.contains("❌ **the build failed**") && text.contains("no package"), "{text}");
    only_text(&text);
}

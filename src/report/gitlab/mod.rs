//! GitLab's code quality report: a flat list of issues, each with a fingerprint of its own.

use super::outcome::{Group, Outcome, Roots, security_severity};
use super::{Status, json, words};
use crate::finding::{Location, Severity};
use crate::oci::Digest;
use serde_json::{Value, json};
use std::path::Path;

/// Issues of one report; the last says how many there are not.
const ISSUES_MAX: usize = 5000;

/// The list.
pub fn gitlab(outcome: &Outcome<'_>, roots: &Roots) -> String {
    let groups = Group::all(outcome.findings);
    let mut issues: Vec<Value> =
        groups.iter().take(ISSUES_MAX).map(|group| issue(group, outcome, roots)).collect();
    if groups.len() > ISSUES_MAX {
        let rest = words::counted((groups.len() - ISSUES_MAX) as u64, "more finding");
        issues.push(verdict(outcome, roots, &format!("and {rest}: `--format json` has all")));
    } else if issues.is_empty() && outcome.status != Status::Ok {
        // An empty list would say that all is well.
        let sentence = super::inert::text(&outcome.sentence);
        issues.push(verdict(outcome, roots, &format!("{}: {sentence}", outcome.verdict)));
    }
    json::write_value(&issues)
}

fn issue(group: &Group<'_>, outcome: &Outcome<'_>, roots: &Roots) -> Value {
    let severity = match group.severity {
        _ if security_severity(group.cause).is_some() => "critical",
        Severity::Error => "major",
        Severity::Warning => "minor",
        Severity::Note => "info",
    };
    json!({
        "description": group.message(),
        "check_name": group.cause.id,
        "fingerprint": fingerprint(outcome, roots, &group.fingerprint(roots)),
        "severity": severity,
        "location": location(group.location, outcome, roots),
    })
}

fn verdict(outcome: &Outcome<'_>, roots: &Roots, text: &str) -> Value {
    let place = outcome.failure.and_then(|failure| failure.location.as_ref());
    json!({
        "description": text,
        "check_name": format!("rlock-{}", outcome.command),
        "fingerprint": fingerprint(outcome, roots, "verdict"),
        "severity": "critical",
        "location": location(place, outcome, roots),
    })
}

/// Unique among the reports of one pipeline, which GitLab puts together.
fn fingerprint(outcome: &Outcome<'_>, roots: &Roots, of: &str) -> String {
    let file = outcome.subject.dockerfile.as_ref().map(|file| roots.path(file)).unwrap_or_default();
    let named = [outcome.command.as_str(), &file, &outcome.title(), of].join("\0");
    Digest::of(named.as_bytes()).hex().chars().take(32).collect()
}

fn location(place: Option<&Location>, outcome: &Outcome<'_>, roots: &Roots) -> Value {
    let known = place.filter(|place| place.start_line > 0);
    let file = known.map(|place| &place.file).or(outcome.subject.dockerfile.as_ref());
    // Each issue must name a file: the images of a diff have none.
    let path = roots.path(file.map_or(Path::new("Dockerfile"), |file| file.as_path()));
    let (first, last) = known.and_then(Location::lines).unwrap_or((1, 1));
    json!({
        "path": super::inert::text(&path),
        "lines": {"begin": first.max(1), "end": last.max(first).max(1)},
    })
}

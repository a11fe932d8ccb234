//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as GitHub's code
//! scanning reads it: one result for each cause at each instruction, at lines of the Dockerfile.

mod rule;

#[cfg(test)]
mod tests;

use super::outcome::{Group, Outcome, Roots};
use super::{json, words};
use crate::finding::Location;
use serde_json::{Map, Value, json};

/// Bytes of a document that GitHub takes (10 MB, compressed; this is counted before that).
const BYTES_MAX: usize = 10_000_000;

/// How much is written. The first that fits into [`BYTES_MAX`] is taken.
const EXTENTS: [Extent; 6] = [
    // GitHub takes 25,000 results and shows 100 locations of each.
    Extent { results: 25_000, paths: 100 },
    Extent { results: 25_000, paths: 5 },
    Extent { results: 5000, paths: 5 },
    Extent { results: 1000, paths: 5 },
    Extent { results: 1000, paths: 0 },
    Extent { results: 100, paths: 0 },
];

#[derive(Clone, Copy)]
struct Extent {
    results: usize,
    paths: usize,
}

/// Where paths of the repository begin, by GitHub's convention.
const ROOT: &str = "%SRCROOT%";

/// The document.
pub fn sarif(outcome: &Outcome<'_>, roots: &Roots, exit_code: u8) -> String {
    let groups = Group::all(outcome.findings);
    let mut text = String::new();
    for extent in EXTENTS {
        text = json::write_value(&document(outcome, &groups, roots, exit_code, extent));
        if text.len() <= BYTES_MAX {
            break;
        }
    }
    text
}

fn document(
    outcome: &Outcome<'_>,
    groups: &[Group<'_>],
    roots: &Roots,
    exit_code: u8,
    extent: Extent,
) -> Value {
    let shown = groups.get(..extent.results.min(groups.len())).unwrap_or_default();
    let rules = rule::ids(shown);
    let results: Vec<Value> = shown
        .iter()
        .map(|group| result(outcome, group, roots, extent, rule::index(&rules, group)))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|cause| rule::of(cause)).collect::<Value>(),
            }},
            "automationDetails": {"id": automation_id(outcome, roots)},
            "columnKind": "utf16CodeUnits",
            "invocations": [invocation(outcome, groups, exit_code, extent)],
            "results": results,
        }],
    })
}

/// `rlock/check/docker/web/linux/amd64/`. GitHub keeps one set of results for each: it must differ
/// between images and platforms, or uploads replace each other.
fn automation_id(outcome: &Outcome<'_>, roots: &Roots) -> String {
    let subject = &outcome.subject;
    let mut parts = vec!["rlock".to_owned(), outcome.command.clone()];
    if let Some(file) = &subject.dockerfile {
        let path = roots.path(file);
        parts.push(match path.strip_suffix("Dockerfile") {
            Some("") => ".".to_owned(),
            Some(directory) if directory.ends_with('/') => directory.trim_matches('/').to_owned(),
            _ => path.trim_matches('/').to_owned(),
        });
    }
    parts.extend(subject.name.clone());
    parts.extend(subject.platform.clone());
    parts.extend(subject.stage.clone());
    super::inert::text(&format!("{}/", parts.join("/")))
}

fn invocation(outcome: &Outcome<'_>, groups: &[Group<'_>], exit_code: u8, extent: Extent) -> Value {
    let mut notifications = Vec::new();
    if let Some(failure) = outcome.failure {
        let text = super::inert::text(&failure.message);
        notifications.push(json!({"level": "error", "message": {"text": escaped(&text)}}));
    }
    if groups.len() > extent.results {
        let text = format!(
            "{} of {} results are here: a document may not be larger. `--format json` has all.",
            words::count(extent.results as u64),
            words::count(groups.len() as u64)
        );
        notifications.push(json!({"level": "warning", "message": {"text": text}}));
    }
    json!({
        "executionSuccessful": outcome.failure.is_none(),
        "exitCode": exit_code,
        "toolExecutionNotifications": notifications,
    })
}

fn result(
    outcome: &Outcome<'_>,
    group: &Group<'_>,
    roots: &Roots,
    extent: Extent,
    rule_index: Option<usize>,
) -> Value {
    let files = group.path_count();
    let mut text = group.message();
    if files > extent.paths && files > 1 {
        let shown = words::count(extent.paths.min(files) as u64);
        text = format!("{text} ({shown} of {} files are listed)", words::count(files as u64));
    }
    let mut result = Map::new();
    let mut put = |key: &str, value: Value| drop(result.insert(key.to_owned(), value));
    put("ruleId", json!(group.cause.id));
    if let Some(index) = rule_index {
        put("ruleIndex", json!(index));
    }
    put("level", json!(group.severity.name()));
    put("message", json!({"text": escaped(&text)}));
    put("locations", json!([location(outcome, group, roots, extent)]));
    if let Some(related) = lock_location(outcome, group, roots) {
        put("relatedLocations", json!([related]));
    }
    let print = group.fingerprint(roots);
    put("partialFingerprints", json!({"primaryLocationLineHash": print, "rlock/v1": print}));
    put("occurrenceCount", json!(files.max(1)));
    put("properties", json!({"files": files, "mend": group.mend()}));
    Value::Object(result)
}

fn location(outcome: &Outcome<'_>, group: &Group<'_>, roots: &Roots, extent: Extent) -> Value {
    let mut location = Map::new();
    // Without a place GitHub refuses the result: the Dockerfile as a whole is its first line.
    let file = match group.location {
        Some(place) if place.start_line > 0 => Some(&place.file),
        _ => outcome.subject.dockerfile.as_ref(),
    };
    if let Some(file) = file {
        let physical = json!({
            "artifactLocation": artifact(&roots.uri(file)),
            "region": region(group.location),
        });
        location.insert("physicalLocation".to_owned(), physical);
    }
    let mut logical = Vec::new();
    if let Some(stage) = outcome.stage(group) {
        let stage = super::inert::text(stage);
        logical.push(json!({"name": stage, "fullyQualifiedName": stage, "kind": "module"}));
    }
    for path in group.paths().take(extent.paths) {
        let path = super::inert::bytes(path);
        logical.push(json!({"fullyQualifiedName": path, "kind": "resource"}));
    }
    if !logical.is_empty() {
        location.insert("logicalLocations".to_owned(), Value::Array(logical));
    }
    Value::Object(location)
}

fn region(location: Option<&Location>) -> Value {
    let Some((first, last)) = location.and_then(Location::lines) else {
        return json!({"startLine": 1});
    };
    let mut region = json!({"startLine": first, "endLine": last.max(first)});
    let text = location.map(|location| super::inert::text(&location.instruction));
    if let (Some(region), Some(text)) = (region.as_object_mut(), text) {
        region.insert("snippet".to_owned(), json!({"text": text}));
    }
    region
}

/// Where what is locked of it stands.
fn lock_location(outcome: &Outcome<'_>, group: &Group<'_>, roots: &Roots) -> Option<Value> {
    let lock = outcome.subject.lock.as_ref()?;
    let line = outcome.lock_line(group)?;
    Some(json!({
        "physicalLocation": {
            "artifactLocation": artifact(&roots.uri(lock)),
            "region": {"startLine": line},
        },
        "message": {"text": "what is locked"},
    }))
}

fn artifact(uri: &str) -> Value {
    if uri.starts_with("file:") {
        return json!({"uri": uri});
    }
    json!({"uri": uri, "uriBaseId": ROOT})
}

/// Text in which no link can hide (§3.11.6): only where there could be one, since many viewers show
/// the backslashes.
fn escaped(text: &str) -> String {
    if !text.contains("](") {
        return text.to_owned();
    }
    text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]")
}

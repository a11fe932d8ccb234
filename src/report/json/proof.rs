//! `rlock.proof/1`.

use super::{Options, TimingsShown, head, parts, write};
use crate::report::{ProofReport, ProofRow, ProofVerdict};
use serde_json::{Map, Value, json};

/// The document.
pub fn proof(report: &ProofReport, options: Options) -> String {
    let mut document = head("proof", report.status, options);
    let elapsed = || json!({"total_s": report.elapsed.as_secs_f64()});
    parts::extend(
        &mut document,
        [
            ("lock", Some(parts::file(&report.lock))),
            ("base", report.base.as_ref().map(|base| json!(base))),
            ("keys", Some(json!(report.keys))),
            ("summary", Some(summary(report))),
            ("entries", Some(report.rows.iter().map(row).collect())),
            ("notes", Some(json!(report.notes))),
            ("findings", Some(parts::findings(&report.findings))),
            ("timings", (options.timings == TimingsShown::Yes).then(elapsed)),
        ],
    );
    write(&document)
}

fn summary(report: &ProofReport) -> Value {
    let mut counts = Map::new();
    for verdict in ProofVerdict::ALL {
        counts.insert(verdict.name().to_owned(), json!(report.count(verdict)));
    }
    Value::Object(counts)
}

fn row(row: &ProofRow) -> Value {
    parts::object([
        ("kind", Some(json!(row.kind))),
        ("name", Some(json!(row.name))),
        ("line", row.line.map(|line| json!(line))),
        ("verdict", Some(json!(row.verdict.name()))),
        ("reason", Some(json!(row.reason))),
        ("key", row.key.map(|key| json!(key))),
        ("expected", row.expected.as_ref().map(|text| json!(text))),
        ("found", row.found.as_ref().map(|text| json!(text))),
    ])
}

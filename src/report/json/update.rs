//! `rlock.update/1` and `rlock.outdated/1`.

use super::{Options, advisories, head, held_back, lifecycle, parts, write};
use crate::report::{MoveRow, OutdatedReport, OutdatedRow, UpdateReport};
use serde_json::{Value, json};

/// The document of an update.
pub fn update(report: &UpdateReport, options: Options) -> String {
    let mut document = head("update", report.status, options);
    let moves: Vec<Value> = report.moves.iter().map(move_row).collect();
    parts::extend(
        &mut document,
        [
            ("target", Some(parts::target(&report.target, &report.lock))),
            ("outcome", Some(json!(report.outcome.name()))),
            ("moves", Some(json!(moves))),
            ("held_back", Some(held_back::all(&report.held_back))),
            ("held", Some(json!(report.held))),
            ("notes", Some(json!(report.notes))),
            ("advisory_sources", Some(advisories::sources(&report.advisories))),
            ("findings", Some(parts::findings(&report.findings))),
            ("timings", parts::timings(&report.timings, options)),
        ],
    );
    write(&document)
}

fn move_row(row: &MoveRow) -> Value {
    parts::object([
        ("type", Some(json!(row.kind))),
        ("name", Some(json!(row.name))),
        ("architecture", architecture(&row.architecture)),
        ("from", row.from.as_ref().map(|version| json!(version))),
        ("to", row.to.as_ref().map(|version| json!(version))),
        ("archive", row.archive.as_ref().map(|archive| json!(archive))),
        ("security", Some(json!(row.security))),
        ("repairs", advisories::repairs(&row.repairs)),
        ("reason", row.reason.as_ref().map(|reason| json!(reason))),
    ])
}

/// The document of what is outdated.
pub fn outdated(report: &OutdatedReport, options: Options) -> String {
    let mut document = head("outdated", report.status, options);
    let rows: Vec<Value> = report.rows.iter().map(outdated_row).collect();
    let security = report.rows.iter().filter(|row| row.security).count();
    let summary = json!({
        "outdated": report.rows.len(),
        "security": security,
        "checked": report.checked,
        "unchecked": report.unchecked.len(),
    });
    parts::extend(
        &mut document,
        [
            ("target", Some(parts::target(&report.target, &report.lock))),
            ("summary", Some(summary)),
            ("packages", Some(json!(rows))),
            ("held_back", Some(held_back::all(&report.held_back))),
            ("lifecycle", Some(lifecycle::all(&report.lifecycle))),
            ("unchecked", Some(json!(report.unchecked))),
            ("advisory_sources", Some(advisories::sources(&report.advisories))),
            ("findings", Some(parts::findings(&report.findings))),
            ("timings", parts::timings(&report.timings, options)),
        ],
    );
    write(&document)
}

fn outdated_row(row: &OutdatedRow) -> Value {
    parts::object([
        ("type", Some(json!(row.kind))),
        ("name", Some(json!(row.name))),
        ("architecture", architecture(&row.architecture)),
        ("locked", Some(json!(row.locked))),
        ("available", Some(json!(row.available))),
        ("security_version", row.repair.as_ref().map(|version| json!(version))),
        ("archive", row.archive.as_ref().map(|archive| json!(archive))),
        ("security", Some(json!(row.security))),
        ("fixes", (!row.fixes.is_empty()).then(|| json!(row.fixes))),
        ("repairs", advisories::repairs(&row.repairs)),
        ("ignored", advisories::ignored(&row.ignored)),
        ("held", Some(json!(row.held))),
    ])
}

fn architecture(architecture: &str) -> Option<Value> {
    (!architecture.is_empty()).then(|| json!(architecture))
}

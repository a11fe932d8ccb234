//! `rlock update` and `rlock outdated`: archives move on, and a lock follows as far as it is told.

mod age;
mod apt;
mod language;
mod maven;
mod unheld;

use crate::clients::Case;
use serde_json::Value;

/// Type, name and versions of what moves, and why: `deb libfoo 1.0 -> 1.1, because …`.
fn moves(report: &Value) -> Vec<String> {
    let rows = report["moves"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let shown = |row: &Value| {
        let [kind, name, from, to] = ["type", "name", "from", "to"].map(|key| text(row, key));
        let reason = row["reason"].as_str().map(|reason| format!(", because {reason}"));
        format!("{kind} {name} {from} -> {to}{}", reason.unwrap_or_default())
    };
    rows.iter().map(shown).collect()
}

/// The same of what is outdated: `deb libfoo 1.0 -> 1.1`, with what is said of it.
fn outdated(report: &Value) -> Vec<String> {
    let rows = report["packages"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let shown = |row: &Value| {
        let [kind, name, locked, available] =
            ["type", "name", "locked", "available"].map(|key| text(row, key));
        let flag = |key: &str| if row[key] == true { format!(" {key}") } else { String::new() };
        format!("{kind} {name} {locked} -> {available}{}{}", flag("security"), flag("held"))
    };
    rows.iter().map(shown).collect()
}

/// Updates; the report, whose command ended with this code.
#[track_caller]
fn update(case: &Case<'_>, code: i32, arguments: &[&str]) -> Value {
    let all = [&["--format", "json", "-C", "."], arguments].concat();
    case.rlock("update", &all).expect(code).json()
}

/// What is outdated.
#[track_caller]
fn look(case: &Case<'_>, code: i32, arguments: &[&str]) -> Value {
    let all = [&["--format", "json"], arguments].concat();
    case.rlock("outdated", &all).expect(code).json()
}

/// The image that the lock records.
#[track_caller]
fn recorded(case: &Case<'_>) -> String {
    let lock = case.world.read("Dockerfile.lock");
    let result = lock.split("[result]\nimage = \"").nth(1).unwrap_or_else(|| panic!("{lock}"));
    result.split('"').next().unwrap().to_owned()
}

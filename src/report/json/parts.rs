//! Parts that several documents share.

use super::{Options, TimingsShown};
use crate::diff::ConfigDifference;
use crate::finding::{Finding, Location};
use crate::oci::Digest;
use crate::report::{
    BuildResult, Comparison, Coverage, Guarantee, LockState, LockSummary, NormalisedFile, StepRow,
    Target, inert,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// An object of the fields that are there.
pub(super) fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let present = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(present.collect())
}

/// Adds fields to an object in the order given, those that are not there left out.
pub(super) fn extend<const N: usize>(
    document: &mut Map<String, Value>,
    fields: [(&str, Option<Value>); N],
) {
    for (key, value) in fields {
        if let Some(value) = value {
            document.insert(key.to_owned(), value);
        }
    }
}

/// `path` for people; where the bytes are not UTF-8 also `path_bytes`, in base64, for programs.
pub(super) fn path_fields(path: &[u8]) -> [(&'static str, Option<Value>); 2] {
    match std::str::from_utf8(path) {
        Ok(text) => [("path", Some(json!(text))), ("path_bytes", None)],
        Err(_) => [
            ("path", Some(json!(inert::bytes(path)))),
            ("path_bytes", Some(json!(STANDARD.encode(path)))),
        ],
    }
}

pub(super) fn file(path: &Path) -> Value {
    json!(path.to_string_lossy())
}

pub(super) fn target(target: &Target, lock: &LockSummary) -> Value {
    object([
        ("dockerfile", Some(file(&target.dockerfile))),
        ("stage", target.stage.as_ref().map(|stage| json!(stage))),
        ("platform", Some(json!(target.platform.to_string()))),
        ("lock", Some(self::lock(lock))),
    ])
}

fn lock(lock: &LockSummary) -> Value {
    let (state, misfits) = match &lock.state {
        LockState::Written => ("written", None),
        LockState::Current => ("current", None),
        LockState::Updated => ("updated", None),
        LockState::Missing => ("missing", None),
        LockState::Stale(misfits) => ("stale", Some(misfits)),
    };
    let misfit = |misfit: &crate::report::Misfit| {
        object([
            ("line", misfit.line.map(|line| json!(line))),
            ("reason", Some(json!(misfit.reason))),
        ])
    };
    object([
        ("path", Some(file(&lock.path))),
        ("state", Some(json!(state))),
        ("misfits", misfits.map(|misfits| misfits.iter().map(misfit).collect())),
        ("epoch", Some(json!(lock.epoch))),
        ("images", Some(json!(lock.images))),
        ("packages", Some(json!(lock.packages))),
        ("fetches", Some(json!(lock.fetches))),
        ("steps", Some(json!(lock.steps))),
        ("recorded_layers", Some(json!(lock.layers))),
    ])
}

pub(super) fn build(id: &str, builder: &str, build: &BuildResult, options: Options) -> Value {
    object([
        ("id", Some(json!(id))),
        ("builder", Some(json!(builder))),
        ("manifest", Some(digest(build.manifest))),
        ("layers", Some(build.layers.iter().copied().map(digest).collect())),
        ("varied", Some(json!(build.varied))),
        ("seconds", seconds(build.elapsed, options)),
    ])
}

/// Seconds with three decimals, where timings are wanted.
pub(super) fn seconds(duration: Duration, options: Options) -> Option<Value> {
    let rounded = Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    (options.timings == TimingsShown::Yes).then(|| json!(rounded.as_secs_f64()))
}

pub(super) fn digest(digest: Digest) -> Value {
    json!(digest.to_string())
}

pub(super) fn summary(comparison: &Comparison, findings: &[Finding]) -> Value {
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        *causes.entry(finding.cause.id).or_default() += finding.paths.len().max(1);
    }
    json!({
        "files_compared": comparison.files_compared,
        "different": comparison.files_different,
        "layers_equal": comparison.layers_equal,
        "layers_read": comparison.layers_read,
        "encoding_only": comparison.encoding_only,
        "not_compared": comparison.not_compared,
        "causes": causes,
    })
}

pub(super) fn config(rows: &[ConfigDifference]) -> Value {
    rows.iter()
        .map(|row| {
            object([
                ("field", Some(json!(row.field))),
                ("left", row.left.as_ref().map(|value| json!(value))),
                ("right", row.right.as_ref().map(|value| json!(value))),
            ])
        })
        .collect()
}

pub(super) fn steps(steps: &[StepRow]) -> Value {
    steps
        .iter()
        .map(|step| {
            object([
                ("id", Some(json!(step.id))),
                ("location", step.location.as_ref().map(location)),
                ("recorded", step.recorded.map(digest)),
                ("built", step.built.map(digest)),
                ("differs", Some(json!(step.differs()))),
            ])
        })
        .collect()
}

pub(super) fn location(location: &Location) -> Value {
    let lines = location.lines();
    object([
        ("file", Some(json!(location.file.to_string_lossy()))),
        ("start_line", lines.map(|(first, _)| json!(first))),
        ("end_line", lines.map(|(_, last)| json!(last))),
        ("instruction", Some(json!(location.instruction))),
    ])
}

pub(super) fn findings(findings: &[Finding]) -> Value {
    findings.iter().map(finding).collect()
}

fn finding(finding: &Finding) -> Value {
    object([
        ("cause", Some(json!(finding.cause.id))),
        ("fingerprint", Some(json!(fingerprint(finding)))),
        ("severity", Some(json!(finding.severity.name()))),
        ("message", Some(json!(finding.message))),
        ("location", finding.location.as_ref().map(location)),
        ("files", Some(finding.paths.iter().map(|path| object(path_fields(path))).collect())),
        ("fix", Some(json!({"kind": "dockerfile", "text": finding.mend()}))),
    ])
}

/// Names a finding over time: same cause and same instruction, wherever its line has moved to.
fn fingerprint(finding: &Finding) -> String {
    let (file, instruction) = match &finding.location {
        Some(location) => (location.file.to_string_lossy(), location.instruction.as_str()),
        None => (std::borrow::Cow::default(), ""),
    };
    let named = [finding.cause.id, &file, instruction].join("\0");
    Digest::of(named.as_bytes()).hex().chars().take(16).collect()
}

pub(super) fn normalised(files: &[NormalisedFile]) -> Value {
    files
        .iter()
        .map(|file| {
            let [path, bytes] = path_fields(&file.path);
            let rule = ("rule", Some(json!(file.rule)));
            object([rule, path, bytes, ("differed", Some(json!(file.differed)))])
        })
        .collect()
}

pub(super) fn coverage(coverage: &Coverage) -> Value {
    let refused = coverage.refused.iter().map(|refused| {
        object([
            ("step", Some(json!(refused.step))),
            ("location", refused.location.as_ref().map(location)),
            ("target", Some(json!(refused.target))),
            ("cause", Some(json!(refused.cause.id))),
            ("reason", Some(json!(refused.reason))),
            ("hint", Some(json!(refused.hint))),
        ])
    });
    let rules = coverage.rules.iter().map(|used| {
        object([
            ("rule", Some(json!(used.rule))),
            ("step", Some(json!(used.step))),
            ("location", used.location.as_ref().map(location)),
            ("target", Some(json!(used.target))),
        ])
    });
    json!({
        "fetches": coverage.fetches,
        "locked": coverage.locked,
        "fetched": coverage.fetched,
        "bytes": coverage.bytes,
        "refused": refused.collect::<Value>(),
        "rules": rules.collect::<Value>(),
    })
}

pub(super) fn guarantees(guarantees: &[Guarantee]) -> Value {
    guarantees
        .iter()
        .map(|guarantee| {
            json!({"id": guarantee.id, "holds": guarantee.holds, "text": guarantee.text})
        })
        .collect()
}

pub(super) fn timings(timings: &crate::report::Timings, options: Options) -> Option<Value> {
    let parts = object([
        ("prepare_seconds", seconds(timings.prepare, options)),
        ("compare_seconds", seconds(timings.compare, options)),
        ("total_seconds", seconds(timings.total, options)),
    ]);
    (options.timings == TimingsShown::Yes).then_some(parts)
}

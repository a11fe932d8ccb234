//! Verdicts as rows of the report, and as findings.

use crate::finding::{Cause, Finding, Location, Severity};
use crate::index::proof::{Problem, Proof, Subject, Verdict};
use crate::lock::{Lines, Lockfile};
use crate::oci::Digest;
use crate::report::{ProofRow, ProofVerdict};
use std::collections::BTreeMap;
use std::path::Path;

/// Rows, each with whether it leaves something open.
pub(super) fn rows(
    lock: &Lockfile,
    lines: &Lines,
    proofs: Vec<Proof>,
    damaged: &BTreeMap<Digest, String>,
) -> Vec<(ProofRow, bool)> {
    let rows = proofs.into_iter().filter_map(|Proof { subject, verdict }| {
        let described = Described::of(lock, subject)?;
        let bad = described.digest.and_then(|digest| damaged.get(&digest));
        let verdict = match (verdict, bad) {
            (verdict @ Verdict::Poisoned(_), _) | (verdict, None) => verdict,
            (_, Some(problem)) => Verdict::Poisoned(Problem {
                message: problem.clone(),
                key: "sha256",
                expected: None,
                found: None,
            }),
        };
        let matters = is_open(subject, &verdict);
        Some((row(lock, lines, subject, described, verdict), matters))
    });
    rows.collect()
}

/// Whether it is not known, but should be, whether the entry is what it should be. An image is pinned
/// by its digest: only a new one is somebody's word.
fn is_open(subject: Subject, verdict: &Verdict) -> bool {
    match (subject, verdict) {
        (_, Verdict::Undetermined { .. }) => true,
        (Subject::Image(_), Verdict::Unprovable { is_new, .. }) => *is_new,
        (_, Verdict::Unprovable { .. }) => true,
        _ => false,
    }
}

struct Described {
    kind: &'static str,
    name: String,
    digest: Option<Digest>,
}

impl Described {
    fn of(lock: &Lockfile, subject: Subject) -> Option<Self> {
        Some(match subject {
            Subject::Image(index) => {
                let image = lock.images.get(index)?;
                Self { kind: "image", name: image.reference.familiar(), digest: None }
            }
            Subject::Package(index) => {
                let it = lock.packages.get(index)?;
                let name = format!("{}:{} {} {}", it.kind, it.name, it.version, it.architecture);
                Self { kind: "package", name: name.trim().to_owned(), digest: it.sha256 }
            }
            Subject::Fetch(index) => {
                let fetch = lock.fetches.get(index)?;
                Self { kind: "fetch", name: fetch.url.clone(), digest: Some(fetch.sha256) }
            }
        })
    }
}

fn row(
    lock: &Lockfile,
    lines: &Lines,
    subject: Subject,
    described: Described,
    verdict: Verdict,
) -> ProofRow {
    let line = |key: &str| match subject {
        Subject::Image(index) => lines.image(lock.images.get(index)?, key),
        Subject::Package(index) => lines.package(lock.packages.get(index)?, key),
        Subject::Fetch(index) => lines.fetch(lock.fetches.get(index)?, key),
    };
    let Described { kind, name, .. } = described;
    let plain = |verdict, reason: String| ProofRow {
        kind,
        name: name.clone(),
        line: line(""),
        verdict,
        reason,
        key: None,
        expected: None,
        found: None,
    };
    match verdict {
        Verdict::Proven { by } => plain(ProofVerdict::Proven, by),
        Verdict::Unsigned { by } => plain(ProofVerdict::Unsigned, by),
        Verdict::Held => plain(ProofVerdict::Held, "as in the base lock".to_owned()),
        Verdict::Empty { reason } => plain(ProofVerdict::Empty, reason),
        Verdict::Undetermined { reason } => plain(ProofVerdict::Undetermined, reason),
        Verdict::Unprovable { reason, is_new } => {
            let new = if is_new { "; it is not in the base lock" } else { "" };
            plain(ProofVerdict::Unprovable, format!("{reason}{new}"))
        }
        Verdict::Poisoned(problem) => ProofRow {
            line: line(problem.key),
            key: Some(problem.key),
            expected: problem.expected,
            found: problem.found,
            ..plain(ProofVerdict::Poisoned, problem.message)
        },
    }
}

/// What is poisoned, and what is open, each at its line of the lock.
pub(super) fn findings(rows: &[(ProofRow, bool)], lock: &Path) -> Vec<Finding> {
    let finding = |(row, matters): &(ProofRow, bool)| {
        let (cause, severity) = match (row.verdict, matters) {
            (ProofVerdict::Poisoned, _) => ("poisoned-lock", Severity::Error),
            (_, true) => ("unproven-lock", Severity::Warning),
            (_, false) => return None,
        };
        let values = match (&row.expected, &row.found) {
            (Some(expected), Some(found)) => format!(": expected {expected}, found {found}"),
            _ => String::new(),
        };
        let line = row.line.unwrap_or_default();
        Some(Finding {
            cause: Cause::named(cause),
            severity,
            message: format!("{}: {}{values}", row.name, row.reason),
            location: Some(Location {
                file: lock.to_owned(),
                start_line: line,
                end_line: line,
                instruction: format!("[[{}]] {}", row.kind, row.name),
            }),
            hint: None,
            paths: Vec::new(),
        })
    };
    let mut findings: Vec<Finding> = rows.iter().filter_map(finding).collect();
    // The worst first, else as in the lock.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

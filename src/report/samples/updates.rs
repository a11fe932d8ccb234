//! Reports of updates.

use super::{lock, target};
use crate::report::{
    LockState, MoveRow, OutdatedReport, OutdatedRow, Status, Timings, UpdateOutcome, UpdateReport,
};

/// An update that moved one library for a fix, and what needs it.
pub(crate) fn updated() -> UpdateReport {
    let row = |name: &str, reason: Option<&str>| MoveRow {
        kind: "deb".to_owned(),
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        from: Some("1.0".to_owned()),
        to: Some("1.0+deb1u1".to_owned()),
        archive: Some("Debian-Security bookworm-security".to_owned()),
        security: reason.is_none(),
        reason: reason.map(str::to_owned),
    };
    UpdateReport {
        target: target(),
        lock: lock(LockState::Updated),
        outcome: UpdateOutcome::Written,
        moves: vec![
            row("libfoo", None),
            row("libfoo-dev", Some("libfoo-dev 1.0 needs libfoo (= 1.0), which moves")),
        ],
        held: 141,
        notes: vec!["curl stays at 7.88, which Dockerfile:3 asks for".to_owned()],
        findings: Vec::new(),
        timings: Timings::default(),
        status: Status::Ok,
    }
}

/// A lock with a fix to be had, and something that could not be looked at.
pub(crate) fn outdated() -> OutdatedReport {
    let row = |name: &str, security: bool| OutdatedRow {
        kind: "deb".to_owned(),
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        locked: "1.0".to_owned(),
        available: "1.1".to_owned(),
        archive: security.then(|| "Debian-Security bookworm-security".to_owned()),
        security,
        fixes: Vec::from_iter(security.then(|| "CVE-2026-1".to_owned())),
        held: !security,
    };
    OutdatedReport {
        target: target(),
        lock: lock(LockState::Current),
        security_only: false,
        rows: vec![row("libfoo", true), row("other", false)],
        checked: 143,
        unchecked: vec!["pypi polite: the status is 500".to_owned()],
        findings: Vec::new(),
        timings: Timings::default(),
        status: Status::Ok,
    }
}

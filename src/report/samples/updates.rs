//! Reports of updates.

use super::{lock, target};
use crate::report::{
    AdvisorySources, ExpiredIgnore, HeldBack, HeldCause, IgnoredFix, LifecycleRow, Lifespan,
    LockState, MoveRow, OutdatedReport, OutdatedRow, Repair, Status, TierRow, Timings,
    UpdateOutcome, UpdateReport,
};
use std::collections::BTreeSet;

fn repair() -> Repair {
    let ids = BTreeSet::from(["CVE-2026-1".to_owned()]);
    Repair { tier: "local", source: "OSV debian.zip".to_owned(), ids }
}

/// All three tiers: one read, one given, one that did not answer.
fn sources() -> AdvisorySources {
    let row =
        |tier, source: &str| TierRow { covered: 3, of: 4, ..TierRow::unchecked(tier, source, "") };
    AdvisorySources {
        tiers: vec![
            TierRow { not_checked: None, ..row("in-band", "archives of security fixes") },
            TierRow {
                as_of: Some("2026-11-20".to_owned()),
                digest: Some("sha256:00".to_owned()),
                ecosystems: BTreeSet::from(["Debian:12".to_owned()]),
                not_checked: None,
                ..row("local", "OSV debian.zip")
            },
            TierRow::unchecked("service", "OSV https://osv.example", "it answered 500"),
        ],
        expired: vec![ExpiredIgnore {
            id: "CVE-2026-3".to_owned(),
            package: Some("libfoo".to_owned()),
            reason: "not reachable".to_owned(),
            expires: "2026-01-31".to_owned(),
        }],
        lacking: vec!["1 package is not covered: pypi:polite".to_owned()],
    }
}

/// A version that is too young.
pub(super) fn held_back() -> HeldBack {
    HeldBack {
        kind: "deb".to_owned(),
        name: "perl-base".to_owned(),
        architecture: "amd64".to_owned(),
        locked: Some("5.36.0-7".to_owned()),
        available: "5.36.0-8".to_owned(),
        cause: HeldCause::TooYoung,
        reason: "published 2026-11-22T00:00:00Z (by its changelog), less than 3 d ago".to_owned(),
        published: Some(1_795_305_600),
        security: false,
        way_out: Some("--now perl-base".to_owned()),
    }
}

/// A distribution that is regularly supported no longer.
fn lifespan() -> Lifespan {
    Lifespan {
        distribution: "debian 12 (bookworm)".to_owned(),
        state: "extended",
        words: "bookworm is in LTS — plan trixie".to_owned(),
        until: "2028-06-30".to_owned(),
        plan: Some("trixie".to_owned()),
        source: "distro-info-data".to_owned(),
        as_of: Some("2026-04-25".to_owned()),
    }
}

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
        repairs: Vec::from_iter(reason.is_none().then(repair)),
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
        held_back: vec![held_back()],
        held: 141,
        notes: vec!["curl stays at 7.88, which Dockerfile:3 asks for".to_owned()],
        advisories: sources(),
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
        repair: security.then(|| "1.0.1".to_owned()),
        archive: security.then(|| "Debian-Security bookworm-security".to_owned()),
        security,
        fixes: Vec::from_iter(security.then(|| "CVE-2026-1".to_owned())),
        repairs: Vec::from_iter(security.then(repair)),
        ignored: Vec::from_iter(security.then(|| IgnoredFix {
            id: "CVE-2026-2".to_owned(),
            reason: "the parser is not used (rlock.toml)".to_owned(),
        })),
        held: !security,
    };
    OutdatedReport {
        target: target(),
        lock: lock(LockState::Current),
        security_only: false,
        rows: vec![row("libfoo", true), row("other", false)],
        held_back: vec![held_back()],
        checked: 143,
        lifecycle: vec![
            LifecycleRow { subject: "debian:bookworm".to_owned(), found: Ok(lifespan()) },
            LifecycleRow {
                subject: "tools".to_owned(),
                found: Err("nothing in the lock says which distribution it is".to_owned()),
            },
        ],
        unchecked: vec!["pypi polite: the status is 500".to_owned()],
        advisories: sources(),
        findings: Vec::new(),
        timings: Timings::default(),
        status: Status::Ok,
    }
}

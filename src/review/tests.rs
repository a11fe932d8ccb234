//! Pairs of locks in folders of cases, and what a review says of them.

use super::*;
use crate::report::{
    AdvisorySources, ReviewReport, ReviewSide, Status, Timings, pull_request, terminal,
};
use std::path::Path;

fn lock(path: &Path) -> Option<Lockfile> {
    let text = std::fs::read(path).ok()?;
    Some(Lockfile::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn report(case: &Path) -> ReviewReport {
    let new = lock(&case.join("new.lock")).unwrap();
    let empty = || Lockfile::new(new.platform.clone(), new.epoch, new.canonical);
    let old = lock(&case.join("old.lock"));
    let side = |name: &str| {
        let digest = std::fs::read(case.join(name)).ok().map(|text| crate::oci::Digest::of(&text));
        ReviewSide { name: name.to_owned(), digest }
    };
    let review = review(&Input {
        old: &old.unwrap_or_else(empty),
        new: &new,
        places: &Places::default(),
        evidence: &AllEvidence::new(),
        advisories: None,
        images: None,
        policy: &Checked::Known(Vec::new()),
        unbuilt: "needs --files",
    });
    let findings = findings(&review, &Places::default());
    ReviewReport {
        dockerfile: "Dockerfile".into(),
        platform: new.platform,
        old: side("old.lock"),
        new: side("new.lock"),
        status: Status::of_findings(&findings, crate::finding::Severity::Error),
        advisories: AdvisorySources::of_review(&review),
        links: crate::report::Links::default(),
        review,
        policy: "rlock.toml".to_owned(),
        trust: None,
        lifecycle: Vec::new(),
        held_back: Vec::new(),
        findings,
        timings: Timings::default(),
    }
}

/// Each folder has two locks, and what is said of them; `UPDATE=1` rewrites it.
#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/review");
    let mut count = 0;
    for entry in crate::store::read_dir_sorted(&folder).unwrap() {
        let case = entry.path();
        if !case.is_dir() {
            continue;
        }
        count += 1;
        let report = report(&case);
        let screen = terminal::Screen { width: 100, ..terminal::Screen::default() };
        let text = anstream::adapter::strip_str(&terminal::review(&report, screen)).to_string();
        let json = crate::report::json::review(&report, crate::report::json::Options::default());
        let markdown = pull_request::markdown(&report);
        for (name, given) in [("terminal.txt", text), ("report.json", json), ("body.md", markdown)]
        {
            let given = given.replace(env!("CARGO_PKG_VERSION"), "VERSION");
            let path = case.join(name);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&path, &given).unwrap();
            }
            let expected = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(given, expected, "{}", path.display());
        }
    }
    assert!(count >= 4, "the cases were not found");
}

#[test]
fn a_lock_of_many_packages_is_reviewed_at_once() {
    let mut old = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
    for number in 0..500 {
        old.packages.push(crate::lock::LockedPackage {
            kind: "deb".into(),
            name: format!("package{number}"),
            version: "1.0-1".into(),
            architecture: "amd64".into(),
            source: None,
            url: Some(format!("http://deb.example/pool/package{number}_1.0-1_amd64.deb")),
            sha256: Some(crate::oci::Digest::of(b"old")),
            size: Some(1),
            modified: None,
            step: "1".into(),
            requested: false,
        });
    }
    let mut new = old.clone();
    for package in &mut new.packages {
        package.version = "1.0-2".into();
        package.sha256 = Some(crate::oci::Digest::of(b"new"));
    }
    assert!(moves(&old, &old).is_empty());
    let started = std::time::Instant::now();
    let moved = moves(&old, &new);
    assert!(started.elapsed().as_millis() < 300, "{:?}", started.elapsed());
    assert_eq!(moved.len(), 500);
    assert!(moved.iter().all(|it| it.change == Change::Upgrade));
}

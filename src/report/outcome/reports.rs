//! The outcome of each report.

use super::{Outcome, Subject};
use crate::report::{
    AdvisorySources, CheckReport, DiffReport, LockReport, LockState, LockSummary, MoveRow,
    OutdatedReport, ProofReport, ProofVerdict, Report, ReviewReport, Status, StepRow, Target,
    UpdateReport, Verdict, VerifyReport, advisories, terminal, words,
};
use std::path::PathBuf;

impl Report {
    /// What a CI system is told; none for a report that has no findings.
    pub fn outcome(&self) -> Option<Outcome<'_>> {
        match self {
            Self::Check(report) => Some(check(report)),
            Self::Diff(report) => Some(diff(report)),
            Self::Lock(report) => Some(lock(report)),
            Self::Verify(report) => Some(verify(report)),
            Self::Proof(report) => Some(proof(report)),
            Self::Review(report) => Some(review(report)),
            Self::Update(report) => Some(update(report)),
            Self::Outdated(report) => Some(outdated(report)),
            Self::StoreStatus(_) => None,
        }
    }
}

fn check(report: &CheckReport) -> Outcome<'_> {
    let subject = subject(&report.target, &report.lock);
    let (verdict, sentence) = terminal::check_words(report);
    let [first, second] = &report.builds;
    let mut outcome = Outcome {
        verdict: verdict.to_owned(),
        sentence,
        facts: vec![
            ("build A", first.manifest.to_string()),
            ("build B", second.manifest.to_string()),
            ("files compared", words::count(report.comparison.files_compared)),
            ("noise removed", words::counted(report.normalised.len() as u64, "file")),
        ],
        steps: &report.steps,
        ..Outcome::new("check", subject, report.status, &report.findings)
    };
    outcome.facts.extend(lock_facts(&report.lock));
    outcome.checks = outcome.build_checks(
        ("reproducible", report.verdict == Verdict::Different),
        report.coverage.as_ref().map(drop),
        recorded(&report.steps),
    );
    outcome
}

fn verify(report: &VerifyReport) -> Outcome<'_> {
    let subject = subject(&report.target, &report.lock);
    let (verdict, sentence) = terminal::verify_words(report);
    let mut outcome = Outcome {
        verdict: verdict.to_owned(),
        sentence,
        facts: vec![("built", report.build.manifest.to_string())],
        steps: &report.steps,
        ..Outcome::new("verify", subject, report.status, &report.findings)
    };
    outcome.facts.extend(lock_facts(&report.lock));
    let differs = report
        .comparison
        .as_ref()
        .is_some_and(|comparison| comparison.files_different > 0 || !comparison.config.is_empty());
    outcome.checks = outcome.build_checks(
        ("verified", differs),
        report.coverage.as_ref().map(drop),
        recorded(&report.steps),
    );
    outcome
}

fn diff(report: &DiffReport) -> Outcome<'_> {
    let name = format!("{} … {}", report.left.name, report.right.name);
    let subject = Subject { name: Some(name), ..Subject::default() };
    let (verdict, sentence) = terminal::diff_words(report);
    Outcome {
        verdict: verdict.to_owned(),
        sentence,
        facts: vec![
            ("left", report.left.name.clone()),
            ("right", report.right.name.clone()),
            ("files compared", words::count(report.comparison.files_compared)),
        ],
        ..Outcome::new("diff", subject, report.status, &report.findings)
    }
}

fn lock(report: &LockReport) -> Outcome<'_> {
    let subject = subject(&report.target, &report.lock);
    let file = report.lock.path.to_string_lossy();
    let verdict = if report.status == Status::Ok { "locked" } else { "not locked" };
    let mut outcome = Outcome {
        verdict: verdict.to_owned(),
        sentence: format!("{file} fits {}", report.target.dockerfile.to_string_lossy()),
        facts: lock_facts(&report.lock),
        ..Outcome::new("lock", subject, report.status, &report.findings)
    };
    if report.status != Status::Ok {
        outcome.sentence = format!("{file} does not hold everything that the build asks for");
    }
    outcome
}

fn proof(report: &ProofReport) -> Outcome<'_> {
    let file = report.lock.to_string_lossy().into_owned();
    let subject =
        Subject { lock: Some(report.lock.clone()), name: Some(file.clone()), ..Subject::default() };
    let (verdict, sentence) = match report.status {
        Status::Ok => ("proven", "signed indexes have everything that can be proven"),
        Status::Integrity => ("poisoned", "entries are not what signed indexes say"),
        _ => ("not determined", "indexes or keys are missing"),
    };
    let count = |verdict| report.rows.iter().filter(|row| row.verdict == verdict).count() as u64;
    let counts = ProofVerdict::ALL.into_iter().map(|verdict| (verdict.name(), count(verdict)));
    Outcome {
        verdict: verdict.to_owned(),
        sentence: format!("{file}: {sentence}"),
        facts: counts.map(|(name, count)| (name, words::count(count))).collect(),
        ..Outcome::new("lock", subject, report.status, &report.findings)
    }
}

fn review(report: &ReviewReport) -> Outcome<'_> {
    let subject = Subject {
        dockerfile: Some(report.dockerfile.clone()),
        platform: Some(report.platform.to_string()),
        lock: Some(PathBuf::from(&report.new.name)),
        ..Subject::default()
    };
    let verdict = if report.status == Status::Ok { "reviewed" } else { "needs a person" };
    Outcome {
        verdict: verdict.to_owned(),
        sentence: report.headline().join(", "),
        facts: [("from", report.old.name.clone()), ("to", report.new.name.clone())]
            .into_iter()
            .chain(advisory_facts(&report.advisories))
            .collect(),
        ..Outcome::new("review", subject, report.status, &report.findings)
    }
}

fn update(report: &UpdateReport) -> Outcome<'_> {
    let names: Vec<String> = report.moves.iter().map(moved).collect();
    let mut outcome = Outcome {
        verdict: report.outcome.name().replace('-', " "),
        sentence: names.join(", "),
        facts: vec![
            ("packages moved", words::count(report.moves.len() as u64)),
            ("packages held", words::count(report.held)),
        ],
        ..Outcome::new(
            "update",
            subject(&report.target, &report.lock),
            report.status,
            &report.findings,
        )
    };
    outcome.facts.extend(advisory_facts(&report.advisories));
    outcome.facts.extend(lock_facts(&report.lock));
    outcome
}

fn moved(row: &MoveRow) -> String {
    let MoveRow { name, from, to, .. } = row;
    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "–".to_owned());
    format!("{name} {} → {}", version(from), version(to))
}

fn outdated(report: &OutdatedReport) -> Outcome<'_> {
    let count = |rows: usize| words::count(rows as u64);
    let security = report.rows.iter().filter(|row| row.security).count();
    let mut outcome = Outcome {
        verdict: if report.rows.is_empty() { "nothing to update" } else { "outdated" }.to_owned(),
        sentence: report
            .rows
            .iter()
            .map(|row| format!("{} {} → {}", row.name, row.locked, row.available))
            .collect::<Vec<_>>()
            .join(", "),
        facts: vec![
            ("packages compared", words::count(report.checked)),
            ("outdated", count(report.rows.len())),
            ("security fixes", count(security)),
            ("not checked", count(report.unchecked.len())),
        ],
        ..Outcome::new(
            "outdated",
            subject(&report.target, &report.lock),
            report.status,
            &report.findings,
        )
    };
    let ignored = report.rows.iter().flat_map(|row| row.ignored.iter().map(move |it| (row, it)));
    outcome.facts.extend(
        ignored
            .map(|(row, fix)| ("ignored", format!("{} in {}: {}", fix.id, row.name, fix.reason))),
    );
    outcome.facts.extend(advisory_facts(&report.advisories));
    outcome.facts.extend(lock_facts(&report.lock));
    outcome
}

/// Every tier with its source, date and coverage.
fn advisory_facts(sources: &AdvisorySources) -> Vec<(&'static str, String)> {
    let tiers = sources.tiers.iter().map(|row| match row.tier {
        "in-band" => ("advisories in band", row.words()),
        "local" => ("advisories, local", row.words()),
        _ => ("advisories of a service", row.words()),
    });
    let expired = sources.expired.iter().map(|it| ("ignores that ended", advisories::expired(it)));
    let lacking = sources.lacking.iter().map(|text| ("advisories required", text.clone()));
    tiers.chain(expired).chain(lacking).collect()
}

fn subject(target: &Target, lock: &LockSummary) -> Subject {
    Subject {
        dockerfile: Some(target.dockerfile.clone()),
        stage: target.stage.clone(),
        platform: Some(target.platform.to_string()),
        lock: Some(lock.path.clone()),
        name: None,
    }
}

fn lock_facts(lock: &LockSummary) -> Vec<(&'static str, String)> {
    let state = match &lock.state {
        LockState::Written => "written",
        LockState::Current => "fits",
        LockState::Updated => "completed",
        LockState::Missing => "there is none",
        LockState::Stale(_) => "does not fit",
    };
    let content = format!(
        "{state}: {}, {}, {}",
        words::counted(lock.images, "image"),
        words::counted(lock.packages, "package"),
        words::counted(lock.steps, "step")
    );
    vec![("lock", content)]
}

/// Whether there is a layer to compare with.
fn recorded(steps: &[StepRow]) -> Option<()> {
    steps.iter().any(|step| step.recorded.is_some()).then_some(())
}

//! What any command found, in the words that every CI system has: a status, a sentence, findings at
//! places, and named checks that passed or did not. Renderers for CI systems know nothing else.

mod group;
mod place;
mod reports;

#[cfg(test)]
pub(in crate::report) mod tests;

pub use group::Group;
pub use place::Roots;

use super::{Failure, Status, StepRow};
use crate::finding::{Cause, Finding, Severity};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What one run of a command says to a CI system.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// The command: `check`.
    pub command: String,
    /// What it was about.
    pub subject: Subject,
    /// How the command ends.
    pub status: Status,
    /// The verdict in a few words: `not reproducible`.
    pub verdict: String,
    /// The sentence that explains it; may hold names that are not ours.
    pub sentence: String,
    /// Further facts, name and value, in the order in which they are to be shown.
    pub facts: Vec<(&'static str, String)>,
    /// What was looked at, each with what came of it.
    pub checks: Vec<Check>,
    /// What was found.
    pub findings: &'a [Finding],
    /// Steps, to tell which stage an instruction is in.
    pub steps: &'a [StepRow],
    /// Lines of the lockfile at which its steps stand, by their ids: see [`lock_lines`].
    pub lock_lines: BTreeMap<String, usize>,
    /// Why the command could not do what it was asked to do.
    pub failure: Option<&'a Failure>,
}

/// What a command was about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The Dockerfile as the user named it, where there is one.
    pub dockerfile: Option<PathBuf>,
    /// `--target`.
    pub stage: Option<String>,
    /// The platform: `linux/amd64`.
    pub platform: Option<String>,
    /// The lockfile as the user would name it.
    pub lock: Option<PathBuf>,
    /// What it is called where there is no Dockerfile: the two images of a diff.
    pub name: Option<String>,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable id: `reproducible`.
    pub id: &'static str,
    /// What came of it.
    pub result: CheckResult,
}

/// What came of a check. *Not checked* is never shown as passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be determined.
    Undetermined,
    /// It was not looked at, and why.
    NotChecked(&'static str),
}

/// The check that a finding belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What the command is for.
    Main,
    /// Whether everything from outside came out of the lock.
    Covered,
    /// Whether layers are the recorded ones.
    Recorded,
}

/// Causes whose findings endanger who uses the image, with a score from 0 to 10 as CVSS has it: what
/// GitHub calls `security-severity`. All others are about reproducibility.
const SECURITY: &[(&str, &str)] =
    &[("secret", "7.5"), ("shared-secret", "7.5"), ("wrong-content", "8.1")];

/// The score of a cause that endangers who uses the image.
pub fn security_severity(cause: &Cause) -> Option<&'static str> {
    SECURITY.iter().find(|(id, _)| *id == cause.id).map(|(_, score)| *score)
}

/// Id of the check that asks whether everything came out of the lock.
const COVERED: &str = "from-lock";
/// Id of the check that asks whether layers are the recorded ones.
const RECORDED: &str = "recorded-layers";

impl<'a> Outcome<'a> {
    /// An outcome with one check, which has the command's name: for commands that need no more.
    pub fn new(
        command: &'static str,
        subject: Subject,
        status: Status,
        findings: &'a [Finding],
    ) -> Self {
        let (verdict, result) = match status {
            Status::Ok => ("passed", CheckResult::Passed),
            Status::Undetermined => ("not determined", CheckResult::Undetermined),
            _ => ("failed", CheckResult::Failed),
        };
        Self {
            command: command.to_owned(),
            subject,
            status,
            verdict: verdict.to_owned(),
            sentence: String::new(),
            facts: Vec::new(),
            checks: vec![Check { id: command, result }],
            findings,
            steps: &[],
            lock_lines: BTreeMap::new(),
            failure: None,
        }
    }

    /// A command that could not do what it was asked to do. Nothing was checked.
    pub fn failed(failure: &'a Failure) -> Self {
        let verdict = match failure.status {
            Status::Ok | Status::Findings => "failed",
            Status::Usage => "wrong use or configuration",
            Status::Integrity => "not what it claims to be",
            Status::BuildFailed => "the build failed",
            Status::Undetermined => "could not be determined",
        };
        let file = failure.location.as_ref().map(|location| location.file.clone());
        let result = match failure.status {
            // A lock that does not fit.
            Status::Findings => CheckResult::Failed,
            _ => CheckResult::Undetermined,
        };
        Self {
            command: failure.command.clone(),
            subject: Subject { dockerfile: file, ..Subject::default() },
            status: failure.status,
            verdict: verdict.to_owned(),
            sentence: failure.message.clone(),
            facts: Vec::new(),
            checks: vec![Check { id: "completed", result }],
            findings: &[],
            steps: &[],
            lock_lines: BTreeMap::new(),
            failure: Some(failure),
        }
    }

    /// The findings that belong to a check, in groups.
    pub fn groups_of(&self, check: &Check) -> Vec<Group<'a>> {
        let kind = match check.id {
            COVERED => Kind::Covered,
            RECORDED => Kind::Recorded,
            _ => Kind::Main,
        };
        let alone = self.checks.len() == 1;
        let groups = Group::all(self.findings).into_iter();
        groups.filter(|group| alone || kind_of(group.cause) == kind).collect()
    }

    /// What it is called: the Dockerfile with stage and platform, or the two images.
    pub fn title(&self) -> String {
        let file = self.subject.dockerfile.as_ref().map(|file| file.to_string_lossy().into_owned());
        let name = file.or_else(|| self.subject.name.clone()).unwrap_or_default();
        let stage = self.subject.stage.as_ref().map(|stage| format!("target {stage}"));
        let extra: Vec<String> = stage.into_iter().chain(self.subject.platform.clone()).collect();
        if extra.is_empty() { name } else { format!("{name} ({})", extra.join(", ")) }
    }

    /// Where the lockfile has the step of a finding, where both are known.
    pub fn lock_line(&self, group: &Group<'_>) -> Option<usize> {
        self.lock_lines.get(self.step_of(group)?).copied()
    }

    fn step_of(&self, group: &Group<'_>) -> Option<&str> {
        let location = group.location?;
        let step = self.steps.iter().find(|step| step.location.as_ref() == Some(location))?;
        Some(&step.id)
    }

    /// The stage of a finding, for `logicalLocations`.
    pub fn stage(&self, group: &Group<'_>) -> Option<&str> {
        let named = self.step_of(group).and_then(|step| step.rsplit_once('/'));
        named.map(|(stage, _)| stage).or(self.subject.stage.as_deref())
    }

    /// The checks of commands that build: what the command is for, whether all came out of the lock,
    /// whether layers are the recorded ones.
    fn build_checks(
        &self,
        main: (&'static str, bool),
        covered: Option<()>,
        recorded: Option<()>,
    ) -> Vec<Check> {
        let (id, main_failed) = main;
        let result = if main_failed { CheckResult::Failed } else { self.result_of(Kind::Main) };
        let mut checks = vec![Check { id, result }];
        let covered = match covered {
            Some(()) => self.result_of(Kind::Covered),
            None => CheckResult::NotChecked("the builder does not say what steps fetched"),
        };
        checks.push(Check { id: COVERED, result: covered });
        let recorded = match recorded {
            Some(()) => self.result_of(Kind::Recorded),
            None => CheckResult::NotChecked("the lock records no layer"),
        };
        checks.push(Check { id: RECORDED, result: recorded });
        let failed =
            |check: &Check| matches!(check.result, CheckResult::Failed | CheckResult::Undetermined);
        if self.status != Status::Ok && !checks.iter().any(failed) {
            // `--fail-on` has lowered the bar.
            if let Some(first) = checks.first_mut() {
                first.result = CheckResult::Failed;
            }
        }
        checks
    }

    fn result_of(&self, kind: Kind) -> CheckResult {
        let errors: Vec<&Finding> = self
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error && kind_of(finding.cause) == kind)
            .collect();
        let open = |finding: &&Finding| {
            matches!(finding.cause.id, "upstream-failure" | "store-failure" | "unavailable-fetch")
        };
        match errors.is_empty() {
            true => CheckResult::Passed,
            false if errors.iter().all(open) => CheckResult::Undetermined,
            false => CheckResult::Failed,
        }
    }
}

/// The lines of a lockfile at which its steps begin, by their ids, as its canonical writer lays them
/// out. A text that is not one has none.
pub fn lock_lines(lock: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let mut step = None;
    for (index, line) in lock.lines().enumerate() {
        if line.starts_with('[') {
            step = (line == "[[step]]").then_some(index + 1);
        }
        let id = line.strip_prefix("id = \"").and_then(|rest| rest.strip_suffix('"'));
        if let (Some(start), Some(id)) = (step, id) {
            lines.insert(id.to_owned(), start);
        }
    }
    lines
}

fn kind_of(cause: &Cause) -> Kind {
    match cause.id {
        "unlocked-fetch"
        | "unavailable-fetch"
        | "wrong-content"
        | "upstream-failure"
        | "store-failure"
        | "refused-connection"
        | "untrusted-authority"
        | "not-hermetic" => Kind::Covered,
        "locked-layer" => Kind::Recorded,
        _ => Kind::Main,
    }
}

//! How a command ends: the six exit codes, and which one wins when several hold.

use crate::finding::{Finding, Severity};

/// The end of a command. Codes are documented in `--help` and never reused for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Reproducible, equal, or nothing to do.
    Ok,
    /// Findings: not reproducible, different, a lock that does not fit under `--locked`.
    Findings,
    /// Wrong use or configuration, a Dockerfile that is not one.
    Usage,
    /// A digest, an archive or a lock is not what it claims to be. Nothing masks it.
    Integrity,
    /// The user's own build failed.
    BuildFailed,
    /// It could not be determined: network, authentication, no builder.
    Undetermined,
}

/// What `--exit-zero` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FindingsExit {
    /// Findings end with code 1.
    #[default]
    One,
    /// Findings end with code 0; every other failure keeps its code.
    Zero,
}

impl Status {
    /// Every status, the one with the highest precedence first.
    pub const BY_PRECEDENCE: [Self; 6] = [
        Self::Integrity,
        Self::BuildFailed,
        Self::Usage,
        Self::Undetermined,
        Self::Findings,
        Self::Ok,
    ];

    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Integrity => 3,
            Self::BuildFailed => 4,
            Self::Undetermined => 5,
        }
    }

    /// The exit code where `--exit-zero` may have been given: it masks findings and nothing else.
    pub fn exit_code(self, findings: FindingsExit) -> u8 {
        match (self, findings) {
            (Self::Findings, FindingsExit::Zero) => 0,
            (status, _) => status.code(),
        }
    }

    /// The word that JSON reports carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "pass",
            Self::Findings => "fail",
            Self::Usage => "usage",
            Self::Integrity => "integrity",
            Self::BuildFailed => "build-failed",
            Self::Undetermined => "undetermined",
        }
    }

    /// Which of two statuses a command ends with that met both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let holds = |status: &Self| *status == self || *status == other;
        Self::BY_PRECEDENCE.into_iter().find(holds).unwrap_or(self)
    }

    /// The status that findings alone lead to: those of at least `fail_on` fail.
    pub fn of_findings(findings: &[Finding], fail_on: Severity) -> Self {
        if findings.iter().any(|finding| finding.severity >= fail_on) {
            Self::Findings
        } else {
            Self::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_status_wins_in_the_documented_order() {
        let codes: Vec<u8> = Status::BY_PRECEDENCE.iter().map(|status| status.code()).collect();
        assert_eq!(codes, [3, 4, 2, 5, 1, 0]);
        for (index, stronger) in Status::BY_PRECEDENCE.into_iter().enumerate() {
            for weaker in Status::BY_PRECEDENCE.into_iter().skip(index) {
                assert_eq!(stronger.and(weaker), stronger);
                assert_eq!(weaker.and(stronger), stronger);
            }
        }
    }

    #[test]
    fn exit_zero_masks_findings_and_nothing_else() {
        for status in Status::BY_PRECEDENCE {
            let expected = if status == Status::Findings { 0 } else { status.code() };
            assert_eq!(status.exit_code(FindingsExit::Zero), expected);
            assert_eq!(status.exit_code(FindingsExit::One), status.code());
        }
    }

    #[test]
    fn findings_fail_from_the_severity_that_was_asked_for() {
        let finding = Finding {
            cause: crate::finding::Cause::find("unknown").unwrap(),
            severity: Severity::Warning,
            message: "something".to_owned(),
            location: None,
            hint: None,
            paths: Vec::new(),
        };
        let of = |fail_on| Status::of_findings(std::slice::from_ref(&finding), fail_on);
        assert_eq!(of(Severity::Note), Status::Findings);
        assert_eq!(of(Severity::Warning), Status::Findings);
        assert_eq!(of(Severity::Error), Status::Ok);
        assert_eq!(Status::of_findings(&[], Severity::Note), Status::Ok);
    }
}

//! Reports: what a command found as plain values, and the renderers for terminal, programs and forges.
//! Knows nothing of how a finding was made.

mod advisories;
pub mod coverage;
pub mod github;
pub mod gitlab;
mod grouped;
mod held_back;
pub mod inert;
pub mod json;
pub mod junit;
mod lifecycle;
mod link;
pub mod markdown;
pub mod outcome;
mod proof;
pub mod pull_request;
mod review;
mod rows;
#[cfg(test)]
mod samples;
pub mod sarif;
mod status;
mod store;
pub mod terminal;
mod update;
mod value;
pub mod words;

pub use advisories::{AdvisorySources, ExpiredIgnore, IgnoredFix, Repair, TierRow};
pub use coverage::{Coverage, RefusedFetch, RuleUse};
pub use held_back::{HeldBack, HeldCause};
pub use lifecycle::{LifecycleRow, Lifespan};
pub use link::{Forge, Links};
pub use proof::*;
pub use review::{ReviewReport, ReviewSide, Trust};
pub use status::{FindingsExit, Status};
pub use store::*;
pub use update::{MoveRow, OutdatedReport, OutdatedRow, UpdateOutcome, UpdateReport};
pub use value::*;

use crate::finding::Finding;

/// The report of a command that has a schema.
#[derive(Debug, Clone)]
pub enum Report {
    /// Of `rlock check`.
    Check(Box<CheckReport>),
    /// Of `rlock diff`.
    Diff(Box<DiffReport>),
    /// Of `rlock lock`.
    Lock(Box<LockReport>),
    /// Of `rlock verify`.
    Verify(Box<VerifyReport>),
    /// Of `rlock store status`.
    StoreStatus(Box<StoreStatusReport>),
    /// Of `rlock lock --verify`.
    Proof(Box<ProofReport>),
    /// Of `rlock review`.
    Review(Box<ReviewReport>),
    /// Of `rlock update`.
    Update(Box<UpdateReport>),
    /// Of `rlock outdated`.
    Outdated(Box<OutdatedReport>),
}

impl Report {
    /// What was found; nothing where a report is not about findings.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Check(report) => &report.findings,
            Self::Diff(report) => &report.findings,
            Self::Lock(report) => &report.findings,
            Self::Verify(report) => &report.findings,
            Self::Proof(report) => &report.findings,
            Self::Review(report) => &report.findings,
            Self::Update(report) => &report.findings,
            Self::Outdated(report) => &report.findings,
            Self::StoreStatus(_) => &[],
        }
    }

    /// How the command ends.
    pub fn status(&self) -> Status {
        match self {
            Self::Check(report) => report.status,
            Self::Diff(report) => report.status,
            Self::Lock(report) => report.status,
            Self::Verify(report) => report.status,
            Self::StoreStatus(report) => report.status,
            Self::Proof(report) => report.status,
            Self::Review(report) => report.status,
            Self::Update(report) => report.status,
            Self::Outdated(report) => report.status,
        }
    }

    /// For people, with colours that `anstream` takes out where they do not belong.
    pub fn text(&self, screen: terminal::Screen) -> String {
        match self {
            Self::Check(report) => terminal::check(report, screen),
            Self::Diff(report) => terminal::diff(report, screen),
            Self::Lock(report) => terminal::lock(report, screen),
            Self::Verify(report) => terminal::verify(report, screen),
            Self::StoreStatus(report) => terminal::store_status(report, screen),
            Self::Proof(report) => terminal::proof(report, screen),
            Self::Review(report) => terminal::review(report, screen),
            Self::Update(report) => terminal::update(report, screen),
            Self::Outdated(report) => terminal::outdated(report, screen),
        }
    }

    /// For programs.
    pub fn json(&self, options: json::Options) -> String {
        match self {
            Self::Check(report) => json::check(report, options),
            Self::Diff(report) => json::diff(report, options),
            Self::Lock(report) => json::lock(report, options),
            Self::Verify(report) => json::verify(report, options),
            Self::StoreStatus(report) => json::store_status(report, options),
            Self::Proof(report) => json::proof(report, options),
            Self::Review(report) => json::review(report, options),
            Self::Update(report) => json::update(report, options),
            Self::Outdated(report) => json::outdated(report, options),
        }
    }
}

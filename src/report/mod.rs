//! Reports: what a command found as plain values, and the renderers for terminal and JSON.
//! Knows nothing of how a finding was made.

pub mod coverage;
pub mod inert;
pub mod json;
mod rows;
#[cfg(test)]
mod samples;
mod status;
mod store;
pub mod terminal;
mod value;
pub mod words;

pub use coverage::{Coverage, RefusedFetch, RuleUse};
pub use status::{FindingsExit, Status};
pub use store::*;
pub use value::*;

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
}

impl Report {
    /// How the command ends.
    pub fn status(&self) -> Status {
        match self {
            Self::Check(report) => report.status,
            Self::Diff(report) => report.status,
            Self::Lock(report) => report.status,
            Self::Verify(report) => report.status,
            Self::StoreStatus(report) => report.status,
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
        }
    }
}

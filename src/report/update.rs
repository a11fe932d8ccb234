//! What `rlock update` and `rlock outdated` found.

use super::{
    AdvisorySources, HeldBack, IgnoredFix, LifecycleRow, LockSummary, Repair, Status, Target,
    Timings,
};
use crate::finding::Finding;

/// A package that moves, or has moved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MoveRow {
    /// The purl type.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Architecture; empty where the manager has none.
    pub architecture: String,
    /// What was locked; none where it comes along newly.
    pub from: Option<String>,
    /// What it moves to; none where it goes, or where that is known when it is built.
    pub to: Option<String>,
    /// The archive that offers it, by label and suite.
    pub archive: Option<String>,
    /// Whether it repairs something: there are [repairs](Self::repairs).
    pub security: bool,
    /// What says that it repairs something.
    pub repairs: Vec<Repair>,
    /// Why it moves though nobody asked for it.
    pub reason: Option<String>,
}

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// The lock has what there is.
    NothingToDo,
    /// `--dry-run`.
    Planned,
    /// The new lock is written.
    Written,
    /// The new lock is not written: see the findings.
    Refused,
}

impl UpdateOutcome {
    /// The word that JSON reports carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::NothingToDo => "nothing-to-do",
            Self::Planned => "planned",
            Self::Written => "written",
            Self::Refused => "refused",
        }
    }
}

/// What `rlock update` did.
#[derive(Debug, Clone)]
pub struct UpdateReport {
    /// What the lock is for.
    pub target: Target,
    /// The lock.
    pub lock: LockSummary,
    /// What became of it.
    pub outcome: UpdateOutcome,
    /// What moved, or would.
    pub moves: Vec<MoveRow>,
    /// What stays though there is something later.
    pub held_back: Vec<HeldBack>,
    /// How many packages stayed what they were.
    pub held: u64,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Where advisories are known from.
    pub advisories: AdvisorySources,
    /// Why the lock was not written.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

/// A package of which there is a later version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutdatedRow {
    /// The purl type.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Architecture; empty where the manager has none.
    pub architecture: String,
    /// What the lock has.
    pub locked: String,
    /// The latest version that an update takes.
    pub available: String,
    /// The version that `update --security` takes, where that is known: the lowest that repairs.
    pub repair: Option<String>,
    /// The archive that offers it, by label and suite.
    pub archive: Option<String>,
    /// Whether a later version repairs something: there are [repairs](Self::repairs).
    pub security: bool,
    /// Ids of what advisory data says that the latest version repairs, sorted.
    pub fixes: Vec<String>,
    /// What says that a later version repairs something.
    pub repairs: Vec<Repair>,
    /// What it repairs, too, and is to be passed over: that alone makes no security fix.
    pub ignored: Vec<IgnoredFix>,
    /// Whether the lock keeps an earlier state of its archive for it.
    pub held: bool,
}

/// What `rlock outdated` found.
#[derive(Debug, Clone)]
pub struct OutdatedReport {
    /// What the lock is for.
    pub target: Target,
    /// The lock.
    pub lock: LockSummary,
    /// Whether only security fixes are listed.
    pub security_only: bool,
    /// What is outdated.
    pub rows: Vec<OutdatedRow>,
    /// What an update leaves behind, as far as that is known without fetching packages.
    pub held_back: Vec<HeldBack>,
    /// How many packages were compared with an index.
    pub checked: u64,
    /// Until when the distributions of the lock get updates.
    pub lifecycle: Vec<LifecycleRow>,
    /// What could not be compared, and why.
    pub unchecked: Vec<String>,
    /// Where advisories are known from.
    pub advisories: AdvisorySources,
    /// Nothing so far: for renderers that list findings.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

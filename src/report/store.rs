//! What the commands of `rlock store` found and did.

use super::Status;
use crate::oci::Digest;
use crate::store::Collected;
use std::path::PathBuf;
use std::time::Duration;

/// Of one of `rlock store`'s commands.
#[derive(Debug, Clone)]
pub enum StoreReport {
    /// `push`.
    Push(StorePushReport),
    /// `pull`.
    Pull(StorePullReport),
    /// `verify`.
    Verify(StoreVerifyReport),
    /// `gc`.
    Gc(StoreGcReport),
}

impl StoreReport {
    /// How the command ends.
    pub fn status(&self) -> Status {
        match self {
            Self::Push(_) | Self::Gc(_) => Status::Ok,
            Self::Pull(report) => report.status,
            Self::Verify(report) => report.status,
        }
    }
}

/// Content that a lock needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeedRow {
    /// The URL that it comes from, or the image that it belongs to.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// Of `rlock store push`.
#[derive(Debug, Clone)]
pub struct StorePushReport {
    /// The repository.
    pub remote: String,
    /// The lockfile.
    pub lock: PathBuf,
    /// The tags that lead to the artifact.
    pub tags: Vec<String>,
    /// Digest of the artifact's manifest.
    pub artifact: Digest,
    /// Blobs that were there.
    pub there: u64,
    /// Blobs that the registry took from another repository.
    pub mounted: u64,
    /// Blobs that were sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Packages that the lock has no digest of, so that they are not in the artifact.
    pub without_digest: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Whether the repository has the lock itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactFound {
    /// It has an artifact of this lock.
    Same,
    /// What was asked for is the artifact of another lock.
    Other,
    /// It has none; blobs of other locks may do.
    Missing,
}

/// Of `rlock store pull`.
#[derive(Debug, Clone)]
pub struct StorePullReport {
    /// The repository, with what was asked for in it.
    pub remote: String,
    /// The lockfile.
    pub lock: PathBuf,
    /// Whether it was written.
    pub written: bool,
    /// Whether the repository has this lock.
    pub artifact: ArtifactFound,
    /// Blobs that the Store had.
    pub there: u64,
    /// Blobs that were fetched.
    pub pulled: u64,
    /// Their bytes.
    pub pulled_bytes: u64,
    /// What the repository does not have either.
    pub absent: Vec<NeedRow>,
    /// How long it took.
    pub elapsed: Duration,
    /// How the command ends.
    pub status: Status,
}

/// A blob that is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedRow {
    /// Where it lies, or lay.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// Of `rlock store verify`.
#[derive(Debug, Clone)]
pub struct StoreVerifyReport {
    /// The Store.
    pub store: PathBuf,
    /// Blobs that were hashed.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that are damaged.
    pub damaged: Vec<DamagedRow>,
    /// Whether they were removed.
    pub removed: bool,
    /// Locks that were asked about.
    pub locks: Vec<PathBuf>,
    /// What they need and the Store does not have.
    pub missing: Vec<NeedRow>,
    /// How long it took.
    pub elapsed: Duration,
    /// How the command ends.
    pub status: Status,
}

/// Of `rlock store gc`.
#[derive(Debug, Clone)]
pub struct StoreGcReport {
    /// What goes and what stays.
    pub collected: Collected,
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// Days without use after which a blob goes; none where only locks decide.
    pub unused_for: Option<u32>,
    /// Locks whose content stays.
    pub locks: Vec<PathBuf>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Whether one place gives the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// It gives them: the digest is right.
    Verified,
    /// It gives as many bytes; they were not read.
    Likely,
    /// It gives other bytes.
    Changed,
    /// It does not have them.
    Gone,
    /// It could not be determined, and why.
    Unknown(String),
    /// It was not asked, and why.
    NotAsked(&'static str),
}

impl Supply {
    /// Whether the bytes can be had there.
    pub fn gives(&self) -> bool {
        matches!(self, Self::Verified | Self::Likely)
    }

    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Likely => "likely",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Unknown(_) => "unknown",
            Self::NotAsked(_) => "not-asked",
        }
    }

    /// Why it is not known.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Unknown(reason) => Some(reason),
            Self::NotAsked(reason) => Some(reason),
            _ => None,
        }
    }
}

/// How safe the bytes of a URL are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SupplyState {
    /// Nobody has them.
    Lost,
    /// Nobody is known to have them, and somebody could not be asked.
    Unknown,
    /// This Store alone.
    OnlyHere,
    /// One place, and not this Store.
    OneSource,
    /// Several.
    Safe,
}

impl SupplyState {
    /// Every state, the worst first.
    pub const ALL: [Self; 5] =
        [Self::Lost, Self::Unknown, Self::OnlyHere, Self::OneSource, Self::Safe];

    /// The word that JSON has.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Unknown => "unknown",
            Self::OnlyHere => "only-here",
            Self::OneSource => "one-source",
            Self::Safe => "safe",
        }
    }
}

/// One locked URL, or image, and who has it.
#[derive(Debug, Clone)]
pub struct SupplyRow {
    /// The URL; of an image the reference.
    pub url: String,
    /// `package`, `fetch` or `image`.
    pub kind: &'static str,
    /// What the lock says.
    pub digest: Digest,
    /// Its size in bytes, where the lock has it.
    pub size: Option<u64>,
    /// This Store.
    pub store: Supply,
    /// The `remote` of rlock.toml.
    pub remote: Supply,
    /// The URL itself.
    pub upstream: Supply,
    /// Mirrors of rlock.toml, by URL.
    pub mirrors: Vec<(String, Supply)>,
}

impl SupplyRow {
    /// How safe it is.
    pub fn state(&self) -> SupplyState {
        let others = [&self.remote, &self.upstream];
        let others = others.into_iter().chain(self.mirrors.iter().map(|(_, supply)| supply));
        let others: Vec<&Supply> = others.collect();
        let sources = others.iter().filter(|supply| supply.gives()).count();
        let is_open = others.iter().any(|supply| matches!(supply, Supply::Unknown(_)));
        match (self.store.gives(), sources) {
            (false, 0) if is_open => SupplyState::Unknown,
            (false, 0) => SupplyState::Lost,
            (true, 0) => SupplyState::OnlyHere,
            (false, 1) => SupplyState::OneSource,
            _ => SupplyState::Safe,
        }
    }
}

/// Of `rlock store status`.
#[derive(Debug, Clone)]
pub struct StoreStatusReport {
    /// The lockfile.
    pub lock: PathBuf,
    /// The repository, if rlock.toml names one.
    pub remote: Option<String>,
    /// Every locked URL and image, sorted.
    pub rows: Vec<SupplyRow>,
    /// Packages that the lock has no digest of: of those nothing is known.
    pub without_digest: u64,
    /// How the command ends.
    pub status: Status,
}

impl StoreStatusReport {
    /// How many are in a state.
    pub fn count(&self, state: SupplyState) -> u64 {
        self.rows.iter().filter(|row| row.state() == state).count() as u64
    }

    /// How many their own URL does not give any more.
    pub fn gone_upstream(&self) -> u64 {
        let is_gone = |row: &&SupplyRow| matches!(row.upstream, Supply::Gone | Supply::Changed);
        self.rows.iter().filter(is_gone).count() as u64
    }
}

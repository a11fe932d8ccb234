//! What a command found, as plain values. Made by `cli`, rendered by this module's other files.
//!
//! Texts and paths in here come from images, packages and Dockerfiles: they may hold anything, and
//! are made harmless by the renderers.

use super::{Coverage, Status};
use crate::diff::ConfigDifference;
use crate::diff::content::ContentDifference;
use crate::finding::{Finding, Location};
use crate::oci::{Digest, Platform};
use std::path::PathBuf;
use std::time::Duration;

/// What a command was asked to build.
#[derive(Debug, Clone)]
pub struct Target {
    /// The Dockerfile as the user named it.
    pub dockerfile: PathBuf,
    /// `--target`.
    pub stage: Option<String>,
    /// The platform of the image.
    pub platform: Platform,
}

/// One build of a check.
#[derive(Debug, Clone)]
pub struct BuildResult {
    /// Digest of the image's manifest.
    pub manifest: Digest,
    /// Diff ids of its layers, the lowest first.
    pub layers: Vec<Digest>,
    /// What was different about this build's surroundings, in a few words each: `hostname`, `1 CPU`.
    pub varied: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What a check says of two builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Identical, and no normaliser changed anything that differed.
    IdenticalAsBuilt,
    /// Identical after normalisers removed noise that differed.
    IdenticalAfterNormalisers,
    /// Different.
    Different,
}

/// A file that a normaliser changed, or took out of a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NormalisedFile {
    /// Id of the rule.
    pub rule: String,
    /// Path in the image: bytes, absolute.
    pub path: Vec<u8>,
    /// Whether the two builds differed in it before the rule was applied.
    pub differed: bool,
}

/// What was compared, and how much of it differs.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Files that were compared, directories and links included.
    pub files_compared: u64,
    /// Files that differ.
    pub files_different: u64,
    /// Layers of equal digest, which were not read.
    pub layers_equal: u64,
    /// Layers that were read.
    pub layers_read: u64,
    /// Fields of the image config that differ.
    pub config: Vec<ConfigDifference>,
    /// Files, config and order are equal, only the encoding of the layers is not.
    pub encoding_only: bool,
    /// Why fewer files were compared than there are, a sentence each.
    pub not_compared: Vec<String>,
}

/// What became of the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// There was none; it was written.
    Written,
    /// It was there and fits, and was left as it is.
    Current,
    /// It was there and was completed or changed by `rlock lock`.
    Updated,
    /// There is none, and none was to be written.
    Missing,
    /// It does not fit the Dockerfile.
    Stale(Vec<Misfit>),
}

/// One reason why a lock does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Line of the Dockerfile.
    pub line: Option<usize>,
    /// Why: lower case, no full stop.
    pub reason: String,
}

/// The lock and what is in it.
#[derive(Debug, Clone)]
pub struct LockSummary {
    /// Its path as the user would name it.
    pub path: PathBuf,
    /// What became of it.
    pub state: LockState,
    /// Locked images.
    pub images: u64,
    /// Locked packages.
    pub packages: u64,
    /// What else is locked of what the steps fetched.
    pub fetches: u64,
    /// Locked steps.
    pub steps: u64,
    /// Of these, how many have their layer recorded: what is closed and was built the same twice.
    pub layers: u64,
    /// `SOURCE_DATE_EPOCH`.
    pub epoch: i64,
}

/// A step whose layer the lock, or another image, records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Id of the step: `1`, `final/3`.
    pub id: String,
    /// Its instruction.
    pub location: Option<Location>,
    /// The recorded layer, where there is one.
    pub recorded: Option<Digest>,
    /// The layer that was built.
    pub built: Option<Digest>,
}

impl StepRow {
    /// Whether a layer is recorded, and the built one is another.
    pub fn differs(&self) -> bool {
        self.recorded.is_some() && self.recorded != self.built
    }
}

/// Something that a builder promises or does not promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarantee {
    /// Stable id: `hermetic-network`.
    pub id: String,
    /// Whether it holds.
    pub holds: bool,
    /// What that means here, one sentence: `RUN steps share the host's network`.
    pub text: String,
}

/// How long the parts of a command took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Finding and pulling images.
    pub prepare: Duration,
    /// Comparing, causes included.
    pub compare: Duration,
    /// From start to end.
    pub total: Duration,
}

/// What `rlock check` found.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// What was built.
    pub target: Target,
    /// Name of the builder.
    pub builder: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Builds A and B.
    pub builds: [BuildResult; 2],
    /// What was compared.
    pub comparison: Comparison,
    /// Differences by cause and instruction.
    pub findings: Vec<Finding>,
    /// What the normalisers did, sorted.
    pub normalised: Vec<NormalisedFile>,
    /// Modification times that were set back to the epoch.
    pub clamped: u64,
    /// Closed steps with the layer that the lock records, and that build A made.
    pub steps: Vec<StepRow>,
    /// The lock.
    pub lock: LockSummary,
    /// What of the outside is locked; none where the builder does not know.
    pub coverage: Option<Coverage>,
    /// What the builder promises.
    pub guarantees: Vec<Guarantee>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

/// What a verified image was compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The digests in the lock.
    Lock,
    /// An image.
    Image {
        /// As the user named it.
        name: String,
        /// Digest of its manifest.
        manifest: Digest,
    },
}

/// What `rlock verify` found.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    /// What was built.
    pub target: Target,
    /// Name of the builder.
    pub builder: String,
    /// What it was compared with.
    pub against: Against,
    /// The build.
    pub build: BuildResult,
    /// The image that the lock records, where all steps are closed.
    pub recorded: Option<Digest>,
    /// Steps, in order.
    pub steps: Vec<StepRow>,
    /// With `--against`: what was compared.
    pub comparison: Option<Comparison>,
    /// Differences by cause and instruction.
    pub findings: Vec<Finding>,
    /// What the normalisers did, sorted.
    pub normalised: Vec<NormalisedFile>,
    /// Modification times that were set back to the epoch.
    pub clamped: u64,
    /// The lock.
    pub lock: LockSummary,
    /// What of the outside is locked; none where the builder does not know.
    pub coverage: Option<Coverage>,
    /// What the builder promises.
    pub guarantees: Vec<Guarantee>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

/// One side of a diff.
#[derive(Debug, Clone)]
pub struct Side {
    /// As the user named it.
    pub name: String,
    /// Digest of the manifest; a directory has none.
    pub manifest: Option<Digest>,
}

/// What `rlock diff` found.
#[derive(Debug, Clone)]
pub struct DiffReport {
    /// The first image.
    pub left: Side,
    /// The second image.
    pub right: Side,
    /// What was compared.
    pub comparison: Comparison,
    /// Differences by cause and instruction.
    pub findings: Vec<Finding>,
    /// Every file that differs, sorted by path.
    pub files: Vec<FileRow>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

/// Which sides have a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// Only the left.
    Left,
    /// Only the right.
    Right,
    /// Both.
    Both,
}

/// One file that differs.
#[derive(Debug, Clone)]
pub struct FileRow {
    /// Path in the image: bytes, absolute.
    pub path: Vec<u8>,
    /// Which sides have it.
    pub presence: Presence,
    /// What differs, each aspect once: in the order in which it is to be shown.
    pub aspects: Vec<AspectRow>,
    /// The difference of the contents, where it is known closer.
    pub content: Option<ContentDifference>,
}

/// One aspect of a file, with both sides in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AspectRow {
    /// One of [`crate::diff::Aspect`]'s names: `kind`, `content`, `mode`, `mtime`, …
    pub name: String,
    /// Value on the left.
    pub left: Option<String>,
    /// Value on the right.
    pub right: Option<String>,
}

/// What `rlock lock` did.
#[derive(Debug, Clone)]
pub struct LockReport {
    /// What the lock is for.
    pub target: Target,
    /// The lock.
    pub lock: LockSummary,
    /// What of the outside is locked; none where the builder does not know.
    pub coverage: Option<Coverage>,
    /// What was refused to the steps, by step and cause.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

/// What `rlock build` made.
#[derive(Debug, Clone)]
pub struct BuildReport {
    /// What was built.
    pub target: Target,
    /// Name of the builder.
    pub builder: String,
    /// The build.
    pub build: BuildResult,
    /// Where the image was put, as the user named it.
    pub outputs: Vec<String>,
    /// What the normalisers did, sorted.
    pub normalised: Vec<NormalisedFile>,
    /// The lock that was used.
    pub lock: LockSummary,
    /// What of the outside is locked; none where the builder does not know.
    pub coverage: Option<Coverage>,
    /// What was refused to the steps, by step and cause.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub timings: Timings,
    /// How the command ends.
    pub status: Status,
}

/// A command that could not do what it was asked to do.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The command: `check`.
    pub command: String,
    /// How it ends.
    pub status: Status,
    /// The whole chain of errors in one line.
    pub message: String,
    /// Where in the Dockerfile, where known.
    pub location: Option<Location>,
    /// The last lines that a failed step wrote.
    pub output: Vec<Vec<u8>>,
    /// The way out.
    pub hint: Option<String>,
}

impl DiffReport {
    /// Keeps only what is at or below one of `paths` (absolute): files, and the findings that name
    /// them. Counts of the comparison stay those of the whole.
    pub fn keep_below(&mut self, paths: &[Vec<u8>]) {
        let wanted = |path: &[u8]| paths.iter().any(|top| is_below(path, top));
        self.files.retain(|file| wanted(&file.path));
        for finding in &mut self.findings {
            finding.paths.retain(|path| wanted(path));
        }
        self.findings.retain(|finding| !finding.paths.is_empty());
    }
}

fn is_below(path: &[u8], top: &[u8]) -> bool {
    let top = top.strip_suffix(b"/").unwrap_or(top);
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use crate::report::samples;

    #[test]
    fn a_diff_can_be_narrowed_to_paths() {
        let mut report = samples::difference();
        report.keep_below(&[
            b"/var/log/".to_vec(),
            b"/var/cache/ldconfig/aux-cache".to_vec(),
            b"/usr/share/do".to_vec(),
        ]);
        let paths: Vec<String> = report
            .files
            .iter()
            .map(|file| String::from_utf8_lossy(&file.path).into_owned())
            .collect();
        assert_eq!(paths, ["/var/log/dpkg.log", "/var/cache/ldconfig/aux-cache"]);
        let causes: Vec<&str> = report.findings.iter().map(|finding| finding.cause.id).collect();
        assert_eq!(causes, ["log", "ldconfig-aux-cache"]);
        let mut report = samples::difference();
        report.keep_below(&[b"/".to_vec()]);
        assert_eq!(report.files.len(), 1740);
    }
}

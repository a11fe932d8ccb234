//! `Dockerfile.lock`: its values, its strict reader, its canonical writer, and whether it still
//! fits a Dockerfile. Text in, values out; no I/O. Knows nothing of how a build comes to its pins.
//!
//! The form is TOML with one block a pin, blocks sorted bytewise and separated by blank lines, so
//! that branches that move different pins merge. `write(parse(x)) == x` for what was written here.

mod error;
mod fit;
mod lines;
mod moment;
mod position;
mod read;
mod write;

pub use error::{LockError, LockErrorKind};
pub use fit::{Elsewhere, Misfit, Wanted, WantedImage, WantedStage, WantedStep};
pub(crate) use fit::{Match, Matches, Sought, matches};
pub use lines::Lines;
pub(crate) use moment::MODIFIED;
pub(crate) use position::{Position, stage_of};

use crate::oci::{Digest, Platform, Reference};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The version of the form that this program reads and writes.
pub const VERSION: u32 = 1;

/// A larger file is refused unread. One with ten thousand packages takes 3 MB.
pub const SIZE_MAX: usize = 16 << 20;

/// The last second of the year 9999, which is the last that RFC 3339 can write.
pub const EPOCH_MAX: i64 = 253_402_300_799;

/// What a Dockerfile's build took from outside, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lockfile {
    /// The platform that it holds for.
    pub platform: Platform,
    /// `SOURCE_DATE_EPOCH` of the build, from 0 to [`EPOCH_MAX`].
    pub epoch: i64,
    /// The form (layer encoding, normalisers) that the recorded layers were taken in.
    pub canonical: u32,
    /// Every image that FROM, COPY `--from` and RUN `--mount=from` name.
    pub images: Vec<LockedImage>,
    /// What the steps installed.
    pub packages: Vec<LockedPackage>,
    /// Whatever else the steps fetched.
    pub fetches: Vec<LockedFetch>,
    /// Every stage.
    pub stages: Vec<LockedStage>,
    /// Every instruction.
    pub steps: Vec<LockedStep>,
    /// Which files were freed of noise.
    pub normalize: Vec<LockedNormalize>,
    /// What was built, where all of it is a function of this file.
    pub result: Option<LockedResult>,
}

/// An image that the build started from or took files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedImage {
    /// As the Dockerfile names it, normalised.
    pub reference: Reference,
    /// What the reference pointed at, where that was an index.
    pub index: Option<Digest>,
    /// What this platform got.
    pub manifest: Digest,
    /// What it contains, each as `deb:adduser 3.134`, so that a bump can be reviewed without a pull.
    pub packages: Vec<String>,
}

/// A package that a step installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPackage {
    /// The purl type, such as `deb`; `type` in the file.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Version, in the words of its own package manager.
    pub version: String,
    /// Architecture, in the words of its own package manager; empty, and left out of the file, where
    /// that has none.
    pub architecture: String,
    /// The source package that it was built from; `NAME VERSION` in the file.
    pub source: Option<LockedSource>,
    /// Where it was fetched from. Digest and size are there if this is.
    pub url: Option<String>,
    /// Digest of the package file; without `sha256:` in the file.
    pub sha256: Option<Digest>,
    /// Size of the package file in bytes.
    pub size: Option<u64>,
    /// `Last-Modified` of the package file, seconds since 1970: a date and time in the file.
    pub modified: Option<i64>,
    /// The step that brought it.
    pub step: String,
    /// Named in the instruction; the others came along.
    pub requested: bool,
}

/// A source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedSource {
    /// Name; has no blank.
    pub name: String,
    /// Version.
    pub version: String,
}

/// Something that a step fetched and that is not a package that it installed: a question and its
/// whole answer. What is usual is left out of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedFetch {
    /// What the client asked for; no credentials are in it.
    pub url: String,
    /// In capitals; none: `GET`.
    pub method: Option<String>,
    /// Which of several representations was asked for, where that matters.
    pub variant: Option<String>,
    /// Digest of the request's body; without `sha256:` in the file.
    pub request: Option<Digest>,
    /// The status code; none: 200.
    pub status: Option<u16>,
    /// `Location` of a redirect.
    pub location: Option<String>,
    /// `Content-Type`; `type` in the file.
    pub media_type: Option<String>,
    /// `Last-Modified`, seconds since 1970: a date and time in the file.
    pub modified: Option<i64>,
    /// `ETag`, with its quotes.
    pub etag: Option<String>,
    /// Further headers that clients act on, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Digest of the body; without `sha256:` in the file.
    pub sha256: Digest,
    /// Size of the body in bytes.
    pub size: u64,
    /// The step that fetched it; `STAGE/0` is what the base image's triggers fetched.
    pub step: String,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedStage {
    /// How the ids of its steps start. Empty, and left out of the file, where a Dockerfile has only
    /// one stage and that has no name.
    pub id: String,
    /// What its `FROM` names: an image as in `[[image]]`, `scratch`, or the id of a stage.
    pub base: String,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedStep {
    /// `STAGE/PLACE`. A name that keeps its order: a step keeps it when lines are added before it,
    /// and what is added between `1` and `2` is `1.1`.
    pub id: String,
    /// Digest of the instruction as parsed and its resolved arguments: what makes it stale.
    pub input: Digest,
    /// Diff id of its layer, where nothing of the build context can have reached it.
    pub layer: Option<Digest>,
}

/// A file that a normaliser changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedNormalize {
    /// The normaliser's id.
    pub rule: String,
    /// The file's absolute path.
    pub path: String,
    /// The step that wrote it.
    pub step: String,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedResult {
    /// Digest of the image's manifest.
    pub image: Digest,
}

impl Lockfile {
    /// A lockfile without pins.
    pub fn new(platform: Platform, epoch: i64, canonical: u32) -> Self {
        Self {
            platform,
            epoch,
            canonical,
            images: Vec::new(),
            packages: Vec::new(),
            fetches: Vec::new(),
            stages: Vec::new(),
            steps: Vec::new(),
            normalize: Vec::new(),
            result: None,
        }
    }

    /// Reads a lockfile. Strict: what this program would not have written is an error with its
    /// line, save the order of blocks and comments.
    pub fn parse(text: &(impl AsRef<[u8]> + ?Sized)) -> Result<Self, LockError> {
        read::parse(text.as_ref())
    }

    /// Writes it in the canonical form.
    pub fn write(&self) -> String {
        let mut sorted = self.clone();
        sorted.sort();
        write::write(&sorted)
    }

    /// The lockfile's place, beside `dockerfile`: `Dockerfile.lock`, and for another platform than
    /// the host's `Dockerfile.linux-arm64.lock`.
    pub fn file_name(dockerfile: &Path, platform: &Platform, host: &Platform) -> PathBuf {
        let mut name = dockerfile.file_name().map_or_else(OsString::new, OsString::from);
        if without_default_variant(platform) != without_default_variant(host) {
            name.push(format!(".{}", platform.to_string().replace('/', "-")));
        }
        name.push(".lock");
        dockerfile.with_file_name(name)
    }

    /// Puts all blocks into the order that they are written in: bytewise by what names them.
    pub fn sort(&mut self) {
        self.images.sort_by_cached_key(|image| image.reference.to_string());
        for image in &mut self.images {
            image.packages.sort();
        }
        self.packages.sort_by(|left, right| left.key().cmp(&right.key()));
        self.fetches.sort_by(|left, right| left.key().cmp(&right.key()));
        self.stages.sort();
        self.steps.sort_by(|left, right| left.id.cmp(&right.id));
        self.normalize.sort();
    }
}

impl LockedPackage {
    /// What no two packages of a lockfile share.
    pub(crate) fn key(&self) -> (&str, &str, &str, &str, &str) {
        (&self.kind, &self.name, &self.architecture, &self.version, &self.step)
    }

    /// How its file was fetched, where it was: by a plain `GET` that was answered with 200. What
    /// only a fetch has (media type, entity tag) is not locked, as package managers use none of it.
    pub(crate) fn fetch(&self) -> Option<LockedFetch> {
        let (Some(url), Some(sha256), Some(size)) = (&self.url, self.sha256, self.size) else {
            return None;
        };
        Some(LockedFetch {
            modified: self.modified,
            ..LockedFetch::new(url.clone(), sha256, size, self.step.clone())
        })
    }
}

impl LockedFetch {
    /// A plain `GET` that was answered with 200 and nothing beside the body.
    pub fn new(url: String, sha256: Digest, size: u64, step: String) -> Self {
        Self {
            url,
            method: None,
            variant: None,
            request: None,
            status: None,
            location: None,
            media_type: None,
            modified: None,
            etag: None,
            headers: BTreeMap::new(),
            sha256,
            size,
            step,
        }
    }

    /// What no two fetches of a lockfile share.
    pub(crate) fn key(&self) -> (Question<'_>, &str) {
        (self.question(), &self.step)
    }

    /// What was asked. Equal questions have equal answers, whichever step asks.
    pub(crate) fn question(&self) -> Question<'_> {
        (&self.url, self.method.as_deref(), self.variant.as_deref(), self.request)
    }

    /// Whether the answer is the same in all.
    pub(crate) fn answers_as(&self, other: &Self) -> bool {
        self.gives_as(other) && self.differs_beside(other).is_none()
    }

    /// Whether the answer is the same in what packages have, too.
    pub(crate) fn gives_as(&self, other: &Self) -> bool {
        self.differs_in(other).is_none()
    }

    /// The first key in which the answer is another, of those that packages have, too.
    fn differs_in(&self, other: &Self) -> Option<&'static str> {
        let differing = [
            ("sha256", self.sha256 != other.sha256),
            ("size", self.size != other.size),
            ("status", self.status != other.status),
            ("location", self.location != other.location),
            ("modified", self.modified != other.modified),
        ];
        differing.into_iter().find_map(|(key, differs)| differs.then_some(key))
    }

    /// The first of the other keys in which the answer is another.
    fn differs_beside(&self, other: &Self) -> Option<&'static str> {
        let differing = [
            ("type", self.media_type != other.media_type),
            ("etag", self.etag != other.etag),
            ("headers", self.headers != other.headers),
        ];
        differing.into_iter().find_map(|(key, differs)| differs.then_some(key))
    }
}

/// URL, method, variant and digest of the request's body.
type Question<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<Digest>);

impl std::fmt::Display for LockedSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.name, self.version)
    }
}

/// `arm64` is `arm64/v8`.
fn without_default_variant(platform: &Platform) -> Platform {
    let is_default = platform.architecture == "arm64" && platform.variant.as_deref() == Some("v8");
    let variant = if is_default { None } else { platform.variant.clone() };
    Platform { variant, ..platform.clone() }
}

#[cfg(test)]
mod tests;

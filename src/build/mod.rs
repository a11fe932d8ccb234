//! Builders: from a Dockerfile and resolved images to an image in the Store.
//!
//! `plan` is pure: it says what every instruction does. A [`Builder`] does it. The embedded one is the
//! default; others would stand behind the same trait.

pub mod embedded;
mod error;
pub mod event;
pub mod hint;
mod outside;
pub mod plan;
mod secret;

pub use error::{BuildError, FailedReason, FailedStep, Fault};
pub use outside::{Held, HeldPackage, HeldStep, HeldView, Outside};
pub use secret::{Agents, Secrets};

use crate::door::Traffic;
use crate::normalize::Normalized;
use crate::oci::{Digest, Platform};
use crate::package::Package;
use crate::store::Store;
use event::{BuildName, Event};
use plan::{Images, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Everything that a build depends on, and where it reports to.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds a function")]
pub struct Request<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// The images that the plan's stages start from and copy from.
    pub images: &'a Images,
    /// The build context.
    pub context: &'a Path,
    /// The Dockerfile, which `.dockerignore` rules may be named after.
    pub dockerfile: &'a Path,
    /// Directories given with `--build-context`, by name.
    pub contexts: &'a BTreeMap<String, PathBuf>,
    /// What `RUN --mount=type=secret` may ask for.
    pub secrets: &'a Secrets,
    /// What `RUN --mount=type=ssh` may ask for.
    pub agents: &'a Agents,
    /// The way to what is not here.
    pub outside: Outside<'a>,
    /// Where blobs, unpacked layers and temporary trees are.
    pub store: &'a Store,
    /// The platform that is built for.
    pub platform: &'a Platform,
    /// `SOURCE_DATE_EPOCH`, seconds since 1970.
    pub epoch: i64,
    /// Which build of its command this is. B has varied surroundings: other host name, other
    /// processors, other address layout.
    pub name: BuildName,
    /// Normalisers that are switched off, by id.
    pub disabled: &'a BTreeSet<String>,
    /// The layers that other builds of the plan made, or a lock records.
    pub layers: &'a KnownLayers,
    /// How much memory the files of RUN steps may take before they go to the disk, in bytes; none:
    /// a share of what is available.
    pub scratch_memory: Option<u64>,
    /// Set from outside when the build is to stop.
    pub cancelled: &'a AtomicBool,
    /// Takes what happens, for the progress display.
    pub events: &'a (dyn Fn(Event) + Send + Sync),
}

/// Layers that steps are expected to make, by the plan's id of the step: making one again needs no
/// second copy. And what is installed in those that builds start from: reading it twice would tell
/// nothing new.
#[derive(Debug, Default)]
pub struct KnownLayers {
    made: Mutex<BTreeMap<String, Digest>>,
    bases: embedded::Bases,
}

impl KnownLayers {
    /// The layer that the step made elsewhere.
    pub fn get(&self, step: &str) -> Option<Digest> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(step).copied()
    }

    /// Takes down what the step made.
    pub fn note(&self, step: &str, layer: Digest) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(step.to_owned(), layer);
    }
}

/// What became of one step.
#[derive(Debug, Clone)]
pub struct BuiltStep {
    /// The plan's id of the step.
    pub id: String,
    /// Digest of the layer that it made; none where it changed no file.
    pub layer: Option<Digest>,
    /// What normalisers did to it.
    pub normalized: Vec<Normalized>,
    /// Entries of the layer.
    pub entries: u64,
    /// Entries whose modification time was later than the epoch.
    pub clamped: u64,
    /// What it took from outside, and what it was refused.
    pub traffic: Traffic,
    /// Packages before and after, where the step changed a package database.
    pub packages: Option<PackageChange>,
    /// What is probably a mistake and stopped nothing.
    pub warnings: Vec<String>,
    /// Wall time.
    pub elapsed: Duration,
}

impl BuiltStep {
    /// A step that has changed nothing yet.
    fn of(step: &plan::Step) -> Self {
        Self {
            id: step.id.clone(),
            layer: None,
            normalized: Vec::new(),
            entries: 0,
            clamped: 0,
            traffic: Traffic::default(),
            packages: None,
            warnings: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }
}

/// The packages of the image before and after a step.
#[derive(Debug, Clone, Default)]
pub struct PackageChange {
    /// Before the step.
    pub before: Vec<Package>,
    /// After the step.
    pub after: Vec<Package>,
}

/// A finished build.
#[derive(Debug, Clone)]
pub struct Built {
    /// Digest of the image's manifest, in the Store.
    pub manifest: Digest,
    /// Every step, in the order of the plan.
    pub steps: Vec<BuiltStep>,
    /// What the images contain that the plan starts from or copies from, by reference.
    pub bases: BTreeMap<String, Vec<Package>>,
    /// What of those could not be read, and stopped nothing.
    pub warnings: Vec<String>,
    /// Wall time.
    pub elapsed: Duration,
}

/// What a builder promises; the report repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarantees {
    /// Whether steps can reach nothing but recorded bytes.
    pub hermetic_network: bool,
    /// Whether a layer is a function of its files alone.
    pub canonical_layers: bool,
}

/// Something that can build a plan.
pub trait Builder: Sync {
    /// Name and version for people.
    fn name(&self) -> String;

    /// What the builder promises.
    fn guarantees(&self) -> Guarantees;

    /// Builds the plan's target into the Store.
    fn build(&self, request: &Request<'_>) -> Result<Built, BuildError>;
}

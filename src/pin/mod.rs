//! What a build used, as a lockfile, and what a lockfile lets a build use. With the lockfile that was
//! there before, every pin that still holds stays as it is: a line added to the Dockerfile adds
//! entries and changes no other.

mod fetched;
mod held;
mod languages;
mod names;
mod previous;
mod request;

pub use fetched::{exchange, exchanges, fetch, is_plain, recorded};
pub use held::{HeldArchive, held_archives};
pub use request::words;

use crate::door::Exchange;
use crate::lock::{
    EPOCH_MAX, Elsewhere, LockedImage, LockedNormalize, LockedPackage, LockedResult, LockedSource,
    LockedStage, LockedStep, Lockfile, stage_of,
};
use crate::oci::{Digest, Platform, Reference};
use crate::package::{Package, PackageFile};
use fetched::Pins;
use names::StepId;
use std::collections::{BTreeMap, BTreeSet};

/// What a build used and made.
#[derive(Debug, Clone)]
pub struct PinInput {
    /// The platform that was built for.
    pub platform: Platform,
    /// `SOURCE_DATE_EPOCH` of the build.
    pub epoch: i64,
    /// The form that layers were taken in.
    pub canonical: u32,
    /// Every image that the build started from or took files from.
    pub images: Vec<PinnedImage>,
    /// Every stage that was built, in the order of the Dockerfile.
    pub stages: Vec<PinnedStage>,
    /// Every instruction, in the order of the Dockerfile, stage by stage.
    pub steps: Vec<PinnedStep>,
    /// The stages that were not built. What the lockfile before holds for them stays.
    pub elsewhere: Elsewhere,
    /// Ids of steps whose pins are to move, which an update asks for: what the lockfile before has of
    /// these, and of what builds on them, need not hold.
    pub moving: BTreeSet<String>,
    /// Digest of the image's manifest, where all steps are closed and the Dockerfile's last stage
    /// was built.
    pub result: Option<Digest>,
}

/// An image that a build used.
#[derive(Debug, Clone)]
pub struct PinnedImage {
    /// As the Dockerfile names it.
    pub reference: Reference,
    /// What the reference pointed at, where that was an index.
    pub index: Option<Digest>,
    /// What this platform got.
    pub manifest: Digest,
    /// What its package databases list.
    pub packages: Vec<Package>,
}

/// A stage that was built.
#[derive(Debug, Clone)]
pub struct PinnedStage {
    /// How the ids of its steps start; empty where there is only one, without a name.
    pub id: String,
    /// What its `FROM` names, after expansion: a normalised reference, `scratch`, or a stage's id.
    pub base: String,
    /// What the triggers of its base image used.
    pub exchanges: Vec<PinnedExchange>,
}

/// Something that passed through the Door. Of one question the first answer counts.
#[derive(Debug, Clone)]
pub struct PinnedExchange {
    /// Question and answer.
    pub exchange: Exchange,
    /// The package that its body is, where it is one. Need not be known where the exchange is not
    /// [plain](is_plain).
    pub package: Option<PackageFile>,
}

/// An instruction that was carried out.
#[derive(Debug, Clone)]
pub struct PinnedStep {
    /// `STAGE/INSTRUCTION`, or `INSTRUCTION` where there is one stage.
    pub id: String,
    /// Digest of the instruction as parsed and its resolved arguments.
    pub input: Digest,
    /// The words of the instruction, see [`words()`].
    pub words: Vec<String>,
    /// What the package databases listed before it.
    pub packages_before: Vec<Package>,
    /// What they listed after it.
    pub packages_after: Vec<Package>,
    /// Whether nothing of the build context can have reached it.
    pub closed: bool,
    /// Diff id of its layer, where it is closed.
    pub layer: Option<Digest>,
    /// Normaliser and path (as in an image: without a slash at the start) of what it changed.
    pub normalized: Vec<(String, Vec<u8>)>,
    /// What it used of the outside, in all builds of the command, without what a rule answered.
    pub exchanges: Vec<PinnedExchange>,
}

/// The lockfile of a build; `previous` is the one that was there before.
pub fn lockfile(input: &PinInput, previous: Option<&Lockfile>) -> Lockfile {
    let epoch = input.epoch.clamp(0, EPOCH_MAX);
    let mut lockfile = Lockfile::new(input.platform.clone(), epoch, input.canonical);
    let ids = names::step_ids(input, previous);
    lockfile.images = images(&input.images, previous);
    let stage =
        |stage: &PinnedStage| LockedStage { id: stage.id.clone(), base: stage.base.clone() };
    lockfile.stages = input.stages.iter().map(stage).collect();
    lockfile.steps = input.steps.iter().zip(&ids).map(|(step, id)| locked_step(step, id)).collect();
    lockfile.normalize = normalized(&input.steps, &ids, previous);
    lockfile.result = input.result.map(|image| LockedResult { image });
    let mut kept = Pins::default();
    if let Some(previous) = previous {
        previous::keep_elsewhere(&mut lockfile, &mut kept, previous, &input.elsewhere);
    }
    let Pins { fetches, packages } = pins(input, &ids, previous, kept);
    (lockfile.fetches, lockfile.packages) = (fetches, packages);
    lockfile.sort();
    lockfile
}

fn locked_step(step: &PinnedStep, id: &StepId<'_>) -> LockedStep {
    let layer = match id.before.filter(|_| id.is_settled) {
        Some(before) => before.layer,
        None => step.layer,
    };
    LockedStep { id: id.name.clone(), input: step.input, layer: layer.filter(|_| step.closed) }
}

/// What the steps installed and fetched, with what is `kept` anyhow.
fn pins(input: &PinInput, ids: &[StepId<'_>], previous: Option<&Lockfile>, mut kept: Pins) -> Pins {
    let mut new = Pins::default();
    let mut seen: BTreeSet<(&str, _)> = BTreeSet::new();
    for stage in &input.stages {
        // What the base image's triggers do is pinned by the image; what they fetch is not.
        let step = if stage.id.is_empty() { "0".to_owned() } else { format!("{}/0", stage.id) };
        fetched::add(&mut new, &stage.exchanges, &step, &BTreeSet::new());
    }
    for (step, id) in input.steps.iter().zip(ids) {
        let stage = stage_of(&step.id);
        let mut packages: Vec<LockedPackage> = Vec::new();
        seen.extend(step.packages_before.iter().map(|package| (stage, package.identity())));
        for package in &step.packages_after {
            if seen.insert((stage, package.identity())) {
                packages.push(locked_package(package, step, &id.name));
            }
        }
        let mut told = BTreeSet::new();
        if let Some(before) = previous.zip(id.before).filter(|_| id.is_settled) {
            told = kept.keep_step(before, &id.name);
        } else {
            told.extend(fetched::join(step, &mut packages));
            previous::known_files(&mut packages, previous);
            if let Some(before) = previous.zip(id.before).filter(|_| id.keeps_fetches) {
                told.extend(kept.keep_fetches(before, &id.name, &told));
            }
            new.packages.append(&mut packages);
        }
        fetched::add(&mut new, &step.exchanges, &id.name, &told);
    }
    fetched::agree(&kept, &mut new);
    kept.append(new);
    kept
}

fn images(used: &[PinnedImage], previous: Option<&Lockfile>) -> Vec<LockedImage> {
    let mut images: BTreeMap<&Reference, LockedImage> = BTreeMap::new();
    for image in used {
        let locked = previous.iter().flat_map(|previous| &previous.images);
        let mut of_reference = locked.filter(|locked| locked.reference == image.reference);
        let kept = of_reference.find(|locked| locked.manifest == image.manifest);
        let packages = package_names(&image.packages);
        let pin = LockedImage {
            reference: image.reference.clone(),
            // The index may have moved on for the sake of other platforms: that moves no pin.
            index: kept.map_or(image.index, |kept| kept.index),
            manifest: image.manifest,
            packages,
        };
        images.entry(&image.reference).or_insert(pin);
    }
    images.into_values().collect()
}

/// `deb:adduser 3.134`; with the architecture, as in `deb:libc6:i386 2.36-9`, where the image has
/// the package for several.
fn package_names(packages: &[Package]) -> Vec<String> {
    let mut architectures: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let name = (package.kind, &*package.name);
        architectures.entry(name).or_default().insert(&package.architecture);
    }
    let name = |package: &Package| {
        let Package { kind, name, version, architecture, .. } = package;
        let several = architectures.get(&(*kind, &**name)).is_some_and(|found| found.len() > 1);
        if several {
            format!("{kind}:{name}:{architecture} {version}")
        } else {
            format!("{kind}:{name} {version}")
        }
    };
    packages.iter().map(name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A package belongs to the step of its stage after which it is there for the first time, even if
/// a later step removes it: the build needed it.
fn locked_package(package: &Package, step: &PinnedStep, id: &str) -> LockedPackage {
    let source = package
        .source
        .as_ref()
        .map(|source| LockedSource { name: source.name.clone(), version: source.version.clone() });
    LockedPackage {
        kind: package.kind.to_owned(),
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        source,
        url: None,
        sha256: None,
        size: None,
        modified: None,
        step: id.to_owned(),
        requested: is_requested(step, package),
    }
}

fn is_requested(step: &PinnedStep, package: &Package) -> bool {
    let named = languages::names(&step.words, package);
    named.unwrap_or_else(|| !package.automatic && request::names(&step.words, package))
}

fn normalized(
    steps: &[PinnedStep],
    ids: &[StepId<'_>],
    previous: Option<&Lockfile>,
) -> Vec<LockedNormalize> {
    let mut pins = BTreeSet::new();
    for (step, id) in steps.iter().zip(ids) {
        let pin = |rule: &str, path: String| {
            let (rule, step) = (rule.to_owned(), id.name.clone());
            LockedNormalize { rule, path, step }
        };
        if let Some((previous, before)) = previous.zip(id.before).filter(|_| id.is_settled) {
            let own = previous.normalize.iter().filter(|locked| locked.step == before.id);
            pins.extend(own.map(|locked| pin(&locked.rule, locked.path.clone())));
        } else {
            pins.extend(step.normalized.iter().map(|(rule, path)| pin(rule, absolute(path))));
        }
    }
    pins.into_iter().collect()
}

/// A path for people: what is not UTF-8, or would steer a terminal, becomes U+FFFD.
fn absolute(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let shown = |character: char| {
        if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
    };
    std::iter::once('/').chain(text.trim_start_matches('/').chars().map(shown)).collect()
}

#[cfg(test)]
mod tests;

//! What a build used, as a lockfile. With the lockfile that was there before, every pin that still
//! holds stays as it is: a line added to the Dockerfile adds entries and changes no other.

mod previous;
mod request;

pub use request::words;

use crate::lock::{
    EPOCH_MAX, Elsewhere, LockedImage, LockedNormalize, LockedPackage, LockedResult, LockedSource,
    LockedStep, Lockfile, match_steps, number_of, stage_of,
};
use crate::oci::{Digest, Platform, Reference};
use crate::package::Package;
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
    /// Every instruction, in the order of the Dockerfile.
    pub steps: Vec<PinnedStep>,
    /// The stages that were not built. What the lockfile before holds for them stays.
    pub elsewhere: Elsewhere,
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
}

/// The lockfile of a build; `previous` is the one that was there before.
pub fn lockfile(input: &PinInput, previous: Option<&Lockfile>) -> Lockfile {
    let epoch = input.epoch.clamp(0, EPOCH_MAX);
    let mut lockfile = Lockfile::new(input.platform.clone(), epoch, input.canonical);
    let ids = step_ids(input, previous);
    lockfile.images = images(&input.images, previous);
    lockfile.packages = packages(&input.steps, &ids, previous);
    lockfile.steps = input.steps.iter().zip(&ids).map(|(step, id)| locked_step(step, id)).collect();
    let unchanged: BTreeSet<&str> =
        ids.iter().filter(|id| id.before.is_some()).map(|id| &*id.name).collect();
    let fetches = previous.iter().flat_map(|previous| &previous.fetches);
    lockfile.fetches = fetches.filter(|fetch| unchanged.contains(&*fetch.step)).cloned().collect();
    lockfile.normalize = normalized(&input.steps);
    lockfile.result = input.result.map(|image| LockedResult { image });
    if let Some(previous) = previous {
        previous::keep_elsewhere(&mut lockfile, previous, &input.elsewhere);
    }
    lockfile.sort();
    lockfile
}

/// The name of a step in the lockfile, and what the lockfile before has for it.
struct StepId<'a> {
    name: String,
    /// The same step of the lockfile before.
    before: Option<&'a LockedStep>,
    /// All that it builds on is what it was, too: its pins still hold.
    is_settled: bool,
}

fn locked_step(step: &PinnedStep, id: &StepId<'_>) -> LockedStep {
    let layer = match id.before.filter(|_| id.is_settled) {
        Some(before) => before.layer.filter(|_| step.closed),
        None => step.layer,
    };
    LockedStep { id: id.name.clone(), input: step.input, layer }
}

/// A step that was locked before keeps its name, wherever it stands now. A new one is named after
/// its place if no other step has that name, and otherwise by the next free number of its stage.
fn step_ids<'a>(input: &PinInput, previous: Option<&'a Lockfile>) -> Vec<StepId<'a>> {
    let locked = previous.map_or(&[][..], |previous| &previous.steps);
    let steps = &input.steps;
    let wanted: Vec<_> = steps.iter().map(|step| (&*step.id, step.input)).collect();
    let kept: Vec<Option<&LockedStep>> = match_steps(locked, &wanted, &input.elsewhere)
        .into_iter()
        .zip(steps)
        // In a stage of another name the old name would mislead.
        .map(|(found, step)| found.filter(|found| stage_of(&found.id) == stage_of(&step.id)))
        .collect();
    let mut taken: BTreeSet<&str> = kept.iter().flatten().map(|step| &*step.id).collect();
    let names: Vec<Option<&str>> = steps
        .iter()
        .zip(&kept)
        .map(|(step, kept)| match kept {
            Some(kept) => Some(&*kept.id),
            None => taken.insert(&step.id).then_some(&*step.id),
        })
        .collect();
    let mut last_numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for id in taken {
        let last = last_numbers.entry(stage_of(id)).or_default();
        *last = (*last).max(number_of(id).unwrap_or(0));
    }
    let mut next_name = |id| {
        let stage = stage_of(id);
        let last = last_numbers.entry(stage).or_default();
        *last = last.saturating_add(1);
        if stage.is_empty() { last.to_string() } else { format!("{stage}/{last}") }
    };
    let settled = previous.map_or(0, |previous| previous::settled_steps(input, previous, &kept));
    let mut ids = Vec::with_capacity(steps.len());
    for (index, ((step, before), name)) in steps.iter().zip(kept).zip(names).enumerate() {
        let name = name.map_or_else(|| next_name(&*step.id), str::to_owned);
        ids.push(StepId { name, before, is_settled: index < settled });
    }
    ids
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
fn packages(
    steps: &[PinnedStep],
    ids: &[StepId<'_>],
    previous: Option<&Lockfile>,
) -> Vec<LockedPackage> {
    let before = previous.iter().flat_map(|previous| &previous.packages);
    let locked: BTreeMap<_, &LockedPackage> =
        before.clone().map(|package| (package.key(), package)).collect();
    let mut seen: BTreeSet<(&str, _)> = BTreeSet::new();
    let mut packages = Vec::new();
    for (step, id) in steps.iter().zip(ids) {
        let stage = stage_of(&step.id);
        seen.extend(step.packages_before.iter().map(|package| (stage, package.identity())));
        if id.is_settled {
            seen.extend(step.packages_after.iter().map(|package| (stage, package.identity())));
            packages.extend(before.clone().filter(|package| package.step == id.name).cloned());
            continue;
        }
        for package in &step.packages_after {
            if seen.insert((stage, package.identity())) {
                let pin = locked_package(package, step, &id.name);
                let known = locked.get(&pin.key()).copied();
                let file = known.map(|known| (known.url.clone(), known.sha256, known.size));
                let (url, sha256, size) = file.unwrap_or_default();
                packages.push(LockedPackage { url, sha256, size, ..pin });
            }
        }
    }
    packages
}

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
        step: id.to_owned(),
        requested: !package.automatic && request::names(&step.words, package),
    }
}

fn normalized(steps: &[PinnedStep]) -> Vec<LockedNormalize> {
    let found = steps.iter().flat_map(|step| &step.normalized);
    let pins: BTreeSet<LockedNormalize> = found
        .map(|(rule, path)| LockedNormalize { rule: rule.clone(), path: absolute(path) })
        .collect();
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

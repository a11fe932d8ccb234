//! The strict reader: serde for the shape, and each value checked with the line that it stands on.

mod answers;
mod fetched;

use super::{
    EPOCH_MAX, LockError, LockErrorKind, LockedFetch, LockedImage, LockedNormalize, LockedPackage,
    LockedResult, LockedStage, LockedStep, Lockfile, Position, SIZE_MAX, VERSION, stage_of,
};
use crate::oci::{Digest, Platform, Reference};
use crate::text::LineIndex;
use fetched::{WireFetch, WirePackage};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

type Text = Spanned<String>;

/// Read before everything else, so that a file of another version is not judged by this one.
#[derive(Deserialize)]
struct WireVersion {
    version: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "version")]
    _version: u32,
    platform: Text,
    epoch: Spanned<i64>,
    canonical: u32,
    #[serde(default)]
    image: Vec<Spanned<WireImage>>,
    #[serde(default)]
    package: Vec<Spanned<WirePackage>>,
    #[serde(default)]
    fetch: Vec<Spanned<WireFetch>>,
    #[serde(default)]
    stage: Vec<Spanned<WireStage>>,
    #[serde(default)]
    step: Vec<Spanned<WireStep>>,
    #[serde(default)]
    normalize: Vec<Spanned<WireNormalize>>,
    result: Option<WireResult>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireImage {
    reference: Text,
    index: Option<Text>,
    manifest: Text,
    #[serde(default)]
    packages: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStage {
    id: Option<Text>,
    base: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStep {
    id: Text,
    input: Text,
    layer: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireNormalize {
    rule: Text,
    path: Text,
    step: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireResult {
    image: Text,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Lockfile, LockError> {
    if bytes.len() > SIZE_MAX {
        return Err(LockError::new(1, LockErrorKind::TooLarge));
    }
    let text = check_text(bytes)?;
    let reader = Reader { lines: LineIndex::new(bytes) };
    let version = reader.deserialize::<WireVersion>(text)?.version;
    if *version.get_ref() != i64::from(VERSION) {
        let found = *version.get_ref();
        return Err(reader.error(version.span(), LockErrorKind::Version { found }));
    }
    let mut lockfile = reader.lockfile(reader.deserialize(text)?)?;
    lockfile.sort();
    Ok(lockfile)
}

/// What a text editor or git did to the file, which TOML would not name so well.
fn check_text(bytes: &[u8]) -> Result<&str, LockError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(LockError::new(1, LockErrorKind::ByteOrderMark));
    }
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let kind = match conflict_marker(line) {
            Some(marker) => LockErrorKind::Conflict(marker),
            None if line.ends_with(b"\r") => LockErrorKind::CarriageReturn,
            None => continue,
        };
        return Err(LockError::new(index + 1, kind));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let line = LineIndex::new(bytes).line(error.valid_up_to());
        LockError::new(line, LockErrorKind::NotUtf8)
    })
}

fn conflict_marker(line: &[u8]) -> Option<&'static str> {
    let starts = |marker: &&str| {
        line.strip_prefix(marker.as_bytes())
            .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\r')))
    };
    ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].into_iter().find(starts)
}

struct Reader {
    lines: LineIndex,
}

impl Reader {
    fn error(&self, span: Range<usize>, kind: LockErrorKind) -> LockError {
        LockError::new(self.lines.line(span.start), kind)
    }

    fn deserialize<T: DeserializeOwned>(&self, text: &str) -> Result<T, LockError> {
        toml::from_str(text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.error(error.span().unwrap_or_default(), LockErrorKind::Syntax(message))
        })
    }

    fn lockfile(&self, wire: Wire) -> Result<Lockfile, LockError> {
        let platform =
            wire.platform.get_ref().parse::<Platform>().map_err(|error| {
                self.error(wire.platform.span(), LockErrorKind::Platform(error))
            })?;
        self.canonical("platform", &wire.platform, &platform.to_string())?;
        let epoch = *wire.epoch.get_ref();
        if !(0..=EPOCH_MAX).contains(&epoch) {
            return Err(self.error(wire.epoch.span(), LockErrorKind::Epoch(epoch)));
        }
        let mut lockfile = Lockfile::new(platform, epoch, wire.canonical);
        let name = |stage: &LockedStage| stage.id.clone();
        lockfile.stages = unlined(self.blocks("[[stage]]", wire.stage, Self::stage, name)?);
        let mut known = Known::default();
        known.stages.extend(lockfile.stages.iter().map(|stage| stage.id.clone()));
        let name = |step: &LockedStep| step.id.clone();
        let read = |reader: &Self, wire| reader.step(wire, &known);
        lockfile.steps = unlined(self.blocks("[[step]]", wire.step, read, name)?);
        known.steps.extend(lockfile.steps.iter().map(|step| step.id.clone()));

        let name = |image: &LockedImage| image.reference.to_string();
        lockfile.images = unlined(self.blocks("[[image]]", wire.image, Self::image, name)?);
        let read = |reader: &Self, wire| reader.package(wire, &known);
        let packages = self.blocks("[[package]]", wire.package, read, package_name)?;
        let read = |reader: &Self, wire| reader.fetch(wire, &known);
        let fetches = self.blocks("[[fetch]]", wire.fetch, read, fetch_name)?;
        answers::agree(&fetches, &packages)?;
        (lockfile.packages, lockfile.fetches) = (unlined(packages), unlined(fetches));
        let name =
            |item: &LockedNormalize| format!("{} {} of step {}", item.rule, item.path, item.step);
        let read = |reader: &Self, wire| reader.normalize(wire, &known);
        lockfile.normalize = unlined(self.blocks("[[normalize]]", wire.normalize, read, name)?);
        if let Some(result) = wire.result {
            lockfile.result = Some(LockedResult { image: self.digest("image", &result.image)? });
        }
        Ok(lockfile)
    }

    /// Reads blocks of one kind, no two of which may have the same name, with their lines.
    fn blocks<W, T>(
        &self,
        block: &'static str,
        wires: Vec<Spanned<W>>,
        read: impl Fn(&Self, W) -> Result<T, LockError>,
        name: impl Fn(&T) -> String,
    ) -> Result<Vec<Lined<T>>, LockError> {
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        let mut items = Vec::with_capacity(wires.len());
        for wire in wires {
            let line = self.lines.line(wire.span().start);
            let item = read(self, wire.into_inner())?;
            let name = name(&item);
            if let Some(first) = lines.get(&name) {
                let kind = LockErrorKind::Duplicate { block, name, first: *first };
                return Err(LockError::new(line, kind));
            }
            lines.insert(name, line);
            items.push((line, item));
        }
        Ok(items)
    }

    fn image(&self, wire: WireImage) -> Result<LockedImage, LockError> {
        let reference =
            wire.reference.get_ref().parse::<Reference>().map_err(|error| {
                self.error(wire.reference.span(), LockErrorKind::Reference(error))
            })?;
        self.canonical("reference", &wire.reference, &reference.to_string())?;
        let index = wire.index.map(|index| self.digest("index", &index)).transpose()?;
        let manifest = self.digest("manifest", &wire.manifest)?;
        let mut packages = BTreeSet::new();
        for package in wire.packages {
            let fits = is_image_package(package.get_ref());
            self.require(fits, "packages", &package, "is not `TYPE:NAME VERSION`")?;
            self.require(!packages.contains(package.get_ref()), "packages", &package, "is twice")?;
            packages.insert(package.into_inner());
        }
        Ok(LockedImage { reference, index, manifest, packages: packages.into_iter().collect() })
    }

    fn stage(&self, wire: WireStage) -> Result<LockedStage, LockError> {
        let id = wire.id.map(|id| self.word("id", id)).transpose()?;
        Ok(LockedStage { id: id.unwrap_or_default(), base: self.word("base", wire.base)? })
    }

    fn step(&self, wire: WireStep, known: &Known) -> Result<LockedStep, LockError> {
        let layer = wire.layer.map(|layer| self.digest("layer", &layer)).transpose()?;
        let input = self.digest("input", &wire.input)?;
        let fits = Position::of(wire.id.get_ref()).is_some();
        self.require(fits, "id", &wire.id, "is not `STAGE/PLACE`, such as `build/2` or `2.1`")?;
        if !known.stages.contains(stage_of(wire.id.get_ref())) {
            let kind = LockErrorKind::UnknownStage(printable(wire.id.get_ref()));
            return Err(self.error(wire.id.span(), kind));
        }
        Ok(LockedStep { id: self.word("id", wire.id)?, input, layer })
    }

    fn normalize(&self, wire: WireNormalize, known: &Known) -> Result<LockedNormalize, LockError> {
        let fits = is_clean_absolute_path(wire.path.get_ref());
        self.require(fits, "path", &wire.path, "is not an absolute path in its shortest form")?;
        let step = self.known_step(wire.step, known)?;
        let rule = self.word("rule", wire.rule)?;
        Ok(LockedNormalize { rule, path: wire.path.into_inner(), step })
    }

    fn known_step(&self, wire: Text, known: &Known) -> Result<String, LockError> {
        if known.has_step(wire.get_ref()) {
            return Ok(wire.into_inner());
        }
        let kind = LockErrorKind::UnknownStep(printable(wire.get_ref()));
        Err(self.error(wire.span(), kind))
    }

    fn digest(&self, key: &'static str, wire: &Text) -> Result<Digest, LockError> {
        wire.get_ref()
            .parse()
            .map_err(|error| self.error(wire.span(), LockErrorKind::Digest { key, error }))
    }

    fn hex(&self, key: &'static str, wire: &Text) -> Result<Digest, LockError> {
        Digest::from_hex(wire.get_ref())
            .map_err(|error| self.error(wire.span(), LockErrorKind::Digest { key, error }))
    }

    fn word(&self, key: &'static str, wire: Text) -> Result<String, LockError> {
        let fits = is_word(wire.get_ref());
        self.require(fits, key, &wire, "is not a word of visible ASCII characters")?;
        Ok(wire.into_inner())
    }

    fn canonical(&self, key: &'static str, wire: &Text, canonical: &str) -> Result<(), LockError> {
        let expected = format!("should be written `{canonical}`");
        self.require(wire.get_ref() == canonical, key, wire, &expected)
    }

    fn require(
        &self,
        fits: bool,
        key: &'static str,
        wire: &Text,
        expected: &str,
    ) -> Result<(), LockError> {
        if fits { Ok(()) } else { Err(self.value(key, wire, expected)) }
    }

    fn value(&self, key: &'static str, wire: &Text, expected: &str) -> LockError {
        let value = printable(wire.get_ref());
        self.error(wire.span(), LockErrorKind::Value { key, value, expected: expected.to_owned() })
    }
}

/// With the line that it stands on.
type Lined<T> = (usize, T);

fn unlined<T>(items: Vec<Lined<T>>) -> Vec<T> {
    items.into_iter().map(|(_, item)| item).collect()
}

/// What pins can belong to.
#[derive(Default)]
struct Known {
    stages: BTreeSet<String>,
    steps: BTreeSet<String>,
}

impl Known {
    /// Whether there is this step; the step `0` of each stage is its `FROM`.
    fn has_step(&self, id: &str) -> bool {
        let number = id.rsplit_once('/').map_or(id, |(_, number)| number);
        self.steps.contains(id) || (number == "0" && self.stages.contains(stage_of(id)))
    }
}

fn package_name(package: &LockedPackage) -> String {
    let (kind, name, architecture, version, step) = package.key();
    let architecture = if architecture.is_empty() { "" } else { &format!(" {architecture}") };
    format!("{kind}:{name} {version}{architecture} of step {step}")
}

fn fetch_name(fetch: &LockedFetch) -> String {
    let method = fetch.method.as_ref().map(|method| format!("{method} ")).unwrap_or_default();
    let variant = fetch.variant.as_ref().map(|variant| format!(" as {variant}"));
    let request = fetch.request.map(|request| format!(" with body {}", request.short()));
    let (variant, request) = (variant.unwrap_or_default(), request.unwrap_or_default());
    format!("{method}{}{variant}{request} of step {}", fetch.url, fetch.step)
}

/// Keeps hostile input out of messages.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(120).collect()
}

/// Visible ASCII: what looks alike is alike, and nothing steers a terminal.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `deb:adduser 3.134`.
fn is_image_package(text: &str) -> bool {
    let parts = text.split_once(':').and_then(|(kind, rest)| Some((kind, rest.split_once(' ')?)));
    parts.is_some_and(|(kind, (name, version))| is_word(kind) && is_word(name) && is_word(version))
}

fn is_clean_absolute_path(path: &str) -> bool {
    let Some(relative) = path.strip_prefix('/') else { return false };
    !path.contains(char::is_control)
        && relative.split('/').all(|component| !matches!(component, "" | "." | ".."))
}

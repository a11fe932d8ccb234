//! The strict reader: serde for the shape, and each value checked with the line that it stands on.

use super::{
    EPOCH_MAX, LockError, LockErrorKind, LockedFetch, LockedImage, LockedNormalize, LockedPackage,
    LockedResult, LockedSource, LockedStep, Lockfile, SIZE_MAX, VERSION,
};
use crate::oci::{Digest, Platform, Reference};
use crate::text::LineIndex;
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
struct WirePackage {
    r#type: Text,
    name: Text,
    version: Text,
    architecture: Text,
    source: Option<Text>,
    url: Option<Text>,
    sha256: Option<Text>,
    size: Option<u64>,
    step: Text,
    requested: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFetch {
    url: Text,
    sha256: Text,
    size: u64,
    step: Text,
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
        let step = |step: &LockedStep| step.id.clone();
        lockfile.steps = self.blocks("[[step]]", wire.step, Self::step, step)?;
        let steps: BTreeSet<&str> = lockfile.steps.iter().map(|step| &*step.id).collect();
        let within = |wire: Text| self.known_step(wire, &steps);

        let name = |image: &LockedImage| image.reference.to_string();
        lockfile.images = self.blocks("[[image]]", wire.image, Self::image, name)?;
        let name = |package: &LockedPackage| {
            let (kind, name, architecture, version, step) = package.key();
            format!("{kind}:{name} {version} {architecture} of step {step}")
        };
        let read = |reader: &Self, wire| reader.package(wire, &within);
        lockfile.packages = self.blocks("[[package]]", wire.package, read, name)?;
        let name = |fetch: &LockedFetch| format!("{} of step {}", fetch.url, fetch.step);
        let read = |reader: &Self, wire| reader.fetch(wire, &within);
        lockfile.fetches = self.blocks("[[fetch]]", wire.fetch, read, name)?;
        let name = |item: &LockedNormalize| format!("{} {}", item.rule, item.path);
        lockfile.normalize = self.blocks("[[normalize]]", wire.normalize, Self::normalize, name)?;
        if let Some(result) = wire.result {
            lockfile.result = Some(LockedResult { image: self.digest("image", &result.image)? });
        }
        Ok(lockfile)
    }

    /// Reads blocks of one kind, no two of which may have the same name.
    fn blocks<W, T>(
        &self,
        block: &'static str,
        wires: Vec<Spanned<W>>,
        read: impl Fn(&Self, W) -> Result<T, LockError>,
        name: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, LockError> {
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        let mut items = Vec::with_capacity(wires.len());
        for wire in wires {
            let span = wire.span();
            let item = read(self, wire.into_inner())?;
            let name = name(&item);
            if let Some(first) = lines.get(&name) {
                let kind = LockErrorKind::Duplicate { block, name, first: *first };
                return Err(self.error(span, kind));
            }
            lines.insert(name, self.lines.line(span.start));
            items.push(item);
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

    fn package(
        &self,
        wire: WirePackage,
        known_step: &impl Fn(Text) -> Result<String, LockError>,
    ) -> Result<LockedPackage, LockError> {
        let source = wire.source.map(|source| self.source(&source)).transpose()?;
        Ok(LockedPackage {
            kind: self.word("type", wire.r#type)?,
            name: self.word("name", wire.name)?,
            version: self.word("version", wire.version)?,
            architecture: self.word("architecture", wire.architecture)?,
            source,
            url: wire.url.map(|url| self.url(url)).transpose()?,
            sha256: wire.sha256.map(|sha256| self.hex("sha256", &sha256)).transpose()?,
            size: wire.size,
            step: known_step(wire.step)?,
            requested: wire.requested,
        })
    }

    fn fetch(
        &self,
        wire: WireFetch,
        known_step: &impl Fn(Text) -> Result<String, LockError>,
    ) -> Result<LockedFetch, LockError> {
        Ok(LockedFetch {
            url: self.url(wire.url)?,
            sha256: self.hex("sha256", &wire.sha256)?,
            size: wire.size,
            step: known_step(wire.step)?,
        })
    }

    fn step(&self, wire: WireStep) -> Result<LockedStep, LockError> {
        let layer = wire.layer.map(|layer| self.digest("layer", &layer)).transpose()?;
        let input = self.digest("input", &wire.input)?;
        Ok(LockedStep { id: self.word("id", wire.id)?, input, layer })
    }

    fn normalize(&self, wire: WireNormalize) -> Result<LockedNormalize, LockError> {
        let fits = is_clean_absolute_path(wire.path.get_ref());
        self.require(fits, "path", &wire.path, "is not an absolute path in its shortest form")?;
        Ok(LockedNormalize { rule: self.word("rule", wire.rule)?, path: wire.path.into_inner() })
    }

    fn known_step(&self, wire: Text, steps: &BTreeSet<&str>) -> Result<String, LockError> {
        if steps.contains(&**wire.get_ref()) {
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

    fn source(&self, wire: &Text) -> Result<LockedSource, LockError> {
        match wire.get_ref().split_once(' ') {
            Some((name, version)) if is_word(name) && is_word(version) => {
                Ok(LockedSource { name: name.to_owned(), version: version.to_owned() })
            }
            _ => Err(self.value("source", wire, "is not `NAME VERSION`")),
        }
    }

    fn url(&self, wire: Text) -> Result<String, LockError> {
        let fits = is_word(wire.get_ref()) && wire.get_ref().contains("://");
        self.require(fits, "url", &wire, "is not a URL")?;
        Ok(wire.into_inner())
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

//! Which image of a layout or archive is meant: by name or digest, then by platform.

use super::document::{self, DOCUMENT_SIZE_MAX, Document};
use super::error::StoreError;
use super::image::Image;
use super::layout::Selector;
use super::source::Source;
use crate::oci::{Descriptor, Digest, Index, Manifest, Platform, Reference, media_type};
use std::collections::BTreeMap;

/// Annotation with the tag, or with whatever else the writer took for the name:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md>.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Annotation with the full name, of containerd and Docker.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// Indexes in indexes that are gone through. One is usual.
const DEPTH_MAX: usize = 4;

/// The image that is meant.
pub(super) fn select(
    source: &Source,
    index: &Index,
    selector: &Selector,
    platform: &Platform,
) -> Result<Image, StoreError> {
    let descriptor = match selector {
        Selector::Digest(digest) => by_digest(source, index, digest)?,
        Selector::Tag(tag) => {
            let named = index.manifests.iter().filter(|descriptor| is_named(descriptor, tag));
            let not_found = || StoreError::NotFound {
                wanted: format!("named `{}`", tag.escape_debug()),
                place: source.place().to_owned(),
                available: names(index),
            };
            one_of(source, named, platform)?.ok_or_else(not_found)?
        }
        Selector::Any => {
            let not_found = || StoreError::NotFound {
                wanted: "at all".to_owned(),
                place: source.place().to_owned(),
                available: Vec::new(),
            };
            one_of(source, index.manifests.iter(), platform)?.ok_or_else(not_found)?
        }
    };
    let place = source.place().display();
    let name = match selector {
        Selector::Digest(digest) => format!("{place}@{digest}"),
        Selector::Tag(tag) => format!("{place}:{tag}"),
        Selector::Any => place.to_string(),
    };
    descend(source, descriptor, platform, &name)
}

/// The descriptor of a digest, in the layout's index or made up for a blob that it does not list:
/// the members of a listed index are not listed themselves.
fn by_digest(source: &Source, index: &Index, digest: &Digest) -> Result<Descriptor, StoreError> {
    if let Some(listed) = index.manifests.iter().find(|listed| listed.digest == *digest) {
        return Ok(listed.clone());
    }
    let bytes = match source.read(digest, None, DOCUMENT_SIZE_MAX) {
        Err(StoreError::Missing { place, .. }) => {
            let wanted = format!("with digest {digest}");
            return Err(StoreError::NotFound { wanted, place, available: names(index) });
        }
        other => other?,
    };
    let media_type = match document::parse(&bytes, None, &digest.to_string())? {
        Document::Index(index) => index.media_type.unwrap_or_else(|| media_type::INDEX.to_owned()),
        Document::Manifest(manifest) => manifest_type(&manifest),
    };
    let size = bytes.len() as u64;
    let annotations = BTreeMap::new();
    Ok(Descriptor { media_type, digest: *digest, size, platform: None, annotations })
}

/// OCI manifests need not say that they are.
pub(super) fn manifest_type(manifest: &Manifest) -> String {
    manifest.media_type.clone().unwrap_or_else(|| media_type::MANIFEST.to_owned())
}

/// The only one, whatever its platform; or the only one for the platform.
fn one_of<'a>(
    source: &Source,
    candidates: impl Iterator<Item = &'a Descriptor>,
    platform: &Platform,
) -> Result<Option<Descriptor>, StoreError> {
    let mut candidates: Vec<&Descriptor> = candidates.collect();
    candidates.dedup_by_key(|descriptor| descriptor.digest);
    if candidates.len() > 1 {
        let fits = |descriptor: &&Descriptor| {
            descriptor.platform.as_ref().is_none_or(|offered| platform.accepts(offered))
        };
        let fitting: Vec<&Descriptor> = candidates.iter().copied().filter(fits).collect();
        if fitting.is_empty() {
            return Err(no_platform(platform, &source.place().display().to_string(), &candidates));
        }
        candidates = fitting;
    }
    match &*candidates {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        several => Err(StoreError::Ambiguous {
            place: source.place().to_owned(),
            available: several.iter().map(|descriptor| describe(descriptor)).collect(),
        }),
    }
}

/// Goes from a descriptor through indexes to a manifest.
fn descend(
    source: &Source,
    mut descriptor: Descriptor,
    platform: &Platform,
    name: &str,
) -> Result<Image, StoreError> {
    let mut outermost = None;
    for _ in 0..=DEPTH_MAX {
        let digest = descriptor.digest;
        let place = format!("{digest} in `{}`", source.place().display());
        let claimed = &*descriptor.media_type;
        if !media_type::is_index(claimed) && !media_type::is_manifest(claimed) {
            let reason = format!("is a `{}`, neither manifest nor index", claimed.escape_debug());
            return Err(StoreError::invalid(place, reason));
        }
        let bytes = source.read(&digest, Some(descriptor.size), DOCUMENT_SIZE_MAX)?;
        match document::parse(&bytes, Some(claimed), &place)? {
            Document::Manifest(manifest) => {
                return Image::assemble(source, bytes, manifest, outermost, name.to_owned());
            }
            Document::Index(index) => {
                outermost = outermost.or(Some(digest));
                descriptor = for_platform(&index, platform, name)?;
            }
        }
    }
    Err(StoreError::invalid(name, format!("more than {DEPTH_MAX} indexes in one another")))
}

/// The first image for the platform, one for its very variant before others. An entry that names
/// no platform is taken where it is the only one.
fn for_platform(index: &Index, platform: &Platform, name: &str) -> Result<Descriptor, StoreError> {
    if let [only @ Descriptor { platform: None, .. }] = &*index.manifests {
        return Ok(only.clone());
    }
    let fitting = index.manifests.iter().filter(|descriptor| {
        descriptor.platform.as_ref().is_some_and(|offered| platform.accepts(offered))
    });
    let exact = |descriptor: &&&Descriptor| descriptor.platform.as_ref() == Some(platform);
    let fitting: Vec<&Descriptor> = fitting.collect();
    let all: Vec<&Descriptor> = index.manifests.iter().collect();
    let chosen = fitting.iter().find(exact).or(fitting.first());
    chosen.map(|chosen| (*chosen).clone()).ok_or_else(|| no_platform(platform, name, &all))
}

fn no_platform(wanted: &Platform, place: &str, candidates: &[&Descriptor]) -> StoreError {
    let platforms = candidates.iter().filter_map(|descriptor| descriptor.platform.as_ref());
    // Attestations have the platform `unknown/unknown`.
    let mut available: Vec<String> = platforms
        .map(ToString::to_string)
        .filter(|platform| !platform.starts_with("unknown/"))
        .collect();
    available.dedup();
    StoreError::Platform { wanted: wanted.clone(), place: place.to_owned(), available }
}

/// How containerd and Docker note an image's name.
pub(super) fn annotations(name: Option<&str>) -> BTreeMap<String, String> {
    let Some(name) = name else { return BTreeMap::new() };
    match name.parse::<Reference>() {
        Ok(reference) => {
            let tag = reference.tag.clone().map(|tag| (REF_NAME.to_owned(), tag));
            let full = (IMAGE_NAME.to_owned(), reference.to_string());
            tag.into_iter().chain([full]).collect()
        }
        Err(_) => BTreeMap::from([(REF_NAME.to_owned(), name.to_owned())]),
    }
}

fn is_named(descriptor: &Descriptor, name: &str) -> bool {
    let annotation = |key: &str| descriptor.annotations.get(key);
    annotation(REF_NAME).is_some_and(|given| given == name)
        || [annotation(REF_NAME), annotation(IMAGE_NAME)]
            .into_iter()
            .flatten()
            .any(|given| is_same_reference(given, name))
}

/// Whether both are the same name in Docker's sense: `debian` and `docker.io/library/debian:latest`.
pub(super) fn is_same_reference(left: &str, right: &str) -> bool {
    match (left.parse::<Reference>(), right.parse::<Reference>()) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

fn names(index: &Index) -> Vec<String> {
    index.manifests.iter().map(describe).collect()
}

fn describe(descriptor: &Descriptor) -> String {
    let annotation = |key: &str| descriptor.annotations.get(key);
    match annotation(IMAGE_NAME).or(annotation(REF_NAME)) {
        Some(name) => format!("`{}`", name.escape_debug()),
        None => descriptor.digest.to_string(),
    }
}

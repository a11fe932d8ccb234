//! Archives as `docker save` writes them, read in place: nothing is unpacked or copied.
//!
//! Since Docker 25 they hold an OCI layout; before, `manifest.json` names a config and layers by
//! path. Both are read; what is written has both, for old and new readers. The format is described
//! in <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md>.

mod scan;
mod write;

pub use write::write;

use super::document::{self, DOCUMENT_SIZE_MAX};
use super::error::StoreError;
use super::image::Image;
use super::layer::Layer;
use super::layout::{self, Selector};
use super::select::{self, is_same_reference};
use super::source::{Member, Members, Source};
use crate::archive::compression::{self, Compression};
use crate::archive::tar::{self, Limits};
use crate::oci::{Descriptor, Digest, HashingReader, Manifest, Mismatch, Platform, media_type};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

const MANIFEST_FILE: &str = "manifest.json";

/// An image in `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// Opens the image with the given name (`debian:bookworm`), or the only one, of an archive. An
/// archive of an OCI layout will do too.
pub fn open(path: &Path, tag: Option<&str>, platform: &Platform) -> Result<Image, StoreError> {
    let members = scan::scan(path)?;
    let source = Source::Archive(members);
    if let Some(index) = layout::read_index(&source)? {
        let selector = tag.map_or(Selector::Any, |tag| Selector::Tag(tag.to_owned()));
        return select::select(&source, &index, &selector, platform);
    }
    let place = format!("`{MANIFEST_FILE}` in `{}`", path.display());
    let Some(bytes) = source.read_file(MANIFEST_FILE, DOCUMENT_SIZE_MAX)? else {
        return Err(StoreError::invalid(
            format!("`{}`", path.display()),
            "not an image archive: it has neither `manifest.json` nor `index.json`",
        ));
    };
    let saved = choose(document::parse_json(&bytes, &place)?, tag, path)?;
    assemble(&source, &saved, tag, &place)
}

fn choose(images: Vec<Saved>, tag: Option<&str>, path: &Path) -> Result<Saved, StoreError> {
    let names = |image: &Saved| image.repo_tags.clone().unwrap_or_default();
    let describe = |image: &Saved| match &*names(image) {
        [] => format!("config `{}`", image.config.escape_debug()),
        names => names
            .iter()
            .map(|name| format!("`{}`", name.escape_debug()))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let available = images.iter().map(describe).collect();
    let place = path.to_owned();
    let is_meant = |image: &Saved| match tag {
        None => true,
        Some(tag) => names(image).iter().any(|name| name == tag || is_same_reference(name, tag)),
    };
    let mut meant = images.into_iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(image), None) => Ok(image),
        (Some(_), Some(_)) => Err(StoreError::Ambiguous { place, available }),
        (None, _) => {
            let wanted = match tag {
                Some(tag) => format!("named `{}`", tag.escape_debug()),
                None => "at all".to_owned(),
            };
            Err(StoreError::NotFound { wanted, place, available })
        }
    }
}

/// Such an image has no manifest: one is made of what it has.
fn assemble(
    source: &Source,
    saved: &Saved,
    tag: Option<&str>,
    place: &str,
) -> Result<Image, StoreError> {
    let invalid = |reason: String| StoreError::invalid(place, reason);
    let Source::Archive(members) = source else { return Err(invalid("not an archive".into())) };
    let member = |name: &str| {
        let clean = tar::clean_path(name.as_bytes(), Limits::default().path_max)
            .map_err(|problem| invalid(format!("path `{}` {problem}", name.escape_debug())))?;
        let missing = || invalid(format!("`{}` is not in the archive", name.escape_debug()));
        members.files.get(&clean).copied().ok_or_else(missing)
    };
    let config_bytes = read_config(members, member(&saved.config)?, &saved.config)?;
    let digest = Digest::of(&config_bytes);
    let config = descriptor(media_type::CONFIG, digest, config_bytes.len() as u64);
    let mut manifest = Manifest {
        schema_version: 2,
        media_type: Some(media_type::MANIFEST.to_owned()),
        config,
        layers: Vec::new(),
        annotations: BTreeMap::new(),
    };
    let names = saved.layers.as_deref().unwrap_or_default();
    let config_place = format!("`{}` in `{}`", saved.config.escape_debug(), members.path.display());
    let unnamed = descriptor(media_type::LAYER, digest, 0);
    manifest.layers = vec![unnamed; names.len()];
    let config = document::parse_config(&config_bytes, &manifest, &config_place)?;
    let mut layers = Vec::with_capacity(names.len());
    for (name, diff_id) in names.iter().zip(&config.rootfs.diff_ids) {
        layers.push(layer(members, member(name)?, *diff_id)?);
    }
    manifest.layers = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    let manifest_bytes = serde_json::to_vec(&manifest).map_err(|e| invalid(e.to_string()))?;
    Ok(Image {
        manifest_digest: Digest::of(&manifest_bytes),
        manifest_bytes,
        manifest,
        config_bytes,
        config,
        layers,
        index: None,
        name: match tag {
            Some(tag) => format!("{}:{tag}", members.path.display()),
            None => members.path.display().to_string(),
        },
    })
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    let (media_type, annotations) = (media_type.to_owned(), BTreeMap::new());
    Descriptor { media_type, digest, size, platform: None, annotations }
}

/// The config's file is named by its digest, which is the image's id.
fn read_config(members: &Members, member: Member, name: &str) -> Result<Vec<u8>, StoreError> {
    let what = || format!("`{}` in `{}`", name.escape_debug(), members.path.display());
    if member.size > DOCUMENT_SIZE_MAX {
        let (size, size_max) = (member.size, DOCUMENT_SIZE_MAX);
        return Err(StoreError::TooLarge { what: what(), size, size_max });
    }
    let location = members.location(member);
    let mut bytes = Vec::new();
    location
        .open(member.size)?
        .read_to_end(&mut bytes)
        .map_err(|error| StoreError::io("read", &members.path, error))?;
    let stem = name.rsplit('/').next().map(|file| file.strip_suffix(".json").unwrap_or(file));
    let promised = stem.and_then(|stem| Digest::from_hex(stem).ok());
    let found = Digest::of(&bytes);
    match promised {
        Some(expected) if expected != found => {
            Err(location.blame(Mismatch::Digest { expected, found }))
        }
        _ => Ok(bytes),
    }
}

/// Layers are uncompressed as a rule, and then the diff id is the digest. Others are hashed.
fn layer(members: &Members, member: Member, diff_id: Digest) -> Result<Layer, StoreError> {
    let failed = |error| StoreError::io("read", &members.path, error);
    let location = members.location(member);
    let mut first = Vec::new();
    location.open(member.size)?.take(8).read_to_end(&mut first).map_err(failed)?;
    let media_type = match compression::detect(&first) {
        Compression::None => {
            let descriptor = descriptor(media_type::LAYER, diff_id, member.size);
            return Ok(Layer { diff_id, descriptor, location });
        }
        Compression::Gzip => media_type::LAYER_GZIP,
        Compression::Zstd => media_type::LAYER_ZSTD,
        other => {
            let reason = format!("a layer is compressed with {}", other.name());
            return Err(StoreError::invalid(format!("`{}`", members.path.display()), reason));
        }
    };
    let mut reader = HashingReader::new(location.open(member.size)?);
    io::copy(&mut reader, &mut io::sink()).map_err(failed)?;
    let (digest, size) = reader.finish();
    let descriptor = descriptor(media_type, digest, size);
    Ok(Layer { diff_id, descriptor, location })
}

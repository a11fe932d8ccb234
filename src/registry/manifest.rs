//! Manifests and indexes as registries serve them: strictly read, and the platform's chosen.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>

use super::RegistryError;
use crate::oci::{Descriptor, ImageConfig, Index, Manifest, Platform, media_type};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The specification lets registries refuse larger ones, and so do we:
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests>.
pub(super) const SIZE_MAX: usize = 4 * 1024 * 1024;
/// Configs hold a history of text; the largest seen have some hundred kilobytes. The Store takes
/// no larger ones as documents.
pub(super) const CONFIG_SIZE_MAX: u64 = 4 * 1024 * 1024;
/// Eight times what Docker can mount.
const LAYERS_MAX: usize = 1024;
/// What we can read, the most specific first.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// What a reference leads to.
#[derive(Debug)]
pub(super) enum Document {
    Index(Index),
    Manifest(Manifest),
}

/// The keys that tell the two apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
    layers: Option<Vec<ShapeOfLayer>>,
    fs_layers: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ShapeOfLayer {
    urls: Option<Vec<String>>,
}

/// Reads a document of either kind; `name` is what messages call it.
pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Document, RegistryError> {
    let invalid = |problem: String| RegistryError::Invalid { reference: name.to_owned(), problem };
    let unsupported =
        |problem: String| RegistryError::Unsupported { reference: name.to_owned(), problem };
    let json = |error: serde_json::Error| {
        invalid(format!("the manifest is not valid: {}", super::error::quoted(&error.to_string())))
    };
    let shape: Shape = serde_json::from_slice(bytes).map_err(json)?;
    if let Some(problem) = shape.problem() {
        return Err(invalid(problem.to_owned()));
    }
    if let Some(problem) = shape.limit() {
        return Err(unsupported(problem.to_owned()));
    }
    if shape.manifests.is_some() {
        return Ok(Document::Index(serde_json::from_slice(bytes).map_err(json)?));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(json)?;
    match limit_of_image(&manifest) {
        None => Ok(Document::Manifest(manifest)),
        Some(problem) => Err(unsupported(problem)),
    }
}

impl Shape {
    /// What no registry may serve.
    fn problem(&self) -> Option<&'static str> {
        let is_manifest = self.config.is_some() || self.layers.is_some();
        let is = |kind: fn(&str) -> bool| self.media_type.as_deref().is_none_or(kind);
        if self.manifests.is_some() && (is_manifest || self.fs_layers.is_some()) {
            // One reader would take it for an index and another for an image:
            // https://github.com/opencontainers/image-spec/security/advisories/GHSA-77vh-xpmg-72qh
            Some("the manifest has both layers and manifests")
        } else if self.is_schema_1() {
            None
        } else if self.schema_version != 2 {
            Some("the manifest's schemaVersion is not 2")
        } else if self.manifests.is_some() {
            (!is(media_type::is_index)).then_some("the index has another media type")
        } else if !is_manifest {
            Some("the manifest has neither layers nor manifests")
        } else if !is(media_type::is_manifest) {
            Some("the manifest has another media type")
        } else {
            None
        }
    }

    /// What is legal and not read here.
    fn limit(&self) -> Option<&'static str> {
        if self.is_schema_1() {
            Some("the manifest is of the obsolete schema 1: push the image again")
        } else if self.has_foreign_layers() {
            // Anybody's server, and not verified by whoever runs the registry.
            Some("a layer is to be fetched from elsewhere (`urls`), which is not done")
        } else {
            None
        }
    }

    /// <https://distribution.github.io/distribution/spec/deprecated-schema-v1/>
    fn is_schema_1(&self) -> bool {
        self.schema_version == 1 || self.fs_layers.is_some()
    }

    fn has_foreign_layers(&self) -> bool {
        let is_foreign =
            |layer: &ShapeOfLayer| layer.urls.as_ref().is_some_and(|urls| !urls.is_empty());
        self.layers.iter().flatten().any(is_foreign)
    }
}

fn limit_of_image(manifest: &Manifest) -> Option<String> {
    let config = &manifest.config;
    if !matches!(&*config.media_type, media_type::CONFIG | media_type::DOCKER_CONFIG) {
        let kind = super::error::quoted(&config.media_type);
        return Some(format!("it holds a `{kind}`, not a container image"));
    }
    if config.size > CONFIG_SIZE_MAX {
        return Some(format!("the config is larger than {CONFIG_SIZE_MAX} bytes"));
    }
    if manifest.layers.len() > LAYERS_MAX {
        return Some(format!("it has more than {LAYERS_MAX} layers"));
    }
    let unknown = manifest.layers.iter().find(|layer| !media_type::is_layer(&layer.media_type))?;
    let kind = super::error::quoted(&unknown.media_type);
    Some(format!("a layer has the media type `{kind}`, which is not supported"))
}

/// The platform's manifest in an index: one that names the same variant, else the first that fits.
pub(super) fn select<'a>(
    index: &'a Index,
    wanted: &Platform,
    name: &str,
) -> Result<&'a Descriptor, RegistryError> {
    let images = index.manifests.iter().filter(|entry| !is_attestation(entry));
    let fits = |entry: &&Descriptor| {
        entry.platform.as_ref().is_some_and(|platform| wanted.accepts(platform))
    };
    let exact = images.clone().find(|entry| entry.platform.as_ref() == Some(wanted));
    let Some(chosen) = exact.or_else(|| images.clone().find(fits)) else {
        let offered = images.filter_map(|entry| entry.platform.as_ref());
        return Err(no_platform(name, wanted, offered.map(ToString::to_string)));
    };
    if media_type::is_manifest(&chosen.media_type) {
        return Ok(chosen);
    }
    let problem = if media_type::is_index(&chosen.media_type) {
        "the index holds another index for the platform".to_owned()
    } else {
        let kind = super::error::quoted(&chosen.media_type);
        format!("the index has a `{kind}` for the platform")
    };
    Err(RegistryError::Unsupported { reference: name.to_owned(), problem })
}

/// BuildKit's attestations stand in the index with the platform `unknown/unknown`:
/// <https://docs.docker.com/build/metadata/attestations/attestation-storage/>.
fn is_attestation(entry: &Descriptor) -> bool {
    entry.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
}

fn no_platform(
    name: &str,
    wanted: &Platform,
    offered: impl Iterator<Item = String>,
) -> RegistryError {
    const OFFERED_MAX: usize = 30;
    let mut offered: Vec<String> =
        offered.take(OFFERED_MAX).map(|platform| super::error::quoted(&platform)).collect();
    offered.sort();
    offered.dedup();
    RegistryError::NoPlatform { reference: name.to_owned(), wanted: wanted.to_string(), offered }
}

/// Reads a config and holds it against its manifest and the platform that was asked for.
pub(super) fn check_config(
    bytes: &[u8],
    manifest: &Manifest,
    wanted: &Platform,
    name: &str,
) -> Result<ImageConfig, RegistryError> {
    let invalid = |problem| RegistryError::Invalid { reference: name.to_owned(), problem };
    let config: ImageConfig = serde_json::from_slice(bytes).map_err(|error| {
        invalid(format!("the config is not valid: {}", super::error::quoted(&error.to_string())))
    })?;
    let (layers, ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != ids {
        let problem = format!("the manifest has {layers} layers, the config {ids}");
        return Err(invalid(problem));
    }
    if !wanted.accepts(&config.platform) {
        return Err(no_platform(name, wanted, std::iter::once(config.platform.to_string())));
    }
    Ok(config)
}

#[cfg(test)]
#[path = "tests/manifest.rs"]
mod tests;

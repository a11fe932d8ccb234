//! Manifests, indexes and configs, read strictly.
//!
//! Tools read malformed documents differently, and what one runs another scans: such documents are
//! refused.

use super::error::StoreError;
use crate::oci::{ImageConfig, Index, Manifest, media_type};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Largest manifest, index or config. Registries take manifests of up to 4 MiB:
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests>.
pub(super) const DOCUMENT_SIZE_MAX: u64 = 4 << 20;

/// More than overlayfs can stack, and many times what Docker takes (127).
const LAYERS_MAX: usize = 500;

/// What a document is.
#[derive(Debug)]
pub(super) enum Document {
    /// One platform's image.
    Manifest(Manifest),
    /// Several.
    Index(Index),
}

/// Keys of manifests and indexes. Go's JSON reader takes `Layers` for `layers`, others do not.
const KEYS: &[&str] =
    &["schemaVersion", "mediaType", "config", "layers", "manifests", "annotations"];

/// Reads a manifest or an index. `claimed` is the media type in the descriptor that led here;
/// `place` names the document in messages.
pub(super) fn parse(
    bytes: &[u8],
    claimed: Option<&str>,
    place: &str,
) -> Result<Document, StoreError> {
    let invalid = |reason: String| StoreError::invalid(place, reason);
    let object: Map<String, Value> = parse_json(bytes, place)?;
    for key in object.keys() {
        if KEYS.iter().any(|known| known.eq_ignore_ascii_case(key) && *known != key) {
            return Err(invalid(format!(
                "key `{}` differs from the known one",
                key.escape_debug()
            )));
        }
    }
    let own = match object.get("mediaType") {
        None => None,
        Some(Value::String(own)) => Some(own.as_str()),
        Some(_) => return Err(invalid("`mediaType` is not a string".to_owned())),
    };
    if let (Some(own), Some(claimed)) = (own, claimed)
        && own != claimed
    {
        return Err(invalid(format!(
            "says to be `{}` where `{}` is expected",
            own.escape_debug(),
            claimed.escape_debug()
        )));
    }
    if object.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
        return Err(invalid("`schemaVersion` is not 2".to_owned()));
    }
    // GHSA-5j5w-g665-5m35: a document that is both is read as one or the other.
    match (object.contains_key("layers"), object.contains_key("manifests")) {
        (true, true) => Err(invalid("has both `layers` and `manifests`".to_owned())),
        (_, false) => parse_manifest(bytes, own.or(claimed), place).map(Document::Manifest),
        (false, true) => parse_index(bytes, own.or(claimed), place).map(Document::Index),
    }
}

fn parse_manifest(
    bytes: &[u8],
    media_type: Option<&str>,
    place: &str,
) -> Result<Manifest, StoreError> {
    let invalid = |reason: String| StoreError::invalid(place, reason);
    if !media_type.is_none_or(media_type::is_manifest) {
        return Err(invalid("is not a manifest though it looks like one".to_owned()));
    }
    let manifest: Manifest = parse_json(bytes, place)?;
    let config = &*manifest.config.media_type;
    if !matches!(config, media_type::CONFIG | media_type::DOCKER_CONFIG) {
        return Err(invalid(format!(
            "is an artifact and not an image: its config is a `{}`",
            config.escape_debug()
        )));
    }
    if manifest.layers.len() > LAYERS_MAX {
        let count = manifest.layers.len();
        return Err(invalid(format!("has {count} layers, more than the allowed {LAYERS_MAX}")));
    }
    match manifest.layers.iter().find(|layer| !is_layer(&layer.media_type)) {
        Some(layer) => Err(invalid(format!(
            "`{}` is not the media type of a layer",
            layer.media_type.escape_debug()
        ))),
        None => Ok(manifest),
    }
}

fn parse_index(bytes: &[u8], media_type: Option<&str>, place: &str) -> Result<Index, StoreError> {
    if !media_type.is_none_or(media_type::is_index) {
        return Err(StoreError::invalid(place, "is not an index though it looks like one"));
    }
    parse_json(bytes, place)
}

/// Reads an image config and compares it with its manifest.
pub(super) fn parse_config(
    bytes: &[u8],
    manifest: &Manifest,
    place: &str,
) -> Result<ImageConfig, StoreError> {
    let config: ImageConfig = parse_json(bytes, place)?;
    let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != diff_ids {
        return Err(StoreError::invalid(
            place,
            format!("has {diff_ids} diff ids for {layers} layers"),
        ));
    }
    Ok(config)
}

/// Layers that nobody may distribute are layers all the same.
fn is_layer(media_type: &str) -> bool {
    const NOT_DISTRIBUTABLE: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    let plain = media_type.strip_prefix(NOT_DISTRIBUTABLE);
    let foreign = [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ];
    media_type::is_layer(media_type)
        || foreign.contains(&media_type)
        || matches!(plain, Some("" | "+gzip" | "+zstd"))
}

pub(super) fn parse_json<T: DeserializeOwned>(bytes: &[u8], place: &str) -> Result<T, StoreError> {
    let size = bytes.len() as u64;
    if size > DOCUMENT_SIZE_MAX {
        let what = place.to_owned();
        return Err(StoreError::TooLarge { what, size, size_max: DOCUMENT_SIZE_MAX });
    }
    serde_json::from_slice(bytes).map_err(|error| StoreError::invalid(place, error.to_string()))
}

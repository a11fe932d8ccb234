//! The form of a lock in a registry: an OCI image manifest of another artifact type, whose config is
//! empty, whose first layer is the lockfile, and whose other layers are whatever it needs.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage>
//!
//! The layers are there so that the registry keeps their blobs. Who pulls asks for blobs by the
//! digests in the lock, and for the manifest to know whether somebody has pushed the lock.

use super::BadArtifact;
use super::needs::Needs;
use crate::lock;
use crate::oci::{Digest, media_type};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the manifest is one of.
pub(super) const ARTIFACT_TYPE: &str = "application/vnd.rlock.lock.v1";
/// The lockfile.
const LOCKFILE: &str = "application/vnd.rlock.lockfile.v1+toml";
/// Any other blob. Also those that are layers of images: with their own type, tools would take the
/// artifact for an image that they can unpack.
const CONTENT: &str = "application/vnd.rlock.content.v1";
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor>
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The bytes of the empty config.
pub(super) const EMPTY_CONTENT: &[u8] = b"{}";
/// The name that tools give to the file.
const TITLE: &str = "org.opencontainers.image.title";

/// The manifest: a function of the lockfile's bytes and of the sizes of what it needs.
pub(super) fn manifest(lockfile: &[u8], needs: &Needs, sizes: &BTreeMap<Digest, u64>) -> Vec<u8> {
    let descriptor = |media_type: &str, digest: &Digest, size: u64| json!({ "mediaType": media_type, "digest": digest, "size": size });
    let mut first = descriptor(LOCKFILE, &Digest::of(lockfile), lockfile.len() as u64);
    if let Some(object) = first.as_object_mut() {
        object.insert("annotations".to_owned(), json!({ TITLE: "Dockerfile.lock" }));
    }
    let others = needs
        .keys()
        .filter_map(|digest| sizes.get(digest).map(|size| descriptor(CONTENT, digest, *size)));
    let layers: Vec<Value> = std::iter::once(first).chain(others).collect();
    let empty = descriptor(EMPTY, &Digest::of(EMPTY_CONTENT), EMPTY_CONTENT.len() as u64);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": empty,
        "layers": layers,
    });
    manifest.to_string().into_bytes()
}

/// The keys that are read. Registries and other tools may add others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: u32,
    artifact_type: Option<String>,
    layers: Vec<WireLayer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLayer {
    media_type: String,
    digest: Digest,
    size: u64,
}

/// Digest and size of the lockfile in an artifact.
pub(super) fn lockfile(manifest: &[u8], reference: &str) -> Result<(Digest, u64), BadArtifact> {
    let bad = |problem: String| BadArtifact {
        reference: reference.to_owned(),
        problem,
        is_another_kind: false,
    };
    let wire: Wire = serde_json::from_slice(manifest).map_err(|error| {
        bad(format!("its manifest is not one of an artifact: {}", printable(&error.to_string())))
    })?;
    if wire.schema_version != 2 || wire.artifact_type.as_deref() != Some(ARTIFACT_TYPE) {
        let kind = printable(wire.artifact_type.as_deref().unwrap_or("image"));
        let problem = format!("it is of the type `{kind}`, not `{ARTIFACT_TYPE}`");
        return Err(BadArtifact { is_another_kind: true, ..bad(problem) });
    }
    let mut lockfiles = wire.layers.iter().filter(|layer| layer.media_type == LOCKFILE);
    match (lockfiles.next(), lockfiles.next()) {
        (Some(layer), None) if layer.size <= lock::SIZE_MAX as u64 => {
            Ok((layer.digest, layer.size))
        }
        (Some(_), None) => Err(bad("its lockfile is larger than lockfiles may be".to_owned())),
        (None, _) => Err(bad("it has no lockfile".to_owned())),
        (Some(_), Some(_)) => Err(bad("it has several lockfiles".to_owned())),
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::store::needs::{Need, Source};

    #[test]
    fn the_lockfile_is_found_again() {
        let need = |content: &[u8]| {
            let digest = Digest::of(content);
            (digest, Need { digest, size: None, source: Source::Fetch(String::new()) })
        };
        let needs = Needs::from([need(b"a"), need(b"b")]);
        let sizes = needs.keys().map(|digest| (*digest, 1)).collect();
        let bytes = manifest(b"lock", &needs, &sizes);
        assert_eq!(bytes, manifest(b"lock", &needs, &sizes));
        assert_eq!(lockfile(&bytes, "x").unwrap(), (Digest::of(b"lock"), 4));
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document["layers"].as_array().unwrap().len(), 3);
        // As the specification has it.
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(document["config"]["digest"], empty);
    }

    #[test]
    fn other_artifacts_are_told_from_locks() {
        let layer = |kind: &str, size: u64| json!({ "mediaType": kind, "digest": Digest::of(b"x"), "size": size });
        let with = |kind: Option<&str>, layers: &[Value]| {
            let mut document = json!({ "schemaVersion": 2, "layers": layers });
            if let Some(kind) = kind {
                document["artifactType"] = json!(kind);
            }
            document.to_string()
        };
        let ours = Some(ARTIFACT_TYPE);
        for (manifest, problem) in [
            (with(None, &[]), "of the type `image`"),
            (with(Some("a\x1bb"), &[]), "of the type `ab`"),
            (with(ours, &[layer(CONTENT, 1)]), "no lockfile"),
            (with(ours, &[layer(LOCKFILE, 1), layer(LOCKFILE, 1)]), "several lockfiles"),
            (with(ours, &[layer(LOCKFILE, 1 << 40)]), "larger than"),
            ("[]".to_owned(), "not one of an artifact"),
        ] {
            let error = lockfile(manifest.as_bytes(), "reg.example/a:b").unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("reg.example/a:b"), "{error}");
        }
    }
}

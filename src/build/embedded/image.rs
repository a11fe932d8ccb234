//! The documents of a built image: config with history, manifest.

use crate::oci::{
    Descriptor, Digest, History, ImageConfig, Manifest, Platform, RootFs, RuntimeConfig, media_type,
};
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;

/// What a stage has become so far: layers, history, and what containers start with.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) config: RuntimeConfig,
    pub(crate) author: Option<String>,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) diff_ids: Vec<Digest>,
    pub(crate) history: Vec<History>,
}

impl Draft {
    /// The draft of an empty image, as `FROM scratch` begins.
    pub(crate) fn scratch() -> Self {
        Self {
            config: RuntimeConfig::default(),
            author: None,
            layers: Vec::new(),
            diff_ids: Vec::new(),
            history: Vec::new(),
        }
    }

    /// A draft that continues an image.
    pub(crate) fn of(config: &ImageConfig, layers: &[Descriptor]) -> Self {
        Self {
            config: config.config.clone(),
            author: config.author.clone(),
            layers: layers.to_vec(),
            diff_ids: config.rootfs.diff_ids.clone(),
            history: config.history.clone(),
        }
    }

    /// Notes an instruction, and the layer it made, if it made one.
    pub(crate) fn record(&mut self, created_by: &str, epoch: i64, layer: Option<(Digest, u64)>) {
        self.history.push(History {
            created: Some(rfc3339(epoch)),
            created_by: Some(created_by.to_owned()),
            empty_layer: layer.is_none(),
            ..History::default()
        });
        if let Some((diff_id, size)) = layer {
            self.diff_ids.push(diff_id);
            self.layers.push(Descriptor {
                media_type: media_type::LAYER.to_owned(),
                digest: diff_id,
                size,
                platform: None,
                annotations: BTreeMap::new(),
            });
        }
    }

    /// Writes config and manifest into the Store; answers the manifest's digest.
    pub(crate) fn finish(
        self,
        store: &Store,
        platform: &Platform,
        epoch: i64,
    ) -> Result<Digest, StoreError> {
        let config = ImageConfig {
            created: Some(rfc3339(epoch)),
            author: self.author,
            platform: platform.clone(),
            config: self.config,
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: self.diff_ids },
            history: self.history,
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.to_owned()),
            config: put_json(store, media_type::CONFIG, &config)?,
            layers: self.layers,
            annotations: BTreeMap::new(),
        };
        put_json(store, media_type::MANIFEST, &manifest).map(|descriptor| descriptor.digest)
    }
}

fn put_json<T: serde::Serialize>(
    store: &Store,
    media_type: &str,
    document: &T,
) -> Result<Descriptor, StoreError> {
    // Maps are ordered and keys are text: these documents always serialise.
    let bytes = serde_json::to_vec(document).unwrap_or_default();
    Ok(Descriptor {
        media_type: media_type.to_owned(),
        digest: store.put(&bytes)?,
        size: bytes.len() as u64,
        platform: None,
        annotations: BTreeMap::new(),
    })
}

/// `epoch` (seconds since 1970) as OCI documents write times; the limits of RFC 3339 where it is outside them.
pub(crate) fn rfc3339(epoch: i64) -> String {
    jiff::Timestamp::from_second(epoch)
        .unwrap_or(if epoch < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_oci_documents_have_them() {
        assert_eq!(rfc3339(1_767_225_600), "2026-01-01T00:00:00Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert!(rfc3339(i64::MAX).starts_with("9999-"));
    }

    #[test]
    fn only_instructions_that_made_a_layer_have_one() {
        let mut draft = Draft::scratch();
        draft.record("ENV a=b", 0, None);
        draft.record("COPY a /", 0, Some((Digest::of(b""), 3)));
        assert_eq!(draft.layers.len(), 1);
        assert_eq!(
            draft.history.iter().map(|entry| entry.empty_layer).collect::<Vec<_>>(),
            [true, false]
        );
    }
}

//! An image: its documents as they are, byte for byte, and where its layers lie.

use super::document::{self, DOCUMENT_SIZE_MAX};
use super::error::StoreError;
use super::layer::Layer;
use super::source::Source;
use crate::oci::{Digest, ImageConfig, Manifest};

/// One platform's image. Its documents were verified when it was opened; layers are when they are
/// read.
#[derive(Debug, Clone)]
pub struct Image {
    /// What identifies the image.
    pub manifest_digest: Digest,
    /// The manifest as it was found.
    pub manifest_bytes: Vec<u8>,
    /// The same, read.
    pub manifest: Manifest,
    /// The config as it was found.
    pub config_bytes: Vec<u8>,
    /// The same, read.
    pub config: ImageConfig,
    /// Layers, the lowest first.
    pub layers: Vec<Layer>,
    /// The index through which it was found, if there was one: what a tag points at.
    pub index: Option<Digest>,
    /// For messages.
    pub name: String,
}

impl Image {
    /// Puts an image together from its manifest and what that points to.
    pub(super) fn assemble(
        source: &Source,
        manifest_bytes: Vec<u8>,
        manifest: Manifest,
        index: Option<Digest>,
        name: String,
    ) -> Result<Self, StoreError> {
        let descriptor = &manifest.config;
        let config_bytes =
            source.read(&descriptor.digest, Some(descriptor.size), DOCUMENT_SIZE_MAX)?;
        let place = format!("config {} in `{}`", descriptor.digest, source.place().display());
        let config = document::parse_config(&config_bytes, &manifest, &place)?;
        let mut layers = Vec::with_capacity(manifest.layers.len());
        for (descriptor, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
            let (location, size) = source.locate(&descriptor.digest)?;
            if size != descriptor.size {
                let (expected, found) = (descriptor.size, size);
                let mismatch = if found < expected {
                    crate::oci::Mismatch::Short { expected, found }
                } else {
                    crate::oci::Mismatch::Long { expected }
                };
                return Err(location.blame(mismatch));
            }
            layers.push(Layer { diff_id: *diff_id, descriptor: descriptor.clone(), location });
        }
        let manifest_digest = Digest::of(&manifest_bytes);
        Ok(Self {
            manifest_digest,
            manifest_bytes,
            manifest,
            config_bytes,
            config,
            layers,
            index,
            name,
        })
    }
}

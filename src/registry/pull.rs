//! Pulling: an image with all its blobs into the Store.

use super::RegistryError;
use super::blob::{self, DownloadError};
use super::client::{Client, Found, find};
use super::session::Session;
use super::{manifest, parallel};
use crate::oci::{Descriptor, Digest, Platform, Reference};
use crate::store::{Image, Store, StoreError};
use std::collections::BTreeSet;

impl Client {
    /// Brings the platform's image into the Store. Blobs that are there already are not fetched;
    /// each that is fetched has been verified before the Store shows it.
    pub fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        store: &Store,
    ) -> Result<Image, RegistryError> {
        let session = self.session(reference)?;
        let known = |digest: &Digest| store.read_blob(digest, manifest::SIZE_MAX as u64).ok();
        let found = find(&session, reference, platform, Some(&known))?;
        let name = reference.to_string();
        self.fetch(&session, &found.manifest.config, store)?;
        let config = store.read_blob(&found.manifest.config.digest, manifest::CONFIG_SIZE_MAX)?;
        manifest::check_config(&config, &found.manifest, platform, &name)?;
        self.fetch_all(&session, &found.manifest.layers, store)?;
        keep(&found, store)?;
        let mut image = store.image(&found.digest)?;
        image.index = found.index.map(|(digest, _)| digest);
        image.name = name;
        Ok(image)
    }

    /// Fetches layers, several at once.
    fn fetch_all(
        &self,
        session: &Session<'_>,
        layers: &[Descriptor],
        store: &Store,
    ) -> Result<(), RegistryError> {
        let mut seen = BTreeSet::new();
        let layers: Vec<&Descriptor> =
            layers.iter().filter(|layer| seen.insert(layer.digest)).collect();
        parallel::map(&layers, |layer| self.fetch(session, layer, store)).map(drop)
    }

    /// Brings one blob into the Store, if it is not there.
    pub(super) fn fetch(
        &self,
        session: &Session<'_>,
        descriptor: &Descriptor,
        store: &Store,
    ) -> Result<(), RegistryError> {
        if store.size(&descriptor.digest).is_ok_and(|size| size == descriptor.size) {
            return Ok(());
        }
        let mut writer = store.writer()?;
        match blob::download(session, descriptor, &mut writer, &*self.progress) {
            Ok(()) => {}
            Err(DownloadError::Registry(error)) => return Err(error),
            Err(DownloadError::Output(error)) => {
                let path = store.blob_path(&descriptor.digest);
                return Err(StoreError::io("write", &path, error).into());
            }
        }
        writer.commit_as(&descriptor.digest, descriptor.size).map_err(|error| match error {
            // The Store found it, but the registry sent it.
            StoreError::Promise { source, .. } => blob::corrupt(session, descriptor, source),
            other => other.into(),
        })
    }
}

/// The documents enter the Store last: a manifest that is there has its blobs.
fn keep(found: &Found, store: &Store) -> Result<(), StoreError> {
    store.put(&found.bytes)?;
    if let Some((_, index)) = &found.index {
        store.put(index)?;
    }
    Ok(())
}

//! Pulling: an image with all its blobs into the Store.

use super::RegistryError;
use super::blob::{self, DownloadError};
use super::client::{Client, Found, find};
use super::manifest;
use super::session::Session;
use crate::oci::{Descriptor, Digest, Platform, Reference};
use crate::store::{Image, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Connections at once. Registries limit them by client, and few links get faster with more.
const DOWNLOADS_MAX: usize = 4;

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

    /// Fetches layers, several at once. The first failure ends what is under way; where several
    /// fail, the lowest layer's is told.
    fn fetch_all(
        &self,
        session: &Session<'_>,
        layers: &[Descriptor],
        store: &Store,
    ) -> Result<(), RegistryError> {
        let mut seen = BTreeSet::new();
        let layers: Vec<&Descriptor> =
            layers.iter().filter(|layer| seen.insert(layer.digest)).collect();
        let next = AtomicUsize::new(0);
        let is_over = AtomicBool::new(false);
        let failures = Mutex::new(Vec::new());
        let work = || {
            while !is_over.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(layer) = layers.get(index) else { return };
                if let Err(error) = self.fetch(session, layer, store) {
                    is_over.store(true, Ordering::Relaxed);
                    failures.lock().unwrap_or_else(PoisonError::into_inner).push((index, error));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..layers.len().min(DOWNLOADS_MAX) {
                scope.spawn(work);
            }
        });
        let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failures.into_iter().min_by_key(|(index, _)| *index) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    fn fetch(
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

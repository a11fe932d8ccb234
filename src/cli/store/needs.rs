//! What a lock needs to be built from, as blobs: every body that it names, and its images.

use crate::lock::Lockfile;
use crate::oci::{Digest, Reference};
use crate::registry::WantedBlob;
use crate::report::NeedRow;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// Manifests are documents; registries take them up to this size.
const MANIFEST_SIZE_MAX: u64 = 4 << 20;

/// Larger than anything that a build downloads.
const BODY_SIZE_MAX: u64 = 64 << 30;

/// One blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) digest: Digest,
    /// In bytes, where it is known.
    pub(super) size: Option<u64>,
    pub(super) source: Source,
}

/// Where a blob comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The file of a package.
    Package(String),
    /// What else a step fetched.
    Fetch(String),
    /// The manifest of an image.
    Manifest(Reference),
    /// What a manifest names: config or layer.
    Image(Reference),
}

impl Need {
    pub(super) fn row(&self) -> NeedRow {
        let name = match &self.source {
            Source::Package(url) | Source::Fetch(url) => url.clone(),
            Source::Manifest(image) => image.familiar(),
            Source::Image(image) => format!("a layer or the config of {}", image.familiar()),
        };
        NeedRow { name, digest: self.digest }
    }

    pub(super) fn wanted(&self) -> WantedBlob {
        let size_max = match self.source {
            Source::Manifest(_) => MANIFEST_SIZE_MAX,
            _ => BODY_SIZE_MAX,
        };
        WantedBlob { digest: self.digest, size: self.size, size_max }
    }

    /// Another repository of the same registry that has it: that of its image.
    pub(super) fn mount_from(&self, remote: &Reference) -> Option<String> {
        match &self.source {
            // Registries keep manifests apart from blobs: those cannot be mounted.
            Source::Image(image) if image.domain == remote.domain => Some(image.repository.clone()),
            _ => None,
        }
    }
}

/// Blobs by digest: one that several things need is there once.
pub(super) type Needs = BTreeMap<Digest, Need>;

/// What the lock itself names: bodies, and the manifests of images.
pub(super) fn named(lock: &Lockfile) -> Needs {
    let packages = lock.packages.iter().filter_map(|package| {
        let digest = package.sha256?;
        let name = || format!("{}:{} {}", package.kind, package.name, package.version);
        let source = Source::Package(package.url.clone().unwrap_or_else(name));
        Some(Need { digest, size: package.size, source })
    });
    let fetches = lock.fetches.iter().map(|fetch| Need {
        digest: fetch.sha256,
        size: Some(fetch.size),
        source: Source::Fetch(fetch.url.clone()),
    });
    let images = lock.images.iter().map(|image| Need {
        digest: image.manifest,
        size: None,
        source: Source::Manifest(image.reference.clone()),
    });
    packages.chain(fetches).chain(images).map(|need| (need.digest, need)).collect()
}

/// What the images of the lock consist of, as far as their manifests are in the Store.
pub(super) fn of_images(lock: &Lockfile, store: &Store) -> Needs {
    let mut needs = Needs::new();
    for image in &lock.images {
        let Ok(blobs) = store.image_blobs(&image.manifest) else { continue };
        needs.extend(blobs.into_iter().map(|blob| {
            let source = Source::Image(image.reference.clone());
            (blob.digest, Need { digest: blob.digest, size: Some(blob.size), source })
        }));
    }
    needs
}

/// Both.
pub(super) fn all(lock: &Lockfile, store: &Store) -> Needs {
    let mut needs = of_images(lock, store);
    needs.extend(named(lock));
    needs
}

/// Those that the Store does not have. One of another size than it should have counts as not there:
/// fetching it anew puts the right one into its place.
pub(super) fn missing(needs: &Needs, store: &Store) -> Vec<Need> {
    let is_there = |need: &&Need| match (store.size(&need.digest), need.size) {
        (Ok(found), Some(size)) => found == size,
        (found, _) => found.is_ok(),
    };
    needs.values().filter(|need| !is_there(need)).cloned().collect()
}

/// Notes that the lock needs them today.
pub(super) fn mark_used(needs: &Needs, store: &Store) {
    for digest in needs.keys().filter(|digest| store.contains(digest)) {
        store.mark_used(digest);
    }
}

/// How many packages the lock has no digest of: their bytes are nobody's to keep.
pub(super) fn without_digest(lock: &Lockfile) -> u64 {
    lock.packages.iter().filter(|package| package.sha256.is_none()).count() as u64
}

/// The digests of several locks' needs.
pub(super) fn digests<'a>(
    locks: impl Iterator<Item = &'a Lockfile>,
    store: &Store,
) -> BTreeSet<Digest> {
    locks.flat_map(|lock| all(lock, store).into_keys()).collect()
}

//! Blobs and manifests of any kind, as they are: what they mean is the caller's business.

use super::blob;
use super::client::{self, Client};
use super::{RegistryError, parallel};
use crate::oci::{Descriptor, Digest, Reference};
use crate::store::Store;
use std::collections::BTreeMap;

/// The media type of bytes of which nothing is known.
pub(super) const BYTES: &str = "application/octet-stream";

/// A blob that somebody wants of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes, where it is known; else the registry is asked.
    pub size: Option<u64>,
    /// A larger one is refused unread.
    pub size_max: u64,
}

/// What became of a blob that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The Store had it.
    There,
    /// It was fetched: so many bytes.
    Pulled(u64),
    /// The repository does not have it.
    Absent,
}

impl Client {
    /// The manifest that a tag or digest leads to, whatever kind of artifact it is of; nothing
    /// where there is none.
    pub fn manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<(Digest, Vec<u8>)>, RegistryError> {
        let session = self.session(reference)?;
        match client::root(&session, reference, None) {
            Ok(found) => Ok(Some(found)),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The sizes that the repository says these blobs have; nothing for those that it does not have.
    pub fn blob_sizes(
        &self,
        repository: &Reference,
        digests: &[Digest],
    ) -> Result<Vec<Option<u64>>, RegistryError> {
        let session = self.session(repository)?;
        parallel::map(digests, |digest| blob::size(&session, digest))
    }

    /// Brings blobs into the Store, several at once; the outcomes are in the order of `blobs`. Each
    /// is verified before the Store shows it.
    pub fn fetch_blobs(
        &self,
        repository: &Reference,
        blobs: &[WantedBlob],
        store: &Store,
    ) -> Result<Vec<Fetched>, RegistryError> {
        let session = self.session(repository)?;
        parallel::map(blobs, |wanted| {
            let there = store.size(&wanted.digest);
            if there.is_ok_and(|there| wanted.size.is_none_or(|size| size == there)) {
                return Ok(Fetched::There);
            }
            let size = match wanted.size {
                Some(size) => size,
                None => match blob::size(&session, &wanted.digest)? {
                    Some(size) => size,
                    None => return Ok(Fetched::Absent),
                },
            };
            if size > wanted.size_max {
                let reference = format!("{}@{}", session.name(), wanted.digest);
                let problem = format!(
                    "the blob has {size} bytes, more than the {} that it may have",
                    wanted.size_max
                );
                return Err(RegistryError::Unsupported { reference, problem });
            }
            let descriptor = Descriptor {
                media_type: BYTES.to_owned(),
                digest: wanted.digest,
                size,
                platform: None,
                annotations: BTreeMap::new(),
            };
            match self.fetch(&session, &descriptor, store) {
                Ok(()) => Ok(Fetched::Pulled(size)),
                Err(RegistryError::NotFound { .. }) => Ok(Fetched::Absent),
                Err(error) => Err(error),
            }
        })
    }
}

//! Contents of settled answers, out of the Store. Each is verified once in a run, and trusted then.

use super::super::answer::Body;
use super::super::exchange::{Exchange, RefusalReason};
use super::super::record::chain;
use crate::oci::Digest;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bodies up to this size are given in memory.
const SHORT_SIZE_MAX: u64 = 64 << 10;

/// The Store, and what of it is known to be right.
#[derive(Debug)]
pub(super) struct Contents {
    store: Store,
    trusted: Mutex<BTreeSet<Digest>>,
}

impl Contents {
    pub(super) fn new(store: Store) -> Self {
        Self { store, trusted: Mutex::default() }
    }

    /// Whether the content is there, with the right size, and not known to be wrong.
    pub(super) fn has(&self, exchange: &Exchange) -> bool {
        let content = exchange.content;
        self.store.size(&content.digest).is_ok_and(|size| size == content.size)
    }

    /// The content was hashed when it was written.
    pub(super) fn trust(&self, digest: &Digest) {
        self.trusted().insert(*digest);
    }

    /// Reads all of a content that nobody has read in this run; false where it is damaged or not
    /// there.
    pub(super) async fn verify(&self, exchange: &Exchange) -> bool {
        let content = exchange.content;
        if !self.has(exchange) {
            return false;
        }
        if self.trusted().contains(&content.digest) {
            return true;
        }
        let store = self.store.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = store.open_blob(&content.digest)?;
            io::copy(&mut reader, &mut io::sink())
                .map_err(|error| StoreError::io("read", &store.blob_path(&content.digest), error))
        });
        match reading.await {
            Ok(Ok(_)) => {
                self.trust(&content.digest);
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "content is damaged and is fetched again");
                false
            }
            Err(_) => false,
        }
    }

    /// Fails where the content of a settled answer has gone.
    pub(super) async fn check(&self, exchange: &Exchange) -> Result<(), RefusalReason> {
        if self.verify(exchange).await {
            return Ok(());
        }
        let digest = exchange.content.digest;
        let words = format!("blob {digest} has gone from `{}`", self.store.root().display());
        Err(RefusalReason::Store(words))
    }

    /// The body of a settled answer.
    pub(super) async fn body(&self, exchange: &Exchange) -> Result<Body, RefusalReason> {
        self.check(exchange).await?;
        let content = exchange.content;
        if content.size > SHORT_SIZE_MAX {
            let path = self.store.blob_path(&content.digest);
            return Ok(Body::File { path, size: content.size });
        }
        match self.store.read_blob(&content.digest, content.size) {
            Ok(bytes) => Ok(Body::Bytes(bytes.into())),
            Err(error) => Err(RefusalReason::Store(chain(&error))),
        }
    }

    /// Takes a short content in.
    pub(super) async fn put(&self, bytes: Bytes) -> Result<(), RefusalReason> {
        let store = self.store.clone();
        let putting = tokio::task::spawn_blocking(move || store.put(&bytes));
        match putting.await {
            Ok(Ok(digest)) => {
                self.trust(&digest);
                Ok(())
            }
            Ok(Err(error)) => Err(RefusalReason::Store(chain(&error))),
            Err(_) => Err(super::stopped()),
        }
    }

    fn trusted(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

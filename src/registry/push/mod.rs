//! Pushing: blobs, then the manifest that names them.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push>

mod body;
mod upload;

use super::client::{Client, digest_header};
use super::host::redacted;
use super::session::{Access, Call, Content, Session};
use super::{RegistryError, blob, manifest, parallel};
use crate::oci::{Digest, Mismatch, Reference};
use crate::store::{Store, StoreError};
use reqwest::Method;
use reqwest::blocking::{Body, Response};
use std::io;
use upload::Upload;

/// A blob of the Store that is to be in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its digest.
    pub digest: Digest,
    /// Another repository of the same registry that probably has it.
    pub mount_from: Option<String>,
}

/// How a blob came to be in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    There,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent: so many bytes.
    Sent(u64),
}

impl Client {
    /// Brings blobs of the Store into the repository, several at once; the outcomes are in the order
    /// of `blobs`. What the repository has is not sent. What is sent is verified before: nobody gets
    /// a blob that was damaged here.
    pub fn push_blobs(
        &self,
        repository: &Reference,
        blobs: &[Outgoing],
        store: &Store,
    ) -> Result<Vec<Pushed>, RegistryError> {
        let session = self.session_for(repository, Access::Push)?;
        parallel::map(blobs, |outgoing| self.push_blob(&session, repository, outgoing, store))
    }

    fn push_blob(
        &self,
        session: &Session<'_>,
        repository: &Reference,
        outgoing: &Outgoing,
        store: &Store,
    ) -> Result<Pushed, RegistryError> {
        let digest = &outgoing.digest;
        if blob::size(session, digest)?.is_some() {
            return Ok(Pushed::There);
        }
        if let Some(from) = outgoing.mount_from.as_ref().filter(|from| **from != session.repository)
            && self.mount(repository, digest, from)?
        {
            return Ok(Pushed::Mounted);
        }
        verify(digest, store)?;
        let size = store.size(digest)?;
        let upload = Upload::new(session, *digest, size, store.blob_path(digest), self);
        upload.run().map(|()| Pushed::Sent(size))
    }

    /// Whether the registry took the blob from another of its repositories. It need not, and then has
    /// opened an upload, which it forgets.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#mounting-a-blob-from-another-repository>
    fn mount(
        &self,
        repository: &Reference,
        digest: &Digest,
        from: &str,
    ) -> Result<bool, RegistryError> {
        let session = self.session_for(repository, Access::Mount { from: from.to_owned() })?;
        let mut url = session.url("blobs/uploads/");
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let name = session.name();
        let content = nothing();
        let call = Call {
            content: Some(content),
            wanted: &[201, 202],
            ..Call::new(Method::POST, url, name)
        };
        match session.send(&call) {
            Ok(response) => Ok(response.status().as_u16() == 201),
            // Whoever may write here need not be allowed to read there.
            Err(RegistryError::Unauthorized { .. } | RegistryError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a manifest under a tag of the repository. The blobs that it names must be there.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests>
    pub fn push_manifest(
        &self,
        repository: &Reference,
        tag: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, RegistryError> {
        let session = self.session_for(repository, Access::Push)?;
        let name = format!("{}:{tag}", session.name());
        if bytes.len() > manifest::SIZE_MAX {
            let problem = format!(
                "its manifest has {} bytes, more than the {} that registries take",
                bytes.len(),
                manifest::SIZE_MAX
            );
            return Err(RegistryError::Unsupported { reference: name, problem });
        }
        let open = || Ok(Body::from(bytes.to_vec()));
        let timeout = body::timeout(&session.transport.timing, bytes.len() as u64);
        let content = Content { media_type, range: None, timeout, open: &open };
        let url = session.url(&format!("manifests/{tag}"));
        let call =
            Call { content: Some(content), wanted: &[201], ..Call::new(Method::PUT, url, name) };
        let response = session.send(&call)?;
        let digest = Digest::of(bytes);
        check_answer(&response, &digest)?;
        Ok(digest)
    }
}

/// An empty body. Requests without one must say so, too.
fn nothing() -> Content<'static> {
    Content {
        media_type: super::opaque::BYTES,
        range: None,
        timeout: body::TIMEOUT_MIN,
        open: &|| Ok(Body::from(Vec::new())),
    }
}

/// A registry that took something else than what was sent has said so before; one that says so here
/// is broken.
fn check_answer(response: &Response, expected: &Digest) -> Result<(), RegistryError> {
    match digest_header(response) {
        Some(found) if found != *expected => Err(RegistryError::Corrupt {
            url: redacted(response.url()),
            source: Mismatch::Digest { expected: *expected, found },
        }),
        _ => Ok(()),
    }
}

fn verify(digest: &Digest, store: &Store) -> Result<(), StoreError> {
    let mut reader = store.stop().reader(store.open_blob(digest)?);
    io::copy(&mut reader, &mut io::sink())
        .map_err(|error| StoreError::io("read", &store.blob_path(digest), error))?;
    Ok(())
}

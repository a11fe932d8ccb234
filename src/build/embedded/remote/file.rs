//! `ADD` of a URL: one file, as BuildKit makes it: mode 600, the time that the server says.

use super::{Fetched, without_credentials};
use crate::archive::tar::Timestamp;
use crate::build::embedded::stage::Surrounding;
use crate::build::plan::{Step, UrlSource};
use crate::build::{BuildError, FailedReason, FailedStep, Request};
use crate::door::Exchange;
use crate::store::StoreError;
use crate::store::rooted::{Owner, Root};
use std::io;
use std::path::Path;

/// Permissions of a downloaded file.
const MODE: u32 = 0o600;

/// Secrets with which BuildKit would authenticate; the host's name follows.
const CREDENTIALS: [&str; 2] = ["HTTP_AUTH_HEADER_", "HTTP_AUTH_TOKEN_"];

/// Fetches a file into an empty folder.
pub(super) fn fetch(
    surrounding: Surrounding<'_>,
    step: &Step,
    source: &UrlSource,
    folder: &Path,
) -> Result<Fetched, BuildError> {
    let request = surrounding.request;
    let failed = |reason| BuildError::from(FailedStep::of(step, reason, Vec::new()));
    let host = source.url.host_str().unwrap_or_default();
    if let Some(id) = CREDENTIALS
        .map(|start| format!("{start}{host}"))
        .into_iter()
        .find(|id| request.secrets.get(id).is_some())
    {
        return Err(failed(FailedReason::Credentials { id }));
    }
    let exchange = request
        .outside
        .fetch(surrounding.visitor, &source.url)
        .map_err(|refusal| failed(FailedReason::Refused(refusal)))?;
    let url = without_credentials(&source.url).to_string();
    let status = exchange.head.status;
    if !(200..300).contains(&status) {
        return Err(failed(FailedReason::Status { url, status }));
    }
    if let Some(expected) = source.checksum
        && expected != exchange.content.digest
    {
        let found = exchange.content.digest.to_string();
        let expected = expected.to_string();
        return Err(failed(FailedReason::Checksum { url, expected, found }));
    }
    let root = Root::open(folder).map_err(|error| BuildError::io(folder, error))?;
    write(request, &exchange, &root, source.name.as_bytes())?;
    Ok(Fetched { root, path: source.name.clone(), extract: source.unpack })
}

/// Writes what the Store has, which is verified on the way.
fn write(
    request: &Request<'_>,
    exchange: &Exchange,
    root: &Root,
    name: &[u8],
) -> Result<(), BuildError> {
    let digest = &exchange.content.digest;
    let body = request.store.open_blob(digest)?;
    let mut body = request.store.stop().reader(body);
    let made = || {
        let mut file = root.create_file(name, MODE, Owner::default())?;
        io::copy(&mut body, &mut file)?;
        // A server that says no time leaves 1970, as in BuildKit.
        let seconds = exchange.head.modified.unwrap_or(0).max(0);
        root.set_times(name, Timestamp { seconds, nanoseconds: 0 })
    };
    let mut made = made;
    Ok(made().map_err(|error| StoreError::io("read", &request.store.blob_path(digest), error))?)
}

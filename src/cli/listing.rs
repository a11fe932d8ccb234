//! Lists of packages of apt's archives without their compression, kept in the Store.
//!
//! To decompress Debian's takes longer than all that is done with it. Its signed index names the text
//! as well as the compressed file, so the text is a blob like others: found by a digest that the index
//! has, verified whenever it is read, and garbage that is made again where it is gone.

use crate::index::apt::{self, Release};
use crate::index::{IndexError, decompress};
use crate::lock::Lockfile;
use crate::oci::Digest;
use crate::store::Store;
use crate::update::{IndexFile, locked_archives};
use rayon::prelude::*;

/// Bytes of a signed index.
const RELEASE_MAX: u64 = 32 << 20;

/// The text of a list; `packed` gets it as it was fetched, where the Store does not have it.
pub(super) fn text(
    release: &Release,
    index: &IndexFile,
    store: &Store,
    packed: impl FnOnce() -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Vec<u8>> {
    let plain = release.plain(&index.name);
    if let Some(text) = plain.and_then(|(digest, size)| store.read_blob(&digest, size).ok()) {
        return Ok(text);
    }
    let text = unpack(&packed()?, &index.url)?;
    // An index that says something else of the text is believed of what was fetched alone.
    if plain == Some((Digest::of(&text), text.len() as u64))
        && let Err(error) = store.put(&text)
    {
        tracing::debug!(url = index.url, %error, "a list is not kept");
    }
    Ok(text)
}

fn unpack(packed: &[u8], url: &str) -> anyhow::Result<Vec<u8>> {
    use anyhow::Context as _;
    let text: Result<Vec<u8>, IndexError> = decompress("Packages", packed);
    text.with_context(|| format!("{url} is no index of packages"))
}

/// Sees to it that the Store has the texts of all lists of the lock that it has at all. Nothing depends
/// on it but the time that it takes to read them.
pub(super) fn keep(lock: &Lockfile, store: &Store) {
    locked_archives(lock).par_iter().for_each(|archive| {
        let Ok(signed) = store.read_blob(&archive.digest, RELEASE_MAX) else { return };
        let read = if archive.url.ends_with("/InRelease") {
            apt::release(&signed)
        } else {
            apt::release_detached(&signed, None)
        };
        let Ok(release) = read else { return };
        archive.indexes(lock, &release.value).par_iter().for_each(|index| {
            let plain = release.value.plain(&index.name);
            if plain.is_none_or(|(digest, _)| store.contains(&digest)) {
                return;
            }
            let packed = || Ok(store.read_blob(&index.digest, index.size)?);
            if let Err(error) = text(&release.value, index, store, packed) {
                tracing::debug!(url = index.url, %error, "a list is not read");
            }
        });
    });
}

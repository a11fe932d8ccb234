//! What was worked out of a blob and is dear to work out again, beside the blobs.
//!
//! ```text
//! derived/KIND/DIGEST     sha256 of what follows the first line feed, in hexadecimal; then that
//! ```
//!
//! Like an unpacked layer it is believed as far as the Store's folder is, which a blob, named by its
//! digest, need not be: so it may make answers faster, and no `rlock lock --verify` rests on it. It is only there while
//! the blob is, and a collection removes all of it.

use super::blobs::{Store, open_regular};
use super::error::StoreError;
use super::temporary::create_dir_all;
use crate::oci::Digest;
use std::io::Read as _;
use std::path::PathBuf;

/// Where it is, below the Store.
pub(super) const FOLDER: &str = "derived";

/// Bytes of one of them.
const SIZE_MAX: u64 = 64 << 20;

impl Store {
    /// What was worked out of a blob that is there. Where it is not there, or damaged, it has to be
    /// worked out again.
    pub fn derived(&self, kind: &str, of: &Digest) -> Option<Vec<u8>> {
        if !self.contains(of) {
            return None;
        }
        let file = open_regular(&self.derived_path(kind, of)).ok()?;
        let mut content = Vec::new();
        file.take(SIZE_MAX + 1).read_to_end(&mut content).ok()?;
        let at = content.iter().position(|byte| *byte == b'\n')?;
        let rest = content.split_off(at + 1);
        let promised = std::str::from_utf8(content.get(..at)?).ok()?;
        if Digest::from_hex(promised).ok()? != Digest::of(&rest) {
            tracing::debug!(kind, %of, "what was derived is damaged");
            return None;
        }
        self.mark_used(of);
        Some(rest)
    }

    /// Keeps what was worked out of a blob, in the place of what was kept before.
    pub fn keep_derived(&self, kind: &str, of: &Digest, content: &[u8]) -> Result<(), StoreError> {
        let path = self.derived_path(kind, of);
        if let Some(folder) = path.parent() {
            create_dir_all(folder)?;
        }
        // Renamed unsynced: what a loss of power damages is found to be so.
        let half_made = self.area().fresh_path("derived");
        let text = [Digest::of(content).hex().as_bytes(), b"\n", content].concat();
        std::fs::write(&half_made, text)
            .map_err(|error| StoreError::io("write", &half_made, error))?;
        std::fs::rename(&half_made, &path).map_err(|error| StoreError::io("write", &path, error))
    }

    fn derived_path(&self, kind: &str, of: &Digest) -> PathBuf {
        self.root().join(FOLDER).join(kind).join(of.hex())
    }
}

//! Where the lockfiles are that the Store serves, so that a collection knows what they need.
//!
//! A note for each, named by the digest of its path. As with Nix's indirect roots, a lockfile that is
//! not there any more keeps nothing.

use crate::oci::Digest;
use crate::store::blobs::{Store, list};
use crate::store::error::StoreError;
use crate::store::temporary::create_dir_all;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

impl Store {
    /// Notes that the Store serves the lockfile with this absolute path.
    pub fn remember_lock(&self, path: &Path) -> Result<(), StoreError> {
        let note = self.note(path);
        if note.exists() {
            return Ok(());
        }
        create_dir_all(&self.root().join("locks"))?;
        let draft = self.area().fresh_path("note");
        std::fs::write(&draft, path.as_os_str().as_bytes())
            .and_then(|()| std::fs::rename(&draft, &note))
            .map_err(|error| StoreError::io("create", &note, error))
    }

    /// The paths that were noted, sorted by note.
    pub fn known_locks(&self) -> Result<Vec<PathBuf>, StoreError> {
        let folder = self.root().join("locks");
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let read = |note: PathBuf| {
            std::fs::read(&note)
                .map(|path| PathBuf::from(OsString::from_vec(path)))
                .map_err(|error| StoreError::io("read", &note, error))
        };
        list(&folder)?.into_iter().map(read).collect()
    }

    /// Takes the note away.
    pub fn forget_lock(&self, path: &Path) -> Result<(), StoreError> {
        let note = self.note(path);
        match std::fs::remove_file(&note) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &note, error))
            }
            _ => Ok(()),
        }
    }

    fn note(&self, path: &Path) -> PathBuf {
        self.root().join("locks").join(Digest::of(path.as_os_str().as_bytes()).hex())
    }
}

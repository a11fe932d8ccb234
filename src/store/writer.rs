//! Writing a blob into the Store.

use super::blobs::Store;
use super::error::StoreError;
use crate::oci::{Digest, HashingWriter, Mismatch};
use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Blobs up to this size are on the disk before they are there at all: documents, which cost
/// nothing to sync. Larger ones are noted instead, see [`Store::note_unsynced`].
const SYNCED_SIZE_MAX: u64 = 1 << 20;

/// Writes are gathered to this size: hashing and writing small pieces is slow.
const BUFFER_SIZE: usize = 256 << 10;

/// Takes a blob in piece by piece and hashes it on the way. Until [`BlobWriter::commit`], and if
/// that never comes, there is no blob.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    path: PathBuf,
    /// Nothing once it is committed.
    output: Option<BufWriter<HashingWriter<File>>>,
}

impl BlobWriter {
    pub(super) fn new(store: Store, path: PathBuf) -> Result<Self, StoreError> {
        let file =
            File::create_new(&path).map_err(|error| StoreError::io("create", &path, error))?;
        let output = Some(BufWriter::with_capacity(BUFFER_SIZE, HashingWriter::new(file)));
        Ok(Self { store, path, output })
    }

    /// Opens the half-written blob for reading. What was written can be read once it is flushed,
    /// and stays readable when the blob gets its place or is dropped.
    pub fn reader(&self) -> Result<File, StoreError> {
        File::open(&self.path).map_err(|error| StoreError::io("open", &self.path, error))
    }

    /// Puts the blob into its place; says its digest and size.
    pub fn commit(self) -> Result<(Digest, u64), StoreError> {
        self.finish(|_| Ok(true))
    }

    /// Puts the blob into its place if these are its digest and size; says what they are.
    pub fn commit_if(self, digest: &Digest, size: u64) -> Result<(Digest, u64), StoreError> {
        self.finish(|found| Ok(found == (*digest, size)))
    }

    /// As [`BlobWriter::commit`], if the content is what `digest` and `size` promise.
    pub fn commit_as(self, digest: &Digest, size: u64) -> Result<(), StoreError> {
        let promised = (*digest, size);
        let check = |found| match compare(promised, found) {
            Some(source) => Err(StoreError::Promise { digest: *digest, source }),
            None => Ok(true),
        };
        self.finish(check).map(|_| ())
    }

    fn finish(
        mut self,
        is_wanted: impl FnOnce((Digest, u64)) -> Result<bool, StoreError>,
    ) -> Result<(Digest, u64), StoreError> {
        let Some(output) = self.output.take() else {
            return Err(self.failed(io::ErrorKind::BrokenPipe.into()));
        };
        let hashing = output.into_inner().map_err(|error| self.failed(error.into_error()))?;
        let (digest, size, file) = hashing.finish();
        if !is_wanted((digest, size))? {
            return Ok((digest, size));
        }
        if size <= SYNCED_SIZE_MAX {
            file.sync_data().map_err(|error| self.failed(error))?;
        } else {
            self.store.note_unsynced(&digest.hex(), Some(&file))?;
        }
        // Over what may be there: the same content, or a damaged blob that this one heals.
        let target = self.store.blob_path(&digest);
        std::fs::rename(&self.path, &target)
            .map_err(|error| StoreError::io("create", &target, error))?;
        Ok((digest, size))
    }

    /// An error of writing, with the place.
    pub(crate) fn failed(&self, error: io::Error) -> StoreError {
        StoreError::io("write", &self.path, error)
    }
}

/// How what was found differs from what was promised.
pub(super) fn compare(
    (expected, expected_size): (Digest, u64),
    (found, size): (Digest, u64),
) -> Option<Mismatch> {
    match size.cmp(&expected_size) {
        Ordering::Less => Some(Mismatch::Short { expected: expected_size, found: size }),
        Ordering::Greater => Some(Mismatch::Long { expected: expected_size }),
        Ordering::Equal => (found != expected).then_some(Mismatch::Digest { expected, found }),
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.store.stop().check()?;
        let Some(output) = &mut self.output else { return Err(io::ErrorKind::BrokenPipe.into()) };
        match output.write(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.failed(error).into_io()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.output.as_mut().map(Write::flush) {
            Some(Err(error)) => Err(self.failed(error).into_io()),
            _ => Ok(()),
        }
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // After a commit nothing has this name any more, and nothing will: names are not reused.
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(path = %self.path.display(), %error, "temporary file stays");
        }
    }
}

//! A layer: an archive of changes, somewhere on disk, compressed or not.

use super::error::StoreError;
use crate::archive::compression;
use crate::oci::{Descriptor, Digest, Hasher, Mismatch, VerifiedReader};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A layer of an image.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Digest of its uncompressed archive.
    pub diff_id: Digest,
    /// The blob.
    pub descriptor: Descriptor,
    /// Where the blob is.
    pub location: Location,
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// They are a file.
    File(PathBuf),
    /// They are a part of a file, as long as the descriptor says.
    Within {
        /// The file, an archive.
        path: PathBuf,
        /// Where in it they start.
        offset: u64,
    },
}

impl Layer {
    /// The uncompressed archive, for readers that have a buffer. End of file is reported only after digest and size of the blob and
    /// the diff id were found right; so who reads to the end has verified the layer.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        let path = self.location.path_of_blob();
        let Descriptor { digest, size, .. } = self.descriptor;
        let blob = VerifiedReader::new(self.location.open(size)?, digest, size);
        let blob = SharedReader(Arc::new(Mutex::new(blob)));
        let place = |error| StoreError::io("read", &path, error);
        let (compression, uncompressed) = compression::decoder(blob.clone()).map_err(place)?;
        if compression == compression::Compression::None {
            if digest != self.diff_id {
                let (expected, found) = (self.diff_id, digest);
                return Err(self.location.blame(Mismatch::Digest { expected, found }));
            }
            // Its digest is the diff id: hashing once is enough.
            let reader = Named { inner: uncompressed, path };
            return Ok(Box::new(reader));
        }
        let layer = UncompressedLayer {
            inner: uncompressed,
            blob,
            hasher: Some(Hasher::new()),
            diff_id: self.diff_id,
            path: path.clone(),
        };
        Ok(Box::new(Named { inner: layer, path }))
    }
}

/// Checks the diff id at the end, and then the blob to its end: a decoder may stop before.
struct UncompressedLayer<R, B> {
    inner: R,
    blob: B,
    hasher: Option<Hasher>,
    diff_id: Digest,
    path: PathBuf,
}

impl<R: Read, B: Read> Read for UncompressedLayer<R, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.inner.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(self.explain(error)),
            Ok(count) => count,
        };
        if count == 0 && !buffer.is_empty() {
            self.check_end()?;
            return Ok(0);
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

impl<R, B: Read> UncompressedLayer<R, B> {
    /// Whether what cannot be decompressed is what was promised tells a damaged blob from a
    /// malformed one.
    fn explain(&mut self, error: io::Error) -> io::Error {
        if error.raw_os_error().is_some() || Mismatch::of(&error).is_some() {
            return error;
        }
        self.hasher = None;
        if let Err(mismatch) = io::copy(&mut self.blob, &mut io::sink()) {
            return mismatch;
        }
        let place = format!("`{}`", self.path.display());
        StoreError::invalid(place, format!("cannot be decompressed: {error}")).into_io()
    }

    fn check_end(&mut self) -> io::Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        io::copy(&mut self.blob, &mut io::sink())?;
        let (found, _) = hasher.finish();
        let expected = self.diff_id;
        if found == expected { Ok(()) } else { Err(Mismatch::Digest { expected, found }.into()) }
    }
}

/// A reader that a decoder has and its owner too.
struct SharedReader<R>(Arc<Mutex<R>>);

impl<R> Clone for SharedReader<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Read> Read for SharedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

/// Names the file in errors.
struct Named<R> {
    inner: R,
    path: PathBuf,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(StoreError::io("read", &self.path, error).into_io()),
            read => read,
        }
    }
}

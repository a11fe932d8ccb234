//! Reading blobs again, all of them or some, to see whether they are what their names say.

use super::blobs::{Store, list, open_regular};
use super::error::StoreError;
use crate::oci::{Digest, HashingReader};
use rayon::prelude::*;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Larger reads than the default keep several disks' worth of blobs hashing.
const BUFFER_SIZE: usize = 1 << 20;

/// A blob that is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damaged {
    /// Its name.
    pub digest: Digest,
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong, in words.
    pub problem: String,
    /// Which file it was: a better one may come into its place.
    inode: (u64, u64),
}

impl Store {
    /// The digests of all blobs, sorted.
    pub fn digests(&self) -> Result<Vec<Digest>, StoreError> {
        let paths = list(&self.root().join("blobs/sha256"))?;
        let digest = |path: &PathBuf| Digest::from_hex(path.file_name()?.to_str()?).ok();
        Ok(paths.iter().filter_map(digest).collect())
    }

    /// Hashes blobs, several at once; those that are damaged, sorted. `progress` is told how many
    /// bytes were hashed so far.
    pub fn find_damaged(
        &self,
        digests: &[Digest],
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<Damaged>, StoreError> {
        let done = AtomicU64::new(0);
        let advance = |bytes: u64| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes);
        let check = |digest: &Digest| self.check_blob(digest, &advance).transpose();
        let mut damaged =
            digests.par_iter().filter_map(check).collect::<Result<Vec<Damaged>, StoreError>>()?;
        damaged.sort();
        Ok(damaged)
    }

    fn check_blob(
        &self,
        digest: &Digest,
        advance: &dyn Fn(u64),
    ) -> Result<Option<Damaged>, StoreError> {
        let path = self.blob_path(digest);
        let damaged = |inode, problem: String| {
            Some(Damaged { digest: *digest, path: path.clone(), problem, inode })
        };
        let file = match open_regular(&path) {
            Ok(file) => file,
            Err(StoreError::Invalid { reason, .. }) => return Ok(damaged(identity(&path), reason)),
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                // Somebody removed it meanwhile.
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let place = |error| StoreError::io("read", &path, error);
        let metadata = file.metadata().map_err(place)?;
        let inode = (metadata.dev(), metadata.ino());
        match self.hash(file, advance) {
            Ok(found) if found == *digest => Ok(None),
            Ok(found) => Ok(damaged(inode, format!("its content has digest {found}"))),
            // A disk that does not give the bytes has damaged them as well.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Ok(damaged(inode, format!("it cannot be read: {error}")))
            }
            Err(error) => Err(place(error)),
        }
    }

    fn hash(&self, file: File, advance: &dyn Fn(u64)) -> io::Result<Digest> {
        let mut reader = HashingReader::new(self.stop().reader(file));
        let mut buffer = vec![0; BUFFER_SIZE];
        loop {
            match io::Read::read(&mut reader, &mut buffer) {
                Ok(0) => return Ok(reader.finish().0),
                Ok(count) => advance(count as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes a damaged blob, unless somebody has put a better one into its place.
    pub fn remove_damaged(&self, damaged: &Damaged) -> Result<(), StoreError> {
        if identity(&damaged.path) != damaged.inode {
            return Ok(());
        }
        super::remove_tree(&damaged.path)
            .map_err(|error| StoreError::io("remove", &damaged.path, error))
    }
}

/// Device and number of what lies there; zeros where there is nothing.
fn identity(path: &std::path::Path) -> (u64, u64) {
    std::fs::symlink_metadata(path).map_or((0, 0), |metadata| (metadata.dev(), metadata.ino()))
}

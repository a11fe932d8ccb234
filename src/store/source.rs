//! Where the blobs of an image are: files of a layout, or ranges of an archive.

use super::blobs::open_regular;
use super::error::StoreError;
use super::layer::Location;
use super::layout;
use crate::oci::{Digest, Mismatch, VerifiedReader};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A place that blobs are read from.
#[derive(Debug)]
pub(super) enum Source {
    /// The folder of an OCI layout.
    Layout(PathBuf),
    /// A tar archive, read in place.
    Archive(Members),
}

/// The files of an uncompressed archive by clean path.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) path: PathBuf,
    pub(super) files: BTreeMap<Vec<u8>, Member>,
}

/// Where in the archive the content of a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Source {
    /// The layout or archive, for messages.
    pub(super) fn place(&self) -> &Path {
        match self {
            Self::Layout(root) => root,
            Self::Archive(members) => &members.path,
        }
    }

    /// Location and size of a blob.
    pub(super) fn locate(&self, digest: &Digest) -> Result<(Location, u64), StoreError> {
        let missing = || StoreError::Missing { digest: *digest, place: self.place().to_owned() };
        match self {
            Self::Layout(root) => {
                let path = layout::blob_path(root, digest);
                match std::fs::symlink_metadata(&path) {
                    Ok(metadata) => Ok((Location::File(path), metadata.len())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
                    Err(error) => Err(StoreError::io("read", &path, error)),
                }
            }
            Self::Archive(members) => {
                let name = format!("blobs/sha256/{}", digest.hex());
                let member = members.files.get(name.as_bytes()).ok_or_else(missing)?;
                Ok((members.location(*member), member.size))
            }
        }
    }

    /// The content of a blob, verified. `size` is what a descriptor promises, if one does.
    pub(super) fn read(
        &self,
        digest: &Digest,
        size: Option<u64>,
        size_max: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let (location, found) = self.locate(digest)?;
        let expected = size.unwrap_or(found);
        if expected > size_max || found > size_max {
            let what = format!("blob {digest}");
            return Err(StoreError::TooLarge { what, size: expected.max(found), size_max });
        }
        let mut bytes = Vec::new();
        VerifiedReader::new(location.open(found)?, *digest, expected)
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::io("read", &location.path_of_blob(), error))?;
        Ok(bytes)
    }

    /// A file by its path in the layout or archive: `index.json`. Nothing if it is not there.
    pub(super) fn read_file(
        &self,
        name: &str,
        size_max: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (location, size) = match self {
            Self::Layout(root) => {
                let path = root.join(name);
                match std::fs::metadata(&path) {
                    Ok(metadata) => (Location::File(path), metadata.len()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(StoreError::io("read", &path, error)),
                }
            }
            Self::Archive(members) => match members.files.get(name.as_bytes()) {
                Some(member) => (members.location(*member), member.size),
                None => return Ok(None),
            },
        };
        if size > size_max {
            let what = format!("`{name}` in `{}`", self.place().display());
            return Err(StoreError::TooLarge { what, size, size_max });
        }
        let mut bytes = Vec::new();
        location
            .open(size)?
            .take(size_max)
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::io("read", self.place(), error))?;
        Ok(Some(bytes))
    }
}

impl Members {
    pub(super) fn location(&self, member: Member) -> Location {
        Location::Within { path: self.path.clone(), offset: member.offset }
    }
}

impl Location {
    /// Opens the bytes there. Of a file all, so that one that is too long is noticed.
    pub(super) fn open(&self, size: u64) -> Result<Box<dyn io::Read + Send>, StoreError> {
        match self {
            Self::File(path) => Ok(Box::new(open_regular(path)?)),
            Self::Within { path, offset } => {
                let mut file = open_regular(path)?;
                io::Seek::seek(&mut file, io::SeekFrom::Start(*offset))
                    .map_err(|error| StoreError::io("read", path, error))?;
                Ok(Box::new(file.take(size)))
            }
        }
    }

    /// The file that holds the bytes.
    pub(crate) fn path_of_blob(&self) -> PathBuf {
        match self {
            Self::File(path) | Self::Within { path, .. } => path.clone(),
        }
    }

    /// Copies the blob that a digest and a size promise. The writer is to verify both; where it
    /// found them wrong, [`Location::blame`] names this place.
    pub(super) fn copy_to(&self, size: u64, output: &mut impl io::Write) -> Result<(), StoreError> {
        let path = self.path_of_blob();
        let mut input = self.open(size)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = match input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StoreError::io("read", &path, error)),
            };
            output
                .write_all(buffer.get(..count).unwrap_or_default())
                .map_err(|error| StoreError::io("copy", &path, error))?;
        }
    }

    /// What was copied from here is not what was promised.
    pub(super) fn blame(&self, source: Mismatch) -> StoreError {
        StoreError::Corrupt { path: self.path_of_blob(), source }
    }
}

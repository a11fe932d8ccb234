//! What can go wrong with blobs, images and layers.

use super::path::show;
use crate::archive::tar::{Problem, TarError};
use crate::oci::{Digest, Mismatch, Platform};
use std::io;
use std::path::{Path, PathBuf};

/// An error of the Store, of an image or of a layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Content on disk is not what its name or descriptor promises.
    #[error("`{}` is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How it differs.
        #[source]
        source: Mismatch,
    },
    /// Content that was to become a blob is not what was promised.
    #[error("content for blob {digest} is not what it should be")]
    Promise {
        /// The promised blob.
        digest: Digest,
        /// How it differs.
        #[source]
        source: Mismatch,
    },
    /// A blob that something refers to is not there.
    #[error("blob {digest} is not in `{}`", place.display())]
    Missing {
        /// Which blob.
        digest: Digest,
        /// Where it was looked for.
        place: PathBuf,
    },
    /// A blob or document that is larger than it may be.
    #[error("{what} is {size} bytes large, more than the allowed {size_max}")]
    TooLarge {
        /// Which one.
        what: String,
        /// Its size.
        size: u64,
        /// What is allowed.
        size_max: u64,
    },
    /// A document or archive that breaks the rules for images.
    #[error("{place}: {reason}")]
    Invalid {
        /// File or document.
        place: String,
        /// Which rule.
        reason: String,
    },
    /// No image with that name or digest.
    #[error("no image {wanted} in `{}`", place.display())]
    NotFound {
        /// What was asked for, in words.
        wanted: String,
        /// Layout or archive.
        place: PathBuf,
        /// What is there.
        available: Vec<String>,
    },
    /// Several images, and nothing that chooses one.
    #[error("`{}` has several images", place.display())]
    Ambiguous {
        /// Layout or archive.
        place: PathBuf,
        /// What is there.
        available: Vec<String>,
    },
    /// An index without an image for the platform.
    #[error("no image for {wanted} in {place}")]
    Platform {
        /// The platform asked for.
        wanted: Platform,
        /// Layout or archive, and name.
        place: String,
        /// Platforms that are there.
        available: Vec<String>,
    },
    /// A layer's archive is malformed or ambiguous.
    #[error("layer {layer}")]
    Archive {
        /// Which layer, by diff id or position.
        layer: String,
        /// What is wrong with the archive.
        #[source]
        source: TarError,
    },
    /// An entry of a layer that is not applied, since tools disagree about it or since it leads
    /// out of the image.
    #[error("layer {layer}: entry `{}` {reason}", show(path))]
    Entry {
        /// Which layer, by diff id or position.
        layer: String,
        /// The entry.
        path: Vec<u8>,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of a tree cannot be read or made.
    #[error("cannot {action} `{}` in `{}`", show(path), root.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// Directory that holds the tree.
        root: PathBuf,
        /// Path inside of it.
        path: Vec<u8>,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file's owner that does not exist in the user namespace of this process.
    #[error(
        "layer {layer}: `{}` belongs to {uid}:{gid}, which this user has no ids for",
        show(path)
    )]
    Owner {
        /// Which layer, by diff id.
        layer: String,
        /// The file.
        path: Vec<u8>,
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// Something in a directory that no layer can hold.
    #[error("`{}` {reason}", show(path))]
    Unrepresentable {
        /// Path inside the tree.
        path: Vec<u8>,
        /// Why not.
        reason: String,
    },
}

impl StoreError {
    /// Whether content is wrong (exit code 3), as opposed to what could not be done or found.
    pub fn is_integrity(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Invalid { .. } | Self::Entry { .. } => true,
            Self::Promise { .. } | Self::TooLarge { .. } | Self::Missing { .. } => true,
            Self::Archive { source, .. } => match source.problem() {
                Problem::Read(error) => Mismatch::of(error).is_some() || is_bad_data(error),
                Problem::Write(_) => false,
                _ => true,
            },
            _ => false,
        }
    }

    /// What the user can do, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { path, source, .. } => advice(source, path),
            Self::File { root, source, .. } => advice(source, root),
            Self::Corrupt { path, .. } => {
                Some(format!("remove `{}` and make or fetch the image again", path.display()))
            }
            Self::Missing { place, .. } => {
                Some(format!("`{}` is not complete: make or fetch it again", place.display()))
            }
            Self::NotFound { available, .. } | Self::Ambiguous { available, .. } => {
                Some(match &**available {
                    [] => "it has none at all".to_owned(),
                    [one] => format!("it has {one}"),
                    several => format!("it has {}", several.join(", ")),
                })
            }
            Self::Platform { available, .. } if available.is_empty() => None,
            Self::Platform { available, .. } => Some(format!("it has {}", available.join(", "))),
            Self::Archive { source, .. } => source.hint(),
            Self::Owner { uid, gid, .. } => Some(format!(
                "give the user subordinate ids for it in `/etc/subuid` and `/etc/subgid`: at least {}",
                uid.max(gid)
            )),
            Self::Entry { .. } => Some("container tools disagree about such a layer".to_owned()),
            _ => None,
        }
    }

    /// An error of the operating system about `path`. One of ours that travelled inside an
    /// [`io::Error`] is taken out, and a digest mismatch is named as such.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let source = match source.downcast::<Self>() {
            Ok(ours) => return ours,
            Err(source) => source,
        };
        match Mismatch::of(&source) {
            Some(mismatch) => Self::Corrupt { path: path.to_owned(), source: mismatch.clone() },
            None => Self::Io { action, path: path.to_owned(), source },
        }
    }

    /// What is wrong with a layer's archive; or, where not the archive is at fault, what kept it
    /// from being read or written.
    pub(crate) fn archive(layer: impl Into<String>, source: TarError) -> Self {
        match source.downcast() {
            Ok(ours) => ours,
            Err(source) => Self::Archive { layer: layer.into(), source },
        }
    }

    pub(crate) fn invalid(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), reason: reason.into() }
    }

    /// What a reader or writer passes on as [`io::Error`].
    pub(crate) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Io { source, .. } | Self::File { source, .. } => source.kind(),
            Self::Missing { .. } | Self::NotFound { .. } => io::ErrorKind::NotFound,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}

fn is_bad_data(error: &io::Error) -> bool {
    let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<StoreError>());
    match ours {
        Some(ours) => ours.is_integrity(),
        None => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
    }
}

/// What the user can do where the system refused something at a path.
pub fn advice(error: &io::Error, path: &Path) -> Option<String> {
    // Half-made things are gone by now: what is still there is what the user can do something about.
    let mut places =
        path.ancestors().filter(|path| !path.as_os_str().is_empty()).chain([Path::new(".")]);
    let there = places.find(|path| path.exists())?.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some(format!("free some space on the file system of `{there}`"))
        }
        io::ErrorKind::PermissionDenied => {
            Some(format!("check who owns `{there}` and its permissions"))
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            Some(format!("`{there}` is on a read-only file system"))
        }
        io::ErrorKind::NotADirectory => Some(format!("`{there}` is not a directory")),
        _ => None,
    }
}

/// The first error of this type below `error`, looking into `io::Error`s.
pub(crate) fn source_of<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

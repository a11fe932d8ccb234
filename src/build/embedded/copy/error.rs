//! Why COPY or ADD failed.

use crate::archive::tar::{Problem, TarError};
use crate::dockerfile::ignore::IgnoreError;
use crate::dockerfile::pattern::PatternError;
use std::io;

/// Why COPY or ADD failed. Paths are those inside the context or the image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Nothing there.
    #[error("`{pattern}` {}", missing(*.place))]
    Missing {
        /// The source, as the instruction has it.
        pattern: String,
        /// Where it is missing.
        place: Place,
    },
    /// A source that is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A source of `--parents` that is no pattern.
    #[error("source is not a valid pattern")]
    Parents(#[source] IgnoreError),
    /// Several sources, one file.
    #[error("several sources need a directory as destination, and `{destination}` is none")]
    SeveralSources {
        /// As the instruction has it.
        destination: String,
    },
    /// A file for a path that is a directory.
    #[error("cannot replace directory `{}` with a file", show(.path))]
    ReplaceDirectory {
        /// In the image.
        path: Vec<u8>,
    },
    /// A directory for a path that is something else.
    #[error("`{}` is needed as a directory and is none", show(.path))]
    NotDirectory {
        /// In the image.
        path: Vec<u8>,
    },
    /// An archive that ADD cannot unpack.
    #[error("cannot unpack `{}`", show(.archive))]
    Archive {
        /// At the source.
        archive: Vec<u8>,
        /// What is wrong with it.
        #[source]
        source: TarError,
    },
    /// The file system refuses.
    #[error("cannot {action} `{}`", show(.path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// Upon what.
        path: Vec<u8>,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Where a source is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the build context.
    Context,
    /// In the build context, because `.dockerignore` leaves it out.
    Ignored,
    /// In the image or stage of `--from`.
    Tree,
}

fn missing(place: Place) -> &'static str {
    match place {
        Place::Context => "is not in the build context",
        Place::Ignored => "is left out of the build context by .dockerignore",
        Place::Tree => "is not in the image that it is copied from",
    }
}

impl CopyError {
    pub(crate) fn io(action: &'static str, path: &[u8], source: io::Error) -> Self {
        Self::Io { action, path: path.to_vec(), source }
    }

    /// The refusal of a file system that has no more room: nothing that the Dockerfile did.
    pub(crate) fn into_storage_full(self) -> Result<io::Error, Self> {
        let source = match &self {
            Self::Io { source, .. } => source,
            Self::Archive { source, .. } => match source.problem() {
                Problem::Write(source) => source,
                _ => return Err(self),
            },
            _ => return Err(self),
        };
        match (source.kind(), source.raw_os_error()) {
            (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, Some(code)) => {
                Ok(io::Error::from_raw_os_error(code))
            }
            _ => Err(self),
        }
    }

    /// What the user can do, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { pattern, place: Place::Ignored } => {
                let path = super::source::clean(pattern);
                Some(format!("add the line `!{path}` to the end of .dockerignore"))
            }
            Self::Missing { place: Place::Context, .. } => {
                Some("sources are relative to the build context, not to the Dockerfile".to_owned())
            }
            Self::SeveralSources { .. } => Some("end the destination in `/`".to_owned()),
            Self::Archive { source, .. } => source.hint(),
            Self::Parents(source) => source.hint(),
            Self::Io { action: "open" | "read", source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some(
                    "rlock may read what you may: change its permissions, or leave it out with \
                     .dockerignore"
                        .to_owned(),
                )
            }
            _ => None,
        }
    }
}

/// A path in an image, for a message.
fn show(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let escaped: String = text.chars().flat_map(char::escape_debug).take(300).collect();
    format!("/{}", escaped.trim_start_matches('/'))
}

//! What is wrong with advisory data.

use std::io;
use std::path::PathBuf;

/// Advisory data that cannot be used. Nothing of it is then used: half of the data would look like
/// less to worry about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdvisoryError {
    /// It cannot be read.
    #[error("advisories: cannot read `{}`", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Files that are nothing that is known.
    #[error(
        "advisories: {count} {} of no known kind: {}\nhint: known are OSV (JSON files or a zip of \
         them), the Debian security tracker's JSON, Alpine's secdb, CSAF VEX, updateinfo.xml and \
         OpenVEX",
        if *count == 1 { "file is" } else { "files are" },
        names.join(", ")
    )]
    Unknown {
        /// How many.
        count: usize,
        /// The first of them.
        names: Vec<String>,
    },
    /// A directory or archive without any advisory file.
    #[error("advisories: `{}` holds no file of advisories", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// A file that starts as its kind does and goes on otherwise.
    #[error("advisories: `{place}`: {reason}")]
    Malformed {
        /// The file, and the member of it if it is an archive.
        place: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// More than is read.
    #[error("advisories: `{place}`: {what} exceed the limit of {max}")]
    TooLarge {
        /// The file.
        place: String,
        /// `bytes`, `files`.
        what: &'static str,
        /// How many are read at most.
        max: u64,
    },
}

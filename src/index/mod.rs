//! Repository indexes: what an archive of packages offers, and whose signature says so. One kind of
//! archive a folder or file. Pure: bytes in, values out; who asks knows where the bytes are.
//!
//! Everything here is hostile: sizes, counts and depths are limited, and no location leaves the
//! archive that names it.

pub mod apk;
pub mod apt;
mod error;
mod location;
pub mod npm;
mod offer;
pub mod openpgp;
pub mod pins;
pub mod proof;
pub mod pypi;
pub mod rpm;
mod xml;

pub use error::IndexError;
pub use offer::{Checksum, Dependency, Offer, Provided, Relation};

use crate::archive::compression::{Limits, decoder_within};
use std::io::Read as _;

/// Bytes of an index, decompressed. The largest in use, of Ubuntu's universe and of Fedora, have
/// some 200 MB.
pub const INDEX_SIZE_MAX: u64 = 1 << 30;

/// Bytes of output for one of input; indexes compress to a fifth or a tenth.
const RATIO_MAX: u64 = 200;

/// Small indexes may compress better than that.
const RATIO_FREE: u64 = 16 << 20;

/// Packages in one index.
pub const OFFERS_MAX: usize = 1_000_000;

/// An index without its compression, which its first bytes tell: none, gzip, xz, zstd or bzip2.
pub fn decompress(what: &'static str, bytes: &[u8]) -> Result<Vec<u8>, IndexError> {
    let limits =
        Limits { output_max: INDEX_SIZE_MAX, ratio_max: RATIO_MAX, ratio_free: RATIO_FREE };
    let unreadable = |error: std::io::Error| {
        let cause = std::error::Error::source(&error).map_or(String::new(), |it| format!(": {it}"));
        IndexError::new(what, format!("{error}{cause}"))
    };
    let (_, mut reader) = decoder_within(bytes, &limits).map_err(unreadable)?;
    let mut text = Vec::new();
    // A file without compression is as large as it is.
    reader.by_ref().take(INDEX_SIZE_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > INDEX_SIZE_MAX {
        return Err(IndexError::new(what, format!("it has more than {INDEX_SIZE_MAX} bytes")));
    }
    Ok(text)
}

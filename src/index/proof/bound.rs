//! Which keys count for which archive. A package manager believes a key only for the archives that
//! it is named for: with another key, an archive's index is somebody else's.

use super::apt::named;
use super::offered::Trust;
use crate::index::openpgp::{Keyring, Signed};

/// The keys that count for an archive, as an image says.
#[derive(Debug, Clone)]
pub struct Binding {
    /// URL of the folder of its signed index; ends in a slash.
    pub base: String,
    /// The keys.
    pub keys: Counting,
    /// Where that is written, for messages: `etc/apt/sources.list.d/debian.sources of debian:12`.
    pub place: String,
}

/// Keys that count.
#[derive(Debug, Clone)]
pub enum Counting {
    /// These.
    These(Keyring),
    /// It is not known which, and why.
    NotKnown(String),
}

/// Why an archive is bound to no keys where no image says whose count.
const NO_SOURCE: &str = "no file of sources in a base image names the archive";

/// What is left of the trust in an index, when only the keys count that are named for its archive.
/// Where none are known, keys that are believed at all count; the reason is told.
pub(super) fn bound<T>(
    trust: Trust,
    signed: &Signed<T>,
    base: &str,
    bindings: &[Binding],
) -> Trust {
    let Trust::Signed(by) = trust else { return trust };
    let mut own = bindings.iter().filter(|binding| binding.base == base).peekable();
    let mut refused = None;
    let mut not_known = own.peek().is_none().then_some(NO_SOURCE);
    for binding in own {
        match &binding.keys {
            Counting::NotKnown(reason) => not_known = Some(reason),
            Counting::These(keys) => match signed.verify(keys) {
                Ok(signers) => {
                    let signers: Vec<String> = signers.iter().map(named).collect();
                    let by = signers.join(" and ");
                    return Trust::Signed(format!("{by}, which {} names for it", binding.place));
                }
                Err(_) => refused = Some(&binding.place),
            },
        }
    }
    match (not_known, refused) {
        (Some(reason), _) => Trust::Signed(format!("{by}, not bound: {reason}")),
        (None, Some(place)) => {
            Trust::Foreign(format!("{by}, which does not count for this archive: see {place}"))
        }
        (None, None) => Trust::Signed(by),
    }
}

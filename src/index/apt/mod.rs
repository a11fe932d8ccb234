//! Archives of Debian's packages: <https://wiki.debian.org/DebianRepository/Format>.
//!
//! `InRelease` (or `Release` with `Release.gpg`) is signed and has the hashes of the indexes; each
//! `Packages` has those of the package files.

mod breaks;
mod packages;
mod place;
mod plain;
mod relation;
mod release;
mod sources;
mod stanza;

#[cfg(test)]
mod tests;

pub use breaks::packages_with_breaks;
pub use packages::{packages, select};
pub use place::{Form, Place, archive_root, release_place};
pub use release::{Release, release, release_detached};
pub use sources::{AptSource, SignedBy, apt_sources};

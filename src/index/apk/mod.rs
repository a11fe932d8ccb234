//! Repositories of Alpine's packages: `APKINDEX.tar.gz`, signed in its first gzip member.
//! <https://wiki.alpinelinux.org/wiki/Apk_spec>
//!
//! An index knows a package by the SHA-1 of its control segment, and that has the SHA-256 of the data
//! segment. The weak hash is the format's. Version 3 of the format (`Packages.adb`) is not read.

mod index;
mod package;
mod segment;
mod signature;

#[cfg(test)]
mod tests;

pub use index::{SignedIndex, index, packages, repository_root};
pub use package::{control_digest, verify_package};
pub use signature::{ApkKeys, ApkSigner};

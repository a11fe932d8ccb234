//! Repositories of rpm packages: `repodata/repomd.xml`, which may be signed beside itself in
//! `repomd.xml.asc`, has the hashes of the other indexes; `primary.xml` has those of the package
//! files. <https://github.com/rpm-software-management/createrepo_c>
//!
//! Modules, deltas and file lists are not read.

mod primary;
mod repomd;
mod repositories;

#[cfg(test)]
mod tests;

pub use primary::{packages, select};
pub use repomd::{DataFile, Repomd, repomd, repository_root};
pub use repositories::{RpmRepository, Variables, expand, fits, mirror_roots, rpm_repositories};

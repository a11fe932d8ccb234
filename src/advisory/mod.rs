//! What is known of vulnerabilities in packages, in three tiers: what the changelogs inside the
//! packages say ([`delta`]), local data ([`Data`]), and a service of the OSV interface
//! ([`service`]; the caller sends and fetches).
//!
//! What no source covers is [`Checked::NotCovered`], which is never the same as "nothing known".
//! Everything read here is hostile; texts of it are for whoever shows them to make harmless.

mod changelog;
mod data;
mod ecosystem;
mod error;
mod ignore;
pub mod lifecycle;
mod load;
mod matching;
pub mod service;
mod severity;
mod sources;

pub use changelog::{Delta, Urgency, delta};
pub use data::Data;
pub use error::AdvisoryError;
pub use ignore::{Ignore, Ignored};
pub use jiff::civil::Date;
pub use severity::{Rating, Severity};

use crate::oci::Digest;
use crate::package::{Distribution, Package};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// How far a statement about a vulnerability is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// What packages and their repositories say of themselves: the changelog inside a package, without
    /// a severity; the notices of a repository of rpms.
    InBand,
    /// Advisory data on this machine.
    Local,
    /// A service that was asked.
    Service,
}

impl Tier {
    /// The name, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::InBand => "in-band",
            Self::Local => "local",
            Self::Service => "service",
        }
    }
}

/// One statement of one source: this vulnerability is in this version of this package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advisory {
    /// Its id at the source: `CVE-2024-1234`, `DSA-5678-1`, `GHSA-…`, `ALSA-2024:1`.
    pub id: String,
    /// Other ids of the same vulnerability, and of those that an advisory of a distribution is
    /// about. Without `id`.
    pub aliases: BTreeSet<String>,
    /// One line about it, untrusted; empty where the source has none.
    pub summary: String,
    /// How bad it is, where the source says so.
    pub severity: Option<Severity>,
    /// Whether the version is surely affected.
    pub certainty: Certainty,
    /// The first version in which it is repaired, in this line of versions; none where there is
    /// none yet, or the source does not tell.
    pub fixed: Option<String>,
    /// Where it is from.
    pub tier: Tier,
    /// Name of the source, as [`SourceInfo::name`] has it.
    pub source: String,
    /// Why it is to be passed over; such an advisory is still listed.
    pub ignored: Option<Ignored>,
}

impl Advisory {
    /// The id and all aliases.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.id).chain(self.aliases.iter().map(String::as_str))
    }

    /// The id that people know it by: the first CVE among [`Self::ids`], else its own.
    pub fn known_as(&self) -> &str {
        self.ids().find(|id| id.starts_with("CVE-")).unwrap_or(&self.id)
    }
}

/// Whether a version is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The source says so.
    Affected,
    /// The source has not decided, or its versions cannot be compared with this one.
    Undetermined,
}

/// What is known of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// At least one source covers it. These vulnerabilities are in it, sorted by id; none is *clean*.
    Known(Vec<Advisory>),
    /// No source covers packages of its kind, or of its distribution.
    NotCovered,
}

/// A package to ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named<'a> {
    /// The purl type.
    pub kind: &'a str,
    /// Name.
    pub name: &'a str,
    /// Version.
    pub version: &'a str,
    /// Name and version of the source package, where that is known.
    pub source: Option<(&'a str, &'a str)>,
}

impl<'a> From<&'a Package> for Named<'a> {
    fn from(package: &'a Package) -> Self {
        let source = package.source.as_ref();
        let source = source.map(|source| (&*source.name, &*source.version));
        Self { kind: package.kind, name: &package.name, version: &package.version, source }
    }
}

/// The distribution that an image is of, in the words of its `os-release`:
/// <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>. Empty where it does
/// not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct System<'a> {
    /// `ID`: `debian`.
    pub id: &'a str,
    /// `VERSION_ID`: `12`.
    pub version_id: &'a str,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: &'a str,
}

impl<'a> From<&'a Distribution> for System<'a> {
    fn from(distribution: &'a Distribution) -> Self {
        let Distribution { id, version_id, codename, .. } = distribution;
        Self { id, version_id, codename: codename.as_deref().unwrap_or("") }
    }
}

/// A source of local data, for reports: where it is from, of when, and what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Local data, or a service.
    pub tier: Tier,
    /// `OSV debian-osv.zip`: the format and the last part of the path.
    pub name: String,
    /// The path as it was given; of a service, its address.
    pub path: PathBuf,
    /// Of the file; of a directory, of the sorted list of its files' names and digests.
    pub digest: Digest,
    /// The day of its newest statement, where it says so.
    pub as_of: Option<Date>,
    /// Statements that it holds, without withdrawn ones.
    pub records: usize,
    /// What it covers, sorted: `Debian:12`, `PyPI`.
    pub ecosystems: BTreeSet<String>,
    /// Statements that rlock cannot evaluate (modules, ranges of commits), which are therefore not
    /// checked.
    pub not_evaluated: usize,
}

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod tests;

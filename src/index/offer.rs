//! What an index offers: one package in one version, and how its file is told from any other.

use crate::oci::Digest;

/// A package that an archive offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The purl type: `deb`, `rpm`, `apk`.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Architecture, in the words of the package manager.
    pub architecture: String,
    /// Version, in the words of the package manager; of rpm `EPOCH:VERSION-RELEASE`, without an
    /// epoch of 0.
    pub version: String,
    /// Name and version of the source package; the version is the package's own where the index
    /// names none.
    pub source: Option<(String, String)>,
    /// Path of the file below the archive's root; has no `..` and no slash at the start.
    pub location: String,
    /// What the file's content must give.
    pub checksum: Checksum,
    /// Bytes of the file.
    pub size: u64,
    /// When it was built, in seconds since 1970, by the word of the index.
    pub built: Option<i64>,
    /// What it needs: each of these, of which any alternative does.
    pub depends: Vec<Vec<Dependency>>,
    /// What it stands for beside its own name.
    pub provides: Vec<Provided>,
}

impl Offer {
    /// The file's digest, where the index has it in this form.
    pub fn sha256(&self) -> Option<Digest> {
        match self.checksum {
            Checksum::Sha256(digest) => Some(digest),
            _ => None,
        }
    }
}

/// How an index knows a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// Of the whole file.
    Sha256(Digest),
    /// Of the whole file.
    Sha512(Vec<u8>),
    /// SHA-1 of an apk's control segment, which holds the SHA-256 of its data segment.
    ApkControl([u8; 20]),
}

/// A package that another one needs, or one that stands in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Name of a package, or of what one provides.
    pub name: String,
    /// The architecture that it must have, such as Debian's `any`.
    pub architecture: Option<String>,
    /// Which versions do.
    pub version: Option<(Relation, String)>,
}

/// What a package stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The name.
    pub name: String,
    /// In which version.
    pub version: Option<String>,
}

/// How a version must stand to the one that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `<<` in Debian.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `=`.
    Equal,
    /// `>=`.
    GreaterOrEqual,
    /// `>>` in Debian.
    Greater,
    /// `~` of apk: starts with it.
    Like,
}

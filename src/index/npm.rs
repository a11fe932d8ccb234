//! Documents of npm's registry, whose hashes nobody signs as a whole:
//! <https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md>.

use super::IndexError;
use super::error::shown;
use base64::Engine as _;
use serde::Deserialize;
use sha2::Digest as _;
use std::collections::BTreeMap;

const WHAT: &str = "packument";

/// Bytes of a document; the largest have 100 MB.
const SIZE_MAX: usize = 256 << 20;

/// A file that a document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tarball {
    /// The name of the package, where the document says it.
    pub name: Option<String>,
    /// The version of the package.
    pub version: String,
    /// Its URL.
    pub url: String,
    /// The strongest hash that the document has: `sha512-…`; none where it has weak ones only.
    pub integrity: Option<Vec<u8>>,
}

impl Tarball {
    /// Whether a file is the one that is meant; none where the document has no hash to say so.
    pub fn is(&self, body: &[u8]) -> Option<bool> {
        let integrity = self.integrity.as_ref()?;
        Some(sha2::Sha512::digest(body).as_slice() == integrity.as_slice())
    }
}

#[derive(Deserialize)]
struct Document {
    name: Option<String>,
    #[serde(default)]
    versions: BTreeMap<String, Version>,
    /// In the document of one version.
    version: Option<String>,
    dist: Option<Dist>,
}

#[derive(Deserialize)]
struct Version {
    dist: Option<Dist>,
}

#[derive(Deserialize)]
struct Dist {
    tarball: Option<String>,
    integrity: Option<String>,
}

/// The files that a document names: of all versions, or of one.
pub fn tarballs(document: &[u8]) -> Result<Vec<Tarball>, IndexError> {
    if document.len() > SIZE_MAX {
        return Err(IndexError::new(WHAT, format!("it has more than {SIZE_MAX} bytes")));
    }
    let document: Document = serde_json::from_slice(document)
        .map_err(|error| IndexError::at(WHAT, error.line(), "it is no document of a package"))?;
    let own = document.version.zip(document.dist);
    let all = document.versions.into_iter().filter_map(|(name, it)| Some((name, it.dist?)));
    let mut tarballs = Vec::new();
    for (version, dist) in all.chain(own) {
        let Some(url) = dist.tarball else { continue };
        let integrity = dist.integrity.as_deref().map(sha512).transpose()?.flatten();
        tarballs.push(Tarball { name: document.name.clone(), version, url, integrity });
    }
    Ok(tarballs)
}

/// The SHA-512 among the hashes of <https://www.w3.org/TR/SRI/#the-integrity-attribute>.
pub(super) fn sha512(integrity: &str) -> Result<Option<Vec<u8>>, IndexError> {
    let mut words = integrity.split_ascii_whitespace();
    let Some(base64) = words.find_map(|word| word.strip_prefix("sha512-")) else { return Ok(None) };
    let base64 = base64.split('?').next().unwrap_or(base64);
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
    let bytes = bytes.ok().filter(|bytes| bytes.len() == 64);
    let bad = || IndexError::new(WHAT, format!("`{}` is no integrity", shown(integrity)));
    bytes.map(Some).ok_or_else(bad)
}

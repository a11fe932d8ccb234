//! What the lockfiles of a project's own package managers say of files: `package-lock.json`, `yarn.lock`,
//! `pnpm-lock.yaml`, `Cargo.lock`, `go.sum`, `poetry.lock`, `uv.lock`, `Pipfile.lock`, requirements with
//! `--hash`, `Gemfile.lock`. Nobody signs them; the branch that has them is believed as its own
//! `Dockerfile.lock` is, and so is what they say of packages that no index speaks for.
//!
//! Only hashes are taken that cannot be forged: SHA-256, SHA-512, and Go's hash of a zip.

mod go;
mod ruby;
mod tables;
#[cfg(test)]
mod tests;
mod yarn;

use super::error::IndexError;
use crate::oci::Digest;
use sha2::Digest as _;
use std::collections::BTreeMap;

/// Bytes of one lockfile.
pub const FILE_MAX: usize = 32 << 20;

/// Pins of one lockfile.
const PINS_MAX: usize = 200_000;

/// What the content of a file must give.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// Of the file.
    Sha256(Digest),
    /// Of the file.
    Sha512(Vec<u8>),
    /// Go's hash of the files in a zip, or of a `go.mod` as the only file.
    Go([u8; 32]),
}

impl Hash {
    /// Whether a file is the one that is meant; none where only the content would tell, and is not there.
    fn is(&self, sha256: &Digest, body: Option<&[u8]>) -> Option<bool> {
        match self {
            Self::Sha256(digest) => Some(digest == sha256),
            Self::Sha512(expected) => {
                Some(sha2::Sha512::digest(body?).as_slice() == expected.as_slice())
            }
            Self::Go(expected) => Some(go::hash(body?).as_ref() == Some(expected)),
        }
    }
}

/// A package that a lockfile pins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// The purl type.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// One of the files that may be it.
    pub hash: Hash,
}

/// Type, name and version.
type Package = (&'static str, String, String);

/// All pins of a project.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    /// By type, name and version: what files may be it, each with the lockfile that says so.
    found: BTreeMap<Package, Vec<(Hash, String)>>,
}

/// What pins say of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is what this lockfile pins.
    Same(String),
    /// It is none of what this lockfile pins, of which this is the first.
    Other {
        /// The lockfile.
        file: String,
        /// What it should be.
        expected: String,
    },
}

/// Reads the lockfiles of one name.
enum Reader {
    /// Those that are in JSON, in TOML, or of words that are counted: others are none.
    Strict(fn(&str) -> Result<Vec<Pin>, IndexError>),
    /// Those whose lines say something or nothing.
    Lines(fn(&str) -> Vec<Pin>),
}

/// The reader for a file of that name; none where it is no lockfile that is known.
fn reader(file_name: &str) -> Option<Reader> {
    let is_text = std::path::Path::new(file_name).extension().is_some_and(|it| it == "txt");
    let reader = match file_name {
        "package-lock.json" | "npm-shrinkwrap.json" => Reader::Strict(tables::npm),
        "Pipfile.lock" => Reader::Strict(tables::pipfile),
        "Cargo.lock" => Reader::Strict(tables::cargo),
        "poetry.lock" | "uv.lock" => Reader::Strict(tables::python),
        "go.sum" => Reader::Strict(go::sum),
        "yarn.lock" => Reader::Lines(yarn::yarn),
        "pnpm-lock.yaml" => Reader::Lines(yarn::pnpm),
        "Gemfile.lock" => Reader::Lines(ruby::gemfile),
        name if is_text && name.contains("requirements") => Reader::Lines(ruby::requirements),
        _ => return None,
    };
    Some(reader)
}

/// Whether a file of that name has pins.
pub fn is_lockfile(file_name: &str) -> bool {
    reader(file_name).is_some()
}

impl Pins {
    /// Adds those of a lockfile, which messages call `path`.
    pub fn add(&mut self, path: &str, text: &[u8]) -> Result<(), IndexError> {
        let file_name = path.rsplit('/').next().unwrap_or(path);
        let Some(reader) = reader(file_name) else { return Ok(()) };
        let bad = |reason: &str| IndexError::new("lockfile", format!("`{path}`: {reason}"));
        if text.len() > FILE_MAX {
            return Err(bad("it is too large"));
        }
        let text = std::str::from_utf8(text).map_err(|_| bad("it is not UTF-8"))?;
        let pins = match reader {
            Reader::Strict(read) => read(text).map_err(|error| bad(&error.reason))?,
            Reader::Lines(read) => read(text),
        };
        if pins.len() > PINS_MAX {
            return Err(bad("it has too many packages"));
        }
        for Pin { kind, name, version, hash } in pins {
            let key = (kind, normal(kind, &name), version);
            self.found.entry(key).or_default().push((hash, path.to_owned()));
        }
        Ok(())
    }

    /// How many packages are pinned.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What is said of a package's file; none where nothing is, or its content is needed and not there.
    pub fn say(
        &self,
        (kind, name, version, architecture): (&str, &str, &str, &str),
        sha256: &Digest,
        body: &dyn Fn() -> Option<Vec<u8>>,
    ) -> Option<Said> {
        let kind = KINDS.iter().find(|known| **known == kind)?;
        let versions =
            [version.to_owned(), format!("v{version}"), format!("{version}-{architecture}")];
        let name = normal(kind, name);
        let key = |version: &String| self.found.get(&(*kind, name.clone(), version.clone()));
        let all: Vec<&(Hash, String)> = versions.iter().filter_map(key).flatten().collect();
        let (_, file) = all.first()?;
        let needs_body = all.iter().any(|(hash, _)| !matches!(hash, Hash::Sha256(_)));
        let body = if needs_body { body() } else { None };
        let mut is_known = true;
        for (hash, file) in &all {
            match hash.is(sha256, body.as_deref()) {
                Some(true) => return Some(Said::Same(file.clone())),
                Some(false) => {}
                None => is_known = false,
            }
        }
        let expected = all.first().map(|(hash, _)| hash.to_string()).unwrap_or_default();
        is_known.then(|| Said::Other { file: file.clone(), expected })
    }

    /// The lockfile that pins a file of this content, whatever it is called.
    pub fn of_content(&self, sha256: &Digest) -> Option<&str> {
        let all = self.found.values().flatten();
        let mut same = all.filter(|(hash, _)| *hash == Hash::Sha256(*sha256));
        same.next().map(|(_, file)| file.as_str())
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use base64::Engine as _;
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        match self {
            Self::Sha256(digest) => formatter.write_str(&digest.hex()),
            Self::Sha512(bytes) => write!(formatter, "sha512-{}", base64(bytes)),
            Self::Go(bytes) => write!(formatter, "h1:{}", base64(bytes)),
        }
    }
}

const KINDS: [&str; 5] = ["cargo", "gem", "golang", "npm", "pypi"];

/// The one form of a name that all spellings of it have.
fn normal(kind: &str, name: &str) -> String {
    if kind != "pypi" {
        return name.to_owned();
    }
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// A pin by `sha256:…`, or the digits alone; none where it is another kind of hash.
fn by_sha256(kind: &'static str, name: &str, version: &str, hash: &str) -> Option<Pin> {
    let hex = hash.strip_prefix("sha256:").unwrap_or(hash);
    let hash = Hash::Sha256(Digest::from_hex(hex).ok()?);
    Some(Pin { kind, name: name.to_owned(), version: version.to_owned(), hash })
}

/// A pin by an integrity as browsers have it; none where it has no SHA-512.
fn by_integrity(name: &str, version: &str, integrity: &str) -> Option<Pin> {
    let hash = Hash::Sha512(super::npm::sha512(integrity).ok()??);
    Some(Pin { kind: "npm", name: name.to_owned(), version: version.to_owned(), hash })
}

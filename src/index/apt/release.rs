//! `InRelease` and `Release`: <https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files>.

use super::stanza::{Fields, stanzas};
use crate::index::IndexError;
use crate::index::error::shown;
use crate::index::location::below_root;
use crate::index::openpgp::{self, Signed};
use crate::oci::Digest;
use std::collections::BTreeMap;

const WHAT: &str = "Release";

/// Bytes of a signed index; Ubuntu's have 300 KB.
pub(crate) const RELEASE_SIZE_MAX: usize = 32 << 20;

/// Files that a signed index may name; Debian's name 2,500.
const FILES_MAX: usize = 200_000;

/// What a suite's signed index says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who made it, `Debian`.
    pub origin: Option<String>,
    /// Which of its archives, `Debian-Security`.
    pub label: Option<String>,
    /// `stable`.
    pub suite: Option<String>,
    /// `bookworm`.
    pub codename: Option<String>,
    /// When it was made, in seconds since 1970.
    pub date: i64,
    /// When it should not be believed any more, in seconds since 1970.
    pub valid_until: Option<i64>,
    /// Whether its files can be had by their hashes.
    pub by_hash: bool,
    /// Packages of it are installed only where somebody asks for that suite.
    pub not_automatic: bool,
    /// And where that is so, later versions of them are installed all the same.
    pub but_automatic_upgrades: bool,
    /// Digest and size in bytes of its files, by path below the folder of the signed index.
    pub files: BTreeMap<String, (Digest, u64)>,
}

/// Reads an `InRelease`. Whose signature is good is for [`Signed::verify`] to say.
pub fn release(in_release: &[u8]) -> Result<Signed<Release>, IndexError> {
    require_size(in_release)?;
    let signed = openpgp::cleartext(in_release)
        .map_err(|reason| IndexError::new("InRelease", reason.to_string()))?;
    let value = parse(signed.text())?;
    Ok(signed.with(value))
}

/// Reads a `Release`; with the `Release.gpg` beside it, where there is one. Without one nobody has
/// signed it, and [`Signed::verify`] says so.
pub fn release_detached(
    release: &[u8],
    signature: Option<&[u8]>,
) -> Result<Signed<Release>, IndexError> {
    require_size(release)?;
    let signed = match signature {
        Some(signature) => openpgp::detached(release, signature)
            .map_err(|reason| IndexError::new("Release.gpg", reason.to_string()))?,
        None => openpgp::unsigned(release),
    };
    Ok(signed.with(parse(release)?))
}

fn require_size(bytes: &[u8]) -> Result<(), IndexError> {
    if bytes.len() > RELEASE_SIZE_MAX {
        return Err(IndexError::new(WHAT, format!("it has more than {RELEASE_SIZE_MAX} bytes")));
    }
    Ok(())
}

fn parse(text: &[u8]) -> Result<Release, IndexError> {
    let mut all = stanzas(WHAT, text);
    let Some(only) = all.next() else { return Err(IndexError::new(WHAT, "it is empty")) };
    if let Some(second) = all.next() {
        return Err(second.error(0, "it has a second paragraph"));
    }
    let fields = only.fields()?;
    let is_yes =
        |name: &str| fields.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"));
    let text = |name: &str| fields.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let valid_until = fields.get("Valid-Until").map(|end| date(&fields, "Valid-Until", end));
    Ok(Release {
        origin: text("Origin"),
        label: text("Label"),
        suite: text("Suite"),
        codename: text("Codename"),
        date: date(&fields, "Date", fields.required("Date")?)?,
        valid_until: valid_until.transpose()?,
        by_hash: is_yes("Acquire-By-Hash"),
        not_automatic: is_yes("NotAutomatic"),
        but_automatic_upgrades: is_yes("ButAutomaticUpgrades"),
        files: files(&fields)?,
    })
}

/// `Sat, 10 Feb 2024 10:00:00 UTC`, which is RFC 2822 but for the name of the zone.
fn date(fields: &Fields<'_>, name: &str, text: &str) -> Result<i64, IndexError> {
    let zone = |end: &str| text.strip_suffix(end);
    let plain = zone("UTC").or_else(|| zone("GMT")).or_else(|| zone("Z"));
    let written = plain.map_or_else(|| text.to_owned(), |start| format!("{} +0000", start.trim()));
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&written);
    let parsed =
        parsed.map_err(|_| fields.error(format!("`{name}` is not a date: `{}`", shown(text))))?;
    Ok(parsed.as_second())
}

/// The list of SHA-256 hashes. Weaker lists are no proof of anything and are not read.
fn files(fields: &Fields<'_>) -> Result<BTreeMap<String, (Digest, u64)>, IndexError> {
    let Some(list) = fields.get("SHA256") else {
        return Err(fields.error("it has no `SHA256`: weaker hashes prove nothing"));
    };
    let mut files = BTreeMap::new();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let bad = |why: &str| fields.error(format!("`SHA256`: `{}`: {why}", shown(line.trim())));
        let mut words = line.split_ascii_whitespace();
        let (Some(hash), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(bad("not a hash, a size and a path"));
        };
        let digest =
            Digest::from_hex(&hash.to_ascii_lowercase()).map_err(|it| bad(&it.to_string()))?;
        let size: u64 = size.parse().map_err(|_| bad("the size is not a number of bytes"))?;
        let path = below_root(path).map_err(|why| bad(&why))?;
        // Some archives name a file twice; two answers are none.
        if files.insert(path, (digest, size)).is_some_and(|other| other != (digest, size)) {
            return Err(bad("the file has another hash in a line above"));
        }
        if files.len() > FILES_MAX {
            return Err(bad("there are too many files"));
        }
    }
    Ok(files)
}

impl Release {
    /// The file that a path below the index's folder names, `by-hash` included, as the name in the
    /// list with its digest and size. Of a path by a hash other than SHA-256 the digest of what was
    /// answered decides.
    pub fn file(&self, path: &str, answered: &Digest) -> Option<(&str, Digest, u64)> {
        if let Some((name, (digest, size))) = self.files.get_key_value(path) {
            return Some((name, *digest, *size));
        }
        let (folder, rest) = match path.strip_prefix("by-hash/") {
            Some(rest) => ("", rest),
            None => path.split_once("/by-hash/")?,
        };
        let (algorithm, hash) = rest.split_once('/')?;
        let named = match algorithm {
            "SHA256" => Digest::from_hex(hash).ok()?,
            _ => *answered,
        };
        let mut beside = self.files.iter().filter(|(name, _)| match name.rsplit_once('/') {
            Some((parent, _)) => parent == folder,
            None => folder.is_empty(),
        });
        let (name, (digest, size)) = beside.find(|(_, (digest, _))| *digest == named)?;
        Some((name, *digest, *size))
    }
}

//! `go.sum` (<https://go.dev/ref/mod#go-sum-files>), and the hash that it has of a module's zip: of the
//! hashes and names of its files, a line each, in the order of the names.

use super::{Hash, Pin};
use crate::archive::zip::{Archive, Limits};
use crate::index::IndexError;
use base64::Engine as _;
use sha2::Digest as _;
use std::fmt::Write as _;
use std::io::Cursor;

/// Bytes of one file of a module: Go takes no zip of more than 500 MB.
const ENTRY_MAX: u64 = 500 << 20;

/// Bytes of all files of a module.
const ALL_MAX: u64 = 500 << 20;

/// `MODULE VERSION h1:…`, where the version of a `go.mod` alone ends in `/go.mod`: those are no packages.
pub(super) fn sum(text: &str) -> Result<Vec<Pin>, IndexError> {
    let mut pins = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [module, version, hash] = words.as_slice() else {
            if words.is_empty() {
                continue;
            }
            return Err(IndexError::at("go.sum", index + 1, "a line has other than three words"));
        };
        let hash = hash.strip_prefix("h1:");
        let hash = hash.and_then(|it| base64::engine::general_purpose::STANDARD.decode(it).ok());
        let hash: Option<[u8; 32]> = hash.and_then(|it| it.try_into().ok());
        if let (Some(hash), false) = (hash, version.ends_with("/go.mod")) {
            let (name, version) = ((*module).to_owned(), (*version).to_owned());
            pins.push(Pin { kind: "golang", name, version, hash: Hash::Go(hash) });
        }
    }
    Ok(pins)
}

/// The hash of a zip; none where it is none that Go would take.
pub(super) fn hash(zip: &[u8]) -> Option<[u8; 32]> {
    let mut archive = Archive::open(Cursor::new(zip), &Limits::default()).ok()?;
    let mut entries = archive.entries().to_vec();
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    let sizes = entries.iter().try_fold(0u64, |all, entry| all.checked_add(entry.size))?;
    if sizes > ALL_MAX || entries.windows(2).any(|pair| matches!(pair, [a, b] if a.name == b.name))
    {
        return None;
    }
    let mut summary = Vec::new();
    for entry in &entries {
        if entry.name.contains(&b'\n') {
            return None;
        }
        let content = archive.read(entry, ENTRY_MAX).ok()?;
        let mut line = String::new();
        for byte in sha2::Sha256::digest(&content) {
            let _ = write!(line, "{byte:02x}");
        }
        summary.extend([line.as_bytes(), b"  ", &entry.name, b"\n"].concat());
    }
    Some(sha2::Sha256::digest(&summary).into())
}

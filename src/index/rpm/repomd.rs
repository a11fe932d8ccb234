//! `repomd.xml`.

use crate::index::error::shown;
use crate::index::location::below_root;
use crate::index::openpgp::{self, Signed};
use crate::index::xml::{Document, Piece};
use crate::index::{Checksum, IndexError};
use crate::oci::Digest;
use std::collections::BTreeMap;

const WHAT: &str = "repomd.xml";

/// Bytes of the index of indexes; those in use have 10 KB.
const REPOMD_SIZE_MAX: usize = 4 << 20;

/// Files that it may name.
const FILES_MAX: usize = 1000;

/// What a repository's index of indexes says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repomd {
    /// Its revision, which most programs write as the time of making in seconds since 1970.
    pub revision: Option<String>,
    /// The newest time of one of its files, in seconds since 1970.
    pub date: Option<i64>,
    /// Its files by what they are: `primary`, `updateinfo`.
    pub files: BTreeMap<String, DataFile>,
}

/// One of the other indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Path below the repository's root.
    pub location: String,
    /// Of the file as it is served; none where it has a weak hash only.
    pub checksum: Option<Checksum>,
    /// Bytes of the file as it is served.
    pub size: Option<u64>,
}

/// Reads it, with the signature beside it, where there is one. Without one nobody has signed it, and
/// [`Signed::verify`] says so.
pub fn repomd(text: &[u8], signature: Option<&[u8]>) -> Result<Signed<Repomd>, IndexError> {
    if text.len() > REPOMD_SIZE_MAX {
        return Err(IndexError::new(WHAT, format!("it has more than {REPOMD_SIZE_MAX} bytes")));
    }
    let signed = match signature {
        Some(signature) => openpgp::detached(text, signature)
            .map_err(|error| IndexError::new("repomd.xml.asc", error.to_string()))?,
        None => openpgp::unsigned(text),
    };
    Ok(signed.with(parse(text)?))
}

/// The repository's root (it ends in a slash) of the URL of a `repomd.xml`; none where it is none.
pub fn repository_root(url: &str) -> Option<&str> {
    url.strip_suffix("repodata/repomd.xml").filter(|root| root.ends_with('/'))
}

fn parse(text: &[u8]) -> Result<Repomd, IndexError> {
    let mut document = Document::new(WHAT, text);
    let mut repomd = Repomd { revision: None, date: None, files: BTreeMap::new() };
    let mut is_root = true;
    while let Some(piece) = document.next()? {
        let Piece::Open(element) = piece else { continue };
        match (&*element.name, is_root) {
            ("repomd", true) => is_root = false,
            (_, true) => return Err(document.error("it is no `repomd`")),
            ("revision", _) => repomd.revision = Some(document.text()?),
            ("data", _) => {
                let kind = document.attributes(&element)?.remove("type").unwrap_or_default();
                let (file, date) = data(&mut document)?;
                repomd.date = repomd.date.max(date);
                if repomd.files.insert(kind.clone(), file).is_some() {
                    return Err(document.error(format!("`{}` is there twice", shown(&kind))));
                }
                if repomd.files.len() > FILES_MAX {
                    return Err(document.error("it names too many files"));
                }
            }
            _ => document.skip()?,
        }
    }
    Ok(repomd)
}

fn data(document: &mut Document<'_>) -> Result<(DataFile, Option<i64>), IndexError> {
    let (mut location, mut checksum, mut size, mut date) = (None, None, None, None);
    while let Some(piece) = document.next()? {
        let element = match piece {
            Piece::Open(element) => element,
            Piece::Close => break,
            Piece::Text(_) => continue,
        };
        let attributes = document.attributes(&element)?;
        match &*element.name {
            "location" => {
                if attributes.contains_key("xml:base") {
                    return Err(document.error("`xml:base` is not supported"));
                }
                let href = attributes.get("href").map_or("", String::as_str);
                location = Some(below_root(href).map_err(|reason| document.error(reason))?);
                document.skip()?;
            }
            "checksum" => {
                let text = document.text()?;
                let kind = attributes.get("type").map_or("", String::as_str);
                checksum = self::checksum(kind, &text).map_err(|it| document.error(it))?;
            }
            "size" => size = document.text()?.parse().ok(),
            // Some programs write fractions of a second.
            "timestamp" => {
                let text = document.text()?;
                date = text.split('.').next().and_then(|seconds| seconds.parse().ok());
            }
            _ => document.skip()?,
        }
    }
    let location = location.ok_or_else(|| document.error("a file has no location"))?;
    Ok((DataFile { location, checksum, size }, date))
}

/// A checksum by the name of its algorithm; none where that is too weak to prove anything.
pub(super) fn checksum(kind: &str, hex: &str) -> Result<Option<Checksum>, String> {
    match kind {
        "sha256" => {
            let digest = Digest::from_hex(&hex.to_ascii_lowercase());
            Ok(Some(Checksum::Sha256(digest.map_err(|error| error.to_string())?)))
        }
        "sha512" => {
            let bytes = unhex(hex).filter(|bytes| bytes.len() == 64);
            let bytes = bytes.ok_or_else(|| format!("`{}` is no SHA-512", shown(hex)))?;
            Ok(Some(Checksum::Sha512(bytes)))
        }
        _ => Ok(None),
    }
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let pair = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(pair).collect()
}

//! Index pages of Python packages, which nobody signs:
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>.

use super::IndexError;
use crate::oci::Digest;
use bstr::ByteSlice as _;
use serde::Deserialize;
use std::collections::BTreeMap;

const WHAT: &str = "index page";

/// Bytes of a page; the largest have 20 MB.
const PAGE_SIZE_MAX: usize = 128 << 20;

/// A file that a page links to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As it stands there: relative to the page, without its fragment.
    pub url: String,
    /// What the page says of the file's content.
    pub sha256: Option<Digest>,
    /// What it says of the file's metadata, which is at the same URL with `.metadata`.
    pub metadata: Option<Digest>,
}

/// The links of a page, in JSON or in HTML.
pub fn links(page: &[u8]) -> Result<Vec<Link>, IndexError> {
    if page.len() > PAGE_SIZE_MAX {
        return Err(IndexError::new(WHAT, format!("it has more than {PAGE_SIZE_MAX} bytes")));
    }
    if page.trim_ascii_start().starts_with(b"{") { json(page) } else { html(page) }
}

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(default)]
    core_metadata: Option<Metadata>,
    #[serde(default)]
    data_dist_info_metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Metadata {
    Hashes(BTreeMap<String, String>),
    #[expect(dead_code, reason = "it says only that there is some")]
    Is(bool),
}

fn json(page: &[u8]) -> Result<Vec<Link>, IndexError> {
    let page: Page = serde_json::from_slice(page)
        .map_err(|error| IndexError::at(WHAT, error.line(), "it is no index page in JSON"))?;
    let links = page.files.into_iter().map(|file| {
        let metadata = match file.core_metadata.or(file.data_dist_info_metadata) {
            Some(Metadata::Hashes(hashes)) => digest(&hashes)?,
            _ => None,
        };
        Ok(Link { sha256: digest(&file.hashes)?, url: file.url, metadata })
    });
    links.collect()
}

fn digest(hashes: &BTreeMap<String, String>) -> Result<Option<Digest>, IndexError> {
    hashes.get("sha256").map(|hex| self::hex(hex)).transpose()
}

fn hex(hex: &str) -> Result<Digest, IndexError> {
    Digest::from_hex(hex).map_err(|error| IndexError::new(WHAT, error.to_string()))
}

/// Of HTML only the anchors are read, as installers read them: `<a href="…#sha256=…">`.
fn html(page: &[u8]) -> Result<Vec<Link>, IndexError> {
    let mut links = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find(b"<") {
        rest = rest.get(at + 1..).unwrap_or_default();
        if rest.starts_with(b"!--") {
            let end = rest.find(b"-->").unwrap_or(rest.len());
            rest = rest.get(end..).unwrap_or_default();
            continue;
        }
        let is_anchor = matches!(rest, [b'a' | b'A', blank, ..] if blank.is_ascii_whitespace());
        let (attributes, behind) = tag(rest);
        rest = behind;
        if !is_anchor {
            continue;
        }
        let Some(href) = attributes.get("href") else { continue };
        let (url, fragment) = href.split_once('#').unwrap_or((href, ""));
        let sha256 = fragment.split('&').find_map(|part| part.strip_prefix("sha256="));
        let metadata = ["data-core-metadata", "data-dist-info-metadata"];
        let metadata = metadata.iter().find_map(|name| attributes.get(*name));
        let metadata = metadata.and_then(|value| value.strip_prefix("sha256="));
        links.push(Link {
            url: url.to_owned(),
            sha256: sha256.map(hex).transpose()?,
            metadata: metadata.map(hex).transpose()?,
        });
    }
    Ok(links)
}

/// The attributes of a tag that has been opened, and what follows it.
fn tag(text: &[u8]) -> (BTreeMap<String, String>, &[u8]) {
    let mut attributes = BTreeMap::new();
    let name_end = text.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>');
    let mut rest = text.get(name_end.unwrap_or(text.len())..).unwrap_or_default();
    loop {
        rest = rest.trim_ascii_start();
        let (Some(first), name_end) = (
            rest.first(),
            rest.iter().position(|byte| byte.is_ascii_whitespace() || b"=>".contains(byte)),
        ) else {
            return (attributes, rest);
        };
        if *first == b'>' {
            return (attributes, rest.get(1..).unwrap_or_default());
        }
        let (name, behind) =
            rest.split_at_checked(name_end.unwrap_or(rest.len())).unwrap_or_default();
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let (value, behind) = match behind.trim_ascii_start().strip_prefix(b"=") {
            Some(value) => self::value(value.trim_ascii_start()),
            None => (&b""[..], behind),
        };
        // A tag that does not get on has no end.
        if behind.len() >= rest.len() {
            return (attributes, &[]);
        }
        rest = behind;
        // The first of two counts, as in browsers.
        attributes.entry(name).or_insert_with(|| unescape(&String::from_utf8_lossy(value)));
    }
}

/// A value, quoted or not, and what follows it.
fn value(text: &[u8]) -> (&[u8], &[u8]) {
    if let Some(quote @ (b'"' | b'\'')) = text.first() {
        let inner = text.get(1..).unwrap_or_default();
        let end = inner.iter().position(|byte| byte == quote).unwrap_or(inner.len());
        let (value, rest) = inner.split_at_checked(end).unwrap_or((inner, &[]));
        return (value, rest.get(1..).unwrap_or_default());
    }
    let end = text.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>');
    text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, &[]))
}

fn unescape(text: &str) -> String {
    let named = [("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">")];
    let text = named.iter().fold(text.to_owned(), |text, (name, is)| text.replace(name, is));
    text.replace("&amp;", "&")
}

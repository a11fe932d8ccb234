//! `primary.xml`: what a repository offers.

use super::repomd::checksum;
use crate::index::error::shown;
use crate::index::location::below_root;
use crate::index::xml::{Document, Piece};
use crate::index::{Checksum, Dependency, IndexError, OFFERS_MAX, Offer, Provided, Relation};
use std::collections::BTreeMap;

const WHAT: &str = "primary.xml";

/// Names that one package may need or provide; kernels provide 10,000.
const ENTRIES_MAX: usize = 200_000;

/// Everything that an index offers, in its order. The text is decompressed already
/// ([`crate::index::decompress`]).
pub fn packages(text: &[u8]) -> Result<Vec<Offer>, IndexError> {
    select(text, &|_| true)
}

/// What an index offers of the packages whose name is wanted; the others are hardly looked at. A
/// package with a weak checksum only is none that can be told from another, and is left out.
pub fn select(text: &[u8], wanted: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Offer>, IndexError> {
    let mut document = Document::new(WHAT, text);
    let mut offers = Vec::new();
    let mut is_root = true;
    while let Some(piece) = document.next()? {
        let Piece::Open(element) = piece else { continue };
        match (&*element.name, is_root) {
            ("metadata", true) => is_root = false,
            (_, true) => return Err(document.error("it is no `metadata`")),
            ("package", _) => offers.extend(package(&mut document, wanted)?),
            _ => document.skip()?,
        }
        if offers.len() > OFFERS_MAX {
            return Err(document.error(format!("it offers more than {OFFERS_MAX} packages")));
        }
    }
    Ok(offers)
}

/// What is known of a package while it is read.
#[derive(Default)]
struct Reading {
    name: String,
    architecture: String,
    version: String,
    checksum: Option<Checksum>,
    size: Option<u64>,
    built: Option<i64>,
    location: Option<String>,
    source: Option<String>,
    depends: Vec<Vec<Dependency>>,
    provides: Vec<Provided>,
}

fn package(
    document: &mut Document<'_>,
    wanted: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<Offer>, IndexError> {
    let mut reading = Reading::default();
    while let Some(piece) = document.next()? {
        let element = match piece {
            Piece::Open(element) => element,
            Piece::Close => break,
            Piece::Text(_) => continue,
        };
        match &*element.name {
            "name" => {
                reading.name = word(document)?;
                if !wanted(reading.name.as_bytes()) {
                    document.skip()?;
                    return Ok(None);
                }
            }
            "arch" => reading.architecture = word(document)?,
            "version" => {
                let attributes = document.attributes(&element)?;
                reading.version = version(&attributes).ok_or_else(|| {
                    document.error(format!("`{}` has no version", shown(&reading.name)))
                })?;
                document.skip()?;
            }
            "checksum" => {
                let kind = document.attributes(&element)?.remove("type").unwrap_or_default();
                let text = document.text()?;
                reading.checksum = checksum(&kind, &text).map_err(|it| document.error(it))?;
            }
            "size" => {
                let attributes = document.attributes(&element)?;
                reading.size = attributes.get("package").and_then(|size| size.parse().ok());
                document.skip()?;
            }
            "time" => {
                let attributes = document.attributes(&element)?;
                reading.built = attributes.get("build").and_then(|time| time.parse().ok());
                document.skip()?;
            }
            "location" => {
                let attributes = document.attributes(&element)?;
                // Elsewhere than in the repository: not the repository's to say.
                if attributes.contains_key("xml:base") {
                    return Err(document.error("`xml:base` is not supported"));
                }
                let href = attributes.get("href").map_or("", String::as_str);
                reading.location = Some(below_root(href).map_err(|it| document.error(it))?);
                document.skip()?;
            }
            "format" => format(document, &mut reading)?,
            _ => document.skip()?,
        }
    }
    reading.finish(document)
}

impl Reading {
    fn finish(self, document: &Document<'_>) -> Result<Option<Offer>, IndexError> {
        let lacks = |what: &str| {
            document.error(format!("the package `{}` has no {what}", shown(&self.name)))
        };
        for (what, value) in
            [("name", &self.name), ("version", &self.version), ("architecture", &self.architecture)]
        {
            if value.is_empty() {
                return Err(lacks(what));
            }
        }
        let location = self.location.clone().ok_or_else(|| lacks("location"))?;
        let size = self.size.ok_or_else(|| lacks("size"))?;
        let Some(checksum) = self.checksum else { return Ok(None) };
        Ok(Some(Offer {
            kind: "rpm",
            source: self.source.as_deref().and_then(source),
            name: self.name,
            architecture: self.architecture,
            version: self.version,
            location,
            checksum,
            size,
            built: self.built,
            depends: self.depends,
            provides: self.provides,
        }))
    }
}

fn format(document: &mut Document<'_>, reading: &mut Reading) -> Result<(), IndexError> {
    while let Some(piece) = document.next()? {
        let element = match piece {
            Piece::Open(element) => element,
            Piece::Close => break,
            Piece::Text(_) => continue,
        };
        match &*element.name {
            "sourcerpm" => reading.source = Some(document.text()?),
            "provides" => {
                let provided = |it: Dependency| Provided {
                    name: it.name,
                    version: it.version.map(|(_, version)| version),
                };
                reading.provides = entries(document)?.into_iter().map(provided).collect();
            }
            "requires" => {
                reading.depends = entries(document)?.into_iter().map(|it| vec![it]).collect();
            }
            _ => document.skip()?,
        }
    }
    Ok(())
}

fn entries(document: &mut Document<'_>) -> Result<Vec<Dependency>, IndexError> {
    let mut entries = Vec::new();
    while let Some(piece) = document.next()? {
        match piece {
            Piece::Open(element) => {
                let mut attributes = document.attributes(&element)?;
                let name = attributes.remove("name").unwrap_or_default();
                let relation = match attributes.get("flags").map(String::as_str) {
                    Some("LT") => Some(Relation::Less),
                    Some("LE") => Some(Relation::LessOrEqual),
                    Some("EQ") => Some(Relation::Equal),
                    Some("GE") => Some(Relation::GreaterOrEqual),
                    Some("GT") => Some(Relation::Greater),
                    _ => None,
                };
                let version = relation.and_then(|it| Some((it, version(&attributes)?)));
                entries.push(Dependency { name, architecture: None, version });
                document.skip()?;
            }
            Piece::Close => break,
            Piece::Text(_) => {}
        }
        if entries.len() > ENTRIES_MAX {
            return Err(document.error("a package needs or provides too much"));
        }
    }
    Ok(entries)
}

/// `EPOCH:VERSION-RELEASE`, without an epoch of 0 and without a release that is not there.
fn version(attributes: &BTreeMap<String, String>) -> Option<String> {
    let version = attributes.get("ver").filter(|version| !version.is_empty())?;
    let fits = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let epoch = attributes.get("epoch").filter(|epoch| !epoch.is_empty() && *epoch != "0");
    let epoch = epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
    let release = attributes.get("rel").filter(|release| !release.is_empty());
    let release = release.map_or(String::new(), |release| format!("-{release}"));
    Some(format!("{epoch}{version}{release}")).filter(|version| fits(version))
}

/// Name and version of `NAME-VERSION-RELEASE.src.rpm`.
fn source(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name.to_owned(), format!("{version}-{release}")))
}

/// A value that stands in lockfiles and in messages.
fn word(document: &mut Document<'_>) -> Result<String, IndexError> {
    let text = document.text()?;
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text)
    } else {
        Err(document.error(format!("`{}` is not one word", shown(&text))))
    }
}

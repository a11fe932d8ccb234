//! Java archives, with the archives in them: what Maven noted in `META-INF/maven`, else the manifest.
//! <https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html>.

use super::super::Package;
use super::tree::name;
use super::{Content, Entry, Mark, MarkError, PACKAGES_MAX, Tree, package};
use crate::archive::zip::{self, Archive, ZipError};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};

const SUFFIXES: [&[u8]; 5] = [b".jar", b".war", b".ear", b".hpi", b".jpi"];
const MANIFEST: &[u8] = b"META-INF/MANIFEST.MF";
const MAVEN: &[u8] = b"META-INF/maven/";
const PROPERTIES: &[u8] = b"/pom.properties";

/// Smaller files are no archives, in bytes.
const SIZE_MIN: u64 = 22;

/// Bytes of a manifest or of Maven's properties. Manifests of signed archives list all files.
const TEXT_MAX: u64 = 16 << 20;

/// Archives in archives: a web application in an enterprise application has libraries.
const DEPTH_MAX: usize = 4;

/// Bytes of all archives in one archive.
const NESTED_MAX: u64 = 1 << 30;

/// Archives in one archive.
const NESTED_COUNT_MAX: usize = 8192;

/// Java archives by their names.
#[derive(Debug)]
pub(super) struct Jar;

impl Mark for Jar {
    fn purl_types(&self) -> &'static [&'static str] {
        &["maven"]
    }

    fn matches(&self, entry: Entry<'_>) -> bool {
        entry.size >= SIZE_MIN && is_archive(entry.path)
    }

    fn read(&self, tree: Tree<'_>, path: &[u8]) -> Result<Vec<Package>, MarkError> {
        let Some(file) = (tree.open)(path)? else { return Ok(Vec::new()) };
        let mut search = Search { found: Vec::new(), nested: 0, nested_size: 0 };
        search.archive(file, name(path), 0)?;
        search.found.iter().map(Coordinates::package).collect()
    }

    fn owned(&self, _tree: Tree<'_>, path: &[u8]) -> Result<Vec<Vec<u8>>, MarkError> {
        Ok(vec![path.to_vec()])
    }
}

fn is_archive(path: &[u8]) -> bool {
    SUFFIXES.iter().any(|suffix| {
        let end = path.len().checked_sub(suffix.len()).and_then(|start| path.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    })
}

/// What tells an artifact from others: <https://maven.apache.org/pom.html#Maven_Coordinates>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::package) struct Coordinates {
    /// Empty where nothing tells it.
    group: String,
    artifact: String,
    version: String,
}

impl Coordinates {
    /// `GROUP:ARTIFACT`, as Maven writes it.
    pub(in crate::package) fn name(&self) -> String {
        if self.group.is_empty() {
            self.artifact.clone()
        } else {
            format!("{}:{}", self.group, self.artifact)
        }
    }

    pub(in crate::package) fn version(&self) -> &str {
        &self.version
    }

    fn package(&self) -> Result<Package, MarkError> {
        package("maven", &self.name(), &self.version)
    }
}

struct Search {
    found: Vec<Coordinates>,
    nested: usize,
    nested_size: u64,
}

impl Search {
    fn archive(
        &mut self,
        file: impl Read + Seek,
        name: &[u8],
        depth: usize,
    ) -> Result<(), MarkError> {
        let mut archive = Archive::open(file, &zip::Limits::default())?;
        let mut own = noted(&mut archive)?;
        if own.is_empty() {
            own.extend(of_manifest(&mut archive, name)?);
        }
        self.found.append(&mut own);
        if self.found.len() > PACKAGES_MAX {
            return Err(MarkError::malformed("it holds too many packages"));
        }
        let inner: Vec<zip::Entry> =
            archive.entries().iter().filter(|entry| is_archive(&entry.name)).cloned().collect();
        for entry in inner {
            self.nested += 1;
            self.nested_size = self.nested_size.saturating_add(entry.size);
            if depth >= DEPTH_MAX || self.nested > NESTED_COUNT_MAX || self.nested_size > NESTED_MAX
            {
                return Err(MarkError::malformed(
                    "the archives in it are too many, too large or too deep",
                ));
            }
            if entry.size >= SIZE_MIN {
                let content = archive.read(&entry, NESTED_MAX)?;
                self.archive(Cursor::new(content), super::tree::name(&entry.name), depth + 1)?;
            }
        }
        Ok(())
    }
}

/// What Maven noted: of an archive that was put together from several, each.
fn noted(archive: &mut Archive<impl Read + Seek>) -> Result<Vec<Coordinates>, MarkError> {
    let is_note =
        |entry: &&zip::Entry| entry.name.starts_with(MAVEN) && entry.name.ends_with(PROPERTIES);
    let notes: Vec<zip::Entry> = archive.entries().iter().filter(is_note).cloned().collect();
    let mut found = Vec::new();
    for note in notes {
        let text = archive.read(&note, TEXT_MAX)?;
        found.extend(properties(&text));
    }
    Ok(found)
}

/// The coordinates of the archive itself; none where it does not say, or says several.
pub(in crate::package) fn top_coordinates(
    archive: &mut Archive<impl Content>,
) -> Result<Option<Coordinates>, MarkError> {
    let mut noted = noted(archive)?;
    Ok(if noted.len() == 1 { noted.pop() } else { None })
}

fn properties(text: &[u8]) -> Option<Coordinates> {
    let text = String::from_utf8_lossy(text);
    let value = |key: &str| {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let found = pairs.into_iter().find(|(found, _)| found.trim() == key);
        found.map(|(_, value)| value.trim().to_owned()).filter(|value| is_word(value))
    };
    let (group, artifact) = (value("groupId")?, value("artifactId")?);
    Some(Coordinates { group, artifact, version: value("version")? })
}

/// The title and the version of the manifest, else those of the file's name. Manifests have any
/// text there: what is not a word is no version.
fn of_manifest(
    archive: &mut Archive<impl Read + Seek>,
    file: &[u8],
) -> Result<Option<Coordinates>, MarkError> {
    let Some(entry) = archive.entry(MANIFEST)? else { return Ok(None) };
    let text = archive.read(&entry, TEXT_MAX)?;
    let fields = main_section(&text);
    let field = |keys: &[&str]| {
        keys.iter().find_map(|key| fields.get(*key).filter(|value| is_word(value))).cloned()
    };
    let of_file = name_and_version(file);
    let version = field(&["implementation-version", "bundle-version", "specification-version"]);
    let version = of_file.as_ref().map(|(_, version)| version.clone()).or(version);
    let title = field(&["implementation-title", "automatic-module-name", "extension-name"]);
    // Directives may follow: `org.example.thing; singleton:=true`.
    let symbolic = fields.get("bundle-symbolicname").and_then(|value| value.split(';').next());
    let symbolic = symbolic.map(|name| name.trim().to_owned()).filter(|name| is_word(name));
    let artifact = of_file.map(|(name, _)| name).or(title).or(symbolic);
    let group = field(&["implementation-vendor-id"]).unwrap_or_default();
    Ok(artifact.zip(version).map(|(artifact, version)| Coordinates { group, artifact, version }))
}

/// The fields before the first empty line, by lower-case name. Long values go on in lines that
/// start with a blank.
fn main_section(text: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(text);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        match (line.strip_prefix(' '), fields.last_mut(), line.split_once(':')) {
            (Some(more), Some((_, value)), _) => value.push_str(more),
            (None, _, Some((name, value))) => {
                fields.push((name.to_ascii_lowercase(), value.trim_start().to_owned()));
            }
            _ => {}
        }
    }
    fields.into_iter().map(|(name, value)| (name, value.trim_end().to_owned())).collect()
}

/// `commons-lang3-3.12.0.jar`.
fn name_and_version(file: &[u8]) -> Option<(String, String)> {
    let file = std::str::from_utf8(file).ok()?;
    let (stem, _) = file.rsplit_once('.')?;
    let is_start = |(at, _): &(usize, &str)| {
        stem.get(at + 1..)
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    let (at, _) = stem.match_indices('-').find(is_start)?;
    let (name, version) = (stem.get(..at)?, stem.get(at + 1..)?);
    (is_word(name) && is_word(version)).then(|| (name.to_owned(), version.to_owned()))
}

fn is_word(text: &str) -> bool {
    // What a build left unexpanded.
    let is_open = text.contains("${") || text.contains('@');
    super::word("", text).is_ok() && !is_open
}

impl From<ZipError> for MarkError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Read(error) => error.into(),
            other => Self::malformed(other.to_string()),
        }
    }
}

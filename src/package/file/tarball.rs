//! Compressed tar archives with everything in one folder: source distributions of Python
//! (<https://packaging.python.org/en/latest/specifications/source-distribution-format/>), packages of
//! npm, crates.

use super::super::marks::{npm_manifest, python_metadata, python_name};
use super::super::{PackageFile, PackageFileError};
use super::package;
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Entry, Kind};
use std::io::Read;

/// Bytes that are unpacked to find out. What says it may come last.
const UNPACKED_MAX: u64 = 128 << 20;

/// Bytes of the file that says what the package is.
const TEXT_MAX: u64 = 8 << 20;

/// The folder of npm's own packages.
const NPM_FOLDER: &str = "package";

/// Who makes the packages of types calls the folder after the package.
const NPM_TYPES: &str = "@types/";

pub(super) fn identify(file: impl Read + Send) -> Result<Option<PackageFile>, PackageFileError> {
    let limits = compression::Limits {
        output_max: UNPACKED_MAX,
        ratio_free: UNPACKED_MAX,
        ..compression::Limits::default()
    };
    let (_, unpacked) = decoder_within(file, &limits)?;
    let mut files = tar::Reader::new(unpacked, tar::Limits::default());
    // Anything can be compressed: what is no archive at all is no malformed package.
    let Ok(Some(first)) = files.next_entry() else { return Ok(None) };
    let Some(folder) = folder(&first).map(str::to_owned) else { return Ok(None) };
    let mut seen = Seen { folder: &folder, crate_file: None, has_original: false };
    let mut next = Some(first);
    while let Some(entry) = next {
        // Certain only where everything is in one folder.
        let Some(path) = seen.within(&entry) else { return Ok(None) };
        let is_wanted =
            matches!(path, "package.json" | "PKG-INFO" | "Cargo.toml" | "Cargo.toml.orig");
        if is_wanted && entry.kind == Kind::File && entry.size <= TEXT_MAX {
            let path = path.to_owned();
            let mut text = Vec::new();
            files.copy_body(&mut |bytes| {
                text.extend_from_slice(bytes);
                Ok(())
            })?;
            if let Some(found) = seen.take(&path, &text)? {
                return Ok(Some(found));
            }
        }
        next = files.next_entry()?;
    }
    Ok(None)
}

/// The first component of an entry's path, if a package may have such a folder.
fn folder(entry: &Entry) -> Option<&str> {
    let path = std::str::from_utf8(&entry.path).ok()?;
    path.split('/').next().filter(|folder| !folder.is_empty())
}

/// What was found so far.
struct Seen<'a> {
    folder: &'a str,
    crate_file: Option<PackageFile>,
    /// The manifest as its author wrote it, which cargo puts beside the one that it makes of it: no
    /// other archive of a repository has it.
    has_original: bool,
}

impl Seen<'_> {
    /// The path of an entry in the folder.
    fn within<'e>(&self, entry: &'e Entry) -> Option<&'e str> {
        // Names of files deeper down are in any encoding.
        let Some(slash) = entry.path.iter().position(|byte| *byte == b'/') else {
            return (entry.path == self.folder.as_bytes()).then_some("");
        };
        let (folder, path) = entry.path.split_at_checked(slash)?;
        let path = path.get(1..).and_then(|path| std::str::from_utf8(path).ok());
        (folder == self.folder.as_bytes()).then(|| path.unwrap_or_default())
    }

    fn take(&mut self, path: &str, text: &[u8]) -> Result<Option<PackageFile>, PackageFileError> {
        match path {
            "package.json" => return self.npm(text),
            "PKG-INFO" => return self.python(text),
            "Cargo.toml" => self.crate_file = self.manifest(text),
            _ => self.has_original = true,
        }
        Ok(if self.has_original { self.crate_file.take() } else { None })
    }

    fn npm(&self, text: &[u8]) -> Result<Option<PackageFile>, PackageFileError> {
        let is_types =
            |name: &str| name.strip_prefix(NPM_TYPES).is_some_and(|name| name == self.folder);
        let found = npm_manifest(text)?;
        let found = found.filter(|(name, _)| self.folder == NPM_FOLDER || is_types(name));
        Ok(found.map(|(name, version)| package("npm", name, version)))
    }

    /// The folder of a source distribution is called after it.
    fn python(&self, text: &[u8]) -> Result<Option<PackageFile>, PackageFileError> {
        let (name, version) = python_metadata(text)?;
        let is_own = python_name(self.folder) == python_name(&format!("{name}-{version}"));
        Ok(is_own.then(|| package("pypi", name, version)))
    }

    fn manifest(&self, text: &[u8]) -> Option<PackageFile> {
        let manifest: toml::Table = std::str::from_utf8(text).ok()?.parse().ok()?;
        let field = |field: &str| manifest.get("package")?.get(field)?.as_str().map(str::to_owned);
        let (name, version) = (field("name")?, field("version")?);
        let is_own = self.folder == format!("{name}-{version}");
        is_own.then(|| package("cargo", name, version))
    }
}

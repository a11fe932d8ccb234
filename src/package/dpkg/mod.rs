//! dpkg's database, and what apt adds to it: Debian, Ubuntu and distroless images.

mod owned;

use super::deb822::{Paragraph, SyntaxError, paragraphs};
use super::{Files, Owned, Package, PackageDatabase, PackageError, SourcePackage, shown};
use std::collections::BTreeSet;

const STATUS: &str = "var/lib/dpkg/status";
/// Distroless images have one file a package, because layers cannot append to a file.
const STATUS_DIRECTORY: &str = "var/lib/dpkg/status.d";
const EXTENDED_STATES: &str = "var/lib/apt/extended_states";

/// `/var/lib/dpkg/status`, `/var/lib/dpkg/status.d/*` and `/var/lib/apt/extended_states`.
#[derive(Debug)]
pub(super) struct Dpkg;

impl PackageDatabase for Dpkg {
    fn purl_type(&self) -> &'static str {
        "deb"
    }

    fn paths(&self) -> &'static [&'static str] {
        &[STATUS, STATUS_DIRECTORY, EXTENDED_STATES]
    }

    fn read(&self, files: Files<'_>) -> Result<Vec<Package>, PackageError> {
        let automatic = read_file(files, EXTENDED_STATES.as_bytes(), automatic_packages)?;
        let automatic = automatic.unwrap_or_default();
        let status = read_file(files, STATUS.as_bytes(), |text| packages(text, &automatic))?;
        let mut found: BTreeSet<Package> = status.unwrap_or_default().into_iter().collect();
        for path in status_directory(files)? {
            let read = read_file(files, &path, |text| distroless_packages(text, &automatic))?;
            found.extend(read.unwrap_or_default());
        }
        Ok(found.into_iter().collect())
    }

    fn owned(&self, files: Files<'_>) -> Result<Vec<Owned>, PackageError> {
        owned::owned(self.read(files)?, files)
    }
}

fn status_directory(files: Files<'_>) -> Result<Vec<Vec<u8>>, PackageError> {
    let mut names = files.names(STATUS_DIRECTORY.as_bytes())?;
    // Beside each package stands the list of its files.
    names.retain(|name| !name.ends_with(b".md5sums"));
    Ok(names.iter().map(|name| [STATUS_DIRECTORY.as_bytes(), b"/", name].concat()).collect())
}

fn read_file<T>(
    files: Files<'_>,
    path: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, SyntaxError>,
) -> Result<Option<T>, PackageError> {
    let Some(text) = files.content(path)? else { return Ok(None) };
    let malformed = |error: SyntaxError| PackageError::malformed(path, error.line, error.reason);
    parse(&text).map(Some).map_err(malformed)
}

/// Name and architecture of the packages that apt installed for the sake of others.
pub(super) type Automatic = BTreeSet<(String, String)>;

fn automatic_packages(text: &[u8]) -> Result<Automatic, SyntaxError> {
    let mut automatic = Automatic::new();
    for paragraph in paragraphs(text)? {
        let (name, _) = paragraph.required("Package")?;
        let architecture = paragraph.field("Architecture").map_or("", |(value, _)| value);
        if paragraph.field("Auto-Installed").is_some_and(|(value, _)| value == "1") {
            automatic.insert((name.to_owned(), architecture.to_owned()));
        }
    }
    Ok(automatic)
}

/// The packages of `status` whose files are in place.
fn packages(text: &[u8], automatic: &Automatic) -> Result<Vec<Package>, SyntaxError> {
    let mut packages = Vec::new();
    let mut names = BTreeSet::new();
    for paragraph in paragraphs(text)? {
        let (status, line) = paragraph.required("Status")?;
        if !is_in_place(status).map_err(|reason| SyntaxError::new(line, reason))? {
            continue;
        }
        let package = package(&paragraph, automatic)?;
        if !names.insert((package.name.clone(), package.architecture.clone())) {
            let reason = format!("`{}:{}` is there twice", package.name, package.architecture);
            return Err(SyntaxError::new(paragraph.line, reason));
        }
        packages.push(package);
    }
    Ok(packages)
}

/// The packages of a file of `status.d`, which often has no `Status`.
fn distroless_packages(text: &[u8], automatic: &Automatic) -> Result<Vec<Package>, SyntaxError> {
    paragraphs(text)?.iter().map(|paragraph| package(paragraph, automatic)).collect()
}

/// Whether the last word of `Status` says that the package's files are there: installed, or
/// unpacked and waiting for its configuration or a trigger. What was removed and left its
/// configuration files is not there, nor is what dpkg broke off in the middle.
/// States: <https://manpages.debian.org/bookworm/dpkg/dpkg.1.en.html#Package_states>.
fn is_in_place(status: &str) -> Result<bool, String> {
    match status.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        [
            _,
            _,
            "installed" | "unpacked" | "half-configured" | "triggers-awaited" | "triggers-pending",
        ] => Ok(true),
        [_, _, "not-installed" | "config-files" | "half-installed"] => Ok(false),
        _ => Err(format!("`{}` is not a state of dpkg", shown(status))),
    }
}

/// The package that a paragraph is about.
pub(super) fn package(
    paragraph: &Paragraph<'_>,
    automatic: &Automatic,
) -> Result<Package, SyntaxError> {
    let name = word(paragraph, "Package", is_name)?;
    let version = word(paragraph, "Version", is_version)?;
    let architecture = word(paragraph, "Architecture", is_name)?;
    let source = match paragraph.field("Source") {
        Some((value, line)) => source(value, &version).ok_or_else(|| {
            SyntaxError::new(line, format!("`{}` is not a source package", shown(value)))
        })?,
        None => SourcePackage { name: name.clone(), version: version.clone() },
    };
    let automatic = is_automatic(automatic, &name, &architecture);
    Ok(Package { kind: "deb", name, architecture, version, source: Some(source), automatic })
}

/// apt notes a package for all architectures under the machine's own one.
fn is_automatic(automatic: &Automatic, name: &str, architecture: &str) -> bool {
    let of_name = (name.to_owned(), String::new())..;
    automatic
        .range(of_name)
        .take_while(|(known, _)| known == name)
        .any(|(_, known)| known == architecture || known.is_empty() || architecture == "all")
}

/// `NAME` or `NAME (VERSION)`:
/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#source>.
fn source(value: &str, binary_version: &str) -> Option<SourcePackage> {
    let (name, version) = match value.split_once('(') {
        Some((name, version)) => (name.trim_end(), version.strip_suffix(')')?.trim()),
        None => (value, binary_version),
    };
    (is_name(name) && is_version(version))
        .then(|| SourcePackage { name: name.to_owned(), version: version.to_owned() })
}

fn word(
    paragraph: &Paragraph<'_>,
    field: &str,
    fits: fn(&str) -> bool,
) -> Result<String, SyntaxError> {
    let (value, line) = paragraph.required(field)?;
    if fits(value) {
        return Ok(value.to_owned());
    }
    Err(SyntaxError::new(line, format!("`{field}`: `{}` has a wrong character", shown(value))))
}

/// As dpkg's `pkg_name_is_illegal` has it, laxer than Debian's policy.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte))
}

/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#version>.
fn is_version(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:_".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests;

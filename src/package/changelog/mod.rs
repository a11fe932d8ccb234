//! The changelog inside a package file. Slim images remove it from the tree, the package has it.
//! <https://www.debian.org/doc/debian-policy/ch-docs.html#changelog-files-and-release-notes>

mod date;

pub use date::changelog_date;

use super::{PackageFile, PackageFileError, deb, rpm};
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Entry, Kind};
use std::io::{self, Read};

/// Bytes of a changelog, compressed and not. The longest in Debian have three million.
const CHANGELOG_MAX: u64 = 32 << 20;

/// Bytes of all files of a package.
const DATA_MAX: u64 = 32 << 30;

/// What an rpm starts with.
const RPM_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// How the name of the member starts that holds the files.
const DATA_MEMBER: &[u8] = b"data.tar";

/// What a package file says of its own history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changelog {
    /// In the form of deb-changelog(5), the newest entry first.
    Text(Vec<u8>),
    /// In another package, that this one depends on: its directory of documentation is a link.
    In {
        /// Name of that package.
        package: String,
    },
    /// Nowhere.
    None,
}

impl Changelog {
    /// The text, where it is in the package itself.
    pub fn into_text(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text),
            Self::In { .. } | Self::None => None,
        }
    }
}

/// The changelog inside a package file: of a .deb, the packager's, with the entries of rebuilds on
/// top; of an rpm, that of its header. Reads the whole file where a .deb has none. A file that is
/// no package of a kind that has changelogs (an apk, a wheel) has none.
pub fn changelog(mut file: impl Read + Send) -> Result<Changelog, PackageFileError> {
    let mut magic = Vec::new();
    file.by_ref().take(RPM_MAGIC.len() as u64).read_to_end(&mut magic)?;
    let file = io::Cursor::new(magic.clone()).chain(file);
    if magic == RPM_MAGIC {
        return Ok(rpm::changelog(file)?.map_or(Changelog::None, Changelog::Text));
    }
    let Some((package, mut archive)) = deb::open(file)? else { return Ok(Changelog::None) };
    while let Some(member) = archive.next_member()? {
        if member.name.starts_with(DATA_MEMBER) {
            return of_data(&package, archive.content());
        }
    }
    Err(PackageFileError::malformed("it has no `data.tar`"))
}

/// What was found in the directory of documentation.
#[derive(Debug, Default)]
struct Found {
    /// `changelog.Debian.gz`
    own: Option<Vec<u8>>,
    /// `changelog.Debian.ARCHITECTURE.gz`: entries of rebuilds for that architecture.
    rebuilds: Option<Vec<u8>>,
    /// `changelog.gz`: of a package that is Debian's own the changelog, else what upstream says.
    plain: Option<Vec<u8>>,
    /// The package that a link leads to.
    elsewhere: Option<String>,
}

fn of_data(package: &PackageFile, data: impl Read + Send) -> Result<Changelog, PackageFileError> {
    let limits = compression::Limits { output_max: DATA_MAX, ..compression::Limits::default() };
    let (_, unpacked) = decoder_within(data, &limits)?;
    let mut files = tar::Reader::new(unpacked, tar::Limits::default());
    let directory = format!("usr/share/doc/{}", package.name);
    let mut found = Found::default();
    while let Some(entry) = files.next_entry()? {
        let name = below(&entry.path, directory.as_bytes());
        // Archives are sorted: behind the directory nothing of it follows.
        if name.is_none() && found.own.is_some() {
            break;
        }
        let Some(name) = name else { continue };
        match entry.kind {
            Kind::Symlink => found.link(name, &entry, &package.name),
            Kind::File if Which::of(name).is_some() => {
                let content = content(&mut files, &entry)?;
                found.file(name, content);
            }
            _ => {}
        }
    }
    let is_native = !package.version.contains('-');
    Ok(found.into_changelog(is_native))
}

/// The name within a directory; empty for the directory itself.
fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    match path.strip_prefix(directory)? {
        [] => Some(&[]),
        [b'/', name @ ..] => Some(name),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Own,
    Rebuilds,
    Plain,
}

impl Which {
    fn of(name: &[u8]) -> Option<Self> {
        match name.strip_suffix(b".gz").unwrap_or(name) {
            b"changelog.Debian" => Some(Self::Own),
            b"changelog" => Some(Self::Plain),
            other if other.starts_with(b"changelog.Debian.") => Some(Self::Rebuilds),
            _ => None,
        }
    }
}

impl Found {
    fn file(&mut self, name: &[u8], content: Vec<u8>) {
        match Which::of(name) {
            Some(Which::Own) => self.own = Some(content),
            Some(Which::Rebuilds) => self.rebuilds = Some(content),
            Some(Which::Plain) => self.plain = Some(content),
            None => {}
        }
    }

    /// `libfoo-dev -> libfoo1`, or `changelog.Debian.gz -> ../libfoo1/changelog.Debian.gz`.
    fn link(&mut self, name: &[u8], entry: &Entry, own: &str) {
        let target = String::from_utf8_lossy(&entry.link);
        let mut parts = target.rsplit('/').filter(|part| !part.is_empty());
        let package = match Which::of(name) {
            _ if name.is_empty() => parts.next(),
            Some(Which::Own | Which::Plain) => parts.nth(1),
            _ => None,
        };
        let is_name = |name: &&str| {
            *name != own && super::dpkg::is_name(name) && *name != ".." && *name != "."
        };
        if let Some(package) = package.filter(is_name) {
            self.elsewhere = Some(package.to_owned());
        }
    }

    fn into_changelog(self, is_native: bool) -> Changelog {
        let own = self.own.or(self.plain.filter(|_| is_native));
        match (own, self.elsewhere) {
            (Some(own), _) => {
                let mut text = self.rebuilds.unwrap_or_default();
                text.extend(own);
                Changelog::Text(text)
            }
            (None, Some(package)) => Changelog::In { package },
            (None, None) => Changelog::None,
        }
    }
}

fn content<R: Read>(
    files: &mut tar::Reader<R>,
    entry: &Entry,
) -> Result<Vec<u8>, PackageFileError> {
    if entry.size > CHANGELOG_MAX {
        return Err(PackageFileError::malformed("its changelog is too large"));
    }
    let mut packed = Vec::new();
    files.copy_body(&mut |bytes| {
        packed.extend_from_slice(bytes);
        Ok(())
    })?;
    let limits = compression::Limits {
        output_max: CHANGELOG_MAX,
        ratio_free: CHANGELOG_MAX,
        ..compression::Limits::default()
    };
    let mut text = Vec::new();
    decoder_within(&*packed, &limits)?.1.read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;

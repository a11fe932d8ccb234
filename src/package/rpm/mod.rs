//! rpm's database, in each of its three forms: Fedora, RHEL and its kin, SUSE. And its package files.

mod bdb;
mod bytes;
mod changelog;
mod contents;
mod control;
mod file;
mod header;
mod ndb;
mod sqlite;
mod wal;

use super::places::Places;
use super::{Files, Owned, Package, PackageDatabase, PackageError, SourcePackage, is_word, shown};
use bytes::Damage;
pub(super) use changelog::changelog;
pub(super) use contents::contents;
pub(super) use control::control;
pub(super) use file::identify;
use header::Header;
use std::collections::{BTreeMap, BTreeSet};

/// Where distributions have the database. One is often a link to another.
const DIRECTORIES: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

/// Tags: <https://rpm-software-management.github.io/rpm/manual/tags.html>.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCHITECTURE: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const FILE_STATES: u32 = 1029;
const SOURCE_RPM: u32 = 1044;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;

/// The state of a file that is in the tree.
const STATE_NORMAL: u8 = 0;

/// `rpmdb.sqlite`, `Packages.db` or `Packages` in one of the usual directories.
///
/// Keys that signatures are verified with are entries like others (`gpg-pubkey`, without an
/// architecture), as `rpm -qa` lists them.
#[derive(Debug)]
pub(super) struct Rpm;

impl PackageDatabase for Rpm {
    fn purl_type(&self) -> &'static str {
        "rpm"
    }

    fn paths(&self) -> &'static [&'static str] {
        &DIRECTORIES
    }

    fn read(&self, files: Files<'_>) -> Result<Vec<Package>, PackageError> {
        let mut packages = BTreeSet::new();
        each_header(files, &mut |path, header| {
            packages.insert(package(header).map_err(|damage| damage.of(path))?);
            Ok(())
        })?;
        Ok(packages.into_iter().collect())
    }

    fn owned(&self, files: Files<'_>) -> Result<Vec<Owned>, PackageError> {
        let mut places = Places::new(files, DIRECTORIES[0]);
        let mut owned: BTreeMap<Package, Vec<Vec<u8>>> = BTreeMap::new();
        each_header(files, &mut |path, header| {
            let package = package(header).map_err(|damage| damage.of(path))?;
            let listed = paths(header).map_err(|damage| damage.of(path))?;
            let placed: Result<Vec<_>, _> = listed
                .iter()
                .map(|(directory, name)| places.place(&[*directory, *name].concat()))
                .collect();
            owned.entry(package).or_default().extend(placed?);
            Ok(())
        })?;
        let owned = owned.into_iter().map(|(package, mut paths)| {
            paths.sort();
            paths.dedup();
            Owned { package, paths }
        });
        Ok(owned.collect())
    }
}

impl Damage {
    fn of(self, path: &[u8]) -> PackageError {
        PackageError::damaged(path, self.reason)
    }
}

type EachHeader<'a> = dyn FnMut(&[u8], &Header<'_>) -> Result<(), PackageError> + 'a;

/// Hands out the headers of every database of the tree, each with the path of its database.
fn each_header(files: Files<'_>, each: &mut EachHeader<'_>) -> Result<(), PackageError> {
    let mut places = Places::new(files, DIRECTORIES[0]);
    let mut seen = BTreeSet::new();
    for directory in DIRECTORIES {
        let place = places.directory(directory.as_bytes())?;
        if seen.insert(place.clone()) {
            each_in(files, &place, each)?;
        }
    }
    Ok(())
}

/// rpm uses one form at a time; where files of several are there, the newest is in use.
fn each_in(
    files: Files<'_>,
    directory: &[u8],
    each: &mut EachHeader<'_>,
) -> Result<(), PackageError> {
    let path = |name: &str| [directory, b"/", name.as_bytes()].concat();
    let sqlite = path("rpmdb.sqlite");
    if let Some(database) = files.content(&sqlite)? {
        let log = files.content(&path("rpmdb.sqlite-wal"))?.unwrap_or_default();
        let headers = sqlite::headers(&database, &log).map_err(|damage| damage.of(&sqlite))?;
        return each_blob(&sqlite, headers.iter().map(Vec::as_slice), each);
    }
    let ndb = path("Packages.db");
    if let Some(database) = files.content(&ndb)? {
        let headers = ndb::headers(&database).map_err(|damage| damage.of(&ndb))?;
        return each_blob(&ndb, headers.into_iter(), each);
    }
    let bdb = path("Packages");
    if let Some(database) = files.content(&bdb)? {
        let headers = bdb::headers(&database).map_err(|damage| damage.of(&bdb))?;
        return each_blob(&bdb, headers.iter().map(Vec::as_slice), each);
    }
    Ok(())
}

fn each_blob<'a>(
    path: &[u8],
    mut blobs: impl Iterator<Item = &'a [u8]>,
    each: &mut EachHeader<'_>,
) -> Result<(), PackageError> {
    blobs.try_for_each(|blob| {
        let header = Header::parse(blob).map_err(|damage| damage.of(path))?;
        each(path, &header)
    })
}

/// The package that a header is about.
fn package(header: &Header<'_>) -> Result<Package, Damage> {
    let name = word(header, NAME, "name")?;
    let version = word(header, VERSION, "version")?;
    let release = word(header, RELEASE, "release")?;
    let epoch = header.numbers(EPOCH)?.first().copied().filter(|epoch| *epoch > 0);
    let with_epoch = |text: String| match epoch {
        Some(epoch) => format!("{epoch}:{text}"),
        None => text,
    };
    let version = format!("{version}-{release}");
    let source = source(header)?.map(|(name, of_source)| {
        // The file's name has no epoch. Packages of the same version are of the same epoch.
        let of_source = if of_source == version { with_epoch(of_source) } else { of_source };
        SourcePackage { name, version: of_source }
    });
    Ok(Package {
        kind: "rpm",
        name,
        architecture: architecture(header)?,
        version: with_epoch(version),
        source,
        automatic: false,
    })
}

/// Keys have none.
fn architecture(header: &Header<'_>) -> Result<String, Damage> {
    if header.has(ARCHITECTURE) {
        word(header, ARCHITECTURE, "architecture")
    } else {
        Ok(String::new())
    }
}

/// Name and `VERSION-RELEASE` of the package that `NAME-VERSION-RELEASE.src.rpm` is.
fn source(header: &Header<'_>) -> Result<Option<(String, String)>, Damage> {
    if !header.has(SOURCE_RPM) {
        return Ok(None);
    }
    let file = word(header, SOURCE_RPM, "source")?;
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"));
    let parts = stem.and_then(|stem| {
        let (rest, release) = stem.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        Some((name, format!("{version}-{release}")))
    });
    Ok(parts.filter(|(name, _)| !name.is_empty()).map(|(name, version)| (name.to_owned(), version)))
}

fn word(header: &Header<'_>, tag: u32, what: &str) -> Result<String, Damage> {
    let text = header.string(tag)?.ok_or_else(|| Damage::new(format!("a header has no {what}")))?;
    match std::str::from_utf8(text) {
        Ok(text) if is_word(text) => Ok(text.to_owned()),
        _ => {
            let text = shown(&String::from_utf8_lossy(text));
            Err(Damage::new(format!("the {what} `{text}` has a wrong character")))
        }
    }
}

/// A directory, which ends with a slash, and a name in it.
type Path<'a> = (&'a [u8], &'a [u8]);

/// Directories and names of the files that are in the tree, those that only may come to be there
/// (`%ghost`) included; those that were left out (documentation) are not.
fn paths<'a>(header: &Header<'a>) -> Result<Vec<Path<'a>>, Damage> {
    let states = header.octets(FILE_STATES)?;
    let is_there = |index: usize| states.get(index).is_none_or(|state| *state == STATE_NORMAL);
    if header.has(OLD_FILE_NAMES) {
        let names = header.strings(OLD_FILE_NAMES)?.into_iter().enumerate();
        return Ok(names
            .filter(|(index, _)| is_there(*index))
            .map(|(_, name)| (&b""[..], name))
            .collect());
    }
    let directories = header.strings(DIRECTORY_NAMES)?;
    let names = header.strings(BASE_NAMES)?;
    let indexes = header.numbers(DIRECTORY_INDEXES)?;
    if names.len() != indexes.len() {
        return Err(Damage::new("a header has files without directories"));
    }
    let mut paths = Vec::new();
    for (index, (name, directory)) in names.into_iter().zip(indexes).enumerate() {
        let directory = bytes::size(directory).and_then(|directory| directories.get(directory));
        let directory =
            directory.ok_or_else(|| Damage::new("a header has files without directories"))?;
        if is_there(index) {
            paths.push((*directory, name));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests;

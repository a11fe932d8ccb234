//! apk's database: Alpine, Wolfi. And its package files.
//! <https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2>

mod control;
mod file;

use super::places::Places;
use super::{Files, Owned, Package, PackageDatabase, PackageError, SourcePackage, is_word, shown};
pub(super) use control::control;
pub(super) use file::identify;
use std::collections::{BTreeMap, BTreeSet};

/// The second is that of systems where `/lib` is a link to `/usr/lib`.
const INSTALLED: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// What was asked for.
const WORLD: &str = "etc/apk/world";

/// What separates a name from what is said about its version or its repository.
const CONSTRAINT: [char; 5] = ['=', '<', '>', '~', '@'];

/// `/lib/apk/db/installed`, `/usr/lib/apk/db/installed` and `/etc/apk/world`.
///
/// A package is automatic if neither the world nor a virtual package of the world (as
/// `apk add --virtual` makes it) names it.
#[derive(Debug)]
pub(super) struct Apk;

impl PackageDatabase for Apk {
    fn purl_type(&self) -> &'static str {
        "apk"
    }

    fn paths(&self) -> &'static [&'static str] {
        &[INSTALLED[0], INSTALLED[1], WORLD]
    }

    fn read(&self, files: Files<'_>) -> Result<Vec<Package>, PackageError> {
        let packages = installed(files, &mut |_, _| Ok(()))?;
        Ok(packages.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn owned(&self, files: Files<'_>) -> Result<Vec<Owned>, PackageError> {
        let mut places = Places::new(files, INSTALLED[0]);
        let mut paths: Vec<BTreeSet<Vec<u8>>> = Vec::new();
        let packages = installed(files, &mut |index, path| {
            paths.resize_with(paths.len().max(index + 1), BTreeSet::new);
            let place = places.place(path)?;
            if let Some(of_package) = paths.get_mut(index).filter(|_| !place.is_empty()) {
                of_package.insert(place);
            }
            Ok(())
        })?;
        let paths = paths.into_iter().chain(std::iter::repeat(BTreeSet::new()));
        let mut owned: BTreeMap<Package, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for (package, paths) in packages.into_iter().zip(paths) {
            owned.entry(package).or_default().extend(paths);
        }
        let owned = owned.into_iter();
        Ok(owned
            .map(|(package, paths)| Owned { package, paths: paths.into_iter().collect() })
            .collect())
    }
}

/// Takes the number of a package, in their order, and a path that is its.
type EachPath<'a> = dyn FnMut(usize, &[u8]) -> Result<(), PackageError> + 'a;

/// The packages of both databases, in their order; one where one is a link to the other.
fn installed(files: Files<'_>, each: &mut EachPath<'_>) -> Result<Vec<Package>, PackageError> {
    let mut places = Places::new(files, INSTALLED[0]);
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for path in INSTALLED {
        if !seen.insert(places.place(path.as_bytes())?) {
            continue;
        }
        if let Some(text) = files.content(path.as_bytes())? {
            read(path, &text, &mut entries, each)?;
        }
    }
    let wanted = files.content(WORLD.as_bytes())?.map(|world| wanted(&world, &entries));
    let package = |entry: Entry| {
        // Without a world nobody knows.
        let automatic = wanted.as_ref().is_some_and(|wanted| !wanted.contains(&entry.name));
        entry.package(automatic)
    };
    Ok(entries.into_iter().map(package).collect())
}

/// A paragraph of the database.
#[derive(Debug, Default)]
struct Entry {
    name: String,
    version: String,
    architecture: String,
    origin: Option<String>,
    depends: String,
    provides: String,
}

impl Entry {
    fn package(self, automatic: bool) -> Package {
        let source = self.origin.map(|name| SourcePackage { name, version: self.version.clone() });
        Package {
            kind: "apk",
            name: self.name,
            architecture: self.architecture,
            version: self.version,
            source,
            automatic,
        }
    }

    fn is_virtual(&self) -> bool {
        self.name.starts_with('.')
    }
}

/// Adds the packages of a database. Lines are a letter, a colon, and a value; an empty line ends a
/// package. Letters that are not known are passed over, as apk does with small ones.
fn read(
    path: &str,
    text: &[u8],
    entries: &mut Vec<Entry>,
    each: &mut EachPath<'_>,
) -> Result<(), PackageError> {
    let mut entry = Entry::default();
    let mut start = 0;
    let mut directory: &[u8] = b"";
    // The file may end without an empty line.
    let lines = text.split(|byte| *byte == b'\n').chain(std::iter::once(&b""[..]));
    for (index, line) in lines.enumerate() {
        let wrong = |reason: String| PackageError::malformed(path.as_bytes(), index + 1, reason);
        let (letter, value) =
            match *line {
                [] if start == 0 => continue,
                [] => {
                    entries.push(complete(std::mem::take(&mut entry)).map_err(|reason| {
                        PackageError::malformed(path.as_bytes(), start, reason)
                    })?);
                    start = 0;
                    directory = b"";
                    continue;
                }
                [letter, b':', ref value @ ..] => (letter, value),
                _ => return Err(wrong("the line is not `LETTER:VALUE`".to_owned())),
            };
        if start == 0 {
            start = index + 1;
        }
        match letter {
            b'P' => entry.name = word(value).map_err(wrong)?,
            b'V' => entry.version = word(value).map_err(wrong)?,
            b'A' => entry.architecture = word(value).map_err(wrong)?,
            b'o' => entry.origin = Some(word(value).map_err(wrong)?),
            b'D' => entry.depends = String::from_utf8_lossy(value).into_owned(),
            b'p' => entry.provides = String::from_utf8_lossy(value).into_owned(),
            b'F' => {
                directory = value;
                each(entries.len(), directory)?;
            }
            b'R' => each(entries.len(), &[directory, b"/", value].concat())?,
            _ => {}
        }
    }
    Ok(())
}

fn complete(entry: Entry) -> Result<Entry, String> {
    let fields = [("name", &entry.name), ("version", &entry.version)];
    match fields.iter().find(|(_, value)| value.is_empty()) {
        None => Ok(entry),
        Some((what, _)) => Err(format!("the package `{}` has no {what}", shown(&entry.name))),
    }
}

fn word(value: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(value);
    if is_word(&text) {
        Ok(text.into_owned())
    } else {
        Err(format!("`{}` is not a word", shown(&text)))
    }
}

/// The names of the packages that were asked for, by their own name or by one that they provide.
fn wanted(world: &[u8], entries: &[Entry]) -> BTreeSet<String> {
    let world = String::from_utf8_lossy(world);
    let mut asked: BTreeSet<&str> = names(&world).collect();
    let virtuals =
        entries.iter().filter(|entry| entry.is_virtual() && asked.contains(&*entry.name));
    let through_virtuals: Vec<&str> = virtuals.flat_map(|entry| names(&entry.depends)).collect();
    asked.extend(through_virtuals);
    let is_wanted = |entry: &&Entry| {
        asked.contains(&*entry.name) || names(&entry.provides).any(|name| asked.contains(name))
    };
    entries.iter().filter(is_wanted).map(|entry| entry.name.clone()).collect()
}

/// The names in a list of dependencies, without those that must not be there.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split_ascii_whitespace()
        .filter(|word| !word.starts_with('!'))
        .filter_map(|word| word.split(CONSTRAINT).next())
}

#[cfg(test)]
mod tests;

//! What the files of moved packages bring, by the paths at which an image has it.

use super::dpkg::Diversions;
use super::language;
use super::{Holding, Script, Side};
use crate::oci::Digest;
use crate::package::{Contents, Item};
use crate::review::evidence::Checked;
use std::collections::{BTreeMap, BTreeSet};

/// What the file of a moved package brings, as far as the Store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The purl type.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Digest of the file; none where the lock has none.
    pub file: Option<Digest>,
    /// What is in it, or why that is not known.
    pub contents: Checked<Contents>,
    /// What is run when it is installed.
    pub scripts: Vec<Script>,
}

/// How something comes to be where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Where the package has it.
    Straight,
    /// Where dpkg was told to put it.
    Diverted,
}

/// Something that a package brings to a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery<'a> {
    pub(super) package: &'a Brought,
    pub(super) item: &'a Item,
    pub(super) way: Way,
}

/// What packages bring to one image.
#[derive(Debug, Default)]
pub(super) struct Deliveries<'a> {
    by_path: BTreeMap<Vec<u8>, Vec<Delivery<'a>>>,
    /// By kind and name.
    packages: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Brought>>>,
    /// Packages of languages by the digest of their file.
    files: BTreeMap<Digest, &'a Brought>,
    /// By the folder that they are unpacked into.
    folders: BTreeMap<Vec<u8>, Vec<&'a Brought>>,
}

impl<'a> Deliveries<'a> {
    /// `changed` are the directories in which anything changed.
    pub(super) fn of(side: &Side<'a>, diversions: &Diversions, changed: &BTreeSet<&[u8]>) -> Self {
        let mut found = Self::default();
        let mut directories = BTreeMap::new();
        for package in side.brought {
            let of_kind = found.packages.entry(&package.kind).or_default();
            of_kind.entry(&package.name).or_default().push(package);
            let Some(contents) = package.contents.known() else { continue };
            if let Some(file) = package.file.filter(|_| language::is_anywhere(&package.kind)) {
                found.files.insert(file, package);
            }
            for folder in folders(package, side, changed) {
                found.folders.entry(folder.clone()).or_default().push(package);
                let places = |path| language::places(&package.kind, &package.name, &folder, path);
                let items = contents.items.iter();
                for (path, item) in items
                    .flat_map(|(path, item)| places(path).into_iter().map(move |it| (it, item)))
                {
                    let (way, path) = match diversions.elsewhere(&path, package) {
                        Some(elsewhere) => (Way::Diverted, elsewhere.to_vec()),
                        None => (Way::Straight, path),
                    };
                    let path = real(&path, side, &mut directories);
                    let delivery = Delivery { package, item, way };
                    found.by_path.entry(path).or_default().push(delivery);
                }
            }
        }
        found
    }

    /// What comes to a path.
    pub(super) fn at(&self, path: &[u8]) -> &[Delivery<'a>] {
        self.by_path.get(path).map_or(&[], Vec::as_slice)
    }

    /// The package of a language whose file has this digest.
    pub(super) fn by_file(&self, digest: Digest) -> Option<&'a Brought> {
        self.files.get(&digest).copied()
    }

    /// The packages that were unpacked into a folder.
    pub(super) fn in_folder(&self, folder: &[u8]) -> &[&'a Brought] {
        self.folders.get(folder).map_or(&[], Vec::as_slice)
    }

    /// The moved packages of this name.
    pub(super) fn packages(&self, kind: &str, name: &str) -> &[&'a Brought] {
        let found = self.packages.get(kind).and_then(|of_kind| of_kind.get(name));
        found.map_or(&[], Vec::as_slice)
    }

    /// Whether it is known what every package of this name brings.
    pub(super) fn are_known(&self, kind: &str, name: &str) -> bool {
        let packages = self.packages(kind, name);
        !packages.is_empty() && packages.iter().all(|it| it.contents.known().is_some())
    }
}

/// Where a package is unpacked: a system's package in the root, others wherever they were found, by
/// their marks, or by the names of folders.
fn folders(package: &Brought, side: &Side<'_>, changed: &BTreeSet<&[u8]>) -> Vec<Vec<u8>> {
    if !language::is_anywhere(&package.kind) {
        return vec![Vec::new()];
    }
    if matches!(&*package.kind, "cargo" | "golang") {
        let (kind, name, version) = (&*package.kind, &*package.name, &*package.version);
        let may_hold = |folder: &&&[u8]| language::may_hold(folder, kind, name, version);
        let found = changed.iter().filter(may_hold).filter(|folder| is_its(package, side, folder));
        return found.map(|folder| folder.to_vec()).collect();
    }
    let same = |holding: &&Holding| {
        (&holding.kind, &holding.name, &holding.version)
            == (&package.kind, &package.name, &package.version)
    };
    side.holdings.iter().filter(same).filter_map(language::folder).collect()
}

/// Whether a folder of that name is the package's: cargo's notes say it of crates. What is in it is
/// compared anyhow.
fn is_its(package: &Brought, side: &Side<'_>, folder: &[u8]) -> bool {
    if package.kind != "cargo" {
        return true;
    }
    let note = |name: &[u8]| (side.read)(&language::place(folder, name)).ok().flatten();
    let has_sum = |text: Vec<u8>| {
        let file = package.file.map(|file| format!("\"package\":\"{}\"", file.hex()));
        file.is_some_and(|sum| String::from_utf8_lossy(&text).contains(&sum))
    };
    note(b".cargo-checksum.json").is_some_and(has_sum)
        || (note(b".cargo-ok").is_some() && language::name(folder) != package.name.as_bytes())
}

/// Where a path really is: its directories may be links.
pub(super) fn real(
    path: &[u8],
    side: &Side<'_>,
    directories: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Vec<u8> {
    let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => path.split_at(slash),
        None => (&b""[..], path),
    };
    let name = name.strip_prefix(b"/").unwrap_or(name);
    let real = if let Some(known) = directories.get(directory) {
        known.clone()
    } else {
        let found = (side.resolve)(directory);
        directories.insert(directory.to_vec(), found.clone());
        found
    };
    if real.is_empty() { name.to_vec() } else { [&*real, b"/", name].concat() }
}

//! What the files of moved packages bring, by the paths at which an image has it.

use super::dpkg::Diversions;
use super::language;
use super::{Holding, Side};
use crate::oci::Digest;
use crate::package::{Contents, Item};
use crate::review::evidence::Checked;
use std::collections::BTreeMap;

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
}

impl<'a> Deliveries<'a> {
    pub(super) fn of(side: &Side<'a>, diversions: &Diversions) -> Self {
        let mut found = Self::default();
        let mut directories = BTreeMap::new();
        for package in side.brought {
            let of_kind = found.packages.entry(&package.kind).or_default();
            of_kind.entry(&package.name).or_default().push(package);
            let Some(contents) = package.contents.known() else { continue };
            for folder in folders(package, side.holdings) {
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

/// Where a package is unpacked: a system's package in the root, others wherever they were found.
fn folders(package: &Brought, holdings: &[Holding]) -> Vec<Vec<u8>> {
    if !language::is_anywhere(&package.kind) {
        return vec![Vec::new()];
    }
    let same = |holding: &&Holding| {
        (&holding.kind, &holding.name, &holding.version)
            == (&package.kind, &package.name, &package.version)
    };
    holdings.iter().filter(same).filter_map(language::folder).collect()
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

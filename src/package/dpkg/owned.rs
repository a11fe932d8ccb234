//! Which paths are whose, by the files that dpkg keeps beside its list of packages.

use super::STATUS_DIRECTORY;
use crate::package::places::Places;
use crate::package::{Files, Owned, Package, PackageError};
use std::collections::{BTreeMap, BTreeSet};

const INFO: &str = "var/lib/dpkg/info";

/// What local policy or a package moved out of the way:
/// <https://manpages.debian.org/bookworm/dpkg/dpkg-divert.1.en.html>.
const DIVERSIONS: &str = "var/lib/dpkg/diversions";

/// Links that packages share: <https://manpages.debian.org/bookworm/dpkg/update-alternatives.1.en.html>.
const ALTERNATIVES: &str = "var/lib/dpkg/alternatives";
const CHOSEN: &str = "etc/alternatives";

/// Gives each package what its lists say, where diversions left it, its own files of dpkg's, and the
/// alternatives that lead to it.
pub(super) fn owned(packages: Vec<Package>, files: Files<'_>) -> Result<Vec<Owned>, PackageError> {
    let mut lists = Lists { files, places: Places::new(files, INFO), info: info(files)? };
    let diversions = diversions(files)?;
    let mut owned = Vec::new();
    for package in packages {
        let mut paths = lists.of_info(&package, &diversions)?;
        paths.extend(lists.of_status_directory(&package)?);
        owned.push((package, paths));
    }
    add_alternatives(&mut owned, files, &mut lists.places)?;
    Ok(owned
        .into_iter()
        .map(|(package, paths)| Owned { package, paths: paths.into_iter().collect() })
        .collect())
}

struct Lists<'a> {
    files: Files<'a>,
    places: Places<'a>,
    /// The names in [`INFO`], by the package or `PACKAGE:ARCHITECTURE` that they are about.
    info: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
}

fn info(files: Files<'_>) -> Result<BTreeMap<Vec<u8>, Vec<Vec<u8>>>, PackageError> {
    let mut info: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for name in files.names(INFO.as_bytes())? {
        if let Some(dot) = name.iter().rposition(|byte| *byte == b'.') {
            let package = name.get(..dot).unwrap_or_default().to_vec();
            info.entry(package).or_default().push(name);
        }
    }
    Ok(info)
}

impl Lists<'_> {
    fn of_info(
        &mut self,
        package: &Package,
        diversions: &Diversions,
    ) -> Result<BTreeSet<Vec<u8>>, PackageError> {
        let mut paths = BTreeSet::new();
        // Packages that can be there for several architectures have these in the names of their files.
        let qualified = format!("{}:{}", package.name, package.architecture).into_bytes();
        let names = self.info.get(&qualified).or_else(|| self.info.get(package.name.as_bytes()));
        for name in names.cloned().unwrap_or_default() {
            let path = joined(INFO, &name);
            if name.ends_with(b".list") || name.ends_with(b".conffiles") {
                let text = self.files.content(&path)?.unwrap_or_default();
                for line in text.split(|byte| *byte == b'\n') {
                    // Flags stand before the path of a file that only a removal leaves behind.
                    if line.starts_with(b"/") {
                        let path = diversions.path(line, &package.name);
                        self.add(path, &mut paths)?;
                    }
                }
            }
            paths.insert(path);
        }
        Ok(paths)
    }

    /// Distroless images have no lists, but checksums of all files.
    fn of_status_directory(
        &mut self,
        package: &Package,
    ) -> Result<BTreeSet<Vec<u8>>, PackageError> {
        let mut paths = BTreeSet::new();
        let about = joined(STATUS_DIRECTORY, package.name.as_bytes());
        let checksums = [&*about, b".md5sums"].concat();
        if self.files.content(&about)?.is_some() {
            paths.insert(about);
        }
        if let Some(text) = self.files.content(&checksums)? {
            for line in text.split(|byte| *byte == b'\n') {
                // A checksum, two blanks, and a path without a slash at the start.
                if let Some(path) = line.get(34..).filter(|path| !path.is_empty()) {
                    self.add(path, &mut paths)?;
                }
            }
            paths.insert(checksums);
        }
        Ok(paths)
    }

    fn add(&mut self, path: &[u8], paths: &mut BTreeSet<Vec<u8>>) -> Result<(), PackageError> {
        let place = self.places.place(path)?;
        // The root itself is listed too, and belongs to everybody.
        if !place.is_empty() {
            paths.insert(place);
        }
        Ok(())
    }
}

fn joined(directory: &str, name: &[u8]) -> Vec<u8> {
    [directory.as_bytes(), b"/", name].concat()
}

/// Where the file of every other package is, and the one package that has the path itself.
struct Diversions(BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>);

impl Diversions {
    fn path<'a>(&'a self, path: &'a [u8], package: &str) -> &'a [u8] {
        match self.0.get(path) {
            Some((diverted, owner)) if owner != package.as_bytes() => diverted,
            _ => path,
        }
    }
}

/// Three lines a diversion: the path, where it is diverted to, and the package; `:` for local ones.
fn diversions(files: Files<'_>) -> Result<Diversions, PackageError> {
    let text = files.content(DIVERSIONS.as_bytes())?.unwrap_or_default();
    let lines: Vec<&[u8]> = text.trim_ascii_end().split(|byte| *byte == b'\n').collect();
    let mut diversions = BTreeMap::new();
    for (index, lines) in lines.chunks(3).enumerate() {
        match *lines {
            [path, diverted, owner] => {
                diversions.insert(path.to_vec(), (diverted.to_vec(), owner.to_vec()));
            }
            [b""] => {}
            _ => {
                let reason = "a diversion has less than three lines";
                return Err(PackageError::malformed(DIVERSIONS.as_bytes(), 3 * index + 1, reason));
            }
        }
    }
    Ok(Diversions(diversions))
}

/// An alternative belongs to the package that its link leads to now.
fn add_alternatives(
    owned: &mut [(Package, BTreeSet<Vec<u8>>)],
    files: Files<'_>,
    places: &mut Places<'_>,
) -> Result<(), PackageError> {
    let mut found: Vec<(usize, Vec<u8>)> = Vec::new();
    for name in files.names(ALTERNATIVES.as_bytes())? {
        let text = files.content(&joined(ALTERNATIVES, &name))?.unwrap_or_default();
        for (name, link) in links(&name, &text) {
            let chosen = joined(CHOSEN, &name);
            let Some(target) = places.link(&chosen)? else { continue };
            let target = places.place(&target)?;
            // One package at most has a file at a path.
            if let Some(owner) = owned.iter().position(|(_, paths)| paths.contains(&target)) {
                found.push((owner, chosen));
                let link = places.place(link)?;
                if places.link(&link)?.is_some() {
                    found.push((owner, link));
                }
            }
        }
    }
    for (owner, path) in found {
        if let Some((_, paths)) = owned.get_mut(owner) {
            paths.insert(path);
        }
    }
    Ok(())
}

/// Name and link of an alternative and of its slaves: how it is chosen, its link, a name and a link
/// for each slave, and an empty line.
fn links<'a>(name: &'a [u8], text: &'a [u8]) -> Vec<(Vec<u8>, &'a [u8])> {
    let mut lines = text.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty()).skip(1);
    let mut links = Vec::new();
    links.extend(lines.next().map(|link| (name.to_vec(), link)));
    while let (Some(name), Some(link)) = (lines.next(), lines.next()) {
        links.push((name.to_vec(), link));
    }
    links
}

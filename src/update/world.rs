//! What is installed, and what could be: packages by name, as far as dependencies matter.

use crate::index::{Dependency, Offer, Provided, Relation};
use crate::oci::Digest;
use crate::package::version;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A package among those of a system: its name, and its architecture where that is a foreign one.
pub type Key = String;

/// What is known of one version of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The purl type, whose order of versions counts.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Architecture.
    pub architecture: String,
    /// Version.
    pub version: String,
    /// What it needs.
    pub depends: Vec<Vec<Dependency>>,
    /// What it cannot be beside.
    pub breaks: Vec<Dependency>,
    /// What it stands for.
    pub provides: Vec<Provided>,
}

/// A version that an archive offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The package.
    pub item: Item,
    /// Which archive, by its place in the caller's list.
    pub archive: usize,
    /// Its file.
    pub file: OfferedFile,
}

/// The file of a version, as a signed index tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedFile {
    /// Name and version of the source package, where the index names another one.
    pub source: Option<(String, String)>,
    /// Path below the archive's root.
    pub location: String,
    /// What it must give; none where the index has another kind of digest.
    pub sha256: Option<Digest>,
    /// Its bytes.
    pub size: u64,
    /// When it was built, in seconds since 1970, where the index says it.
    pub built: Option<i64>,
}

/// All that archives offer.
#[derive(Debug, Clone)]
pub struct World {
    kind: &'static str,
    native: String,
    offers: BTreeMap<Key, Vec<Candidate>>,
    providers: BTreeMap<String, Vec<Key>>,
}

impl World {
    /// Nothing, for packages of a purl type in a system of this architecture.
    pub fn new(kind: &'static str, native: &str) -> Self {
        let (offers, providers) = (BTreeMap::new(), BTreeMap::new());
        Self { kind, native: native.to_owned(), offers, providers }
    }

    /// Adds what an archive offers.
    pub fn add(&mut self, archive: usize, offers: Vec<(Offer, Vec<Dependency>)>) {
        for (offer, breaks) in offers {
            let key = self.key(&offer.name, &offer.architecture);
            for provided in &offer.provides {
                let providers = self.providers.entry(provided.name.clone()).or_default();
                if !providers.contains(&key) {
                    providers.push(key.clone());
                }
            }
            let sha256 = offer.sha256();
            let Offer { kind, name, architecture, version, depends, provides, .. } = offer;
            let Offer { source, location, size, built, .. } = offer;
            let file = OfferedFile { source, location, sha256, size, built };
            let item = Item { kind, name, architecture, version, depends, breaks, provides };
            self.offers.entry(key).or_default().push(Candidate { item, archive, file });
        }
    }

    /// Takes away every other version of a package: it stays what it is, or does not come.
    pub fn pin(&mut self, key: &str, version: Option<&str>) {
        if let Some(offers) = self.offers.get_mut(key) {
            offers.retain(|candidate| Some(&*candidate.item.version) == version);
        }
    }

    /// How a package is called here.
    pub fn key(&self, name: &str, architecture: &str) -> Key {
        let is_of_any = ["", "all", "noarch"].contains(&architecture);
        if is_of_any || architecture == self.native {
            name.to_owned()
        } else {
            format!("{name}:{architecture}")
        }
    }

    /// The latest version, from the first archive that has it.
    pub fn best(&self, key: &str) -> Option<&Candidate> {
        let mut best: Option<&Candidate> = None;
        for candidate in self.offers.get(key)? {
            let is_later =
                best.is_none_or(|best| self.is_later(&candidate.item.version, &best.item.version));
            if is_later {
                best = Some(candidate);
            }
        }
        best
    }

    /// The latest version, where it is later than this one.
    pub fn later(&self, key: &str, than: &str) -> Option<&Candidate> {
        self.best(key).filter(|best| self.is_later(&best.item.version, than))
    }

    /// Whether a version is later than another.
    pub fn is_later(&self, version: &str, other: &str) -> bool {
        version::compare(self.kind, version, other) == Some(Ordering::Greater)
    }

    /// Whether anything is called so, or stands for it.
    pub fn knows(&self, name: &str) -> bool {
        self.offers.contains_key(name) || self.providers.contains_key(name)
    }

    /// Every version.
    pub fn all(&self, key: &str) -> &[Candidate] {
        self.offers.get(key).map_or(&[], Vec::as_slice)
    }

    /// Exactly this version.
    pub fn version(&self, key: &str, version: &str) -> Option<&Candidate> {
        self.offers.get(key)?.iter().find(|candidate| candidate.item.version == version)
    }

    /// What provides a name beside the package of that name.
    pub fn providers(&self, name: &str) -> &[Key] {
        self.providers.get(name).map_or(&[], Vec::as_slice)
    }
}

impl Item {
    /// A package of which only the version is known.
    pub fn bare(kind: &'static str, name: &str, architecture: &str, version: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            version: version.to_owned(),
            depends: Vec::new(),
            breaks: Vec::new(),
            provides: Vec::new(),
        }
    }

    /// Whether it satisfies a relation, itself or by what it stands for.
    pub fn satisfies(&self, wanted: &Dependency) -> bool {
        if self.name == wanted.name {
            return fits(self.kind, &self.version, wanted);
        }
        // A name that is provided without a version satisfies no relation to one.
        self.provides.iter().any(|provided| {
            provided.name == wanted.name
                && match (&provided.version, &wanted.version) {
                    (_, None) => true,
                    (Some(version), Some(_)) => fits(self.kind, version, wanted),
                    (None, Some(_)) => false,
                }
        })
    }
}

fn fits(kind: &str, version: &str, wanted: &Dependency) -> bool {
    let Some((relation, other)) = &wanted.version else { return true };
    // A relation of rpm that names no release is about all of them.
    let version = match version.rsplit_once('-') {
        Some((version, _release)) if kind == "rpm" && !other.contains('-') => version,
        _ => version,
    };
    let Some(order) = version::compare(kind, version, other) else { return false };
    match relation {
        Relation::Less => order == Ordering::Less,
        Relation::LessOrEqual => order != Ordering::Greater,
        Relation::Equal => order == Ordering::Equal,
        Relation::GreaterOrEqual => order != Ordering::Less,
        Relation::Greater => order == Ordering::Greater,
        Relation::Like => version.starts_with(other.as_str()),
    }
}

/// `libfoo (>= 3)`
pub(super) fn shown(dependency: &Dependency) -> String {
    let Dependency { name, version, .. } = dependency;
    let Some((relation, version)) = version else { return name.clone() };
    let sign = match relation {
        Relation::Less => "<<",
        Relation::LessOrEqual => "<=",
        Relation::Equal => "=",
        Relation::GreaterOrEqual => ">=",
        Relation::Greater => ">>",
        Relation::Like => "~",
    };
    format!("{name} ({sign} {version})")
}

//! The apt archives of a lock: each suite's signed index, and the indexes below it that were fetched.

use crate::door::real_host;
use crate::index::apt::{Form, Release, release_place};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use std::collections::BTreeSet;
use url::Url;

/// One suite of an archive, as a lock has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedArchive {
    /// URL of its signed index.
    pub url: String,
    /// URL of the archive; ends in a slash.
    pub root: String,
    /// What the names in its signed index are relative to; ends in a slash.
    pub base: String,
    /// As sources of apt name it: `bookworm`.
    pub suite: String,
    /// Digest of the signed index.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The steps that asked for it.
    pub steps: BTreeSet<String>,
    /// Whether this is an earlier state, under a name of its own.
    pub is_held: bool,
}

/// An index of packages, below a signed one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexFile {
    /// As the signed index names it: `main/binary-amd64/Packages.xz`.
    pub name: String,
    /// What it must give.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where it was fetched.
    pub url: String,
}

/// Every archive that a step has asked for the signed index of, by URL.
pub fn locked_archives(lock: &Lockfile) -> Vec<LockedArchive> {
    let mut archives: Vec<LockedArchive> = Vec::new();
    let mut fetches: Vec<&LockedFetch> =
        lock.fetches.iter().filter(|fetch| is_answer(fetch)).collect();
    fetches.sort_by(|left, right| left.url.cmp(&right.url));
    for fetch in fetches {
        let Some(place) = release_place(&fetch.url) else { continue };
        if place.form == Form::Signature {
            continue;
        }
        let base = place.base();
        // Where a suite has both, `InRelease` is what apt reads.
        if let Some(known) = archives.iter_mut().find(|known| known.base == base) {
            known.steps.insert(fetch.step.clone());
            continue;
        }
        let host = Url::parse(&fetch.url).ok();
        let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
        archives.push(LockedArchive {
            url: fetch.url.clone(),
            suite: place.suite.strip_prefix("dists/").unwrap_or(&place.suite).to_owned(),
            root: place.root,
            base,
            digest: fetch.sha256,
            size: fetch.size,
            steps: BTreeSet::from([fetch.step.clone()]),
            is_held: real_host(host).is_some(),
        });
    }
    archives
}

fn is_answer(fetch: &LockedFetch) -> bool {
    fetch.status.is_none() && fetch.method.is_none() && fetch.location.is_none()
}

impl LockedArchive {
    /// Whether a URL is one of its indexes, and no package.
    pub fn has(&self, url: &str) -> bool {
        if self.suite.is_empty() {
            // A flat archive has its packages beside its indexes.
            let rest = url.strip_prefix(&self.base);
            return rest.is_some_and(|rest| {
                let name = rest.rsplit('/').next().unwrap_or(rest);
                rest.starts_with("by-hash/")
                    || ["InRelease", "Release", "Packages", "Sources", "Translation", "Contents"]
                        .iter()
                        .any(|start| name.starts_with(start))
            });
        }
        url.starts_with(&self.base)
    }

    /// The lists of packages that were fetched, as the signed index has them.
    pub fn indexes(&self, lock: &Lockfile, release: &Release) -> Vec<IndexFile> {
        let mut found = BTreeSet::new();
        for fetch in lock.fetches.iter().filter(|fetch| is_answer(fetch)) {
            let Some(path) = fetch.url.strip_prefix(&self.base) else { continue };
            let Some((name, digest, size)) = release.file(path, &fetch.sha256) else { continue };
            let file = name.rsplit('/').next().unwrap_or(name);
            if file == "Packages" || file.starts_with("Packages.") {
                let (name, url) = (name.to_owned(), fetch.url.clone());
                found.insert(IndexFile { name, digest, size, url });
            }
        }
        found.into_iter().collect()
    }
}

impl IndexFile {
    /// The same file in another state of the suite; none where that has none of the name.
    pub fn in_release(&self, release: &Release, base: &str) -> Option<Self> {
        let (digest, size) = *release.files.get(&self.name)?;
        let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let url = if release.by_hash {
            format!("{base}{folder}/by-hash/SHA256/{}", digest.hex())
        } else {
            format!("{base}{}", self.name)
        };
        Some(Self { name: self.name.clone(), digest, size, url })
    }

    /// Where it is without its hash.
    pub fn plain_url(&self, base: &str) -> String {
        format!("{base}{}", self.name)
    }
}

/// The lists of packages of a suite for one architecture, of all its components: where nothing says
/// which of them a client reads, as apt does not fetch an empty one.
pub fn all_indexes(release: &Release, base: &str, architecture: &str) -> Vec<IndexFile> {
    let mut found = Vec::new();
    for name in release.files.keys() {
        let Some(folder) = name.strip_suffix("/Packages") else { continue };
        if !folder.ends_with(&format!("/binary-{architecture}")) {
            continue;
        }
        let forms = ["xz", "gz"].map(|form| format!("{name}.{form}"));
        let name = forms.into_iter().find(|name| release.files.contains_key(name));
        let name = name.unwrap_or_else(|| format!("{folder}/Packages"));
        let file = IndexFile { name, digest: Digest::of(b""), size: 0, url: String::new() };
        found.extend(file.in_release(release, base));
    }
    found
}

/// Whether an archive has nothing but security fixes, by what it says of itself.
pub fn is_security(release: &Release) -> bool {
    let is = |field: &Option<String>| {
        field.as_deref().is_some_and(|text| text.to_ascii_lowercase().ends_with("-security"))
    };
    is(&release.label) || is(&release.suite) || is(&release.codename)
}

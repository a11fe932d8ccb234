//! Managers with one index for all packages that keep no second state of it: apk, dnf. What the index
//! offers newer moves with what is asked for, and is named before anything is built.

use super::super::scout::Scout;
use crate::index::rpm::{self, DataFile};
use crate::index::{self, Checksum, Offer, apk};
use crate::lock::Lockfile;
use crate::package::version;
use crate::report::MoveRow;
use crate::update::{Draft, Identity, IndexFile, listed};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The kinds.
pub(super) const KINDS: [&str; 2] = ["apk", "rpm"];

/// What the repositories of one kind offer now.
pub(super) struct Offered {
    /// Whether any of them is not what the lock has.
    pub(super) has_moved: bool,
    /// The latest version by name and architecture.
    best: BTreeMap<(String, String), String>,
}

impl Offered {
    /// Asks the repositories of the lock; none where it has none of the kind.
    pub(super) fn look(
        kind: &'static str,
        lock: &Lockfile,
        scout: &Scout<'_>,
    ) -> anyhow::Result<Option<Self>> {
        let mut offered = Self { has_moved: false, best: BTreeMap::new() };
        let mut count = 0;
        for fetch in lock.fetches.iter().filter(|fetch| is_index(kind, &fetch.url)) {
            count += 1;
            let (answer, content) = scout.now(fetch)?;
            offered.has_moved |= answer.sha256 != fetch.sha256;
            let offers = if kind == "apk" {
                apk::packages(&apk::index(&content)?.text)?
            } else {
                primary(&fetch.url, &content, scout)?
            };
            for offer in offers {
                offered.add(kind, offer);
            }
        }
        Ok((count > 0).then_some(offered))
    }

    fn add(&mut self, kind: &str, offer: Offer) {
        let key = (offer.name, offer.architecture);
        let is_later = self.best.get(&key).is_none_or(|best| {
            version::compare(kind, &offer.version, best) == Some(Ordering::Greater)
        });
        if is_later {
            self.best.insert(key, offer.version);
        }
    }

    /// The latest version, where it is later than the locked one.
    pub(super) fn later(&self, locked: &Identity) -> Option<&str> {
        // A file's name does not say the architecture where all of a repository have one.
        let fits = |architecture: &str| {
            locked.architecture.is_empty() || locked.architecture == architecture
        };
        let mut found = self.best.iter().filter(|((name, architecture), version)| {
            *name == locked.name
                && fits(architecture)
                && version::compare(&locked.kind, version, &locked.version)
                    == Some(Ordering::Greater)
        });
        found.next().map(|(_, version)| version.as_str())
    }
}

/// The packages of a repository of rpms.
fn primary(url: &str, content: &[u8], scout: &Scout<'_>) -> anyhow::Result<Vec<Offer>> {
    let repomd = rpm::repomd(content, None)?.value;
    let root = rpm::repository_root(url).with_context(|| format!("{url} is no index"))?;
    let primary = repomd.files.get("primary");
    let Some(DataFile { location, checksum: Some(Checksum::Sha256(digest)), size: Some(size) }) =
        primary
    else {
        anyhow::bail!("{url} names no list of packages with its size and SHA-256");
    };
    let index = IndexFile {
        name: location.clone(),
        digest: *digest,
        size: *size,
        url: format!("{root}{location}"),
    };
    let content = scout.index(&index, root)?;
    Ok(rpm::packages(&index::decompress("primary.xml", &content)?)?)
}

/// Drops the indexes of a kind from the draft; says what then moves.
pub(super) fn plan(
    kind: &'static str,
    lock: &Lockfile,
    scout: &Scout<'_>,
    is_wanted: &dyn Fn(&Identity, &str) -> bool,
    draft: &mut Draft,
) -> anyhow::Result<Vec<MoveRow>> {
    let Some(offered) = Offered::look(kind, lock, scout)?.filter(|offered| offered.has_moved)
    else {
        return Ok(Vec::new());
    };
    let own = listed(lock).into_keys().filter(|identity| identity.kind == kind);
    let behind: Vec<(Identity, String)> = own
        .filter_map(|identity| {
            let later = offered.later(&identity)?.to_owned();
            Some((identity, later))
        })
        .collect();
    if !behind.iter().any(|(identity, later)| is_wanted(identity, later)) {
        return Ok(Vec::new());
    }
    draft.drop_answer(|fetch| is_repository(kind, &fetch.url));
    draft.drop_packages(kind, |name, _| behind.iter().any(|(identity, _)| identity.name == name));
    let row = |(identity, later): (Identity, String)| {
        let is_asked = is_wanted(&identity, &later);
        MoveRow {
            reason: (!is_asked).then(|| {
                format!("{} has one index for all packages, and keeps none back", manager(kind))
            }),
            kind: identity.kind,
            name: identity.name,
            architecture: identity.architecture,
            from: Some(identity.version),
            to: Some(later),
            archive: None,
            security: false,
        }
    };
    Ok(behind.into_iter().map(row).collect())
}

fn manager(kind: &str) -> &str {
    if kind == "rpm" { "dnf" } else { kind }
}

/// Whether a URL is of the index that says what the others are.
fn is_index(kind: &str, url: &str) -> bool {
    match kind {
        "apk" => url.ends_with("/APKINDEX.tar.gz"),
        _ => url.ends_with("/repodata/repomd.xml"),
    }
}

/// Whether a URL is of any index.
fn is_repository(kind: &str, url: &str) -> bool {
    let of_rpm = ["/repodata/", "/mirrorlist", "/metalink"];
    is_index(kind, url) || kind == "rpm" && of_rpm.iter().any(|part| url.contains(part))
}

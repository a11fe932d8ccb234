//! What else was fetched and is another one now: indexes, files, repositories, what was not found.

use super::moves::Move;
use crate::door::real_host;
use crate::lock::{LockedFetch, LockedPackage, Lockfile};
use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// A fetch whose answer is another one, that is new, or that is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchMove {
    /// What was asked for.
    pub url: String,
    /// The method, where it is not `GET`.
    pub method: Option<String>,
    /// The answer before: its status and digest.
    pub old: Option<(u16, Digest)>,
    /// The answer now.
    pub new: Option<(u16, Digest)>,
    /// The steps that ask.
    pub steps: BTreeSet<String>,
    /// For whose sake it changed.
    pub sake: Sake,
}

/// For whose sake a fetch changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sake {
    /// It is an index of an archive that has a package that moved.
    Index,
    /// Its name is that of a file of this package, which moved. Nothing but the name says so.
    Named(String),
    /// It is an index of an archive of whose packages none moved.
    IdleIndex,
    /// Nobody's.
    None,
}

impl FetchMove {
    /// Whether it is a question that had an answer and has none now, or that is new and has none.
    pub fn is_missing(&self) -> bool {
        self.new.is_some_and(|(status, _)| (400..=599).contains(&status))
    }
}

/// A host that the old lock does not name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewHost {
    /// With its port, where it has one of its own.
    pub host: String,
    /// The first URL there.
    pub url: String,
    /// The steps that ask it; none where it is a registry of images.
    pub steps: BTreeSet<String>,
}

/// The fetches that differ, by URL.
pub(super) fn moves(old: &Lockfile, new: &Lockfile, packages: &[Move]) -> Vec<FetchMove> {
    let (left, right) = (by_question(&old.fetches), by_question(&new.fetches));
    let urls = Urls::of(packages);
    let questions: BTreeSet<&Question<'_>> = left.keys().chain(right.keys()).collect();
    let mut moves = Vec::new();
    for question in questions {
        let (before, after) = (left.get(question), right.get(question));
        let answer = |of: Option<&Vec<&LockedFetch>>| {
            of.and_then(|fetches| fetches.first())
                .map(|fetch| (fetch.status.unwrap_or(200), fetch.sha256))
        };
        let (before_answer, after_answer) = (answer(before), answer(after));
        if before_answer == after_answer || is_package(question.0, after.or(before), old, new) {
            continue;
        }
        let steps = after.or(before).into_iter().flatten().map(|fetch| fetch.step.clone());
        moves.push(FetchMove {
            url: question.0.to_owned(),
            method: question.1.map(str::to_owned),
            old: before_answer,
            new: after_answer,
            steps: steps.collect(),
            sake: urls.sake(question.0),
        });
    }
    moves
}

type Question<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<Digest>);

fn by_question(fetches: &[LockedFetch]) -> BTreeMap<Question<'_>, Vec<&LockedFetch>> {
    let mut found: BTreeMap<Question<'_>, Vec<&LockedFetch>> = BTreeMap::new();
    for fetch in fetches {
        found.entry(fetch.question()).or_default().push(fetch);
    }
    found
}

/// Whether it is, in one of the locks, the file of a package with the same content: the package
/// then says it.
fn is_package(
    url: &str,
    fetches: Option<&Vec<&LockedFetch>>,
    old: &Lockfile,
    new: &Lockfile,
) -> bool {
    let is_file = |package: &LockedPackage| {
        package.url.as_deref() == Some(url)
            && fetches.into_iter().flatten().any(|fetch| package.sha256 == Some(fetch.sha256))
    };
    old.packages.iter().chain(&new.packages).any(is_file)
}

/// The places of the packages that moved.
struct Urls<'a> {
    packages: &'a [Move],
}

impl<'a> Urls<'a> {
    fn of(packages: &'a [Move]) -> Self {
        Self { packages }
    }

    fn sake(&self, url: &str) -> Sake {
        match index(url) {
            Some(Index::Archive(root)) => {
                let mut files = self.packages.iter().flat_map(|moved| [&moved.old, &moved.new]);
                let of_archive = files.any(|pin| {
                    let url = pin.as_ref().and_then(|pin| pin.url.as_deref());
                    url.is_some_and(|url| url.starts_with(root))
                });
                if of_archive { Sake::Index } else { Sake::IdleIndex }
            }
            Some(Index::Package(name)) => {
                let is_named = |moved: &Move| canonical(&moved.name) == canonical(name);
                if self.packages.iter().any(is_named) { Sake::Index } else { Sake::IdleIndex }
            }
            None => self.named(url),
        }
    }

    /// A package file that is not told by its content: by name and version.
    fn named(&self, url: &str) -> Sake {
        let Some(file) = file_name(url) else { return Sake::None };
        let file = canonical(&file);
        let is_file = |moved: &&Move| {
            let versions = [&moved.old, &moved.new].into_iter().flatten();
            versions.map(|pin| canonical(&pin.version)).any(|version| {
                let name = canonical(moved.name.rsplit('/').next().unwrap_or(&moved.name));
                file.strip_prefix(&*name)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .and_then(|rest| rest.strip_prefix(&*version))
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            })
        };
        match self.packages.iter().find(is_file) {
            Some(moved) => Sake::Named(moved.name.clone()),
            None => Sake::None,
        }
    }
}

/// A list of what an archive has.
enum Index<'a> {
    /// Of all below this URL.
    Archive(&'a str),
    /// Of one package, by its name.
    Package(&'a str),
}

/// What an index of the usual package archives looks like.
fn index(url: &str) -> Option<Index<'_>> {
    let plain = url.split(['?', '#']).next().unwrap_or(url);
    let before = |mark: &str| plain.find(mark).and_then(|at| plain.get(..=at));
    let file = plain.rsplit('/').next().unwrap_or_default();
    // apt; dnf and zypper; apk.
    if let Some(root) = before("/dists/").or_else(|| before("/repodata/")) {
        return Some(Index::Archive(root));
    }
    if file == "APKINDEX.tar.gz" {
        // `ROOT/v3.20/main/x86_64/APKINDEX.tar.gz` lists the files beside it.
        return plain.get(..plain.len() - file.len()).map(Index::Archive);
    }
    // pip; gem; composer has names of two parts.
    let name_behind = |mark: &str| plain.split_once(mark).map(|(_, rest)| rest.trim_matches('/'));
    for mark in ["/simple/", "/info/", "/pypi/"] {
        if let Some(name) = name_behind(mark).filter(|name| !name.is_empty()) {
            return Some(Index::Package(name.split('/').next().unwrap_or(name)));
        }
    }
    None
}

fn file_name(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let last = url.path_segments()?.next_back()?;
    (!last.is_empty()).then(|| last.to_owned())
}

/// Names that package managers take for the same: no case, runs of `-`, `_` and `.` are one `-`.
fn canonical(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !text.ends_with('-') {
                text.push('-');
            }
        } else {
            text.push(character.to_ascii_lowercase());
        }
    }
    text
}

/// Hosts of the new lock that the old one does not name, each once.
pub(super) fn new_hosts(old: &Lockfile, new: &Lockfile) -> Vec<NewHost> {
    let known: BTreeSet<String> = sources(old).into_iter().map(|(host, ..)| host).collect();
    let mut found: BTreeMap<String, NewHost> = BTreeMap::new();
    for (host, url, step) in sources(new) {
        if known.contains(&host) {
            continue;
        }
        let new = || NewHost { host: host.clone(), url: url.clone(), steps: BTreeSet::new() };
        let entry = found.entry(host.clone()).or_insert_with(new);
        entry.steps.extend(step);
    }
    found.into_values().collect()
}

/// Everything that a lock names: host, URL, step.
fn sources(lock: &Lockfile) -> Vec<(String, String, Option<String>)> {
    let mut sources = Vec::new();
    let mut add = |url: &str, step: &str| {
        sources.push((host(url), url.to_owned(), Some(step.to_owned())));
    };
    for package in &lock.packages {
        package.url.iter().for_each(|url| add(url, &package.step));
    }
    for fetch in &lock.fetches {
        add(&fetch.url, &fetch.step);
        if let Some(target) = fetch.location.as_deref().and_then(|to| joined(&fetch.url, to)) {
            add(&target, &fetch.step);
        }
    }
    for image in &lock.images {
        sources.push((image.reference.domain.clone(), image.reference.to_string(), None));
    }
    sources
}

/// Where a redirect leads: its target may be relative.
fn joined(url: &str, location: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.join(location).ok()?.to_string())
}

/// Host and port, as the URL names them. One without a host names itself: it is no usual one.
fn host(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return url.to_owned() };
    let host = parsed.host_str().map_or_else(|| url.to_owned(), str::to_owned);
    // A view that an update holds is of the host itself.
    let host = real_host(&host).map(str::to_owned).unwrap_or(host);
    match parsed.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_a_known_host_is_no_new_host() {
        let lock = |urls: &[&str]| {
            let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
            let fetch = |url: &&str| {
                LockedFetch::new((*url).to_owned(), Digest::of(b""), 0, "1".to_owned())
            };
            lock.fetches.extend(urls.iter().map(fetch));
            lock
        };
        let old = lock(&["http://deb.example:8080/a"]);
        let new = lock(&[
            "http://deb.example.held-0123abcd:8080/a",
            "http://evil.example.held-0123abcd:8080/a",
            "http://deb.example.held-x/a",
        ]);
        let hosts: Vec<String> = new_hosts(&old, &new).into_iter().map(|it| it.host).collect();
        assert_eq!(hosts, ["deb.example.held-x", "evil.example:8080"]);
    }
}

//! The repositories of apk and dnf in a lock: what they said, what they say now, and what can move.

use super::super::project::Project;
use super::super::scout::Scout;
use super::stages::{self, Offers};
use super::unheld::{is_index, is_repository, offers_of};
use crate::door::real_host;
use crate::index::Offer;
use crate::lock::Lockfile;
use crate::oci::{Digest, Platform};
use crate::update::{Candidate, Draft, Identity, Solution, World, hold_indexes};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};

/// One repository, then and now.
struct Repository {
    /// URL of the index that says what the others are.
    url: String,
    digest: Digest,
    /// The steps that asked for it.
    steps: BTreeSet<String>,
    /// Whether this is an earlier state, under a name of its own.
    is_held: bool,
}

/// All repositories of one kind.
pub(super) struct Repositories {
    kind: &'static str,
    all: Vec<Repository>,
    /// Whether any of them is not what the lock has.
    has_moved: bool,
    old: World,
    new: World,
}

impl Repositories {
    /// Reads what the lock has, and asks what there is now; none where it has none of the kind.
    pub(super) fn look(
        kind: &'static str,
        lock: &Lockfile,
        scout: &Scout<'_>,
    ) -> anyhow::Result<Option<Self>> {
        let mut all: Vec<Repository> = Vec::new();
        let (mut then, mut now) = (Vec::new(), Vec::new());
        let mut has_moved = false;
        for fetch in lock.fetches.iter().filter(|fetch| is_index(kind, &fetch.url)) {
            if let Some(known) = all.iter_mut().find(|known| known.url == fetch.url) {
                known.steps.insert(fetch.step.clone());
                continue;
            }
            let at = all.len();
            let content = scout.locked(&fetch.url, fetch.sha256, fetch.size)?;
            then.push((at, offers_of(kind, &fetch.url, &content, scout)?));
            let is_held = is_held(&fetch.url);
            if !is_held {
                let (answer, content) = scout.now(fetch)?;
                has_moved |= answer.sha256 != fetch.sha256;
                now.push((at, offers_of(kind, &fetch.url, &content, scout)?));
            }
            let steps = BTreeSet::from([fetch.step.clone()]);
            all.push(Repository { url: fetch.url.clone(), digest: fetch.sha256, steps, is_held });
        }
        if all.is_empty() {
            return Ok(None);
        }
        let names = named(then.iter().chain(&now));
        let native = architecture(kind, &lock.platform);
        let world = |read: Vec<(usize, Vec<Offer>)>| {
            let mut world = World::new(kind, native);
            for (at, offers) in read {
                let offers =
                    offers.into_iter().map(|offer| (known_needs(offer, &names), Vec::new()));
                world.add(at, offers.collect());
            }
            world
        };
        let (old, new) = (world(then), world(now));
        Ok(Some(Self { kind, all, has_moved, old, new }))
    }

    /// Whether they offer anything that the lock could not have: something newer, or what is held back.
    pub(super) fn can_move(&self) -> bool {
        self.has_moved || self.all.iter().any(|repository| repository.is_held)
    }

    pub(super) fn offers(&self) -> Offers<'_> {
        Offers { kind: self.kind, old: &self.old, new: &self.new }
    }

    /// What a package is called here.
    pub(super) fn key(&self, name: &str, architecture: &str) -> String {
        self.old.key(name, architecture)
    }

    /// The latest version, where it is later than the locked one.
    pub(super) fn later(&self, locked: &Identity) -> Option<&str> {
        let key = self.key(&locked.name, &locked.architecture);
        Some(&self.new.later(&key, &locked.version)?.item.version)
    }

    /// Whether a version is offered by a held repository alone, of what the lock has.
    pub(super) fn is_held(&self, locked: &Identity) -> bool {
        let key = self.key(&locked.name, &locked.architecture);
        let is_of = |it: &&Candidate| it.item.version == locked.version;
        let mut found = self.old.all(&key).iter().filter(is_of).peekable();
        let is_held = |at: usize| self.all.get(at).is_some_and(|repository| repository.is_held);
        found.peek().is_some() && found.all(|candidate| is_held(candidate.archive))
    }

    /// A version that they offer now.
    pub(super) fn offered(&self, package: &Identity, version: &str) -> Option<&Candidate> {
        self.new.version(&self.key(&package.name, &package.architecture), version)
    }

    /// Why the packages that stay cannot be held; none where they can.
    pub(super) fn obstacle(
        &self,
        project: &Project,
        lock: &Lockfile,
    ) -> anyhow::Result<Option<String>> {
        let texts = instructions(project, lock)?;
        for repository in self.all.iter().filter(|repository| !repository.is_held) {
            for step in &repository.steps {
                let text = texts.get(step).map_or("", String::as_str);
                if let Some(word) = hiding_word(self.kind, text) {
                    return Ok(Some(format!(
                        "{} cannot be given a second state of a repository: step {step} says `{word}`",
                        manager(self.kind)
                    )));
                }
            }
        }
        let asked: BTreeSet<&String> = self.all.iter().flat_map(|it| &it.steps).collect();
        let other = stages::of_kind(lock, self.kind).find(|it| !asked.contains(&it.step));
        Ok(other.map(|package| {
            format!(
                "{} has one index for all packages, and step {} installs from one that another \
                 instruction has fetched",
                manager(self.kind),
                package.step
            )
        }))
    }

    /// Takes what moves out of the draft, with the earlier states that what stays needs in it.
    pub(super) fn put(
        &self,
        draft: &mut Draft,
        lock: &Lockfile,
        solution: &Solution,
    ) -> anyhow::Result<()> {
        let needed = stages::needed_views(lock, self.offers(), solution, &|_, _| Ok(()))?;
        for (at, repository) in self.all.iter().enumerate() {
            let is_needed = needed.contains(&at);
            let root = root(self.kind, &repository.url).context("an index has a root")?;
            if repository.is_held {
                if !is_needed {
                    draft.drop_answer(|fetch| is_of(self.kind, root, &fetch.url));
                }
            } else if is_needed {
                let of_root = |url: &str| is_of(self.kind, root, url);
                hold_indexes(draft, (root, &repository.digest), &of_root).with_context(|| {
                    format!("packages of {root} cannot be held: its host is no name")
                })?;
            }
        }
        draft.drop_answer(|fetch| is_repository(self.kind, &fetch.url) && !is_held(&fetch.url));
        draft.drop_packages(self.kind, |name, architecture| {
            solution.steps.contains_key(&self.key(name, architecture))
        });
        Ok(())
    }
}

/// The root of a repository; it ends in a slash.
fn root<'u>(kind: &str, url: &'u str) -> Option<&'u str> {
    match kind {
        "apk" => crate::index::apk::repository_root(url),
        _ => crate::index::rpm::repository_root(url),
    }
}

/// Whether a URL is of an index of the repository at `root`.
fn is_of(kind: &str, root: &str, url: &str) -> bool {
    url.strip_prefix(root).is_some_and(|rest| match kind {
        "apk" => rest == "APKINDEX.tar.gz",
        _ => rest.starts_with("repodata/"),
    })
}

/// Whether a URL is of an earlier state of something.
pub(super) fn is_held(url: &str) -> bool {
    let url = url::Url::parse(url).ok();
    url.as_ref().and_then(url::Url::host_str).is_some_and(|host| real_host(host).is_some())
}

/// What package managers are called in messages.
pub(super) fn manager(kind: &str) -> &str {
    if kind == "rpm" { "dnf" } else { kind }
}

/// Everything that has a name in these indexes.
fn named<'a>(read: impl Iterator<Item = &'a (usize, Vec<Offer>)>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for offer in read.flat_map(|(_, offers)| offers) {
        names.insert(offer.name.clone());
        names.extend(offer.provides.iter().map(|provided| provided.name.clone()));
    }
    names
}

/// Without what no package of an index is: files, what rpm itself can do, conditions.
fn known_needs(mut offer: Offer, names: &BTreeSet<String>) -> Offer {
    offer.depends.retain(|alternatives| alternatives.iter().any(|it| names.contains(&it.name)));
    offer
}

/// The text of each instruction by the id of its step in the lock.
fn instructions(project: &Project, lock: &Lockfile) -> anyhow::Result<BTreeMap<String, String>> {
    let wanted = project.wanted()?;
    let dockerfile = &project.dockerfile;
    let all = dockerfile.stages.iter().flat_map(|stage| &stage.instructions);
    let texts: BTreeMap<usize, String> = all
        .map(|it| {
            (
                dockerfile.line(it.span),
                String::from_utf8_lossy(it.span.of(&dockerfile.source)).into_owned(),
            )
        })
        .collect();
    let pairs = wanted.steps.iter().zip(lock.matching_steps(&wanted));
    let text = |(step, locked): (&crate::lock::WantedStep, Option<&crate::lock::LockedStep>)| {
        Some((locked?.id.clone(), texts.get(&step.line)?.clone()))
    };
    Ok(pairs.filter_map(text).collect())
}

/// What in an instruction says which repositories there are, whatever the image has.
fn hiding_word(kind: &str, text: &str) -> Option<String> {
    let hides = |word: &&String| match kind {
        "apk" => {
            word.starts_with("/etc/apk/")
                || ["--repository", "--repositories-file", "--root"]
                    .iter()
                    .any(|it| word.starts_with(it))
                || ["-X", "-p"].contains(&word.as_str())
        }
        _ => ["--repo", "--disablerepo", "--installroot", "/etc/yum.repos.d", "/etc/dnf"]
            .iter()
            .any(|start| word.starts_with(start)),
    };
    crate::pin::words(text).iter().find(hides).cloned()
}

/// The architecture of a machine in the manager's words.
fn architecture<'a>(kind: &str, platform: &'a Platform) -> &'a str {
    match (kind, &*platform.architecture, platform.variant.as_deref()) {
        (_, "amd64", _) => "x86_64",
        (_, "arm64", _) => "aarch64",
        ("apk", "386", _) => "x86",
        (_, "386", _) => "i686",
        ("apk", "arm", Some("v6")) => "armhf",
        ("apk", "arm", _) => "armv7",
        (_, "arm", _) => "armv7hl",
        (_, other, _) => other,
    }
}

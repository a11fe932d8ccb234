//! apk and dnf: one index for all packages. Where a step can be given an earlier state of its
//! repositories beside the present one, what nobody asked for stays; else what the index offers newer
//! moves along, and is named before anything is built.

use super::super::project::Project;
use super::super::scout::Scout;
use super::held_back::{self, Knowing};
use super::planning::is_locked_named;
use super::policy::{self, Age, Later, Policy};
use super::repositories::{Repositories, is_held, manager};
use crate::index::rpm::{self, DataFile};
use crate::index::{self, Checksum, Offer, apk};
use crate::lock::{LockedPackage, Lockfile};
use crate::package::version;
use crate::report::{HeldBack, HeldCause, MoveRow};
use crate::update::{Candidate, Draft, Identity, IndexFile, Step, listed};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The kinds.
pub(super) const KINDS: [&str; 2] = ["apk", "rpm"];

/// What the repositories of one kind offer now.
pub(super) struct Offered {
    /// Whether the lock has an earlier state of one of them.
    pub(super) holds: bool,
    /// The latest version by name and architecture.
    best: BTreeMap<(String, String), Latest>,
}

/// A version, and when it was built.
struct Latest {
    version: String,
    built: Option<i64>,
}

impl Offered {
    /// Asks the repositories of the lock; none where it has none of the kind.
    pub(super) fn look(
        kind: &'static str,
        lock: &Lockfile,
        scout: &Scout<'_>,
    ) -> anyhow::Result<Option<Self>> {
        let mut offered = Self { holds: false, best: BTreeMap::new() };
        let mut count = 0;
        for fetch in lock.fetches.iter().filter(|fetch| is_index(kind, &fetch.url)) {
            if is_held(&fetch.url) {
                offered.holds = true;
                continue;
            }
            count += 1;
            let (_, content) = scout.now(fetch)?;
            for offer in offers_of(kind, &fetch.url, &content, scout)? {
                offered.add(kind, offer);
            }
        }
        Ok((count > 0).then_some(offered))
    }

    fn add(&mut self, kind: &str, offer: Offer) {
        let key = (offer.name, offer.architecture);
        let is_later = self.best.get(&key).is_none_or(|best| {
            version::compare(kind, &offer.version, &best.version) == Some(Ordering::Greater)
        });
        if is_later {
            self.best.insert(key, Latest { version: offer.version, built: offer.built });
        }
    }

    /// The latest version, where it is later than the locked one.
    pub(super) fn later(&self, locked: &Identity) -> Option<&str> {
        self.latest(locked).map(|latest| latest.version.as_str())
    }

    /// When that version was built, in seconds since 1970.
    pub(super) fn built(&self, locked: &Identity) -> Option<i64> {
        self.latest(locked)?.built
    }

    fn latest(&self, locked: &Identity) -> Option<&Latest> {
        // A file's name does not say the architecture where all of a repository have one.
        let fits = |architecture: &str| {
            locked.architecture.is_empty() || locked.architecture == architecture
        };
        let mut found = self.best.iter().filter(|((name, architecture), latest)| {
            *name == locked.name
                && fits(architecture)
                && version::compare(&locked.kind, &latest.version, &locked.version)
                    == Some(Ordering::Greater)
        });
        found.next().map(|(_, latest)| latest)
    }
}

/// Everything that an index offers; `url` is where it was fetched.
pub(super) fn offers_of(
    kind: &str,
    url: &str,
    content: &[u8],
    scout: &Scout<'_>,
) -> anyhow::Result<Vec<Offer>> {
    if kind == "apk" {
        return Ok(apk::packages(&apk::index(content)?.text)?);
    }
    primary(url, content, scout)
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

/// What is asked of a kind's packages.
pub(super) struct Wish<'a> {
    pub(super) project: &'a Project,
    pub(super) lock: &'a Lockfile,
    /// Whether a package is to move to a later version.
    pub(super) is_wanted: &'a dyn Fn(&Identity, &str) -> bool,
    /// What must stay.
    pub(super) policy: &'a Policy,
    /// Whether a version repairs something.
    pub(super) repairs: &'a dyn Fn(&Identity, &str) -> bool,
}

/// Takes what moves of a kind out of the draft; says what it is, and what is held back.
pub(super) fn plan(
    kind: &'static str,
    wish: &Wish<'_>,
    scout: &Scout<'_>,
    (draft, free): (&mut Draft, &mut BTreeSet<String>),
) -> anyhow::Result<(Vec<MoveRow>, Vec<HeldBack>)> {
    let lock = wish.lock;
    let nothing = || Ok((Vec::new(), Vec::new()));
    let Some(repositories) = Repositories::look(kind, lock, scout)?.filter(Repositories::can_move)
    else {
        return nothing();
    };
    let own = listed(lock).into_iter().filter(|(identity, _)| identity.kind == kind);
    let behind: Vec<Behind> = own
        .filter_map(|(identity, steps)| {
            let later = repositories.later(&identity)?.to_owned();
            Some(Behind { identity, later, steps })
        })
        .collect();
    let is_wanted = |it: &Behind| (wish.is_wanted)(&it.identity, &it.later);
    if !behind.iter().any(is_wanted) {
        return nothing();
    }
    let knowing = Knowing {
        is_named: &|it, word| is_locked_named(lock, it, word),
        repairs: wish.repairs,
        age: &built,
    };
    let obstacle = match not_in_database(lock, &behind) {
        Some(reason) => Some(reason),
        None => repositories.obstacle(wish.project, lock)?,
    };
    if let Some(reason) = obstacle {
        let held = held_together(&repositories, &behind, (wish, &knowing), &reason);
        return Ok(if held.is_empty() {
            (together(kind, behind, &is_wanted, &reason, draft), held)
        } else {
            (Vec::new(), held)
        });
    }
    let wanted: BTreeSet<&str> =
        behind.iter().filter(|it| is_wanted(it)).map(|it| &*it.identity.name).collect();
    let is_free = |package: &LockedPackage| wanted.contains(&*package.name);
    let offers = repositories.offers();
    let (solution, held) = held_back::moves(lock, offers, &is_free, wish.policy, &knowing)?;
    if solution.steps.is_empty() {
        return Ok((Vec::new(), held));
    }
    repositories.put(draft, lock, &solution)?;
    free.extend(solution.steps.values().map(|step| step.to.name.clone()));
    let row = |step: &Step| MoveRow {
        kind: kind.to_owned(),
        name: step.to.name.clone(),
        architecture: step.to.architecture.clone(),
        from: step.from.clone(),
        to: Some(step.to.version.clone()),
        archive: None,
        security: false,
        repairs: Vec::new(),
        reason: step.reason.clone(),
    };
    Ok((solution.steps.values().map(row).collect(), held))
}

/// When an index says that a version was built.
pub(super) fn built(candidate: &Candidate) -> Age {
    match candidate.file.built {
        Some(at) => Age::Known { at, source: "built, by its index".to_owned() },
        None => Age::Unknown("its index does not say it".to_owned()),
    }
}

/// Where something of what moves together is held back, all of it is.
fn held_together(
    repositories: &Repositories,
    behind: &[Behind],
    (wish, knowing): (&Wish<'_>, &Knowing<'_>),
    reason: &str,
) -> Vec<HeldBack> {
    let held: Vec<Option<HeldBack>> =
        behind.iter().map(|it| judged(repositories, it, wish, knowing)).collect();
    if held.iter().all(Option::is_none) {
        return Vec::new();
    }
    let rows = behind.iter().zip(held).map(|(it, held)| {
        held.unwrap_or_else(|| {
            let cause = HeldCause::Together;
            policy::held(choice(it, wish), cause, reason.to_owned())
        })
    });
    rows.collect()
}

fn choice<'b>(it: &'b Behind, wish: &Wish<'_>) -> Later<'b> {
    let package = &it.identity;
    Later { package, version: &it.later, repairs: (wish.repairs)(package, &it.later) }
}

/// The row of what must stay itself.
fn judged(
    repositories: &Repositories,
    it: &Behind,
    wish: &Wish<'_>,
    knowing: &Knowing<'_>,
) -> Option<HeldBack> {
    let package = &it.identity;
    if wish.policy.keeps(|word| (knowing.is_named)(package, word)) {
        return Some(Policy::kept(choice(it, wish)));
    }
    let candidate = repositories.offered(package, &it.later)?;
    held_back::judge(wish.policy, knowing, package, candidate)
}

/// A package that the repositories have a later version of.
struct Behind {
    identity: Identity,
    later: String,
    steps: BTreeSet<String>,
}

/// Why packages that are in no database of the image cannot be held: it is not known which are there.
fn not_in_database(lock: &Lockfile, behind: &[Behind]) -> Option<String> {
    let is_known = |it: &&Behind| {
        let is_it = |package: &LockedPackage| {
            (&package.kind, &package.name) == (&it.identity.kind, &it.identity.name)
        };
        !lock.packages.iter().any(is_it)
    };
    let unknown = behind.iter().find(is_known)?;
    let step = unknown.steps.first().map_or("", String::as_str);
    Some(format!(
        "{} has one index for all packages, and step {step} leaves no database that says what it \
         installs",
        manager(&unknown.identity.kind)
    ))
}

/// Everything moves that can.
fn together(
    kind: &str,
    behind: Vec<Behind>,
    is_wanted: &dyn Fn(&Behind) -> bool,
    reason: &str,
    draft: &mut Draft,
) -> Vec<MoveRow> {
    draft.drop_answer(|fetch| is_repository(kind, &fetch.url));
    draft.drop_packages(kind, |name, _| behind.iter().any(|it| it.identity.name == name));
    let row = |behind: Behind| MoveRow {
        reason: (!is_wanted(&behind)).then(|| reason.to_owned()),
        kind: behind.identity.kind,
        name: behind.identity.name,
        architecture: behind.identity.architecture,
        from: Some(behind.identity.version),
        to: Some(behind.later),
        archive: None,
        security: false,
        repairs: Vec::new(),
    };
    behind.into_iter().map(row).collect()
}

/// Whether a URL is of the index that says what the others are.
pub(super) fn is_index(kind: &str, url: &str) -> bool {
    match kind {
        "apk" => url.ends_with("/APKINDEX.tar.gz"),
        _ => url.ends_with("/repodata/repomd.xml"),
    }
}

/// Whether a URL is of any index.
pub(super) fn is_repository(kind: &str, url: &str) -> bool {
    let of_rpm = ["/repodata/", "/mirrorlist", "/metalink"];
    is_index(kind, url) || kind == "rpm" && of_rpm.iter().any(|part| url.contains(part))
}

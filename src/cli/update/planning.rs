//! What an update asks for, and the draft that it builds from.

use super::super::args::{NetworkMode, UpdateArguments};
use super::super::context::{self, Context};
use super::super::failure::Misuse;
use super::super::project::{Moving, Project};
use super::super::scout::Scout;
use super::ages::DebAges;
use super::apt::{Archives, Reading};
use super::held_back::{self, Knowing};
use super::in_band::{self, Untold};
use super::known::{IN_BAND, Known};
use super::policy::Policy;
use super::unheld::Wish;
use super::{holding, instead, unheld};
use crate::lock::{LockedPackage, LockedSource, Lockfile};
use crate::report::{HeldBack, MoveRow, Repair, TierRow};
use crate::update::{
    Draft, Identity, LanguagePage, MAVEN, Solution, file_identity, language_pages,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

/// What moves, before anything is built.
pub(super) struct Move {
    pub(super) draft: Draft,
    pub(super) moving: Moving,
    /// What moves, as far as it is known; none where everything may.
    pub(super) announced: Option<Announced>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// What archives and packages say of themselves.
    pub(super) in_band: Vec<TierRow>,
    /// What stays though there is something later.
    pub(super) held_back: Vec<HeldBack>,
}

/// What may move.
#[derive(Debug, Default)]
pub(super) struct Announced {
    pub(super) rows: Vec<MoveRow>,
    /// Where everything may but what is held back: the kinds and names of that.
    pub(super) all_but: Option<BTreeSet<(String, String)>>,
}

impl Announced {
    /// Whether a package may move.
    pub(super) fn has(&self, kind: &str, name: &str) -> bool {
        let is_held = |held: &BTreeSet<(String, String)>| {
            held.iter().any(|it| (&*it.0, &*it.1) == (kind, name))
        };
        self.rows.iter().any(|row| row.kind == kind && row.name == name)
            || self.all_but.as_ref().is_some_and(|held| !is_held(held))
    }
}

/// Reads the wishes, looks at the indexes, and makes the draft.
pub(super) fn plan(
    project: &Project,
    lock: &Lockfile,
    (arguments, known): (&UpdateArguments, &Known),
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Move> {
    let now = seconds_now();
    let policy = Policy::of(arguments, project.settings.update, now);
    let is_partial = !arguments.names.is_empty() || arguments.security || arguments.to.is_some();
    // Another base alone moves no package for its own sake.
    let mut planned = if is_partial || policy.is_something() && !arguments.base {
        Planner::new(project, lock, (arguments, known, policy), network, context)?.plan()?
    } else if arguments.base {
        let announced = Some(Announced::default());
        let (draft, notes) = (Draft::of(lock), Vec::new());
        let in_band = unread("no package moves for its own sake");
        let held_back = Vec::new();
        Move { draft, moving: Moving::default(), announced, notes, in_band, held_back }
    } else {
        let (draft, notes) = (Draft::of_nothing(lock), Vec::new());
        let in_band = unread("everything may move");
        let held_back = Vec::new();
        Move { draft, moving: Moving::default(), announced: None, notes, in_band, held_back }
    };
    if arguments.base {
        planned.draft.lock.images.clear();
        // Another base has other packages, and needs others.
        planned.announced = None;
    }
    Ok(planned)
}

/// Nothing in band was looked into.
fn unread(reason: &str) -> Vec<TierRow> {
    vec![TierRow::unchecked(IN_BAND, in_band::LABELS, reason), in_band::unread(reason)]
}

pub(super) struct Planner<'a> {
    project: &'a Project,
    pub(super) lock: &'a Lockfile,
    pub(super) arguments: &'a UpdateArguments,
    /// Packages that were asked for; all, where there are none.
    pub(super) names: Vec<String>,
    /// The versions that were asked for, by name.
    pub(super) versions: BTreeMap<String, String>,
    moving: Moving,
    pub(super) scout: Scout<'a>,
    pub(super) known: &'a Known,
    pub(super) policy: Policy,
    in_band: Vec<TierRow>,
    pub(super) held_back: Vec<HeldBack>,
    pub(super) notes: Vec<String>,
    pub(super) announced: Announced,
    pub(super) draft: Draft,
}

impl<'a> Planner<'a> {
    fn new(
        project: &'a Project,
        lock: &'a Lockfile,
        (arguments, known, policy): (&'a UpdateArguments, &'a Known, Policy),
        network: NetworkMode,
        context: &'a Context,
    ) -> anyhow::Result<Self> {
        let mut moving = Moving::default();
        let input = &arguments.input;
        if let Some(moment) = arguments.to {
            let look = Scout::open((project, lock), input, network, Vec::new(), context)?;
            moving.instead = instead::instead(project, lock, &look, moment)?;
        }
        let scout = Scout::open((project, lock), input, network, moving.instead.clone(), context)?;
        let (notes, announced) = (Vec::new(), Announced::default());
        let (draft, in_band) = (Draft::of(lock), unread("no package of apt was asked for"));
        Ok(Self {
            project,
            lock,
            arguments,
            names: arguments.names.iter().map(|it| it.name.clone()).collect(),
            versions: arguments.versions(),
            moving,
            scout,
            known,
            policy,
            in_band,
            held_back: Vec::new(),
            notes,
            announced,
            draft,
        })
    }

    fn plan(mut self) -> anyhow::Result<Move> {
        let pages = language_pages(self.lock);
        self.require_names(&pages)?;
        self.plan_debs()?;
        if self.arguments.to.is_none() {
            self.plan_pages(&pages)?;
            self.plan_unheld()?;
        }
        self.require_versions()?;
        if self.is_all() {
            self.free_the_rest(&pages);
        }
        let Self { draft, moving, mut announced, mut notes, in_band, mut held_back, .. } = self;
        notes.extend(self.known.tell(self.lock, &mut announced.rows));
        held_back.sort();
        held_back.dedup();
        Ok(Move { draft, moving, announced: Some(announced), notes, in_band, held_back })
    }

    /// Every name must be one of something.
    fn require_names(&self, pages: &[LanguagePage]) -> anyhow::Result<()> {
        for name in self.names.iter().chain(self.policy.names()) {
            let named = || self.lock.packages.iter().filter(|package| is_named(package, name));
            let is_listed = named().any(|package| package.kind != MAVEN);
            let is_page = pages.iter().any(|page| page.kind != MAVEN && page.is_named(name));
            let files = || self.lock.fetches.iter().filter_map(|it| file_identity(&it.url));
            let is_known = is_listed || is_page || files().any(|file| file.name == *name);
            let of_maven = || pages.iter().any(|page| page.kind == MAVEN && page.is_named(name));
            if !is_known && (named().next().is_some() || of_maven()) {
                return Err(Misuse {
                    message: format!("{name} is of Maven, of which rlock moves nothing alone"),
                    hint:
                        "a version that a POM names is moved there; `rlock update` without names \
                           moves what is left open, with everything else"
                            .to_owned(),
                }
                .into());
            }
            if !is_known {
                return Err(Misuse {
                    message: format!("the lock has no package `{name}`"),
                    hint: "`rlock outdated` lists what can move".to_owned(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Archives of a distribution offer the version that an update takes, and no other: what was asked
    /// for must be that.
    fn require_versions(&self) -> anyhow::Result<()> {
        let of_archives = |package: &&LockedPackage| {
            package.kind == "deb" || unheld::KINDS.contains(&&*package.kind)
        };
        for (word, wanted) in &self.versions {
            let named = self.lock.packages.iter().filter(|package| is_named(package, word));
            for package in named.filter(of_archives) {
                let LockedPackage { kind, name, version, .. } = package;
                let mut rows = self.announced.rows.iter();
                let row = rows.find(|row| (&row.kind, &row.name) == (kind, name));
                let to = row.and_then(|row| row.to.as_ref()).unwrap_or(version);
                if to != wanted {
                    return Err(Misuse {
                        message: format!(
                            "{kind} {name} cannot be moved to {wanted}: an update takes {to}"
                        ),
                        hint: format!(
                            "for what an archive no longer offers, say which one does by \
                             `[[archive]]` in rlock.toml and `--to DATE`; else `rlock update {word}`"
                        ),
                    }
                    .into());
                }
            }
        }
        Ok(())
    }

    fn names(&self, package: &LockedPackage) -> bool {
        self.names.iter().any(|name| is_named(package, name))
    }

    fn plan_debs(&mut self) -> anyhow::Result<()> {
        let named = holding::debs(self.lock).any(|package| self.names(package));
        let all = self.names.is_empty();
        if !named && !all {
            return Ok(());
        }
        let archives = Archives::look(self.lock, &self.scout, Reading::Whole)?;
        if self.arguments.to.is_none() {
            require_fresh(&archives)?;
        }
        let repairs = self.in_band(&archives, all);
        let is_wanted = |package: &LockedPackage| {
            if !self.names(package) && !all {
                return false;
            }
            let is_told = || repairs.contains_key(&key_of(package));
            !self.arguments.security || self.is_repaired(&archives, package) || is_told()
        };
        let pinned = self.pinned_debs(&archives, &is_wanted);
        let is_free =
            |package: &LockedPackage| is_wanted(package) && !pinned.contains_key(&package.name);
        let ages = DebAges::new(&archives, &self.scout, &self.policy);
        let knowing = Knowing {
            is_named: &|it, word| is_locked_named(self.lock, it, word),
            repairs: &|it, later| {
                let key = archives.old.key(&it.name, &it.architecture);
                let source = source_of(self.lock, it);
                archives.fix(&key, &it.version).is_some() && !it.version.is_empty()
                    || repairs.contains_key(&(it.name.clone(), it.version.clone()))
                    || self.known.repairs(it, source, later)
            },
            age: &|candidate| ages.of(candidate),
        };
        let offers = archives.offers();
        let (solution, held) =
            held_back::moves(self.lock, offers, &is_free, &self.policy, &knowing)?;
        self.held_back.extend(held);
        self.notes.extend(pinned.into_values());
        self.announce(&archives, &solution, &repairs);
        if !solution.steps.is_empty() {
            self.moving.packages =
                solution.steps.values().map(|step| step.to.name.clone()).collect();
            holding::put(&mut self.draft, self.lock, &archives, &solution)?;
        }
        Ok(())
    }

    /// What archives say, and, where only repairs move, the changelogs of what nothing else tells of.
    fn in_band(&mut self, archives: &Archives, all: bool) -> Repairs {
        let labels = in_band::labels(self.lock, archives);
        if !self.arguments.security {
            self.in_band = vec![labels, in_band::unread("only `--security` reads them")];
            return Repairs::new();
        }
        let untold = holding::debs(self.lock).filter(|package| all || self.names(package));
        let untold = untold.filter_map(|package| {
            let key = archives.old.key(&package.name, &package.architecture);
            let later = archives.later(&key, &package.version)?;
            let root = &archives.all.get(later.archive)?.locked.root;
            let is_told = archives.fix(&key, &package.version).is_some()
                || self
                    .known
                    .fixed(&identity(package), package.source.as_ref(), &later.item.version)
                    .is_some();
            (!is_told).then_some(Untold { package, later, root })
        });
        let read = in_band::read(untold.collect(), self.arguments.changelogs, &self.scout);
        self.in_band = vec![labels, read.row];
        read.repairs
    }

    /// Whether a later version repairs something, as its archive or advisory data says.
    fn is_repaired(&self, archives: &Archives, package: &LockedPackage) -> bool {
        let key = archives.old.key(&package.name, &package.architecture);
        if archives.fix(&key, &package.version).is_some() {
            return true;
        }
        let Some(later) = archives.later(&key, &package.version) else { return false };
        self.known.repairs(&identity(package), package.source.as_ref(), &later.item.version)
    }

    /// Wanted packages that the Dockerfile names with a version.
    fn pinned_debs(
        &self,
        archives: &Archives,
        is_wanted: &dyn Fn(&LockedPackage) -> bool,
    ) -> BTreeMap<String, String> {
        let wanted = holding::debs(self.lock).filter(|package| is_wanted(package));
        let behind = wanted.filter(|package| {
            let key = archives.old.key(&package.name, &package.architecture);
            archives.later(&key, &package.version).is_some()
        });
        let note = |package: &LockedPackage| {
            let line = pinning_line(self.project, &package.name)?;
            let place = format!("{}:{line}", self.project.path.display());
            let LockedPackage { name, version, .. } = package;
            Some((name.clone(), format!("{name} stays at {version}, which {place} asks for")))
        };
        behind.filter_map(note).collect()
    }

    fn announce(&mut self, archives: &Archives, solution: &Solution, told: &Repairs) {
        for (key, step) in &solution.steps {
            let from = step.from.as_deref();
            let fix = from.and_then(|from| archives.fix(key, from));
            let mut repairs: Vec<Repair> =
                fix.map(|fix| archives.repair(fix)).into_iter().collect();
            let changelog =
                from.and_then(|from| told.get(&(step.to.name.clone(), from.to_owned())));
            repairs.extend(changelog.cloned());
            self.announced.rows.push(MoveRow {
                kind: "deb".to_owned(),
                name: step.to.name.clone(),
                architecture: step.to.architecture.clone(),
                from: from.map(str::to_owned),
                to: Some(step.to.version.clone()),
                archive: Some(archives.name(step.archive)),
                security: !repairs.is_empty(),
                repairs,
                reason: step.reason.clone(),
            });
        }
    }

    /// Managers with one index for all packages.
    fn plan_unheld(&mut self) -> anyhow::Result<()> {
        let listed = crate::update::listed(self.lock);
        for kind in unheld::KINDS {
            let sources = sources(self.lock, kind);
            let names = &self.names;
            let is_named = |name: &String| {
                let is_source = || sources.get(name).is_some_and(|it| names.contains(&it.name));
                names.is_empty() || names.contains(name) || is_source()
            };
            let mut own = listed.keys().filter(|identity| identity.kind == kind);
            if !own.any(|identity| is_named(&identity.name)) {
                continue;
            }
            let (security, known) = (self.arguments.security, self.known);
            let is_repaired = |locked: &Identity, later: &str| {
                known.repairs(locked, sources.get(&locked.name).copied(), later)
            };
            let is_wanted = |locked: &Identity, later: &str| {
                is_named(&locked.name) && (!security || is_repaired(locked, later))
            };
            let wish = Wish {
                project: self.project,
                lock: self.lock,
                is_wanted: &is_wanted,
                policy: &self.policy,
                repairs: &is_repaired,
            };
            let put = (&mut self.draft, &mut self.moving.packages);
            let (mut rows, held) = unheld::plan(kind, &wish, &self.scout, put)?;
            self.held_back.extend(held);
            for row in &mut rows {
                let locked =
                    listed.keys().find(|it| (&it.kind, &it.name) == (&row.kind, &row.name));
                row.security = locked
                    .zip(row.to.as_deref())
                    .is_some_and(|(locked, later)| is_repaired(locked, later));
            }
            self.announced.rows.extend(rows);
        }
        Ok(())
    }
}

/// What changelogs say, by name and locked version.
type Repairs = BTreeMap<(String, String), Repair>;

fn key_of(package: &LockedPackage) -> (String, String) {
    (package.name.clone(), package.version.clone())
}

fn identity(package: &LockedPackage) -> Identity {
    Identity {
        kind: package.kind.clone(),
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        version: package.version.clone(),
    }
}

/// The source of a package of the lock.
fn source_of<'a>(lock: &'a Lockfile, it: &Identity) -> Option<&'a LockedSource> {
    let mut own = lock.packages.iter().filter(|package| {
        (&package.kind, &package.name, &package.version) == (&it.kind, &it.name, &it.version)
    });
    own.next()?.source.as_ref()
}

/// The source packages of a kind's packages, by name.
pub(super) fn sources<'a>(lock: &'a Lockfile, kind: &str) -> BTreeMap<String, &'a LockedSource> {
    let own = lock.packages.iter().filter(|package| package.kind == kind);
    own.filter_map(|package| Some((package.name.clone(), package.source.as_ref()?))).collect()
}

/// An index that has expired, or is older than the locked one, is not what the archive says now.
fn require_fresh(archives: &Archives) -> anyhow::Result<()> {
    let now = seconds_now();
    for archive in &archives.all {
        let Some((answer, release)) = &archive.new else { continue };
        if release.valid_until.is_some_and(|end| end < now) {
            anyhow::bail!("{} has expired: the mirror is stale", answer.url);
        }
        if release.date < archive.old.date {
            anyhow::bail!("{} is older than what the lock has: the mirror is stale", answer.url);
        }
    }
    Ok(())
}

/// The time by the clock, in seconds since 1970.
pub(super) fn seconds_now() -> i64 {
    let now = context::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Whether a user's word names a package of the lock, itself or by its source; or one that is not in it.
pub(super) fn is_locked_named(lock: &Lockfile, it: &Identity, word: &str) -> bool {
    let is_it = |package: &&LockedPackage| (&package.kind, &package.name) == (&it.kind, &it.name);
    it.name == word || lock.packages.iter().filter(is_it).any(|package| is_named(package, word))
}

/// Whether a user's word names the package, itself or by its source.
fn is_named(package: &LockedPackage, word: &str) -> bool {
    let qualified = || format!("{}:{}", package.name, package.architecture) == word;
    let source = || package.source.as_ref().is_some_and(|source| source.name == word);
    package.name == word || qualified() || source()
}

/// The line of the Dockerfile that names a package with its version.
fn pinning_line(project: &Project, name: &str) -> Option<usize> {
    let source = String::from_utf8_lossy(&project.dockerfile.source).into_owned();
    let start = format!("{name}=");
    let is_pinned =
        |line: &str| crate::pin::words(line).iter().any(|word| word.starts_with(&start));
    source.lines().position(is_pinned).map(|index| index + 1)
}

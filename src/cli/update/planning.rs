//! What an update asks for, and the draft that it builds from.

use super::super::args::{NetworkMode, UpdateArguments};
use super::super::context::{self, Context};
use super::super::failure::Misuse;
use super::super::project::{Moving, Project};
use super::super::scout::Scout;
use super::apt::{Archives, Reading};
use super::known::Known;
use super::{holding, instead, unheld};
use crate::lock::{LockedPackage, Lockfile};
use crate::report::MoveRow;
use crate::update::{
    Draft, Identity, LanguagePage, Solution, file_identity, language_pages, releases,
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
}

/// What may move.
#[derive(Debug, Default)]
pub(super) struct Announced {
    pub(super) rows: Vec<MoveRow>,
}

impl Announced {
    /// Whether a package may move.
    pub(super) fn has(&self, kind: &str, name: &str) -> bool {
        self.rows.iter().any(|row| row.kind == kind && row.name == name)
    }
}

/// Reads the wishes, looks at the indexes, and makes the draft.
pub(super) fn plan(
    project: &Project,
    lock: &Lockfile,
    arguments: &UpdateArguments,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Move> {
    let is_partial = !arguments.names.is_empty() || arguments.security || arguments.to.is_some();
    let mut planned = if is_partial {
        Planner::new(project, lock, arguments, network, context)?.plan()?
    } else if arguments.base {
        let announced = Some(Announced::default());
        let (draft, notes) = (Draft::of(lock), Vec::new());
        Move { draft, moving: Moving::default(), announced, notes }
    } else {
        let (draft, notes) = (Draft::of_nothing(lock), Vec::new());
        Move { draft, moving: Moving::default(), announced: None, notes }
    };
    if arguments.base {
        planned.draft.lock.images.clear();
        // Another base has other packages, and needs others.
        planned.announced = None;
    }
    Ok(planned)
}

struct Planner<'a> {
    project: &'a Project,
    lock: &'a Lockfile,
    arguments: &'a UpdateArguments,
    moving: Moving,
    scout: Scout<'a>,
    known: Known,
    notes: Vec<String>,
    announced: Announced,
    draft: Draft,
}

impl<'a> Planner<'a> {
    fn new(
        project: &'a Project,
        lock: &'a Lockfile,
        arguments: &'a UpdateArguments,
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
        let known = Known::load(&arguments.advisories, lock, &context.open_store()?)?;
        let (notes, announced) = (Vec::new(), Announced::default());
        let draft = Draft::of(lock);
        Ok(Self { project, lock, arguments, moving, scout, known, notes, announced, draft })
    }

    fn plan(mut self) -> anyhow::Result<Move> {
        let pages = language_pages(self.lock);
        self.require_names(&pages)?;
        self.plan_debs()?;
        if self.arguments.to.is_none() {
            self.plan_pages(&pages)?;
            self.plan_unheld()?;
        }
        let Self { draft, moving, announced, notes, .. } = self;
        Ok(Move { draft, moving, announced: Some(announced), notes })
    }

    /// Every name must be one of something.
    fn require_names(&self, pages: &[LanguagePage]) -> anyhow::Result<()> {
        for name in &self.arguments.names {
            let is_listed = self.lock.packages.iter().any(|package| is_named(package, name));
            let is_page = pages.iter().any(|page| page.is_named(name));
            let files = || self.lock.fetches.iter().filter_map(|it| file_identity(&it.url));
            if !is_listed && !is_page && !files().any(|file| file.name == *name) {
                return Err(Misuse {
                    message: format!("the lock has no package `{name}`"),
                    hint: "`rlock outdated` lists what can move".to_owned(),
                }
                .into());
            }
        }
        Ok(())
    }

    fn names(&self, package: &LockedPackage) -> bool {
        self.arguments.names.iter().any(|name| is_named(package, name))
    }

    fn plan_debs(&mut self) -> anyhow::Result<()> {
        let named = holding::debs(self.lock).any(|package| self.names(package));
        let all = self.arguments.names.is_empty();
        if !named && !all {
            return Ok(());
        }
        let archives = Archives::look(self.lock, &self.scout, Reading::Whole)?;
        if self.arguments.to.is_none() {
            require_fresh(&archives)?;
        }
        let is_wanted = |package: &LockedPackage| {
            if !self.names(package) && !all {
                return false;
            }
            !self.arguments.security || self.is_repaired(&archives, package)
        };
        let pinned = self.pinned_debs(&archives, &is_wanted);
        let is_free =
            |package: &LockedPackage| is_wanted(package) && !pinned.contains_key(&package.name);
        let solution = holding::moves(self.lock, &archives, &is_free)?;
        self.notes.extend(pinned.into_values());
        self.announce(&archives, &solution);
        if !solution.steps.is_empty() {
            self.moving.packages =
                solution.steps.values().map(|step| step.to.name.clone()).collect();
            holding::put(&mut self.draft, self.lock, &archives, &solution)?;
        }
        Ok(())
    }

    /// Whether a later version repairs something, as its archive or advisory data says.
    fn is_repaired(&self, archives: &Archives, package: &LockedPackage) -> bool {
        let key = archives.old.key(&package.name, &package.architecture);
        if archives.fix(&key, &package.version).is_some() {
            return true;
        }
        let Some(later) = archives.later(&key, &package.version) else { return false };
        let locked = Identity {
            kind: package.kind.clone(),
            name: package.name.clone(),
            architecture: package.architecture.clone(),
            version: package.version.clone(),
        };
        self.known.repairs(&locked, package.source.as_ref(), &later.item.version)
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

    fn announce(&mut self, archives: &Archives, solution: &Solution) {
        for (key, step) in &solution.steps {
            let from = step.from.as_deref();
            self.announced.rows.push(MoveRow {
                kind: "deb".to_owned(),
                name: step.to.name.clone(),
                architecture: step.to.architecture.clone(),
                from: from.map(str::to_owned),
                to: Some(step.to.version.clone()),
                archive: Some(archives.name(step.archive)),
                security: from.is_some_and(|from| archives.fix(key, from).is_some()),
                reason: step.reason.clone(),
            });
        }
    }

    /// Pages of managers that have one for each package.
    fn plan_pages(&mut self, pages: &[LanguagePage]) -> anyhow::Result<()> {
        let names = self.arguments.names.clone();
        let is_named = |page: &&LanguagePage| {
            names.iter().any(|name| page.is_named(name))
                || names.is_empty() && !page.name.is_empty()
        };
        let mut moved: BTreeSet<&str> = BTreeSet::new();
        for page in pages.iter().filter(is_named) {
            let (answer, content) = self.scout.now(&page.fetch)?;
            let latest = releases(page.kind, &page.name, &content).ok();
            let latest = latest.and_then(|released| released.latest);
            let is_wanted =
                !self.arguments.security || self.is_page_repaired(page, latest.as_deref());
            if answer.sha256 == page.fetch.sha256 || !is_wanted {
                continue;
            }
            let steps: Vec<String> = self
                .lock
                .fetches
                .iter()
                .filter(|fetch| fetch.question() == page.fetch.question())
                .map(|fetch| fetch.step.clone())
                .collect();
            self.draft.answer(&steps, &answer);
            self.draft.drop_packages(page.kind, |name, _| page.is_named(name));
            moved.insert(page.kind);
            self.announce_page(page, latest);
        }
        // What is about all packages of a manager says nothing about one that is not there.
        for page in pages.iter().filter(|page| page.name.is_empty() && moved.contains(page.kind)) {
            self.draft.drop_answer(|fetch| fetch.question() == page.fetch.question());
        }
        Ok(())
    }

    fn is_page_repaired(&self, page: &LanguagePage, latest: Option<&str>) -> bool {
        let Some(latest) = latest else { return false };
        let listed = crate::update::listed(self.lock);
        let mut own = listed.keys().filter(|it| it.kind == page.kind && it.name == page.name);
        own.any(|locked| self.known.repairs(locked, None, latest))
    }

    fn announce_page(&mut self, page: &LanguagePage, latest: Option<String>) {
        let listed = crate::update::listed(self.lock);
        let mut locked = listed.keys().filter(|it| it.kind == page.kind && it.name == page.name);
        let from = locked.next().map(|identity| identity.version.clone());
        self.announced.rows.push(MoveRow {
            kind: page.kind.to_owned(),
            name: page.name.clone(),
            architecture: String::new(),
            to: latest.filter(|latest| Some(latest) != from.as_ref()),
            from,
            archive: None,
            security: self.arguments.security,
            reason: None,
        });
    }

    /// Indexes that have all packages and let none be held.
    fn plan_unheld(&mut self) -> anyhow::Result<()> {
        let listed = crate::update::listed(self.lock);
        for kind in unheld::KINDS {
            let names = &self.arguments.names;
            let is_named = |name: &String| names.is_empty() || names.contains(name);
            let mut own = listed.keys().filter(|identity| identity.kind == kind);
            if !own.any(|identity| is_named(&identity.name)) {
                continue;
            }
            let (security, known) = (self.arguments.security, &self.known);
            let is_wanted = |locked: &Identity, later: &str| {
                is_named(&locked.name) && (!security || known.repairs(locked, None, later))
            };
            let rows = unheld::plan(kind, self.lock, &self.scout, &is_wanted, &mut self.draft)?;
            self.announced.rows.extend(rows);
        }
        Ok(())
    }
}

/// An index that has expired, or is older than the locked one, is not what the archive says now.
fn require_fresh(archives: &Archives) -> anyhow::Result<()> {
    let now = context::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
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

//! `rlock outdated`: what an update would move, from the lock and the indexes alone.

use super::super::args::{InputArguments, LockMode, NetworkMode, OutdatedArguments};
use super::super::context::Context;
use super::super::lifecycle;
use super::super::locking;
use super::super::project::Project;
use super::super::scout::Scout;
use super::ages::by_index;
use super::apt::{Archives, Reading};
use super::holding::debs;
use super::in_band::{self, LABELS};
use super::known::{IN_BAND, Known};
use super::planning::{seconds_now, sources};
use super::policy::{Age, Later, Policy};
use super::repositories::Repositories;
use super::smallest;
use super::unheld::{self, Offered};
use crate::lock::{LockedSource, Lockfile};
use crate::package::version;
use crate::report::{
    HeldBack, LockState, MoveRow, OutdatedReport, OutdatedRow, Status, TierRow, Timings, words,
};
use crate::update::{
    Choice, Identity, LanguagePage, MAVEN, Released, language_pages, listed, offer_fewer,
    published, releases, unfetched,
};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What can move, and what could not be looked at.
pub(super) struct Looked {
    pub(super) rows: Vec<OutdatedRow>,
    pub(super) unchecked: Vec<String>,
    /// What an update would leave behind, as far as indexes alone say how old it is.
    pub(super) held_back: Vec<HeldBack>,
    pub(super) checked: u64,
    /// What archives and packages say of themselves.
    pub(super) in_band: Vec<TierRow>,
}

/// Compares the lock with what there is.
pub(in super::super) fn run(
    arguments: &OutdatedArguments,
    context: &Context,
) -> anyhow::Result<OutdatedReport> {
    let started = Instant::now();
    let project = Project::load(&arguments.input, context)?;
    locking::require_fit(&project, LockMode::Locked)?;
    let lock = project.lock.as_ref().context("a lock that fits is there")?;
    let network = if arguments.offline { NetworkMode::Offline } else { NetworkMode::Online };
    let known =
        Known::load((&project, lock), (&arguments.advisories, &arguments.input), network, context)?;
    let (arguments_of, settings) = (&arguments.advisories, &project.settings.advisories);
    let tables = lifecycle::tables(arguments_of, settings, &project.path)?;
    let mut looked = look(&project, lock, (&arguments.input, &known), network, context)?;
    if arguments.security {
        looked.rows.retain(|row| row.security);
    }
    if arguments.security {
        looked.held_back.retain(|row| row.security);
    }
    let has_something = arguments.exit_code && !looked.rows.is_empty();
    let status = match (has_something, looked.unchecked.is_empty()) {
        (true, _) => Status::Findings,
        // A scheduler that is told "nothing" must be able to believe it.
        (false, false) if arguments.exit_code => Status::Undetermined,
        _ => Status::Ok,
    };
    let required = if known.lacking().is_empty() { Status::Ok } else { Status::Undetermined };
    Ok(OutdatedReport {
        target: project.target(),
        lock: locking::summary(&project, LockState::Current, lock.epoch),
        security_only: arguments.security,
        rows: looked.rows,
        held_back: looked.held_back,
        lifecycle: lifecycle::rows(lock, &tables)?,
        unchecked: looked.unchecked,
        checked: looked.checked,
        advisories: known.sources(looked.in_band),
        findings: Vec::new(),
        timings: Timings { total: started.elapsed(), ..Timings::default() },
        status: status.and(required),
    })
}

/// Looks at every index of the lock. One that cannot be had does not hide the others.
pub(super) fn look(
    project: &Project,
    lock: &Lockfile,
    (input, known): (&InputArguments, &Known),
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Looked> {
    let scout = Scout::open((project, lock), input, network, Vec::new(), context)?;
    let mut looker = Looker {
        lock,
        scout,
        known,
        policy: Policy::of_settings(project.settings.update, seconds_now()),
        held_back: Vec::new(),
        listed: listed(lock).into_keys().collect(),
        rows: Vec::new(),
        unchecked: Vec::new(),
        checked: BTreeSet::new(),
        failed: BTreeSet::new(),
        labels: TierRow::unchecked(IN_BAND, LABELS, "the lock has no packages of apt"),
    };
    looker.debs();
    looker.pages();
    looker.unheld();
    Ok(looker.finish())
}

/// What a page offers.
struct Latest {
    released: Released,
    /// The latest version, and when it was published.
    version: Option<(String, Option<i64>)>,
    /// The latest that need not wait, where that one must.
    old_enough: Option<String>,
}

struct Looker<'a> {
    lock: &'a Lockfile,
    scout: Scout<'a>,
    known: &'a Known,
    policy: Policy,
    held_back: Vec<HeldBack>,
    listed: BTreeSet<Identity>,
    rows: Vec<OutdatedRow>,
    unchecked: Vec<String>,
    checked: BTreeSet<(String, String)>,
    /// Those whose index could not be read, which has been said.
    failed: BTreeSet<(String, String)>,
    labels: TierRow,
}

impl Looker<'_> {
    fn debs(&mut self) {
        let names: BTreeSet<&str> = debs(self.lock).map(|package| &*package.name).collect();
        if names.is_empty() {
            return;
        }
        let archives = match Archives::look(self.lock, &self.scout, Reading::Only(&names)) {
            Ok(archives) => archives,
            Err(error) => {
                let reason = "their signed indexes could not be read";
                self.labels = TierRow::unchecked(IN_BAND, LABELS, reason);
                self.unchecked.push(format!("{} packages of apt: {error:#}", names.len()));
                let failed = names.iter().map(|name| ("deb".to_owned(), (*name).to_owned()));
                self.failed.extend(failed);
                return;
            }
        };
        self.labels = in_band::labels(self.lock, &archives);
        let mut seen = BTreeSet::new();
        for package in debs(self.lock) {
            let key = archives.new.key(&package.name, &package.architecture);
            if archives.new.all(&key).is_empty() && archives.old.all(&key).is_empty() {
                continue;
            }
            self.checked.insert(("deb".to_owned(), package.name.clone()));
            let Some(later) = archives.later(&key, &package.version) else { continue };
            if !seen.insert((key.clone(), &package.version)) {
                continue;
            }
            let locked = Identity {
                kind: "deb".to_owned(),
                name: package.name.clone(),
                architecture: package.architecture.clone(),
                version: package.version.clone(),
            };
            let source = package.source.as_ref();
            let version = later.item.version.clone();
            let mut row = self.row_of(&locked, source, &version);
            let fix = archives.fix(&key, &package.version);
            row.repairs.extend(fix.map(|fix| archives.repair(fix)));
            row.security = !row.repairs.is_empty();
            row.archive = Some(archives.name(later.archive));
            row.held = archives.is_held(&key, &package.version);
            // A later date than that of the index is inside the package, which is not fetched here.
            let at = by_index(&archives, later).filter(|at| self.policy.is_old_enough_for_all(*at));
            self.push(row, at, "by its index");
        }
    }

    fn pages(&mut self) {
        let pages = language_pages(self.lock);
        for page in pages.iter().filter(|page| !page.name.is_empty()) {
            if page.kind == MAVEN {
                let why = "which of its versions a POM allows is not known";
                self.unchecked.push(format!("{} {}: {why}", page.kind, page.name));
                continue;
            }
            let is_own = |it: &&Identity| it.kind == page.kind && it.name == page.name;
            let own: Vec<Identity> = self.listed.iter().filter(is_own).cloned().collect();
            if own.is_empty() {
                continue;
            }
            let latest = self.scout.now(&page.fetch);
            let latest = latest.and_then(|(_, content)| self.latest(page, &content));
            let latest = match latest {
                Ok(latest) => latest,
                Err(error) => {
                    self.unchecked.push(format!("{} {}: {error:#}", page.kind, page.name));
                    self.failed.insert((page.kind.to_owned(), page.name.clone()));
                    continue;
                }
            };
            self.checked.insert((page.kind.to_owned(), page.name.clone()));
            for locked in own {
                let repair = self.repair_of(page, &pages, &locked, &latest.released);
                self.compare(page.kind, &locked, &latest, repair.as_deref());
            }
        }
    }

    fn compare(&mut self, kind: &str, locked: &Identity, latest: &Latest, repair: Option<&str>) {
        let is_later = |version: &str| {
            version::compare(kind, version, &locked.version) == Some(Ordering::Greater)
        };
        let newest = latest.version.as_ref().filter(|(it, _)| is_later(it));
        let newest = newest.map(|(version, at)| (version.as_str(), *at));
        // What is tagged as the latest may be below what repairs.
        let Some((version, at)) = newest.or(repair.map(|it| (it, None))) else {
            return;
        };
        let row = |looker: &Self, version: &str| {
            let row = looker.row_of(locked, None, version);
            let security = row.security || repair.is_some();
            OutdatedRow { repair: repair.map(str::to_owned), security, ..row }
        };
        let newest = row(self, version);
        let is_held = self.push(newest, at, "by its index");
        if let Some(older) = latest.old_enough.as_ref().filter(|it| is_held && is_later(it)) {
            self.rows.push(row(self, older));
        }
    }

    /// The latest version of a page, and the latest that need not wait.
    fn latest(&self, page: &LanguagePage, content: &[u8]) -> anyhow::Result<Latest> {
        let LanguagePage { kind, name, .. } = page;
        let released = releases(kind, name, content)?;
        let version = released.latest.clone();
        let times = published(kind, name, content)?;
        // What is changed lately may still have old versions.
        let is_old = |at: i64| self.policy.is_old_enough_for_all(at);
        let known =
            |version: &str| times.of(version).filter(|at| times.says(version) || is_old(*at));
        let is_young = |version: &str| known(version).is_some_and(|at| !is_old(at));
        let old_enough = match &version {
            Some(version) if self.policy.is_something() && is_young(version) => {
                let fewer = offer_fewer(kind, name, content, &|version| !is_young(version));
                let left = |fewer: Option<Vec<u8>>| {
                    releases(kind, name, fewer.as_deref().unwrap_or(content))
                };
                fewer.and_then(left).ok().and_then(|it| it.latest)
            }
            _ => None,
        };
        let at = version.as_deref().and_then(known);
        let version = version.map(|version| (version, at));
        Ok(Latest { released, version, old_enough })
    }

    fn unheld(&mut self) {
        for kind in unheld::KINDS {
            let is_own = |it: &&Identity| it.kind == kind;
            let own: Vec<Identity> = self.listed.iter().filter(is_own).cloned().collect();
            if own.is_empty() {
                continue;
            }
            match Offered::look(kind, self.lock, &self.scout) {
                Ok(Some(offered)) => {
                    let held =
                        offered.holds.then(|| Repositories::look(kind, self.lock, &self.scout));
                    let held = held.and_then(Result::ok).flatten();
                    let sources = sources(self.lock, kind);
                    for locked in own {
                        self.checked.insert((locked.kind.clone(), locked.name.clone()));
                        let Some(later) = offered.later(&locked) else { continue };
                        let source = sources.get(&locked.name).copied();
                        let mut row = self.row_of(&locked, source, later);
                        row.held = held.as_ref().is_some_and(|held| held.is_held(&locked));
                        let at = offered.built(&locked);
                        self.push(row, at, "built, by its index");
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    self.unchecked.push(format!("packages of {kind}: {error:#}"));
                    self.failed.extend(own.into_iter().map(|it| (it.kind, it.name)));
                }
            }
        }
    }

    /// The version that `update --security` takes, where something is known to be repaired.
    fn repair_of(
        &self,
        page: &LanguagePage,
        pages: &[LanguagePage],
        locked: &Identity,
        released: &Released,
    ) -> Option<String> {
        let own: Vec<Identity> = self.listed.iter().cloned().collect();
        let all = (self.lock, pages, &*own);
        let requirements = || smallest::requirements(page, all, self.known, self.scout.store());
        match smallest::repairing(self.known, locked, released, requirements) {
            Choice::Takes(taken) => Some(taken.version),
            Choice::Stays | Choice::Unrepaired { .. } => None,
        }
    }

    /// Lists what can move, or says, with true, that an update would leave it. Where indexes do not say how old a
    /// version is, the update finds it out.
    fn push(&mut self, row: OutdatedRow, published: Option<i64>, source: &str) -> bool {
        let package = Identity {
            kind: row.kind.clone(),
            name: row.name.clone(),
            architecture: row.architecture.clone(),
            version: row.locked.clone(),
        };
        let offered = Later { package: &package, version: &row.available, repairs: row.security };
        let wait = self.policy.wait(offered, |_| false);
        let held = published.and_then(|at| {
            self.policy.judge(offered, wait, || Age::Known { at, source: source.to_owned() })
        });
        let is_held = held.is_some();
        match held {
            Some(held) => self.held_back.push(held),
            None => self.rows.push(row),
        }
        is_held
    }

    fn row_of(
        &self,
        locked: &Identity,
        source: Option<&LockedSource>,
        available: &str,
    ) -> OutdatedRow {
        let fixed = self.known.fixed(locked, source, available).unwrap_or_default();
        OutdatedRow {
            kind: locked.kind.clone(),
            name: locked.name.clone(),
            architecture: locked.architecture.clone(),
            locked: locked.version.clone(),
            available: available.to_owned(),
            repair: None,
            archive: None,
            security: !fixed.repairs.is_empty(),
            fixes: fixed.ids(),
            repairs: fixed.repairs,
            ignored: fixed.ignored,
            held: false,
        }
    }

    /// What no index of the lock is about is not said to be up to date.
    fn finish(mut self) -> Looked {
        let is_unchecked = |identity: &&Identity| {
            let key = (identity.kind.clone(), identity.name.clone());
            !self.checked.contains(&key) && !self.failed.contains(&key)
        };
        // A system brings them by the hundred: one line each would hide what else is not checked.
        let unfetched = unfetched(self.lock);
        let is_unfetched = |identity: &Identity| {
            unfetched.get(&identity.kind).is_some_and(|names| names.contains(&identity.name))
        };
        let left: Vec<&Identity> = self.listed.iter().filter(is_unchecked).collect();
        let (along, left): (Vec<_>, Vec<_>) = left.into_iter().partition(|it| is_unfetched(it));
        let lines = left.iter().map(|it| format!("{} {}", it.kind, it.name));
        self.unchecked.extend(lines.map(|it| format!("{it}: no index in the lock has it")));
        self.unchecked.extend(together(&along));
        self.rows.sort();
        self.held_back.sort();
        self.unchecked.sort();
        let of_apt = self.rows.iter().filter(|row| row.kind == "deb").count() as u64;
        let reason = "only `rlock update --security` reads them";
        let changelogs =
            TierRow { of: of_apt, subject: "later versions", ..in_band::unread(reason) };
        Looked {
            checked: self.checked.len() as u64,
            rows: self.rows,
            held_back: self.held_back,
            unchecked: self.unchecked,
            in_band: vec![self.labels, changelogs],
        }
    }
}

/// A line for each kind of packages that were not fetched by themselves.
fn together(along: &[&Identity]) -> Vec<String> {
    const NAMES_MAX: usize = 5;
    let mut of_kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for identity in along {
        of_kinds.entry(&identity.kind).or_default().insert(&identity.name);
    }
    let line = |(kind, names): (&str, BTreeSet<&str>)| {
        let shown: Vec<&str> = names.iter().take(NAMES_MAX).copied().collect();
        let more = if names.len() > shown.len() { ", …" } else { "" };
        let count = words::counted(names.len() as u64, "package");
        let why = "no file of their own was fetched, they move with what brings them";
        format!("{count} of {kind} ({}{more}): {why}", shown.join(", "))
    };
    of_kinds.into_iter().map(line).collect()
}

/// The move that an update would make.
pub(super) fn as_move(row: OutdatedRow) -> MoveRow {
    MoveRow {
        kind: row.kind,
        name: row.name,
        architecture: row.architecture,
        from: Some(row.locked),
        to: Some(row.available),
        archive: row.archive,
        security: row.security,
        repairs: row.repairs,
        reason: None,
    }
}

//! `rlock outdated`: what an update would move, from the lock and the indexes alone.

use super::super::args::{InputArguments, LockMode, NetworkMode, OutdatedArguments};
use super::super::context::Context;
use super::super::locking;
use super::super::project::Project;
use super::super::scout::Scout;
use super::apt::{Archives, Reading};
use super::holding::debs;
use super::in_band::{self, LABELS};
use super::known::{IN_BAND, Known};
use super::planning::sources;
use super::repositories::Repositories;
use super::unheld::{self, Offered};
use crate::lock::{LockedSource, Lockfile};
use crate::package::version;
use crate::report::{LockState, MoveRow, OutdatedReport, OutdatedRow, Status, TierRow, Timings};
use crate::update::{Identity, MAVEN, language_pages, listed, releases};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Instant;

/// What can move, and what could not be looked at.
pub(super) struct Looked {
    pub(super) rows: Vec<OutdatedRow>,
    pub(super) unchecked: Vec<String>,
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
    let known = Known::load((&project, lock), &arguments.advisories, network, context)?;
    let mut looked = look(&project, lock, (&arguments.input, &known), network, context)?;
    if arguments.security {
        looked.rows.retain(|row| row.security);
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

struct Looker<'a> {
    lock: &'a Lockfile,
    scout: Scout<'a>,
    known: &'a Known,
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
            self.rows.push(row);
        }
    }

    fn pages(&mut self) {
        for page in language_pages(self.lock).iter().filter(|page| !page.name.is_empty()) {
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
            let released = self
                .scout
                .now(&page.fetch)
                .and_then(|(_, content)| Ok(releases(page.kind, &page.name, &content)?));
            let latest = match released {
                Ok(released) => released.latest,
                Err(error) => {
                    self.unchecked.push(format!("{} {}: {error:#}", page.kind, page.name));
                    self.failed.insert((page.kind.to_owned(), page.name.clone()));
                    continue;
                }
            };
            self.checked.insert((page.kind.to_owned(), page.name.clone()));
            let Some(latest) = latest else { continue };
            for locked in own {
                let is_later = version::compare(page.kind, &latest, &locked.version)
                    == Some(Ordering::Greater);
                if is_later {
                    self.row(&locked, &latest);
                }
            }
        }
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
                        self.rows.push(row);
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

    fn row(&mut self, locked: &Identity, available: &str) {
        let row = self.row_of(locked, None, available);
        self.rows.push(row);
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
        let left: Vec<String> = self
            .listed
            .iter()
            .filter(is_unchecked)
            .map(|identity| format!("{} {}", identity.kind, identity.name))
            .collect();
        self.unchecked.extend(left.iter().map(|it| format!("{it}: no index in the lock has it")));
        self.rows.sort();
        self.unchecked.sort();
        let of_apt = self.rows.iter().filter(|row| row.kind == "deb").count() as u64;
        let reason = "only `rlock update --security` reads them";
        let changelogs =
            TierRow { of: of_apt, subject: "later versions", ..in_band::unread(reason) };
        Looked {
            checked: self.checked.len() as u64,
            rows: self.rows,
            unchecked: self.unchecked,
            in_band: vec![self.labels, changelogs],
        }
    }
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

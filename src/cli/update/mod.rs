//! `rlock update`: move the lock forward. The draft of the new lock is built twice, compared, and only
//! then written; what moves though nobody asked for it is an error.

mod ages;
mod apt;
mod course;
mod freeing;
mod held_back;
mod holding;
mod in_band;
mod instead;
mod known;
pub(super) mod outdated;
mod page_ages;
mod paging;
mod planning;
mod policy;
mod repositories;
mod requiring;
mod smallest;
mod stages;
mod unheld;

use super::args::{LockMode, UpdateArguments};
use super::building::Prepared;
use super::context::Context;
use super::project::Project;
use super::{comparing, locking, results, store};
use crate::build::Built;
use crate::build::embedded::Embedded;
use crate::door::Mode;
use crate::finding::{Cause, Finding, Severity};
use crate::lock::Lockfile;
use crate::report::{
    AdvisorySources, HeldBack, LockState, LockSummary, MoveRow, Status, Timings, UpdateOutcome,
    UpdateReport,
};
use crate::update::{self, Moved};
use anyhow::Context as _;
use known::Known;
use planning::{Announced, Move};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The route: plan, build twice, compare, check, write.
pub(super) fn run(arguments: &UpdateArguments, context: &Context) -> anyhow::Result<UpdateReport> {
    let started = Instant::now();
    locking::require_canonical(&arguments.input)?;
    let project = Project::load(&arguments.input, context)?;
    locking::require_fit(&project, LockMode::Locked)?;
    let lock = project.lock.clone().context("a lock that fits is there")?;
    let network = arguments.network_mode();
    let known = Known::load(
        (&project, &lock),
        (&arguments.advisories, &arguments.input),
        network,
        context,
    )?;
    if !known.lacking().is_empty() {
        return Err(Lacking(known.lacking().join("; ")).into());
    }
    let mut planned = planning::plan(&project, &lock, (arguments, &known), network, context)?;
    let advisories = known.sources(std::mem::take(&mut planned.in_band));
    let held_back = std::mem::take(&mut planned.held_back);
    let prepare = started.elapsed();
    let frame = Frame { project, lock, arguments, known, advisories, held_back, started, prepare };
    if arguments.dry_run {
        return frame.dry_run(planned, context);
    }
    let is_idle = planned.draft.lock == frame.lock;
    if is_idle {
        return Ok(frame.report(UpdateOutcome::NothingToDo, Vec::new(), planned.notes, Vec::new()));
    }
    frame.carry_out(planned, context)
}

/// What `--require-advisories` asks for is not there; nothing was moved.
#[derive(Debug, thiserror::Error)]
#[error("advisories are required, and not there: {0}")]
struct Lacking(String);

/// What stays the same all the way.
struct Frame<'a> {
    project: Project,
    lock: Lockfile,
    arguments: &'a UpdateArguments,
    known: Known,
    advisories: AdvisorySources,
    held_back: Vec<HeldBack>,
    started: Instant,
    prepare: std::time::Duration,
}

impl Frame<'_> {
    fn report(
        &self,
        outcome: UpdateOutcome,
        moves: Vec<MoveRow>,
        notes: Vec<String>,
        findings: Vec<Finding>,
    ) -> UpdateReport {
        let fail_on = self.arguments.report.fail_on.into();
        let moved: BTreeSet<(&str, &str)> =
            moves.iter().map(|row| (row.kind.as_str(), row.name.as_str())).collect();
        let all = update::listed(&self.lock);
        let held = all.keys().filter(|it| !moved.contains(&(it.kind.as_str(), it.name.as_str())));
        let timings =
            Timings { prepare: self.prepare, total: self.started.elapsed(), ..Timings::default() };
        UpdateReport {
            target: self.project.target(),
            outcome,
            held: held.count() as u64,
            status: match outcome {
                // Whatever the findings weigh: the lock is not what was asked for.
                UpdateOutcome::Refused => Status::Findings,
                _ => Status::of_findings(&findings, fail_on),
            },
            lock: locking::summary(&self.project, LockState::Current, self.lock.epoch),
            moves,
            held_back: self.held_back.clone(),
            notes,
            advisories: self.advisories.clone(),
            findings,
            timings,
        }
    }

    /// What would move, as far as that can be known without a build.
    fn dry_run(&self, planned: Move, context: &Context) -> anyhow::Result<UpdateReport> {
        let mut notes = planned.notes;
        let rows = if let Some(announced) = planned.announced {
            announced.rows
        } else {
            let input = &self.arguments.input;
            let network = self.arguments.network_mode();
            let looked =
                outdated::look(&self.project, &self.lock, (input, &self.known), network, context)?;
            if self.arguments.base {
                notes.push("what another base image brings is known when it is built".to_owned());
            }
            notes.extend(looked.unchecked.iter().map(|what| format!("not looked at: {what}")));
            looked.rows.into_iter().map(outdated::as_move).collect()
        };
        let outcome = if rows.is_empty() && !self.arguments.base {
            UpdateOutcome::NothingToDo
        } else {
            UpdateOutcome::Planned
        };
        Ok(self.report(outcome, rows, notes, Vec::new()))
    }

    fn carry_out(mut self, planned: Move, context: &Context) -> anyhow::Result<UpdateReport> {
        let Move { draft, moving, announced, mut notes, .. } = planned;
        let input = &self.arguments.input;
        let network = self.arguments.network_mode();
        let steps = self.moving_steps(&draft.steps)?;
        self.project.lock = Some(draft.lock);
        self.project.moving = moving;
        let prepared = Prepared::new(&self.project, input, (Mode::Record, network), context)?;
        if self.is_same_base(&prepared) && steps.is_empty() {
            self.project.lock = Some(self.lock.clone());
            return Ok(self.report(UpdateOutcome::NothingToDo, Vec::new(), notes, Vec::new()));
        }
        let jobs = super::jobs(input.jobs);
        let (first, second) = prepared.build_twice(&Embedded, jobs, &self.project, context)?;
        let comparison = comparing::builds(&prepared, &self.project, &first, &second, context)?;
        let new = locking::pin(&self.project, &prepared, &first, Some(&second), &steps)?;

        let moved = update::moved(&self.lock, &new);
        let mut findings = comparison.findings;
        findings.extend(self.layer_findings(&prepared, &first, &new)?);
        let came_along = |moved: &Moved, announced: &Announced| {
            update::came_along(moved, [&self.lock, &new], &|kind, name| announced.has(kind, name))
        };
        findings.extend(unasked(&moved, announced.as_ref(), &came_along));
        let announced = announced.unwrap_or_default();
        notes.extend(unmoved(&moved, &announced));
        let mut rows = rows(moved, &announced, &came_along);
        let ignored = self.known.tell(&self.lock, &mut rows);
        notes.extend(ignored.into_iter().filter(|note| !notes.contains(note)).collect::<Vec<_>>());
        let refused = first.manifest != second.manifest
            || findings.iter().any(|finding| finding.severity >= Severity::Error);
        if refused {
            self.project.lock = Some(self.lock.clone());
            return Ok(self.report(UpdateOutcome::Refused, rows, notes, findings));
        }
        let summary = self.write(&new, &prepared)?;
        if summary.state == LockState::Current {
            let mut report = self.report(UpdateOutcome::NothingToDo, rows, notes, findings);
            report.lock = summary;
            return Ok(report);
        }
        store::push_after(&self.project, &prepared.store, network, context)?;
        let mut report = self.report(UpdateOutcome::Written, rows, notes, findings);
        report.lock = summary;
        Ok(report)
    }

    fn write(&self, new: &Lockfile, prepared: &Prepared) -> anyhow::Result<LockSummary> {
        locking::put(&self.project, new, prepared.epoch)
    }

    /// The plan's ids of the steps that the draft names by those of the lock.
    fn moving_steps(&self, steps: &BTreeSet<String>) -> anyhow::Result<BTreeSet<String>> {
        let wanted = self.project.wanted()?;
        let locked = self.lock.matching_steps(&wanted);
        let pairs = wanted.steps.iter().zip(locked);
        let is_moving = |id: &str| steps.contains(id);
        let moving = pairs.filter(|(_, locked)| locked.is_some_and(|step| is_moving(&step.id)));
        Ok(moving.map(|(step, _)| step.id.clone()).collect())
    }

    /// Whether every image is the one that is locked.
    fn is_same_base(&self, prepared: &Prepared) -> bool {
        let locked: BTreeMap<String, _> = self
            .lock
            .images
            .iter()
            .map(|image| (image.reference.to_string(), image.manifest))
            .collect();
        let mut used = prepared.images.iter();
        used.all(|(reference, image)| locked.get(reference) == Some(&image.manifest_digest))
    }

    /// Steps that nothing moves must give the layers that they gave.
    fn layer_findings(
        &mut self,
        prepared: &Prepared,
        first: &Built,
        new: &Lockfile,
    ) -> anyhow::Result<Vec<Finding>> {
        let draft = self.project.lock.replace(new.clone());
        let rows = results::steps(&self.project, prepared, first);
        self.project.lock = draft;
        // Where the two builds differ, no layer is recorded, and the comparison says why.
        let rows: Vec<_> = rows?.into_iter().filter(|row| row.recorded.is_some()).collect();
        Ok(results::lock_findings(&rows))
    }
}

/// Whether a package moved with a package of the system that brings it.
type CameAlong<'a> = &'a dyn Fn(&Moved, &Announced) -> bool;

/// Packages that have another version though they were to be held.
fn unasked(
    moved: &[Moved],
    announced: Option<&Announced>,
    came_along: CameAlong<'_>,
) -> Vec<Finding> {
    let Some(announced) = announced else { return Vec::new() };
    let is_unasked = |moved: &&Moved| {
        // What came along, or was only needed by what has moved, is no move of its own.
        !moved.from.is_empty()
            && !moved.to.is_empty()
            && !announced.has(&moved.kind, &moved.name)
            && !came_along(moved, announced)
    };
    let finding = |moved: &Moved| Finding {
        cause: Cause::named("unasked-move"),
        severity: Severity::Error,
        message: format!(
            "{} {} moves to {}, and nobody asked for it",
            moved.name,
            words(&moved.from),
            words(&moved.to)
        ),
        location: None,
        hint: Some(format!(
            "name it too (`rlock update … {}`), or let all packages move: `rlock update`",
            moved.name
        )),
        paths: Vec::new(),
    };
    moved.iter().filter(is_unasked).map(finding).collect()
}

/// What was to move and did not.
fn unmoved(moved: &[Moved], announced: &Announced) -> Vec<String> {
    let is_there =
        |row: &&MoveRow| moved.iter().any(|it| (&it.kind, &it.name) == (&row.kind, &row.name));
    let note = |row: &MoveRow| {
        let (name, from, to) = (&row.name, row.from.as_ref()?, row.to.as_ref()?);
        Some(format!(
            "{name} stays at {from}, though there is {to}: what needs it, or the Dockerfile, wants \
             no other"
        ))
    };
    announced.rows.iter().filter(|row| !is_there(row)).filter_map(note).collect()
}

/// What has moved, with what was known of it before.
fn rows(moved: Vec<Moved>, announced: &Announced, came_along: CameAlong<'_>) -> Vec<MoveRow> {
    const ALONG: &str = "a package of the system that moves brings it";
    let row = |moved: Moved| {
        let known =
            announced.rows.iter().find(|row| row.kind == moved.kind && row.name == moved.name);
        let along = known.is_none() && came_along(&moved, announced);
        let shown = |versions: &BTreeSet<String>| (!versions.is_empty()).then(|| words(versions));
        MoveRow {
            from: shown(&moved.from),
            to: shown(&moved.to),
            archive: known.and_then(|row| row.archive.clone()),
            security: known.is_some_and(|row| row.security),
            repairs: known.map(|row| row.repairs.clone()).unwrap_or_default(),
            reason: known
                .and_then(|row| row.reason.clone())
                .or_else(|| along.then(|| ALONG.to_owned())),
            kind: moved.kind,
            name: moved.name,
            architecture: moved.architecture,
        }
    };
    moved.into_iter().map(row).collect()
}

fn words(versions: &BTreeSet<String>) -> String {
    versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

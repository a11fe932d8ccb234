//! `rlock review [OLD [NEW]]`: what the change of a lock means, for whoever has to say yes to it.

mod brought;
mod built;
mod changelogs;
mod checkout;
mod contents;
mod copied;
mod evidence;
mod fetched;
mod forge;
mod git;
mod given;
mod held_back;
mod histories;
pub(super) mod known;
mod origins;
mod places;
mod policy;
mod sides;
mod suites;
mod tree;

pub(super) use git::TARGET_BRANCHES;

use super::advisories::Wanted;
use super::args::{NetworkMode, ReviewArguments};
use super::context::Context;
use super::lifecycle;
use super::notices;
use super::project::Project;
use super::proving::Believed;
use crate::finding::{Finding, Severity};
use crate::lock::Lockfile;
use crate::report::pull_request;
use crate::report::{AdvisorySources, ReviewReport, Status, Timings, Trust};
use crate::review::{self, Advisories, Coverage, Input, Places, Review};
use crate::store::Store;
use anyhow::Context as _;
use sides::{Sides, Source};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Finds both locks, looks at what the Store has of the packages that moved, and, where files are
/// asked for, builds both.
pub(super) fn run(arguments: &ReviewArguments, context: &Context) -> anyhow::Result<ReviewReport> {
    let started = Instant::now();
    let sides = sides::find(arguments, context)?;
    let new = sides.new.lock.clone().context("there is no lockfile")?;
    // A lock where there was none: everything in it is new.
    let empty = || Lockfile::new(new.platform.clone(), new.epoch, new.canonical);
    let old = sides.old.lock.clone().unwrap_or_else(empty);
    let store = context.open_store()?;
    let given = given::new(&sides, arguments, &store)?;
    let project = given.as_ref().map(|given| given.project(&new, context)).transpose()?;
    let places = places(project.as_ref(), &old, &new)?;
    let moves = review::moves(&old, &new);
    let (evidence, trust) = rayon::join(
        || evidence::of(&moves, &old, &new, &store),
        || trust(&sides, project.as_ref(), &new, &store, context),
    );
    let policy = policy::of(&sides, &store)?;
    let wanted = wanted(&policy, &sides, arguments)?;
    let rules = &policy.settings.advisories;
    let tables = lifecycle::tables(&arguments.advisories, rules, &sides.dockerfile)?;
    let notices = notices::locked(&new, &store);
    let data = known::load(&wanted, [&old, &new], &[], &notices, context)?;
    let prepare = started.elapsed();
    let built = build(&sides, given.as_ref(), arguments, context)?;
    let difference = built.as_ref().map(|built| built.compare(context)).transpose()?;
    let input = Input {
        old: &old,
        new: &new,
        places: &places,
        evidence: &evidence,
        advisories: data.as_ref().map(|data| data as &dyn Advisories),
        policy: &policy.changes,
        images: None,
        unbuilt: if arguments.files { "there was no lock before" } else { "needs --files" },
    };
    let review = match (&built, &difference) {
        (Some(built), Some(difference)) => built.review(&input, difference, context)?,
        _ => review::review(&input),
    };
    let mut findings = review::findings(&review, &places);
    let (trust, poisoned) = trust?.map_or((None, Vec::new()), |(it, bad)| (Some(it), bad));
    let advisories = sources(&review, &wanted, data.as_ref());
    let required = if advisories.lacking.is_empty() { Status::Ok } else { Status::Undetermined };
    let proven = if poisoned.is_empty() { Status::Ok } else { Status::Integrity };
    findings.splice(0..0, poisoned);
    let status = status(&findings, arguments).and(required).and(proven);
    let total = started.elapsed();
    let report = ReviewReport {
        dockerfile: sides.dockerfile.clone(),
        platform: new.platform.clone(),
        old: sides.old.side(),
        new: sides.new.side(),
        links: forge::links(sides.new_commit(), context),
        review,
        advisories,
        policy: policy.name,
        trust,
        lifecycle: lifecycle::rows(&new, &tables)?,
        held_back: held_back::of(&new, &store),
        findings,
        timings: Timings { prepare, compare: total.saturating_sub(prepare), total },
        status,
    };
    if let Some(path) = &arguments.pr_body {
        write_body(&report, path)?;
    }
    Ok(report)
}

/// Both images, where files are asked for and there are two.
fn build(
    sides: &Sides<'_>,
    given: Option<&given::Given>,
    arguments: &ReviewArguments,
    context: &Context,
) -> anyhow::Result<Option<built::Both>> {
    match (arguments.files, &sides.old.lock, given) {
        (true, Some(_), Some(given)) => built::both(sides, given, arguments, context).map(Some),
        (true, None, _) => {
            context.warn("there was no lock before, so there is no image to compare with");
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Where advisories are known from, and what is missing of what is required.
fn sources(review: &Review, wanted: &Wanted, data: Option<&known::Local>) -> AdvisorySources {
    let coverage = review.security.as_ref().map(|security| Coverage {
        covered: security.covered,
        not_covered: security.not_covered.clone(),
        ..Coverage::default()
    });
    AdvisorySources {
        expired: wanted.expired(),
        lacking: wanted.lacking(data.map(known::Local::looked_into), &coverage.unwrap_or_default()),
        ..AdvisorySources::of_review(review)
    }
}

fn status(findings: &[Finding], arguments: &ReviewArguments) -> Status {
    // What nothing explains fails whatever else is let pass.
    let unexplained = findings.iter().any(|finding| finding.cause.id == "unexplained-file");
    let fail_on: Severity = arguments.report.fail_on.into();
    if unexplained { Status::Findings } else { Status::of_findings(findings, fail_on) }
}

/// Whether signed indexes have what the new lock pins, where its project is here.
fn trust(
    sides: &Sides<'_>,
    project: Option<&Project>,
    new: &Lockfile,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Option<(Trust, Vec<Finding>)>> {
    let Some(project) = project else { return Ok(None) };
    let base = match (&sides.old.source, &sides.repository) {
        (Source::File(path), _) => sides.old.lock.as_ref().map(|_| Believed::File(path)),
        (Source::Revision(revision, lock), Some(repository)) => {
            let (directory, commit) = (&*repository.root, &*revision.commit);
            Some(Believed::Commit { directory, commit, lock })
        }
        (Source::Revision(..), None) => None,
    };
    super::proving::trust(project, new, base, store, context).map(Some)
}

/// Where the steps of both locks stand; the new one's first.
fn places(project: Option<&Project>, old: &Lockfile, new: &Lockfile) -> anyhow::Result<Places> {
    let Some(project) = project else { return Ok(Places::default()) };
    let mut found = places::of(project, new)?;
    for (id, place) in places::of(project, old)?.0 {
        found.0.entry(id).or_insert(place);
    }
    Ok(found)
}

/// What is looked into, by the rules of the review.
fn wanted(
    policy: &policy::Policy,
    sides: &Sides<'_>,
    arguments: &ReviewArguments,
) -> anyhow::Result<Wanted> {
    let rules = &policy.settings.advisories;
    Wanted::of(&arguments.advisories, rules, &sides.dockerfile, network(arguments))
}

fn network(arguments: &ReviewArguments) -> NetworkMode {
    if arguments.offline { NetworkMode::Offline } else { NetworkMode::Online }
}

/// The text of the pull request, and all of it beside where that is longer.
fn write_body(report: &ReviewReport, path: &Path) -> anyhow::Result<()> {
    let mut full_path = path.as_os_str().to_owned();
    full_path.push(".full.md");
    let full_path = PathBuf::from(full_path);
    let name = full_path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let body = pull_request::body(report, &name);
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
    };
    write(path, &body.text)?;
    body.full.map_or(Ok(()), |full| write(&full_path, &full))
}

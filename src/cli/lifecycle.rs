//! Until when the distributions of a lock's images get updates. What a distribution is, is told by the
//! lock alone: by the packages that it lists of an image, else by the suites that steps asked for.

use super::args::AdvisoryArguments;
use super::context;
use super::project::{Project, read_at_most};
use super::settings::AdvisorySettings;
use crate::advisory::lifecycle::{Lifecycle, SIZE_MAX, Standing, State, Table};
use crate::finding::{Cause, Finding, Severity};
use crate::lock::Lockfile;
use crate::oci::Digest;
use crate::package::Distribution;
use crate::report::{LifecycleRow, Lifespan};
use crate::update::locked_archives;
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The tables: those that are built in, and over them what an argument names, else rlock.toml.
pub(super) fn tables(
    arguments: &AdvisoryArguments,
    settings: &AdvisorySettings,
    dockerfile: &Path,
) -> anyhow::Result<Lifecycle> {
    let mut tables = Lifecycle::built_in()?;
    let of_settings = || {
        let path = settings.lifecycle.as_ref()?;
        Some(dockerfile.with_file_name("").join(path))
    };
    let Some(path) = arguments.lifecycle.clone().or_else(of_settings) else { return Ok(tables) };
    let files = if path.is_dir() { csv_files(&path)? } else { vec![path] };
    for file in files {
        let content = read_at_most(&file, SIZE_MAX)
            .with_context(|| format!("cannot read ends of life `{}`", file.display()))?;
        let text = String::from_utf8_lossy(&content);
        let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let source = format!("{name} {}", Digest::of(&content).short());
        tables.replace(&id, Table::read(&text, &source, None)?);
    }
    Ok(tables)
}

fn csv_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let what = || format!("cannot read ends of life `{}`", folder.display());
    let mut files = BTreeSet::new();
    for entry in folder.read_dir().with_context(what)? {
        let path = entry.with_context(what)?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.insert(path);
        }
    }
    anyhow::ensure!(!files.is_empty(), "{}: it has no file `ID.csv`", what());
    Ok(files.into_iter().collect())
}

/// One row for each image of the lock.
pub(super) fn rows(lock: &Lockfile, tables: &Lifecycle) -> anyhow::Result<Vec<LifecycleRow>> {
    let standings = standings(lock, tables)?.into_iter();
    let row = |(subject, found): (String, Result<Standing, String>)| LifecycleRow {
        subject,
        found: found.map(lifespan),
    };
    Ok(standings.map(row).collect())
}

/// A warning for each image whose distribution is past its end, by the tables of the project.
pub(super) fn findings(project: &Project, lock: Option<&Lockfile>) -> anyhow::Result<Vec<Finding>> {
    let Some(lock) = lock else { return Ok(Vec::new()) };
    let settings = &project.settings.advisories;
    let tables = &tables(&AdvisoryArguments::default(), settings, &project.path)?;
    let ended = standings(lock, tables)?.into_iter().filter_map(|(subject, found)| {
        found.ok().filter(|found| found.state == State::Ended).map(|found| (subject, found))
    });
    let finding = |(subject, found): (String, Standing)| {
        let plan = found.plan.as_ref();
        let source = lifespan(found.clone());
        let as_of = source.as_of.map(|day| format!(", as of {day}")).unwrap_or_default();
        Finding {
            cause: Cause::named("end-of-life"),
            severity: Severity::Warning,
            message: format!("end-of-life: {subject}: {} [{}{as_of}]", found.words, found.source),
            location: None,
            hint: plan.map(|plan| format!("move to {plan}")),
            paths: Vec::new(),
        }
    };
    Ok(ended.map(finding).collect())
}

fn lifespan(of: Standing) -> Lifespan {
    let plan = of.plan.as_ref().map(|plan| format!(" — plan {plan}")).unwrap_or_default();
    Lifespan {
        distribution: of.name,
        state: of.state.name(),
        words: of.words + &plan,
        until: of.until.to_string(),
        plan: of.plan,
        source: of.source,
        as_of: of.as_of.map(|day| day.to_string()),
    }
}

type Found = (String, Result<Standing, String>);

fn standings(lock: &Lockfile, tables: &Lifecycle) -> anyhow::Result<Vec<Found>> {
    let today = jiff::Timestamp::try_from(context::now())?;
    let today = today.to_zoned(jiff::tz::TimeZone::UTC).date();
    let one = |image: &crate::lock::LockedImage| {
        let distribution = Lifecycle::of_packages(&image.packages);
        let has_debs = image.packages.iter().any(|text| text.starts_with("deb:"));
        let distribution =
            distribution.or_else(|| has_debs.then(|| of_suites(lock, tables)).flatten());
        let unknown = || "nothing in the lock says which distribution it is".to_owned();
        let found = distribution.ok_or_else(unknown);
        (image.reference.to_string(), found.and_then(|of| tables.standing(&of, today)))
    };
    Ok(lock.images.iter().map(one).collect())
}

/// The only distribution that the suites of the lock are of: `bookworm-security`.
fn of_suites(lock: &Lockfile, tables: &Lifecycle) -> Option<Distribution> {
    let archives = locked_archives(lock).into_iter();
    let found: BTreeSet<Distribution> =
        archives.filter_map(|archive| tables.of_series(archive.suite.split('-').next()?)).collect();
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none())
}

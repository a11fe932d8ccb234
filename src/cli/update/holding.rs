//! What moves of an apt archive, and the earlier states that hold the rest.

use super::super::failure::Misuse;
use super::apt::Archives;
use crate::lock::{LockedPackage, Lockfile, stage_of};
use crate::update::{Draft, Key, LockedArchive, Solution, hold, solve};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};

/// What moves in the whole lock: stage by stage, since each has a system of its own.
pub(super) fn moves(
    lock: &Lockfile,
    archives: &Archives,
    is_wanted: &dyn Fn(&LockedPackage) -> bool,
) -> anyhow::Result<Solution> {
    let mut all = Solution::default();
    let stages: BTreeSet<&str> = debs(lock).map(|package| stage_of(&package.step)).collect();
    for stage in stages {
        let mut installed = BTreeMap::new();
        for (name, architecture, version) in installed_in(lock, stage) {
            let key = archives.old.key(&name, &architecture);
            let item = archives.item(&key, (&name, &architecture, &version));
            installed.insert(key, item);
        }
        let own = debs(lock).filter(|package| stage_of(&package.step) == stage);
        let is_behind = |key: &Key| {
            installed.get(key).is_some_and(|item| archives.later(key, &item.version).is_some())
        };
        let wanted: BTreeSet<Key> = own
            .filter(|package| is_wanted(package))
            .map(|package| archives.old.key(&package.name, &package.architecture))
            .filter(is_behind)
            .collect();
        let solution = solve(&installed, &wanted, &archives.new).map_err(|problem| Misuse {
            message: format!("the packages cannot be moved: {problem}"),
            hint: "let all packages move: `rlock update`".to_owned(),
        })?;
        for (key, step) in solution.steps {
            // A package that is asked for in one stage needs no reason in another.
            all.steps.entry(key).or_insert(step);
        }
    }
    Ok(all)
}

/// Puts the new signed indexes into the draft, with the earlier states that what is held needs.
pub(super) fn put(
    draft: &mut Draft,
    lock: &Lockfile,
    archives: &Archives,
    solution: &Solution,
) -> anyhow::Result<()> {
    let needed = needed_views(lock, archives, solution)?;
    for (at, archive) in archives.all.iter().enumerate() {
        let locked = &archive.locked;
        let is_needed = needed.contains(&at);
        let Some((answer, _)) = &archive.new else {
            if !is_needed {
                draft.drop_answer(|fetch| locked.has(&fetch.url));
            }
            continue;
        };
        if is_needed {
            hold(draft, locked).with_context(|| {
                format!("packages of {} cannot be held: its host is no name", locked.root)
            })?;
        }
        if answer.sha256 != locked.digest {
            draft.drop_answer(|fetch| locked.has(&fetch.url));
            draft.answer(&locked.steps, answer);
        }
    }
    draft.drop_packages("deb", |name, architecture| {
        solution.steps.contains_key(&archives.old.key(name, architecture))
    });
    Ok(())
}

/// The archives, by their place, whose earlier state has what must stay and would not.
fn needed_views(
    lock: &Lockfile,
    archives: &Archives,
    solution: &Solution,
) -> anyhow::Result<BTreeSet<usize>> {
    let mut needed = BTreeSet::new();
    let stays = |key: &str| !solution.steps.contains_key(key);
    for package in debs(lock) {
        let key = archives.old.key(&package.name, &package.architecture);
        let offered = archives.old.all(&key);
        let has_it: Vec<usize> = offered
            .iter()
            .filter(|candidate| candidate.item.version == package.version)
            .map(|candidate| candidate.archive)
            .collect();
        let best = archives.new.best(&key);
        let would_stay = best.is_some_and(|best| best.item.version == package.version);
        // What no archive has had, no archive takes away.
        if !stays(&key) || would_stay || has_it.is_empty() {
            continue;
        }
        require_index(package, archives, &has_it)?;
        if !has_it.iter().any(|at| needed.contains(at)) {
            needed.extend(has_it.first());
        }
    }
    // What the image brought along moves in an upgrade, unless something says that it must not.
    for (name, architecture, _) in lock.stages.iter().flat_map(|stage| base_of(lock, &stage.id)) {
        let key = archives.old.key(&name, &architecture);
        let (old, new) = (archives.old.best(&key), archives.new.best(&key));
        if let Some(old) = old
            && stays(&key)
            && new.is_none_or(|new| new.item.version != old.item.version)
            && needed.is_empty()
        {
            needed.insert(old.archive);
        }
    }
    Ok(needed)
}

/// A step that installs from lists which an earlier instruction has fetched sees no second source.
fn require_index(
    package: &LockedPackage,
    archives: &Archives,
    has_it: &[usize],
) -> anyhow::Result<()> {
    let asked = |archive: &LockedArchive| archive.steps.contains(&package.step);
    let all = &archives.all;
    if has_it.iter().filter_map(|at| all.get(*at)).any(|archive| asked(&archive.locked)) {
        return Ok(());
    }
    Err(Misuse {
        message: format!(
            "{} {} cannot be held: step {} installs it from lists that another instruction has fetched",
            package.name, package.version, package.step
        ),
        hint: "put `apt-get update` and `apt-get install` into one instruction, or let all packages \
               move: `rlock update`"
            .to_owned(),
    }
    .into())
}

/// The packages of Debian's kind.
pub(super) fn debs(lock: &Lockfile) -> impl Iterator<Item = &LockedPackage> {
    lock.packages.iter().filter(|package| package.kind == "deb")
}

/// Name, architecture and version of everything that is installed at the end of a stage.
fn installed_in(lock: &Lockfile, stage: &str) -> Vec<(String, String, String)> {
    let mut installed = base_of(lock, stage);
    let own = debs(lock).filter(|package| stage_of(&package.step) == stage);
    installed.extend(own.map(|package| {
        (package.name.clone(), package.architecture.clone(), package.version.clone())
    }));
    installed
}

/// The same of what a stage starts from.
fn base_of(lock: &Lockfile, stage: &str) -> Vec<(String, String, String)> {
    let mut base = lock.stages.iter().find(|known| known.id == stage);
    let mut installed = Vec::new();
    // A stage stands behind the one that it starts from; a lock that says otherwise ends here too.
    for _ in 0..=lock.stages.len() {
        let Some(stage) = base else { break };
        let image = lock.images.iter().find(|image| image.reference.to_string() == stage.base);
        if let Some(image) = image {
            let packages = image.packages.iter().filter_map(|text| image_package(text));
            installed.splice(0..0, packages);
            break;
        }
        let own = debs(lock).filter(|package| stage_of(&package.step) == stage.base);
        let own = own.map(|package| {
            (package.name.clone(), package.architecture.clone(), package.version.clone())
        });
        installed.splice(0..0, own);
        base = lock.stages.iter().find(|known| known.id == stage.base);
    }
    installed
}

/// `deb:adduser 3.134`, `deb:libc6:i386 2.36-9`.
fn image_package(text: &str) -> Option<(String, String, String)> {
    let (name, version) = text.strip_prefix("deb:")?.split_once(' ')?;
    let (name, architecture) = name.split_once(':').unwrap_or((name, ""));
    Some((name.to_owned(), architecture.to_owned(), version.to_owned()))
}

//! What moves of the packages of one manager, and what must stay, in all stages of a lock: each stage
//! has a system of its own.

use super::super::failure::Misuse;
use crate::lock::{LockedPackage, Lockfile, stage_of};
use crate::update::{Item, Key, Problem, Solution, World, solve_most};
use std::collections::{BTreeMap, BTreeSet};

/// What the repositories of a manager offer.
#[derive(Clone, Copy)]
pub(super) struct Offers<'a> {
    /// The purl type.
    pub(super) kind: &'static str,
    /// As the lock has it, what is held included.
    pub(super) old: &'a World,
    /// As it is now.
    pub(super) new: &'a World,
}

impl Offers<'_> {
    /// What is known of an installed package. Of a version that no index has, what others of the
    /// package stand for is believed, as far as no version counts.
    fn item(&self, key: &str, (name, architecture, version): (&str, &str, &str)) -> Item {
        let known = self.old.version(key, version).or_else(|| self.new.version(key, version));
        if let Some(known) = known {
            return known.item.clone();
        }
        let mut bare = Item::bare(self.kind, name, architecture, version);
        if let Some(other) = self.old.best(key) {
            bare.provides.clone_from(&other.item.provides);
            for provided in &mut bare.provides {
                provided.version = None;
            }
        }
        bare
    }
}

/// What moves in the whole lock; all that is wanted must.
pub(super) fn moves(
    lock: &Lockfile,
    offers: Offers<'_>,
    is_wanted: &dyn Fn(&LockedPackage) -> bool,
) -> anyhow::Result<Solution> {
    let (solution, stuck) = moves_most(lock, offers, is_wanted)?;
    stuck.into_values().next().map_or(Ok(solution), |problem| Err(unmovable(&problem).into()))
}

fn unmovable(problem: &Problem) -> Misuse {
    Misuse {
        message: format!("the packages cannot be moved: {problem}"),
        hint: "let all packages move: `rlock update`".to_owned(),
    }
}

/// What moves in the whole lock, and what of it cannot, with the reason.
pub(super) fn moves_most(
    lock: &Lockfile,
    offers: Offers<'_>,
    is_wanted: &dyn Fn(&LockedPackage) -> bool,
) -> anyhow::Result<(Solution, BTreeMap<Key, Problem>)> {
    let Offers { kind, old, new } = offers;
    let (mut all, mut all_stuck) = (Solution::default(), BTreeMap::new());
    let stages: BTreeSet<&str> =
        of_kind(lock, kind).map(|package| stage_of(&package.step)).collect();
    for stage in stages {
        let mut installed = BTreeMap::new();
        for (name, architecture, version) in installed_in(lock, stage, kind) {
            let key = old.key(&name, &architecture);
            let item = offers.item(&key, (&name, &architecture, &version));
            installed.insert(key, item);
        }
        let own = of_kind(lock, kind).filter(|package| stage_of(&package.step) == stage);
        let is_behind = |key: &Key| {
            installed.get(key).is_some_and(|item| new.later(key, &item.version).is_some())
        };
        let wanted: BTreeSet<Key> = own
            .filter(|package| is_wanted(package))
            .map(|package| old.key(&package.name, &package.architecture))
            .filter(is_behind)
            .collect();
        let solved = solve_most(&installed, &wanted, new);
        let (solution, stuck) = solved.map_err(|problem| unmovable(&problem))?;
        all_stuck.extend(stuck);
        for (key, step) in solution.steps {
            // A package that is asked for in one stage needs no reason in another.
            all.steps.entry(key).or_insert(step);
        }
    }
    Ok((all, all_stuck))
}

/// The repositories, by their place, whose earlier state has what must stay and would not. `require`
/// is asked whether a package can be held by one of these.
pub(super) fn needed_views(
    lock: &Lockfile,
    offers: Offers<'_>,
    solution: &Solution,
    require: &dyn Fn(&LockedPackage, &[usize]) -> anyhow::Result<()>,
) -> anyhow::Result<BTreeSet<usize>> {
    let Offers { kind, old, new } = offers;
    let mut needed = BTreeSet::new();
    let stays = |key: &str| !solution.steps.contains_key(key);
    for package in of_kind(lock, kind) {
        let key = old.key(&package.name, &package.architecture);
        let offered = old.all(&key);
        let has_it: Vec<usize> = offered
            .iter()
            .filter(|candidate| candidate.item.version == package.version)
            .map(|candidate| candidate.archive)
            .collect();
        let best = new.best(&key);
        let would_stay = best.is_some_and(|best| best.item.version == package.version);
        // What no archive has had, no archive takes away.
        if !stays(&key) || would_stay || has_it.is_empty() {
            continue;
        }
        require(package, &has_it)?;
        if !has_it.iter().any(|at| needed.contains(at)) {
            needed.extend(has_it.first());
        }
    }
    // What the image brought along moves in an upgrade, unless something says that it must not.
    let stages = lock.stages.iter();
    for (name, architecture, _) in stages.flat_map(|stage| base_of(lock, &stage.id, kind)) {
        let key = old.key(&name, &architecture);
        let (before, now) = (old.best(&key), new.best(&key));
        if let Some(before) = before
            && stays(&key)
            && now.is_none_or(|now| now.item.version != before.item.version)
            && needed.is_empty()
        {
            needed.insert(before.archive);
        }
    }
    Ok(needed)
}

/// The packages of a purl type that steps brought.
pub(super) fn of_kind<'a>(
    lock: &'a Lockfile,
    kind: &'a str,
) -> impl Iterator<Item = &'a LockedPackage> {
    lock.packages.iter().filter(move |package| package.kind == kind)
}

/// Name, architecture and version of everything that is installed at the end of a stage.
fn installed_in(lock: &Lockfile, stage: &str, kind: &str) -> Vec<Named> {
    let mut installed = base_of(lock, stage, kind);
    installed.extend(own(lock, stage, kind));
    installed
}

/// Name, architecture, version.
type Named = (String, String, String);

fn own(lock: &Lockfile, stage: &str, kind: &str) -> Vec<Named> {
    let own = of_kind(lock, kind).filter(|package| stage_of(&package.step) == stage);
    let named = |it: &LockedPackage| (it.name.clone(), it.architecture.clone(), it.version.clone());
    own.map(named).collect()
}

/// The same of what a stage starts from.
fn base_of(lock: &Lockfile, stage: &str, kind: &str) -> Vec<Named> {
    let mut base = lock.stages.iter().find(|known| known.id == stage);
    let mut installed = Vec::new();
    // A stage stands behind the one that it starts from; a lock that says otherwise ends here too.
    for _ in 0..=lock.stages.len() {
        let Some(stage) = base else { break };
        let image = lock.images.iter().find(|image| image.reference.to_string() == stage.base);
        if let Some(image) = image {
            let packages = image.packages.iter().filter_map(|text| image_package(kind, text));
            installed.splice(0..0, packages);
            break;
        }
        installed.splice(0..0, own(lock, &stage.base, kind));
        base = lock.stages.iter().find(|known| known.id == stage.base);
    }
    installed
}

/// `deb:adduser 3.134`, `deb:libc6:i386 2.36-9`.
fn image_package(kind: &str, text: &str) -> Option<Named> {
    let (name, version) = text.strip_prefix(kind)?.strip_prefix(':')?.split_once(' ')?;
    let (name, architecture) = name.split_once(':').unwrap_or((name, ""));
    Some((name.to_owned(), architecture.to_owned(), version.to_owned()))
}

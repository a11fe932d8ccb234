//! Where packages with an index page each go: to the newest version, to the one that was asked for, or
//! no further than a repair or a need takes them.

use super::super::failure::Misuse;
use super::course::{Aim, Course, Forced, is_wrong};
use super::known::Known;
use super::planning::Planner;
use super::requiring::Requirements;
use crate::lock::Lockfile;
use crate::package::version;
use crate::store::Store;
use crate::update::{
    Choice, Identity, LanguagePage, Locked, Need, Released, Taken, needed, repair,
};
use std::cell::LazyCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Versions that an error lists.
const LISTED_MAX: usize = 8;

impl Planner<'_> {
    /// Whether a page need be asked at all: where nothing is known to be wrong, nothing is repaired.
    pub(super) fn may_move(
        &self,
        page: &LanguagePage,
        forced: Option<&Forced>,
        course: &Course<'_>,
    ) -> bool {
        let is_wished = forced.is_some() || self.version_of(page).is_some();
        let is_open =
            |it: &Identity| open(self.known, it, &it.version).is_some_and(|it| !it.is_empty());
        is_wished || !self.arguments.security || course.locked(page).iter().any(is_open)
    }

    /// The version that the user named for a page's package.
    pub(super) fn version_of(&self, page: &LanguagePage) -> Option<&str> {
        let mut versions = self.versions.iter();
        versions.find(|(name, _)| page.is_named(name)).map(|(_, version)| version.as_str())
    }

    /// Where the locked versions of a page's package go.
    pub(super) fn aim(
        &mut self,
        page: &LanguagePage,
        forced: Option<&Forced>,
        released: Option<&Released>,
        course: &Course<'_>,
    ) -> anyhow::Result<Aim> {
        if let Some(aim) = course.settled(page, forced) {
            return Ok(aim);
        }
        let locked = course.locked(page);
        let Some(released) = released else {
            let is_smallest = self.arguments.security && forced.is_none();
            return Ok(if is_smallest { Aim::To(Vec::new()) } else { Aim::Newest });
        };
        if let Some(wanted) = self.version_of(page) {
            return Ok(Aim::To(named(page, wanted, released, &locked)?));
        }
        if let Some(forced) = forced {
            let is_smallest = self.arguments.security || !self.versions.is_empty();
            let aim =
                if is_smallest { self.aim_at_need(page, forced, released, course) } else { None };
            return Ok(aim.unwrap_or(Aim::Newest));
        }
        if !self.arguments.security {
            return Ok(Aim::Newest);
        }
        Ok(Aim::To(self.repairs_of(page, released, course)))
    }

    /// The moves of what is repaired, and what there is to say of them.
    fn repairs_of(
        &mut self,
        page: &LanguagePage,
        released: &Released,
        course: &Course<'_>,
    ) -> Vec<(String, String)> {
        let mut moves = Vec::new();
        for locked in course.locked(page) {
            let locked = &locked;
            let own = (self.lock, course.pages, &*course.own);
            let requirements = || requirements(page, own, self.known, self.scout.store());
            match repairing(self.known, locked, released, requirements) {
                Choice::Stays => {}
                Choice::Takes(taken) => {
                    for note in notes_of(locked, &taken) {
                        self.note(note);
                    }
                    moves.push((locked.version.clone(), taken.version));
                }
                Choice::Unrepaired { open, passed } => {
                    let passed: Vec<String> = passed.iter().map(ToString::to_string).collect();
                    let passed = if passed.is_empty() {
                        String::new()
                    } else {
                        format!(" ({})", passed.join("; "))
                    };
                    let what =
                        format!("stays with {}: no version in its index repairs it", ids(&open));
                    self.note(format!("{} {what}{passed}", named_as(locked)));
                }
            }
        }
        moves
    }

    /// The lowest version that will do; none where there is none, and the manager says what it misses.
    fn aim_at_need(
        &self,
        page: &LanguagePage,
        forced: &Forced,
        released: &Released,
        course: &Course<'_>,
    ) -> Option<Aim> {
        let highest =
            course.locked(page).into_iter().reduce(|highest, next| {
                match version::compare(page.kind, &next.version, &highest.version) {
                    Some(Ordering::Greater) => next,
                    _ => highest,
                }
            })?;
        let mut needs: Vec<Need> = course.needs_on(page);
        needs.push(forced.need.clone());
        let open = |version: &str| open(self.known, &highest, version);
        let locked = Locked {
            kind: page.kind,
            version: &highest.version,
            released,
            open: &open,
            refused: &|_| None,
        };
        let is_needed =
            |version: &str| !needs.iter().any(|need| is_wrong(page.kind, need, version));
        let taken = needed(locked, &is_needed)?;
        Some(Aim::To(vec![(highest.version.clone(), taken.version)]))
    }

    /// Tells the user something once.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// What there is to say of a repair.
fn notes_of(locked: &Identity, taken: &Taken) -> Vec<String> {
    let Identity { kind, name, version, .. } = locked;
    let new = &taken.version;
    let mut notes = Vec::new();
    let mut because: Vec<String> = taken.passed.iter().map(ToString::to_string).collect();
    if let Some((series, ids)) = &taken.leaves {
        because.push(format!("no {series} that can be taken repairs {}", self::ids(ids)));
    }
    if !because.is_empty() {
        notes.push(format!("{kind} {name} moves to {new}: {}", because.join("; ")));
    }
    if !taken.remaining.is_empty() {
        let open = ids(&taken.remaining);
        notes.push(format!(
            "{kind} {name} {new} still has {open}: no version in its index repairs it"
        ));
    }
    if !taken.introduced.is_empty() {
        let open = ids(&taken.introduced);
        notes.push(format!("{kind} {name} {new} has {open}, which {version} does not have"));
    }
    if taken.is_deprecated {
        notes.push(format!("{kind} {name} {new} is deprecated by its authors"));
    }
    notes
}

/// What stays needs of a page's package.
pub(super) fn requirements(
    page: &LanguagePage,
    locked: (&Lockfile, &[LanguagePage], &[Identity]),
    known: &Known,
    store: &Store,
) -> Requirements {
    // What is repaired itself may need something else then.
    let stays = |it: &Identity| open(known, it, &it.version).is_none_or(|it| it.is_empty());
    Requirements::on(page, locked, &stays, store)
}

/// The version that `update --security` takes of a locked package.
pub(super) fn repairing(
    known: &Known,
    locked: &Identity,
    released: &Released,
    requirements: impl FnOnce() -> Requirements,
) -> Choice {
    // They are not looked for where nothing is to be repaired.
    let requirements = LazyCell::new(requirements);
    repair(Locked {
        kind: &locked.kind,
        version: &locked.version,
        released,
        open: &|version| open(known, locked, version),
        refused: &|version| requirements.refuse(locked, version),
    })
}

/// The advisories that are open in a version of a package.
fn open(known: &Known, locked: &Identity, version: &str) -> Option<BTreeSet<String>> {
    known.concerning(&Identity { version: version.to_owned(), ..locked.clone() }, None)
}

/// The locked versions that move to the one that the user named: those of its series, else all.
fn named(
    page: &LanguagePage,
    wanted: &str,
    released: &Released,
    locked: &[Identity],
) -> anyhow::Result<Vec<(String, String)>> {
    let offered = released.versions.iter().chain(&released.withdrawn);
    let is_it = |version: &&String| {
        *version == wanted || version::compare(page.kind, version, wanted) == Some(Ordering::Equal)
    };
    let Some(version) = offered.clone().find(is_it) else {
        let mut all: Vec<&String> = offered.collect();
        all.sort_by(|left, right| {
            version::compare(page.kind, right, left).unwrap_or(Ordering::Equal)
        });
        let shown: Vec<&str> =
            all.iter().take(LISTED_MAX).map(|version| version.as_str()).collect();
        return Err(Misuse {
            message: format!("the index of {} {} has no version {wanted}", page.kind, page.name),
            hint: format!("its latest are {}", shown.join(", ")),
        }
        .into());
    };
    let is_near = |it: &&Identity| crate::update::is_same_series(&it.version, version);
    let near: Vec<&Identity> = locked.iter().filter(is_near).collect();
    let moving = if near.is_empty() { locked.iter().collect() } else { near };
    let moving = moving.into_iter().filter(|it| it.version != *version);
    Ok(moving.map(|it| (it.version.clone(), version.clone())).collect())
}

fn named_as(locked: &Identity) -> String {
    format!("{} {} {}", locked.kind, locked.name, locked.version)
}

fn ids(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

//! Which packages must move along: a small resolver over what is installed, what is to move, and what
//! the archives offer. It moves as little as it can; the package manager has the last word, and what
//! it then does otherwise is an error of its own.

use super::world::{Item, Key, World, shown};
use crate::index::Dependency;
use std::collections::{BTreeMap, BTreeSet};

/// Packages that may come along newly; more are a mistake, or a trap.
const ADDED_MAX: usize = 5_000;

/// A package that moves or comes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The version that is installed; none where it is new.
    pub from: Option<String>,
    /// What it moves to.
    pub to: Item,
    /// Which archive offers it, by its place in the caller's list.
    pub archive: usize,
    /// Why it moves though nobody asked for it: `libbar 1.2 needs libfoo (>= 3)`.
    pub reason: Option<String>,
}

/// What moves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solution {
    /// Every package that moves or comes along.
    pub steps: BTreeMap<Key, Step>,
}

/// Why there is no way to move what is wanted: `libbar 1.2 needs libfoo (>= 3), which no archive offers`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(pub String);

/// Moves the wanted packages to the latest versions that `world` offers.
pub fn solve(
    installed: &BTreeMap<Key, Item>,
    wanted: &BTreeSet<Key>,
    world: &World,
) -> Result<Solution, Problem> {
    let mut solver = Solver { installed, world, set: installed.clone(), steps: BTreeMap::new() };
    for key in wanted {
        solver.take(key, None);
    }
    while let Some((key, needed)) = solver.trouble() {
        solver.mend(&key, &needed)?;
        if solver.steps.len() > installed.len() + ADDED_MAX {
            return Err(Problem(format!("more than {ADDED_MAX} packages would come along")));
        }
    }
    Ok(Solution { steps: solver.steps })
}

struct Solver<'a> {
    installed: &'a BTreeMap<Key, Item>,
    world: &'a World,
    set: BTreeMap<Key, Item>,
    steps: BTreeMap<Key, Step>,
}

/// What is wrong with one package of the set.
enum Needed {
    /// None of these is there.
    Alternatives(Vec<Dependency>),
    /// It breaks this one.
    Broken { relation: Dependency, other: Key },
}

impl Solver<'_> {
    /// Takes the latest version; false where there is none that is another.
    fn take(&mut self, key: &str, reason: Option<String>) -> bool {
        let Some(best) = self.world.best(key) else { return false };
        let from = self.installed.get(key).map(|item| item.version.clone());
        let is_same = from.as_deref() == Some(&best.item.version);
        if is_same || self.steps.contains_key(key) {
            return false;
        }
        self.set.insert(key.to_owned(), best.item.clone());
        let (to, archive) = (best.item.clone(), best.archive);
        self.steps.insert(key.to_owned(), Step { from, to, archive, reason });
        true
    }

    /// The first thing that is wrong now and was not before.
    fn trouble(&self) -> Option<(Key, Needed)> {
        for (key, item) in &self.set {
            for alternatives in &item.depends {
                let is_met = |set: &BTreeMap<Key, Item>| {
                    alternatives.iter().any(|wanted| is_satisfied(set, item, wanted))
                };
                if is_met(&self.set) {
                    continue;
                }
                let is_new = self.steps.contains_key(key) && !self.is_old(key, alternatives);
                if is_new || is_met(self.installed) {
                    return Some((key.clone(), Needed::Alternatives(alternatives.clone())));
                }
            }
            for relation in &item.breaks {
                let other = self.broken(&self.set, key, relation);
                if let Some(other) = other
                    && (self.steps.contains_key(key) || self.steps.contains_key(&other))
                {
                    let relation = relation.clone();
                    return Some((key.clone(), Needed::Broken { relation, other }));
                }
            }
        }
        None
    }

    /// Whether the installed version needs the same. Where nothing that is known satisfied that, what
    /// no index has does: a package of the image's own maker.
    fn is_old(&self, key: &str, alternatives: &Vec<Dependency>) -> bool {
        self.installed.get(key).is_some_and(|item| item.depends.contains(alternatives))
    }

    /// The package that a relation excludes.
    fn broken(&self, set: &BTreeMap<Key, Item>, key: &str, relation: &Dependency) -> Option<Key> {
        if let Some(item) = set.get(&relation.name)
            && relation.name != *key
            && item.satisfies(relation)
        {
            return Some(relation.name.clone());
        }
        let providers = self.world.providers(&relation.name).iter();
        let mut providers = providers.filter(|provider| *provider != key);
        providers
            .find(|provider| {
                set.get(*provider)
                    .is_some_and(|item| item.name != relation.name && item.satisfies(relation))
            })
            .cloned()
    }

    fn mend(&mut self, key: &str, needed: &Needed) -> Result<(), Problem> {
        let Some(item) = self.set.get(key).cloned() else { return Ok(()) };
        let who = format!("{} {}", item.name, item.version);
        match needed {
            Needed::Alternatives(alternatives) if self.steps.contains_key(key) => {
                let known = |wanted: &&Dependency| self.set.contains_key(&wanted.name);
                let (first, second): (Vec<_>, Vec<_>) = alternatives.iter().partition(known);
                for wanted in first.into_iter().chain(second) {
                    let reason = format!("{who} needs {}", shown(wanted));
                    for candidate in self.candidates(wanted) {
                        if self.take(&candidate, Some(reason.clone())) {
                            return Ok(());
                        }
                    }
                }
                let all: Vec<String> = alternatives.iter().map(shown).collect();
                Err(Problem(format!("{who} needs {}, which no archive offers", all.join(" | "))))
            }
            Needed::Alternatives(alternatives) => {
                let all: Vec<String> = alternatives.iter().map(shown).collect();
                let reason = format!("{who} needs {}, which moves", all.join(" | "));
                self.follow(key, &reason)
            }
            Needed::Broken { relation, other } if self.steps.contains_key(key) => {
                let reason = format!("{who} breaks {}", shown(relation));
                self.follow(other, &reason)
            }
            Needed::Broken { relation, .. } => {
                self.follow(key, &format!("{who} breaks {}, which moves", shown(relation)))
            }
        }
    }

    fn follow(&mut self, key: &str, reason: &str) -> Result<(), Problem> {
        if self.take(key, Some(reason.to_owned())) {
            return Ok(());
        }
        Err(Problem(format!("{reason}, and no archive offers another {key}")))
    }

    /// What satisfies a relation, if it were taken.
    fn candidates(&self, wanted: &Dependency) -> Vec<Key> {
        let own = std::iter::once(&wanted.name);
        let all = own.chain(self.world.providers(&wanted.name));
        let fits = |key: &&Key| {
            self.world.best(key).is_some_and(|candidate| candidate.item.satisfies(wanted))
        };
        all.filter(fits).cloned().collect()
    }
}

/// Whether something in the set satisfies what `item` wants.
fn is_satisfied(set: &BTreeMap<Key, Item>, item: &Item, wanted: &Dependency) -> bool {
    let foreign = format!("{}:{}", wanted.name, item.architecture);
    let named = [&wanted.name, &foreign].into_iter().filter_map(|key| set.get(key));
    let mut all = named.chain(set.values().filter(|other| !other.provides.is_empty()));
    all.any(|other| other.satisfies(wanted))
}

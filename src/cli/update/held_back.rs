//! What moves of the packages of one manager where something must stay: what needs it stays, too.

use super::policy::{Age, Later, Policy, held};
use super::stages::{self, Offers};
use crate::lock::{LockedPackage, Lockfile};
use crate::report::{HeldBack, HeldCause};
use crate::update::{Candidate, Identity, Key, Solution, World};
use std::collections::BTreeSet;

/// What is known of the versions that could be taken.
pub(super) struct Knowing<'a> {
    /// Whether a word names a package by its locked name.
    pub(super) is_named: &'a dyn Fn(&Identity, &str) -> bool,
    /// Whether a version repairs something.
    pub(super) repairs: &'a dyn Fn(&Identity, &str) -> bool,
    /// When a version was published.
    pub(super) age: &'a dyn Fn(&Candidate) -> Age,
}

/// What moves, and what is held back.
pub(super) fn moves(
    lock: &Lockfile,
    offers: Offers<'_>,
    is_wanted: &dyn Fn(&LockedPackage) -> bool,
    policy: &Policy,
    knowing: &Knowing<'_>,
) -> anyhow::Result<(Solution, Vec<HeldBack>)> {
    if !policy.is_something() {
        return Ok((stages::moves(lock, offers, is_wanted)?, Vec::new()));
    }
    let mut world = offers.new.clone();
    let mut all = kept(lock, offers, is_wanted, policy, (&mut world, knowing));
    let mut judged: BTreeSet<(Key, String)> = BTreeSet::new();
    loop {
        let left = Offers { new: &world, ..offers };
        let (solution, stuck) = stages::moves_most(lock, left, is_wanted)?;
        let mut young: Vec<(Key, Option<String>, HeldBack)> = Vec::new();
        for (key, step) in &solution.steps {
            let version = step.to.version.clone();
            if !judged.insert((key.clone(), version)) {
                continue;
            }
            let package =
                identity(offers.kind, (&step.to.name, &step.to.architecture), step.from.as_deref());
            let candidate = world.best(key);
            let held = candidate.and_then(|it| judge(policy, knowing, &package, it));
            young.extend(held.map(|held| (key.clone(), step.from.clone(), held)));
        }
        if young.is_empty() {
            all.extend(stuck.into_iter().filter_map(|(key, problem)| {
                let candidate = world.best(&key)?;
                let locked = locked(lock, offers, &key)?;
                let version = &candidate.item.version;
                let repairs = (knowing.repairs)(&locked, version);
                let offered = Later { package: &locked, version, repairs };
                let reason = format!("{problem} beside what is held back");
                Some(held(offered, HeldCause::Needs, reason))
            }));
            all.sort();
            return Ok((solution, all));
        }
        for (key, from, held) in young {
            world.pin(&key, from.as_deref());
            all.push(held);
        }
    }
}

/// Takes later versions of what is kept out of the world.
fn kept(
    lock: &Lockfile,
    offers: Offers<'_>,
    is_wanted: &dyn Fn(&LockedPackage) -> bool,
    policy: &Policy,
    (world, knowing): (&mut World, &Knowing<'_>),
) -> Vec<HeldBack> {
    let mut all = Vec::new();
    for package in stages::of_kind(lock, offers.kind) {
        let key = offers.old.key(&package.name, &package.architecture);
        let named = (&*package.name, &*package.architecture);
        let locked = identity(offers.kind, named, Some(&package.version));
        if !policy.keeps(|word| (knowing.is_named)(&locked, word)) {
            continue;
        }
        if let Some(later) = offers.new.later(&key, &package.version)
            && is_wanted(package)
        {
            let version = &later.item.version;
            let repairs = (knowing.repairs)(&locked, version);
            all.push(Policy::kept(Later { package: &locked, version, repairs }));
        }
        world.pin(&key, Some(&package.version));
    }
    all.dedup();
    all
}

/// The row of a version that must wait.
pub(super) fn judge(
    policy: &Policy,
    knowing: &Knowing<'_>,
    package: &Identity,
    candidate: &Candidate,
) -> Option<HeldBack> {
    let version = &candidate.item.version;
    let repairs = (knowing.repairs)(package, version);
    let offered = Later { package, version, repairs };
    let wait = policy.wait(offered, |word| (knowing.is_named)(package, word));
    policy.judge(offered, wait, || (knowing.age)(candidate))
}

fn identity(kind: &str, (name, architecture): (&str, &str), version: Option<&str>) -> Identity {
    Identity {
        kind: kind.to_owned(),
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        version: version.unwrap_or_default().to_owned(),
    }
}

fn locked(lock: &Lockfile, offers: Offers<'_>, key: &str) -> Option<Identity> {
    let is_it =
        |package: &&LockedPackage| offers.old.key(&package.name, &package.architecture) == *key;
    let package = stages::of_kind(lock, offers.kind).find(is_it)?;
    let named = (&*package.name, &*package.architecture);
    Some(identity(offers.kind, named, Some(&package.version)))
}

//! What the change of a lock means: which packages moved and why, what that fixes, what it brings
//! along that a person should look at, and which changed files no package explains.
//!
//! Pure: two [`Lockfile`]s, and whatever the caller could find out of packages, advisories and
//! images, give one [`Review`]. What could not be found out is *not checked*, and says so.

mod bases;
mod evidence;
mod fetches;
pub mod files;
mod findings;
mod moves;
mod order;
mod place;
mod policy;
mod risk;
mod security;
#[cfg(test)]
mod tests;

pub use bases::{BaseMove, BasePackage, BasePin};
pub use evidence::{AllEvidence, Automatic, Checked, ControlChange, Evidence, Fixes, Suite};
pub use fetches::{FetchMove, NewHost, Sake};
pub use findings::findings;
pub use moves::{Change, Move, Pin, moves};
pub use place::{Place, Places, Ships};
pub use policy::PolicyChange;
pub use risk::{Flag, Needs, Risk, Risks, Unchecked};
pub use security::{
    Advisories, AdvisorySource, Affected, Asked, Coverage, Known, Security, all_asked, coverage,
};

use crate::lock::Lockfile;
use files::{FilesReview, Images};
use std::collections::BTreeSet;

/// What a review is made of.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Input<'a> {
    /// The lock before.
    pub old: &'a Lockfile,
    /// The lock now.
    pub new: &'a Lockfile,
    /// Where the steps of the new lock stand; those of the old one, where they are gone.
    pub places: &'a Places,
    /// What is known of the moved packages, by their places in [`moves`].
    pub evidence: &'a AllEvidence,
    /// Advisory data; none where none was given.
    pub advisories: Option<&'a dyn Advisories>,
    /// What the new side's rules would let pass that the old one's do not.
    pub policy: &'a Checked<Vec<PolicyChange>>,
    /// Both images, where they were built.
    pub images: Option<Images<'a>>,
    /// Why they were not, else.
    pub unbuilt: &'a str,
}

/// What a change of a lock means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Packages, by kind and name.
    pub packages: Vec<PackageReview>,
    /// Packages of the new lock that are as they were.
    pub unchanged: u64,
    /// Base images.
    pub bases: Vec<BaseMove>,
    /// Fetches that changed; those for the sake of packages, too.
    pub fetches: Vec<FetchMove>,
    /// Hosts that are new to the lock.
    pub hosts: Vec<NewHost>,
    /// Steps whose instruction is new, another one or gone, by the ids of the lock.
    pub steps: StepChanges,
    /// What should be looked at.
    pub risks: Risks,
    /// Advisory data; none where none was given.
    pub security: Option<Security>,
    /// The files of the images, where they were built.
    pub files: Option<FilesReview>,
    /// What the new side's rules would let pass that the old one's do not, with its lines.
    pub policy: Checked<Vec<PolicyChange>>,
}

/// A moved package and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageReview {
    /// How it moved.
    pub moved: Move,
    /// What its files say.
    pub evidence: Evidence,
    /// Whether it ships.
    pub ships: Ships,
    /// The instruction that brings it.
    pub location: Option<crate::finding::Location>,
}

/// Steps of the Dockerfile that are not what they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepChanges {
    /// Only in the new lock.
    pub added: BTreeSet<String>,
    /// In both, with another instruction.
    pub changed: BTreeSet<String>,
    /// Only in the old lock.
    pub removed: BTreeSet<String>,
}

/// How one check came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was looked for.
    pub risk: Risk,
    /// How often it was found.
    pub found: u64,
    /// What it could not be looked for in, and why.
    pub unchecked: Vec<Unchecked>,
}

impl Outcome {
    /// Whether everything was looked at and nothing was found.
    pub fn is_clean(&self) -> bool {
        self.found == 0 && self.unchecked.is_empty()
    }
}

/// Reviews the change from one lock to the other.
pub fn review(input: &Input<'_>) -> Review {
    let Input { old, new, places, evidence, .. } = *input;
    let moves = moves(old, new);
    let bases = bases::moves(old, new);
    let fetches = fetches::moves(old, new, &moves);
    let hosts = fetches::new_hosts(old, new);
    let sought = risk::Sought {
        old,
        new,
        moves: &moves,
        evidence,
        bases: &bases,
        fetches: &fetches,
        hosts: &hosts,
    };
    let mut risks = risk::risks(&sought);
    policy::flag(input.policy, &mut risks);
    let files = input.images.map(|images| files::review(&images, &moves, &bases));
    match &files {
        Some(files) => {
            risks.flags.extend(files.risks.flags.iter().cloned());
            risks.unchecked.extend(files.risks.unchecked.iter().cloned());
        }
        None => risks.unchecked.extend(unbuilt(input.unbuilt)),
    }
    risks.settle();
    let security = input.advisories.map(|data| security::compare(old, new, data));
    let moved = moves.iter().filter(|moved| moved.new.is_some()).count();
    let reviewed = moves.into_iter().enumerate().map(|(index, moved)| PackageReview {
        ships: places.ships(&moved.steps),
        location: places.first(&moved.steps).cloned(),
        evidence: evidence
            .get(&index)
            .cloned()
            .unwrap_or_else(|| Evidence::none("its files were not looked at")),
        moved,
    });
    Review {
        packages: reviewed.collect(),
        unchanged: names(new).saturating_sub(moved) as u64,
        bases,
        fetches,
        hosts,
        steps: steps(old, new),
        risks,
        security,
        files,
        policy: input.policy.clone(),
    }
}

fn unbuilt(reason: &str) -> Vec<Unchecked> {
    let needing = Risk::ALL.into_iter().filter(|risk| risk.needs() == Needs::Images);
    let unchecked = needing.map(|risk| Unchecked {
        risk,
        subject: String::new(),
        reason: format!("the images were not built: {reason}"),
    });
    unchecked.collect()
}

fn names(lock: &Lockfile) -> usize {
    let name = |package: &'_ crate::lock::LockedPackage| {
        (package.kind.clone(), package.name.clone(), package.architecture.clone())
    };
    lock.packages.iter().map(name).collect::<BTreeSet<_>>().len()
}

fn steps(old: &Lockfile, new: &Lockfile) -> StepChanges {
    let find = |lock: &Lockfile, id: &str| {
        lock.steps.iter().find(|step| step.id == id).map(|step| step.input)
    };
    let mut changes = StepChanges::default();
    for step in &new.steps {
        match find(old, &step.id) {
            None => drop(changes.added.insert(step.id.clone())),
            Some(input) if input != step.input => {
                changes.changed.insert(step.id.clone());
            }
            Some(_) => {}
        }
    }
    let gone = old.steps.iter().filter(|step| find(new, &step.id).is_none());
    changes.removed = gone.map(|step| step.id.clone()).collect();
    changes
}

impl Review {
    /// Whether the locks say the same.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.bases.is_empty()
            && self.fetches.is_empty()
            && self.hosts.is_empty()
            && self.steps == StepChanges::default()
            && self.risks.flags.is_empty()
            && self.files.as_ref().is_none_or(|files| files.changed() == 0)
    }

    /// Ids that changelogs or advisory data say to be fixed, each once. None where neither was
    /// looked at.
    pub fn fixed(&self) -> Option<BTreeSet<&str>> {
        // Sources that could not be asked, or cover nothing, say nothing.
        let mut is_known = self.security.as_ref().is_some_and(|security| security.covered > 0);
        let mut ids = BTreeSet::new();
        for package in &self.packages {
            if let Checked::Known(fixes) = &package.evidence.fixes {
                is_known = true;
                ids.extend(fixes.ids.iter().map(String::as_str));
            }
        }
        let known = self.security.iter().flat_map(|security| &security.fixed);
        for affected in known {
            let advisory = &affected.advisory;
            // One that a changelog names by another of its names is not another one.
            if !advisory.aliases.iter().any(|alias| ids.contains(&**alias)) {
                ids.insert(&advisory.id);
            }
        }
        is_known.then_some(ids)
    }

    /// The flags about a package.
    pub fn flags_of<'a>(&'a self, moved: &'a Move) -> impl Iterator<Item = &'a Flag> {
        self.risks.flags.iter().filter(|flag| {
            flag.package.as_ref().is_some_and(|(kind, name)| moved.is_of(kind, name))
        })
    }

    /// How every check came out.
    pub fn outcomes(&self) -> Vec<Outcome> {
        let unexplained = self.files.as_ref().map_or(0, |files| files.unexplained.len() as u64);
        let flags =
            |risk: Risk| self.risks.flags.iter().filter(|it| it.risk == risk).count() as u64;
        let outcome = |risk: Risk| Outcome {
            risk,
            found: if risk == Risk::Contents { unexplained } else { flags(risk) },
            unchecked: self.risks.unchecked.iter().filter(|it| it.risk == risk).cloned().collect(),
        };
        Risk::ALL.into_iter().map(outcome).collect()
    }
}

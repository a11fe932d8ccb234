//! What the files of a moved package say: its changelog, its scripts, what it needs.

use crate::package::Control;
use std::collections::{BTreeMap, BTreeSet};

/// Something that was looked at, or could not be. What was not checked is never clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked<T> {
    /// It was looked at.
    Known(T),
    /// It could not be, and why: a few words in lower case.
    Not(String),
}

impl<T> Checked<T> {
    /// What was found, where it was looked at.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(found) => Some(found),
            Self::Not(_) => None,
        }
    }

    /// Why it was not looked at.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Not(reason) => Some(reason),
        }
    }

    /// Makes something else of what was found.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Checked<U> {
        match self {
            Self::Known(found) => Checked::Known(make(found)),
            Self::Not(reason) => Checked::Not(reason),
        }
    }
}

/// What is known of one moved package from its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What its changelog says to have fixed since the old version.
    pub fixes: Checked<Fixes>,
    /// Its maintainer scripts and dependencies.
    pub control: Checked<ControlChange>,
    /// The suite that the old file came from.
    pub old_suite: Checked<Suite>,
    /// The suite that the new file came from.
    pub new_suite: Checked<Suite>,
}

impl Evidence {
    /// Nothing is known.
    pub fn none(reason: &str) -> Self {
        let reason = reason.to_owned();
        Self {
            fixes: Checked::Not(reason.clone()),
            control: Checked::Not(reason.clone()),
            old_suite: Checked::Not(reason.clone()),
            new_suite: Checked::Not(reason),
        }
    }
}

/// What a changelog says to have fixed: its maintainer's claim, without any severity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixes {
    /// Ids that are new since the old version.
    pub ids: BTreeSet<String>,
    /// Ids that the old version had fixed, and of which the new one says that the fix was taken back.
    pub reverted: BTreeSet<String>,
    /// How many more are listed that the old version had back-ported already.
    pub backported: u64,
    /// Whether the changelog reaches back to the old version.
    pub complete: bool,
    /// The highest urgency of the new entries, in their words.
    pub urgency: Option<String>,
    /// Where that is written: the name of the package file.
    pub source: String,
}

/// Where an archive's signed index says that a package belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suite {
    /// `Suite` or `Codename` of the release.
    pub name: String,
    /// `Label` of the release.
    pub label: String,
}

impl Suite {
    /// Whether it is one for security fixes: Debian and Ubuntu have one for each release.
    pub fn is_security(&self) -> bool {
        self.label.to_ascii_lowercase().contains("security") || self.name.ends_with("-security")
    }
}

/// What changed in a package's scripts and dependencies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlChange {
    /// Scripts that are the same.
    pub same: BTreeSet<String>,
    /// Scripts that are new.
    pub added: BTreeSet<String>,
    /// Scripts that are gone.
    pub removed: BTreeSet<String>,
    /// Scripts that are other ones.
    pub changed: BTreeSet<String>,
    /// Names of packages that it needs now.
    pub needs: BTreeSet<String>,
    /// Names of packages that it no longer needs.
    pub needs_no_longer: BTreeSet<String>,
}

impl ControlChange {
    /// From one package file to the next; from nothing for a new package.
    pub fn between(old: Option<&Control>, new: &Control) -> Self {
        let nothing = Control::default();
        let old = old.unwrap_or(&nothing);
        let mut change = Self::default();
        let names: BTreeSet<&String> = old.scripts.keys().chain(new.scripts.keys()).collect();
        for name in names {
            let set = match (old.scripts.get(name), new.scripts.get(name)) {
                (Some(before), Some(after)) if before == after => &mut change.same,
                (Some(_), Some(_)) => &mut change.changed,
                (None, _) => &mut change.added,
                (_, None) => &mut change.removed,
            };
            set.insert(name.clone());
        }
        let (before, after) = (names_of(old), names_of(new));
        change.needs = after.difference(&before).cloned().collect();
        change.needs_no_longer = before.difference(&after).cloned().collect();
        change
    }

    /// Whether a script is new, gone or another one.
    pub fn has_other_scripts(&self) -> bool {
        !(self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty())
    }
}

/// The packages that it needs, without versions; alternatives as they are written.
fn names_of(control: &Control) -> BTreeSet<String> {
    let name = |relation: &str| {
        let word = relation.split_whitespace().next().unwrap_or_default();
        let word = word.split(['(', '[']).next().unwrap_or_default();
        word.split_once(':').map_or(word, |(name, _)| name).to_owned()
    };
    let alternatives =
        |relation: &String| relation.split('|').map(name).collect::<Vec<_>>().join(" | ");
    control.depends.iter().map(alternatives).collect()
}

/// The evidence of all moved packages, in the order of the moves.
pub type AllEvidence = BTreeMap<usize, Evidence>;

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

    /// Looks further at what was found.
    pub fn and_then<U>(self, look: impl FnOnce(T) -> Checked<U>) -> Checked<U> {
        match self {
            Self::Known(found) => look(found),
            Self::Not(reason) => Checked::Not(reason),
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
    /// When the new version was made, in seconds since 1970, by the word of its file.
    pub made: Checked<i64>,
}

impl Evidence {
    /// Nothing is known.
    pub fn none(reason: &str) -> Self {
        let reason = reason.to_owned();
        Self {
            fixes: Checked::Not(reason.clone()),
            control: Checked::Not(reason.clone()),
            old_suite: Checked::Not(reason.clone()),
            new_suite: Checked::Not(reason.clone()),
            made: Checked::Not(reason),
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
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suite {
    /// `Suite` or `Codename` of the release.
    pub name: String,
    /// `Label` of the release.
    pub label: String,
    /// `Date` of the release, in seconds since 1970.
    pub date: i64,
    /// How far apt takes packages from it by itself.
    pub automatic: Automatic,
}

/// How far apt takes packages from a suite that nobody asks for by name:
/// <https://wiki.debian.org/DebianRepository/Format#NotAutomatic_and_ButAutomaticUpgrades>.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Automatic {
    /// As from every other.
    #[default]
    Yes,
    /// Only later versions of what was installed from it, as from backports.
    Upgrades,
    /// Never, as from experimental.
    No,
}

impl Automatic {
    /// A word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "automatic",
            Self::Upgrades => "upgrades-only",
            Self::No => "not-automatic",
        }
    }

    /// What is said behind the name of such a suite.
    pub fn remark(self) -> &'static str {
        match self {
            Self::Yes => "",
            Self::Upgrades => " (new packages only if asked for)",
            Self::No => " (only if asked for)",
        }
    }
}

impl Suite {
    /// Whether it is the same, however old.
    pub fn is(&self, other: &Self) -> bool {
        (&self.name, &self.label) == (&other.name, &other.label)
    }

    /// Its name, and whether a package of it was asked for by name.
    pub fn described(&self) -> String {
        format!("{}{}", self.name, self.automatic.remark())
    }

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
    /// What is installed with it now unless somebody objects, and was not.
    pub recommends: BTreeSet<String>,
    /// What it counts as now and did not, and commands that it puts on the path now.
    pub provides: BTreeSet<String>,
    /// What cannot be there beside it now, and could.
    pub displaces: BTreeSet<String>,
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
        change.needs = &new.depends - &old.depends;
        change.needs_no_longer = &old.depends - &new.depends;
        change.recommends = &new.recommends - &old.recommends;
        change.provides = &new.provides - &old.provides;
        change.displaces = &new.displaces - &old.displaces;
        change
    }

    /// Whether a script is new, gone or another one.
    pub fn has_other_scripts(&self) -> bool {
        !(self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty())
    }
}

/// The evidence of all moved packages, in the order of the moves.
pub type AllEvidence = BTreeMap<usize, Evidence>;

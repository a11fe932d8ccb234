//! What stays behind though there is a later version of it: why, and how it is taken all the same.

use super::{inert, words};

/// A package that does not move, or not as far as it could.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldBack {
    /// The purl type.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Architecture; empty where the manager has none.
    pub architecture: String,
    /// What is locked; none where it would come along newly.
    pub locked: Option<String>,
    /// The version that is not taken.
    pub available: String,
    /// Why.
    pub cause: HeldCause,
    /// The same in words. It may have foreign text in it.
    pub reason: String,
    /// When that version was published, in seconds since 1970, where it is known.
    pub published: Option<i64>,
    /// Whether it is known to repair something.
    pub security: bool,
    /// What takes it all the same: arguments of `rlock update`.
    pub way_out: Option<String>,
}

/// Why something is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldCause {
    /// Somebody asked for it: `--keep`.
    Kept,
    /// It was published too short a time ago.
    TooYoung,
    /// When it was published is not known.
    AgeUnknown,
    /// It needs what is held back.
    Needs,
    /// Its manager cannot move it without what is held back.
    Together,
    /// The lock has an earlier state of its archive for it, or an index page with a later version.
    Locked,
}

impl HeldCause {
    /// The word that JSON reports carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::TooYoung => "too-young",
            Self::AgeUnknown => "age-not-known",
            Self::Needs => "needs-held",
            Self::Together => "moves-together",
            Self::Locked => "locked",
        }
    }
}

impl HeldBack {
    /// All but the name in a line: versions, the reason, the way out. It has foreign text in it.
    pub fn words(&self) -> String {
        let versions = match &self.locked {
            Some(locked) => format!("{locked} (there is {})", self.available),
            None => format!("{} would be new", self.available),
        };
        let security = if self.security { ", repairs something" } else { "" };
        let way_out = self.way_out.as_ref().map(|it| format!("; `rlock update {it}` takes it"));
        format!("{versions}{security}: {}{}", self.reason, way_out.unwrap_or_default())
    }

    /// A heading: `held back (2)`.
    pub fn heading(all: &[Self]) -> String {
        format!("held back ({})", words::count(all.len() as u64))
    }

    /// `deb:curl`, inert.
    pub fn shown_name(&self) -> String {
        format!("{}:{}", inert::text(&self.kind), inert::text(&self.name))
    }
}

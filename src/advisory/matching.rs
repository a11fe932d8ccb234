//! Whether a version is in what a statement says is affected:
//! <https://ossf.github.io/osv-schema/#evaluation>.

use super::{Certainty, Severity};
use crate::package::version;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What one source says of one vulnerability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) id: String,
    /// Other ids of the same.
    pub(super) aliases: BTreeSet<String>,
    /// Ids of what it is about: a notice of a distribution is about several vulnerabilities.
    pub(super) upstream: BTreeSet<String>,
    /// Ids of the notices by which a distribution repairs it, among others.
    pub(super) notices: BTreeSet<String>,
    pub(super) summary: String,
    pub(super) severity: Option<Severity>,
}

/// What it says of one package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) about: Arc<About>,
    /// Its own severity, where the vulnerability has another one there.
    pub(super) severity: Option<Severity>,
    pub(super) affected: Affected,
    /// Which of the data's sources.
    pub(super) source: usize,
}

/// The versions that are affected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Affected {
    /// In any of these.
    pub(super) ranges: Vec<Range>,
    /// Or one of these.
    pub(super) versions: Vec<String>,
    /// The source has not decided yet which are.
    pub(super) undetermined: bool,
}

/// Events along the order of versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Range {
    pub(super) events: Vec<Event>,
    /// The range ends before any of these, where there are some.
    pub(super) limits: Vec<String>,
}

/// From a version on, or behind it, something else holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Affected from here on. `0` is before every version.
    Introduced(String),
    /// No longer affected from here on.
    Fixed(String),
    /// The last that is affected.
    LastAffected(String),
}

impl Event {
    fn version(&self) -> &str {
        match self {
            Self::Introduced(version) | Self::Fixed(version) | Self::LastAffected(version) => {
                version
            }
        }
    }
}

impl Range {
    /// Everything before `fixed`; everything, where there is no fix.
    pub(super) fn before(fixed: Option<String>) -> Self {
        let introduced = Event::Introduced("0".to_owned());
        let events = std::iter::once(introduced).chain(fixed.map(Event::Fixed)).collect();
        Self { events, limits: Vec::new() }
    }
}

/// What a statement says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    NotAffected,
    Affected { certainty: Certainty, fixed: Option<String> },
}

impl Affected {
    /// Judges a version, in the order of versions of a purl type.
    pub(super) fn judge(&self, kind: &str, version: &str) -> Verdict {
        let undetermined = Verdict::Affected { certainty: Certainty::Undetermined, fixed: None };
        let mut comparable = true;
        for range in &self.ranges {
            match range.judge(kind, version) {
                Some(Verdict::NotAffected) => {}
                Some(affected) if self.undetermined => return with_certainty(affected),
                Some(affected) => return affected,
                None => comparable = false,
            }
        }
        let is_listed = |listed: &String| {
            listed == version || version::compare(kind, listed, version) == Some(Ordering::Equal)
        };
        if self.versions.iter().any(is_listed) {
            let fixed = self.ranges.iter().find_map(|range| range.fixed_after(kind, version));
            return Verdict::Affected { certainty: Certainty::Affected, fixed };
        }
        let says_nothing = self.ranges.is_empty() && self.versions.is_empty();
        if comparable && !says_nothing { Verdict::NotAffected } else { undetermined }
    }
}

fn with_certainty(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Affected { fixed, .. } => {
            Verdict::Affected { certainty: Certainty::Undetermined, fixed }
        }
        Verdict::NotAffected => verdict,
    }
}

impl Range {
    /// None where versions cannot be compared.
    fn judge(&self, kind: &str, version: &str) -> Option<Verdict> {
        let mut affected = false;
        for event in self.sorted(kind)? {
            let order = compare(kind, version, event.version())?;
            match event {
                Event::Introduced(_) if order.is_ge() => affected = true,
                Event::Fixed(_) if order.is_ge() => affected = false,
                Event::LastAffected(_) if order.is_gt() => affected = false,
                _ => {}
            }
        }
        if !affected || !self.is_within_limits(kind, version)? {
            return Some(Verdict::NotAffected);
        }
        let fixed = self.fixed_after(kind, version);
        let is_sure =
            kind != "rpm" || fixed.as_deref().is_none_or(|fixed| is_same_stream(version, fixed));
        let certainty = if is_sure { Certainty::Affected } else { Certainty::Undetermined };
        Some(Verdict::Affected { certainty, fixed })
    }

    /// Events by version. None where two cannot be compared.
    fn sorted(&self, kind: &str) -> Option<Vec<&Event>> {
        let mut sorted: Vec<&Event> = Vec::new();
        for event in &self.events {
            let mut place = sorted.len();
            while let Some(other) = place.checked_sub(1).and_then(|index| sorted.get(index)) {
                if compare(kind, other.version(), event.version())?.is_le() {
                    break;
                }
                place -= 1;
            }
            sorted.insert(place, event);
        }
        Some(sorted)
    }

    fn is_within_limits(&self, kind: &str, version: &str) -> Option<bool> {
        if self.limits.is_empty() {
            return Some(true);
        }
        for limit in &self.limits {
            if limit == "*" || compare(kind, version, limit)?.is_lt() {
                return Some(true);
            }
        }
        Some(false)
    }

    /// The lowest fix above a version.
    fn fixed_after(&self, kind: &str, version: &str) -> Option<String> {
        let fixes = self.sorted(kind)?.into_iter().filter_map(|event| match event {
            Event::Fixed(fixed) => Some(fixed),
            _ => None,
        });
        let mut above =
            fixes.filter(|fixed| compare(kind, fixed, version).is_some_and(Ordering::is_gt));
        above.next().cloned()
    }
}

/// A fix in a stream of a module (`1.module_el9.3.0+53+94a1d09b`) says nothing of packages of other
/// streams, which have other major versions, nor of those that are of none.
fn is_same_stream(version: &str, fixed: &str) -> bool {
    let is_modular = |version: &str| version.contains(".module");
    let major = |version: &str| {
        let bare = version.split_once(':').map_or(version, |(_, bare)| bare);
        bare.split(['.', '-']).next().map(str::to_owned)
    };
    !is_modular(fixed) || is_modular(version) && major(version) == major(fixed)
}

/// The order of versions, with `0` before every one.
fn compare(kind: &str, left: &str, right: &str) -> Option<Ordering> {
    match (left, right) {
        ("0", "0") => Some(Ordering::Equal),
        ("0", _) => Some(Ordering::Less),
        (_, "0") => Some(Ordering::Greater),
        _ => version::compare(kind, left, right),
    }
}

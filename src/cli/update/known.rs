//! What advisory data says that a later version repairs.

use super::super::advisories::Wanted;
use super::super::args::{AdvisoryArguments, InputArguments, NetworkMode};
use super::super::context::Context;
use super::super::notices;
use super::super::project::Project;
use super::super::review::known::{self, Local};
use super::super::scout::Scout;
use crate::lock::{LockedSource, Lockfile};
use crate::report::{AdvisorySources, ExpiredIgnore, IgnoredFix, MoveRow, Repair, TierRow};
use crate::review::{self, Advisories as _, AdvisorySource, Asked, Checked};
use crate::update::{Identity, listed};
use std::collections::{BTreeMap, BTreeSet};

/// Data that was given, or none.
pub(super) struct Known {
    local: Option<Local>,
    /// What was looked into, with how much of the lock it covers.
    sources: Vec<AdvisorySource>,
    /// Packages of the lock and its images.
    packages: u64,
    expired: Vec<ExpiredIgnore>,
    lacking: Vec<String>,
}

/// What a later version repairs.
#[derive(Debug, Default)]
pub(super) struct Fixed {
    /// By source.
    pub(super) repairs: Vec<Repair>,
    /// What is to be passed over.
    pub(super) ignored: Vec<IgnoredFix>,
}

impl Fixed {
    /// Every id, sorted.
    pub(super) fn ids(&self) -> Vec<String> {
        let ids: BTreeSet<&String> = self.repairs.iter().flat_map(|repair| &repair.ids).collect();
        ids.into_iter().cloned().collect()
    }
}

impl Known {
    /// Reads the data, what repositories say of their packages, and asks the service where that is
    /// wanted.
    pub(super) fn load(
        (project, lock): (&Project, &Lockfile),
        (arguments, input): (&AdvisoryArguments, &InputArguments),
        network: NetworkMode,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let settings = &project.settings.advisories;
        let wanted = Wanted::of(arguments, settings, &project.path, network)?;
        let listed = listed(lock);
        let of_files: Vec<Asked<'_>> =
            listed.keys().map(|it| asked(it, &it.version, None)).collect();
        let notices = if notices::has_some(lock) {
            let scout = Scout::open((project, lock), input, network, Vec::new(), context)?;
            notices::now(lock, &scout)
        } else {
            Vec::new()
        };
        let local = known::load(&wanted, [lock, lock], &of_files, &notices, context)?;
        let coverage = local.as_ref().map(|local| review::coverage(lock, local));
        let coverage = coverage.unwrap_or_default();
        let mut sources =
            local.as_ref().map(<Local as review::Advisories>::sources).unwrap_or_default();
        for (at, source) in sources.iter_mut().enumerate() {
            source.covered = coverage.by_source.get(&at).copied().unwrap_or_default();
        }
        Ok(Self {
            expired: wanted.expired(),
            lacking: wanted.lacking(local.as_ref().map(Local::looked_into), &coverage),
            packages: coverage.covered + coverage.not_covered.len() as u64,
            sources,
            local,
        })
    }

    /// What of `--require-advisories` is not there.
    pub(super) fn lacking(&self) -> &[String] {
        &self.lacking
    }

    /// What a report says of where advisories are known from.
    pub(super) fn sources(&self, in_band: Vec<TierRow>) -> AdvisorySources {
        let mut sources = AdvisorySources {
            tiers: in_band,
            expired: self.expired.clone(),
            lacking: self.lacking.clone(),
        };
        sources.add_data(&self.sources, self.packages);
        sources
    }

    /// What is in the locked version and not in the later one, by the ids that people know; none
    /// where no data covers the package.
    pub(super) fn fixed(
        &self,
        locked: &Identity,
        source: Option<&LockedSource>,
        later: &str,
    ) -> Option<Fixed> {
        let before = self.found(locked, &locked.version, source)?;
        // The source of the later version has its name, and mostly its version.
        let moved = source.map(|source| LockedSource {
            name: source.name.clone(),
            version: if source.version == locked.version {
                later.to_owned()
            } else {
                source_version(later).to_owned()
            },
        });
        let after: BTreeSet<String> =
            self.found(locked, later, moved.as_ref())?.into_iter().map(|it| it.id).collect();
        let mut fixed = Fixed::default();
        let mut by_source: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for advisory in before.into_iter().filter(|advisory| !after.contains(&advisory.id)) {
            match advisory.ignored {
                Some(reason) => fixed.ignored.push(IgnoredFix { id: advisory.id, reason }),
                None => drop(by_source.entry(advisory.source).or_default().insert(advisory.id)),
            }
        }
        let by_source = by_source.into_iter();
        fixed.repairs = by_source
            .map(|(source, ids)| Repair { tier: self.tier(&source), source, ids })
            .collect();
        Some(fixed)
    }

    /// The tier of a source, or of the first of several that say the same.
    fn tier(&self, name: &str) -> &'static str {
        let is_it = |source: &&AdvisorySource| name.starts_with(&source.name);
        match self.sources.iter().find(is_it) {
            Some(source) if source.tier == "service" => "service",
            Some(source) if source.tier == IN_BAND => IN_BAND,
            _ => "local",
        }
    }

    /// What concerns a version and is not to be passed over, by the ids that people know; none where no
    /// data covers the package.
    pub(super) fn concerning(
        &self,
        package: &Identity,
        source: Option<&LockedSource>,
    ) -> Option<BTreeSet<String>> {
        let found = self.found(package, &package.version, source)?;
        let counts = found.into_iter().filter(|advisory| advisory.ignored.is_none());
        Some(counts.map(|advisory| advisory.id).collect())
    }

    fn found(
        &self,
        package: &Identity,
        version: &str,
        source: Option<&LockedSource>,
    ) -> Option<Vec<review::Known>> {
        match self.local.as_ref()?.of(&asked(package, version, source)) {
            Checked::Known(found) => Some(found),
            Checked::Not(_) => None,
        }
    }

    /// Whether the later version is known to repair something.
    pub(super) fn repairs(
        &self,
        locked: &Identity,
        source: Option<&LockedSource>,
        later: &str,
    ) -> bool {
        self.fixed(locked, source, later).is_some_and(|fixed| !fixed.repairs.is_empty())
    }

    /// Adds to moves what the data says that they repair; what is passed over, in words.
    pub(super) fn tell(&self, lock: &Lockfile, rows: &mut [MoveRow]) -> Vec<String> {
        let mut notes = Vec::new();
        for row in rows {
            let (Some(from), Some(to)) = (&row.from, &row.to) else { continue };
            let is_it = |package: &&crate::lock::LockedPackage| {
                (&package.kind, &package.name, &package.version) == (&row.kind, &row.name, from)
            };
            let source = lock.packages.iter().find(is_it).and_then(|it| it.source.as_ref());
            let locked = Identity {
                kind: row.kind.clone(),
                name: row.name.clone(),
                architecture: row.architecture.clone(),
                version: from.clone(),
            };
            let Some(fixed) = self.fixed(&locked, source, to) else { continue };
            row.repairs.retain(|repair| repair.tier == IN_BAND && !fixed.repairs.contains(repair));
            row.repairs.extend(fixed.repairs);
            row.security = !row.repairs.is_empty();
            let ignored = fixed.ignored.into_iter();
            notes.extend(
                ignored.map(|it| {
                    format!("{} in {} {from} is ignored: {}", it.id, row.name, it.reason)
                }),
            );
        }
        notes
    }
}

/// The tier of what packages and their archives say of themselves.
pub(super) const IN_BAND: &str = "in-band";

fn asked<'a>(
    locked: &'a Identity,
    version: &'a str,
    source: Option<&'a LockedSource>,
) -> Asked<'a> {
    Asked {
        image: None,
        kind: &locked.kind,
        name: &locked.name,
        version,
        architecture: &locked.architecture,
        source,
    }
}

/// Without what only a rebuild has changed: `+b1`.
fn source_version(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((source, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => source,
        _ => version,
    }
}

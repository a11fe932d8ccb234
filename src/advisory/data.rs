//! Local advisory data, indexed once by ecosystem and name.

use super::ignore::{Expired, Ignores};
use super::matching::{About, Statement, Verdict};
use super::service::Query;
use super::sources::Parsed;
use super::{
    Advisory, AdvisoryError, Certainty, Checked, Date, Ignore, Named, SourceInfo, System, Tier,
    ecosystem, load,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Tier B: all advisory data that was given.
#[derive(Debug, Default)]
pub struct Data {
    sources: Vec<SourceInfo>,
    /// By ecosystem and name. A name that a service was asked about is here even with none.
    statements: BTreeMap<String, BTreeMap<String, Vec<Statement>>>,
    /// Ecosystems of which all packages are covered.
    covered: BTreeSet<String>,
    /// Ecosystems and names that a service was asked about, by its place among the sources.
    asked: BTreeMap<usize, BTreeSet<(String, String)>>,
    ignores: Ignores,
}

impl Data {
    /// Reads what is at each path: a file, a zip archive of OSV files, or a directory, whose kind
    /// is told by content. `today` decides which ignores have expired.
    pub fn load(paths: &[PathBuf], today: Date) -> Result<Self, AdvisoryError> {
        let mut data = Self { ignores: Ignores::new(today), ..Self::default() };
        for path in paths {
            for (info, parsed) in load::load(path)? {
                data.add(info, parsed);
            }
        }
        Ok(data)
    }

    /// With the ignores of the configuration on top of those of OpenVEX documents.
    #[must_use]
    pub fn ignoring(mut self, ignores: Vec<Ignore>) -> Self {
        self.ignores.configure(ignores);
        self
    }

    /// Adds what a service answered to questions: what it was asked, and the records of the ids
    /// that it gave, each as [`super::service::record_path`] has it. Packages that were not asked
    /// about are not covered.
    pub fn add_service(
        &mut self,
        address: &str,
        asked: &[Query],
        records: &[Vec<u8>],
    ) -> Result<(), AdvisoryError> {
        let (info, parsed) = load::of_service(address, asked, records)?;
        let names = asked.iter().map(|it| (it.ecosystem().to_owned(), it.name().to_owned()));
        self.asked.insert(self.sources.len(), names.collect());
        for query in asked {
            let by_name = self.statements.entry(query.ecosystem().to_owned()).or_default();
            by_name.entry(query.name().to_owned()).or_default();
        }
        self.add(info, parsed);
        Ok(())
    }

    /// Adds what a repository of rpms says of its own packages (`updateinfo.xml`). Of the others of its
    /// distribution it covers none: `names` are those that it offers.
    pub fn add_repository(
        &mut self,
        url: &str,
        names: &BTreeSet<String>,
        content: &[u8],
    ) -> Result<(), AdvisoryError> {
        let (info, parsed) = load::of_repository(url, content)?;
        let mut asked = BTreeSet::new();
        for ecosystem in &info.ecosystems {
            let by_name = self.statements.entry(ecosystem.clone()).or_default();
            for name in names {
                by_name.entry(name.clone()).or_default();
                asked.insert((ecosystem.clone(), name.clone()));
            }
        }
        self.asked.insert(self.sources.len(), asked);
        self.add(info, parsed);
        Ok(())
    }

    /// What is known of a package in an image of a distribution.
    pub fn of(&self, system: System<'_>, package: Named<'_>) -> Checked {
        let ecosystems = ecosystem::of_image(system, package.kind);
        let mut is_covered = ecosystems.iter().any(|name| self.covered.contains(name));
        let mut found = Vec::new();
        for (name, version) in ecosystem::names(package) {
            let by_ecosystem = ecosystems.iter().filter_map(|name| self.statements.get(name));
            for statements in by_ecosystem.filter_map(|by_name| by_name.get(&name)) {
                is_covered = true;
                let statements = statements.iter();
                found.extend(
                    statements
                        .filter_map(|statement| self.advisory(package.kind, &version, statement)),
                );
            }
        }
        if !is_covered {
            return Checked::NotCovered;
        }
        let mut advisories = merged(found);
        for advisory in &mut advisories {
            advisory.ignored = self.ignores.of(advisory, package);
        }
        Checked::Known(advisories)
    }

    /// The sources, by their places in [`Self::sources`], that cover a package.
    pub fn covering(&self, system: System<'_>, package: Named<'_>) -> Vec<usize> {
        let ecosystems = ecosystem::of_image(system, package.kind);
        let names = ecosystem::names(package);
        let covers = |at: usize, source: &SourceInfo| match self.asked.get(&at) {
            None => !source.ecosystems.is_disjoint(&ecosystems),
            Some(asked) => ecosystems.iter().any(|ecosystem| {
                names.iter().any(|(name, _)| asked.contains(&(ecosystem.clone(), name.clone())))
            }),
        };
        let sources = self.sources.iter().enumerate();
        sources.filter(|(at, source)| covers(*at, source)).map(|(at, _)| at).collect()
    }

    /// Where all of it is from, in the order of the paths.
    pub fn sources(&self) -> &[SourceInfo] {
        &self.sources
    }

    /// Ignores of the configuration that have expired: they ignore nothing, and are for a report.
    pub fn expired(&self) -> Vec<Expired<'_>> {
        self.ignores.expired()
    }

    fn add(&mut self, info: SourceInfo, parsed: Parsed) {
        let source = self.sources.len();
        if info.tier == Tier::Local {
            self.covered.extend(info.ecosystems.iter().cloned());
        }
        for (ecosystem, name, mut statement) in parsed.statements {
            statement.source = source;
            let by_name = self.statements.entry(ecosystem).or_default();
            by_name.entry(name).or_default().push(statement);
        }
        self.ignores.add_vex(parsed.vex, &info.name);
        self.sources.push(info);
    }

    fn advisory(&self, kind: &str, version: &str, statement: &Statement) -> Option<Found> {
        let Verdict::Affected { certainty, fixed } = statement.affected.judge(kind, version) else {
            return None;
        };
        let About { id, aliases, upstream, notices, summary, severity } = &*statement.about;
        let source = self.sources.get(statement.source)?;
        let mut same: BTreeSet<String> = aliases.iter().cloned().collect();
        // A record about exactly one vulnerability is that vulnerability.
        if upstream.len() == 1 && aliases.is_empty() {
            same.extend(upstream.iter().cloned());
        }
        same.insert(id.clone());
        let advisory = Advisory {
            id: id.clone(),
            aliases: [aliases, upstream, notices]
                .into_iter()
                .flatten()
                .filter(|alias| *alias != id)
                .cloned()
                .collect(),
            summary: summary.clone(),
            severity: statement.severity.clone().or_else(|| severity.clone()),
            certainty,
            fixed,
            tier: source.tier,
            source: source.name.clone(),
            ignored: None,
        };
        Some(Found { same, advisory })
    }
}

/// An advisory, and the ids that are the same vulnerability.
struct Found {
    same: BTreeSet<String>,
    advisory: Advisory,
}

/// One advisory a vulnerability: what has an id in common is merged. Sorted by id.
fn merged(found: Vec<Found>) -> Vec<Advisory> {
    let mut groups: Vec<Found> = Vec::new();
    for mut next in found {
        let (same, others) =
            groups.into_iter().partition(|group| !group.same.is_disjoint(&next.same));
        groups = others;
        for group in Vec::into_iter(same) {
            next = merge(group, next);
        }
        groups.push(next);
    }
    let mut advisories: Vec<_> = groups.into_iter().map(|group| group.advisory).collect();
    advisories.sort();
    advisories
}

fn merge(left: Found, right: Found) -> Found {
    let same: BTreeSet<String> = left.same.union(&right.same).cloned().collect();
    // The id that people know goes first, then that of the forge.
    let rank = |id: &str| (!id.starts_with("CVE-"), !id.starts_with("GHSA-"), id.to_owned());
    let (first, second) = if rank(&left.advisory.id) <= rank(&right.advisory.id) {
        (left.advisory, right.advisory)
    } else {
        (right.advisory, left.advisory)
    };
    let mut aliases: BTreeSet<String> =
        first.ids().chain(second.ids()).map(str::to_owned).collect();
    aliases.remove(&first.id);
    let sources = if first.source.split(", ").any(|name| name == second.source) {
        first.source
    } else {
        format!("{}, {}", first.source, second.source)
    };
    let certain = [first.certainty, second.certainty].contains(&Certainty::Affected);
    let summary = if first.summary.is_empty() { second.summary } else { first.summary };
    let advisory = Advisory {
        id: first.id,
        aliases,
        summary,
        severity: first.severity.max(second.severity),
        certainty: if certain { Certainty::Affected } else { Certainty::Undetermined },
        fixed: first.fixed.or(second.fixed),
        tier: first.tier,
        source: sources,
        ignored: None,
    };
    Found { same, advisory }
}

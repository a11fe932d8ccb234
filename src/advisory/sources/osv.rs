//! OSV records: <https://ossf.github.io/osv-schema/>. Distributions name source packages, AlmaLinux
//! binary ones.

use super::{Parsed, day, is_id, json, shown};
use crate::advisory::Severity;
use crate::advisory::ecosystem;
use crate::advisory::matching::{About, Affected, Event, Range, Statement};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    modified: String,
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    severity: Vec<Score>,
    #[serde(default)]
    affected: Vec<AffectedPackage>,
    #[serde(default)]
    database_specific: Specific,
}

#[derive(Deserialize)]
struct Score {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

/// What databases add; the word is GitHub's.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Specific {
    severity: Word,
}

/// A word, or whatever else a database has under that name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Default for Word {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

#[derive(Deserialize)]
struct AffectedPackage {
    package: Option<Package>,
    #[serde(default)]
    ranges: Vec<VersionRange>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    severity: Vec<Score>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct VersionRange {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<RangeEvent>,
}

#[derive(Deserialize)]
struct RangeEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

pub(super) fn parse(content: &[u8]) -> Result<Parsed, String> {
    let record: Record = json(content)?;
    if !is_id(&record.id) {
        return Err(format!("`{}` is not an id", shown(&record.id)));
    }
    let mut parsed = Parsed { as_of: day(&record.modified), ..Parsed::default() };
    let withdrawn = record.withdrawn.is_some();
    parsed.records = usize::from(!withdrawn);
    let about = Arc::new(about(&record));
    for affected in record.affected {
        let Some(package) = &affected.package else {
            // Only commits of a repository, which no package has.
            parsed.not_evaluated += usize::from(!withdrawn);
            continue;
        };
        let Some((ecosystem, kind)) = ecosystem::canonical(&package.ecosystem) else { continue };
        parsed.ecosystems.insert(ecosystem.clone());
        if withdrawn {
            continue;
        }
        let name = name(kind, &package.name);
        let statement = statement(&about, affected);
        // Only commits are affected, or nothing says what is: undetermined for every version.
        let says_nothing =
            statement.affected.ranges.is_empty() && statement.affected.versions.is_empty();
        parsed.not_evaluated += usize::from(says_nothing);
        parsed.state(ecosystem, name, statement);
    }
    Ok(parsed)
}

fn name(kind: &str, name: &str) -> String {
    match kind {
        "pypi" => ecosystem::python_name(name),
        _ => name.to_owned(),
    }
}

fn about(record: &Record) -> About {
    let ids =
        |ids: &[String]| ids.iter().filter(|id| is_id(id) && **id != record.id).cloned().collect();
    let mut upstream: BTreeSet<String> = ids(&record.upstream);
    if upstream.is_empty() && record.aliases.is_empty() {
        // AlmaLinux lists there what its notices are about.
        upstream.extend(ids(&record.related).into_iter().filter(|id| id.starts_with("CVE-")));
    }
    let summary = [&record.summary, &record.details].into_iter().find(|text| !text.is_empty());
    let word = match &record.database_specific.severity {
        Word::Text(word) => Severity::of_word(word),
        Word::Other(_) => None,
    };
    About {
        id: record.id.clone(),
        aliases: ids(&record.aliases),
        upstream,
        notices: BTreeSet::new(),
        summary: summary.map(|text| shown(text)).unwrap_or_default(),
        severity: severity(&record.severity).or(word),
    }
}

fn severity(scores: &[Score]) -> Option<Severity> {
    let vectors = scores.iter().filter(|score| score.kind.starts_with("CVSS_"));
    let of_vectors = Severity::of_vectors(vectors.map(|score| &*score.score));
    // Ubuntu has words.
    of_vectors.or_else(|| scores.iter().find_map(|score| Severity::of_word(&score.score)))
}

/// Ranges of commits are left out: no package has a commit.
fn statement(about: &Arc<About>, package: AffectedPackage) -> Statement {
    let ranges: Vec<Range> =
        package.ranges.into_iter().filter(|range| range.kind != "GIT").map(range).collect();
    let affected = Affected { ranges, versions: package.versions, undetermined: false };
    let severity = severity(&package.severity);
    Statement { about: Arc::clone(about), severity, affected, source: 0 }
}

fn range(range: VersionRange) -> Range {
    let mut made = Range::default();
    for event in range.events {
        made.events.extend(event.introduced.map(Event::Introduced));
        made.events.extend(event.fixed.map(Event::Fixed));
        made.events.extend(event.last_affected.map(Event::LastAffected));
        made.limits.extend(event.limit);
    }
    made
}

//! The JSON of Debian's security tracker: every vulnerability of every source package, by release.
//! <https://security-tracker.debian.org/tracker/data/json>
//!
//! ```json
//! {"openssl": {"CVE-2024-1": {"releases": {"bookworm": {"status": "resolved",
//!   "fixed_version": "3.0.13-1~deb12u1", "urgency": "not yet assigned"}}}}}
//! ```

use super::{Parsed, is_id, json, shown};
use crate::advisory::Severity;
use crate::advisory::ecosystem;
use crate::advisory::matching::{About, Affected, Range, Statement};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Tracker = BTreeMap<String, BTreeMap<String, Vulnerability>>;

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    description: String,
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: String,
}

/// Whether it has this form, at least at the start: the first lines decide, for the whole has 60 MB.
pub(super) fn is_one(content: &[u8]) -> bool {
    const START: usize = 1 << 20;
    let start = content.get(..content.len().min(START)).unwrap_or_default();
    let mut reader = serde_json::Deserializer::from_slice(start);
    First::deserialize(&mut reader).is_ok_and(|first| first.0)
}

/// Whether the first value of the first value has `releases`.
struct First(bool);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = First;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("source packages")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<First, A::Error> {
                #[derive(Deserialize)]
                struct Shape {
                    #[serde(rename = "releases")]
                    _releases: serde_json::Map<String, serde_json::Value>,
                }
                let first = map.next_entry::<String, BTreeMap<String, Shape>>()?;
                let is_one = first.is_some_and(|(_, vulnerabilities)| !vulnerabilities.is_empty());
                // The rest of the map is of no interest, and cut off; the caller reads no further.
                while let Ok(Some(_)) = map.next_entry::<IgnoredAny, IgnoredAny>() {}
                Ok(First(is_one))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

pub(super) fn parse(content: &[u8]) -> Result<Parsed, String> {
    let tracker: Tracker = json(content)?;
    let mut parsed = Parsed::default();
    for (package, vulnerabilities) in tracker {
        for (id, vulnerability) in vulnerabilities {
            if !is_id(&id) {
                return Err(format!("`{}` is not an id", shown(&id)));
            }
            parsed.records += 1;
            add(&mut parsed, &package, id, vulnerability)?;
        }
    }
    Ok(parsed)
}

fn add(
    parsed: &mut Parsed,
    package: &str,
    id: String,
    vulnerability: Vulnerability,
) -> Result<(), String> {
    let about = Arc::new(About {
        id,
        aliases: BTreeSet::new(),
        upstream: BTreeSet::new(),
        notices: BTreeSet::new(),
        summary: shown(&vulnerability.description),
        severity: None,
    });
    for (codename, release) in vulnerability.releases {
        let ecosystem = ecosystem::debian(&codename);
        parsed.ecosystems.insert(ecosystem.clone());
        let Some(affected) = affected(&release)
            .ok_or_else(|| format!("`{package}`: `{}` is not a status", shown(&release.status)))?
        else {
            continue;
        };
        let severity = Severity::of_word(&release.urgency);
        let statement = Statement { about: Arc::clone(&about), severity, affected, source: 0 };
        parsed.state(ecosystem, package.to_owned(), statement);
    }
    Ok(())
}

/// What a release's entry means; the inner none: not affected, ever.
#[expect(clippy::option_option, reason = "unknown statuses are errors, unaffected releases not")]
fn affected(release: &Release) -> Option<Option<Affected>> {
    let fixed = release.fixed_version.clone();
    // `0`: no version in this release was ever affected.
    if fixed.as_deref() == Some("0") {
        return Some(None);
    }
    let undetermined = match &*release.status {
        // Resolved without a version: it never was in there.
        "resolved" if fixed.is_none() => return Some(None),
        "resolved" | "open" => false,
        "undetermined" => true,
        _ => return None,
    };
    Some(Some(Affected { ranges: vec![Range::before(fixed)], versions: Vec::new(), undetermined }))
}

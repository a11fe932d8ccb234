//! What is to be passed over: an own list with a reason and an end, and OpenVEX documents.

use super::sources::VexStatement;
use super::{Advisory, Date, Named, ecosystem};
use crate::package::version;
use serde::{Deserialize, Deserializer, de};
use std::cmp::Ordering;

/// An entry of the configuration:
///
/// ```toml
/// [[advisories.ignore]]
/// id = "CVE-2024-1234"
/// package = "openssl"              # all packages where it is left out
/// reason = "the parser is not used"
/// expires = 2027-01-31             # the last day; without it, never
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// The vulnerability, by any of its ids.
    #[serde(deserialize_with = "filled")]
    pub id: String,
    /// Name of the only package, or source package, that this is about.
    #[serde(default)]
    pub package: Option<String>,
    /// Why. Shown wherever the vulnerability is.
    #[serde(deserialize_with = "filled")]
    pub reason: String,
    /// The last day on which it holds.
    #[serde(default, deserialize_with = "date")]
    pub expires: Option<Date>,
}

/// Why an advisory is passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ignored {
    /// The reason that is given.
    pub reason: String,
    /// Where: `rlock.toml`, or the name of an OpenVEX document.
    pub from: String,
}

/// An ignore whose last day is over.
pub(super) type Expired<'a> = &'a Ignore;

fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(de::Error::custom("an ignored advisory needs an `id` and a `reason`"));
    }
    Ok(text)
}

/// A date of TOML, or the same in quotes.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Date(toml::value::Datetime),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Date(date) => date.to_string(),
        Written::Text(text) => text,
    };
    let date = text.parse().map_err(|_| {
        de::Error::custom(format!("`expires`: `{text}` is not a date such as 2027-01-31"))
    })?;
    Ok(Some(date))
}

/// All of them, and the day.
#[derive(Debug, Default)]
pub(super) struct Ignores {
    today: Date,
    configured: Vec<Ignore>,
    /// With the name of the document, the oldest first.
    vex: Vec<(VexStatement, String)>,
}

impl Ignores {
    pub(super) fn new(today: Date) -> Self {
        Self { today, ..Self::default() }
    }

    pub(super) fn configure(&mut self, ignores: Vec<Ignore>) {
        self.configured.extend(ignores);
    }

    pub(super) fn add_vex(&mut self, statements: Vec<VexStatement>, document: &str) {
        self.vex.extend(statements.into_iter().map(|statement| (statement, document.to_owned())));
        self.vex.sort_by(|left, right| left.0.time.cmp(&right.0.time));
    }

    pub(super) fn expired(&self) -> Vec<Expired<'_>> {
        self.configured.iter().filter(|ignore| !self.is_valid(ignore)).collect()
    }

    /// Why an advisory about a package is to be passed over, if it is.
    pub(super) fn of(&self, advisory: &Advisory, package: Named<'_>) -> Option<Ignored> {
        let fits = |ignore: &&Ignore| {
            let is_named = |name: &String| {
                name == package.name || package.source.is_some_and(|(source, _)| name == source)
            };
            self.is_valid(ignore)
                && advisory.ids().any(|id| id == ignore.id)
                && ignore.package.as_ref().is_none_or(is_named)
        };
        if let Some(ignore) = self.configured.iter().find(fits) {
            return Some(Ignored { reason: ignore.reason.clone(), from: "rlock.toml".to_owned() });
        }
        let about = |(statement, _): &&(VexStatement, String)| {
            advisory.ids().any(|id| statement.ids.contains(id)) && is_about(statement, package)
        };
        let (newest, document) = self.vex.iter().rev().find(about)?;
        newest.reason.clone().map(|reason| Ignored { reason, from: document.clone() })
    }

    fn is_valid(&self, ignore: &Ignore) -> bool {
        ignore.expires.is_none_or(|last| self.today <= last)
    }
}

/// A statement about a version is about that one alone.
fn is_about(statement: &VexStatement, package: Named<'_>) -> bool {
    let purl = &statement.package;
    let normal = |name: &str| match package.kind {
        "pypi" => ecosystem::python_name(name),
        "maven" => name.replace('/', ":"),
        _ => name.to_owned(),
    };
    let is_version = |stated: &String| {
        let epoch = purl.qualifiers.get("epoch");
        let stated = epoch.map_or_else(|| stated.clone(), |epoch| format!("{epoch}:{stated}"));
        stated == package.version
            || version::compare(package.kind, &stated, package.version) == Some(Ordering::Equal)
    };
    purl.kind == package.kind
        && normal(&purl.full_name()) == normal(package.name)
        && purl.version.as_ref().is_none_or(is_version)
}

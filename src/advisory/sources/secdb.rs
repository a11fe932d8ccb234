//! Alpine's secdb, one file a repository of a branch: <https://secdb.alpinelinux.org/>.
//!
//! ```json
//! {"distroversion": "v3.18", "reponame": "main", "packages": [{"pkg": {"name": "openssl",
//!   "secfixes": {"3.1.1-r0": ["CVE-2023-2650"], "0": ["CVE-2022-1 (not affected)"]}}}]}
//! ```
//!
//! It lists what is repaired; what is open is not in it.

use super::{Parsed, is_id, json, shown};
use crate::advisory::ecosystem;
use crate::advisory::matching::{About, Affected, Range, Statement};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
struct Database {
    distroversion: String,
    packages: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// Null in older files where nothing was repaired.
    #[serde(default)]
    secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

pub(super) fn parse(content: &[u8]) -> Result<Parsed, String> {
    let database: Database = json(content)?;
    let name = match &*database.distroversion {
        "wolfi" => "Wolfi".to_owned(),
        "chainguard" => "Chainguard".to_owned(),
        branch => format!("Alpine:{branch}"),
    };
    let (ecosystem, _) = ecosystem::canonical(&name).ok_or("no such branch")?;
    let mut parsed = Parsed::default();
    parsed.ecosystems.insert(ecosystem.clone());
    for Item { pkg } in database.packages {
        // Not affected, whatever the version.
        let repaired = pkg.secfixes.into_iter().flatten().filter(|(version, _)| version != "0");
        for (version, items) in repaired {
            for item in items.unwrap_or_default() {
                add(&mut parsed, &ecosystem, &pkg.name, &version, &item);
            }
        }
    }
    Ok(parsed)
}

/// An item has one id, or several of the same vulnerability, and maybe a remark in brackets.
fn add(parsed: &mut Parsed, ecosystem: &str, package: &str, version: &str, item: &str) {
    let bare = item.split('(').next().unwrap_or(item);
    let mut ids = bare.split_ascii_whitespace().filter(|id| is_id(id));
    let Some(id) = ids.next() else {
        parsed.not_evaluated += 1;
        return;
    };
    let aliases: BTreeSet<String> = ids.filter(|other| *other != id).map(str::to_owned).collect();
    let about = About {
        id: id.to_owned(),
        aliases,
        upstream: BTreeSet::new(),
        notices: BTreeSet::new(),
        summary: if item.contains('(') { shown(item) } else { String::new() },
        severity: None,
    };
    let affected =
        Affected { ranges: vec![Range::before(Some(version.to_owned()))], ..Affected::default() };
    parsed.records += 1;
    let statement = Statement { about: Arc::new(about), severity: None, affected, source: 0 };
    parsed.state(ecosystem.to_owned(), package.to_owned(), statement);
}

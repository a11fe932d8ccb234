//! Which packages a statement of a list is about, and which version it names.

use super::facts::Fact;
use super::{List, TABLES};

/// Names of packages; none where it is about something else.
pub(super) fn names(list: List, fact: &Fact) -> Vec<String> {
    let found: Vec<&str> = match list {
        List::NpmManifest => needed(fact, 0),
        List::NpmLock => npm_lock(fact),
        List::YarnLock => vec![fact.key(0)],
        List::YarnIntegrity => match fact.key(0) {
            "lockfileEntries" => vec![package(fact.key(1)).0],
            "topLevelPatterns" => vec![package(fact.text()).0],
            _ => Vec::new(),
        },
        List::PnpmLock => pnpm_lock(fact),
        List::PnpmModules if fact.key(0) == "hoistedDependencies" => vec![package(fact.key(1)).0],
        List::PnpmModules => Vec::new(),
        List::GoMod if fact.place.len() == 2 => vec![fact.key(1)],
        List::GoMod => Vec::new(),
        List::GoSum => vec![fact.key(0)],
        List::CargoLock => cargo_lock(fact),
    };
    found.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The version that a statement gives to a package, which must be a locked one. Of a range the
/// version that it starts at.
pub(super) fn version(list: List, fact: &Fact) -> Option<&str> {
    match list {
        List::NpmManifest => Some(lowest(fact.text())),
        List::NpmLock if is_needed_by_project(fact) => Some(lowest(fact.text())),
        // Deeper are tables of what a package needs, and one of these may be called so.
        List::NpmLock => {
            (fact.last() == "version" && fact.place.len() % 2 == 1).then(|| fact.text())
        }
        List::CargoLock => (fact.last() == "version" && fact.place.len() == 3).then(|| fact.text()),
        List::YarnLock => (fact.last() == "version" && fact.key(1).is_empty()).then(|| fact.text()),
        List::PnpmLock => pnpm_version(fact),
        List::GoMod => Some(fact.text()),
        List::GoSum if !fact.key(1).ends_with("/go.mod") => Some(fact.key(1)),
        List::GoSum | List::YarnIntegrity | List::PnpmModules => None,
    }
}

/// What a table of a manifest needs: the name, or what it is another name of.
fn needed(fact: &Fact, depth: usize) -> Vec<&str> {
    if fact.place.len() != depth + 2 || !TABLES.contains(&fact.key(depth)) {
        return Vec::new();
    }
    match fact.text().strip_prefix("npm:") {
        Some(other) => vec![package(other).0],
        None => vec![fact.key(depth + 1)],
    }
}

/// `^1.0.0`, `npm:other@~1.0.0`
fn lowest(range: &str) -> &str {
    let range = range.strip_prefix("npm:").map_or(range, |other| package(other).1);
    range.trim_start_matches(['^', '~', '>', '=', 'v', ' '])
}

/// The package that is in a folder of `node_modules`.
pub(super) fn in_modules(folder: &str) -> Option<&str> {
    Some(folder.rsplit_once("node_modules/")?.1)
}

fn is_needed_by_project(fact: &Fact) -> bool {
    fact.key(0) == "packages" && in_modules(fact.key(1)).is_none()
}

fn npm_lock(fact: &Fact) -> Vec<&str> {
    match fact.key(0) {
        "packages" => match in_modules(fact.key(1)) {
            Some(name) => vec![name],
            None => needed(fact, 2),
        },
        // As npm had it before version 7: what a package needs is in its entry.
        "dependencies" => {
            let pairs = fact.place.chunks_exact(2);
            let nested = pairs.take_while(|pair| pair.first().is_some_and(|it| it == TABLES[0]));
            nested.last().and_then(|pair| pair.get(1)).map(String::as_str).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn pnpm_lock(fact: &Fact) -> Vec<&str> {
    match fact.key(0) {
        "importers" if TABLES.contains(&fact.key(2)) => vec![fact.key(3)],
        "packages" | "snapshots" => {
            let mut names: Vec<&str> = fact.key(1).split('(').map(|it| package(it).0).collect();
            if TABLES.contains(&fact.key(2)) {
                names.push(fact.key(3));
            }
            names
        }
        "specifiers" => vec![fact.key(1)],
        table if TABLES.contains(&table) => vec![fact.key(1)],
        _ => Vec::new(),
    }
}

fn pnpm_version(fact: &Fact) -> Option<&str> {
    let table = match fact.key(0) {
        "importers" => 2,
        "packages" | "snapshots" if !TABLES.contains(&fact.key(2)) => {
            return Some(package(fact.key(1)).1);
        }
        "packages" | "snapshots" => 2,
        _ => 0,
    };
    let is_entry = TABLES.contains(&fact.key(table)) || fact.key(table) == "specifiers";
    is_entry.then(|| lowest(fact.text().split('(').next().unwrap_or_default()))
}

fn cargo_lock(fact: &Fact) -> Vec<&str> {
    if fact.key(0) != "package" {
        return Vec::new();
    }
    let mut names = vec![fact.key(1)];
    if fact.key(2) == TABLES[0] {
        names.extend(fact.text().split(' ').next());
    }
    names
}

/// Name and version or range of `NAME@VERSION(…)`, and of pnpm's older `/NAME@VERSION` and
/// `/NAME/VERSION`.
fn package(text: &str) -> (&str, &str) {
    let text = text.split('(').next().unwrap_or(text).trim_end_matches(')');
    let is_older = text.starts_with('/');
    let text = text.strip_prefix('/').unwrap_or(text);
    let at = text.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1);
    let parts = match at {
        Some(at) => Some((text.get(..at).unwrap_or(text), text.get(at + 1..).unwrap_or_default())),
        None if is_older => text.rsplit_once('/'),
        None => None,
    };
    parts.unwrap_or((text, ""))
}

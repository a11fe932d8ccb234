//! Lists of packages that managers keep in a project, such as `package.json` and `Cargo.lock`. A
//! command that installs writes them anew: that is no surprise as long as nothing changed in them
//! but what is about packages that moved.

mod facts;
mod subject;
#[cfg(test)]
mod tests;

use crate::review::moves::Move;
use facts::{Fact, Facts};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Tables of a manifest of npm that say what is needed.
const TABLES: [&str; 4] =
    ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/// Bytes of a list.
const TEXT_MAX: usize = 64 << 20;

/// A format of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `package.json` of a project: what it needs, beside much else.
    NpmManifest,
    /// `package-lock.json`: <https://docs.npmjs.com/cli/configuring-npm/package-lock-json>.
    NpmLock,
    /// `yarn.lock`.
    YarnLock,
    /// `.yarn-integrity`.
    YarnIntegrity,
    /// `pnpm-lock.yaml`.
    PnpmLock,
    /// `.modules.yaml` of pnpm.
    PnpmModules,
    /// `go.mod`.
    GoMod,
    /// `go.sum`.
    GoSum,
    /// `Cargo.lock`.
    CargoLock,
}

/// What a lock says of the packages of one name that moved.
#[derive(Debug, Default)]
struct Moved<'a> {
    versions: BTreeSet<&'a str>,
    urls: BTreeSet<&'a str>,
}

/// The packages that moved.
#[derive(Debug)]
pub(super) struct Moves<'a> {
    /// By kind and name.
    found: BTreeMap<&'a str, BTreeMap<&'a str, Moved<'a>>>,
}

impl<'a> Moves<'a> {
    pub(super) fn of(moves: &'a [Move]) -> Self {
        let mut found: BTreeMap<&str, BTreeMap<&str, Moved<'_>>> = BTreeMap::new();
        for moved in moves {
            let of_kind = found.entry(&*moved.kind).or_default();
            let package = of_kind.entry(&*moved.name).or_default();
            package.versions.extend(moved.new.iter().map(|pin| &*pin.version));
            package.urls.extend(moved.new.iter().filter_map(|pin| pin.url.as_deref()));
        }
        Self { found }
    }

    fn get(&self, list: List, name: &str) -> Option<&Moved<'a>> {
        self.found.get(list.kind())?.get(name)
    }
}

impl List {
    /// The purl type of what is listed.
    fn kind(self) -> &'static str {
        match self {
            Self::GoMod | Self::GoSum => "golang",
            Self::CargoLock => "cargo",
            _ => "npm",
        }
    }

    fn facts(self, text: &[u8]) -> Result<Facts, String> {
        if text.len() > TEXT_MAX {
            return Err("it is too large to be compared".to_owned());
        }
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        let mut found = Facts::default();
        match self {
            Self::NpmManifest => manifest(&facts::json(text)?, &[], &mut found)?,
            Self::NpmLock => npm_lock(&facts::json(text)?, &mut found)?,
            Self::YarnIntegrity => found.add_all(&facts::json(text)?, &mut Vec::new())?,
            Self::YarnLock => facts::yarn(text, &mut found)?,
            Self::PnpmModules if text.trim_start().starts_with('{') => {
                found.add_all(&facts::json(text)?, &mut Vec::new())?;
            }
            Self::PnpmLock | Self::PnpmModules => facts::yaml(text, &mut found)?,
            Self::GoMod => facts::go_mod(text, &mut found)?,
            Self::GoSum => facts::go_sum(text, &mut found)?,
            Self::CargoLock => found.add_all(&facts::toml(text)?, &mut Vec::new())?,
        }
        Ok(found)
    }
}

/// The tables, entry by entry; all else as it stands, since the order of some of it counts.
fn manifest(value: &Value, above: &[&str], found: &mut Facts) -> Result<(), String> {
    let entries = value.as_object().ok_or("it is not an object")?;
    for (key, value) in entries {
        match value {
            Value::Object(table) if TABLES.contains(&&**key) => {
                for (name, range) in table {
                    found.add(&[above, &[&**key, &**name]].concat(), &range.to_string())?;
                }
            }
            value => found.add(&[above, &[&**key]].concat(), &value.to_string())?,
        }
    }
    Ok(())
}

/// The packages, folder by folder, some of which are projects with a manifest.
fn npm_lock(value: &Value, found: &mut Facts) -> Result<(), String> {
    let entries = value.as_object().ok_or("it is not an object")?;
    for (key, value) in entries {
        match value {
            Value::Object(packages) if key == "packages" => {
                for (folder, package) in packages {
                    if subject::in_modules(folder).is_some() {
                        let mut place = vec![key.clone(), folder.clone()];
                        found.add_all(package, &mut place)?;
                    } else {
                        manifest(package, &[&**key, &**folder], found)?;
                    }
                }
            }
            value => found.add_all(value, &mut vec![key.clone()])?,
        }
    }
    Ok(())
}

/// Whether nothing changed in a list but what is about packages that moved, and what is new says
/// what the lock says; else what is wrong, in words that follow "it". A list that is not there is an
/// empty one.
pub(super) fn compare(list: List, [old, new]: [&[u8]; 2], moves: &Moves<'_>) -> Result<(), String> {
    let (old, new) = (list.facts(old)?.found, list.facts(new)?.found);
    let of_moved = |fact: &Fact| {
        let names = subject::names(list, fact);
        if names.iter().any(|name| moves.get(list, name).is_some()) {
            return Ok(names);
        }
        Err(match names.first() {
            Some(name) => format!("it says another thing of {name}, which the lock does not move"),
            None => format!("`{}` changed, which is about no package that moved", shown(fact)),
        })
    };
    for fact in old.difference(&new) {
        if !is_free(list, fact, &new) {
            of_moved(fact)?;
        }
    }
    let known: BTreeSet<&str> = old.iter().flat_map(|fact| addresses(&fact.value)).collect();
    for fact in new.difference(&old) {
        if is_free(list, fact, &old) {
            continue;
        }
        let names = of_moved(fact)?;
        let moved: Vec<&Moved<'_>> = names.iter().filter_map(|it| moves.get(list, it)).collect();
        if let Some(version) = subject::version(list, fact)
            && !moved.iter().any(|it| it.versions.contains(version))
        {
            let name = names.first().map_or("", |name| &**name);
            return Err(format!("it has {name} in `{version}`, which the lock does not"));
        }
        for address in addresses(&fact.value) {
            let is_locked = moved.iter().any(|it| it.urls.contains(address));
            if !is_locked && !known.contains(address) {
                return Err(format!("it names `{address}`, which the lock does not"));
            }
        }
    }
    Ok(())
}

/// What may change though no package moved.
fn is_free(list: List, fact: &Fact, other: &BTreeSet<Fact>) -> bool {
    match list {
        // When it last removed what is no longer needed.
        List::PnpmModules => fact.key(0) == "prunedAt" && fact.place.len() == 1,
        // The hash of a module's own `go.mod`, which was looked at to choose versions.
        List::GoSum if fact.last().ends_with("/go.mod") => {
            !other.iter().any(|it| it.place == fact.place)
        }
        _ => false,
    }
}

/// The URLs in a text, without what follows `#`.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |byte: char| byte.is_whitespace() || "\"',{}()".contains(byte);
    let words = text.split(is_end).filter(|word| word.contains("://"));
    words.map(|word| word.split('#').next().unwrap_or(word))
}

fn shown(fact: &Fact) -> String {
    let keys = fact.place.iter().filter(|key| !key.is_empty()).map(String::as_str);
    let keys: Vec<&str> = keys.collect();
    let text = if keys.is_empty() { fact.value.clone() } else { keys.join(".") };
    text.chars().take(80).collect()
}

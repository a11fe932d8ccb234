//! Lockfiles in JSON and TOML.

use super::{Pin, by_integrity, by_sha256};
use crate::index::IndexError;
use serde_json::Value;

/// How deep packages of an old `package-lock.json` lie in each other.
const DEPTH_MAX: usize = 64;

fn json(text: &str) -> Result<Value, IndexError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|_| IndexError::new("lockfile", "it is not JSON"))
}

fn toml(text: &str) -> Result<Value, IndexError> {
    toml::from_str(text).map_err(|_| IndexError::new("lockfile", "it is not TOML"))
}

/// The text of a key; empty where there is none.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// <https://docs.npmjs.com/cli/configuring-npm/package-lock-json>
pub(super) fn npm(source: &str) -> Result<Vec<Pin>, IndexError> {
    let document = json(source)?;
    let mut pins = Vec::new();
    let packages = document.get("packages").and_then(Value::as_object).into_iter().flatten();
    for (path, package) in packages {
        let Some((_, folder)) = path.rsplit_once("node_modules/") else { continue };
        // Under another name than its own it says its own.
        let name = Some(text(package, "name")).filter(|name| !name.is_empty()).unwrap_or(folder);
        pins.extend(by_integrity(name, text(package, "version"), text(package, "integrity")));
    }
    nested(&document, &mut pins, 0);
    Ok(pins)
}

/// The first form of the file: packages inside of those that need them.
fn nested(value: &Value, pins: &mut Vec<Pin>, depth: usize) {
    let packages = value.get("dependencies").and_then(Value::as_object).into_iter().flatten();
    for (name, package) in packages.filter(|(_, package)| package.is_object()) {
        let version = text(package, "version");
        // `npm:NAME@VERSION` under another name.
        let alias = version.strip_prefix("npm:").and_then(|it| it.rsplit_once('@'));
        let (name, version) = alias.unwrap_or((name, version));
        pins.extend(by_integrity(name, version, text(package, "integrity")));
        if depth < DEPTH_MAX {
            nested(package, pins, depth + 1);
        }
    }
}

/// <https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html>
pub(super) fn cargo(source: &str) -> Result<Vec<Pin>, IndexError> {
    let document = toml(source)?;
    let pin = |package: &Value| {
        by_sha256(
            "cargo",
            text(package, "name"),
            text(package, "version"),
            text(package, "checksum"),
        )
    };
    Ok(list(&document, "package").filter_map(pin).collect())
}

/// `poetry.lock`, in both of its forms, and `uv.lock`.
pub(super) fn python(source: &str) -> Result<Vec<Pin>, IndexError> {
    let document = toml(source)?;
    let mut pins = Vec::new();
    for package in list(&document, "package") {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let old = document.get("metadata").and_then(|it| it.get("files"));
        let old = old.map(|files| list(files, name)).into_iter().flatten();
        let files = list(package, "files").chain(list(package, "wheels"));
        for file in files.chain(package.get("sdist")).chain(old) {
            pins.extend(by_sha256("pypi", name, version, text(file, "hash")));
        }
    }
    Ok(pins)
}

/// `Pipfile.lock`.
pub(super) fn pipfile(source: &str) -> Result<Vec<Pin>, IndexError> {
    let document = json(source)?;
    let mut pins = Vec::new();
    for group in ["default", "develop"] {
        let packages = document.get(group).and_then(Value::as_object).into_iter().flatten();
        for (name, package) in packages {
            let Some(version) = text(package, "version").strip_prefix("==") else { continue };
            let hashes = list(package, "hashes").filter_map(Value::as_str);
            pins.extend(hashes.filter_map(|hash| by_sha256("pypi", name, version, hash)));
        }
    }
    Ok(pins)
}

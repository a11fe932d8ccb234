//! `yarn.lock` of yarn 1, whose later form has hashes of archives that yarn itself makes, and
//! `pnpm-lock.yaml`. Both are read by their lines.

use super::{Pin, by_integrity};

/// The name in `NAME@RANGE`; in `ALIAS@npm:NAME@RANGE` it is the package's own.
fn name_of(specifier: &str) -> Option<&str> {
    let specifier = specifier.trim().trim_matches('"');
    let (name, range) = split(specifier)?;
    match range.strip_prefix("npm:") {
        Some(own) => Some(split(own).map_or(own, |(name, _)| name)),
        None => Some(name),
    }
}

/// Both sides of the `@` behind a name, which may start with one.
fn split(specifier: &str) -> Option<(&str, &str)> {
    let at = specifier.get(1..)?.find('@')? + 1;
    Some((specifier.get(..at)?, specifier.get(at + 1..)?))
}

/// <https://classic.yarnpkg.com/lang/en/docs/yarn-lock/>
pub(super) fn yarn(text: &str) -> Vec<Pin> {
    let mut pins = Vec::new();
    if text.lines().any(|line| line.starts_with("__metadata:")) {
        return pins;
    }
    let (mut name, mut version) = (None, "");
    for line in text.lines() {
        if !line.starts_with([' ', '#']) && line.ends_with(':') {
            let first = line.trim_end_matches(':').split(',').next().unwrap_or_default();
            (name, version) = (name_of(first), "");
        } else if let Some(value) = line.strip_prefix("  version ") {
            version = value.trim().trim_matches('"');
        } else if let (Some(name), Some(value)) = (name, line.strip_prefix("  integrity ")) {
            pins.extend(by_integrity(name, version, value.trim().trim_matches('"')));
        }
    }
    pins
}

/// <https://github.com/pnpm/spec/tree/master/lockfile>
pub(super) fn pnpm(text: &str) -> Vec<Pin> {
    let mut pins = Vec::new();
    let (mut is_packages, mut package) = (false, None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if indent == 0 {
            (is_packages, package) = (content == "packages:", None);
        } else if indent == 2 && is_packages {
            package = content.strip_suffix(':').and_then(key);
        }
        let integrity = content.find("integrity: ").and_then(|at| content.get(at + 11..));
        if let (Some((name, version)), Some(integrity)) = (package, integrity) {
            let end = integrity.find([',', '}', ' ']).unwrap_or(integrity.len());
            pins.extend(by_integrity(name, version, integrity.get(..end).unwrap_or_default()));
        }
    }
    pins
}

/// Name and version in a key: `/@types/node@20.1.0(peer@1)`, `@types/node@20.1.0`, `/@types/node/20.1.0_peer`.
fn key(key: &str) -> Option<(&str, &str)> {
    let key = key.trim_matches(['\'', '"']);
    let plain = key.strip_prefix('/').unwrap_or(key);
    let plain = plain.split('(').next().unwrap_or(plain);
    // A name has a slash where it starts with a scope; more than that, and what follows is the version.
    let slashes = usize::from(plain.starts_with('@'));
    let is_name = |name: &str| name.matches('/').count() == slashes;
    if let Some(found) = split(plain).filter(|(name, _)| is_name(name)) {
        return Some(found);
    }
    let (name, version) = plain.rsplit_once('/')?;
    Some((name, version.split('_').next().unwrap_or(version)))
}

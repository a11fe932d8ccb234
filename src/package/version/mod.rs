//! The order of versions, one package manager a file, where no crate has it right.

mod apk;
mod gem;
mod golang;
mod maven;
mod number;
mod rpm;

use std::cmp::Ordering;
use std::str::FromStr as _;

/// Bytes of a version, more than which none is compared: the longest in use have some 200, and
/// effort must stay small on hostile ones.
const LENGTH_MAX: usize = 1024;

/// How two versions of packages of a purl type (`deb`, `rpm`, `apk`, `pypi`, `npm`, `cargo`,
/// `golang`, `gem`, `maven`) stand to each other; none where the type is unknown, or one of the two
/// is not a version of its type.
///
/// | type | order |
/// | --- | --- |
/// | `deb` | <https://www.debian.org/doc/debian-policy/ch-controlfields.html#version> |
/// | `rpm` | <https://rpm-software-management.github.io/rpm/man/rpm-version.7>, `epoch:version-release` |
/// | `apk` | apk-package(5), <https://gitlab.alpinelinux.org/alpine/apk-tools> |
/// | `pypi` | <https://packaging.python.org/en/latest/specifications/version-specifiers/>; legacy versions have none |
/// | `npm`, `cargo` | <https://semver.org/#spec-item-11>; what is behind `+` does not count |
/// | `golang` | <https://go.dev/ref/mod#versions> |
/// | `gem` | `Gem::Version` of RubyGems |
/// | `maven` | <https://maven.apache.org/pom.html#version-order-specification> |
pub fn compare(kind: &str, left: &str, right: &str) -> Option<Ordering> {
    if left.len().max(right.len()) > LENGTH_MAX {
        return None;
    }
    match kind {
        "deb" => deb(left, right),
        "rpm" => rpm::compare(left, right),
        "apk" => apk::compare(left, right),
        "pypi" => pypi(left, right),
        "npm" => semver(npm(left), npm(right)),
        "cargo" => semver(left, right),
        "golang" => golang::compare(left, right),
        "gem" => gem::compare(left, right),
        "maven" => maven::compare(left, right),
        _ => None,
    }
}

fn deb(left: &str, right: &str) -> Option<Ordering> {
    let [left, right] = [left, right].map(|version| {
        // The crate trims; dpkg's database never has blanks.
        let bare = !version.contains(char::is_whitespace);
        bare.then(|| debversion::Version::from_str(version).ok()).flatten()
    });
    Some(left?.cmp(&right?))
}

fn pypi(left: &str, right: &str) -> Option<Ordering> {
    let [left, right] =
        [left, right].map(|version| pep440_rs::Version::from_str(version.trim()).ok());
    Some(left?.cmp(&right?))
}

/// npm takes a `v` in front.
fn npm(version: &str) -> &str {
    version.strip_prefix('v').unwrap_or(version)
}

fn semver(left: &str, right: &str) -> Option<Ordering> {
    let [left, right] = [left, right].map(|version| semver::Version::parse(version).ok());
    Some(left?.cmp_precedence(&right?))
}

#[cfg(test)]
mod tests;

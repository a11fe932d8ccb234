//! What a version of a package needs of others, as indexes of languages say it, and whether a locked
//! version is that: a package that moves may force another along.
//!
//! Only as far as a move is decided by it. What cannot be judged is left to the package manager, which
//! says what it misses.

use super::identity::normalized;
use crate::package::version;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr as _;

/// Needs of one version that are read.
const NEEDS_MAX: usize = 1 << 12;

/// A package that is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Its name.
    pub name: String,
    /// The versions that will do, in the words of its manager; a version for Go.
    pub requirement: String,
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.requirement)
    }
}

/// What the page of a package of npm, cargo or gem says that a version needs.
pub fn needs(kind: &str, page: &[u8], version: &str) -> Vec<Need> {
    let text = String::from_utf8_lossy(page);
    let mut needs = match kind {
        "npm" => npm(&text, version).unwrap_or_default(),
        "cargo" => cargo(&text, version).unwrap_or_default(),
        "gem" => gem(&text, version).unwrap_or_default(),
        _ => Vec::new(),
    };
    needs.truncate(NEEDS_MAX);
    needs
}

/// <https://docs.npmjs.com/cli/configuring-npm/package-json#dependencies>
fn npm(page: &str, version: &str) -> Option<Vec<Need>> {
    let page: Value = serde_json::from_str(page).ok()?;
    let of_version = page.get("versions")?.get(version)?;
    let need = |(name, range): (&String, &Value)| {
        Some(Need { name: name.clone(), requirement: range.as_str()?.to_owned() })
    };
    let lists = ["dependencies", "peerDependencies"].map(|list| of_version.get(list));
    let all = lists.into_iter().flatten().filter_map(Value::as_object).flatten();
    Some(all.filter_map(need).collect())
}

/// <https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema>
fn cargo(page: &str, version: &str) -> Option<Vec<Need>> {
    let entries = page.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_version = entries.into_iter().find(|it| it.get("vers") == Some(&version.into()))?;
    let need = |it: &Value| {
        let text = |key: &str| it.get(key).and_then(Value::as_str).map(str::to_owned);
        let is_built = it.get("kind").and_then(Value::as_str) != Some("dev");
        let name = text("package").or_else(|| text("name"))?;
        is_built.then_some(Need { name, requirement: text("req")? })
    };
    Some(of_version.get("deps")?.as_array()?.iter().filter_map(need).collect())
}

/// `VERSION NAME:>= 1&< 2,NAME:~> 3|checksum:…`.
fn gem(page: &str, version: &str) -> Option<Vec<Need>> {
    let line = page.lines().find(|line| line.split(' ').next() == Some(version))?;
    let (_, rest) = line.split_once(' ')?;
    let needs = rest.split('|').next()?.split(',').filter_map(|need| need.split_once(':'));
    let need = |(name, wanted): (&str, &str)| Need {
        name: name.trim().to_owned(),
        requirement: wanted.replace('&', ", "),
    };
    Some(needs.map(need).collect())
}

/// The `Requires-Dist` of a wheel's metadata, without what only its extras need:
/// <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>.
pub fn python_needs(metadata: &[u8]) -> Vec<Need> {
    let text = String::from_utf8_lossy(metadata);
    let headers = text.lines().take_while(|line| !line.trim_end().is_empty());
    let values = headers.filter_map(|line| line.strip_prefix("Requires-Dist:"));
    values.filter_map(python_need).take(NEEDS_MAX).collect()
}

fn python_need(value: &str) -> Option<Need> {
    let (wanted, marker) = value.split_once(';').unwrap_or((value, ""));
    // Where a package comes from a URL, no index has it.
    if marker.contains("extra") || wanted.contains('@') {
        return None;
    }
    let wanted = wanted.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = wanted.find(|c: char| !is_name(c)).unwrap_or(wanted.len());
    let (name, rest) = wanted.split_at_checked(end)?;
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']')?.1,
        None => rest,
    };
    let requirement = rest.trim().trim_start_matches('(').trim_end_matches(')').trim();
    Some(Need { name: normalized("pypi", name), requirement: requirement.to_owned() })
}

/// The `require` of a `go.mod`: <https://go.dev/ref/mod#go-mod-file-require>.
pub fn module_needs(manifest: &[u8]) -> Vec<Need> {
    let text = String::from_utf8_lossy(manifest);
    let mut needs = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        let words: Vec<&str> = line.split("//").next().unwrap_or("").split_whitespace().collect();
        let pair = match *words.as_slice() {
            ["require", "("] => {
                is_inside = true;
                continue;
            }
            [")"] => {
                is_inside = false;
                continue;
            }
            ["require", name, version] => (name, version),
            [name, version] if is_inside => (name, version),
            _ => continue,
        };
        if needs.len() < NEEDS_MAX {
            let plain = |word: &str| word.trim_matches(['"', '`']).to_owned();
            needs.push(Need { name: plain(pair.0), requirement: plain(pair.1) });
        }
    }
    needs
}

/// Whether a version is one that is needed; none where that cannot be judged.
pub fn is_met(kind: &str, requirement: &str, version: &str) -> Option<bool> {
    match kind {
        "pypi" => {
            let wanted = pep440_rs::VersionSpecifiers::from_str(requirement).ok()?;
            Some(wanted.contains(&pep440_rs::Version::from_str(version).ok()?))
        }
        "cargo" => {
            let wanted = semver::VersionReq::parse(requirement).ok()?;
            Some(wanted.matches(&semver::Version::parse(version).ok()?))
        }
        "npm" => {
            let version = semver::Version::parse(version).ok()?;
            let ranges = requirement.split("||").map(npm_range).collect::<Option<Vec<_>>>()?;
            Some(ranges.iter().any(|range| range.matches(&version)))
        }
        "gem" => {
            let all = requirement.split(',').map(|one| gem_is_met(one.trim(), version));
            all.collect::<Option<Vec<bool>>>().map(|all| all.into_iter().all(|met| met))
        }
        _ => None,
    }
}

/// One range of npm in the words of cargo: a bare version is that version alone, blanks are *and*,
/// `1.2 - 1.4` is from one to the other. <https://github.com/npm/node-semver#ranges>
fn npm_range(range: &str) -> Option<semver::VersionReq> {
    let range = range.trim();
    if let Some((from, to)) = range.split_once(" - ") {
        return semver::VersionReq::parse(&format!(">={}, <={}", from.trim(), to.trim())).ok();
    }
    let mut parts: Vec<String> = Vec::new();
    let mut operator = String::new();
    for word in range.split_whitespace() {
        if word.bytes().all(|byte| b"<>=~^".contains(&byte)) {
            word.clone_into(&mut operator);
            continue;
        }
        let start = word.find(|c: char| !"<>=~^".contains(c))?;
        let (own, version) = word.split_at_checked(start)?;
        let version = version.trim_start_matches('v').replace(['x', 'X'], "*");
        let sign = std::mem::take(&mut operator) + own;
        let is_whole = version.split('.').count() >= 3 && !version.contains('*');
        let sign = if sign.is_empty() && is_whole { "=" } else { &*sign };
        // `1.2` alone is `1.2.*`, of which cargo would make `^1.2`.
        let sign = if sign.is_empty() && !version.contains('*') { "=" } else { sign };
        parts.push(format!("{sign}{version}"));
    }
    let all = if parts.is_empty() { "*".to_owned() } else { parts.join(", ") };
    semver::VersionReq::parse(&all).ok()
}

/// `>= 1.0`, `~> 2.1`: <https://guides.rubygems.org/patterns/#pessimistic-version-constraint>.
fn gem_is_met(requirement: &str, version: &str) -> Option<bool> {
    let (operator, wanted) = requirement.split_once(' ').unwrap_or(("=", requirement));
    let order = version::compare("gem", version, wanted.trim())?;
    Some(match operator {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        "~>" => order.is_ge() && is_before(version, &pessimistic_end(wanted.trim())?)?,
        _ => return None,
    })
}

fn is_before(version: &str, end: &str) -> Option<bool> {
    Some(version::compare("gem", version, end)? == Ordering::Less)
}

/// `2.1.3` ends before `2.2`, `2.1` before `3`, `2` before `3`.
fn pessimistic_end(wanted: &str) -> Option<String> {
    let mut parts: Vec<u64> =
        wanted.split('.').map_while(|part| part.parse::<u64>().ok()).collect();
    if parts.len() > 1 {
        parts.pop();
    }
    let last = parts.last_mut()?;
    *last = last.checked_add(1)?;
    Some(parts.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(needs: &[Need]) -> Vec<String> {
        needs.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn pages_say_what_a_version_needs() {
        let npm = r#"{"versions":{"1.0.0":{},"1.1.0":{"dependencies":{"a":"^1.1.0","b":"x"}}}}"#;
        assert_eq!(shown(&needs("npm", npm.as_bytes(), "1.1.0")), ["a ^1.1.0", "b x"]);
        assert_eq!(needs("npm", npm.as_bytes(), "1.0.0"), []);
        let cargo = "{\"vers\":\"1.0.0\",\"deps\":[]}\n{\"vers\":\"1.1.0\",\"deps\":[{\"name\":\"b\",\
                     \"package\":\"a\",\"req\":\"^1.1\",\"kind\":\"normal\"},{\"name\":\"c\",\"req\":\
                     \"1\",\"kind\":\"dev\"}]}\n";
        assert_eq!(shown(&needs("cargo", cargo.as_bytes(), "1.1.0")), ["a ^1.1"]);
        let gem = "---\n1.0 |checksum:0\n1.1 a:>= 1.1&< 2,b:~> 3|checksum:0,ruby:>= 3\n";
        assert_eq!(shown(&needs("gem", gem.as_bytes(), "1.1")), ["a >= 1.1, < 2", "b ~> 3"]);
        assert_eq!(needs("gem", gem.as_bytes(), "1.0"), []);
        let python = "Name: x\nRequires-Dist: A_b[c]>=1.1,<2; python_version > \"3\"\n\
                      Requires-Dist: d (==1)\nRequires-Dist: e; extra == 'f'\nRequires-Dist: g\n\
                      Requires-Dist: h @ https://h.example/h.whl\n\nRequires-Dist: no\n";
        assert_eq!(shown(&python_needs(python.as_bytes())), ["a-b >=1.1,<2", "d ==1", "g "]);
        let go = "module x\n\nrequire a.test/a v1.1.0\nrequire (\n\tb.test/b v1.2.0 // indirect\n)\n\
                  replace c.test/c => ../c\n";
        assert_eq!(shown(&module_needs(go.as_bytes())), ["a.test/a v1.1.0", "b.test/b v1.2.0"]);
    }

    #[test]
    fn what_is_needed_is_judged_as_its_manager_does() {
        for (kind, requirement, version, expected) in [
            ("pypi", ">=1.1,<2", "1.1", Some(true)),
            ("pypi", ">=1.1,<2", "1.0", Some(false)),
            ("pypi", "~=1.4.2", "1.5.0", Some(false)),
            ("pypi", "", "1.0", Some(true)),
            ("pypi", "what", "1.0", None),
            ("cargo", "1.1", "1.2.0", Some(true)),
            ("cargo", "^1.1", "1.0.9", Some(false)),
            ("npm", "^1.1.0", "1.0.0", Some(false)),
            ("npm", "^1.1.0", "1.2.0", Some(true)),
            ("npm", "1.1.0", "1.2.0", Some(false)),
            ("npm", "1.1", "1.1.9", Some(true)),
            ("npm", "1.1", "1.2.0", Some(false)),
            ("npm", "1.x", "1.9.0", Some(true)),
            ("npm", "2.x || >= 3.1.0 <4", "3.0.0", Some(false)),
            ("npm", "2.x || >= 3.1.0 <4", "3.2.0", Some(true)),
            ("npm", "1.2.0 - 1.4.0", "1.4.1", Some(false)),
            ("npm", "~1.2.3", "1.2.9", Some(true)),
            ("npm", "*", "1.0.0", Some(true)),
            ("npm", "", "1.0.0", Some(true)),
            ("npm", "npm:other@^1", "1.0.0", None),
            ("npm", "https://x.example/y.tgz", "1.0.0", None),
            ("gem", ">= 1.1, < 2", "1.1", Some(true)),
            ("gem", ">= 1.1, < 2", "1.0", Some(false)),
            ("gem", "~> 2.1.3", "2.2.0", Some(false)),
            ("gem", "~> 2.1", "2.9", Some(true)),
            ("gem", "~> 2.1", "2.0", Some(false)),
            ("maven", "[1.0,2.0)", "1.0", None),
        ] {
            assert_eq!(
                is_met(kind, requirement, version),
                expected,
                "{kind} {requirement} {version}"
            );
        }
    }
}

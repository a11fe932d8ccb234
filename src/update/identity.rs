//! Which packages a lock has: those that it lists, and the files of package managers among what was
//! fetched, told by the form of their URLs.

use crate::lock::Lockfile;
use std::collections::{BTreeMap, BTreeSet};

/// A package in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The purl type: `deb`, `pypi`.
    pub kind: String,
    /// Name, as the manager's index has it.
    pub name: String,
    /// Architecture; empty where the manager has none.
    pub architecture: String,
    /// Version.
    pub version: String,
}

/// Every package of a lock, with the steps that brought it.
pub fn listed(lock: &Lockfile) -> BTreeMap<Identity, BTreeSet<String>> {
    let mut listed: BTreeMap<Identity, BTreeSet<String>> = BTreeMap::new();
    for package in &lock.packages {
        let identity = Identity {
            kind: package.kind.clone(),
            name: normalized(&package.kind, &package.name),
            architecture: package.architecture.clone(),
            version: package.version.clone(),
        };
        listed.entry(identity).or_default().insert(package.step.clone());
    }
    for fetch in &lock.fetches {
        let Some(identity) = file_identity(&fetch.url).filter(|_| fetch.status.is_none()) else {
            continue;
        };
        // Where the package database says the same, it says it better.
        let is_known = listed.keys().any(|known| {
            (&known.kind, &known.name, &known.version)
                == (&identity.kind, &identity.name, &identity.version)
        });
        if !is_known {
            listed.entry(identity).or_default().insert(fetch.step.clone());
        }
    }
    listed
}

/// The package that a URL names the file of; none where it has no form of a package manager.
pub fn file_identity(url: &str) -> Option<Identity> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let (folder, file) = path.rsplit_once('/')?;
    let found = pypi(file)
        .or_else(|| npm(folder, file))
        .or_else(|| cargo(folder, file))
        .or_else(|| go(folder, file))
        .or_else(|| gem(file))
        .or_else(|| apk(file))
        .or_else(|| rpm(file));
    let (kind, name, version, architecture) = found?;
    Some(Identity { kind: kind.to_owned(), name: normalized(kind, &name), architecture, version })
}

/// The spelling of a name that is compared: <https://peps.python.org/pep-0503/#normalized-names>.
pub(super) fn normalized(kind: &str, name: &str) -> String {
    if kind != "pypi" {
        return name.to_owned();
    }
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Kind, name, version, architecture.
type Parts = (&'static str, String, String, String);

fn parts(kind: &'static str, name: &str, version: &str) -> Option<Parts> {
    let is_version = version.starts_with(|start: char| start.is_ascii_digit() || start == 'v');
    (is_version && !name.is_empty())
        .then(|| (kind, name.to_owned(), version.to_owned(), String::new()))
}

/// `NAME-VERSION(-BUILD)-PYTHON-ABI-PLATFORM.whl`, `NAME-VERSION.tar.gz`:
/// <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>.
fn pypi(file: &str) -> Option<Parts> {
    if let Some(stem) = file.strip_suffix(".whl") {
        let mut parts_of = stem.split('-');
        return parts("pypi", parts_of.next()?, parts_of.next()?);
    }
    let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".zip"))?;
    let (name, version) = stem.rsplit_once('-')?;
    // Any other archive may be called so; a version of Python has no further words.
    let is_plain =
        version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+!".contains(&byte));
    if !is_plain || !version.contains('.') {
        return None;
    }
    parts("pypi", name, version)
}

/// `/NAME/-/FILE-VERSION.tgz`, `/@SCOPE/NAME/-/FILE-VERSION.tgz`.
fn npm(folder: &str, file: &str) -> Option<Parts> {
    let folder = folder.strip_suffix("/-")?.replace("%2F", "/").replace("%2f", "/");
    let (rest, name) = folder.rsplit_once('/')?;
    let scope = rest.rsplit('/').next().filter(|scope| scope.starts_with('@'));
    let version = file.strip_suffix(".tgz")?.strip_prefix(name)?.strip_prefix('-')?;
    let name = scope.map_or_else(|| name.to_owned(), |scope| format!("{scope}/{name}"));
    parts("npm", &name, version)
}

/// `NAME-VERSION.crate`, `/crates/NAME/VERSION/download`: a registry says where its files are.
fn cargo(folder: &str, file: &str) -> Option<Parts> {
    let mut folders = folder.rsplit('/');
    if file == "download" {
        let (version, name) = (folders.next()?, folders.next()?);
        return (folders.next() == Some("crates")).then(|| parts("cargo", name, version)).flatten();
    }
    let stem = file.strip_suffix(".crate")?;
    let is_version = |rest: &str| semver::Version::parse(rest).is_ok();
    let mut splits = stem.match_indices('-').filter_map(|(at, _)| stem.split_at_checked(at));
    let (name, rest) = splits.find(|(_, rest)| is_version(rest.trim_start_matches('-')))?;
    parts("cargo", name, rest.trim_start_matches('-'))
}

/// `/MODULE/@v/VERSION.zip`: <https://go.dev/ref/mod#goproxy-protocol>.
fn go(folder: &str, file: &str) -> Option<Parts> {
    let module = folder.strip_suffix("/@v")?;
    let version = file.strip_suffix(".zip")?;
    let (_, module) = module.split_once("://")?;
    let (_, module) = module.split_once('/')?;
    parts("golang", &unescaped(module), &unescaped(version))
}

/// Go's proxies write capitals as `!` and the small letter.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut is_capital = false;
    for character in text.chars() {
        if character == '!' {
            is_capital = true;
        } else if std::mem::take(&mut is_capital) {
            plain.push(character.to_ascii_uppercase());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// `NAME-VERSION(-PLATFORM).gem`.
fn gem(file: &str) -> Option<Parts> {
    let stem = file.strip_suffix(".gem")?;
    let at = stem.match_indices('-').find(|(at, _)| {
        stem.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let (name, rest) = stem.split_at_checked(at?.0)?;
    let rest = rest.strip_prefix('-')?;
    parts("gem", name, rest.split('-').next()?)
}

/// `NAME-VERSION-rREVISION.apk`.
fn apk(file: &str) -> Option<Parts> {
    let stem = file.strip_suffix(".apk")?;
    let (rest, revision) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    revision.strip_prefix('r')?;
    parts("apk", name, &format!("{version}-{revision}"))
}

/// `NAME-VERSION-RELEASE.ARCHITECTURE.rpm`.
fn rpm(file: &str) -> Option<Parts> {
    let (stem, architecture) = file.strip_suffix(".rpm")?.rsplit_once('.')?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let (kind, name, version, _) = parts("rpm", name, &format!("{version}-{release}"))?;
    Some((kind, name, version, architecture.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_package_managers_are_told_by_their_urls() {
        for (url, expected) in [
            ("https://f.example/x/Polite_Kit-1.0.2-py3-none-any.whl", "pypi polite-kit 1.0.2"),
            ("https://f.example/x/polite-kit-1.0.tar.gz", "pypi polite-kit 1.0"),
            ("https://n.example/left-pad/-/left-pad-1.3.0.tgz", "npm left-pad 1.3.0"),
            ("https://n.example/@a%2fb/-/b-1.3.0-rc.1.tgz", "npm @a/b 1.3.0-rc.1"),
            ("https://n.example/@a/b/-/b-1.3.0.tgz", "npm @a/b 1.3.0"),
            ("https://c.example/crates/serde/serde-1.0.1.crate", "cargo serde 1.0.1"),
            ("https://c.example/dl/wasm-2-1.0.1-rc.1.crate", "cargo wasm-2 1.0.1-rc.1"),
            ("https://c.example/api/v1/crates/serde/1.0.1/download", "cargo serde 1.0.1"),
            (
                "https://p.example/example.org/!mod/x/@v/v1.2.3.zip",
                "golang example.org/Mod/x v1.2.3",
            ),
            ("https://g.example/gems/rack-test-2.1.0.gem", "gem rack-test 2.1.0"),
            ("https://g.example/gems/ffi-1.16-x86_64-linux.gem", "gem ffi 1.16"),
            ("https://a.example/v3.20/main/x86_64/so-tool-1.2.3-r4.apk", "apk so-tool 1.2.3-r4"),
            ("https://r.example/p/foo-bar-1.2-3.el9.x86_64.rpm", "rpm foo-bar 1.2-3.el9 x86_64"),
        ] {
            let found = file_identity(url).unwrap_or_else(|| panic!("{url}"));
            let Identity { kind, name, architecture, version } = found;
            let shown = format!("{kind} {name} {version} {architecture}");
            assert_eq!(shown.trim_end(), expected, "{url}");
        }
        for url in [
            "https://x.example/tool-linux-amd64.tar.gz",
            "https://x.example/dists/stable/InRelease",
            "https://x.example/left-pad-1.3.0.tgz",
            "https://x.example/.whl",
            "x",
        ] {
            assert_eq!(file_identity(url), None, "{url}");
        }
    }
}

//! What an index page of a language's package manager says: which versions there are.

use crate::package::version;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A larger page is none, in bytes; the largest in use have some 100 MB.
const PAGE_SIZE_MAX: usize = 256 << 20;

/// What a page offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Released {
    /// Every version that was not withdrawn, in the order of the page.
    pub versions: Vec<String>,
    /// The latest that is no preview and was not withdrawn; what the index calls so, where it does.
    pub latest: Option<String>,
    /// What was withdrawn and is still there for those who name it (`yanked`):
    /// <https://peps.python.org/pep-0592/>.
    pub withdrawn: BTreeSet<String>,
    /// What its authors advise against (`deprecated` of npm). It is offered like any other.
    pub deprecated: BTreeSet<String>,
}

/// A page that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no index of {kind}: {reason}")]
pub struct PageError {
    /// The purl type.
    pub kind: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// Reads a page of a package of this purl type.
pub fn releases(kind: &'static str, name: &str, page: &[u8]) -> Result<Released, PageError> {
    let failed = |reason: &str| PageError { kind, reason: reason.to_owned() };
    if page.len() > PAGE_SIZE_MAX {
        return Err(failed("it is too large"));
    }
    let text = std::str::from_utf8(page).map_err(|_| failed("it is not UTF-8"))?;
    let json = || serde_json::from_str::<Value>(text).map_err(|error| failed(&error.to_string()));
    let released = match kind {
        "pypi" if text.trim_start().starts_with('{') => pypi_json(name, &json()?),
        "pypi" => Some(kept(kind, pypi_html(name, text))),
        "npm" => npm(&json()?),
        "cargo" => Some(kept(kind, cargo(text))),
        // `@latest`, of what has no list of versions.
        "golang" if text.trim_start().starts_with('{') => {
            let version = json()?.get("Version").and_then(Value::as_str).map(str::to_owned);
            version.map(|version| of(kind, vec![version]))
        }
        "golang" => Some(of(kind, text.lines().map(str::trim).map(str::to_owned).collect())),
        "gem" => Some(of(kind, gem(text))),
        _ => None,
    };
    released.filter(|released| !released.versions.is_empty()).ok_or_else(|| failed("no versions"))
}

fn of(kind: &str, mut versions: Vec<String>) -> Released {
    versions.retain(|version| !version.is_empty());
    versions.dedup();
    let latest = latest(kind, &versions);
    Released { versions, latest, ..Released::default() }
}

/// Versions, each with whether it was withdrawn. Of a version with several files it is one that is
/// offered where one file is.
fn kept(kind: &str, all: Vec<(String, bool)>) -> Released {
    let (withdrawn, versions): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, it)| *it);
    let released = of(kind, versions.into_iter().map(|(version, _)| version).collect());
    let withdrawn = withdrawn.into_iter().map(|(version, _)| version);
    let withdrawn = withdrawn.filter(|version| !released.versions.contains(version)).collect();
    Released { withdrawn, ..released }
}

/// The latest version that is no preview; where there are only previews, the latest of these.
pub(super) fn latest(kind: &str, versions: &[String]) -> Option<String> {
    let best = |versions: &mut dyn Iterator<Item = &String>| -> Option<String> {
        let mut best: Option<&String> = None;
        for version in versions {
            let is_later = best.is_none_or(|best| {
                version::compare(kind, version, best) == Some(Ordering::Greater)
            });
            if is_later {
                best = Some(version);
            }
        }
        best.cloned()
    };
    let finals = &mut versions.iter().filter(|version| !is_preview(kind, version));
    best(finals).or_else(|| best(&mut versions.iter()))
}

/// Whether a version is one that is published for trial.
pub(super) fn is_preview(kind: &str, version: &str) -> bool {
    match kind {
        // https://peps.python.org/pep-0440/#pre-releases; a post-release is none.
        "pypi" => {
            let version = version.to_ascii_lowercase();
            let version = version.split('+').next().unwrap_or_default().replace("post", "");
            version.bytes().any(|byte| byte.is_ascii_alphabetic())
        }
        "gem" => version.bytes().any(|byte| byte.is_ascii_alphabetic()),
        "golang" => version.contains('-') && !version.ends_with("+incompatible"),
        _ => version.split('+').next().unwrap_or_default().contains('-'),
    }
}

/// <https://packaging.python.org/en/latest/specifications/simple-repository-api/#json-serialization>
fn pypi_json(name: &str, page: &Value) -> Option<Released> {
    let files = page.get("files")?.as_array()?.iter();
    let version = |file: &Value| {
        let version = pypi_version(name, file.get("filename")?.as_str()?)?;
        Some((version, !matches!(file.get("yanked"), None | Some(Value::Bool(false)))))
    };
    Some(kept("pypi", files.filter_map(version).collect()))
}

fn pypi_html(name: &str, page: &str) -> Vec<(String, bool)> {
    let anchors = page.split("<a ").skip(1).filter_map(|anchor| anchor.split_once('>'));
    let version = |(attributes, rest): (&str, &str)| {
        let version = pypi_version(name, rest.split('<').next()?.trim())?;
        Some((version, attributes.contains("data-yanked")))
    };
    anchors.filter_map(version).collect()
}

/// The version in the name of a file, where it is one of this package.
pub(super) fn pypi_version(name: &str, file: &str) -> Option<String> {
    let found = super::file_identity(&format!("x:///{file}"))?;
    (found.kind == "pypi" && found.name == super::identity::normalized("pypi", name))
        .then_some(found.version)
}

/// <https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md>
fn npm(page: &Value) -> Option<Released> {
    let all = page.get("versions")?.as_object()?;
    let versions: Vec<String> = all.keys().cloned().collect();
    // A text that says why; an empty one takes it back.
    let is_deprecated = |entry: &Value| match entry.get("deprecated") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(words)) => !words.is_empty(),
        Some(_) => true,
    };
    let deprecated = all.iter().filter(|(_, entry)| is_deprecated(entry));
    let deprecated = deprecated.map(|(version, _)| version.clone()).collect();
    let tagged = page.get("dist-tags").and_then(|tags| tags.get("latest")?.as_str());
    let latest = tagged.map(str::to_owned).or_else(|| latest("npm", &versions));
    Some(Released { versions, latest, deprecated, ..Released::default() })
}

/// One line of JSON for each version.
fn cargo(page: &str) -> Vec<(String, bool)> {
    let entries = page.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let version = |entry: Value| {
        let version = entry.get("vers")?.as_str()?.to_owned();
        Some((version, entry.get("yanked") == Some(&Value::Bool(true))))
    };
    entries.filter_map(version).collect()
}

/// `---`, then one line for each version: <https://guides.rubygems.org/rubygems-org-compact-index-api/>.
fn gem(page: &str) -> Vec<String> {
    let lines = page.lines().skip_while(|line| *line != "---").skip(1);
    lines.filter_map(gem_version).map(str::to_owned).collect()
}

/// The version of a line, without its platform.
pub(super) fn gem_version(line: &str) -> Option<&str> {
    line.split_whitespace().next()?.split('-').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest_of(kind: &'static str, page: &str) -> Option<String> {
        releases(kind, "a", page.as_bytes()).unwrap().latest
    }

    #[test]
    fn the_latest_version_is_no_preview_and_not_withdrawn() {
        let files = r#"{"files":[{"filename":"a-1.0.tar.gz"},{"filename":"a-1.10-py3-none-any.whl"},
            {"filename":"a-1.9.tar.gz"},{"filename":"a-2.0rc1.tar.gz","yanked":false},
            {"filename":"a-3.0.tar.gz","yanked":"broken"},{"filename":"b-9.0.tar.gz"}]}"#;
        assert_eq!(latest_of("pypi", files).as_deref(), Some("1.10"));
        let html = "<a href=x>a-1.0.tar.gz</a><a href=x data-yanked=\"\">a-3.0.tar.gz</a>\
                    <a href=\"y\">a-1.2-py3-none-any.whl</a>";
        assert_eq!(latest_of("pypi", html).as_deref(), Some("1.2"));
        let npm = r#"{"dist-tags":{"latest":"1.2.0"},"versions":{"1.2.0":{},"2.0.0":{}}}"#;
        assert_eq!(latest_of("npm", npm).as_deref(), Some("1.2.0"));
        let cargo =
            "{\"vers\":\"1.0.0\"}\n{\"vers\":\"1.1.0\",\"yanked\":true}\n{\"vers\":\"2.0.0-a\"}\n";
        assert_eq!(latest_of("cargo", cargo).as_deref(), Some("1.0.0"));
        assert_eq!(
            latest_of("golang", "v1.2.0\nv1.10.0\nv2.0.0-rc1\n").as_deref(),
            Some("v1.10.0")
        );
        let latest = "{\"Version\":\"v0.0.0-20250101000000-0123456789ab\"}";
        assert_eq!(
            latest_of("golang", latest).as_deref(),
            Some("v0.0.0-20250101000000-0123456789ab")
        );
        assert_eq!(
            latest_of("gem", "---\n1.0 |x\n1.2-java |x\n2.0.pre |x\n").as_deref(),
            Some("1.2")
        );
    }

    #[test]
    fn what_was_withdrawn_or_is_deprecated_is_told() {
        let told = |kind, page: &str| {
            let Released { versions, withdrawn, deprecated, .. } =
                releases(kind, "a", page.as_bytes()).unwrap();
            let all = withdrawn.into_iter().chain(deprecated).collect::<Vec<_>>();
            format!("{} - {}", versions.join(" "), all.join(" "))
        };
        let files = r#"{"files":[{"filename":"a-1.0.tar.gz","yanked":true},
            {"filename":"a-1.1.tar.gz","yanked":"broken"},{"filename":"a-1.2.tar.gz","yanked":true},
            {"filename":"a-1.2-py3-none-any.whl","yanked":false}]}"#;
        assert_eq!(told("pypi", files), "1.2 - 1.0 1.1");
        let html = "<a href=x>a-1.0.tar.gz</a><a href=x data-yanked>a-1.1.tar.gz</a>";
        assert_eq!(told("pypi", html), "1.0 - 1.1");
        let npm = r#"{"versions":{"1.0.0":{"deprecated":"no"},"1.1.0":{"deprecated":""},
            "1.2.0":{"deprecated":false}}}"#;
        assert_eq!(told("npm", npm), "1.0.0 1.1.0 1.2.0 - 1.0.0");
        let cargo = "{\"vers\":\"1.0.0\"}\n{\"vers\":\"1.1.0\",\"yanked\":true}\n";
        assert_eq!(told("cargo", cargo), "1.0.0 - 1.1.0");
    }

    #[test]
    fn what_is_no_page_says_so() {
        for (kind, page) in [
            ("pypi", "<html>"),
            ("npm", "{}"),
            ("npm", "x"),
            ("cargo", "x"),
            ("gem", ""),
            ("rpm", "x"),
        ] {
            assert!(releases(kind, "a", page.as_bytes()).is_err(), "{kind} {page}");
        }
    }
}

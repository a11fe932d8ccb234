//! When the versions that an index page offers were published, by the word of the index.

use super::pages::PageError;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a page says of times, in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// By version; what the page says nothing of is missing.
    pub versions: BTreeMap<String, i64>,
    /// When the page was changed last: no version is younger.
    pub modified: Option<i64>,
}

impl Published {
    /// When a version was published: none where nothing says it. Where only the page has a time, the
    /// version is at least as old.
    pub fn of(&self, version: &str) -> Option<i64> {
        self.versions.get(version).copied().or(self.modified)
    }

    /// Whether the page says of a version itself when it was published.
    pub fn says(&self, version: &str) -> bool {
        self.versions.contains_key(version)
    }
}

/// Reads the times of a page.
///
/// | index | what says it |
/// | --- | --- |
/// | pip | [`upload-time`](https://peps.python.org/pep-0700/) of the files, in JSON |
/// | npm | `time` of the full document; `modified` of the abbreviated one |
/// | cargo | [`pubtime`](https://doc.rust-lang.org/cargo/reference/registry-index.html) |
/// | go | `Time` of `@latest` and `VERSION.info` |
/// | gem | nothing |
pub fn published(kind: &'static str, name: &str, page: &[u8]) -> Result<Published, PageError> {
    let failed = |reason: String| PageError { kind, reason };
    let text = std::str::from_utf8(page).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    let is_json = text.trim_start().starts_with('{');
    let json = || serde_json::from_str::<Value>(text).map_err(|error| failed(error.to_string()));
    Ok(match kind {
        "pypi" if is_json => pypi(name, &json()?),
        "npm" => npm(&json()?),
        "cargo" => cargo(text),
        "golang" if is_json => go(&json()?),
        _ => Published::default(),
    })
}

fn seconds(time: Option<&Value>) -> Option<i64> {
    let time: jiff::Timestamp = time?.as_str()?.parse().ok()?;
    Some(time.as_second())
}

/// A version is as old as the youngest of its files: one may be added later.
fn pypi(name: &str, page: &Value) -> Published {
    let mut found = Published::default();
    let mut unknown = Vec::new();
    for file in page.get("files").and_then(Value::as_array).into_iter().flatten() {
        let named = file.get("filename").and_then(Value::as_str);
        let Some(version) = named.and_then(|file| super::pages::pypi_version(name, file)) else {
            continue;
        };
        match seconds(file.get("upload-time")) {
            Some(at) => {
                let known = found.versions.entry(version).or_insert(at);
                *known = at.max(*known);
            }
            None => unknown.push(version),
        }
    }
    for version in unknown {
        found.versions.remove(&version);
    }
    found
}

/// `time` has two entries of the whole package, `created` and `modified`, beside those of versions.
fn npm(page: &Value) -> Published {
    let times = page.get("time").and_then(Value::as_object);
    let of_page = times.and_then(|times| times.get("modified")).or_else(|| page.get("modified"));
    let versions = times.into_iter().flatten().filter_map(|(version, time)| {
        let is_version = version.starts_with(|start: char| start.is_ascii_digit());
        is_version.then(|| Some((version.clone(), seconds(Some(time))?))).flatten()
    });
    Published { versions: versions.collect(), modified: seconds(of_page) }
}

fn cargo(page: &str) -> Published {
    let entries = page.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let versions = entries.filter_map(|entry| {
        let version = entry.get("vers")?.as_str()?.to_owned();
        Some((version, seconds(entry.get("pubtime"))?))
    });
    Published { versions: versions.collect(), modified: None }
}

/// <https://go.dev/ref/mod#goproxy-protocol>
fn go(page: &Value) -> Published {
    let version = page.get("Version").and_then(Value::as_str).map(str::to_owned);
    let pair = version.zip(seconds(page.get("Time")));
    Published { versions: pair.into_iter().collect(), modified: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &'static str, page: &str) -> Vec<(String, i64)> {
        let found = published(kind, "a", page.as_bytes()).unwrap();
        found.versions.into_iter().collect()
    }

    fn pairs(all: &[(&str, i64)]) -> Vec<(String, i64)> {
        all.iter().map(|(version, at)| ((*version).to_owned(), *at)).collect()
    }

    #[test]
    fn every_index_says_it_in_its_way() {
        let page = r#"{"files":[
            {"filename":"a-1.0.tar.gz","upload-time":"1970-01-01T00:00:10Z"},
            {"filename":"a-1.0-py3-none-any.whl","upload-time":"1970-01-01T00:00:20.5Z"},
            {"filename":"a-1.1.tar.gz"},
            {"filename":"a-1.2.tar.gz","upload-time":"1970-01-01T00:00:10Z"},
            {"filename":"a-1.2-py3-none-any.whl"},
            {"filename":"a-1.3.tar.gz","upload-time":"yesterday"},
            {"filename":"b-9.tar.gz","upload-time":"1970-01-01T00:00:10Z"}]}"#;
        assert_eq!(of("pypi", page), pairs(&[("1.0", 20)]), "a file may be added later");
        assert_eq!(of("pypi", "<a href=x>a-1.0.tar.gz</a>"), []);
        let full = r#"{"time":{"created":"1970-01-01T00:00:01Z","modified":"1970-01-01T00:00:30Z",
            "1.0.0":"1970-01-01T00:00:10.123Z","1.1.0":"1970-01-01T00:00:20Z","x":"y"}}"#;
        assert_eq!(of("npm", full), pairs(&[("1.0.0", 10), ("1.1.0", 20)]));
        let cargo =
            "{\"vers\":\"1.0.0\",\"pubtime\":\"1970-01-01T00:00:10Z\"}\n{\"vers\":\"1.1.0\"}\n";
        assert_eq!(of("cargo", cargo), pairs(&[("1.0.0", 10)]));
        let go = r#"{"Version":"v1.0.0","Time":"1970-01-01T00:00:10Z"}"#;
        assert_eq!(of("golang", go), pairs(&[("v1.0.0", 10)]));
        assert_eq!(of("golang", "v1.0.0\nv1.1.0\n"), []);
        assert_eq!(of("gem", "---\n1.0 |x\n"), []);
    }

    #[test]
    fn no_version_is_younger_than_its_page() {
        let short = r#"{"modified":"1970-01-01T00:00:30Z","versions":{"1.0.0":{}}}"#;
        let found = published("npm", "a", short.as_bytes()).unwrap();
        assert_eq!((found.of("1.0.0"), found.says("1.0.0")), (Some(30), false));
        assert_eq!(Published::default().of("1.0.0"), None);
        assert!(published("npm", "a", b"x").is_err());
        assert!(published("pypi", "a", b"\xff").is_err());
    }
}

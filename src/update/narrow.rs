//! Pages that show less than their index has: no version above the one that is wanted. A package
//! manager takes the newest that it sees, so this is how it takes another.
//!
//! What is left is as it was, but for what changes with every release of what is not shown: the same
//! page can be made again of what the index says later.

use super::pages::{PageError, is_preview, pypi_version};
use crate::package::version;
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What a page goes on to show.
struct View<'a> {
    kind: &'a str,
    shows: &'a dyn Fn(&str) -> bool,
}

/// The page without the versions that are not wanted and are above the lowest that is; none where it
/// shows none such, and is what it should be. Fails where it cannot be taken apart, or nothing would be
/// left of it.
pub fn narrow(
    kind: &'static str,
    name: &str,
    page: &[u8],
    wanted: &BTreeSet<String>,
) -> Result<Option<Vec<u8>>, PageError> {
    let lowest = lowest(kind, wanted)
        .ok_or_else(|| PageError { kind, reason: "the versions have no order".to_owned() })?;
    let shows = |version: &str| {
        let order = |other: &str| version::compare(kind, version, other);
        wanted.iter().any(|wanted| order(wanted) == Some(Ordering::Equal))
            || order(lowest) == Some(Ordering::Less)
    };
    offer_fewer(kind, name, page, &shows)
}

/// None where they cannot be compared.
fn lowest<'a>(kind: &str, versions: &'a BTreeSet<String>) -> Option<&'a str> {
    let mut lowest = versions.first()?;
    for version in versions {
        if version::compare(kind, version, lowest)? == Ordering::Less {
            lowest = version;
        }
    }
    // A single one must be a version, too.
    version::compare(kind, lowest, lowest)?;
    Some(lowest)
}

/// The page with these versions only; none where it shows no other. Fails as [`narrow`] does.
pub fn offer_fewer(
    kind: &'static str,
    name: &str,
    page: &[u8],
    shows: &dyn Fn(&str) -> bool,
) -> Result<Option<Vec<u8>>, PageError> {
    let failed = |reason: &str| PageError { kind, reason: reason.to_owned() };
    let view = View { kind, shows };
    let text = std::str::from_utf8(page).map_err(|_| failed("it is not UTF-8"))?;
    let json = || serde_json::from_str::<Value>(text).map_err(|error| failed(&error.to_string()));
    let is_json = text.trim_start().starts_with('{');
    let narrowed = match kind {
        "pypi" if is_json => shortened(json()?, |page| view.pypi_json(name, page)),
        "pypi" => view.pypi_html(name, text),
        "npm" => shortened(json()?, |page| view.npm(page)),
        "cargo" => view.lines(text, |line| {
            let entry = serde_json::from_str::<Value>(line).ok()?;
            Some(entry.get("vers")?.as_str()?.to_owned())
        }),
        // Of what has no list of versions, the one that is latest.
        "golang" if is_json => {
            let version = json()?.get("Version").and_then(Value::as_str).map(str::to_owned);
            let is_shown = version.is_some_and(|version| view.shows(&version));
            return if is_shown { Ok(None) } else { Err(failed("it shows one version only")) };
        }
        "golang" => view.lines(text, |line| Some(line.trim().to_owned())),
        "gem" => view.lines(text, |line| {
            let version = line.split(' ').next()?.split('-').next()?;
            // Before the versions stand a date and a line of dashes.
            version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
        }),
        _ => return Err(failed("pages of this kind are not narrowed")),
    };
    match narrowed {
        Narrowed::Same => Ok(None),
        Narrowed::Nothing => Err(failed("nothing would be left of it")),
        Narrowed::To(page) => Ok(Some(page.into_bytes())),
    }
}

enum Narrowed {
    /// It shows nothing that it should not.
    Same,
    /// It would show nothing.
    Nothing,
    To(String),
}

/// Versions that are left, and how many are not.
#[derive(Default)]
struct Counted {
    left: usize,
    hidden: usize,
}

impl Counted {
    fn narrowed(&self, page: impl FnOnce() -> String) -> Narrowed {
        match self {
            Self { hidden: 0, .. } => Narrowed::Same,
            Self { left: 0, .. } => Narrowed::Nothing,
            Self { .. } => Narrowed::To(page()),
        }
    }
}

fn shortened(mut page: Value, shorten: impl FnOnce(&mut Value) -> Option<Counted>) -> Narrowed {
    match shorten(&mut page) {
        Some(counted) => counted.narrowed(|| page.to_string()),
        None => Narrowed::Nothing,
    }
}

impl View<'_> {
    fn shows(&self, version: &str) -> bool {
        (self.shows)(version)
    }

    /// Pages with a line for each version; what `version` knows none of stays.
    fn lines(&self, page: &str, version: impl Fn(&str) -> Option<String>) -> Narrowed {
        let mut counted = Counted::default();
        let mut kept = String::new();
        for line in page.split_inclusive('\n') {
            let version = version(line.trim_end()).filter(|version| !version.is_empty());
            match version.map(|version| self.shows(&version)) {
                Some(false) => {
                    counted.hidden += 1;
                    continue;
                }
                Some(true) => counted.left += 1,
                None => {}
            }
            kept.push_str(line);
        }
        counted.narrowed(|| kept)
    }

    /// Files that are of no version that is known are not shown: no installer takes them.
    fn pypi_json(&self, name: &str, page: &mut Value) -> Option<Counted> {
        let mut counted = Counted::default();
        page.get_mut("files")?.as_array_mut()?.retain(|file| {
            let file = file.get("filename").and_then(Value::as_str).unwrap_or_default();
            let is_shown = pypi_version(name, file).is_some_and(|version| self.shows(&version));
            counted.count(is_shown)
        });
        if let Some(versions) = page.get_mut("versions").and_then(Value::as_array_mut) {
            versions.retain(|version| version.as_str().is_some_and(|version| self.shows(version)));
        }
        // A number that grows with every release.
        if let Some(meta) = page.get_mut("meta").and_then(Value::as_object_mut) {
            meta.shift_remove("_last-serial");
        }
        Some(counted)
    }

    fn pypi_html(&self, name: &str, page: &str) -> Narrowed {
        let mut counted = Counted::default();
        let mut parts = page.split("<a ");
        let mut kept = without_serial(parts.next().unwrap_or_default());
        for part in parts {
            let (anchor, behind) = part.split_once("</a>").unwrap_or((part, ""));
            let file = anchor.split_once('>').map_or("", |(_, file)| file.trim());
            let version = pypi_version(name, file.split('<').next().unwrap_or_default());
            if counted.count(version.is_some_and(|version| self.shows(&version))) {
                kept.push_str("<a ");
                kept.push_str(anchor);
                kept.push_str("</a>");
                kept.push_str(&without_serial(behind));
            } else if behind.contains("</") {
                // The end of the page stands behind the last anchor.
                kept.push_str(&without_serial(behind));
            }
        }
        counted.narrowed(|| kept)
    }

    fn npm(&self, page: &mut Value) -> Option<Counted> {
        let mut counted = Counted::default();
        let versions = page.get_mut("versions")?.as_object_mut()?;
        versions.retain(|version, _| counted.count(self.shows(version)));
        let left: Vec<String> = versions.keys().cloned().collect();
        if let Some(tags) = page.get_mut("dist-tags").and_then(Value::as_object_mut) {
            self.npm_tags(tags, &left);
        }
        if let Some(times) = page.get_mut("time").and_then(Value::as_object_mut) {
            times.retain(|version, _| version == "created" || self.shows(version));
        }
        // What changes with every release.
        let page = page.as_object_mut()?;
        for key in ["_rev", "modified"] {
            page.shift_remove(key);
        }
        Some(counted)
    }

    /// A tag of what is not shown is that of the version below it.
    fn npm_tags(&self, tags: &mut Map<String, Value>, left: &[String]) {
        tags.retain(|_, tagged| {
            let Some(of) = tagged.as_str().map(str::to_owned) else { return false };
            if self.shows(&of) {
                return true;
            }
            let is_trial = is_preview(self.kind, &of);
            let mut best: Option<&String> = None;
            for version in left.iter().filter(|it| is_trial || !is_preview(self.kind, it)) {
                let is_above = |other: &str| {
                    version::compare(self.kind, version, other) == Some(Ordering::Greater)
                };
                if !is_above(&of) && best.is_none_or(|best| is_above(best)) {
                    best = Some(version);
                }
            }
            match best {
                Some(best) => *tagged = Value::from(best.as_str()),
                None => return false,
            }
            true
        });
    }
}

impl Counted {
    fn count(&mut self, is_shown: bool) -> bool {
        let counter = if is_shown { &mut self.left } else { &mut self.hidden };
        *counter += 1;
        is_shown
    }
}

/// `<!--SERIAL 123-->` grows with every release.
fn without_serial(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<!--SERIAL") else { return text.to_owned() };
    let (_, behind) = rest.split_once("-->").unwrap_or_default();
    format!("{before}{behind}")
}

#[cfg(test)]
mod tests {
    use super::super::pages::releases;
    use super::*;

    fn narrowed(kind: &'static str, page: &str, wanted: &[&str]) -> Option<String> {
        let wanted = wanted.iter().map(|version| (*version).to_owned()).collect();
        let page = narrow(kind, "a", page.as_bytes(), &wanted).unwrap()?;
        Some(String::from_utf8(page).unwrap())
    }

    /// What a page of these versions shows once it is narrowed.
    fn shown(kind: &'static str, page: &str, wanted: &[&str]) -> String {
        let page = narrowed(kind, page, wanted).unwrap_or_else(|| page.to_owned());
        releases(kind, "a", page.as_bytes()).unwrap().versions.join(" ")
    }

    const FILES: &str = r#"{"meta":{"api-version":"1.1","_last-serial":9},"name":"a","files":[
        {"filename":"a-1.0.tar.gz"},{"filename":"a-1.0.1-py3-none-any.whl","yanked":true},
        {"filename":"a-1.1.tar.gz"},{"filename":"a-2.0-py3-none-any.whl"}],
        "versions":["1.0","1.0.1","1.1","2.0"]}"#;
    const HTML: &str = "<html><body><a href=\"x\">a-1.0.tar.gz</a><br>\n<a href=\"y\">a-1.1.tar.gz\
                        </a><br>\n<a href=\"z\">a-2.0.tar.gz</a></body></html>\n<!--SERIAL 9-->";
    const NPM: &str = r#"{"_rev":"7-x","name":"a","dist-tags":{"latest":"2.0.0","next":"3.0.0-b",
        "old":"1.0.0","beta":"1.1.0-b"},"versions":{"1.0.0":{},"1.1.0-a":{},"1.1.0":{},"2.0.0":{},
        "3.0.0-b":{}},"time":{"created":"1","modified":"2","1.0.0":"3","2.0.0":"4"},"modified":"2"}"#;
    const CARGO: &str = "{\"vers\":\"1.0.0\"}\n{\"vers\":\"1.1.0\"}\n{\"vers\":\"2.0.0\"}\n";
    const GEM: &str = "---\n1.0 |x\n1.1-java |x\n1.1 |x\n2.0 |x\n";

    #[test]
    fn nothing_above_what_is_wanted_is_shown() {
        for (kind, page, wanted, expected) in [
            ("pypi", FILES, &["1.1"][..], "1.0 1.1"),
            ("pypi", FILES, &["1.0"], "1.0"),
            ("pypi", FILES, &["1.0", "2.0"], "1.0 2.0"),
            ("pypi", FILES, &["1.1.0"], "1.0 1.1"),
            ("pypi", HTML, &["1.1"], "1.0 1.1"),
            ("npm", NPM, &["1.1.0"], "1.0.0 1.1.0-a 1.1.0"),
            ("cargo", CARGO, &["1.1.0"], "1.0.0 1.1.0"),
            ("golang", "v1.0.0\nv1.1.0\nv2.0.0\n", &["v1.1.0"], "v1.0.0 v1.1.0"),
            ("gem", GEM, &["1.1"], "1.0 1.1"),
            ("gem", GEM, &["1.0", "2.0"], "1.0 2.0"),
        ] {
            assert_eq!(shown(kind, page, wanted), expected, "{kind} {wanted:?}");
        }
    }

    #[test]
    fn what_shows_nothing_else_is_left_as_it_is() {
        for (kind, page, wanted) in [
            ("pypi", FILES, "2.0"),
            ("pypi", HTML, "2.0"),
            ("npm", NPM, "3.0.0-b"),
            ("cargo", CARGO, "2.0.0"),
            ("gem", GEM, "2.0"),
            ("golang", "{\"Version\":\"v1.0.0\"}", "v1.0.0"),
        ] {
            assert_eq!(narrowed(kind, page, &[wanted]), None, "{kind}");
        }
    }

    #[test]
    fn tags_of_what_is_not_shown_are_of_the_version_below() {
        let page: Value = serde_json::from_str(&narrowed("npm", NPM, &["1.1.0"]).unwrap()).unwrap();
        let tags = r#"{"latest":"1.1.0","next":"1.1.0","old":"1.0.0","beta":"1.1.0-b"}"#;
        assert_eq!(page["dist-tags"].to_string(), tags);
        assert_eq!(page["time"].to_string(), r#"{"created":"1","1.0.0":"3"}"#);
    }

    /// What an index says of later releases leaves no trace: the page can be had again.
    #[test]
    fn a_page_is_the_same_after_further_releases() {
        let later = NPM
            .replace("\"2.0.0\":{}", "\"2.0.0\":{},\"2.1.0\":{}")
            .replace("7-x", "8-x")
            .replace("latest\":\"2.0.0", "latest\":\"2.1.0")
            .replace("\"modified\":\"2\"", "\"modified\":\"5\"");
        assert_ne!(later, NPM);
        assert_eq!(narrowed("npm", &later, &["1.1.0"]), narrowed("npm", NPM, &["1.1.0"]));
        let later = FILES
            .replace("serial\":9", "serial\":10")
            .replace("\"versions\":[", "\"versions\":[\"3.0\",")
            .replace("\"files\":[", "\"files\":[{\"filename\":\"a-3.0.tar.gz\"},");
        assert_eq!(narrowed("pypi", &later, &["1.1"]), narrowed("pypi", FILES, &["1.1"]));
        let later = HTML.replace("SERIAL 9", "SERIAL 10");
        let later =
            later.replace("a-2.0.tar.gz</a>", "a-2.0.tar.gz</a><br>\n<a href=\"w\">a-3.0.zip</a>");
        assert_eq!(narrowed("pypi", &later, &["1.1"]), narrowed("pypi", HTML, &["1.1"]));
        assert!(narrowed("pypi", HTML, &["1.1"]).unwrap().contains("</body></html>"));
    }

    #[test]
    fn any_version_can_be_left_out() {
        let left = |kind: &'static str, page: &str, unwanted: &str| {
            let fewer = offer_fewer(kind, "a", page.as_bytes(), &|it| it != unwanted).unwrap();
            let fewer = fewer.expect("it is shown");
            releases(kind, "a", &fewer).unwrap().versions.join(" ")
        };
        assert_eq!(left("pypi", FILES, "1.1"), "1.0 2.0");
        assert_eq!(left("pypi", HTML, "1.0"), "1.1 2.0");
        assert_eq!(left("npm", NPM, "2.0.0"), "1.0.0 1.1.0-a 1.1.0 3.0.0-b");
        assert_eq!(left("cargo", CARGO, "1.1.0"), "1.0.0 2.0.0");
        assert_eq!(left("golang", "v1.0.0\nv1.1.0\n", "v1.1.0"), "v1.0.0");
        assert_eq!(left("gem", GEM, "1.1"), "1.0 2.0");
    }

    #[test]
    fn what_cannot_be_narrowed_says_so() {
        for (kind, page, wanted) in [
            ("pypi", FILES, "what"),
            ("pypi", "{}", "1.0"),
            ("pypi", FILES, "0.1"),
            ("npm", "x", "1.0.0"),
            ("npm", "{\"versions\":[]}", "1.0.0"),
            ("golang", "{\"Version\":\"v1.0.0\"}", "v0.9.0"),
            ("maven", "<metadata/>", "1.0"),
        ] {
            let wanted = BTreeSet::from([wanted.to_owned()]);
            assert!(narrow(kind, "a", page.as_bytes(), &wanted).is_err(), "{kind} {page}");
        }
        assert!(narrow("npm", "a", NPM.as_bytes(), &BTreeSet::new()).is_err());
    }
}

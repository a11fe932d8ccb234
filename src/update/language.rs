//! The index pages of managers that have one for each package: which of a lock's answers is whose.

use super::identity::{normalized, unescaped};
use crate::lock::{LockedFetch, Lockfile};

/// Its pages say of versions only where a POM leaves one open, and have no name that a package has.
pub const MAVEN: &str = "maven";

/// One page of an index, as a lock has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguagePage {
    /// The purl type: `pypi`, `npm`, `cargo`, `golang`, `gem`, `maven`.
    pub kind: &'static str,
    /// The package; empty for what is about all packages and moves with any.
    pub name: String,
    /// The answer.
    pub fetch: LockedFetch,
}

/// All pages of a lock. An answer that several steps got is there once.
pub fn language_pages(lock: &Lockfile) -> Vec<LanguagePage> {
    let mut pages: Vec<LanguagePage> = Vec::new();
    for fetch in &lock.fetches {
        let is_known = pages.iter().any(|page| page.fetch.question() == fetch.question());
        if let Some((kind, name)) = page_of(fetch).filter(|_| !is_known) {
            pages.push(LanguagePage { kind, name, fetch: fetch.clone() });
        }
    }
    pages
}

fn page_of(fetch: &LockedFetch) -> Option<(&'static str, String)> {
    // npm asks for itself too, which a registry need not have: what was not found is no page.
    if fetch.method.is_some() || fetch.status.is_some() {
        return None;
    }
    let url = fetch.url.split(['?', '#']).next().unwrap_or_default();
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let variant = fetch.variant.as_deref();
    pypi(path, variant)
        .or_else(|| go(path))
        .or_else(|| maven(path))
        .or_else(|| gem(path))
        .or_else(|| cargo(path))
        .or_else(|| npm(path, variant))
}

/// `…/simple/NAME/`: <https://packaging.python.org/en/latest/specifications/simple-repository-api/>.
fn pypi(path: &str, variant: Option<&str>) -> Option<(&'static str, String)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (folder, name) = path.rsplit_once('/')?;
    let is_simple = folder == "simple" || folder.ends_with("/simple");
    (is_simple || variant == Some("pypi-json")).then(|| ("pypi", normalized("pypi", name)))
}

/// `MODULE/@v/list`, `MODULE/@latest`: <https://go.dev/ref/mod#goproxy-protocol>.
fn go(path: &str) -> Option<(&'static str, String)> {
    let module = path.strip_suffix("/@v/list").or_else(|| path.strip_suffix("/@latest"))?;
    Some(("golang", unescaped(module)))
}

/// `GROUP/ARTIFACT/maven-metadata.xml`; the group's dots are slashes, and what stands before it in the
/// path of a repository cannot be told from it.
fn maven(path: &str) -> Option<(&'static str, String)> {
    let folder = path.strip_suffix("/maven-metadata.xml")?;
    Some((MAVEN, folder.rsplit('/').next()?.to_owned()))
}

/// `info/NAME`, and what is about all gems.
fn gem(path: &str) -> Option<(&'static str, String)> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let is_info = folder == "info" || folder.ends_with("/info");
    let of_all = ["versions", "specs.4.8.gz", "latest_specs.4.8.gz", "prerelease_specs.4.8.gz"];
    if is_info {
        Some(("gem", file.to_owned()))
    } else {
        of_all.contains(&file).then(|| ("gem", String::new()))
    }
}

/// `ab/cd/abcd…` of a sparse index: <https://doc.rust-lang.org/cargo/reference/registry-index.html>.
fn cargo(path: &str) -> Option<(&'static str, String)> {
    let mut parts = path.rsplit('/');
    let (name, second) = (parts.next()?, parts.next()?);
    let start = |from: usize, to: usize| name.get(from..to).unwrap_or_default();
    let fits = match name.len() {
        0 => false,
        1 => second == "1",
        2 => second == "2",
        3 => second == start(0, 1) && parts.next() == Some("3"),
        _ => second == start(2, 4) && parts.next() == Some(start(0, 2)),
    };
    fits.then(|| ("cargo", name.to_owned()))
}

/// `NAME`, `@SCOPE%2FNAME`; asked for in npm's own form, or as JSON.
fn npm(path: &str, variant: Option<&str>) -> Option<(&'static str, String)> {
    if !matches!(variant, Some("npm-install" | "json")) {
        return None;
    }
    let path = path.replace("%2F", "/").replace("%2f", "/").replace("%40", "@");
    let mut parts = path.rsplit('/');
    let (name, scope) = (parts.next()?, parts.next().filter(|scope| scope.starts_with('@')));
    let is_name = !name.is_empty() && !path.contains("/-/");
    let name = scope.map_or_else(|| name.to_owned(), |scope| format!("{scope}/{name}"));
    is_name.then_some(("npm", name))
}

impl LanguagePage {
    /// Whether it is the page of this package.
    pub fn is_of(&self, kind: &str, name: &str) -> bool {
        !self.name.is_empty() && (self.kind, &*self.name) == (kind, name)
    }

    /// Whether a user's word names the package.
    pub fn is_named(&self, word: &str) -> bool {
        if let (MAVEN, Some((group, artifact))) = (self.kind, word.split_once(':')) {
            let folder = format!("/{}/{artifact}/", group.replace('.', "/"));
            return self.fetch.url.contains(&folder);
        }
        !self.name.is_empty() && self.name == normalized(self.kind, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    #[test]
    fn pages_are_told_by_their_urls() {
        let page = |url: &str, variant: Option<&str>| {
            let digest = Digest::of(b"");
            let mut fetch = LockedFetch::new(url.to_owned(), digest, 0, "1".to_owned());
            fetch.variant = variant.map(str::to_owned);
            page_of(&fetch).map(|(kind, name)| format!("{kind} {name}"))
        };
        for (url, variant, expected) in [
            ("https://p.example/simple/Polite_Kit/", Some("pypi-json"), "pypi polite-kit"),
            ("https://p.example/root/pypi/+simple/polite/", Some("pypi-json"), "pypi polite"),
            ("https://p.example/x/simple/polite", None, "pypi polite"),
            ("https://n.example/left-pad", Some("npm-install"), "npm left-pad"),
            ("https://n.example/@a%2Fb", Some("npm-install"), "npm @a/b"),
            ("https://c.example/se/rd/serde", None, "cargo serde"),
            ("https://c.example/index/3/s/syn", None, "cargo syn"),
            ("https://g.example/example.org/!mod/@v/list", None, "golang example.org/Mod"),
            ("https://g.example/info/rack", None, "gem rack"),
            ("https://g.example/versions", None, "gem "),
            ("https://m.example/org/x/lib/maven-metadata.xml", None, "maven lib"),
        ] {
            assert_eq!(page(url, variant).as_deref(), Some(expected), "{url}");
        }
        for url in ["https://x.example/tool", "https://x.example/", "https://x.example/a/b/c"] {
            assert_eq!(page(url, None), None, "{url}");
        }
        let url = "https://n.example/npm".to_owned();
        let mut fetch = LockedFetch::new(url, Digest::of(b""), 0, "1".to_owned());
        fetch.variant = Some("npm-install".to_owned());
        assert!(page_of(&fetch).is_some());
        fetch.status = Some(404);
        assert_eq!(page_of(&fetch), None);
    }
}

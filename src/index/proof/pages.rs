//! Pages of PyPI and documents of npm's registry in a lock: metadata that nobody signs, but that has
//! to agree with what the lock has of the files.

use super::answers::Answers;
use super::apt::body;
use super::{Evidence, Item, Subject, Verdict};
use crate::index::{npm, pypi};
use crate::lock::LockedPackage;
use crate::oci::Digest;
use crate::package::version;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What a page says of a file.
#[derive(Debug)]
enum Said {
    Sha256(Option<Digest>),
    Npm(npm::Tarball),
}

/// What all pages of a lock say, by the URL of the file.
#[derive(Debug, Default)]
struct Pages {
    /// With the URL of the page.
    files: BTreeMap<String, (Said, String)>,
}

/// Judges pages, and the files that they link to.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    answers: &Answers<'_>,
    judged: &mut BTreeMap<Subject, Verdict>,
) {
    let mut pages = Pages::default();
    for (index, fetch) in evidence.lock.fetches.iter().enumerate() {
        let subject = Subject::Fetch(index);
        if judged.contains_key(&subject) || !super::answers::is_content(fetch) {
            continue;
        }
        let media_type = fetch.media_type.as_deref().unwrap_or_default();
        let plain = media_type.split(';').next().unwrap_or_default().trim();
        let is_python = plain.starts_with("application/vnd.pypi.simple")
            || (plain == "text/html" && fetch.url.ends_with('/'));
        let is_node = ["application/json", "application/vnd.npm.install-v1+json"].contains(&plain);
        if !is_python && !is_node {
            continue;
        }
        let Ok(text) = body(&fetch.sha256, evidence) else {
            let reason = "it looks like an index page, and is not in the Store";
            judged.insert(subject, Verdict::undetermined(reason));
            continue;
        };
        let found =
            if is_python { pages.python(&fetch.url, &text) } else { pages.node(&fetch.url, &text) };
        if found {
            let by = "an index page, which nobody signs".to_owned();
            judged.insert(subject, Verdict::Unsigned { by });
        }
    }
    for (subject, item) in evidence.subjects() {
        if let Some(verdict) = pages.verdict(&item, answers, evidence) {
            judged.entry(subject).or_insert(verdict);
        }
    }
}

impl Pages {
    /// Takes the links of a page; whether it is one.
    fn python(&mut self, url: &str, text: &[u8]) -> bool {
        let (Ok(links), Ok(base)) = (pypi::links(text), url::Url::parse(url)) else { return false };
        let links: Vec<_> = links.into_iter().filter(|it| it.sha256.is_some()).collect();
        for link in &links {
            let Ok(target) = base.join(&link.url) else { continue };
            let target = String::from(target);
            if let Some(metadata) = link.metadata {
                let said = Said::Sha256(Some(metadata));
                self.files.insert(format!("{target}.metadata"), (said, url.to_owned()));
            }
            self.files.insert(target, (Said::Sha256(link.sha256), url.to_owned()));
        }
        !links.is_empty()
    }

    /// Takes the files of a document; whether it is one.
    fn node(&mut self, url: &str, text: &[u8]) -> bool {
        let Ok(tarballs) = npm::tarballs(text) else { return false };
        let is_one = !tarballs.is_empty();
        for tarball in tarballs {
            let Ok(target) = url::Url::parse(&tarball.url) else { continue };
            self.files.insert(target.into(), (Said::Npm(tarball), url.to_owned()));
        }
        is_one
    }

    /// The verdict on a file; none where no page has anything of it.
    fn verdict(
        &self,
        item: &Item<'_>,
        answers: &Answers<'_>,
        evidence: &Evidence<'_>,
    ) -> Option<Verdict> {
        let (url, sha256) = (item.url?, item.sha256?);
        if item.fetch.is_some_and(|fetch| !super::answers::is_content(fetch)) {
            return None;
        }
        let names = answers.names(url);
        let Some((said, page)) = names.iter().find_map(|name| self.files.get(*name)) else {
            return self.elsewhere(url);
        };
        if let Some(wrong) = item.package.and_then(|it| said.is_otherwise(it, url, page)) {
            return Some(wrong);
        }
        let by = || Verdict::Unsigned { by: format!("{page}, which nobody signs") };
        Some(match said {
            Said::Sha256(None) => Verdict::undetermined(format!("{page} has no SHA-256 of it")),
            Said::Sha256(Some(expected)) if *expected == sha256 => by(),
            Said::Sha256(Some(expected)) => {
                let message = format!("{page} has another hash");
                Verdict::differs(message, "sha256", expected.hex(), sha256.hex())
            }
            Said::Npm(tarball) => match body(&sha256, evidence) {
                Err(Verdict::Undetermined { reason }) => {
                    match in_base(&names, tarball, evidence).filter(|meant| *meant != sha256) {
                        Some(meant) => {
                            let message = format!("{page} means the file that the base lock has");
                            Verdict::differs(message, "sha256", meant.hex(), sha256.hex())
                        }
                        None => Verdict::undetermined(reason),
                    }
                }
                Err(verdict) => verdict,
                Ok(body) => match tarball.is(&body) {
                    Some(true) => by(),
                    Some(false) => {
                        let message = format!("the file is not what {page} says of it");
                        Verdict::poisoned(message, "sha256")
                    }
                    None => Verdict::undetermined(format!("{page} has only a weak hash of it")),
                },
            },
        })
    }

    /// A file of the same name that a page has at another URL: the host or path was changed.
    fn elsewhere(&self, url: &str) -> Option<Verdict> {
        const SUFFIXES: [&str; 5] = [".whl", ".tgz", ".tar.gz", ".zip", ".metadata"];
        let file = url.rsplit('/').next()?;
        if !SUFFIXES.iter().any(|suffix| file.ends_with(suffix)) {
            return None;
        }
        let ends = |known: &&String| known.rsplit('/').next() == Some(file);
        let expected = self.files.keys().find(ends)?;
        let message = "the URL is not where the index page has the file";
        Some(Verdict::differs(message, "url", expected, url))
    }
}

impl Said {
    /// Of which package, in which version, a file is: what the lock says of it must not be another.
    fn is_otherwise(&self, package: &LockedPackage, url: &str, page: &str) -> Option<Verdict> {
        let (kind, name, version) = match self {
            Self::Sha256(_) => {
                let (name, version) = python_file(url)?;
                ("pypi", Some(name), version)
            }
            Self::Npm(tarball) => ("npm", tarball.name.clone(), tarball.version.clone()),
        };
        let differs = |key, expected: &str, found: &str| {
            let message = format!("{page} has something else there");
            Some(Verdict::differs(message, key, expected, found))
        };
        if package.kind != kind {
            return differs("type", kind, &package.kind);
        }
        if let Some(name) = name.filter(|name| *name != package.name) {
            return differs("name", &name, &package.name);
        }
        // What has no order may be spelt in another way.
        let order = version::compare(kind, &version, &package.version);
        order.filter(|order| *order != Ordering::Equal)?;
        differs("version", &version, &package.version)
    }
}

/// Name and version of a Python package, as its file is called:
/// <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>.
fn python_file(url: &str) -> Option<(String, String)> {
    let file = super::answers::decoded(url.rsplit('/').next()?);
    let (name, version) = if let Some(stem) = file.strip_suffix(".whl") {
        let (name, rest) = stem.split_once('-')?;
        (name, rest.split('-').next()?)
    } else {
        let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".zip"))?;
        stem.rsplit_once('-')?
    };
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    let name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    Some((name, version.to_owned()))
}

/// The file under one of these URLs that the base lock has, where its content is the one that is meant:
/// a document has no hash that could be compared with the lock's where nobody has the content.
fn in_base(names: &[&str], tarball: &npm::Tarball, evidence: &Evidence<'_>) -> Option<Digest> {
    let base = evidence.base?;
    let packages = base.packages.iter().filter_map(|it| Some((it.url.as_deref()?, it.sha256?)));
    let fetches = base.fetches.iter().filter(|fetch| super::answers::is_content(fetch));
    let mut all = packages.chain(fetches.map(|fetch| (&*fetch.url, fetch.sha256)));
    all.find_map(|(url, sha256)| {
        let is_meant = |body: Vec<u8>| tarball.is(&body) == Some(true);
        (names.contains(&url) && body(&sha256, evidence).is_ok_and(is_meant)).then_some(sha256)
    })
}

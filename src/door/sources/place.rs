//! The URLs under which locked content may be found.

use super::super::error::DoorError;
use super::super::key::fetchable;
use super::super::options::{Archive, Sources};
use super::super::upstream::Request;
use super::Release;
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// What stands for the time in the URL of an archive.
const DATE: &str = "{date}";

/// An archive looks at a repository some time after the repository has changed, so what a
/// `Release` file of a time names may be in what is archived for later times only.
const LATER: &[SignedDuration] = &[
    SignedDuration::ZERO,
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
];

/// Archives are slow and shared by many: one file costs no more requests than this.
const ARCHIVED_MAX: usize = 12;

/// Mirrors and archives, checked.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Places {
    sources: Sources,
}

impl Places {
    pub(in super::super) fn new(sources: Sources) -> Result<Self, DoorError> {
        for mirror in sources.mirrors.iter().chain(&sources.instead) {
            check("mirror", &mirror.of)?;
            check("mirror", &mirror.url)?;
        }
        for archive in &sources.archives {
            if !archive.url.contains(DATE) {
                return Err(failed("archive", &archive.url, "it has no `{date}`"));
            }
            check("archive", &archive.url.replace(DATE, "20260101T000000Z"))?;
        }
        Ok(Self { sources })
    }

    /// Other URLs for what was recorded under this one: mirrors, then archives for the `Release`
    /// files of repositories that the URL may belong to.
    pub(in super::super) fn others(&self, url: &str, releases: &[Release]) -> Vec<Url> {
        let mut places = Vec::new();
        for mirror in &self.sources.mirrors {
            if let Some(rest) = below(&mirror.of, url) {
                add(&mut places, &mirror.url, rest);
            }
        }
        let mut archived = Vec::new();
        for later in LATER {
            for release in releases {
                let Some(rest) = below(&release.root, url) else { continue };
                for archive in self.sources.archives.iter().filter(|it| fits(it, release)) {
                    let date = date(release.date.saturating_add(*later).unwrap_or(release.date));
                    add(&mut archived, &archive.url.replace(DATE, &date), rest);
                }
            }
        }
        archived.truncate(ARCHIVED_MAX);
        places.extend(archived);
        places
    }

    /// The request at the place that is asked instead of the one that it names, where there is one.
    pub(in super::super) fn asked_at(&self, url: &str, request: Request) -> Request {
        let mut places = Vec::new();
        for mirror in &self.sources.instead {
            if let Some(rest) = below(&mirror.of, url) {
                add(&mut places, &mirror.url, rest);
            }
        }
        match places.into_iter().next() {
            Some(place) => request.at(place),
            None => request,
        }
    }

    /// Whether there are archives at all, so that somebody need look for `Release` files.
    pub(in super::super) fn has_archives(&self) -> bool {
        !self.sources.archives.is_empty()
    }
}

fn fits(archive: &Archive, release: &Release) -> bool {
    release.origin.as_deref() == Some(&*archive.origin)
        && (archive.label.is_none() || archive.label == release.label)
}

/// `20261121T083000Z`
fn date(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// What follows a prefix that ends at a slash, or is all.
fn below<'a>(prefix: &str, url: &'a str) -> Option<&'a str> {
    let rest = url.strip_prefix(prefix)?;
    let ends_there = prefix.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?']);
    ends_there.then(|| rest.strip_prefix('/').unwrap_or(rest))
}

fn add(places: &mut Vec<Url>, root: &str, rest: &str) {
    let slash = if root.ends_with('/') || rest.is_empty() { "" } else { "/" };
    // What may be a secret is not known any more, and nothing to ask for.
    if rest.contains(super::super::redact::REDACTED) {
        return;
    }
    if let Ok(url) = Url::parse(&fetchable(&format!("{root}{slash}{rest}")))
        && !places.contains(&url)
    {
        places.push(url);
    }
}

fn check(what: &'static str, url: &str) -> Result<(), DoorError> {
    match Url::parse(url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            Err(failed(what, url, "it is neither http nor https"))
        }
        Ok(parsed) if parsed.query().is_some() => Err(failed(what, url, "it has a query")),
        Ok(_) => Ok(()),
        Err(_) => Err(failed(what, url, "it is no URL")),
    }
}

fn failed(what: &'static str, url: &str, reason: &'static str) -> DoorError {
    DoorError::Source { what, url: url.to_owned(), reason }
}

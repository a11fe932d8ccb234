//! What the indexes of a lock offer, and whether a package file of the lock is among it.

use super::answers::{Answers, decoded, is_content};
use super::{Body, Evidence, Item, Verdict};
use crate::index::{Checksum, Offer, apk};
use crate::oci::Digest;
use sha2::Digest as _;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How far an index is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// As far as this key.
    Signed(String),
    /// Nobody signs it, which is usual where it is from.
    Unsigned,
    /// It is not known whether it is good, and why.
    Unknown(String),
    /// A key signs it that is believed, but not for this archive.
    Foreign(String),
    /// It is not what a key has signed that is believed.
    Wrong(String),
}

/// An index that has been read.
#[derive(Debug)]
pub(super) struct Source {
    /// URLs of the archive's root, each of which ends in a slash.
    pub(super) roots: Vec<String>,
    /// What leads from the signature to here: `InRelease → main/binary-amd64/Packages.xz`.
    pub(super) chain: String,
    pub(super) trust: Trust,
    offers: Vec<Offer>,
    /// Which of them have a location.
    by_location: BTreeMap<String, Vec<usize>>,
}

/// Everything that is offered.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) sources: Vec<Source>,
    /// Roots of archives with an index that cannot be used, and why.
    pub(super) unread: Vec<(Vec<String>, String)>,
}

impl Source {
    pub(super) fn new(roots: Vec<String>, chain: String, trust: Trust, offers: Vec<Offer>) -> Self {
        let mut by_location: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, offer) in offers.iter().enumerate() {
            by_location.entry(offer.location.clone()).or_default().push(index);
        }
        Self { roots, chain, trust, offers, by_location }
    }

    /// What it offers under one of these URLs, in its order.
    fn at<'a>(&'a self, names: &[&str]) -> impl Iterator<Item = &'a Offer> {
        let paths = names.iter().filter_map(|name| below(name, &self.roots));
        let spelt = paths.flat_map(|path| [Cow::Borrowed(path), decoded(path)]);
        let found: BTreeSet<usize> =
            spelt.filter_map(|path| self.by_location.get(&*path)).flatten().copied().collect();
        found.into_iter().filter_map(|index| self.offers.get(index))
    }
}

impl Trust {
    /// The verdict on what an index says that is believed so far.
    pub(super) fn verdict(&self, chain: &str) -> Verdict {
        match self {
            Self::Signed(key) => Verdict::Proven { by: format!("{key}: {chain}") },
            Self::Unsigned => Verdict::Unsigned { by: chain.to_owned() },
            Self::Unknown(reason) => Verdict::undetermined(format!("{chain}: {reason}")),
            Self::Foreign(reason) => Verdict::poisoned(
                format!("the signature does not count: {chain}: {reason}"),
                "sha256",
            ),
            Self::Wrong(reason) => {
                Verdict::poisoned(format!("the signature is wrong: {chain}: {reason}"), "sha256")
            }
        }
    }
}

/// The path of a URL below one of the roots.
pub(super) fn below<'u>(url: &'u str, roots: &[String]) -> Option<&'u str> {
    roots.iter().find_map(|root| url.strip_prefix(root.as_str()))
}

impl Offers {
    /// The verdict on an entry that is no index.
    pub(super) fn judge(
        &self,
        item: &Item<'_>,
        answers: &Answers<'_>,
        evidence: &Evidence<'_>,
    ) -> Verdict {
        if let Some(fetch) = item.fetch.filter(|fetch| !is_content(fetch)) {
            return match fetch.status {
                Some(status @ 300..) => Verdict::empty(format!("an answer {status}")),
                _ => Verdict::unprovable("nobody signs the answer to such a request"),
            };
        }
        let (Some(url), Some(sha256)) = (item.url, item.sha256) else {
            return Verdict::empty("the lock does not say which file it came from");
        };
        let names = answers.names(url);
        let here = |source| Source::at(source, &names).map(move |offer| (source, offer));
        let mut failed = None;
        for (source, offer) in self.sources.iter().flat_map(here) {
            match compare(item, &sha256, source, offer, evidence) {
                // The same path in two indexes of one archive: one that agrees is enough, as it
                // is for the package manager.
                proven @ (Verdict::Proven { .. } | Verdict::Unsigned { .. }) => return proven,
                other => failed = failed.or(Some(other)),
            }
        }
        failed.unwrap_or_else(|| self.not_here(item, &names, &sha256))
    }

    fn all(&self) -> impl Iterator<Item = (&Source, &Offer)> {
        self.sources.iter().flat_map(|it| it.offers.iter().map(move |offer| (it, offer)))
    }

    /// The verdict on an entry whose URL no index has: what they have of it elsewhere.
    fn not_here(&self, item: &Item<'_>, names: &[&str], sha256: &Digest) -> Verdict {
        let url = item.url.unwrap_or_default();
        let kind = item.package.map(|package| package.kind.as_str());
        let kind = kind.or_else(|| kind_of(url));
        let Some(kind) = kind.filter(|kind| ["deb", "rpm", "apk"].contains(kind)) else {
            return Verdict::unprovable("nothing in the lock says what it should be");
        };
        let of_kind = || self.all().filter(|(_, offer)| offer.kind == kind);
        let place = |source: &Source, offer: &Offer| {
            let root = source.roots.first().map_or("", String::as_str);
            format!("{root}{}", offer.location)
        };
        let same = of_kind().find(|(_, offer)| {
            offer.sha256() == Some(*sha256) || item.package.is_some_and(|it| is(it, offer))
        });
        if let Some((source, offer)) = same {
            let message = "the URL is not where the archive has the package";
            return Verdict::differs(message, "url", place(source, offer), url);
        }
        let is_inside = |roots: &[String]| names.iter().any(|name| below(name, roots).is_some());
        let unread = self.unread.iter().find(|(roots, _)| is_inside(roots));
        if let Some((_, reason)) = unread {
            return Verdict::undetermined(reason.clone());
        }
        let named = item.package.and_then(|it| of_kind().find(|(_, offer)| offer.name == it.name));
        if let (Some((_, offer)), Some(package)) = (named, item.package) {
            let message = "no index of the lock offers the package in this version";
            return Verdict::differs(message, "version", &offer.version, &package.version);
        }
        if self.sources.iter().any(|source| is_inside(&source.roots)) {
            return Verdict::poisoned("no index of the lock offers the package", "url");
        }
        Verdict::undetermined("no index of the lock offers it, and it is from another place")
    }
}

/// The kind of package that a URL's last letters say.
pub(super) fn kind_of(url: &str) -> Option<&'static str> {
    [(".deb", "deb"), (".rpm", "rpm"), (".apk", "apk")]
        .into_iter()
        .find_map(|(suffix, kind)| url.ends_with(suffix).then_some(kind))
}

fn is(package: &crate::lock::LockedPackage, offer: &Offer) -> bool {
    (&*package.name, &*package.version, &*package.architecture)
        == (&*offer.name, &*offer.version, &*offer.architecture)
}

/// What a database says in other words than the index: Alpine rewrites `noarch` in its indexes, and
/// an epoch of rpm may stand apart from the version.
fn is_said_otherwise(kind: &str, key: &str, found: &str, expected: &str) -> bool {
    match (kind, key) {
        (_, "architecture") if found.is_empty() => true,
        ("apk", "architecture") => true,
        ("rpm", "version") => expected.split_once(':').is_some_and(|(_, plain)| plain == found),
        _ => false,
    }
}

/// Whether the lock says of a file what the index does.
fn compare(
    item: &Item<'_>,
    sha256: &Digest,
    source: &Source,
    offer: &Offer,
    evidence: &Evidence<'_>,
) -> Verdict {
    // A file that is not what its index says is refused by every client, whoever signs the index.
    let chain = &source.chain;
    if let Some(package) = item.package {
        let keys = [
            ("name", &package.name, &offer.name),
            ("version", &package.version, &offer.version),
            ("architecture", &package.architecture, &offer.architecture),
        ];
        for (key, found, expected) in keys {
            if found != expected && !is_said_otherwise(offer.kind, key, found, expected) {
                return Verdict::differs(
                    format!("{chain} has another {key}"),
                    key,
                    expected,
                    found,
                );
            }
        }
    }
    if let Some(size) = item.size.filter(|size| *size != offer.size) {
        return Verdict::differs(format!("{chain} has another size"), "size", offer.size, size);
    }
    let differs = |expected: String, found: String| {
        Verdict::differs(format!("{chain} has another hash"), "sha256", expected, found)
    };
    let whole = match &offer.checksum {
        Checksum::Sha256(expected) => {
            return if expected == sha256 {
                source.trust.verdict(chain)
            } else {
                differs(expected.hex(), sha256.hex())
            };
        }
        other => other,
    };
    // Other hashes are not in the lock: the body has to be there.
    let body = match (evidence.bodies)(sha256) {
        Body::There(body) => body,
        Body::Missing => {
            let reason = "the index has another kind of hash, and the file is not in the Store";
            return Verdict::undetermined(reason);
        }
        Body::Damaged(problem) => return Verdict::poisoned(problem, "sha256"),
    };
    let is_same = match whole {
        Checksum::Sha512(expected) => Ok(sha2::Sha512::digest(&body).as_slice() == &**expected),
        Checksum::ApkControl(expected) => apk::verify_package(&body, expected),
        Checksum::Sha256(expected) => Ok(expected == sha256),
    };
    match is_same {
        Ok(true) => source.trust.verdict(chain),
        Ok(false) => {
            Verdict::poisoned(format!("the file is another than the one in {chain}"), "sha256")
        }
        Err(error) => Verdict::poisoned(error.to_string(), "sha256"),
    }
}

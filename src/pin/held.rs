//! Package archives of which a lock holds an earlier state: see [`held_host`](crate::door::held_host).

use crate::door::{real_host, with_host};
use crate::lock::Lockfile;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// An earlier state of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldArchive {
    /// The purl type of its packages.
    pub kind: &'static str,
    /// The archive, as the manager's sources name it, with a slash at the end.
    pub archive: String,
    /// The suite, as apt's sources name it; empty for other managers.
    pub suite: String,
    /// What the earlier state is called; with a slash at the end.
    pub view: String,
}

/// The held archives of a lock, each with the steps that use it.
pub fn held_archives(lock: &Lockfile) -> BTreeMap<HeldArchive, BTreeSet<String>> {
    let mut held: BTreeMap<HeldArchive, BTreeSet<String>> = BTreeMap::new();
    for fetch in &lock.fetches {
        if let Some(archive) = held_archive(&fetch.url) {
            held.entry(archive).or_default().insert(fetch.step.clone());
        }
    }
    held
}

/// The held archive that a URL is the index of.
fn held_archive(url: &str) -> Option<HeldArchive> {
    let (kind, root, suite) = index(url)?;
    let view = format!("{root}/");
    let host = Url::parse(&view).ok()?;
    let archive = with_host(&view, real_host(host.host_str()?)?)?;
    Some(HeldArchive { kind, archive, suite: suite.to_owned(), view })
}

/// Purl type, root and suite of what a URL is the first index of.
fn index(url: &str) -> Option<(&'static str, &str, &str)> {
    if let Some(root) = url.strip_suffix("/repodata/repomd.xml") {
        return Some(("rpm", root, ""));
    }
    if let Some(folder) = url.strip_suffix("/APKINDEX.tar.gz") {
        // apk adds the architecture to what its list of repositories names.
        let (root, _architecture) = folder.rsplit_once('/')?;
        return Some(("apk", root, ""));
    }
    let index = url.strip_suffix("/InRelease").or_else(|| url.strip_suffix("/Release"))?;
    let (root, suite) = index.split_once("/dists/")?;
    Some(("deb", root, suite))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockedFetch;
    use crate::oci::Digest;

    #[test]
    fn a_lock_says_which_archives_it_holds() {
        let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
        for (url, step) in [
            ("http://deb.example/debian/dists/stable/InRelease", "1"),
            ("http://deb.example.held-0123abcd/debian/dists/stable/InRelease", "1"),
            ("http://deb.example.held-0123abcd/debian/dists/stable/InRelease", "3"),
            ("http://deb.example.held-0123abcd/debian/dists/stable/main/x/Packages", "4"),
            ("http://a.example.held-0123abcd/v3/main/x86_64/APKINDEX.tar.gz", "5"),
            ("http://a.example/v3/main/x86_64/APKINDEX.tar.gz", "5"),
            ("http://r.example.held-0123abcd/9/repodata/repomd.xml", "6"),
            ("http://r.example.held-0123abcd/9/repodata/0a-primary.xml.gz", "6"),
        ] {
            let digest = Digest::of(b"");
            let fetch = LockedFetch::new(url.to_owned(), digest, 0, step.to_owned());
            lock.fetches.push(fetch);
        }
        let held = HeldArchive {
            kind: "deb",
            archive: "http://deb.example/debian/".to_owned(),
            suite: "stable".to_owned(),
            view: "http://deb.example.held-0123abcd/debian/".to_owned(),
        };
        let steps = ["1".to_owned(), "3".to_owned()].into();
        let other = |kind, place: &str| HeldArchive {
            kind,
            archive: place.replace("HELD", ""),
            suite: String::new(),
            view: place.replace("HELD", ".held-0123abcd"),
        };
        let expected = BTreeMap::from([
            (held, steps),
            (other("apk", "http://a.exampleHELD/v3/main/"), ["5".to_owned()].into()),
            (other("rpm", "http://r.exampleHELD/9/"), ["6".to_owned()].into()),
        ]);
        assert_eq!(held_archives(&lock), expected);
    }
}

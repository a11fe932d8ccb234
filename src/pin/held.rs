//! Package archives of which a lock holds an earlier state: see [`held_host`](crate::door::held_host).

use crate::door::{real_host, with_host};
use crate::lock::Lockfile;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// An earlier state of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldArchive {
    /// The archive, as apt's sources name it, with a slash at the end.
    pub archive: String,
    /// The suite, as apt's sources name it.
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
    let index = url.strip_suffix("/InRelease").or_else(|| url.strip_suffix("/Release"))?;
    let (root, suite) = index.split_once("/dists/")?;
    let view = format!("{root}/");
    let host = Url::parse(&view).ok()?;
    let archive = with_host(&view, real_host(host.host_str()?)?)?;
    Some(HeldArchive { archive, suite: suite.to_owned(), view })
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
        ] {
            let digest = Digest::of(b"");
            let fetch = LockedFetch::new(url.to_owned(), digest, 0, step.to_owned());
            lock.fetches.push(fetch);
        }
        let held = HeldArchive {
            archive: "http://deb.example/debian/".to_owned(),
            suite: "stable".to_owned(),
            view: "http://deb.example.held-0123abcd/debian/".to_owned(),
        };
        let steps = ["1".to_owned(), "3".to_owned()].into();
        assert_eq!(held_archives(&lock), BTreeMap::from([(held, steps)]));
    }
}

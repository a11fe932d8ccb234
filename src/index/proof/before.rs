//! What the lock that is to be replaced says of an entry that no signature speaks for.

use super::answers::Answers;
use super::offered::kind_of;
use super::{Evidence, Item, Subject, Verdict};
use crate::lock::{LockedFetch, LockedImage, LockedPackage, Lockfile};
use crate::oci::Digest;

/// What nothing vouches for is nobody's doing where the base has the very same. Where the base has
/// another file of that name, only a signed index can say that there is a new one.
pub(super) fn settle(
    evidence: &Evidence<'_>,
    both: [&Answers<'_>; 2],
    (subject, item): (Subject, Option<&Item<'_>>),
    verdict: Verdict,
) -> Verdict {
    let Some(base) = evidence.base else { return verdict };
    if matches!(verdict, Verdict::Poisoned(_)) {
        return verdict;
    }
    let is_proven = matches!(verdict, Verdict::Proven { .. });
    if let Some(weaker) = super::weaker::judge(evidence, both, subject, is_proven) {
        return weaker;
    }
    if matches!(verdict, Verdict::Proven { .. } | Verdict::Empty { .. }) {
        return verdict;
    }
    if let Some(item) = item
        && let (Some(found), Some(expected)) = (item.sha256, swapped(base, item))
    {
        let message = "the base lock has another hash of the same file";
        return Verdict::differs(message, "sha256", expected.hex(), found.hex());
    }
    match verdict {
        Verdict::Unsigned { .. } | Verdict::Unprovable { .. }
            if is_same(evidence.lock, base, subject) =>
        {
            Verdict::Held
        }
        Verdict::Unprovable { reason, .. } => Verdict::Unprovable { reason, is_new: true },
        other => other,
    }
}

/// The hash that the base has of the same file, where it has another one only.
fn swapped(base: &Lockfile, item: &Item<'_>) -> Option<Digest> {
    let url = item.url?;
    let found = item.sha256?;
    let before: Vec<Digest> = if let Some(package) = item.package {
        // By its URL and its version: what else the entry says may have been changed along with it.
        let is_it = |other: &&LockedPackage| {
            (&other.url, &other.name, &other.version)
                == (&package.url, &package.name, &package.version)
        };
        let packages = base.packages.iter().filter(is_it).filter_map(|other| other.sha256);
        let fetches = base.fetches.iter().filter(|_| kind_of(url).is_some());
        let fetches = fetches.filter(|it| it.url == url && super::answers::is_content(it));
        packages.chain(fetches.map(|fetch| fetch.sha256)).collect()
    } else {
        // What else is fetched is asked for anew each time, and may well have another answer.
        let packages = base.packages.iter().filter(|other| other.url.as_deref() == Some(url));
        let fetches = base.fetches.iter().filter(|_| kind_of(url).is_some());
        let fetches = fetches.filter(|other| other.url == url && super::answers::is_content(other));
        packages
            .filter_map(|package| package.sha256)
            .chain(fetches.map(|fetch| fetch.sha256))
            .collect()
    };
    before.first().copied().filter(|_| !before.contains(&found))
}

/// Whether both are the same file by all that names it.
fn is_named_alike(left: &LockedPackage, right: &LockedPackage) -> bool {
    (&left.kind, &left.name, &left.version, &left.architecture, &left.url)
        == (&right.kind, &right.name, &right.version, &right.architecture, &right.url)
}

fn is_same(lock: &Lockfile, base: &Lockfile, subject: Subject) -> bool {
    match subject {
        Subject::Image(index) => lock.images.get(index).is_some_and(|image| {
            let same = |other: &LockedImage| {
                (&other.reference, other.manifest) == (&image.reference, image.manifest)
            };
            base.images.iter().any(same)
        }),
        Subject::Package(index) => lock.packages.get(index).is_some_and(|package| {
            let same = |other: &LockedPackage| {
                is_named_alike(other, package) && other.sha256 == package.sha256
            };
            base.packages.iter().any(same)
        }),
        Subject::Fetch(index) => lock.fetches.get(index).is_some_and(|fetch| {
            let same = |other: &LockedFetch| {
                other.question() == fetch.question() && other.answers_as(fetch)
            };
            base.fetches.iter().any(same)
        }),
    }
}

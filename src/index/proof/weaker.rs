//! What the base lock pins and the other one pins less: an entry that is still there, and no longer says
//! which content it is, of what, or from where. Such a lock would be built from whatever is served, or
//! would hide what it has from advisories. Who takes the entry out altogether gets a build that refuses.

use super::answers::{Answers, is_content};
use super::offered::kind_of;
use super::{Evidence, Subject, Verdict};
use crate::index::{apt, rpm};
use crate::lock::{LockedFetch, LockedImage, LockedPackage, Lockfile};
use crate::oci::Digest;

/// Types of packages that rlock writes.
const KINDS: [&str; 9] = ["apk", "cargo", "deb", "gem", "golang", "maven", "npm", "pypi", "rpm"];

/// Redirects that a client follows.
const REDIRECTS_MAX: usize = 10;

/// The verdict on an entry that is weaker than in the base; none where it is not.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    [now, before]: [&Answers<'_>; 2],
    subject: Subject,
    is_proven: bool,
) -> Option<Verdict> {
    let (lock, base) = (evidence.lock, evidence.base?);
    match subject {
        Subject::Image(index) => image(lock.images.get(index)?, base),
        Subject::Package(index) => package(lock.packages.get(index)?, lock, base, is_proven),
        Subject::Fetch(index) => fetch(lock.fetches.get(index)?, (lock, now), (base, before)),
    }
}

fn image(image: &LockedImage, base: &Lockfile) -> Option<Verdict> {
    let before = base
        .images
        .iter()
        .find(|other| (&other.reference, other.manifest) == (&image.reference, image.manifest))?;
    if let (Some(index), None) = (before.index, image.index) {
        let message = "weakened: the base lock says what the tag points at, this one does not";
        return Some(Verdict::differs(message, "index", index, "nothing"));
    }
    // What an image has is looked up in advisories by this list.
    let gone = before.packages.iter().find(|package| !image.packages.contains(package))?;
    let message = "the same image has other packages in the base lock";
    Some(Verdict::differs(message, "packages", gone, "nothing"))
}

fn package(
    package: &LockedPackage,
    lock: &Lockfile,
    base: &Lockfile,
    is_proven: bool,
) -> Option<Verdict> {
    let Some(sha256) = package.sha256 else { return unpinned(package, lock, base) };
    // The same file: what it is cannot have changed.
    let is_file = |other: &&LockedPackage| other.url == package.url && other.sha256 == Some(sha256);
    if let Some(before) = base.packages.iter().find(is_file) {
        return identity(package, before, is_proven);
    }
    // Another file there: of another type only if somebody has signed that.
    let before = base.packages.iter().find(|other| other.url == package.url)?;
    let differs = before.kind != package.kind && !is_proven;
    let message = "weakened: the base lock has a package of another type there";
    differs.then(|| Verdict::differs(message, "type", &before.kind, &package.kind))
}

/// A package without a file that had one in the base.
fn unpinned(package: &LockedPackage, lock: &Lockfile, base: &Lockfile) -> Option<Verdict> {
    let is_known = KINDS.contains(&&*package.kind);
    // What is of a type that nobody knows may be any other.
    let is_it = |other: &LockedPackage| {
        (&other.name, &other.version) == (&package.name, &package.version)
            && (other.kind == package.kind || !is_known)
            && (other.architecture == package.architecture || !is_known)
    };
    // A package of several places: a copy without a file beside the one that was fetched.
    let is_pinned = |before: &LockedPackage| {
        let key = |it: &LockedPackage| {
            (it.kind.clone(), it.name.clone(), it.version.clone(), it.architecture.clone())
        };
        lock.packages.iter().any(|it| it.sha256.is_some() && key(it) == key(before))
    };
    let before: Vec<&LockedPackage> = base.packages.iter().filter(|it| is_it(it)).collect();
    if !before.is_empty() && before.iter().all(|before| is_pinned(before)) {
        return None;
    }
    let before = before.iter().filter(|before| !is_pinned(before)).find_map(|it| it.sha256);
    let Some(before) = before else { return unpinned_update(package, base) };
    let message = "weakened: the base lock pins its file, this one pins nothing";
    Some(Verdict::differs(message, "sha256", before.hex(), "nothing"))
}

/// A version that the base does not have, without a file, of a package that always had one there.
fn unpinned_update(package: &LockedPackage, base: &Lockfile) -> Option<Verdict> {
    let is_it =
        |other: &&LockedPackage| (&other.kind, &other.name) == (&package.kind, &package.name);
    let mut before = base.packages.iter().filter(is_it).peekable();
    before.peek()?;
    let reason = "the base lock pins a file of this package, this one does not";
    let verdict = Verdict::Unprovable { reason: reason.to_owned(), is_new: true };
    before.all(|other| other.sha256.is_some()).then_some(verdict)
}

/// What one file is, in both. Advisories are looked up by all of it.
fn identity(package: &LockedPackage, before: &LockedPackage, is_proven: bool) -> Option<Verdict> {
    let differs = |key, expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
        let message = "the same file is something else in the base lock";
        Some(Verdict::differs(message, key, expected, found))
    };
    if before.size != package.size {
        let size = |size: Option<u64>| size.map_or("nothing".to_owned(), |it| it.to_string());
        return differs("size", &size(before.size), &size(package.size));
    }
    if before.source != package.source {
        let name = |it: &LockedPackage| {
            it.source.as_ref().map_or("nothing".to_owned(), ToString::to_string)
        };
        return differs("source", &name(before), &name(package));
    }
    if is_proven {
        return None;
    }
    let keys = [
        ("type", &before.kind, &package.kind),
        ("name", &before.name, &package.name),
        ("version", &before.version, &package.version),
    ];
    let (key, expected, found) = keys.into_iter().find(|(_, before, now)| before != now)?;
    differs(key, expected, found)
}

/// A question that the base answers with content, and this lock with other content or none.
fn fetch(
    fetch: &LockedFetch,
    now: (&Lockfile, &Answers<'_>),
    base: (&Lockfile, &Answers<'_>),
) -> Option<Verdict> {
    let is_plain = fetch.method.is_none() && fetch.request.is_none();
    if is_content(fetch) || !is_plain {
        return None;
    }
    let before = reached(base, &fetch.url)?;
    if reached(now, &fetch.url) == Some(before) {
        return None;
    }
    let status = fetch.status.unwrap_or(200);
    if is_checked(&fetch.url, base.0) {
        let message = "weakened: the base lock has content there, which is checked";
        return Some(Verdict::differs(message, "status", before, format!("an answer {status}")));
    }
    let reason = format!("the base lock has other content there, and this one an answer {status}");
    Some(Verdict::Unprovable { reason, is_new: true })
}

/// Whether signatures or indexes speak for what is there.
fn is_checked(url: &str, base: &Lockfile) -> bool {
    let is_signature =
        url.strip_suffix(".asc").is_some_and(|it| rpm::repository_root(it).is_some());
    kind_of(url).is_some()
        || is_signature
        || rpm::repository_root(url).is_some()
        || apt::release_place(url).is_some()
        || url.ends_with("/APKINDEX.tar.gz")
        || base.packages.iter().any(|package| package.url.as_deref() == Some(url))
}

/// The content that who asks for a URL gets in the end.
fn reached((lock, answers): (&Lockfile, &Answers<'_>), url: &str) -> Option<Digest> {
    let mut url = url.to_owned();
    for _ in 0..REDIRECTS_MAX {
        if let Some((_, fetch)) = answers.get(&url) {
            return Some(fetch.sha256);
        }
        let package = lock.packages.iter().find(|it| it.url.as_deref() == Some(&*url));
        if let Some(sha256) = package.and_then(|package| package.sha256) {
            return Some(sha256);
        }
        url = answers.target(&url)?;
    }
    None
}

/// What else of the base lock is otherwise, as notes: nobody can say which is right.
pub fn moment(lock: &Lockfile, base: &Lockfile) -> Vec<String> {
    let rows = [
        ("platform", base.platform.to_string(), lock.platform.to_string()),
        ("epoch", base.epoch.to_string(), lock.epoch.to_string()),
        ("canonical", base.canonical.to_string(), lock.canonical.to_string()),
    ];
    let changed = rows.into_iter().filter(|(_, before, now)| before != now);
    changed.map(|(key, before, now)| format!("`{key}` of the lock: {before} → {now}")).collect()
}

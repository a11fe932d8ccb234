//! Repositories of rpm packages in a lock.

use super::answers::Answers;
use super::apt::{body, trust};
use super::bound::bound;
use super::held::{self, View};
use super::offered::{Offers, Source, Trust};
use super::{Body, Evidence, Subject, Verdict};
use crate::index::rpm::{self, DataFile, Repomd};
use crate::index::{Checksum, IndexError, decompress};
use crate::lock::{LockedFetch, Lockfile};
use sha2::Digest as _;
use std::collections::BTreeMap;

/// Bytes of a list of mirrors.
const MIRRORS_MAX: usize = 1 << 20;

/// Judges indexes of indexes and what they name, and collects what they offer.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    answers: &Answers<'_>,
    judged: &mut BTreeMap<Subject, Verdict>,
    offers: &mut Offers,
) {
    let mirrors = mirrors(evidence, answers);
    for (index, fetch) in answers.iter() {
        let Some(root) = rpm::repository_root(&fetch.url) else { continue };
        let signature = answers.get(&format!("{}.asc", fetch.url));
        let verdict = match read(fetch, signature.map(|(_, it)| it), evidence) {
            Ok((repomd, trust)) => {
                let verdict = own_verdict((root, fetch), &repomd, &trust, evidence);
                let repository = Repository { root, roots: roots(root, &mirrors), repomd, trust };
                listed(evidence, answers, &repository, judged, offers);
                verdict
            }
            Err(verdict) => {
                let reason = format!("{} cannot be used", fetch.url);
                offers.unread.push((roots(root, &mirrors), reason));
                verdict
            }
        };
        if let Some((index, _)) = signature {
            judged.insert(Subject::Fetch(index), verdict.clone());
        }
        judged.insert(Subject::Fetch(index), verdict);
    }
}

struct Repository<'a> {
    root: &'a str,
    roots: Vec<String>,
    repomd: Repomd,
    trust: Trust,
}

/// The repository's own root, and those of the mirrors that a list of the lock names.
fn roots(root: &str, mirrors: &[String]) -> Vec<String> {
    let mut roots = held::roots(root);
    let is_one = mirrors.iter().any(|mirror| mirror == root);
    if is_one {
        roots.extend(mirrors.iter().filter(|mirror| *mirror != root).cloned());
    }
    roots
}

/// Roots in the lists of mirrors of a lock, which clients choose among: a metalink, or lines.
fn mirrors(evidence: &Evidence<'_>, answers: &Answers<'_>) -> Vec<String> {
    let mut roots = Vec::new();
    for (_, fetch) in answers.iter() {
        let is_list = ["metalink", "mirrorlist"].iter().any(|it| fetch.url.contains(it));
        if !is_list || fetch.size > MIRRORS_MAX as u64 {
            continue;
        }
        let Body::There(text) = (evidence.bodies)(&fetch.sha256) else { continue };
        roots.extend(rpm::mirror_roots(&text));
    }
    roots
}

fn read(
    fetch: &LockedFetch,
    signature: Option<&LockedFetch>,
    evidence: &Evidence<'_>,
) -> Result<(Repomd, Trust), Verdict> {
    let text = body(&fetch.sha256, evidence)?;
    let signature = signature.map(|it| body(&it.sha256, evidence)).transpose()?;
    let malformed =
        |error: IndexError| Verdict::poisoned(format!("no client believes it: {error}"), "sha256");
    let signed = rpm::repomd(&text, signature.as_deref()).map_err(malformed)?;
    let trust = trust(&signed, evidence.keyring);
    // A view that an update holds is of the repository itself, with the same keys.
    let roots = rpm::repository_root(&fetch.url).map(held::roots).unwrap_or_default();
    let root = roots.last().map_or("", String::as_str);
    let trust = bound(trust, &signed, root, evidence.bindings);
    Ok((signed.value, trust))
}

/// The verdict on an index of indexes itself.
fn own_verdict(
    (root, fetch): (&str, &LockedFetch),
    repomd: &Repomd,
    trust: &Trust,
    evidence: &Evidence<'_>,
) -> Verdict {
    let view = View::of(&fetch.url, &fetch.sha256);
    if let Some(misnamed) = view.as_ref().and_then(View::misnamed) {
        return misnamed;
    }
    let root = view.as_ref().and_then(|view| rpm::repository_root(&view.at_real)).unwrap_or(root);
    let is_known = |base: &Lockfile| {
        view.as_ref().is_some_and(|view| view.is_in(base, &fetch.url, &fetch.sha256))
    };
    let base = evidence.base.filter(|base| !is_known(base));
    let before = base.and_then(|base| of_base(root, base, evidence));
    if let Some((old, was_signed)) = before {
        if let (Some(old), Some(new)) = (old.date, repomd.date)
            && new < old
        {
            let message = "the metadata is older than what the base lock has";
            let (old, new) = (super::apt::date(old), super::apt::date(new));
            return Verdict::differs(
                message,
                "sha256",
                format!("of {old} or later"),
                format!("of {new}"),
            );
        }
        if was_signed && *trust == Trust::Unsigned {
            return Verdict::poisoned(
                "the metadata is not signed, and was in the base lock",
                "url",
            );
        }
    }
    trust.verdict("repomd.xml")
}

fn of_base(root: &str, base: &Lockfile, evidence: &Evidence<'_>) -> Option<(Repomd, bool)> {
    let answers = Answers::of(base);
    let (_, fetch) = answers.get(&format!("{root}repodata/repomd.xml"))?;
    let signature = answers.get(&format!("{}.asc", fetch.url));
    let (repomd, _) = read(fetch, signature.map(|(_, it)| it), evidence).ok()?;
    Some((repomd, signature.is_some()))
}

fn listed(
    evidence: &Evidence<'_>,
    answers: &Answers<'_>,
    repository: &Repository<'_>,
    judged: &mut BTreeMap<Subject, Verdict>,
    offers: &mut Offers,
) {
    for (kind, file) in &repository.repomd.files {
        let found = repository.roots.iter();
        let found = found.filter_map(|root| answers.get(&format!("{root}{}", file.location)));
        let found: Vec<_> = found.collect();
        let chain = format!("repomd.xml → {kind}");
        for (index, fetch) in &found {
            let verdict = data(fetch, file, &chain, &repository.trust, evidence);
            if kind == "primary" {
                match &verdict {
                    Verdict::Poisoned(_) => {
                        let reason = format!("{} is not usable", fetch.url);
                        offers.unread.push((repository.roots.clone(), reason));
                    }
                    _ => offer(evidence, repository, fetch, chain.clone(), offers),
                }
            }
            judged.insert(Subject::Fetch(*index), verdict);
        }
        if kind == "primary" && found.is_empty() {
            let reason = format!("the lock has no primary.xml of {}", repository.root);
            offers.unread.push((repository.roots.clone(), reason));
        }
    }
}

/// The verdict on one of the other indexes.
fn data(
    fetch: &LockedFetch,
    file: &DataFile,
    chain: &str,
    trust: &Trust,
    evidence: &Evidence<'_>,
) -> Verdict {
    if let Some(size) = file.size.filter(|size| *size != fetch.size) {
        return Verdict::differs("repomd.xml has another size", "size", size, fetch.size);
    }
    match &file.checksum {
        Some(Checksum::Sha256(digest)) if *digest == fetch.sha256 => trust.verdict(chain),
        Some(Checksum::Sha256(digest)) => {
            let message = "repomd.xml has another hash";
            Verdict::differs(message, "sha256", digest.hex(), fetch.sha256.hex())
        }
        Some(Checksum::Sha512(digest)) => match body(&fetch.sha256, evidence) {
            Ok(body) if sha2::Sha512::digest(&body).as_slice() == &**digest => trust.verdict(chain),
            Ok(_) => Verdict::poisoned("repomd.xml has another hash", "sha256"),
            Err(verdict) => verdict,
        },
        _ => Verdict::undetermined("repomd.xml has only a weak hash of it"),
    }
}

fn offer(
    evidence: &Evidence<'_>,
    repository: &Repository<'_>,
    fetch: &LockedFetch,
    chain: String,
    offers: &mut Offers,
) {
    let wanted = evidence.wanted("rpm", ".rpm", '-');
    let read = body(&fetch.sha256, evidence).map_err(|_| "it is not in the Store".to_owned());
    let read = read.and_then(|bytes| {
        let text = decompress("primary.xml", &bytes).map_err(|error| error.to_string())?;
        rpm::select(&text, &|name| wanted.contains(name)).map_err(|error| error.to_string())
    });
    let roots = repository.roots.clone();
    match read {
        Ok(found) => {
            let trust = repository.trust.clone();
            offers.sources.push(Source::new(roots, chain, trust, found));
        }
        Err(reason) => offers.unread.push((roots, format!("{}: {reason}", fetch.url))),
    }
}

//! Repositories of Alpine's packages in a lock.

use super::answers::Answers;
use super::apt::body;
use super::held::{View, roots};
use super::offered::{Offers, Source, Trust};
use super::{Evidence, Subject, Verdict};
use crate::index::apk::{self, SignedIndex};
use crate::lock::{LockedFetch, Lockfile};
use std::collections::BTreeMap;

/// Why no key of apk's is bound to a repository.
const NOT_BOUND: &str = "not bound: apk believes each of its keys for every repository";

/// Judges indexes, and collects what they offer.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    answers: &Answers<'_>,
    judged: &mut BTreeMap<Subject, Verdict>,
    offers: &mut Offers,
) {
    for (number, fetch) in answers.iter() {
        let Some(root) = apk::repository_root(&fetch.url) else { continue };
        let roots = roots(root);
        let subject = Subject::Fetch(number);
        let signed = match index(fetch, evidence) {
            Ok(signed) => signed,
            Err(verdict) => {
                offers.unread.push((roots, format!("{} cannot be used", fetch.url)));
                judged.insert(subject, verdict);
                continue;
            }
        };
        let trust = match trust(&signed, evidence) {
            Ok(trust) => trust,
            Err(verdict) => {
                offers.unread.push((roots, format!("the signature of {} is wrong", fetch.url)));
                judged.insert(subject, verdict);
                continue;
            }
        };
        let is_dropped = was_signed(fetch, evidence) && !signed.is_signed();
        let mut verdict = if let Some(verdict) = of_view(fetch, evidence) {
            verdict
        } else if is_dropped {
            Verdict::poisoned("the index is not signed, and was in the base lock", "sha256")
        } else {
            trust.verdict("APKINDEX.tar.gz")
        };
        match apk::packages(&signed.text) {
            Ok(found) => {
                let chain = "APKINDEX.tar.gz".to_owned();
                offers.sources.push(Source::new(roots, chain, trust, found));
            }
            Err(error) => {
                offers.unread.push((roots, error.to_string()));
                verdict = Verdict::poisoned(error.to_string(), "sha256");
            }
        }
        judged.insert(subject, verdict);
    }
}

/// The verdict on a view that is not what it should be.
fn of_view(fetch: &LockedFetch, evidence: &Evidence<'_>) -> Option<Verdict> {
    let view = View::of(&fetch.url, &fetch.sha256)?;
    let is_unknown = |base: &&Lockfile| !view.is_in(base, &fetch.url, &fetch.sha256);
    // Nothing in the format tells the age of an index.
    let reason = "it is held, and the base lock does not have it: it may be older";
    let unknown = evidence.base.filter(is_unknown).map(|_| Verdict::undetermined(reason));
    view.misnamed().or(unknown)
}

fn index(fetch: &LockedFetch, evidence: &Evidence<'_>) -> Result<SignedIndex, Verdict> {
    let bytes = body(&fetch.sha256, evidence)?;
    apk::index(&bytes)
        .map_err(|error| Verdict::poisoned(format!("no client believes it: {error}"), "sha256"))
}

/// How far it is believed; the verdict where a key that is believed has signed something else.
fn trust(signed: &SignedIndex, evidence: &Evidence<'_>) -> Result<Trust, Verdict> {
    if !signed.is_signed() {
        return Ok(Trust::Unknown("it is not signed, as apk demands".to_owned()));
    }
    match signed.verify(evidence.apk_keys) {
        Ok(Some(signer)) => {
            let over = if signer.is_weak { " over SHA-1, as the format has it" } else { "" };
            Ok(Trust::Signed(format!("key {}{over}, {NOT_BOUND}", signer.key)))
        }
        Ok(None) => {
            let keys = signed.keys().join(" and ");
            Ok(Trust::Unknown(format!("it is signed by `{keys}`, which is no key that is known")))
        }
        Err(error) => Err(Verdict::poisoned(error.to_string(), "sha256")),
    }
}

/// Whether the base lock has the same index with a signature.
fn was_signed(fetch: &LockedFetch, evidence: &Evidence<'_>) -> bool {
    let Some(base) = evidence.base else { return false };
    let answers = Answers::of(base);
    let before = answers.get(&fetch.url).and_then(|(_, fetch)| index(fetch, evidence).ok());
    before.is_some_and(|index| index.is_signed())
}

//! Repositories of Alpine's packages in a lock.

use super::answers::Answers;
use super::apt::body;
use super::offered::{Offers, Source, Trust};
use super::{Evidence, Subject, Verdict};
use crate::index::apk::{self, SignedIndex};
use crate::lock::LockedFetch;
use std::collections::BTreeMap;

/// Judges indexes, and collects what they offer.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    answers: &Answers<'_>,
    judged: &mut BTreeMap<Subject, Verdict>,
    offers: &mut Offers,
) {
    for (number, fetch) in answers.iter() {
        let Some(root) = apk::repository_root(&fetch.url) else { continue };
        let roots = vec![root.to_owned()];
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
        let mut verdict = if is_dropped {
            Verdict::poisoned("the index is not signed, and was in the base lock", "sha256")
        } else {
            trust.verdict("APKINDEX.tar.gz")
        };
        match apk::packages(&signed.text) {
            Ok(found) => {
                let chain = "APKINDEX.tar.gz".to_owned();
                offers.sources.push(Source { roots, chain, trust, offers: found });
            }
            Err(error) => {
                offers.unread.push((roots, error.to_string()));
                verdict = Verdict::poisoned(error.to_string(), "sha256");
            }
        }
        judged.insert(subject, verdict);
    }
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
            Ok(Trust::Signed(format!("key {}{over}", signer.key)))
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

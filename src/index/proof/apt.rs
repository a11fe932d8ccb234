//! Archives of Debian's packages in a lock.

use super::answers::Answers;
use super::bound::bound;
use super::offered::{Offers, Source, Trust};
use super::{Body, Evidence, Subject, Verdict};
use crate::door::{held_host, real_host, with_host};
use crate::index::apt::{self, Form, Place, Release};
use crate::index::openpgp::{Keyring, SignatureError, Signed, Signer};
use crate::index::{IndexError, decompress};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use std::collections::BTreeMap;

/// A suite of the lock.
struct Suite {
    place: Place,
    /// Digest of its index.
    digest: Digest,
    name: String,
    signed: Signed<Release>,
    trust: Trust,
}

/// Judges signed indexes and what they name, and collects what they offer.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    answers: &Answers<'_>,
    judged: &mut BTreeMap<Subject, Verdict>,
    offers: &mut Offers,
) {
    let before = evidence.base.map(|base| suites_of(base, evidence));
    let mut suites = Vec::new();
    for (index, fetch) in answers.iter() {
        let Some(place) = apt::release_place(&fetch.url) else { continue };
        if place.form == Form::Signature {
            continue;
        }
        let (signature, beside) = match place.form {
            Form::Release => (answers.get(&format!("{}.gpg", fetch.url)), true),
            _ => (None, false),
        };
        // A file of that name need not be one.
        let is_archive = !place.suite.is_empty() || signature.is_some() || !beside;
        if !is_archive {
            continue;
        }
        let read = read(fetch, signature.map(|(_, it)| it), place.form, evidence);
        let verdict = match read {
            Ok(signed) => {
                let suite = suite(place, fetch.sha256, signed, evidence);
                let verdict = own_verdict(&suite, before.as_deref());
                suites.push(suite);
                verdict
            }
            Err(verdict) => {
                let reason = format!("the index of {} cannot be used", place.base());
                offers.unread.push((vec![place.root.clone()], reason));
                verdict
            }
        };
        if let Some((index, _)) = signature {
            judged.insert(Subject::Fetch(index), verdict.clone());
        }
        judged.insert(Subject::Fetch(index), verdict);
    }
    unsigned(answers, &suites, before.as_deref(), judged, offers);
    for suite in &suites {
        listed(evidence, answers, suite, judged, offers);
    }
}

/// The signed index that a fetch is; the verdict on it where it is none.
fn read(
    fetch: &LockedFetch,
    signature: Option<&LockedFetch>,
    form: Form,
    evidence: &Evidence<'_>,
) -> Result<Signed<Release>, Verdict> {
    let text = body(&fetch.sha256, evidence)?;
    let malformed =
        |error: IndexError| Verdict::poisoned(format!("no client believes it: {error}"), "sha256");
    if form == Form::InRelease {
        return apt::release(&text).map_err(malformed);
    }
    let signature = signature.map(|it| body(&it.sha256, evidence)).transpose()?;
    apt::release_detached(&text, signature.as_deref()).map_err(malformed)
}

pub(super) fn body(digest: &Digest, evidence: &Evidence<'_>) -> Result<Vec<u8>, Verdict> {
    match (evidence.bodies)(digest) {
        Body::There(body) => Ok(body),
        Body::Missing => Err(Verdict::undetermined("it is not in the Store")),
        Body::Damaged(problem) => Err(Verdict::poisoned(problem, "sha256")),
    }
}

fn suite(place: Place, digest: Digest, signed: Signed<Release>, evidence: &Evidence<'_>) -> Suite {
    let file = if place.form == Form::InRelease { "InRelease" } else { "Release" };
    let name = if place.suite.is_empty() { &place.root } else { &place.suite };
    let name = format!("{}/{file}", name.trim_end_matches('/'));
    // A view that an update holds is of the archive itself, with the same keys.
    let base = match held(&place) {
        Some(held) => Place { root: held.real_root, ..place.clone() }.base(),
        None => place.base(),
    };
    let trust = trust(&signed, evidence.keyring);
    let trust = bound(trust, &signed, &base, evidence.bindings);
    Suite { place, digest, name, signed, trust }
}

/// How far an OpenPGP signature is believed.
pub(super) fn trust<T>(signed: &Signed<T>, keyring: &Keyring) -> Trust {
    match signed.verify(keyring) {
        Ok(signers) => Trust::Signed(signers.iter().map(named).collect::<Vec<_>>().join(" and ")),
        Err(SignatureError::Unsigned) => Trust::Unsigned,
        Err(error @ SignatureError::Wrong { .. }) => Trust::Wrong(error.to_string()),
        Err(error) => Trust::Unknown(error.to_string()),
    }
}

pub(super) fn named(signer: &Signer) -> String {
    let user = signer.user.as_deref().map_or(String::new(), |user| format!(" ({user})"));
    let until = signer.until.map_or(String::new(), |until| format!(", until {}", date(until)));
    format!("key {}{user} signed {}{until}", signer.key, date(signer.made))
}

/// `2026-11-21`.
pub(super) fn date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds);
    time.map_or_else(|_| seconds.to_string(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// The verdict on a signed index itself.
fn own_verdict(suite: &Suite, before: Option<&[Suite]>) -> Verdict {
    let held = held(&suite.place);
    if held.as_ref().is_some_and(|held| !held.is_view_of(&suite.digest)) {
        return Verdict::poisoned("the view is named after another index", "url");
    }
    let Some(before) = before else { return suite.trust.verdict(&suite.name) };
    // What an update holds is as old as the base lock has it, and no older.
    if held.is_some() && before.iter().any(|other| other.digest == suite.digest) {
        return suite.trust.verdict(&suite.name);
    }
    let same = |other: &&Suite| {
        let (left, right) = (&suite.signed.value, &other.signed.value);
        let is_place =
            (&other.place.root, &other.place.suite) == (&suite.place.root, &suite.place.suite);
        let names = |it: &Release| {
            (it.origin.clone(), it.label.clone(), it.codename.clone(), it.suite.clone())
        };
        is_place || (left.origin.is_some() && names(left) == names(right))
    };
    for other in before.iter().filter(same) {
        let (old, new) = (other.signed.value.date, suite.signed.value.date);
        if new < old {
            let message = "the metadata is older than what the base lock has";
            return Verdict::differs(
                message,
                "sha256",
                format!("of {} or later", moment(old)),
                format!("of {}", moment(new)),
            );
        }
        if matches!(suite.trust, Trust::Unsigned) && other.signed.is_signed() {
            return Verdict::poisoned(
                "the metadata is not signed, and was in the base lock",
                "url",
            );
        }
    }
    suite.trust.verdict(&suite.name)
}

/// `2026-11-21T10:00:00Z`.
fn moment(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds);
    time.map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// The suites of the base lock, as far as they can be read.
fn suites_of(lock: &Lockfile, evidence: &Evidence<'_>) -> Vec<Suite> {
    let answers = Answers::of(lock);
    let suites = answers.iter().filter_map(|(_, fetch)| {
        let place = apt::release_place(&fetch.url)?;
        let signature = match place.form {
            Form::InRelease => None,
            Form::Release => answers.get(&format!("{}.gpg", fetch.url)),
            Form::Signature => return None,
        };
        let signed = read(fetch, signature.map(|(_, it)| it), place.form, evidence).ok()?;
        Some(suite(place, fetch.sha256, signed, evidence))
    });
    suites.collect()
}

/// Lists of packages below `dists/` whose suite has no signed index in the lock.
fn unsigned(
    answers: &Answers<'_>,
    suites: &[Suite],
    before: Option<&[Suite]>,
    judged: &mut BTreeMap<Subject, Verdict>,
    offers: &mut Offers,
) {
    for (index, fetch) in answers.iter() {
        let Some((root, path)) = split(&fetch.url) else { continue };
        let subject = Subject::Fetch(index);
        let has_index = suites.iter().any(|it| fetch.url.starts_with(&it.place.base()));
        if has_index || judged.contains_key(&subject) || !path.contains("/binary-") {
            continue;
        }
        let had = before.unwrap_or_default().iter();
        let was_signed = had.filter(|it| it.signed.is_signed());
        let was_signed = was_signed.chain(suites).any(|it| it.place.root == root);
        let verdict = if was_signed {
            let message = "the lock has no InRelease for this index, and the archive signs its \
                           others: its signature is not checked";
            Verdict::poisoned(message, "url")
        } else {
            Verdict::undetermined("the lock has no signed index that names it")
        };
        offers.unread.push((vec![root.to_owned()], format!("{} has no signed index", fetch.url)));
        judged.insert(subject, verdict);
    }
}

/// The archive's root and the rest of a URL with `/dists/`.
fn split(url: &str) -> Option<(&str, &str)> {
    let at = url.rfind("/dists/")?;
    Some((url.get(..=at)?, url.get(at + 1..)?))
}

/// Judges what a suite's index names, and reads its lists of packages.
fn listed(
    evidence: &Evidence<'_>,
    answers: &Answers<'_>,
    suite: &Suite,
    judged: &mut BTreeMap<Subject, Verdict>,
    offers: &mut Offers,
) {
    let base = suite.place.base();
    let is_flat = suite.place.suite.is_empty();
    for (index, fetch) in answers.iter() {
        let subject = Subject::Fetch(index);
        let names = answers.names(&fetch.url);
        let Some(path) = names.iter().find_map(|name| name.strip_prefix(&base)) else { continue };
        if judged.contains_key(&subject) {
            continue;
        }
        let Some((name, digest, size)) = suite.signed.value.file(path, &fetch.sha256) else {
            if path.contains("by-hash/") {
                let message = format!("{} names no file with this hash", suite.name);
                judged.insert(subject, Verdict::poisoned(message, "sha256"));
            } else if !is_flat {
                let reason = format!("{} does not name it", suite.name);
                judged.insert(subject, Verdict::unprovable(reason));
            }
            continue;
        };
        let chain = format!("{} → {name}", suite.name);
        let verdict = if digest != fetch.sha256 {
            let message = format!("{} has another hash of {name}", suite.name);
            Verdict::differs(message, "sha256", digest.hex(), fetch.sha256.hex())
        } else if size != fetch.size {
            let message = format!("{} has another size of {name}", suite.name);
            Verdict::differs(message, "size", size, fetch.size)
        } else {
            suite.trust.verdict(&chain)
        };
        let is_good = matches!(
            verdict,
            Verdict::Proven { .. } | Verdict::Unsigned { .. } | Verdict::Undetermined { .. }
        );
        if is_list(name) {
            if is_good {
                offer(evidence, suite, (fetch, name), chain, offers);
            } else {
                offers.unread.push((roots(&suite.place), format!("{} is not usable", fetch.url)));
            }
        }
        judged.insert(subject, verdict);
    }
}

/// A view of an archive as it was, which an update holds beside the present one.
struct Held {
    host: String,
    /// Root of the archive itself.
    real_root: String,
}

impl Held {
    fn is_view_of(&self, index: &Digest) -> bool {
        real_host(&self.host).is_some_and(|real| held_host(real, index) == self.host)
    }
}

/// The held view that a place is in, if it is in one.
fn held(place: &Place) -> Option<Held> {
    let (_, rest) = place.root.split_once("://")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _port)| host);
    let real_root = with_host(&place.root, real_host(host)?)?;
    Some(Held { host: host.to_owned(), real_root })
}

/// `Packages`, compressed or not.
fn is_list(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split('.').next() == Some("Packages") && !name.contains("Packages.diff")
}

/// Locations are relative to what the line in `sources.list` names: of a flat archive the folder of
/// its index, or one above.
fn roots(place: &Place) -> Vec<String> {
    let mut roots = vec![place.root.clone()];
    // Packages keep the URL that they have at the archive itself.
    roots.extend(held(place).map(|held| held.real_root));
    if place.suite.is_empty() {
        let mut root = place.root.trim_end_matches('/');
        while let Some((parent, _)) = root.rsplit_once('/').filter(|(it, _)| !it.ends_with('/')) {
            roots.push(format!("{parent}/"));
            root = parent;
        }
    }
    roots
}

fn offer(
    evidence: &Evidence<'_>,
    suite: &Suite,
    (fetch, name): (&LockedFetch, &str),
    chain: String,
    offers: &mut Offers,
) {
    let wanted = evidence.wanted("deb", ".deb", '_');
    let read = list(evidence, suite, (fetch, name)).and_then(|text| {
        apt::select(&text, &|name| wanted.contains(name)).map_err(|error| error.to_string())
    });
    let roots = roots(&suite.place);
    match read {
        Ok(found) => {
            let trust = suite.trust.clone();
            offers.sources.push(Source::new(roots, chain, trust, found));
        }
        Err(reason) => offers.unread.push((roots, format!("{}: {reason}", fetch.url))),
    }
}

/// A list of packages. What the suite's index names is the same with and without its compression.
fn list(
    evidence: &Evidence<'_>,
    suite: &Suite,
    (fetch, name): (&LockedFetch, &str),
) -> Result<Vec<u8>, String> {
    let plain = suite.signed.value.plain(name);
    if let Some(Body::There(text)) = plain.map(|(digest, _)| (evidence.bodies)(&digest)) {
        return Ok(text);
    }
    let packed = body(&fetch.sha256, evidence).map_err(|verdict| match verdict {
        Verdict::Undetermined { reason } => reason,
        _ => "it is damaged".to_owned(),
    })?;
    decompress("Packages", &packed).map_err(|error| error.to_string())
}

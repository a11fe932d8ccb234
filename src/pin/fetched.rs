//! What passed through the Door, as blocks of a lockfile, and back.

use super::{PinnedExchange, PinnedStep};
use crate::door::{Content, Exchange, Head, Key, Origin, Traffic};
use crate::lock::{LockedFetch, LockedPackage, LockedStep, Lockfile, MODIFIED};
use crate::oci::Digest;
use crate::package::PackageFile;
use std::collections::{BTreeMap, BTreeSet};

const GET: &str = "GET";
const OK: u16 = 200;

/// What a lock lets the Door serve: one answer for each question, sorted by question.
pub fn exchanges(lock: &Lockfile) -> Vec<Exchange> {
    let mut exchanges: BTreeMap<Key, Exchange> = BTreeMap::new();
    let packages = lock.packages.iter().filter_map(LockedPackage::fetch);
    // A fetch of the same file by another step says more about it than a package.
    for fetch in lock.fetches.iter().cloned().chain(packages) {
        let exchange = exchange(fetch);
        exchanges.entry(exchange.key.clone()).or_insert(exchange);
    }
    exchanges.into_values().collect()
}

/// What of a step's traffic a lock records: all but what a rule answers, which it answers always.
pub fn recorded(traffic: &Traffic) -> impl Iterator<Item = &Exchange> {
    let uses = traffic.uses.iter().filter(|used| !matches!(used.origin, Origin::Rule(_)));
    uses.map(|used| &used.exchange)
}

/// Whether the answer is told by URL, digest, size and time of modification: whether it can be a
/// package of the lock. The body of any other need not be looked at.
///
/// Media type and entity tag are not asked for: package managers read neither, and verify the file
/// by a digest of their own. Further headers are, as a name that the server gives to the file.
pub fn is_plain(exchange: &Exchange) -> bool {
    let Exchange { key, head, .. } = exchange;
    key.method == GET
        && key.variant.is_none()
        && key.body.is_none()
        && head.status == OK
        && head.location.is_none()
        && head.others.is_empty()
}

/// The exchange of a block.
pub fn exchange(fetch: LockedFetch) -> Exchange {
    Exchange {
        key: Key {
            method: fetch.method.unwrap_or_else(|| GET.to_owned()),
            url: fetch.url,
            variant: fetch.variant,
            body: fetch.request,
        },
        head: Head {
            status: fetch.status.unwrap_or(OK),
            media_type: fetch.media_type,
            modified: fetch.modified,
            etag: fetch.etag,
            location: fetch.location,
            others: fetch.headers,
        },
        content: Content { digest: fetch.sha256, size: fetch.size },
    }
}

/// The block of an exchange. What no client can have understood is left out of it.
pub fn fetch(exchange: &Exchange, step: &str) -> LockedFetch {
    let Exchange { key, head, content } = exchange;
    let others = head.others.iter().filter_map(|(name, value)| Some((name.clone(), line(value)?)));
    LockedFetch {
        method: Some(&key.method).filter(|method| *method != GET).cloned(),
        variant: key.variant.clone(),
        request: key.body,
        status: Some(head.status).filter(|status| *status != OK),
        location: head.location.as_deref().map(percent_encoded),
        media_type: head.media_type.as_deref().and_then(line),
        modified: head.modified.filter(|modified| MODIFIED.contains(modified)),
        etag: head.etag.as_deref().and_then(line),
        headers: others.collect(),
        ..LockedFetch::new(key.url.clone(), content.digest, content.size, step.to_owned())
    }
}

/// The value of a header that is text: <https://www.rfc-editor.org/rfc/rfc9110#section-5.5>.
fn line(value: &str) -> Option<String> {
    let value = value.trim_matches([' ', '\t']);
    let is_text = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    (!value.is_empty() && value.bytes().all(is_text)).then(|| value.to_owned())
}

/// As a client has to write what does not belong into a URL.
fn percent_encoded(location: &str) -> String {
    let encode = |byte: u8| match byte {
        b'!'..=b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    location.trim().bytes().map(encode).collect()
}

/// Gives each package of a step the file that it was installed from, where the step fetched it.
/// Says which exchanges these are: they need no block of their own.
pub(super) fn join(step: &PinnedStep, packages: &mut [LockedPackage]) -> BTreeSet<Key> {
    let mut joined = BTreeSet::new();
    for package in packages {
        let found = step.exchanges.iter().filter(|fetched| is_file_of(fetched, package));
        let found: Vec<&Exchange> = found.map(|fetched| &fetched.exchange).collect();
        let digests: BTreeSet<Digest> = found.iter().map(|found| found.content.digest).collect();
        // Of two different files nobody knows which one was installed.
        let first = found.iter().min_by_key(|found| &found.key).filter(|_| digests.len() == 1);
        if let Some(Exchange { key, head, content }) = first {
            package.url = Some(key.url.clone());
            package.sha256 = Some(content.digest);
            package.size = Some(content.size);
            package.modified = head.modified.filter(|modified| MODIFIED.contains(modified));
            joined.insert(key.clone());
        }
    }
    joined
}

fn is_file_of(fetched: &PinnedExchange, package: &LockedPackage) -> bool {
    let (kind, name, architecture, version, _) = package.key();
    let is_file = |file: &PackageFile| file.installs((kind, name, architecture, version));
    fetched.package.as_ref().is_some_and(is_file) && is_plain(&fetched.exchange)
}

/// What belongs to steps.
#[derive(Debug, Default)]
pub(super) struct Pins {
    pub(super) fetches: Vec<LockedFetch>,
    pub(super) packages: Vec<LockedPackage>,
}

impl Pins {
    /// Takes over what the lockfile before has for a step. Says which exchanges that covers.
    pub(super) fn keep_step(
        &mut self,
        (previous, before): (&Lockfile, &LockedStep),
        name: &str,
    ) -> BTreeSet<Key> {
        let own = previous.packages.iter().filter(|package| package.step == before.id);
        let own = own.map(|package| LockedPackage { step: name.to_owned(), ..package.clone() });
        let packages: Vec<LockedPackage> = own.collect();
        let files = packages.iter().filter_map(LockedPackage::fetch);
        let mut told: BTreeSet<Key> = files.map(|file| exchange(file).key).collect();
        self.packages.extend(packages);
        told.extend(self.keep_fetches((previous, before), name, &BTreeSet::new()));
        told
    }

    /// Takes over what the lockfile before says that a step fetched, without what is `told` already.
    pub(super) fn keep_fetches(
        &mut self,
        (previous, before): (&Lockfile, &LockedStep),
        name: &str,
        told: &BTreeSet<Key>,
    ) -> BTreeSet<Key> {
        let mut kept = BTreeSet::new();
        for fetch in previous.fetches.iter().filter(|fetch| fetch.step == before.id) {
            let key = exchange(fetch.clone()).key;
            if !told.contains(&key) {
                self.fetches.push(LockedFetch { step: name.to_owned(), ..fetch.clone() });
                kept.insert(key);
            }
        }
        kept
    }

    pub(super) fn append(&mut self, other: Self) {
        self.fetches.extend(other.fetches);
        self.packages.extend(other.packages);
    }
}

/// Adds what a step fetched, each question once, without what is `told` already.
pub(super) fn add(pins: &mut Pins, exchanges: &[PinnedExchange], step: &str, told: &BTreeSet<Key>) {
    let mut told = told.clone();
    for PinnedExchange { exchange, .. } in exchanges {
        if told.insert(exchange.key.clone()) {
            pins.fetches.push(fetch(exchange, step));
        }
    }
}

/// One question, one answer: makes what is new agree with what is kept, and with itself.
///
/// A Door that was given what the lock has ([`exchanges`]) does not answer otherwise.
pub(super) fn agree(kept: &Pins, new: &mut Pins) {
    let mut answers = Answers::default();
    kept.fetches.iter().for_each(|fetch| drop(answers.fetch(fetch)));
    kept.packages.iter().for_each(|package| drop(answers.package(package)));
    for fetch in &mut new.fetches {
        if let Some(answer) = answers.fetch(fetch) {
            *fetch = LockedFetch { step: std::mem::take(&mut fetch.step), ..answer };
        }
    }
    for package in &mut new.packages {
        if answers.package(package).is_some() {
            (package.url, package.sha256, package.size, package.modified) =
                (None, None, None, None);
        }
    }
}

/// The answers so far: those of fetches, and those of packages, which say less.
#[derive(Debug, Default)]
struct Answers {
    whole: BTreeMap<Key, LockedFetch>,
    of_packages: BTreeMap<Key, LockedFetch>,
}

impl Answers {
    /// The answer that holds instead, where it is another.
    fn fetch(&mut self, fetch: &LockedFetch) -> Option<LockedFetch> {
        let key = exchange(fetch.clone()).key;
        if let Some(first) = self.whole.get(&key) {
            return (!first.answers_as(fetch)).then(|| first.clone());
        }
        if let Some(first) = self.of_packages.get(&key).filter(|first| !first.gives_as(fetch)) {
            return Some(first.clone());
        }
        self.whole.insert(key, fetch.clone());
        None
    }

    fn package(&mut self, package: &LockedPackage) -> Option<LockedFetch> {
        let file = package.fetch()?;
        let key = exchange(file.clone()).key;
        if let Some(first) = self.whole.get(&key).or_else(|| self.of_packages.get(&key)) {
            return (!first.gives_as(&file)).then(|| first.clone());
        }
        self.of_packages.insert(key, file);
        None
    }
}

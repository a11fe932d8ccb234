//! What a lock answers to which URL.

use crate::lock::{LockedFetch, Lockfile};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Redirects after each other that are followed backwards.
const REDIRECTS_MAX: usize = 10;

/// The answers of a lock by URL.
pub(super) struct Answers<'a> {
    plain: BTreeMap<&'a str, (usize, &'a LockedFetch)>,
    /// By a URL those that redirect to it.
    redirects: BTreeMap<String, Vec<&'a str>>,
    /// By a URL the one that it redirects to.
    targets: BTreeMap<&'a str, String>,
}

impl<'a> Answers<'a> {
    pub(super) fn of(lock: &'a Lockfile) -> Self {
        let mut plain = BTreeMap::new();
        let mut redirects: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut targets = BTreeMap::new();
        for (index, fetch) in lock.fetches.iter().enumerate() {
            if is_content(fetch) {
                plain.entry(&*fetch.url).or_insert((index, fetch));
            } else if let Some(target) = target(fetch) {
                targets.entry(&*fetch.url).or_insert_with(|| target.clone());
                redirects.entry(target).or_default().push(&fetch.url);
            }
        }
        Self { plain, redirects, targets }
    }

    /// What a plain `GET` of a URL is answered with, where that is content.
    pub(super) fn get(&self, url: &str) -> Option<(usize, &'a LockedFetch)> {
        self.plain.get(url).copied()
    }

    /// Where a URL redirects to.
    pub(super) fn target(&self, url: &str) -> Option<String> {
        self.targets.get(url).cloned()
    }

    /// All that is content, by URL.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &'a LockedFetch)> {
        self.plain.values().copied()
    }

    /// The URLs that lead to this one, itself first.
    pub(super) fn names<'u>(&'u self, url: &'u str) -> Vec<&'u str> {
        let mut names = vec![url];
        let mut at = 0;
        while let Some(name) = names.get(at).copied() {
            at += 1;
            let before = self.redirects.get(name).into_iter().flatten().copied();
            for name in before {
                if !names.contains(&name) && names.len() < REDIRECTS_MAX {
                    names.push(name);
                }
            }
        }
        names
    }
}

/// Whether a fetch is a plain `GET` that is answered with content.
pub(super) fn is_content(fetch: &LockedFetch) -> bool {
    let is_get = fetch.method.is_none() && fetch.request.is_none();
    is_get && fetch.status.is_none_or(|status| status == 200)
}

fn target(fetch: &LockedFetch) -> Option<String> {
    let base = url::Url::parse(&fetch.url).ok()?;
    base.join(fetch.location.as_deref()?).ok().map(String::from)
}

/// A path without percent-encoding; bytes that are not UTF-8 are replaced.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let pair = behind.get(..2).filter(|_| *first == b'%');
        let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

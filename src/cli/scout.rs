//! Looking ahead: what indexes say now, and what they said when the lock was made, without a build.
//!
//! What was seen last under a URL is noted in the Store, so that `--offline` and the next run know it.

use super::args::{InputArguments, NetworkMode};
use super::context::Context;
use super::project::Project;
use crate::door::{
    Door, Exchange, Mirror, Mode, Options, Refusal, RefusalReason, Sources, Visitor,
};
use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use crate::pin;
use crate::store::Store;
use crate::update::IndexFile;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// Where the notes are, below the Store.
const NOTES: &str = "seen";

/// A larger note is none, in bytes.
const NOTE_SIZE_MAX: usize = 64 << 10;

/// Something that an index could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot get {url}: {reason}")]
pub(super) struct Unseen {
    url: String,
    reason: String,
}

impl Unseen {
    fn of(refusal: &Refusal) -> Self {
        let reason = match &refusal.reason {
            RefusalReason::Upstream(words)
            | RefusalReason::Unsupported(words)
            | RefusalReason::Store(words) => words.clone(),
            RefusalReason::Unavailable(tried) => tried.join("; "),
            RefusalReason::Integrity { expected, found, .. } => {
                format!("it gives {found}, the lock has {expected}")
            }
            other => format!("{other:?}"),
        };
        Self { url: refusal.target.clone(), reason }
    }
}

/// Asks.
pub(super) struct Scout<'a> {
    lock: &'a Lockfile,
    project: &'a Project,
    input: &'a InputArguments,
    network: NetworkMode,
    context: &'a Context,
    store: Store,
    now: Door,
    then: OnceCell<Door>,
    visitor: Arc<Visitor>,
}

/// What was noted of an answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    url: String,
    variant: Option<String>,
    sha256: String,
    size: u64,
    etag: Option<String>,
    modified: Option<i64>,
    media_type: Option<String>,
}

impl<'a> Scout<'a> {
    /// The Store that everything which was seen is in.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Opens the ways out. `instead` is what is asked in the place of upstream.
    pub(super) fn open(
        (project, lock): (&'a Project, &'a Lockfile),
        input: &'a InputArguments,
        network: NetworkMode,
        instead: Vec<Mirror>,
        context: &'a Context,
    ) -> anyhow::Result<Self> {
        let store = context.open_store()?;
        let sources = Sources { instead, ..Sources::default() };
        let now = Door::open(Options {
            store: store.clone(),
            mode: Mode::Record,
            offline: network == NetworkMode::Offline,
            exchanges: Vec::new(),
            secrets: Vec::new(),
            hosts: hosts(input),
            sources,
            cancelled: context.cancelled_flag(),
        })?;
        let (then, visitor) = (OnceCell::new(), Visitor::new(""));
        Ok(Self { lock, project, input, network, context, store, now, then, visitor })
    }

    /// What the lock has the digest of: from the Store, else from wherever it can be had.
    pub(super) fn locked(&self, url: &str, digest: Digest, size: u64) -> anyhow::Result<Vec<u8>> {
        if let Ok(content) = self.store.read_blob(&digest, size) {
            return Ok(content);
        }
        let door = if let Some(door) = self.then.get() {
            door
        } else {
            let door = self.open_then()?;
            self.then.get_or_init(|| door)
        };
        let url: Url = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        door.fetch(&self.visitor, &url).map_err(|refusal| Unseen::of(&refusal))?;
        Ok(self.store.read_blob(&digest, size)?)
    }

    fn open_then(&self) -> anyhow::Result<Door> {
        Ok(Door::open(Options {
            store: self.store.clone(),
            mode: Mode::Locked,
            offline: self.network == NetworkMode::Offline,
            exchanges: pin::exchanges(self.lock),
            secrets: Vec::new(),
            hosts: hosts(self.input),
            sources: super::outside::sources(self.project),
            cancelled: self.context.cancelled_flag(),
        })?)
    }

    /// What is answered now where the lock has this answer. Offline: what was seen last.
    pub(super) fn now(&self, fetch: &LockedFetch) -> anyhow::Result<(LockedFetch, Vec<u8>)> {
        let noted = self.noted(fetch);
        let known = noted.clone().unwrap_or_else(|| fetch.clone());
        if self.network == NetworkMode::Offline {
            let content = self.locked(&known.url, known.sha256, known.size)?;
            return Ok((known, content));
        }
        let url: Url = fetch.url.parse().with_context(|| format!("`{}` is no URL", fetch.url))?;
        let known = pin::exchange(known);
        let asked =
            self.now.fetch_again(&self.visitor, &url, fetch.variant.as_deref(), Some(&known));
        let Exchange { head, content, .. } = asked.map_err(|refusal| Unseen::of(&refusal))?;
        if head.status != 200 {
            let reason = format!("the status is {}", head.status);
            return Err(Unseen { url: fetch.url.clone(), reason }.into());
        }
        // Under the question that was asked, wherever redirects have led.
        let key = pin::exchange(fetch.clone()).key;
        let now = pin::fetch(&Exchange { key, head, content }, &fetch.step);
        if noted.as_ref() != Some(&now) {
            self.note(&now);
        }
        let content = self.store.read_blob(&now.sha256, now.size)?;
        Ok((now, content))
    }

    /// An index below a signed one, which says its digest.
    pub(super) fn index(&self, index: &IndexFile, base: &str) -> anyhow::Result<Vec<u8>> {
        if let Ok(content) = self.store.read_blob(&index.digest, index.size) {
            return Ok(content);
        }
        let urls = [index.url.clone(), index.plain_url(base)];
        self.told(&urls, &index.digest)?;
        Ok(self.store.read_blob(&index.digest, index.size)?)
    }

    /// Brings into the Store what an index tells the digest of, from the first of these URLs that has
    /// it now.
    pub(super) fn told(&self, urls: &[String], digest: &Digest) -> anyhow::Result<()> {
        let mut reason = "nothing may be fetched while offline".to_owned();
        for url in urls {
            if self.network == NetworkMode::Offline {
                break;
            }
            let parsed: Url = url.parse().with_context(|| format!("`{url}` is no URL"))?;
            match self.now.fetch(&self.visitor, &parsed) {
                Ok(found) if found.content.digest == *digest => return Ok(()),
                Ok(found) if found.head.status == 200 => {
                    "its signed index has another digest: the archive changes just now"
                        .clone_into(&mut reason);
                }
                Ok(found) => reason = format!("the status is {}", found.head.status),
                Err(refusal) => reason = Unseen::of(&refusal).reason,
            }
        }
        let url = urls.last().cloned().unwrap_or_default();
        Err(Unseen { url, reason }.into())
    }

    /// What is there now under a URL; with a digest, only that content.
    pub(super) fn content(&self, url: &str, digest: Option<&Digest>) -> anyhow::Result<Vec<u8>> {
        let unseen = |reason: String| Unseen { url: url.to_owned(), reason };
        let parsed: Url = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        let found = self.now.fetch(&self.visitor, &parsed);
        let found = found.map_err(|refusal| Unseen::of(&refusal))?;
        if found.head.status != 200 {
            return Err(unseen(format!("the status is {}", found.head.status)).into());
        }
        if digest.is_some_and(|digest| *digest != found.content.digest) {
            return Err(unseen("its index has another digest".to_owned()).into());
        }
        Ok(self.store.read_blob(&found.content.digest, found.content.size)?)
    }

    fn note_path(&self, fetch: &LockedFetch) -> PathBuf {
        let variant = fetch.variant.as_deref().unwrap_or_default();
        let name = Digest::of(format!("{} {variant}", fetch.url).as_bytes()).hex();
        self.store.root().join(NOTES).join(name)
    }

    /// What was seen last; nothing where there is no such note, or not what it is about.
    fn noted(&self, fetch: &LockedFetch) -> Option<LockedFetch> {
        let text = super::project::read_at_most(&self.note_path(fetch), NOTE_SIZE_MAX).ok()?;
        let note: Note = serde_json::from_slice(&text).ok()?;
        if (&note.url, &note.variant) != (&fetch.url, &fetch.variant) {
            return None;
        }
        let digest = Digest::from_hex(&note.sha256).ok()?;
        self.store.contains(&digest).then(|| LockedFetch {
            variant: note.variant,
            etag: note.etag,
            modified: note.modified,
            media_type: note.media_type,
            ..LockedFetch::new(note.url, digest, note.size, fetch.step.clone())
        })
    }

    /// A note that cannot be written is only missed by the next run.
    fn note(&self, fetch: &LockedFetch) {
        let note = Note {
            url: fetch.url.clone(),
            variant: fetch.variant.clone(),
            sha256: fetch.sha256.hex(),
            size: fetch.size,
            etag: fetch.etag.clone(),
            modified: fetch.modified,
            media_type: fetch.media_type.clone(),
        };
        let path = self.note_path(fetch);
        let written = serde_json::to_vec(&note).map_err(std::io::Error::from).and_then(|text| {
            std::fs::create_dir_all(self.store.root().join(NOTES))?;
            super::locking::replace(&path, &text)
        });
        if let Err(error) = written {
            tracing::debug!(%error, "what was seen is not noted");
        }
    }
}

fn hosts(input: &InputArguments) -> std::collections::BTreeMap<String, std::net::IpAddr> {
    input.hosts.iter().map(|host| (host.name.clone(), host.address)).collect()
}

//! `rlock store status`: who still has the bytes behind a lock.

use super::lockfile::LockText;
use super::needs;
use super::transfers::Transfers;
use crate::cli::args::StoreStatusArguments;
use crate::cli::context::Context;
use crate::cli::settings::{Mirror, Settings};
use crate::cli::store::lockfile::LockPlace;
use crate::door::{Content, Depth, Presence, Probe};
use crate::oci::{Digest, Reference};
use crate::registry::{Client, Failure};
use crate::report::{Status, StoreStatusReport, Supply, SupplyRow, SupplyState};
use crate::store::Store;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Questions at once: most of the time nothing but waiting is done.
const QUESTIONS_MAX: usize = 16;

const OFFLINE: &str = "--offline";
const NO_REMOTE: &str = "rlock.toml names no remote";
const NO_FILE: &str = "not a plain download";
const NO_SIZE: &str = "the lock has no size";

/// Asks everybody who may have something.
pub(super) fn run(
    arguments: &StoreStatusArguments,
    context: &Context,
) -> anyhow::Result<StoreStatusReport> {
    let place = LockPlace::of(&arguments.directory, &arguments.lock);
    let settings = Settings::beside(&place.dockerfile)?;
    let text = place.require()?;
    let store = context.open_store()?;
    let client = Client::new(context.registry_options());
    let probe = Probe::new(context.cancelled_flag()).map_err(anyhow::Error::msg)?;
    let asked = Asked {
        store: &store,
        client: &client,
        probe: &probe,
        settings: &settings,
        depth: if arguments.deep { Depth::Body } else { Depth::Head },
        offline: arguments.offline,
    };
    let transfers = Transfers::new(context, "ask");
    let rows = asked.rows(&text)?;
    transfers.finish();
    if context.signal().is_some() {
        anyhow::bail!("stopped");
    }
    let remote = settings.store.remote.as_ref().map(Reference::name);
    let has = |state: SupplyState| rows.iter().any(|row| row.state() == state);
    let status = match (has(SupplyState::Lost), has(SupplyState::Unknown)) {
        // What could not be determined hides nothing, but makes the answer worth less.
        (_, true) => Status::Undetermined,
        (true, false) => Status::Findings,
        (false, false) => Status::Ok,
    };
    let without_digest = needs::without_digest(&text.lock);
    Ok(StoreStatusReport { lock: text.path, remote, rows, without_digest, status })
}

struct Asked<'a> {
    store: &'a Store,
    client: &'a Client,
    probe: &'a Probe,
    settings: &'a Settings,
    depth: Depth,
    offline: bool,
}

/// One thing that a lock names.
struct Item {
    kind: &'static str,
    url: String,
    digest: Digest,
    size: Option<u64>,
    image: Option<Reference>,
    /// Whether asking the URL for it gives the bytes: an image, a redirect, or an answer to a form
    /// is asked for in other ways.
    is_file: bool,
}

impl Asked<'_> {
    fn rows(&self, text: &LockText) -> anyhow::Result<Vec<SupplyRow>> {
        let items = items(text);
        let digests: Vec<Digest> = items.iter().map(|item| item.digest).collect();
        let damaged: BTreeSet<Digest> = if self.depth == Depth::Body {
            let there: Vec<Digest> =
                digests.iter().filter(|digest| self.store.contains(digest)).copied().collect();
            let damaged = self.store.find_damaged(&there, &|_| {})?;
            damaged.into_iter().map(|damaged| damaged.digest).collect()
        } else {
            BTreeSet::new()
        };
        let remote = self.remote(&digests)?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(QUESTIONS_MAX).build()?;
        let rows = pool.install(|| {
            items
                .into_par_iter()
                .zip(remote)
                .map(|(item, remote)| self.row(item, remote, &damaged))
                .collect()
        });
        Ok(rows)
    }

    /// Whether the remote has each, by what it says of its blobs.
    fn remote(&self, digests: &[Digest]) -> anyhow::Result<Vec<Supply>> {
        let everywhere = |supply: Supply| vec![supply; digests.len()];
        let remote = match (&self.settings.store.remote, self.offline) {
            (None, _) => return Ok(everywhere(Supply::NotAsked(NO_REMOTE))),
            (_, true) => return Ok(everywhere(Supply::NotAsked(OFFLINE))),
            (Some(remote), false) => remote,
        };
        match self.client.blob_sizes(remote, digests) {
            Ok(sizes) => Ok(sizes
                .into_iter()
                .map(|size| if size.is_some() { Supply::Likely } else { Supply::Gone })
                .collect()),
            Err(error) if matches!(error.failure(), Failure::Integrity | Failure::Local) => {
                Err(error.into())
            }
            Err(error) => Ok(everywhere(Supply::Unknown(error.to_string()))),
        }
    }

    fn row(&self, item: Item, remote: Supply, damaged: &BTreeSet<Digest>) -> SupplyRow {
        let store = self.in_store(&item, damaged);
        let upstream = match &item.image {
            _ if self.offline => Supply::NotAsked(OFFLINE),
            Some(image) => self.image(image, &item.digest),
            None => self.url(&item.url, &item),
        };
        let mirrored = match (&item.image, self.offline) {
            (None, false) => mirrored(&item.url, &self.settings.mirrors),
            _ => Vec::new(),
        };
        let mirrors = mirrored
            .into_iter()
            .map(|url| {
                let supply = self.url(&url, &item);
                (url, supply)
            })
            .collect();
        let Item { kind, url, digest, size, .. } = item;
        SupplyRow { url, kind, digest, size, store, remote, upstream, mirrors }
    }

    fn in_store(&self, item: &Item, damaged: &BTreeSet<Digest>) -> Supply {
        match (self.store.size(&item.digest), item.size) {
            _ if damaged.contains(&item.digest) => Supply::Changed,
            (Ok(found), Some(size)) if found != size => Supply::Changed,
            (Ok(_), _) if self.depth == Depth::Body => Supply::Verified,
            (Ok(_), _) => Supply::Likely,
            (Err(_), _) => Supply::Gone,
        }
    }

    fn url(&self, url: &str, item: &Item) -> Supply {
        if !item.is_file {
            return Supply::NotAsked(NO_FILE);
        }
        if !item.is_file {
            return Supply::NotAsked(NO_FILE);
        }
        let Some(size) = item.size else { return Supply::NotAsked(NO_SIZE) };
        match self.probe.ask(url, &Content { digest: item.digest, size }, self.depth) {
            Presence::Verified => Supply::Verified,
            Presence::Likely => Supply::Likely,
            Presence::Changed => Supply::Changed,
            Presence::Gone => Supply::Gone,
            Presence::Unknown(reason) => Supply::Unknown(reason),
        }
    }

    /// An image is there if its manifest is: registries do not keep the one without the others.
    fn image(&self, image: &Reference, manifest: &Digest) -> Supply {
        let reference = Reference { digest: Some(*manifest), ..image.clone() };
        match self.client.manifest(&reference) {
            Ok(Some(_)) => Supply::Verified,
            Ok(None) => Supply::Gone,
            Err(error) if error.is_integrity() => Supply::Changed,
            Err(error) => Supply::Unknown(error.to_string()),
        }
    }
}

/// Each URL with each digest that it had, and each image; sorted.
fn items(text: &LockText) -> Vec<Item> {
    let lock = &text.lock;
    let packages = lock.packages.iter().filter_map(|package| {
        let (url, digest) = (package.url.clone()?, package.sha256?);
        Some(Item { kind: "package", url, digest, size: package.size, image: None, is_file: true })
    });
    let fetches = lock.fetches.iter().map(|fetch| Item {
        kind: "fetch",
        url: fetch.url.clone(),
        digest: fetch.sha256,
        size: Some(fetch.size),
        image: None,
        is_file: fetch.method.is_none() && fetch.status.is_none() && fetch.variant.is_none(),
    });
    let images = lock.images.iter().map(|image| Item {
        kind: "image",
        url: format!("{}@{}", image.reference.familiar(), image.manifest),
        digest: image.manifest,
        size: None,
        is_file: false,
        image: Some(image.reference.clone()),
    });
    let mut items: Vec<Item> = packages.chain(fetches).chain(images).collect();
    items.sort_by(|left, right| (&left.url, left.digest).cmp(&(&right.url, right.digest)));
    items.dedup_by(|left, right| left.url == right.url && left.digest == right.digest);
    items
}

/// The URLs under which mirrors should have it.
fn mirrored(url: &str, mirrors: &[Mirror]) -> Vec<String> {
    let replaced =
        |mirror: &Mirror| Some(format!("{}{}", mirror.url, url.strip_prefix(&mirror.of)?));
    mirrors.iter().filter_map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_stand_in_for_what_is_below_a_prefix() {
        let mirror = |of: &str, url: &str| Mirror { of: of.to_owned(), url: url.to_owned() };
        let mirrors = [
            mirror("http://deb.example/debian/", "https://a.example/d/"),
            mirror("http://deb.example/", "https://b.example/"),
            mirror("http://deb.example/debian-security/", "https://c.example/"),
        ];
        assert_eq!(
            mirrored("http://deb.example/debian/pool/x.deb", &mirrors),
            ["https://a.example/d/pool/x.deb", "https://b.example/debian/pool/x.deb"]
        );
        assert!(mirrored("https://deb.example/debian/", &mirrors).is_empty());
    }
}

//! `rlock store push`, and what commands that build do when they have.

use super::lockfile::LockText;
use super::needs::{self, Need, Needs};
use super::transfers::Transfers;
use super::{Chosen, Incomplete, artifact, pull};
use crate::cli::args::{NetworkMode, StorePushArguments};
use crate::cli::context::Context;
use crate::cli::failure::{Ending, ending};
use crate::cli::project::Project;
use crate::cli::settings::PushPolicy;
use crate::oci::{Digest, Reference, media_type};
use crate::registry::{Client, Outgoing, Pushed, WantedBlob};
use crate::report::{NeedRow, Status, StorePushReport};
use crate::store::Store;
use std::collections::BTreeMap;
use std::time::Instant;

/// Notes where the lock is, for collections; and pushes it as it is on disk now, and what it needs, where rlock.toml says so and the
/// remote does not have it. What does not work is a warning, since the build itself has worked; but
/// content that is not what it should be is an error always.
pub(in crate::cli) fn push_after(
    project: &Project,
    store: &Store,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Option<StorePushReport>> {
    if project.lock_path.exists() {
        pull::remember(&project.lock_path, store);
    }
    let settings = &project.settings.store;
    let (Some(remote), PushPolicy::Auto, NetworkMode::Online) =
        (&settings.remote, settings.push, network)
    else {
        return Ok(None);
    };
    let Some(text) = LockText::read(&project.lock_path)? else { return Ok(None) };
    match push_once(remote, &text, store, context) {
        Ok(report) => Ok(report),
        Err(error) => match ending(&error) {
            Ending::Interrupted(_) | Ending::Status(Status::Integrity) => Err(error),
            Ending::Status(_) => {
                context.warn(&format!("the lock is not pushed: {error:#}"));
                Ok(None)
            }
        },
    }
}

fn push_once(
    remote: &Reference,
    text: &LockText,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Option<StorePushReport>> {
    let (client, transfers) = Transfers::client(context, &format!("push to {}", remote.name()));
    let reference = Reference { tag: Some(text.tag()), ..remote.clone() };
    if client.manifest(&reference)?.is_some() {
        return Ok(None);
    }
    let report = push(&client, remote, None, text, store)?;
    transfers.finish();
    Ok(Some(report))
}

/// Pushes the lock that the arguments name.
pub(super) fn run(
    arguments: &StorePushArguments,
    context: &Context,
) -> anyhow::Result<StorePushReport> {
    let Chosen { remote, place } =
        Chosen::new(arguments.first.as_ref(), arguments.directory.as_deref(), &arguments.lock)?;
    if remote.digest.is_some() {
        return Err(crate::cli::failure::Misuse {
            message: "what is pushed has the digest that it has".to_owned(),
            hint: "leave out `@…`; a tag may be given".to_owned(),
        }
        .into());
    }
    let text = place.require()?;
    let store = context.open_store()?;
    let name = format!("push to {}", remote.repository.name());
    let (client, transfers) = Transfers::client(context, &name);
    let report = push(&client, &remote.repository, remote.tag.as_deref(), &text, &store)?;
    transfers.finish();
    pull::remember(&text.path, &store);
    Ok(report)
}

/// Blobs first, the manifest that names them last: an artifact that is there is whole.
fn push(
    client: &Client,
    remote: &Reference,
    tag: Option<&str>,
    text: &LockText,
    store: &Store,
) -> anyhow::Result<StorePushReport> {
    let started = Instant::now();
    let needed = complete(client, remote, text, store)?;
    let sizes = needed.sizes;
    let extra = [store.put(&text.bytes)?, store.put(artifact::EMPTY_CONTENT)?];
    let of_lock = needed.needs.values().filter(|need| store.contains(&need.digest));
    let mut outgoing: Vec<Outgoing> = of_lock
        .map(|need| Outgoing { digest: need.digest, mount_from: need.mount_from(remote) })
        .collect();
    outgoing.extend(extra.map(|digest| Outgoing { digest, mount_from: None }));
    let outcomes = client.push_blobs(remote, &outgoing, store)?;

    let manifest = artifact::manifest(&text.bytes, &needed.needs, &sizes);
    let tags: Vec<String> = [text.tag()].into_iter().chain(tag.map(str::to_owned)).collect();
    let mut digest = Digest::of(&manifest);
    for tag in &tags {
        digest = client.push_manifest(remote, tag, media_type::MANIFEST, &manifest)?;
    }
    let count = |is: fn(&Pushed) -> bool| outcomes.iter().filter(|it| is(it)).count() as u64;
    let bytes = outcomes.iter().map(|pushed| match pushed {
        Pushed::Sent(bytes) => *bytes,
        _ => 0,
    });
    Ok(StorePushReport {
        remote: remote.name(),
        lock: text.path.clone(),
        tags,
        artifact: digest,
        there: count(|pushed| *pushed == Pushed::There) + needed.only_there,
        mounted: count(|pushed| *pushed == Pushed::Mounted),
        sent: count(|pushed| matches!(pushed, Pushed::Sent(_))),
        sent_bytes: bytes.sum(),
        without_digest: needs::without_digest(&text.lock),
        elapsed: started.elapsed(),
    })
}

/// Everything that the lock needs, each with its size.
struct Complete {
    needs: Needs,
    sizes: BTreeMap<Digest, u64>,
    /// How many only the repository has.
    only_there: u64,
}

/// What the Store lacks may be in the repository, pushed with another lock by somebody else.
fn complete(
    client: &Client,
    remote: &Reference,
    text: &LockText,
    store: &Store,
) -> anyhow::Result<Complete> {
    let named = needs::named(&text.lock);
    // A manifest is small, and says what else the image needs.
    let is_manifest = |need: &&Need| matches!(need.source, needs::Source::Manifest(_));
    let missing = needs::missing(&named, store);
    let manifests: Vec<WantedBlob> = missing.iter().filter(is_manifest).map(Need::wanted).collect();
    if !manifests.is_empty() {
        client.fetch_blobs(remote, &manifests, store)?;
    }
    let needed = needs::all(&text.lock, store);
    let mut sizes: BTreeMap<Digest, u64> = needed
        .keys()
        .filter_map(|digest| store.size(digest).ok().map(|size| (*digest, size)))
        .collect();
    let missing = needs::missing(&needed, store);
    let digests: Vec<Digest> = missing.iter().map(|need| need.digest).collect();
    let found = client.blob_sizes(remote, &digests)?;
    let mut absent: Vec<NeedRow> = Vec::new();
    for (need, size) in missing.iter().zip(found) {
        match size {
            Some(size) => drop(sizes.insert(need.digest, size)),
            None => absent.push(need.row()),
        }
    }
    if !absent.is_empty() {
        let (lock, remote) = (text.path.clone(), remote.name());
        return Err(Incomplete { lock, remote, absent }.into());
    }
    Ok(Complete { needs: needed, sizes, only_there: missing.len() as u64 })
}

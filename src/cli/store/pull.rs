//! `rlock store pull`, and what commands that build do before they build.

use super::lockfile::{LockPlace, LockText};
use super::needs::{self, Need, Needs};
use super::transfers::Transfers;
use super::{BadArtifact, Chosen, artifact};
use crate::cli::args::{NetworkMode, RemoteArgument, StorePullArguments};
use crate::cli::context::Context;
use crate::cli::failure::{Misuse, Unwritable};
use crate::cli::locking;
use crate::cli::project::Project;
use crate::lock::Lockfile;
use crate::oci::{Platform, Reference};
use crate::registry::{Client, Failure, Fetched, RegistryError, WantedBlob};
use crate::report::{ArtifactFound, NeedRow, Status, StorePullReport};
use crate::store::Store;
use std::path::Path;
use std::time::Instant;

/// What a pull did.
#[derive(Debug, Default)]
pub(in crate::cli) struct Pulled {
    /// Blobs that the Store had.
    pub(in crate::cli) there: u64,
    /// Blobs that were fetched.
    pub(in crate::cli) fetched: u64,
    /// Their bytes.
    pub(in crate::cli) bytes: u64,
    /// What the Store still lacks.
    pub(in crate::cli) absent: Vec<NeedRow>,
}

/// Brings what the project's lock needs into the Store, as far as the `remote` of rlock.toml has it.
/// The remote is one source of several: where it does not answer, that is a warning, and the build
/// asks the others. Content that is not what its digest says is an error always.
pub(in crate::cli) fn pull_for(
    project: &Project,
    store: &Store,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Pulled> {
    let Some(lock) = &project.lock else { return Ok(Pulled::default()) };
    remember(&project.lock_path, store);
    let needed = needs::all(lock, store);
    needs::mark_used(&needed, store);
    let missing = needs::missing(&needed, store);
    let remote = match (&project.settings.store.remote, network) {
        (Some(remote), NetworkMode::Online) if !missing.is_empty() => remote,
        _ => {
            let absent = missing.iter().map(Need::row).collect();
            return Ok(Pulled { there: there(&needed, &missing), absent, ..Pulled::default() });
        }
    };
    let (client, transfers) = Transfers::client(context, &format!("pull from {}", remote.name()));
    let pulled = fetch(&client, remote, lock, store);
    transfers.finish();
    match pulled {
        Ok(pulled) => Ok(pulled),
        Err(error) if matches!(error.failure(), Failure::Integrity | Failure::Local) => {
            Err(error.into())
        }
        Err(error) => {
            context.warn(&format!("nothing comes from the remote of rlock.toml: {error}"));
            let absent = missing.iter().map(Need::row).collect();
            Ok(Pulled { there: there(&needed, &missing), absent, ..Pulled::default() })
        }
    }
}

fn there(needed: &Needs, missing: &[Need]) -> u64 {
    (needed.len() - missing.len()) as u64
}

/// Notes where the lock is, so that a collection knows what it needs.
pub(super) fn remember(path: &Path, store: &Store) {
    let noted = std::fs::canonicalize(path).map_err(|error| error.to_string());
    let noted =
        noted.and_then(|path| store.remember_lock(&path).map_err(|error| error.to_string()));
    if let Err(error) = noted {
        tracing::debug!(path = %path.display(), %error, "the lock is not noted");
    }
}

/// First what the lock names, then what the manifests among that name.
fn fetch(
    client: &Client,
    remote: &Reference,
    lock: &Lockfile,
    store: &Store,
) -> Result<Pulled, RegistryError> {
    let mut pulled = Pulled::default();
    fetch_needs(client, remote, &needs::named(lock), store, &mut pulled)?;
    fetch_needs(client, remote, &needs::of_images(lock, store), store, &mut pulled)?;
    Ok(pulled)
}

fn fetch_needs(
    client: &Client,
    remote: &Reference,
    needed: &Needs,
    store: &Store,
    pulled: &mut Pulled,
) -> Result<(), RegistryError> {
    let missing = needs::missing(needed, store);
    pulled.there += there(needed, &missing);
    if missing.is_empty() {
        return Ok(());
    }
    let wanted: Vec<WantedBlob> = missing.iter().map(Need::wanted).collect();
    let outcomes = client.fetch_blobs(remote, &wanted, store)?;
    for (need, outcome) in missing.iter().zip(outcomes) {
        match outcome {
            Fetched::There => pulled.there += 1,
            Fetched::Pulled(bytes) => {
                pulled.fetched += 1;
                pulled.bytes += bytes;
            }
            Fetched::Absent => pulled.absent.push(need.row()),
        }
    }
    Ok(())
}

/// Brings what the project's lock needs, or, where there is none, a lock and what it needs.
pub(super) fn run(
    arguments: &StorePullArguments,
    context: &Context,
) -> anyhow::Result<StorePullReport> {
    let started = Instant::now();
    let Chosen { remote, place } =
        Chosen::new(arguments.first.as_ref(), arguments.directory.as_deref(), &arguments.lock)?;
    let store = context.open_store()?;
    let name = format!("pull from {}", remote.repository.name());
    let (client, transfers) = Transfers::client(context, &name);
    let found = find(&client, &remote, &place, &store)?;
    let pulled = fetch(&client, &remote.repository, &found.text.lock, &store)?;
    transfers.finish();
    // Last: a lockfile that is there has its content.
    if found.is_new {
        locking::replace(&found.text.path, &found.text.bytes)
            .map_err(|source| Unwritable { path: found.text.path.clone(), source })?;
    }
    remember(&found.text.path, &store);
    let status = if pulled.absent.is_empty() { Status::Ok } else { Status::Findings };
    Ok(StorePullReport {
        remote: remote.named().map_or_else(|| remote.repository.name(), |named| named.to_string()),
        lock: found.text.path,
        written: found.is_new,
        artifact: found.artifact,
        there: pulled.there,
        pulled: pulled.fetched,
        pulled_bytes: pulled.bytes,
        absent: pulled.absent,
        elapsed: started.elapsed(),
        status,
    })
}

/// The lock that is to be pulled.
struct Found {
    text: LockText,
    artifact: ArtifactFound,
    /// Whether it is not in the project yet.
    is_new: bool,
}

/// The lock in the project wins over what the repository has under a name.
fn find(
    client: &Client,
    remote: &RemoteArgument,
    place: &LockPlace,
    store: &Store,
) -> anyhow::Result<Found> {
    let named =
        remote.named().map(|named| in_registry(client, &named, place, store)).transpose()?;
    match (place.read()?, named) {
        (Some(text), Some(named)) => {
            let same = text.bytes == named.bytes;
            let artifact = if same { ArtifactFound::Same } else { ArtifactFound::Other };
            Ok(Found { text, artifact, is_new: false })
        }
        (Some(text), None) => {
            let reference = Reference { tag: Some(text.tag()), ..remote.repository.clone() };
            let found = client.manifest(&reference)?;
            let artifact = match found {
                Some(_) => ArtifactFound::Same,
                None => ArtifactFound::Missing,
            };
            Ok(Found { text, artifact, is_new: false })
        }
        (None, Some(text)) => Ok(Found { text, artifact: ArtifactFound::Same, is_new: true }),
        (None, None) => Err(Misuse {
            message: format!("there is no lockfile `{}` to pull for", place.path.display()),
            hint: format!(
                "check it out, or name what was pushed: `rlock store pull {}:TAG`",
                remote.repository.name()
            ),
        }
        .into()),
    }
}

/// The lock behind a tag or digest.
fn in_registry(
    client: &Client,
    named: &Reference,
    place: &LockPlace,
    store: &Store,
) -> anyhow::Result<LockText> {
    let reference = named.to_string();
    let missing =
        || RegistryError::NotFound { reference: reference.clone(), detail: String::new() };
    let (_, manifest) = client.manifest(named)?.ok_or_else(missing)?;
    let (digest, size) = artifact::lockfile(&manifest, &reference)?;
    let wanted = WantedBlob { digest, size: Some(size), size_max: size };
    let fetched = client.fetch_blobs(named, &[wanted], store)?;
    if fetched == [Fetched::Absent] {
        let problem = "the repository does not have its lockfile".to_owned();
        return Err(BadArtifact { reference, problem, is_another_kind: false }.into());
    }
    let bytes = store.read_blob(&digest, size)?;
    let lock = Lockfile::parse(&bytes).map_err(|error| BadArtifact {
        reference: reference.clone(),
        problem: format!("its lockfile cannot be used: {error}"),
        is_another_kind: false,
    })?;
    let path = Lockfile::file_name(&place.dockerfile, &lock.platform, &Platform::host());
    Ok(LockText { path, bytes, lock })
}

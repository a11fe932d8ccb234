//! `rlock store verify`: is everything what its name says, and is all there that a lock needs?

use super::lockfile::LockText;
use super::needs::{self, Need};
use super::transfers::Transfers;
use crate::cli::args::StoreVerifyArguments;
use crate::cli::context::Context;
use crate::oci::Digest;
use crate::report::{DamagedRow, NeedRow, Status, StoreVerifyReport};
use crate::store::Store;
use std::time::Instant;

/// Hashes everything, or what the locks need.
pub(super) fn run(
    arguments: &StoreVerifyArguments,
    context: &Context,
) -> anyhow::Result<StoreVerifyReport> {
    let started = Instant::now();
    let locks: Vec<LockText> =
        arguments.locks.iter().map(|path| LockText::named(path)).collect::<Result<_, _>>()?;
    let store = context.open_store()?;
    let (digests, missing) =
        if locks.is_empty() { (store.digests()?, Vec::new()) } else { of_locks(&locks, &store) };
    let bytes = digests.iter().filter_map(|digest| store.size(digest).ok()).sum();
    let transfers = Transfers::new(context, "hash");
    let damaged = store.find_damaged(&digests, &|done| transfers.advance(done, bytes))?;
    transfers.finish();
    if arguments.remove {
        damaged.iter().try_for_each(|damaged| store.remove_damaged(damaged))?;
    }
    let status = match (damaged.is_empty(), missing.is_empty()) {
        (false, _) => Status::Integrity,
        (true, false) => Status::Findings,
        (true, true) => Status::Ok,
    };
    let rows = damaged.into_iter();
    Ok(StoreVerifyReport {
        store: store.root().to_owned(),
        blobs: digests.len() as u64,
        bytes,
        damaged: rows.map(|it| DamagedRow { path: it.path, problem: it.problem }).collect(),
        removed: arguments.remove,
        locks: locks.into_iter().map(|lock| lock.path).collect(),
        missing,
        elapsed: started.elapsed(),
        status,
    })
}

/// What is there of what the locks need, and what is not. A manifest that is not there hides what
/// else its image needs.
fn of_locks(locks: &[LockText], store: &Store) -> (Vec<Digest>, Vec<NeedRow>) {
    let needed = locks.iter().flat_map(|text| needs::all(&text.lock, store)).collect();
    let missing: Vec<NeedRow> = needs::missing(&needed, store).iter().map(Need::row).collect();
    // One of another size is both: it is there, and it is damaged.
    let there = needed.into_keys().filter(|digest| store.contains(digest)).collect();
    (there, missing)
}

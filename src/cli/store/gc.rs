//! `rlock store gc`: removes what was not used for a while and no lock needs.

use super::lockfile::LockText;
use super::needs;
use crate::cli::args::StoreGcArguments;
use crate::cli::context::{Context, now};
use crate::report::StoreGcReport;
use crate::store::{Collection, Keep, Store};
use std::time::{Duration, Instant, SystemTime};

const DAY: Duration = Duration::from_hours(24);

/// Finds the locks whose content stays, and collects.
pub(super) fn run(
    arguments: &StoreGcArguments,
    context: &Context,
) -> anyhow::Result<StoreGcReport> {
    let started = Instant::now();
    let only_locks = !arguments.all_but_locks.is_empty();
    let named: Vec<LockText> = arguments
        .all_but_locks
        .iter()
        .map(|path| LockText::named(path))
        .collect::<Result<_, _>>()?;
    let store = context.open_store()?;
    let locks = if only_locks { named } else { known(&store, arguments.dry_run, context)? };
    let blobs = needs::digests(locks.iter().map(|text| &text.lock), &store);
    let age = DAY * arguments.unused_for;
    let used_since =
        (!only_locks).then(|| now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH));
    let collection = if arguments.dry_run { Collection::Count } else { Collection::Remove };
    let keep = Keep { blobs: &blobs, used_since };
    let waiting = || context.warn("another rlock uses the Store: waiting for it to end");
    let collected = store.collect(&keep, collection, &waiting)?;
    Ok(StoreGcReport {
        collected,
        dry_run: arguments.dry_run,
        unused_for: (!only_locks).then_some(arguments.unused_for),
        locks: locks.into_iter().map(|text| text.path).collect(),
        elapsed: started.elapsed(),
    })
}

/// The locks that were used with this Store and are still there. One that cannot be read keeps
/// nothing but what is new.
fn known(store: &Store, dry_run: bool, context: &Context) -> anyhow::Result<Vec<LockText>> {
    let mut locks = Vec::new();
    for path in store.known_locks()? {
        match LockText::read(&path) {
            Ok(Some(text)) => locks.push(text),
            Ok(None) if dry_run => {}
            Ok(None) => store.forget_lock(&path)?,
            Err(error) => {
                context.warn(&format!("its content is kept by age alone: {error:#}"));
            }
        }
    }
    Ok(locks)
}

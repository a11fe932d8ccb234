//! One question, one answer: the steps of a build see one world.

use super::Lined;
use crate::lock::{LockError, LockErrorKind, LockedFetch, LockedPackage};
use std::collections::BTreeMap;

/// Refuses two blocks that ask the same and have different answers, whichever steps ask.
pub(super) fn agree(
    fetches: &[Lined<LockedFetch>],
    packages: &[Lined<LockedPackage>],
) -> Result<(), LockError> {
    let mut known: BTreeMap<_, (usize, &LockedFetch)> = BTreeMap::new();
    for (line, fetch) in fetches {
        let (first, locked) = *known.entry(fetch.question()).or_insert((*line, fetch));
        let differing = fetch.differs_in(locked).or_else(|| fetch.differs_beside(locked));
        refuse(*line, fetch, differing, first)?;
    }
    let files = packages.iter().filter_map(|(line, package)| Some((*line, package.fetch()?)));
    let files: Vec<(usize, LockedFetch)> = files.collect();
    for (line, file) in &files {
        let (first, locked) = *known.entry(file.question()).or_insert((*line, file));
        refuse(*line, file, file.differs_in(locked), first)?;
    }
    Ok(())
}

fn refuse(
    line: usize,
    fetch: &LockedFetch,
    differing: Option<&'static str>,
    first: usize,
) -> Result<(), LockError> {
    match differing {
        None => Ok(()),
        Some(key) => {
            let kind = LockErrorKind::Answer { url: fetch.url.clone(), key, first };
            Err(LockError::new(line, kind))
        }
    }
}

//! Which paths are names of one file.

use std::collections::{BTreeMap, BTreeSet};

/// Sets of paths, disjoint.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    set_of: BTreeMap<Vec<u8>, u64>,
    sets: BTreeMap<u64, BTreeSet<Vec<u8>>>,
    next: u64,
}

impl Links {
    /// `path` becomes a name of what `target` is. It must have been nothing else's before.
    pub(super) fn join(&mut self, path: &[u8], target: &[u8]) {
        let id = self.set_of.get(target).copied().unwrap_or_else(|| {
            let id = self.next;
            self.next += 1;
            self.set_of.insert(target.to_vec(), id);
            self.sets.entry(id).or_default().insert(target.to_vec());
            id
        });
        self.set_of.insert(path.to_vec(), id);
        self.sets.entry(id).or_default().insert(path.to_vec());
    }

    /// `path` is removed, or becomes something else. Says which other path is then left without
    /// company.
    pub(super) fn leave(&mut self, path: &[u8]) -> Option<Vec<u8>> {
        let id = self.set_of.remove(path)?;
        let set = self.sets.get_mut(&id)?;
        set.remove(path);
        if set.len() > 1 {
            return None;
        }
        let alone = self.sets.remove(&id)?.into_iter().next()?;
        self.set_of.remove(&alone);
        Some(alone)
    }

    /// The sets, each with at least two paths in order.
    pub(super) fn sets(&self) -> impl Iterator<Item = &BTreeSet<Vec<u8>>> {
        self.sets.values()
    }
}

//! What advisory data says that a later version repairs.

use super::super::review::known::{self, Local};
use crate::lock::{LockedSource, Lockfile};
use crate::review::{Advisories as _, Asked, Checked};
use crate::store::Store;
use crate::update::Identity;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Data that was given, or none.
pub(super) struct Known(Option<Local>);

impl Known {
    /// Reads the data.
    pub(super) fn load(paths: &[PathBuf], lock: &Lockfile, store: &Store) -> anyhow::Result<Self> {
        Ok(Self(known::load(paths, [lock, lock], store)?))
    }

    /// What is in the locked version and not in the later one, by the ids that people know; none
    /// where no data covers the package.
    pub(super) fn fixed(
        &self,
        locked: &Identity,
        source: Option<&LockedSource>,
        later: &str,
    ) -> Option<BTreeSet<String>> {
        let data = self.0.as_ref()?;
        let ids = |version: &str, source: Option<&LockedSource>| {
            let asked = Asked {
                image: None,
                kind: &locked.kind,
                name: &locked.name,
                version,
                architecture: &locked.architecture,
                source,
            };
            match data.of(&asked) {
                Checked::Known(found) => Some(found.into_iter().map(|it| it.id).collect()),
                Checked::Not(_) => None,
            }
        };
        let before: BTreeSet<String> = ids(&locked.version, source)?;
        // The source of the later version has its name, and mostly its version.
        let moved = source.map(|source| LockedSource {
            name: source.name.clone(),
            version: if source.version == locked.version {
                later.to_owned()
            } else {
                source_version(later).to_owned()
            },
        });
        let after = ids(later, moved.as_ref())?;
        Some(before.difference(&after).cloned().collect())
    }

    /// Whether the later version is known to repair something.
    pub(super) fn repairs(
        &self,
        locked: &Identity,
        source: Option<&LockedSource>,
        later: &str,
    ) -> bool {
        self.fixed(locked, source, later).is_some_and(|fixed| !fixed.is_empty())
    }
}

/// Without what only a rebuild has changed: `+b1`.
fn source_version(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((source, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => source,
        _ => version,
    }
}

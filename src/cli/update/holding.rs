//! What moves of an apt archive, and the earlier states that hold the rest.

use super::super::failure::Misuse;
use super::apt::Archives;
use super::stages;
use crate::lock::{LockedPackage, Lockfile};
use crate::update::{Draft, LockedArchive, Solution, hold};
use anyhow::Context as _;

/// Puts the new signed indexes into the draft, with the earlier states that what is held needs.
pub(super) fn put(
    draft: &mut Draft,
    lock: &Lockfile,
    archives: &Archives,
    solution: &Solution,
) -> anyhow::Result<()> {
    let require =
        |package: &LockedPackage, has_it: &[usize]| require_index(package, archives, has_it);
    let needed = stages::needed_views(lock, archives.offers(), solution, &require)?;
    for (at, archive) in archives.all.iter().enumerate() {
        let locked = &archive.locked;
        let is_needed = needed.contains(&at);
        let Some((answer, _)) = &archive.new else {
            if !is_needed {
                draft.drop_answer(|fetch| locked.has(&fetch.url));
            }
            continue;
        };
        if is_needed {
            hold(draft, locked).with_context(|| {
                format!("packages of {} cannot be held: its host is no name", locked.root)
            })?;
        }
        if answer.sha256 != locked.digest {
            draft.drop_answer(|fetch| locked.has(&fetch.url));
            draft.answer(&locked.steps, answer);
        }
    }
    draft.drop_packages("deb", |name, architecture| {
        solution.steps.contains_key(&archives.old.key(name, architecture))
    });
    Ok(())
}

/// A step that installs from lists which an earlier instruction has fetched sees no second source.
fn require_index(
    package: &LockedPackage,
    archives: &Archives,
    has_it: &[usize],
) -> anyhow::Result<()> {
    let asked = |archive: &LockedArchive| archive.steps.contains(&package.step);
    let all = &archives.all;
    if has_it.iter().filter_map(|at| all.get(*at)).any(|archive| asked(&archive.locked)) {
        return Ok(());
    }
    Err(Misuse {
        message: format!(
            "{} {} cannot be held: step {} installs it from lists that another instruction has fetched",
            package.name, package.version, package.step
        ),
        hint: "put `apt-get update` and `apt-get install` into one instruction, or let all packages \
               move: `rlock update`"
            .to_owned(),
    }
    .into())
}

/// The packages of Debian's kind.
pub(super) fn debs(lock: &Lockfile) -> impl Iterator<Item = &LockedPackage> {
    stages::of_kind(lock, "deb")
}

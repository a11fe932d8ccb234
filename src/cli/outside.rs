//! Opening the Door: what the lock has, what the settings and the user say of the outside.

use super::args::{InputArguments, NetworkMode};
use super::context::Context;
use super::project::Project;
use crate::build::Secrets;
use crate::door::{Archive, Door, DoorError, Mirror, Mode, Options, Sources};
use crate::pin;
use crate::report::LockState;
use crate::store::Store;

/// Whether anything may be recorded, where a lock is used but not made: only what it has counts,
/// and where there is none, everything is new.
pub(super) fn mode(state: &LockState) -> Mode {
    match state {
        LockState::Missing => Mode::Record,
        _ => Mode::Locked,
    }
}

/// Opens the Door for the steps of a project.
pub(super) fn open(
    project: &Project,
    input: &InputArguments,
    (mode, network): (Mode, NetworkMode),
    secrets: &Secrets,
    store: &Store,
    context: &Context,
) -> Result<Door, DoorError> {
    let hosts = input.hosts.iter().map(|host| (host.name.clone(), host.address)).collect();
    Door::open(Options {
        store: store.clone(),
        mode,
        offline: network == NetworkMode::Offline,
        exchanges: project.lock.as_ref().map(pin::exchanges).unwrap_or_default(),
        secrets: secrets.values(),
        hosts,
        sources: sources(project),
        cancelled: context.cancelled_flag(),
    })
}

pub(super) fn sources(project: &Project) -> Sources {
    let settings = &project.settings;
    let mirrors = settings
        .mirrors
        .iter()
        .map(|mirror| Mirror { of: mirror.of.clone(), url: mirror.url.clone() });
    let archives = settings.archives.iter().map(|archive| Archive {
        origin: archive.origin.clone(),
        label: archive.label.clone(),
        url: archive.url.clone(),
    });
    let instead = project.moving.instead.clone();
    Sources { mirrors: mirrors.collect(), archives: archives.collect(), instead }
}

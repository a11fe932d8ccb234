//! `rlock store`: the content behind the lock, shared through a registry, verified, collected.
//!
//! One lock is one OCI artifact in a repository; see [`artifact`]. Blobs belong to the repository and
//! not to the artifact, so locks share them, and a lock that was never pushed still finds there what
//! it has in common with others.
//!
//! The commands that build call [`pull_for`] before they build and [`push_after`] when they have.

mod artifact;
mod gc;
mod lockfile;
mod needs;
mod pull;
mod push;
mod status;
mod transfers;
mod verify;

pub(super) use pull::pull_for;
pub(super) use push::push_after;

use super::Done;
use super::args::{Place, RemoteArgument, StoreCommand};
use super::context::Context;
use super::failure::Misuse;
use super::settings::Settings;
use crate::report::{NeedRow, Report, StoreReport};
use lockfile::LockPlace;
use std::fmt;
use std::path::{Path, PathBuf};

/// Carries out one of the commands.
pub(super) fn run(command: &StoreCommand, context: &Context) -> anyhow::Result<Done> {
    Ok(match command {
        StoreCommand::Push(arguments) => {
            Done::Store(StoreReport::Push(push::run(arguments, context)?))
        }
        StoreCommand::Pull(arguments) => {
            Done::Store(StoreReport::Pull(pull::run(arguments, context)?))
        }
        StoreCommand::Verify(arguments) => {
            Done::Store(StoreReport::Verify(verify::run(arguments, context)?))
        }
        StoreCommand::Gc(arguments) => Done::Store(StoreReport::Gc(gc::run(arguments, context)?)),
        StoreCommand::Status(arguments) => {
            Done::Report(Report::StoreStatus(Box::new(status::run(arguments, context)?)))
        }
    })
}

/// Content that neither the Store nor the repository has.
#[derive(Debug)]
pub(super) struct Incomplete {
    lock: PathBuf,
    remote: String,
    absent: Vec<NeedRow>,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 10;
        let (lock, remote) = (self.lock.display(), &self.remote);
        write!(formatter, "neither the Store nor {remote} has all that `{lock}` needs")?;
        for row in self.absent.iter().take(SHOWN_MAX) {
            write!(formatter, "\n{} ({})", row.name, row.digest.short())?;
        }
        match self.absent.len().checked_sub(SHOWN_MAX) {
            Some(rest) if rest > 0 => write!(formatter, "\nand {rest} more"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Incomplete {}

impl Incomplete {
    /// The way out.
    pub(super) const HINT: &str = "a build from the lock fetches what can still be had: `rlock \
                                   verify`; `rlock store status` says what can";
}

/// What is behind a tag or digest in the repository is not what a lock's artifact is.
#[derive(Debug, thiserror::Error)]
#[error("`{reference}` is no usable artifact of a lock: {problem}")]
pub(super) struct BadArtifact {
    reference: String,
    problem: String,
    /// Whether it is something else, and not a broken one: the name is the mistake.
    pub(super) is_another_kind: bool,
}

/// The arguments of push and pull, told apart, and the settings beside the Dockerfile.
struct Chosen {
    remote: RemoteArgument,
    place: LockPlace,
}

impl Chosen {
    fn new(
        first: Option<&Place>,
        directory: Option<&Path>,
        lock: &super::args::LockPlaceArguments,
    ) -> anyhow::Result<Self> {
        let (remote, directory) = match (first, directory) {
            (Some(Place::Directory(path)), None) => (None, path.clone()),
            (Some(Place::Directory(path)), Some(second)) => {
                return Err(Misuse {
                    message: format!(
                        "`{}` and `{}` are two directories",
                        path.display(),
                        second.display()
                    ),
                    hint: "the repository comes first: HOST/NAME".to_owned(),
                }
                .into());
            }
            (Some(Place::Remote(remote)), directory) => {
                (Some(remote.clone()), directory.unwrap_or(Path::new(".")).to_owned())
            }
            (None, directory) => (None, directory.unwrap_or(Path::new(".")).to_owned()),
        };
        let place = LockPlace::of(&directory, lock);
        let settings = Settings::beside(&place.dockerfile)?;
        let configured = || {
            let repository = settings.store.remote.clone()?;
            Some(RemoteArgument { repository, tag: None, digest: None })
        };
        let remote = remote.or_else(configured).ok_or_else(|| Misuse {
            message: "there is no repository".to_owned(),
            hint: "name one, HOST/NAME, or set it in rlock.toml beside the Dockerfile: `[store]` \
                   and below it `remote = \"HOST/NAME\"`"
                .to_owned(),
        })?;
        Ok(Self { remote, place })
    }
}

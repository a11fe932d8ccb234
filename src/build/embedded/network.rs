//! What a RUN step reaches: the Door, nothing, or what the host reaches.

use super::held::Holding;
use super::mounted::Folder;
use super::stage::Surrounding;
use super::trust::Trust;
use crate::build::plan::RunAction;
use crate::build::{BuildError, Outside};
use crate::dockerfile;
use crate::door::Visitor;
use crate::package::Package;
use crate::sandbox::{self, Attendant, Bind, Exit, NAME_SERVER, Stream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where the host says which name servers to ask.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The network of one step.
pub(crate) struct Network<'a> {
    kind: sandbox::Network,
    outside: Outside<'a>,
    visitor: &'a Arc<Visitor>,
    /// Where there is the Door.
    trust: Option<Arc<Trust>>,
    /// Where packages are held.
    holding: Option<Holding>,
    upper: PathBuf,
}

impl<'a> Network<'a> {
    /// Makes ready what the step needs beside the layers `lowers`, the lowest first.
    pub(crate) fn prepare(
        surrounding: Surrounding<'a>,
        (step, command): (&str, &RunAction),
        lowers: &[PathBuf],
        folder: &Folder,
    ) -> Result<Self, BuildError> {
        let outside = surrounding.request.outside;
        let kind = match command.network {
            dockerfile::Network::Default => sandbox::Network::Gate,
            dockerfile::Network::None => sandbox::Network::None,
            dockerfile::Network::Host => sandbox::Network::Host,
        };
        let trust = match kind {
            sandbox::Network::Gate => {
                let certificate = outside.authority.certificate_pem();
                let trust = Trust::prepare(lowers, &folder.files, certificate, &command.env)?;
                if !outside.replays {
                    trust.heed_expiry()?;
                }
                Some(Arc::new(trust))
            }
            _ => None,
        };
        let held = outside.held.steps.get(step).filter(|_| trust.is_some());
        let holding = held.map(|held| Holding::prepare(lowers, &folder.files, held)).transpose()?;
        let upper = folder.upper.clone();
        Ok(Self { kind, outside, visitor: surrounding.visitor, trust, holding, upper })
    }

    /// In the sandbox's words.
    pub(crate) fn kind(&self) -> sandbox::Network {
        self.kind
    }

    /// The layers that go on top of the others, the lowest first.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Path> {
        let held = self.holding.as_ref().map(Holding::layer);
        held.into_iter().chain(self.trust.as_deref().map(Trust::layer))
    }

    /// Variables for the step; what the Dockerfile sets wins.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.trust.as_deref().map(Trust::env).unwrap_or_default()
    }

    /// Files for the step.
    pub(crate) fn binds(&self) -> Vec<Bind> {
        self.trust.as_deref().map(Trust::binds).unwrap_or_default()
    }

    /// What `/etc/resolv.conf` says. The host's has the names of its network in it, which are
    /// nobody's business but that of who shares it.
    pub(crate) fn resolver(&self) -> Vec<u8> {
        match self.kind {
            sandbox::Network::Host => std::fs::read(RESOLV_CONF).unwrap_or_default(),
            _ => format!("nameserver {NAME_SERVER}\n").into_bytes(),
        }
    }

    /// Runs the step; all that it asked for is noted when this returns.
    pub(crate) fn run(
        &self,
        step: &sandbox::Step,
        output: &mut dyn FnMut(Stream, &[u8]),
        cancelled: &AtomicBool,
    ) -> Result<Exit, BuildError> {
        let mut visit = None;
        let mut admit = |gate| {
            let refresh = self.trust.clone().map(|trust| {
                let upper = self.upper.clone();
                move || {
                    if let Err(error) = trust.refresh(&upper) {
                        tracing::debug!(%error, "trust stores are not refreshed");
                    }
                }
            });
            let refresh = move || refresh.iter().for_each(|refresh| refresh());
            let Outside { door, authority, .. } = self.outside;
            visit = Some(door.admit(self.visitor, authority, gate, refresh));
        };
        let mut run = || sandbox::run(step, Attendant { output, gate: &mut admit }, cancelled);
        let exit = match &self.trust {
            Some(trust) => trust.while_watching(&self.upper, &mut run),
            None => run(),
        };
        if let Some(visit) = visit {
            visit.end();
        }
        Ok(exit?)
    }

    /// Takes out of what is installed what holds the others.
    pub(crate) fn forget_held(&self, packages: Option<&mut Vec<Package>>) {
        if let (Some(_), Some(packages)) = (&self.holding, packages) {
            packages.retain(|package| !Holding::is_own(package));
        }
    }

    /// Takes every byte of the Door out of what the step wrote, when nothing of it is mounted any more.
    pub(crate) fn scrub(&self) -> Result<(), BuildError> {
        if let Some(holding) = &self.holding {
            holding.scrub(&self.upper)?;
        }
        self.trust.as_deref().map_or(Ok(()), |trust| trust.scrub(&self.upper))
    }
}

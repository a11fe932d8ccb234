//! How a step comes to trust the Door, and how nothing of that stays in the image.
//!
//! Before a step, [`Trust::prepare`] makes an extra lower layer: the image's own trust stores with the
//! authority in them, and anchors. What the step only reads leaves nothing in its upper directory.
//! Variables name a bundle outside of the tree, for clients that bring roots of their own. While it
//! runs, [`Trust::refresh`] sees to trust stores that it makes. After it, [`Trust::scrub`] takes the
//! authority out of whatever it wrote, to the byte, and searches every file that it wrote for what
//! could be left.
//!
//! What is packed up by the step itself (a `tar.gz` of `/etc`) is beyond it: such a file differs
//! between two builds, as each has an authority of its own.

mod apk;
mod certificate;
mod clean;
mod der;
mod edk2;
mod jks;
mod keystore;
mod layer;
mod outside;
mod pem;
mod pkcs12;
mod places;
mod refresh;
mod scan;
mod scrub;

#[cfg(test)]
mod tests;

use super::meanwhile::meanwhile;
use super::mounted::{Folder, Mounted};
use crate::build::BuildError;
use crate::sandbox::Bind;
use crate::store::remove_tree;
use crate::store::rooted::Root;
use certificate::Certificate;
use layer::Layer;
use outside::Outside;
use places::Places;
use refresh::{Added, Progress};
pub(super) use scan::split;
use scrub::Scrub;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What wget reads beside its system-wide configuration, and how much of it, in bytes.
const WGETRC: (&[u8], u64) = (b"root/.wgetrc", 1 << 20);

/// Less than a program takes from its start to its trust store, most of the time.
const WATCH_INTERVAL: Duration = Duration::from_millis(10);

/// The authority of a build, brought to one step.
pub(crate) struct Trust {
    certificate: Certificate,
    layer: Layer,
    layer_path: PathBuf,
    outside: Outside,
    places: Places,
    progress: Mutex<Progress>,
}

/// Why a step cannot be made to trust the Door, or cannot be freed from it.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A defect of rlock's: nothing could be found again by this certificate.
    #[error("the certificate of the build's authority has no number or name of its own")]
    Authority,
    /// The step has copied the certificate to where it cannot be taken out of.
    #[error("the certificate that rlock lends to steps is left in {}", listed(.0))]
    Residue(Vec<Vec<u8>>),
}

impl TrustError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Authority => None,
            Self::Residue(_) => Some(
                "the instruction copies the system's trusted certificates into a file that rlock cannot \
                 edit; leave them out of it, or make the file in an instruction of its own that needs no \
                 network, with `RUN --network=none`"
                    .to_owned(),
            ),
        }
    }
}

fn listed(paths: &[Vec<u8>]) -> String {
    let shown = paths.iter().map(|path| format!("`/{}`", String::from_utf8_lossy(path)));
    shown.collect::<Vec<_>>().join(", ")
}

impl Trust {
    /// Writes the extra lower layer for these layers (lowest first), and what a step gets beside it,
    /// into `folder`, which must exist. `environment` is what the Dockerfile sets: bundles that it
    /// names there are extended too.
    pub(crate) fn prepare(
        lowers: &[PathBuf],
        folder: &Path,
        certificate_pem: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, BuildError> {
        let certificate = Certificate::parse(certificate_pem).ok_or(TrustError::Authority)?;
        let layer_path = folder.join("trust");
        std::fs::create_dir(&layer_path).map_err(|source| BuildError::io(&layer_path, source))?;
        let view_path = folder.join("trust-view");
        let image = Mounted::mount(lowers, &Folder::create(&view_path)?)?;
        let mut places = Places::new(environment);
        let written = Root::open(&layer_path)
            .and_then(|target| layer::write(image.root(), &target, &mut places, &certificate));
        let layer = written.map_err(|source| BuildError::io(&layer_path, source))?;
        let wgetrc = image.root().read(WGETRC.0, WGETRC.1).ok().flatten().unwrap_or_default();
        image.unmount()?;
        remove_tree(&view_path).map_err(|source| BuildError::io(&view_path, source))?;
        let outside_path = folder.join("trust-outside");
        let outside = Outside::write(&outside_path, &layer, &wgetrc, &certificate)
            .map_err(|source| BuildError::io(&outside_path, source))?;
        let progress = Mutex::default();
        Ok(Self { certificate, layer, layer_path, outside, places, progress })
    }

    /// For a build that has no lock: whoever records an index that has expired, from a mirror that is
    /// stale or worse, is to hear of it. The variables are the same, so that no step can tell.
    pub(crate) fn heed_expiry(&self) -> Result<(), BuildError> {
        let heeded = self.outside.heed_expiry();
        heeded.map_err(|source| BuildError::io(&self.layer_path, source))
    }

    /// To be mounted as the topmost lower layer.
    pub(crate) fn layer(&self) -> &Path {
        &self.layer_path
    }

    /// Variables for the step; what the Dockerfile sets wins.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        self.outside.variables()
    }

    /// What the variables name, outside of the image's tree.
    pub(crate) fn binds(&self) -> Vec<Bind> {
        vec![self.outside.bind()]
    }

    /// Puts the authority into trust stores that the step has made since the last time. To be called
    /// before each connection, from whatever thread; it looks at some 40 paths.
    pub(crate) fn refresh(&self, upper: &Path) -> io::Result<()> {
        let upper = Root::open(upper)?;
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.refresh(&upper, &self.places, &self.certificate)
    }

    /// Does something while a step runs, and looks every 10 ms meanwhile as [`Self::refresh`] does. For
    /// programs that are started after a trust store was made, and read it before they connect: Java,
    /// and what uses `GnuTLS`.
    pub(crate) fn while_watching<T>(&self, upper: &Path, act: impl FnOnce() -> T) -> T {
        let look = || {
            if let Err(error) = self.refresh(upper) {
                tracing::debug!("cannot extend trust stores: {error}");
            }
        };
        meanwhile(WATCH_INTERVAL, look, act)
    }

    /// Takes every byte of the authority out of the upper directory, when the step's processes are gone
    /// and its overlay is unmounted. Everything else stays as the step has left it, times included.
    ///
    /// A bundle that then equals the image's own stays where it is: the step has touched it, and
    /// without rlock it would be in the layer too. What only the authority brought goes: anchors, what
    /// was made of them, and directories that were copied up for them.
    pub(crate) fn scrub(&self, upper: &Path) -> Result<(), BuildError> {
        Scrub::new(self, upper)?.run()
    }

    fn take_progress(&self) -> (Vec<Added>, Vec<Vec<u8>>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = std::mem::take(&mut *progress);
        (progress.added, progress.unterminated)
    }

    fn is_place(&self, upper: &Root, path: &[u8]) -> bool {
        scrub::is_place(self, upper, path)
    }
}

//! How a step sees an earlier state of an archive beside the present one, so that some packages move
//! and the others stay, and how nothing of that stays in the image.
//!
//! apt, apk and dnf have one index for all packages of an archive. Where some are to be held that a
//! newer index does not offer any more, the step gets a second source, the archive as it was, and is
//! told which packages must not move: one file a manager says how. All of it is in an extra lower
//! layer, as what [`super::trust`] injects is; what managers make of it is taken out of what the step
//! wrote.

mod apk;
mod apt;
mod dnf;
mod layer;
mod scrub;
mod sources;

#[cfg(test)]
mod tests;

use super::mounted::{Folder, Mounted};
use crate::build::{BuildError, HeldPackage, HeldStep};
use crate::package::Package;
use crate::store::remove_tree;
use crate::store::rooted::{FileKind, Root};
use layer::Layer;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A larger file is no list of sources or packages, in bytes.
const FILE_SIZE_MAX: u64 = 64 << 20;

/// What one step is held by.
pub(crate) struct Holding {
    layer: Layer,
    layer_path: PathBuf,
    /// The host names of the views.
    hosts: Vec<Vec<u8>>,
}

/// Why packages cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// The instruction adds the archive itself.
    #[error(
        "packages of {archive}{} cannot be held: before the instruction the image has no source of \
         {manager} for it",
        if suite.is_empty() { String::new() } else { format!(" ({suite})") }
    )]
    NoSource {
        /// The package manager.
        manager: &'static str,
        /// The archive.
        archive: String,
        /// The suite; empty where there are none.
        suite: String,
    },
    /// There is no directory to put something into.
    #[error("packages cannot be held: the image has no directory /{0}")]
    NoDirectory(String),
}

impl HeldError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSource { .. } => {
                "add the source in an instruction before the one that installs from it, or let all \
                 packages move: `rlock update`"
                    .to_owned()
            }
            Self::NoDirectory(_) => "let all packages move: `rlock update`".to_owned(),
        })
    }
}

impl Holding {
    /// Writes the extra lower layer for these layers (lowest first) into `folder`, which must exist.
    /// None where the image has no apt.
    pub(crate) fn prepare(
        lowers: &[PathBuf],
        folder: &Path,
        step: &HeldStep,
    ) -> Result<Self, BuildError> {
        let layer_path = folder.join("held");
        std::fs::create_dir(&layer_path).map_err(|source| BuildError::io(&layer_path, source))?;
        let view_path = folder.join("held-view");
        let image = Mounted::mount(lowers, &Folder::create(&view_path)?)?;
        let written = write(&image, &layer_path, step);
        image.unmount()?;
        remove_tree(&view_path).map_err(|source| BuildError::io(&view_path, source))?;
        let hosts = step.views.iter().filter_map(|view| {
            let url = url::Url::parse(&view.view).ok()?;
            Some(url.host_str()?.as_bytes().to_vec())
        });
        Ok(Self { layer: written?, layer_path, hosts: hosts.collect() })
    }

    /// Whether a package is there to hold others, and goes with what is scrubbed.
    pub(crate) fn is_own(package: &Package) -> bool {
        package.kind == "apk" && package.name == apk::NAME
    }

    /// To be mounted above the image's layers.
    pub(crate) fn layer(&self) -> &Path {
        &self.layer_path
    }

    /// Takes out of the upper directory what the step made of the views, when nothing of it is mounted
    /// any more.
    pub(crate) fn scrub(&self, upper: &Path) -> Result<(), BuildError> {
        let scrubbed = scrub::scrub(upper, &self.layer, &self.hosts);
        scrubbed.map_err(|source| BuildError::io(upper, source))
    }
}

/// A file of the layer.
#[derive(Debug, PartialEq, Eq)]
struct Injected {
    path: Vec<u8>,
    content: Vec<u8>,
    kind: Kind,
}

/// How a file of the layer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With all that the step made of it.
    Own,
    /// The image's own with lines added, which go.
    Lines,
    /// The image's own with a record added, which goes: see [`apk`].
    Record,
}

fn write(image: &Mounted, layer_path: &Path, step: &HeldStep) -> Result<Layer, BuildError> {
    let installed = image.packages()?;
    let mut files = apt::files(image.root(), step, &installed)?;
    files.extend(apk::files(image.root(), step, &installed)?);
    files.extend(dnf::files(image.root(), step, &installed)?);
    let target = Root::open(layer_path);
    let written = target.and_then(|target| layer::write(image.root(), &target, files));
    written.map_err(|source| BuildError::io(layer_path, source))
}

/// A text of the image; nothing where it has no such file.
fn text(image: &Root, path: &[u8]) -> Result<Option<String>, BuildError> {
    let content = image.read(path, FILE_SIZE_MAX);
    let content = content
        .map_err(|source| BuildError::io(String::from_utf8_lossy(path).into_owned(), source))?;
    Ok(content.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

/// Error where there is no such directory: one that exists by injection alone would be missing from
/// the image.
fn require_directory(image: &Root, path: &[u8]) -> Result<(), BuildError> {
    let found = image.metadata(path);
    if found.is_ok_and(|found| found.kind == FileKind::Directory) {
        return Ok(());
    }
    Err(HeldError::NoDirectory(String::from_utf8_lossy(path).into_owned()).into())
}

/// The packages of a kind that must have one version: those of the lock, and what is installed and
/// need not move.
fn pins(step: &HeldStep, kind: &str, installed: &[Package]) -> BTreeSet<HeldPackage> {
    let own = step.pins.iter().filter(|pin| pin.kind == kind);
    let mut pins: BTreeSet<HeldPackage> = own.cloned().collect();
    let pinned: BTreeSet<String> = pins.iter().map(|pin| pin.name.clone()).collect();
    let is_kept = |package: &&Package| {
        package.kind == kind
            && !pinned.contains(&package.name)
            && !step.free.contains(&package.name)
    };
    pins.extend(installed.iter().filter(is_kept).map(|package| HeldPackage {
        kind: kind.to_owned(),
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        version: package.version.clone(),
    }));
    pins
}

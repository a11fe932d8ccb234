//! How a step sees an earlier state of an archive beside the present one, so that some packages move
//! and the others stay, and how nothing of that stays in the image.
//!
//! apt has one index for all packages of an archive. Where some are to be held that a newer index does
//! not offer any more, the step gets a second source, the archive as it was, and a preference for each
//! package that must not move. Both are in an extra lower layer, as what [`super::trust`] injects is;
//! what apt makes of the second source is taken out of what the step wrote.

mod layer;
mod scrub;
mod sources;

#[cfg(test)]
mod tests;

use super::mounted::{Folder, Mounted};
use crate::build::{BuildError, HeldPackage, HeldStep, HeldView};
use crate::package::Package;
use crate::store::remove_tree;
use crate::store::rooted::Root;
use layer::Layer;
use sources::Entries;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where apt looks for further sources and for preferences.
const SOURCE_PARTS: &[u8] = b"etc/apt/sources.list.d";
const PREFERENCE_PARTS: &[u8] = b"etc/apt/preferences.d";
const SOURCE_LIST: &[u8] = b"etc/apt/sources.list";

/// What is injected: last by name, so that it changes the order of no other.
const LIST: &[u8] = b"etc/apt/sources.list.d/rlock-held.list";
const SOURCES: &[u8] = b"etc/apt/sources.list.d/rlock-held.sources";
const PREFERENCES: &[u8] = b"etc/apt/preferences.d/rlock-held";

/// A larger file is no list of sources, in bytes.
const SOURCE_SIZE_MAX: u64 = 16 << 20;

/// Above 1000 a version is installed even where a newer one is there.
/// <https://manpages.debian.org/bookworm/apt/apt_preferences.5.en.html>
const PRIORITY: u32 = 1001;

/// What one step is held by.
pub(crate) struct Holding {
    layer: Layer,
    layer_path: PathBuf,
    /// How names of lists start that apt makes of the views.
    hosts: Vec<Vec<u8>>,
}

/// Why packages cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// The instruction adds the archive itself.
    #[error(
        "packages of {archive} ({suite}) cannot be held: before the instruction the image has no \
         source of apt for it"
    )]
    NoSource {
        /// The archive.
        archive: String,
        /// The suite.
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

fn write(image: &Mounted, layer_path: &Path, step: &HeldStep) -> Result<Layer, BuildError> {
    let entries = entries(image.root(), step)?;
    let is_missing = |view: &&HeldView| !step.is_optional && !entries.found.contains(view);
    let missing = step.views.iter().find(is_missing);
    if let Some(view) = missing {
        let (archive, suite) = (view.archive.clone(), view.suite.clone());
        return Err(HeldError::NoSource { archive, suite }.into());
    }
    let preferences = preferences(step, &image.packages()?);
    let files = [
        (LIST, SOURCE_PARTS, entries.list),
        (SOURCES, SOURCE_PARTS, entries.sources),
        (PREFERENCES, PREFERENCE_PARTS, preferences),
    ];
    let files: Vec<_> = files.into_iter().filter(|(_, _, text)| !text.is_empty()).collect();
    for (_, directory, _) in &files {
        let found = image.root().metadata(directory);
        if !found.is_ok_and(|found| found.kind == crate::store::rooted::FileKind::Directory) {
            let directory = String::from_utf8_lossy(directory).into_owned();
            return Err(HeldError::NoDirectory(directory).into());
        }
    }
    let target = Root::open(layer_path);
    let written = target.and_then(|target| {
        let files: Vec<(&[u8], &[u8])> =
            files.iter().map(|(path, _, text)| (*path, text.as_bytes())).collect();
        layer::write(image.root(), &target, &files)
    });
    written.map_err(|source| BuildError::io(layer_path, source))
}

/// The image's own entries for these archives, made into entries for the views.
fn entries(image: &Root, step: &HeldStep) -> Result<Entries, BuildError> {
    let mut entries = Entries::default();
    let read = |path: &[u8]| {
        let content = image.read(path, SOURCE_SIZE_MAX);
        let content = content
            .map_err(|source| BuildError::io(String::from_utf8_lossy(path).into_owned(), source))?;
        Ok::<_, BuildError>(content.map(|text| String::from_utf8_lossy(&text).into_owned()))
    };
    if let Some(text) = read(SOURCE_LIST)? {
        entries.add_list(&text, &step.views);
    }
    for name in image.list(SOURCE_PARTS).unwrap_or_default() {
        let path = [SOURCE_PARTS, b"/", &name].concat();
        if name.ends_with(b".list") {
            entries.add_list(&read(&path)?.unwrap_or_default(), &step.views);
        } else if name.ends_with(b".sources") {
            entries.add_sources(&read(&path)?.unwrap_or_default(), &step.views);
        }
    }
    Ok(entries)
}

/// One record for each package that must have one version.
fn preferences(step: &HeldStep, installed: &[Package]) -> String {
    let mut pins: BTreeSet<HeldPackage> = step.pins.iter().cloned().collect();
    let pinned: BTreeSet<String> = step.pins.iter().map(|pin| pin.name.clone()).collect();
    let is_kept = |package: &&Package| {
        package.kind == "deb"
            && !pinned.contains(&package.name)
            && !step.free.contains(&package.name)
    };
    pins.extend(installed.iter().filter(is_kept).map(|package| HeldPackage {
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        version: package.version.clone(),
    }));
    let mut text = String::new();
    for HeldPackage { name, architecture, version } in pins {
        let package = match &*architecture {
            "all" | "" => name,
            architecture => format!("{name}:{architecture}"),
        };
        // Writing into a `String` cannot fail.
        let _infallible = write!(
            text,
            "Package: {package}\nPin: version {version}\nPin-Priority: {PRIORITY}\n\n"
        );
    }
    text
}

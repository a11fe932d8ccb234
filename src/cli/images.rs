//! The images that a Dockerfile names: from a layout or archive given with `--build-context`, from the
//! Store by the digest in the lock, or from a registry.

use super::args::{ImageSource, LayoutSelector, NetworkMode};
use super::context::Context;
use super::failure::{Misuse, NoImage, OfflinePull};
use super::project::Project;
use crate::build::plan::Images;
use crate::lock::LockedImage;
use crate::oci::{Digest, Platform, Reference};
use crate::registry::Client;
use crate::store::layout::Selector;
use crate::store::{Image, Store, docker_archive, layout};
use anyhow::bail;
use std::path::Path;

/// Finds every image, by its normalised reference. What a lock names is used by digest, whatever its
/// tag points at by now.
pub(super) fn resolve(
    project: &Project,
    store: &Store,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Images> {
    let finder = Finder { project, store, network, context };
    let mut images = Images::new();
    for used in project.outline.images(&project.dockerfile) {
        let reference: Reference = used.reference.parse()?;
        let image = finder.find(&reference).map_err(|source| NoImage {
            path: project.path.clone(),
            line: project.dockerfile.line(used.span),
            name: reference.familiar(),
            is_given: finder.given(&reference).is_some(),
            source,
        })?;
        require_platform(&image, &project.platform)?;
        store.add_image(&image)?;
        images.insert(used.reference, image);
    }
    Ok(images)
}

/// A layout or archive with one image may hold one for another platform.
fn require_platform(image: &Image, wanted: &Platform) -> anyhow::Result<()> {
    let found = &image.config.platform;
    if !wanted.accepts(found) {
        return Err(Misuse {
            message: format!("{} is for {found}, not for {wanted}", image.name),
            hint: format!("name an image for {wanted}, or build with `--platform {found}`"),
        }
        .into());
    }
    Ok(())
}

struct Finder<'a> {
    project: &'a Project,
    store: &'a Store,
    network: NetworkMode,
    context: &'a Context,
}

impl Finder<'_> {
    fn find(&self, reference: &Reference) -> anyhow::Result<Image> {
        match (self.given(reference), self.locked(reference)) {
            (Some(ImageSource::Registry(other)), None) => self.pull(other),
            (Some(source), None) => open(source, &self.project.platform),
            (None, None) => self.pull(reference),
            (given, Some(locked)) => self.find_locked(reference, given, locked),
        }
    }

    /// Where `--build-context` says that the image is.
    fn given(&self, reference: &Reference) -> Option<&ImageSource> {
        let name = reference.to_string();
        let given = self.project.contexts.iter().find(|context| context.replaces(&name));
        given.map(|context| &context.source)
    }

    fn locked(&self, reference: &Reference) -> Option<&LockedImage> {
        let lock = self.project.lock.as_ref()?;
        lock.images.iter().find(|image| image.reference == *reference)
    }

    /// The Store, else where `--build-context` points, else the registry: always by digest.
    fn find_locked(
        &self,
        reference: &Reference,
        given: Option<&ImageSource>,
        locked: &LockedImage,
    ) -> anyhow::Result<Image> {
        if self.store.contains(&locked.manifest)
            && let Ok(image) = self.store.image(&locked.manifest)
        {
            return Ok(Image { index: locked.index, ..image });
        }
        let image = match given {
            Some(ImageSource::Registry(other)) => self.pull(&by_digest(other, locked.manifest))?,
            Some(ImageSource::OciLayout { path, .. }) => {
                layout::open(path, &Selector::Digest(locked.manifest), &self.project.platform)?
            }
            Some(source) => open(source, &self.project.platform)?,
            None => self.pull(&by_digest(reference, locked.manifest))?,
        };
        if image.manifest_digest != locked.manifest {
            return Err(Misuse {
                message: format!(
                    "the lock has manifest {}, and the Store does not have it; {} is another \
                     image: {}",
                    locked.manifest, image.name, image.manifest_digest
                ),
                hint: "give the image that is locked, or remove its block from the lock to take \
                       this one with `rlock lock`"
                    .to_owned(),
            }
            .into());
        }
        Ok(Image { index: locked.index, ..image })
    }

    fn pull(&self, reference: &Reference) -> anyhow::Result<Image> {
        pull(reference, &self.project.platform, self.store, self.network, self.context)
    }
}

/// Pulls an image into the Store.
pub(super) fn pull(
    reference: &Reference,
    platform: &Platform,
    store: &Store,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Image> {
    if network == NetworkMode::Offline {
        return Err(OfflinePull { reference: reference.familiar() }.into());
    }
    Ok(Client::new(context.registry_options()).pull(reference, platform, store)?)
}

fn by_digest(reference: &Reference, manifest: Digest) -> Reference {
    Reference { digest: Some(manifest), ..reference.clone() }
}

/// Opens an image where it lies.
pub(super) fn open(source: &ImageSource, platform: &Platform) -> anyhow::Result<Image> {
    match source {
        ImageSource::OciLayout { path, selector } => {
            Ok(layout::open(path, &selector_of(selector), platform)?)
        }
        ImageSource::DockerArchive { path, tag } => {
            Ok(docker_archive::open(path, tag.as_deref(), platform)?)
        }
        ImageSource::Path(path) => open_path(path, platform),
        ImageSource::Directory(path) => bail!("`{}` is a directory, not an image", path.display()),
        ImageSource::Registry(reference) => bail!("`{reference}` is in a registry"),
    }
}

fn selector_of(selector: &LayoutSelector) -> Selector {
    match selector {
        LayoutSelector::Any => Selector::Any,
        LayoutSelector::Tag(tag) => Selector::Tag(tag.clone()),
        LayoutSelector::Digest(digest) => Selector::Digest(*digest),
    }
}

/// A layout or a `docker save` archive, whichever lies there.
fn open_path(path: &Path, platform: &Platform) -> anyhow::Result<Image> {
    if path.is_dir() {
        return Ok(layout::open(path, &Selector::Any, platform)?);
    }
    Ok(docker_archive::open(path, None, platform)?)
}

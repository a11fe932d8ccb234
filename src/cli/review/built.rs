//! Both locks, built: the old one from the files of its revision, the new one from the work tree.

use super::origins::{self, Made};
use super::sides::{Sides, Source};
use super::tree::{self, Tree};
use crate::build::Built;
use crate::build::embedded::Embedded;
use crate::build::event::BuildName;
use crate::cli::args::{InputArguments, ReviewArguments};
use crate::cli::building::Prepared;
use crate::cli::context::Context;
use crate::cli::failure::Misuse;
use crate::cli::project::Project;
use crate::diff::{self, ImageDiff, Options};
use crate::door::Mode;
use crate::lock::Lockfile;
use crate::review::files::{Images, Side};
use crate::review::{self, Input, Review};
use crate::store::{Image, Store, TemporaryDirectory};
use std::fs::{FileTimes, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Both builds.
pub(super) struct Both {
    old: One,
    new: One,
}

struct One {
    project: Project,
    prepared: Prepared,
    built: Built,
    image: Image,
    lock: Lockfile,
    /// The files of the revision, for as long as somebody may ask for them.
    _checkout: Option<TemporaryDirectory>,
}

/// Builds both.
pub(super) fn both(
    sides: &Sides<'_>,
    arguments: &ReviewArguments,
    context: &Context,
) -> anyhow::Result<Both> {
    let (Some(old), Some(new)) = (&sides.old.lock, &sides.new.lock) else {
        anyhow::bail!("a lock is missing");
    };
    if let Source::Revision(revision, _) = &sides.new.source {
        return Err(Misuse {
            message: format!(
                "--files builds the new lock from the work tree, not from {}",
                revision.name
            ),
            hint: "check that revision out first".to_owned(),
        }
        .into());
    }
    let mut input = arguments.input.clone();
    input.file = Some(sides.dockerfile.clone());
    input.platform = Some(new.platform.clone());
    let store = context.open_store()?;
    let (old_input, checkout) = old_input(sides, &input, &store)?;
    let old = One::build((old_input, checkout), old, arguments, context)?;
    let new = One::build((input, None), new, arguments, context)?;
    Ok(Both { old, new })
}

/// What the old lock was made of: the files of its revision; where it is only a file, those of the
/// work tree.
fn old_input(
    sides: &Sides<'_>,
    input: &InputArguments,
    store: &Store,
) -> anyhow::Result<(InputArguments, Option<TemporaryDirectory>)> {
    let (Source::Revision(revision, _), Some(repository)) = (&sides.old.source, &sides.repository)
    else {
        return Ok((input.clone(), None));
    };
    let checkout = store.temporary_directory()?;
    let tree = checkout.path().join("tree");
    std::fs::create_dir(&tree)?;
    repository.check_out(revision, &tree)?;
    let mut old = input.clone();
    // A name that no file has, so that a path and its folder are looked up alike.
    let directory = repository.below(&input.directory.join("-"))?;
    old.directory = tree.join(directory.parent().unwrap_or(Path::new("")));
    old.file = Some(tree.join(repository.below(&sides.dockerfile)?));
    keep_times(&old.directory, &input.directory)?;
    Ok((old, Some(checkout)))
}

/// Gives files of a checkout the times of the same files in the work tree: git notes none, and a
/// copied file keeps its own.
fn keep_times(checkout: &Path, work_tree: &Path) -> io::Result<()> {
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in crate::store::read_dir_sorted(&checkout.join(&directory))? {
            let path = directory.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(path.clone());
            }
            let there = std::fs::symlink_metadata(work_tree.join(&path));
            let same = |it: &Metadata| it.file_type() == kind && !kind.is_symlink();
            if let Some(modified) = there.ok().filter(same).and_then(|it| it.modified().ok()) {
                let file = std::fs::File::open(checkout.join(&path))?;
                file.set_times(FileTimes::new().set_modified(modified))?;
            }
        }
    }
    Ok(())
}

impl One {
    fn build(
        (input, checkout): (InputArguments, Option<TemporaryDirectory>),
        lock: &Lockfile,
        arguments: &ReviewArguments,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let mut project = Project::load(&input, context)?;
        project.lock = Some(lock.clone());
        let misfits = lock.fit(&project.wanted()?);
        if let Some(first) = misfits.first() {
            return Err(Misuse {
                message: format!("the lock does not fit `{}`: {first}", project.path.display()),
                hint: "run `rlock lock` and commit the file; what a lock means is told by the \
                       Dockerfile that it fits"
                    .to_owned(),
            }
            .into());
        }
        let network = super::network(arguments);
        let prepared = Prepared::new(&project, &input, (Mode::Locked, network), context)?;
        let built = prepared.build(&Embedded, BuildName::Only, &project, context)?;
        let image = prepared.store.image(&built.manifest)?;
        Ok(Self { project, prepared, built, image, lock: lock.clone(), _checkout: checkout })
    }

    fn mount(&self) -> anyhow::Result<Tree> {
        Tree::mount(&self.image, &self.prepared.store)
    }

    fn made(&self) -> Made<'_> {
        Made {
            project: &self.project,
            prepared: &self.prepared,
            built: &self.built,
            image: &self.image,
            lock: &self.lock,
        }
    }
}

impl Both {
    /// What differs between the two images.
    pub(super) fn compare(&self, context: &Context) -> anyhow::Result<ImageDiff> {
        let options = Options { files_max: 0, ..Options::default() };
        let compare = || diff::images(&self.old.image, &self.new.image, &options);
        Ok(context.ended_at_once(compare)?)
    }

    /// The review, with the files of both images.
    pub(super) fn review(
        &self,
        input: &Input<'_>,
        diff: &ImageDiff,
        context: &Context,
    ) -> anyhow::Result<Review> {
        let layers = [
            origins::layers(self.old.made(), self.new.made())?,
            origins::layers(self.new.made(), self.old.made())?,
        ];
        let [old_layers, new_layers] = &layers;
        let (old, new) = (self.old.mount()?, self.new.mount()?);
        let anywhere =
            review::moves(input.old, input.new).iter().any(|moved| tree::is_anywhere(&moved.kind));
        let (old_holdings, _) = old.holdings(anywhere)?;
        let (new_holdings, problems) = new.holdings(anywhere)?;
        for problem in problems {
            context.warn(&format!("{problem}: the package that it is of is not known"));
        }
        let (read_old, read_new) = (|path: &[u8]| old.read(path), |path: &[u8]| new.read(path));
        let (find_old, find_new) =
            (|path: &[u8]| old.resolve(path), |path: &[u8]| new.resolve(path));
        let images = Images {
            diff,
            old: Side {
                manifest: self.old.built.manifest,
                holdings: &old_holdings,
                layers: old_layers,
                read: &read_old,
                resolve: &find_old,
            },
            new: Side {
                manifest: self.new.built.manifest,
                holdings: &new_holdings,
                layers: new_layers,
                read: &read_new,
                resolve: &find_new,
            },
        };
        Ok(review::review(&Input { images: Some(images), ..*input }))
    }
}

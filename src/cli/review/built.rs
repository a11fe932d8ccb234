//! Both locks, built, each from the files of its own side.

use super::brought;
use super::fetched;
use super::given::{self, Given};
use super::origins::{self, Made};
use super::sides::Sides;
use super::tree::{self, Tree};
use crate::build::Built;
use crate::build::embedded::Embedded;
use crate::build::event::BuildName;
use crate::cli::args::ReviewArguments;
use crate::cli::building::Prepared;
use crate::cli::context::Context;
use crate::cli::failure::Misuse;
use crate::cli::project::Project;
use crate::diff::{self, ImageDiff, Options};
use crate::door::Mode;
use crate::lock::Lockfile;
use crate::review::files::{Images, Side};
use crate::review::{self, Input, Review};
use crate::store::Image;

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
    /// For as long as somebody may ask for them.
    _files: Given,
}

/// Builds both, the new one from these files.
pub(super) fn both(
    sides: &Sides<'_>,
    new_files: &Given,
    arguments: &ReviewArguments,
    context: &Context,
) -> anyhow::Result<Both> {
    let (Some(old), Some(new)) = (&sides.old.lock, &sides.new.lock) else {
        anyhow::bail!("a lock is missing");
    };
    let old_files = given::old(sides, new_files, arguments, &context.open_store()?)?;
    let old = One::build(old_files, old, arguments, context)?;
    let new = One::build(new_files.clone(), new, arguments, context)?;
    Ok(Both { old, new })
}

impl One {
    fn build(
        files: Given,
        lock: &Lockfile,
        arguments: &ReviewArguments,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let project = files.project(lock, context)?;
        let misfits = lock.fit(&project.wanted()?);
        if let Some(first) = misfits.first() {
            return Err(Misuse {
                message: format!("the lock does not fit `{}`: {first}", files.name),
                hint: "run `rlock lock` and commit the file; what a lock means is told by the \
                       Dockerfile that it fits"
                    .to_owned(),
            }
            .into());
        }
        let network = super::network(arguments);
        let prepared = Prepared::new(&project, &files.input, (Mode::Locked, network), context)?;
        let built = prepared.build(&Embedded, BuildName::Only, &project, context)?;
        let image = prepared.store.image(&built.manifest)?;
        Ok(Self { project, prepared, built, image, lock: lock.clone(), _files: files })
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
        let new_layers = &origins::layers(self.new.made(), self.old.made())?;
        let mut old_layers = origins::layers(self.old.made(), self.new.made())?;
        origins::relocate(&mut old_layers, new_layers, input.places);
        let old_layers = &old_layers;
        let (old, new) = (self.old.mount()?, self.new.mount()?);
        let moves = review::moves(input.old, input.new);
        let anywhere = moves.iter().any(|moved| tree::is_anywhere(&moved.kind));
        let store = &self.new.prepared.store;
        let fetched = [
            fetched::of(input.old, input.new, old_layers, store),
            fetched::of(input.new, input.old, new_layers, store),
        ];
        let unmarked = fetched::moves(&fetched[0], &fetched[1], &moves);
        let all: Vec<review::Move> = moves.iter().chain(&unmarked).cloned().collect();
        let [old_brought, new_brought] = brought::of(&all, store);
        let (old_holdings, _) = old.holdings(anywhere)?;
        let (new_holdings, problems) = new.holdings(anywhere)?;
        for problem in problems {
            context.warn(&format!("{problem}: the package that it is of is not known"));
        }
        let (read_old, read_new) = (|path: &[u8]| old.read(path), |path: &[u8]| new.read(path));
        let (find_old, find_new) =
            (|path: &[u8]| old.resolve(path), |path: &[u8]| new.resolve(path));
        let (list_old, list_new) = (|path: &[u8]| old.list(path), |path: &[u8]| new.list(path));
        let images = Images {
            diff,
            old: Side {
                manifest: self.old.built.manifest,
                holdings: &old_holdings,
                brought: &old_brought,
                downloads: &fetched[0].bodies,
                layers: old_layers,
                read: &read_old,
                resolve: &find_old,
                list: &list_old,
            },
            new: Side {
                manifest: self.new.built.manifest,
                holdings: &new_holdings,
                brought: &new_brought,
                downloads: &fetched[1].bodies,
                layers: new_layers,
                read: &read_new,
                resolve: &find_new,
                list: &list_new,
            },
            fetched: &unmarked,
        };
        Ok(review::review(&Input { images: Some(images), ..*input }))
    }
}

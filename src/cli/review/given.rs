//! What a lock is built from: Dockerfile, build context and rlock.toml of its own side, out of the work
//! tree or out of a revision.

use super::checkout::{Checkout, Purpose};
use super::git::{Repository, Revision};
use super::sides::{Sides, Source};
use crate::cli::args::{BuildContext, ImageSource, InputArguments, ReviewArguments};
use crate::cli::context::Context;
use crate::cli::failure::Misuse;
use crate::cli::project::Project;
use crate::lock::Lockfile;
use crate::oci::Platform;
use crate::store::Store;
use std::fs::{FileTimes, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// One side's files.
#[derive(Clone)]
pub(super) struct Given {
    /// With the paths at which they lie.
    pub(super) input: InputArguments,
    /// The Dockerfile as reports name it.
    shown: PathBuf,
    /// The same for errors: with its revision.
    pub(super) name: String,
    /// Where they are of a revision; for as long as somebody may ask for them.
    checkout: Option<Rc<Checkout>>,
}

impl Given {
    /// The project that they are, with this lock.
    pub(super) fn project(&self, lock: &Lockfile, context: &Context) -> anyhow::Result<Project> {
        let input = InputArguments { platform: Some(lock.platform.clone()), ..self.input.clone() };
        let mut project = Project::load(&input, context)?;
        if self.checkout.is_some() {
            // Reports and git know it by its place in the work tree.
            project.path.clone_from(&self.shown);
            project.lock_path = Lockfile::file_name(&self.shown, &lock.platform, &Platform::host());
        }
        project.lock = Some(lock.clone());
        Ok(project)
    }
}

/// What the new lock is built from; nothing where its Dockerfile is not there.
pub(super) fn new(
    sides: &Sides<'_>,
    arguments: &ReviewArguments,
    store: &Store,
) -> anyhow::Result<Option<Given>> {
    let input = arguments.input.clone();
    let missing = |name: &str| {
        let message = format!("there is no Dockerfile `{name}` to build");
        let hint = "name it with `-f FILE`, and the lock beside it".to_owned();
        if arguments.files { Err(Misuse { message, hint }.into()) } else { Ok(None) }
    };
    let (Source::Revision(revision, _), Some(repository)) = (&sides.new.source, &sides.repository)
    else {
        let name = sides.dockerfile.display().to_string();
        if !sides.dockerfile.is_file() {
            return missing(&name);
        }
        let input = InputArguments { file: Some(sides.dockerfile.clone()), ..input };
        return Ok(Some(Given { input, shown: sides.dockerfile.clone(), name, checkout: None }));
    };
    let Some(dockerfile) = &sides.new.dockerfile else {
        return missing(&format!("{}:{}", revision.name, sides.dockerfile.display()));
    };
    let directory = repository.directory_below(&input.directory)?;
    let purpose = if arguments.files { Purpose::Building } else { Purpose::Reading };
    let place = Place { repository, revision, dockerfile, directory: &directory };
    place.check_out(input, &sides.dockerfile, purpose, store).map(Some)
}

/// What the old lock is built from; where it is only a file, that is what the new one is built from.
pub(super) fn old(
    sides: &Sides<'_>,
    new: &Given,
    arguments: &ReviewArguments,
    store: &Store,
) -> anyhow::Result<Given> {
    let (Source::Revision(revision, lock), Some(repository)) =
        (&sides.old.source, &sides.repository)
    else {
        return Ok(new.clone());
    };
    let Some(dockerfile) = &sides.old.dockerfile else {
        return Err(Misuse {
            message: format!(
                "{} has the lock `{}`, and no Dockerfile beside it",
                revision.name,
                lock.display()
            ),
            hint: "name a lock whose Dockerfile is there: `rlock review REVISION:PATH`".to_owned(),
        }
        .into());
    };
    let input = &arguments.input;
    let directory = repository.directory_below(&input.directory)?;
    // A context that is the Dockerfile's folder moves with it.
    let now = repository.below(&sides.dockerfile)?;
    let directory = if now.parent() == Some(&*directory) {
        dockerfile.parent().map(Path::to_owned).unwrap_or_default()
    } else {
        directory
    };
    let place = Place { repository, revision, dockerfile, directory: &directory };
    let old = place.check_out(input.clone(), &sides.dockerfile, Purpose::Building, store)?;
    if new.checkout.is_none() {
        keep_times(&old.input.directory, &input.directory)?;
    }
    Ok(old)
}

/// Where the files of a side are in a revision, below the top.
struct Place<'a> {
    repository: &'a Repository<'a>,
    revision: &'a Revision,
    dockerfile: &'a Path,
    directory: &'a Path,
}

impl Place<'_> {
    fn check_out(
        &self,
        mut input: InputArguments,
        shown: &Path,
        purpose: Purpose,
        store: &Store,
    ) -> anyhow::Result<Given> {
        let Self { repository, revision, dockerfile, directory } = self;
        let checkout = Checkout::of(revision, repository, (directory, purpose), store)?;
        let tree = checkout.tree();
        input.directory = tree.join(directory);
        if !input.directory.is_dir() {
            let name = Path::new(".").join(directory);
            return Err(Misuse {
                message: format!("{} has no directory `{}`", revision.name, name.display()),
                hint: "name the build context of that revision with `--context DIR`".to_owned(),
            }
            .into());
        }
        input.file = Some(tree.join(dockerfile));
        for context in &mut input.build_contexts {
            self.move_context(context, &tree);
        }
        Ok(Given {
            input,
            shown: shown.to_owned(),
            name: format!("{}:{}", revision.name, dockerfile.display()),
            checkout: Some(Rc::new(checkout)),
        })
    }

    /// A directory of the repository is that of the revision, too; others are what they are.
    fn move_context(&self, context: &mut BuildContext, tree: &Path) {
        if let ImageSource::Directory(path) = &context.source
            && let Ok(below) = self.repository.directory_below(path)
        {
            context.source = ImageSource::Directory(tree.join(below));
        }
    }
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

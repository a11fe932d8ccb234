//! The files of a revision in a directory of their own, as a fresh clone would have them.

use super::git::{Repository, Revision, text};
use crate::cli::failure::Misuse;
use crate::store::{Store, TemporaryDirectory};
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// How a file begins that stands in place of one that Git LFS keeps
/// (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// Bytes that such a file has at most.
const POINTER_MAX: u64 = 1024;

/// So many of them are asked about: one that is missing is enough.
const POINTERS_MAX: usize = 200;

/// What a checkout is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To look at the Dockerfile: what Git LFS keeps is not fetched.
    Reading,
    /// To build: all of the build context must be there.
    Building,
}

/// The files of a revision, gone with this.
pub(super) struct Checkout {
    folder: TemporaryDirectory,
}

impl Checkout {
    /// Writes them below a temporary directory of the Store. `context` is the build context, below the
    /// top.
    pub(super) fn of(
        revision: &Revision,
        repository: &Repository<'_>,
        (context, purpose): (&Path, Purpose),
        store: &Store,
    ) -> anyhow::Result<Self> {
        let checkout = Self { folder: store.temporary_directory()? };
        let tree = checkout.tree();
        std::fs::create_dir(&tree)?;
        let files = Files { repository, revision, tree: &tree };
        files.write(purpose)?;
        if purpose == Purpose::Building {
            files.require_no_submodule(context)?;
            files.require_content(context)?;
        }
        Ok(checkout)
    }

    /// Their top.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }
}

struct Files<'a> {
    repository: &'a Repository<'a>,
    revision: &'a Revision,
    tree: &'a Path,
}

impl Files<'_> {
    /// Through an index of its own and not by `git archive`, which leaves out and rewrites what
    /// attributes say (`export-ignore`, `export-subst`): a build would get another context than a clone
    /// gives it. Attributes are those of the revision, and a sparse checkout lacks nothing.
    fn write(&self, purpose: Purpose) -> anyhow::Result<()> {
        let read = self.git(&["read-tree", &self.revision.commit])?;
        drop(read);
        let mut words = Vec::new();
        if purpose == Purpose::Reading {
            for setting in ["smudge=", "process=", "required=false"] {
                words.extend(["-c".to_owned(), format!("filter.lfs.{setting}")]);
            }
        }
        words.extend(["checkout-index", "--all", "--quiet"].map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.git(&words).map(drop)
    }

    /// The files of a submodule are in a repository of their own, which may not be here.
    fn require_no_submodule(&self, context: &Path) -> anyhow::Result<()> {
        let listed = self.git(&["ls-files", "--stage", "-z"])?;
        let submodule = listed.split(|byte| *byte == 0).find_map(|entry| {
            let path = entry.strip_prefix(b"160000 ")?.splitn(2, |byte| *byte == b'\t').nth(1)?;
            let path = Path::new(OsStr::from_bytes(path));
            path.starts_with(context).then(|| path.to_owned())
        });
        let Some(path) = submodule else { return Ok(()) };
        let Revision { commit, name } = self.revision;
        Err(Misuse {
            message: format!(
                "`{}` of {name} is a submodule, whose files are not in this repository",
                path.display()
            ),
            hint: format!(
                "check it out with its submodules (`git worktree add DIR {commit}`, `git -C DIR \
                 submodule update --init --recursive`) and compare the images that both work trees \
                 build: `rlock build`, `rlock diff`; without --files the locks can be reviewed here"
            ),
        }
        .into())
    }

    /// What Git LFS keeps must be there, and not only what stands in its place. Where the work tree has
    /// no more either, that is what is built here.
    fn require_content(&self, context: &Path) -> anyhow::Result<()> {
        let mut found = pointers(self.tree, context)?;
        found.retain(|path| !is_pointer(&self.repository.root.join(path)));
        found.truncate(POINTERS_MAX);
        if found.is_empty() {
            return Ok(());
        }
        let words = ["check-attr", "-z", "filter", "--"].map(OsStr::new);
        let paths = found.iter().map(|path| path.as_os_str());
        let answer = self.git_words(words.into_iter().chain(paths))?;
        let fields: Vec<&[u8]> = answer.split(|byte| *byte == 0).collect();
        let kept = fields.chunks(3).find_map(|fields| match fields {
            [path, _, filter] if *filter == b"lfs" => Some(OsString::from_vec(path.to_vec())),
            _ => None,
        });
        let Some(path) = kept.map(PathBuf::from) else { return Ok(()) };
        let Revision { commit, name } = self.revision;
        Err(Misuse {
            message: format!(
                "`{}` of {name} is kept in Git LFS, and its content is not here",
                path.display()
            ),
            hint: format!(
                "install git-lfs (`git lfs install`) and fetch it: `git lfs fetch origin {commit}`"
            ),
        }
        .into())
    }

    fn git(&self, words: &[&str]) -> anyhow::Result<Vec<u8>> {
        self.git_words(words.iter().map(OsStr::new))
    }

    fn git_words<'b>(&self, words: impl IntoIterator<Item = &'b OsStr>) -> anyhow::Result<Vec<u8>> {
        let index = self.tree.with_extension("index");
        let variables =
            [("GIT_INDEX_FILE", index.as_os_str()), ("GIT_WORK_TREE", self.tree.as_os_str())];
        let all = ["-c", "core.sparseCheckout=false"].map(OsStr::new).into_iter().chain(words);
        let output = self.repository.run_with(all, &variables)?;
        if !output.status.success() {
            anyhow::bail!(
                "cannot check out {} of `{}`: {}",
                self.revision.name,
                self.repository.root.display(),
                text(&output.stderr)
            );
        }
        Ok(output.stdout)
    }
}

/// Files below `directory` that look like pointers, by their paths below the tree's top.
fn pointers(tree: &Path, directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let folder = tree.join(&directory);
        if !folder.is_dir() {
            continue;
        }
        for entry in crate::store::read_dir_sorted(&folder)? {
            let path = directory.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && is_pointer(&tree.join(&path)) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// A file that cannot be read is none.
fn is_pointer(path: &Path) -> bool {
    let is_small =
        std::fs::symlink_metadata(path).is_ok_and(|it| it.is_file() && it.len() <= POINTER_MAX);
    let mut start = Vec::new();
    let mut read = || std::fs::File::open(path)?.take(POINTER_MAX).read_to_end(&mut start);
    is_small && read().is_ok() && start.starts_with(POINTER)
}

//! What a lock is to replace, which is believed: a file of the user's choice, or a revision, of which the
//! files beside the lock are believed as well.

use crate::cli::context::Context;
use crate::cli::existing;
use crate::cli::failure::{InLockfile, Misuse, Unreadable};
use crate::cli::project::read_at_most;
use crate::cli::review::TARGET_BRANCHES;
use crate::cli::settings::{FILE_NAME, Settings};
use crate::lock::{self, Lockfile};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is believed.
pub(super) struct Base {
    /// None where the revision has none: all of the new one is somebody's word.
    pub(super) lock: Option<Lockfile>,
    /// For messages.
    pub(super) name: String,
    /// Where the other files of its time are.
    revision: Option<Revision>,
}

struct Revision {
    directory: PathBuf,
    /// Where the lock is, as git takes it: below the repository's top, or `./` and below that directory.
    folder: PathBuf,
    commit: String,
}

/// Who names the base of a lock.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Believed<'a> {
    /// The user: a file, a revision, `REV:PATH`; nobody, else, and it is the merge base where there is one.
    Named(Option<&'a str>),
    /// A file that is there.
    File(&'a Path),
    /// A commit, the directory of its repository, and the lock below its top.
    Commit { directory: &'a Path, commit: &'a str, lock: &'a Path },
}

impl Base {
    /// Finds and reads it.
    pub(super) fn find(
        wanted: Believed<'_>,
        lock_path: &Path,
        context: &Context,
    ) -> anyhow::Result<Option<Self>> {
        match wanted {
            Believed::File(path) => Self::file(path).map(Some),
            Believed::Named(Some(path)) if Path::new(path).is_file() => {
                Self::file(Path::new(path)).map(Some)
            }
            Believed::Named(Some(name)) => Self::named(name, lock_path).map(Some),
            Believed::Named(None) => Self::merge_base(lock_path, context),
            Believed::Commit { directory, commit, lock } => {
                let folder = lock.parent().unwrap_or(Path::new("")).to_owned();
                let name = format!("{commit}:{}", lock.display());
                let directory = directory.to_owned();
                let revision = Revision { directory, folder, commit: commit.to_owned() };
                Self::of(revision, &file_name(lock), name).map(Some)
            }
        }
    }

    fn file(path: &Path) -> anyhow::Result<Self> {
        let (what, name) = ("lockfile", path.display().to_string());
        let text = read_at_most(path, lock::SIZE_MAX);
        let text = text.map_err(|source| Unreadable { what, path: path.to_owned(), source })?;
        let lock = parse(&text, path.to_owned())?;
        Ok(Self { lock: Some(lock), name, revision: None })
    }

    fn named(name: &str, lock_path: &Path) -> anyhow::Result<Self> {
        let (directory, inside) = place(lock_path)?;
        let (revision, folder, file) = match name.split_once(':') {
            Some((revision, path)) => {
                let path = Path::new(path);
                (revision, path.parent().unwrap_or(Path::new("")).to_owned(), file_name(path))
            }
            None => (name, Path::new(".").join(inside), file_name(lock_path)),
        };
        let missing = || Misuse {
            message: format!("git has no lock `{name}`, and there is no such file"),
            hint: "name a file, a revision, or REV:PATH; a shallow clone has few revisions".into(),
        };
        let commit = commit(&directory, revision).ok_or_else(missing)?;
        let found = Self::of(Revision { directory, folder, commit }, &file, name.to_owned())?;
        if found.lock.is_none() {
            return Err(missing().into());
        }
        Ok(found)
    }

    /// Nothing where there is no repository, or nothing says what the branch goes into. A CI system that
    /// says so is believed: a clone that lacks that branch cannot tell what the change is.
    fn merge_base(lock_path: &Path, context: &Context) -> anyhow::Result<Option<Self>> {
        let (directory, inside) = place(lock_path)?;
        let is_set = |name: &&str| context.variable(name).filter(|it| !it.is_empty());
        let named = TARGET_BRANCHES.iter().find_map(|name| Some((*name, is_set(name)?)));
        let is_repository = git(&directory, &["rev-parse", "--git-dir"]).is_some();
        let branch = named.as_ref().map_or("HEAD", |(_, branch)| branch);
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        // The whole name: a branch of a fork can be called `origin/main`.
        let remote = format!("refs/remotes/origin/{branch}");
        let branch = format!("origin/{branch}");
        let base = commit(&directory, &remote)
            .and_then(|target| git(&directory, &["merge-base", "HEAD", &target]));
        let Some(base) = base else {
            return match named {
                Some((variable, _)) if is_repository => Err(not_fetched(variable, &branch).into()),
                _ => Ok(None),
            };
        };
        let commit = String::from_utf8_lossy(&base).trim().to_owned();
        let short: String = commit.chars().take(12).collect();
        let name = format!("{short}, the merge base with {branch}");
        let revision = Revision { directory, folder: Path::new(".").join(inside), commit };
        Self::of(revision, &file_name(lock_path), name).map(Some)
    }

    fn of(revision: Revision, file: &str, name: String) -> anyhow::Result<Self> {
        let text = revision.blob(Path::new(file));
        let lock = text.map(|text| parse(&text, PathBuf::from(&name))).transpose()?;
        let name = if lock.is_some() { name } else { format!("{name}, which has no lock") };
        Ok(Self { lock, name, revision: Some(revision) })
    }

    /// `rlock.toml` as it was; none where the base is a file of the user's choice, who has chosen the
    /// others as well.
    pub(super) fn settings(&self) -> anyhow::Result<Option<Settings>> {
        let Some(revision) = &self.revision else { return Ok(None) };
        let text = revision.blob(Path::new(FILE_NAME)).unwrap_or_default();
        let path = PathBuf::from(format!("{FILE_NAME} of {}", self.name));
        Ok(Some(Settings::parse(&text, path)?))
    }

    /// Files below a directory of the work tree, by their paths below it, with the names of their contents;
    /// below the lock's own where that is in no work tree.
    pub(super) fn files(
        &self,
        directory: &Path,
        is_wanted: &dyn Fn(&str) -> bool,
        size_max: usize,
    ) -> Vec<(String, String)> {
        let Some(revision) = &self.revision else { return Vec::new() };
        let list =
            |directory: &Path| git(directory, &["ls-tree", "-r", "-l", "-z", &revision.commit]);
        let listed = list(directory).or_else(|| list(&revision.directory)).unwrap_or_default();
        let row = |row: &[u8]| {
            // `100644 blob DIGEST SIZE<tab>PATH`; a link is no file of the project's.
            let (head, path) = std::str::from_utf8(row).ok()?.split_once('\t')?;
            let mut words = head.split_ascii_whitespace();
            let (mode, _, object) = (words.next()?, words.next()?, words.next()?);
            let size: usize = words.next()?.parse().ok()?;
            let is_file = mode.starts_with("100") && size <= size_max;
            (is_file && is_wanted(path)).then(|| (path.to_owned(), object.to_owned()))
        };
        listed.split(|byte| *byte == 0).filter_map(row).collect()
    }

    /// What is called so in the repository.
    pub(super) fn object(&self, name: &str) -> Option<Vec<u8>> {
        git(&self.revision.as_ref()?.directory, &["cat-file", "blob", name])
    }

    /// A file beside the lock, as it was.
    pub(super) fn file_beside(&self, path: &Path) -> Option<Vec<u8>> {
        self.revision.as_ref()?.blob(path)
    }
}

impl Revision {
    /// A file beside the lock, as it was committed: no filter or converter of the repository's is run.
    fn blob(&self, path: &Path) -> Option<Vec<u8>> {
        let path = self.folder.join(path);
        let object = format!("{}:{}", self.commit, path.to_string_lossy());
        git(&self.directory, &["cat-file", "blob", &object])
    }
}

fn not_fetched(variable: &str, branch: &str) -> Misuse {
    Misuse {
        message: format!(
            "{variable} names the branch that this goes into, and the clone does not have where it \
             parted from `{branch}`"
        ),
        hint: "fetch it (`fetch-depth: 0` in actions/checkout, `GIT_DEPTH: 0` in GitLab CI), or \
               name what is believed with `--base`"
            .to_owned(),
    }
}

fn parse(text: &[u8], path: PathBuf) -> anyhow::Result<Lockfile> {
    Ok(Lockfile::parse(text).map_err(|error| InLockfile { path, error })?)
}

/// A directory that there is, and where the lock is below it: one of another revision may be in a folder
/// that the work tree lacks.
fn place(lock_path: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let folder = lock_path.parent().unwrap_or(Path::new(""));
    existing::split(folder).with_context(|| format!("`{}`", folder.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The commit that a revision names; what looks like an option is none.
fn commit(directory: &Path, revision: &str) -> Option<String> {
    let wanted = format!("{revision}^{{commit}}");
    let found = git(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
    Some(String::from_utf8_lossy(&found).trim().to_owned())
}

fn git(directory: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git")
        // Neither hooks nor helpers that the repository names, nor fetching what is missing.
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-pager"])
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(output.stdout)
}

//! The lock that another one is to replace: a file, or what git has of it.

use crate::cli::context::Context;
use crate::cli::existing;
use crate::cli::failure::{InLockfile, Misuse, Unreadable};
use crate::cli::project::read_at_most;
use crate::lock::{self, Lockfile};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables in which forges name the branch that a pull request is to be merged into.
const BRANCHES: [&str; 2] = ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"];

/// A lock that is believed.
pub(super) struct Base {
    pub(super) lock: Lockfile,
    /// For messages.
    pub(super) name: String,
    /// Where the other files of its time are.
    revision: Option<Revision>,
}

struct Revision {
    directory: PathBuf,
    /// Where the lock is below that directory.
    folder: PathBuf,
    commit: String,
}

impl Base {
    /// What `--base` names; else the merge base, where there is one and it has a lock.
    pub(super) fn find(
        wanted: Option<&str>,
        lock_path: &Path,
        context: &Context,
    ) -> anyhow::Result<Option<Self>> {
        // A lock of another revision may be in a folder that the work tree lacks.
        let folder = lock_path.parent().unwrap_or(Path::new(""));
        let (directory, inside) =
            existing::split(folder).with_context(|| format!("`{}`", folder.display()))?;
        let file = inside.join(lock_path.file_name().unwrap_or_default());
        let file = file.to_string_lossy().into_owned();
        let Some(wanted) = wanted else {
            return Self::merge_base(&directory, &file, lock_path, context);
        };
        if Path::new(wanted).is_file() {
            let path = PathBuf::from(wanted);
            let text = read_at_most(&path, lock::SIZE_MAX).map_err(|source| Unreadable {
                what: "lockfile",
                path: path.clone(),
                source,
            })?;
            let lock = Lockfile::parse(&text).map_err(|error| InLockfile { path, error })?;
            return Ok(Some(Self { lock, name: wanted.to_owned(), revision: None }));
        }
        let (revision, path) = match wanted.split_once(':') {
            Some((revision, path)) => (revision, path.to_owned()),
            None => (wanted, format!("./{file}")),
        };
        let missing = || Misuse {
            message: format!("git has no lock `{wanted}`, and there is no such file"),
            hint: "name a file, a revision, or REV:PATH; a shallow clone has few revisions".into(),
        };
        let commit = commit(&directory, revision).ok_or_else(missing)?;
        let text = blob(&directory, &commit, &path).ok_or_else(missing)?;
        let error = |error| InLockfile { path: PathBuf::from(wanted), error };
        let lock = Lockfile::parse(&text).map_err(error)?;
        let revision = Some(Revision { directory, folder: inside, commit });
        Ok(Some(Self { lock, name: wanted.to_owned(), revision }))
    }

    fn merge_base(
        directory: &Path,
        file: &str,
        lock_path: &Path,
        context: &Context,
    ) -> anyhow::Result<Option<Self>> {
        let named = BRANCHES.iter().find_map(|name| context.variable(name));
        let branch = named
            .filter(|name| !name.is_empty())
            .map_or_else(|| "origin/HEAD".to_owned(), |name| format!("origin/{name}"));
        let Some(target) = commit(directory, &branch) else { return Ok(None) };
        let Some(base) = git(directory, &["merge-base", "HEAD", &target]) else { return Ok(None) };
        let base = String::from_utf8_lossy(&base).trim().to_owned();
        let Some(text) = blob(directory, &base, &format!("./{file}")) else { return Ok(None) };
        let error = |error| InLockfile { path: lock_path.to_owned(), error };
        let lock = Lockfile::parse(&text).map_err(error)?;
        let short: String = base.chars().take(12).collect();
        let name = format!("{short}, the merge base with {branch}");
        let folder = Path::new(file).parent().unwrap_or(Path::new("")).to_owned();
        let revision = Some(Revision { directory: directory.to_owned(), folder, commit: base });
        Ok(Some(Self { lock, name, revision }))
    }

    /// Whether a file beside the lock is the same at that time; yes where the base is a file of the
    /// user's choice, who has chosen the others as well.
    pub(super) fn has(&self, path: &Path, content: &[u8]) -> bool {
        let Some(Revision { directory, folder, commit }) = &self.revision else { return true };
        let path = format!("./{}", folder.join(path).to_string_lossy());
        blob(directory, commit, &path).is_some_and(|before| before == content)
    }
}

/// The commit that a revision names; what looks like an option is none.
fn commit(directory: &Path, revision: &str) -> Option<String> {
    let wanted = format!("{revision}^{{commit}}");
    let found = git(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
    Some(String::from_utf8_lossy(&found).trim().to_owned())
}

/// A file as it was committed: no filter or converter of the repository's is run.
fn blob(directory: &Path, commit: &str, path: &str) -> Option<Vec<u8>> {
    git(directory, &["cat-file", "blob", &format!("{commit}:{path}")])
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

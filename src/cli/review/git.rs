//! The repository that a lock is in: files of other revisions, and where branches part.
//!
//! git runs without the variables that hooks and CI systems set for it (`GIT_DIR`, `GIT_INDEX_FILE`, …),
//! and sees revisions of the user only behind `--end-of-options`, once: from there on they are digests.

use crate::cli::context::Context;
use crate::cli::existing;
use crate::cli::failure::Misuse;
use crate::lock;
use anyhow::{Context as _, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Variables that git keeps: where programs and the user's configuration are.
const KEPT: [&str; 4] = ["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR"];

/// Variables in which CI systems name the branch that a pull request goes into.
pub(in crate::cli) const TARGET_BRANCHES: [&str; 6] = [
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "CHANGE_TARGET",
];

/// What the default branch is called where nothing says so.
const DEFAULT_BRANCHES: [&str; 2] = ["main", "master"];

/// A work tree.
pub(super) struct Repository<'a> {
    context: &'a Context,
    /// Its top.
    pub(super) root: PathBuf,
}

/// A commit, and how to call it.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) commit: String,
    pub(super) name: String,
}

impl<'a> Repository<'a> {
    /// The repository that a directory is in.
    pub(super) fn of(directory: &Path, context: &'a Context) -> anyhow::Result<Self> {
        // Another revision may have a folder that the work tree lacks.
        let (there, _) =
            existing::split(directory).with_context(|| format!("`{}`", directory.display()))?;
        let here = Self { context, root: there };
        let output = here.run(["rev-parse", "--show-toplevel"])?;
        if !output.status.success() {
            let said = text(&output.stderr);
            let hint = if said.contains("safe.directory") {
                "git does not trust the owner of the directory: `git config --global --add \
                 safe.directory DIR`"
            } else {
                "name two lockfiles, as in `rlock review old.lock Dockerfile.lock`, or run it in a \
                 git repository"
            };
            return Err(Misuse {
                message: format!("`{}` is in no git repository: {said}", directory.display()),
                hint: hint.to_owned(),
            }
            .into());
        }
        let root = output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout);
        let root = <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(root);
        Ok(Self { context, root: PathBuf::from(root) })
    }

    /// The path of a file below the top.
    pub(super) fn below(&self, path: &Path) -> anyhow::Result<PathBuf> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let (there, missing) =
            existing::split(folder).with_context(|| format!("`{}`", folder.display()))?;
        let path = there.join(missing).join(path.file_name().unwrap_or_default());
        let outside = || Misuse {
            message: format!("`{}` is not below `{}`", path.display(), self.root.display()),
            hint: "name the lock of the other side by its path, or run it in the repository that \
                   has it"
                .to_owned(),
        };
        let root = self.root.canonicalize()?;
        Ok(path.strip_prefix(root).map(Path::to_owned).map_err(|_| outside())?)
    }

    /// The same of a directory, which may be the top itself.
    pub(super) fn directory_below(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        // A name that nothing has, so that the directory's own links are resolved too.
        let below = self.below(&directory.join("-"))?;
        Ok(below.parent().map(Path::to_owned).unwrap_or_default())
    }

    /// The commit that a user's name for one means.
    pub(super) fn revision(&self, name: &str) -> anyhow::Result<Revision> {
        if let Some(revision) = self.find(name)? {
            return Ok(revision);
        }
        let hint = if self.is_shallow()? {
            "this is a shallow clone: fetch more history (`fetch-depth: 0` in actions/checkout, \
             `GIT_DEPTH: 0` in GitLab CI, else `git fetch --unshallow`)"
        } else {
            "`git branch --all` and `git tag` list names; a file is named by its path"
        };
        let message = format!("`{name}` is neither a file nor a git revision");
        Err(Misuse { message, hint: hint.to_owned() }.into())
    }

    fn find(&self, name: &str) -> anyhow::Result<Option<Revision>> {
        self.find_as(name, name)
    }

    /// A branch of the remote, by its whole name: a branch or tag may be called `origin/main` too, and
    /// whoever opens a pull request names their branch as they like.
    fn remote_branch(&self, branch: &str) -> anyhow::Result<Option<Revision>> {
        self.find_as(&format!("refs/remotes/origin/{branch}"), &format!("origin/{branch}"))
    }

    fn branch(&self, branch: &str) -> anyhow::Result<Option<Revision>> {
        self.find_as(&format!("refs/heads/{branch}"), branch)
    }

    fn find_as(&self, wanted: &str, name: &str) -> anyhow::Result<Option<Revision>> {
        let wanted = format!("{wanted}^{{commit}}");
        let output = self.run(["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
        let commit = text(&output.stdout);
        let is_digest = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = output.status.success() && is_digest;
        Ok(found.then(|| Revision { commit, name: name.to_owned() }))
    }

    fn is_shallow(&self) -> anyhow::Result<bool> {
        Ok(text(&self.run(["rev-parse", "--is-shallow-repository"])?.stdout) == "true")
    }

    /// Where the branch that is checked out parted from the one that it goes into.
    pub(super) fn merge_base(&self) -> anyhow::Result<Revision> {
        let (target, is_asked) = self.target()?;
        let output = self.run(["merge-base", "HEAD", &target.commit])?;
        if output.status.success() {
            let commit = text(&output.stdout);
            let short: String = commit.chars().take(12).collect();
            let name = format!("{short} (merge base with {})", target.name);
            return Ok(Revision { commit, name });
        }
        let hint = if self.is_shallow()? {
            "this is a shallow clone without the commit where the branches part: fetch more \
             history (`fetch-depth: 0` in actions/checkout, `GIT_DEPTH: 0` in GitLab CI, else `git \
             fetch --unshallow`)"
        } else if is_asked {
            "name the lock before: `rlock review REVISION`"
        } else {
            "the branches have no history in common: name the lock before, `rlock review REVISION`"
        };
        let message = format!("there is no merge base of HEAD and {}", target.name);
        Err(Misuse { message, hint: hint.to_owned() }.into())
    }

    /// The branch that this one goes into: as the CI system says, else the remote's default, else
    /// what is usually called so. Where there is none, HEAD: what is not committed is reviewed.
    fn target(&self) -> anyhow::Result<(Revision, bool)> {
        for variable in TARGET_BRANCHES {
            let Some(branch) = self.context.variable(variable).filter(|name| !name.is_empty())
            else {
                continue;
            };
            let branch = branch.strip_prefix("refs/heads/").unwrap_or(&branch);
            if let Some(found) = self.remote_branch(branch)? {
                return Ok((found, true));
            }
            // What is checked out is what is to be reviewed, whatever it is called.
            let is_here = self.checked_out()?.as_deref() == Some(branch);
            if let (false, Some(found)) = (is_here, self.branch(branch)?) {
                return Ok((found, true));
            }
            return Err(Misuse {
                message: format!("{variable} names the branch `{branch}`, which is not fetched"),
                hint: format!(
                    "fetch it (`fetch-depth: 0` in actions/checkout, else `git fetch origin \
                     {branch}`), or name the lock before: `rlock review REVISION`"
                ),
            }
            .into());
        }
        for branch in std::iter::once("HEAD").chain(DEFAULT_BRANCHES) {
            if let Some(found) = self.remote_branch(branch)? {
                return Ok((found, false));
            }
        }
        for branch in DEFAULT_BRANCHES {
            if let Some(found) = self.branch(branch)? {
                return Ok((found, false));
            }
        }
        if let Some(found) = self.find("HEAD")? {
            return Ok((found, false));
        }
        bail!("the repository has no commit")
    }

    /// The branch that is checked out, if one is.
    fn checked_out(&self) -> anyhow::Result<Option<String>> {
        let output = self.run(["symbolic-ref", "--quiet", "HEAD"])?;
        Ok(text(&output.stdout).strip_prefix("refs/heads/").map(str::to_owned))
    }

    /// A file of a commit; nothing where it has none.
    pub(super) fn file(&self, revision: &Revision, path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
        let Some((blob, size)) = self.blob(revision, path)? else { return Ok(None) };
        if size.parse::<usize>().is_ok_and(|size| size > lock::SIZE_MAX) {
            bail!("`{}` of {} is too large", path.display(), revision.name);
        }
        let output = self.run(["cat-file", "blob", &blob])?;
        Ok(Some(self.succeeded(output, "cat-file")?.stdout))
    }

    /// Name and size of a file's content in a commit.
    fn blob(&self, revision: &Revision, path: &Path) -> anyhow::Result<Option<(String, String)>> {
        let commit = &revision.commit;
        let words = ["ls-tree", "-l", "--full-tree", commit, "--"].map(OsStr::new);
        let listed = self.run_with(words.into_iter().chain([path.as_os_str()]), &[])?;
        let listed = self.succeeded(listed, "ls-tree")?;
        // `100644 blob DIGEST SIZE<tab>PATH`.
        let line = text(&listed.stdout);
        let mut words = line.split_whitespace().map(str::to_owned);
        match (words.next(), words.next().as_deref(), words.next(), words.next()) {
            (Some(_), Some("blob"), Some(blob), Some(size)) => Ok(Some((blob, size))),
            _ => Ok(None),
        }
    }

    /// The Dockerfile beside a lock of a commit, below the top.
    pub(super) fn dockerfile_of(
        &self,
        revision: &Revision,
        lock: &Path,
    ) -> anyhow::Result<Option<PathBuf>> {
        for path in super::sides::dockerfiles_of(lock) {
            if self.blob(revision, &path)?.is_some() {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    fn succeeded(&self, output: Output, command: &str) -> anyhow::Result<Output> {
        if output.status.success() {
            return Ok(output);
        }
        bail!("`git {command}` in `{}`: {}", self.root.display(), text(&output.stderr))
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> anyhow::Result<Output> {
        self.run_with(arguments.map(OsStr::new), &[])
    }

    pub(super) fn run_with<'b>(
        &self,
        arguments: impl IntoIterator<Item = &'b OsStr>,
        variables: &[(&str, &OsStr)],
    ) -> anyhow::Result<Output> {
        let mut command = Command::new("git");
        command.env_clear().stdin(Stdio::null());
        for name in KEPT {
            if let Some(value) = self.context.variable(name) {
                command.env(name, value);
            }
        }
        // No lock files, no questions, names as they are, messages in one language.
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_LITERAL_PATHSPECS", "1").env("LC_ALL", "C");
        command.envs(variables.iter().copied());
        command.arg("-C").arg(&self.root).args(["-c", "core.fsmonitor=false"]);
        command.args(["-c", "core.quotePath=false"]).args(arguments);
        command.output().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Misuse {
                message: "`git` is not installed".to_owned(),
                hint: "install it, or name two lockfiles".to_owned(),
            }
            .into(),
            _ => anyhow::Error::new(error).context("cannot run `git`"),
        })
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

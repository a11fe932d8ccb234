//! `ADD` of a git repository: the host's git fetches a commit, in a sandbox, with nothing of the
//! user's settings.
//!
//! What comes out depends on the commit alone. Without `--keep-git-dir` these are its files. With it
//! `.git` has what was fetched as it came, no logs, and an index that says nothing about the files on this
//! disk.

use super::refs::{self, Found};
use super::{Fetched, host, without_credentials};
use crate::archive::tar::Timestamp;
use crate::build::embedded::run;
use crate::build::embedded::stage::Surrounding;
use crate::build::embedded::tail::Tail;
use crate::build::plan::{GitSource, Step};
use crate::build::{BuildError, FailedReason, FailedStep, Request};
use crate::door::Visitor;
use crate::sandbox::{self, Attendant, Bind, Exit, Network, Surroundings};
use crate::store::read_dir_sorted;
use crate::store::rooted::{FileKind, Root, remove_tree};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// A listing larger than this is refused, in bytes.
const LISTING_SIZE_MAX: u64 = 64 << 20;

/// Where git finds whom it is to trust: the Door, where every connection of its ends.
const CERTIFICATE: &str = "fetched/certificate.pem";

/// Lists what a reference may mean. Arguments: repository, reference; none for the default branch.
const LIST: &str = r#"
if [ $# -eq 1 ]; then
    exec git ls-remote --symref -- "$1" HEAD > /fetched/listing
fi
exec git ls-remote -- "$1" "$2" "$2^{}" > /fetched/listing
"#;

/// Fetches one commit. Arguments: repository, the same without credentials, commit, what is fetched for
/// it, whether submodules are. Servers that give no single commits, or not without those before them,
/// are asked for everything.
const FETCH: &str = r#"
git init --quiet .
git remote add origin "$2"
git fetch --quiet --depth=1 --no-tags --update-head-ok "$1" "$4" ||
    git fetch --quiet --no-tags --update-head-ok "$1" "$4" ||
    git fetch --quiet --no-tags "$1" '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'
git checkout --quiet --detach "$3"
if [ "$5" = submodules ]; then
    git submodule --quiet update --init --recursive --depth=1
fi
"#;

/// Takes what tells one clone from another out of each repository: logs, what was fetched last, and an
/// index with times and inodes.
const CLEAN: &str = r#"
find .git -name HEAD -type f | while IFS= read -r head; do
    folder=${head%/HEAD}
    [ -d "$folder/objects" ] || continue
    rm -rf "$folder/logs" "$folder/FETCH_HEAD" "$folder/ORIG_HEAD" "$folder/index"
    git --git-dir="$folder" read-tree HEAD
done
"#;

/// Settings that git has nowhere else: there is no file of the host's or the user's.
const SETTINGS: [(&str, &str); 14] = [
    ("advice.detachedHead", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.logAllRefUpdates", "false"),
    // Packs stay as they came: their compression is the server's and not this machine's.
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("init.defaultBranch", "master"),
    ("maintenance.auto", "false"),
    ("pack.writeReverseIndex", "false"),
    // Neither files of the sandbox nor what cannot be recorded, in submodules, too.
    ("protocol.allow", "never"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.version", "2"),
    ("safe.directory", "*"),
    ("submodule.fetchJobs", "1"),
];

/// Why a repository gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// The host has no git.
    #[error("there is no `git` on this machine to fetch the repository with")]
    NoProgram,
    /// git failed.
    #[error("git could not fetch `{remote}` (exit code {code})")]
    Fetch {
        /// The repository.
        remote: String,
        /// What git ended with.
        code: i32,
    },
    /// The repository has no such reference.
    #[error("`{remote}` has no reference `{reference}`")]
    NoReference {
        /// The repository.
        remote: String,
        /// What the instruction names.
        reference: String,
    },
    /// The commit has no such directory.
    #[error("the repository has no directory `{0}`")]
    NoDirectory(String),
}

impl GitError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoProgram => Some("install the package `git`".to_owned()),
            Self::NoReference { .. } => Some(
                "a branch, a tag, a full reference, or the whole id of a commit is needed"
                    .to_owned(),
            ),
            Self::Fetch { .. } | Self::NoDirectory(_) => None,
        }
    }
}

/// Fetches a commit into an empty folder.
pub(super) fn fetch(
    surrounding: Surrounding<'_>,
    step: &Step,
    source: &GitSource,
    folder: &Path,
) -> Result<Fetched, BuildError> {
    let binds = host::prepare(folder)?;
    let request = surrounding.request;
    let git = Git { request, visitor: surrounding.visitor, step, source, root: folder, binds };
    if !host::has("git") {
        return Err(git.failed(FailedReason::Git(GitError::NoProgram)));
    }
    let found = git.find()?;
    if let Some(expected) = &source.checksum
        && !found.commit.starts_with(expected)
    {
        return Err(git.failed(FailedReason::Checksum {
            url: git.remote().to_string(),
            expected: expected.clone(),
            found: found.commit,
        }));
    }
    git.take(&found)
}

/// A repository that is being fetched.
struct Git<'a> {
    request: &'a Request<'a>,
    visitor: &'a Arc<Visitor>,
    step: &'a Step,
    source: &'a GitSource,
    /// Where git sees the root of all files.
    root: &'a Path,
    binds: Vec<Bind>,
}

impl Git<'_> {
    /// The commit that is wanted.
    fn find(&self) -> Result<Found, BuildError> {
        let wanted = self.source.reference.as_deref();
        if let Some(commit) = wanted.filter(|wanted| refs::is_commit(wanted)) {
            return Ok(Found { commit: commit.to_owned(), reference: None });
        }
        let remote = self.source.remote.as_str();
        let arguments: Vec<&str> = std::iter::once(remote).chain(wanted).collect();
        self.run(LIST, &arguments, "/fetched")?;
        let path = self.root.join("fetched/listing");
        let listing = read(&path, LISTING_SIZE_MAX).map_err(|error| BuildError::io(path, error))?;
        refs::find(&listing, wanted).ok_or_else(|| {
            let reference = wanted.unwrap_or("HEAD").to_owned();
            let remote = self.remote().to_string();
            self.failed(FailedReason::Git(GitError::NoReference { remote, reference }))
        })
    }

    /// Fetches a commit and puts its files in order.
    fn take(&self, found: &Found) -> Result<Fetched, BuildError> {
        let tree = self.root.join("fetched/tree");
        super::create(&tree)?;
        let keeps = self.source.keep_git_dir && self.source.subdirectory.is_empty();
        let wanted = match &found.reference {
            // Whoever keeps the repository can see what it was fetched as.
            Some(reference) if keeps => format!("+{reference}:{reference}"),
            _ => found.commit.clone(),
        };
        let script = if keeps { format!("{FETCH}{CLEAN}") } else { FETCH.to_owned() };
        let submodules = if self.source.submodules { "submodules" } else { "" };
        let (remote, shown) = (self.source.remote.as_str(), self.remote());
        let arguments = [remote, shown.as_str(), &found.commit, &wanted, submodules];
        self.run(&script, &arguments, "/fetched/tree")?;
        let root = Root::open(&tree).map_err(|error| BuildError::io(&tree, error))?;
        settle(&tree, &root, keeps, self.request.epoch)
            .map_err(|error| BuildError::io(&tree, error))?;
        let path = &self.source.subdirectory;
        match root.resolve(path.as_bytes()).and_then(|path| root.metadata(&path)) {
            Ok(found) if found.kind == FileKind::Directory => {}
            _ => return Err(self.failed(FailedReason::Git(GitError::NoDirectory(path.clone())))),
        }
        Ok(Fetched { root, path: path.clone(), extract: false })
    }

    /// Runs a script of the host's shell.
    fn run(&self, script: &str, arguments: &[&str], cwd: &str) -> Result<(), BuildError> {
        let certificate = self.request.outside.authority.certificate_pem();
        std::fs::create_dir_all(self.root.join("fetched/template"))
            .and_then(|()| std::fs::write(self.root.join(CERTIFICATE), certificate))
            .map_err(|error| BuildError::io(self.root, error))?;
        let shell = ["sh", "-eu", "-c", script, "git"].into_iter();
        let bytes = |text: &str| text.as_bytes().to_vec();
        let step = sandbox::Step {
            root: self.root.to_owned(),
            argv: shell.chain(arguments.iter().copied()).map(bytes).collect(),
            env: self.environment(),
            cwd: bytes(cwd),
            uid: 0,
            gid: 0,
            groups: vec![0],
            binds: self.binds.clone(),
            surroundings: Surroundings::first(),
            network: Network::Gate,
            stdin: None,
        };
        let mut tail = Tail::default();
        let mut take = |stream, bytes: &[u8]| {
            tail.push(stream, bytes);
            run::announce(self.request, self.step, stream, bytes);
        };
        let outside = self.request.outside;
        let mut visit = None;
        let mut admit =
            |gate| visit = Some(outside.door.admit(self.visitor, outside.authority, gate, || {}));
        let attendant = Attendant { output: &mut take, gate: &mut admit };
        let exit = sandbox::run(&step, attendant, self.request.cancelled);
        if let Some(visit) = visit {
            visit.end();
        }
        let code = match exit? {
            Exit::Code(0) => return Ok(()),
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
            Exit::Cancelled => return Err(BuildError::Cancelled),
        };
        let reason = FailedReason::Git(GitError::Fetch { remote: self.remote().to_string(), code });
        Err(FailedStep::of(self.step, reason, tail.into_lines()).into())
    }

    /// Nothing of the user's. The name that git gives itself is part of what it asks for, and so of what
    /// a lock is asked for: it is the same for every version.
    fn environment(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let search_path = host::search_path();
        let plain = [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TEMPLATE_DIR", "/fetched/template"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_USER_AGENT", "git/rlock"),
            ("HOME", "/home"),
            ("LC_ALL", "C"),
            ("PATH", &search_path),
            ("TZ", "UTC"),
        ];
        let settings: Vec<(String, String)> = SETTINGS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain(self.authorization())
            .chain([("http.sslCAInfo".to_owned(), format!("/{CERTIFICATE}"))])
            .collect();
        let numbered = settings.iter().enumerate().flat_map(|(number, (name, value))| {
            [
                (format!("GIT_CONFIG_KEY_{number}"), name.clone()),
                (format!("GIT_CONFIG_VALUE_{number}"), value.clone()),
            ]
        });
        let count = ("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string());
        let plain = plain.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let all = plain.into_iter().chain([count]).chain(numbered);
        all.map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()
    }

    /// The header that BuildKit's secrets for git give, for this repository only:
    /// <https://docs.docker.com/build/building/secrets/#git-authentication-for-remote-contexts>.
    fn authorization(&self) -> Option<(String, String)> {
        let host = self.source.remote.host_str().unwrap_or_default();
        let get = |id: &str| {
            let of_host = self.request.secrets.get(&format!("{id}.{host}"));
            let content = of_host.or_else(|| self.request.secrets.get(id))?;
            Some(String::from_utf8_lossy(content).trim().to_owned())
        };
        let header = get("GIT_AUTH_HEADER").or_else(|| {
            let login = format!("x-access-token:{}", get("GIT_AUTH_TOKEN")?);
            Some(format!("basic {}", STANDARD.encode(login)))
        })?;
        let scope = format!("http.{}.extraHeader", self.remote());
        Some((scope, format!("Authorization: {header}")))
    }

    fn remote(&self) -> Url {
        without_credentials(&self.source.remote)
    }

    fn failed(&self, reason: FailedReason) -> BuildError {
        FailedStep::of(self.step, reason, Vec::new()).into()
    }
}

/// Takes `.git` away where it is not wanted (that of submodules, too: no commit can have a file of that name), and the
/// time of the checkout.
fn settle(tree: &Path, root: &Root, keeps: bool, epoch: i64) -> io::Result<()> {
    let time = Timestamp { seconds: epoch, nanoseconds: 0 };
    let mut waiting = vec![PathBuf::new()];
    // A directory's time comes after what is taken out of it.
    let mut seen = Vec::new();
    while let Some(path) = waiting.pop() {
        for entry in read_dir_sorted(&tree.join(&path))? {
            let inner = path.join(entry.file_name());
            let is_directory = entry.file_type()?.is_dir();
            if entry.file_name() == ".git" && !keeps {
                if is_directory {
                    remove_tree(&entry.path())?;
                } else {
                    std::fs::remove_file(entry.path())?;
                }
                continue;
            }
            if is_directory {
                waiting.push(inner.clone());
            }
            seen.push(inner);
        }
    }
    seen.iter().rev().try_for_each(|path| root.set_times(path.as_os_str().as_bytes(), time))?;
    root.set_times(b"", time)
}

fn read(path: &Path, size_max: u64) -> io::Result<String> {
    let mut text = String::new();
    let size = std::fs::File::open(path)?.take(size_max + 1).read_to_string(&mut text)? as u64;
    if size > size_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

//! A world of root's or of an ordinary user's, and what a run of the program leaves in it.

use crate::world::{HOST, Ran, World, base, succeed, tool};
use rlock::oci::Digest;
use rlock::store::read_dir_sorted;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Who the program runs as where the tests run as root; made where the machine has no such user.
const USER: &str = "rlock-test";

/// Ids for a user that has none.
const RANGE: &str = "700000-765535";

/// How long something that is about to happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An ordinary user with subordinate ids: who runs the tests, or, where that is root, another.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Person {
    pub(crate) fn get() -> &'static Self {
        static PERSON: OnceLock<Person> = OnceLock::new();
        PERSON.get_or_init(|| {
            tool("newuidmap", "uidmap");
            if is_root() {
                make_user();
            }
            let name = if is_root() { USER.to_owned() } else { id("-un", None) };
            for file in ["/etc/subuid", "/etc/subgid"] {
                assert!(has_range(file, &name), "`{file}` has no ids for `{name}`: use `usermod`");
            }
            let number = |option| id(option, Some(&name)).parse().unwrap();
            Self { uid: number("-u"), gid: number("-g"), name }
        })
    }
}

fn id(option: &str, user: Option<&str>) -> String {
    succeed(tool("id", "coreutils").arg(option).args(user)).trim().to_owned()
}

fn has_range(file: &str, user: &str) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().any(|line| line.starts_with(&format!("{user}:")))
}

fn make_user() {
    let is_there = Command::new("id").arg(USER).output().unwrap().status.success();
    if !is_there {
        succeed(tool("useradd", "passwd").args(["--create-home", "--user-group", USER]));
    }
    for (file, option) in [("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")] {
        if !has_range(file, USER) {
            succeed(tool("usermod", "passwd").args([option, RANGE, USER]));
        }
    }
}

/// A shell script that root runs, with `$1` and so on as arguments.
pub(crate) fn root_shell(script: &str) -> Command {
    let mut command = if is_root() {
        Command::new("sh")
    } else {
        // Where it wants a password, it says so and fails.
        let mut sudo = tool("sudo", "sudo");
        sudo.args(["--non-interactive", "sh"]);
        sudo
    };
    command.arg("-c").arg(script).arg("sh").stdin(Stdio::null());
    command
}

/// A world with the program and base images that its user can reach.
pub(crate) struct Home {
    pub(crate) world: World,
    /// The program and base images, which stay root's where the tests run as root.
    shared: tempfile::TempDir,
    person: Option<&'static Person>,
}

impl Home {
    /// The world of an ordinary user.
    pub(crate) fn of_user(dockerfile: &str) -> Self {
        Self::new(dockerfile, Some(Person::get()))
    }

    /// The world of root.
    pub(crate) fn of_root(dockerfile: &str) -> Self {
        if !is_root() {
            tool("sudo", "sudo");
        }
        Self::new(dockerfile, None)
    }

    /// One of each kind that whoever runs the tests can be.
    pub(crate) fn each(dockerfile: &str) -> Vec<Self> {
        let user = Self::of_user(dockerfile);
        if is_root() { vec![Self::of_root(dockerfile), user] } else { vec![user] }
    }

    fn new(dockerfile: &str, person: Option<&'static Person>) -> Self {
        let shared = tempfile::tempdir().unwrap();
        std::fs::set_permissions(shared.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let home = Self { world: World::new(dockerfile), shared, person };
        link(Path::new(env!("CARGO_BIN_EXE_rlock")), &home.program());
        home.give();
        home
    }

    fn program(&self) -> PathBuf {
        self.shared.path().join("rlock")
    }

    /// Whether it is the world of an ordinary user.
    pub(crate) fn is_users(&self) -> bool {
        self.person.is_some()
    }

    /// Makes everything in the world its user's.
    pub(crate) fn give(&self) {
        if let Some(person) = self.person.filter(|_| is_root()) {
            let owner = format!("{}:{}", person.uid, person.gid);
            succeed(Command::new("chown").args(["-hR", &owner]).arg(self.world.path(".")));
        }
    }

    /// The value of `--build-context` for a base image, where the user can read it.
    pub(crate) fn context(&self, name: &str, reference: &str) -> String {
        let copy = self.shared.path().join(name);
        if !copy.exists() {
            link_tree(&base(name), &copy);
        }
        let tag = if name == "busybox" { "latest" } else { "bookworm" };
        format!("{reference}=oci-layout://{}:{tag}", copy.display())
    }

    /// The words that run the program as its user, without an environment.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = match self.person {
            Some(person) if is_root() => vec![
                "setpriv".to_owned(),
                format!("--reuid={}", person.uid),
                format!("--regid={}", person.gid),
                "--init-groups".to_owned(),
            ],
            None if !is_root() => vec!["sudo".to_owned(), "--non-interactive".to_owned()],
            _ => Vec::new(),
        };
        words.extend(["env", "-i", "NO_COLOR=1"].map(str::to_owned));
        words.push(format!("PATH={}", std::env::var("PATH").unwrap()));
        words.push(format!("HOME={}", self.world.path(".").display()));
        words.push(format!("XDG_CACHE_HOME={}", self.world.path("cache").display()));
        words.push(self.program().display().to_string());
        words
    }

    /// The program as its user, in the build context. Behind `setpriv` and `env`, which are replaced:
    /// the process is the program itself.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let words = self.words();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments);
        command.current_dir(self.world.path("context")).stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub(crate) fn rlock(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Runs a command with the image `busybox`, and these arguments.
    pub(crate) fn on_busybox(&self, command: &str, arguments: &[&str]) -> Ran {
        let context = self.context("busybox", "busybox");
        let host = format!("{HOST}:127.0.0.1");
        let own = [command, "--build-context", &context, "--add-host", &host];
        self.rlock(&[&own, arguments].concat())
    }

    /// The Store.
    pub(crate) fn store(&self) -> PathBuf {
        self.world.path("cache/rlock")
    }

    /// Fails if anything is left of runs that have ended: processes with the mark in their command
    /// line, mounts, half-made files, blobs that are not what their name says.
    #[track_caller]
    pub(crate) fn assert_tidy(&self, mark: &str) {
        self.assert_quiet(mark);
        assert_eq!(names(&self.store().join("temporary")), ["lock"]);
        for name in names(&self.store().join("blobs/sha256")) {
            let blob = std::fs::read(self.store().join("blobs/sha256").join(&name)).unwrap();
            assert_eq!(Digest::of(&blob).hex(), name);
        }
        let left = names(&self.world.path("context"));
        assert!(!left.iter().any(|name| name.starts_with(".rlock")), "{left:?}");
    }

    /// Fails if processes or mounts do not go away by themselves.
    #[track_caller]
    pub(crate) fn assert_quiet(&self, mark: &str) {
        let folder = self.world.path("cache").display().to_string();
        let end = Instant::now() + PATIENCE;
        loop {
            let left: Vec<String> = processes()
                .filter(|process| {
                    has(&process.join("cmdline"), mark) || has(&process.join("mountinfo"), &folder)
                })
                .map(|process| process.display().to_string())
                .collect();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "still there: {left:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let is_process = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    names(Path::new("/proc")).into_iter().filter(is_process).map(|id| Path::new("/proc").join(id))
}

/// Whether a file of `/proc` has the text; a process that is gone has none.
fn has(path: &Path, text: &str) -> bool {
    let content = std::fs::read(path).unwrap_or_default();
    content.windows(text.len()).any(|part| part == text.as_bytes())
}

/// A number of seconds to sleep that no other process on this machine sleeps.
pub(crate) fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id() % 1000 * 100 + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
    format!("3133{number:05}")
}

/// Names in a directory, sorted; none where there is no directory.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let entries = read_dir_sorted(path).unwrap_or_default();
    entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn link_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in read_dir_sorted(from).unwrap() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            link_tree(&entry.path(), &target);
        } else {
            link(&entry.path(), &target);
        }
    }
}

/// A second name, or, on another file system, a copy.
fn link(from: &Path, to: &Path) {
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).unwrap();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Files of the user's further ids, which the user alone cannot remove.
        if is_root() {
            return;
        }
        let mut remove = match self.person {
            Some(_) => Command::new("unshare"),
            None => Command::new("sudo"),
        };
        let prefix: &[&str] = match self.person {
            Some(_) => &["--map-auto", "--map-root-user"],
            None => &["--non-interactive"],
        };
        let cache = self.world.path("cache");
        let _gone = remove.args(prefix).args(["rm", "-rf"]).arg(cache).status();
    }
}

//! Where sandbox tests play: a root file system of the host's own `/usr`, and both kinds of user.

#![expect(clippy::unwrap_used, reason = "a test stage that cannot be set up is a failed test")]
#![expect(clippy::print_stdout, reason = "says what is left out, and why")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rlock::sandbox::{Bind, Network, Step, Surroundings};
use serde::{Deserialize, Serialize};

/// The ordinary user that tests run as where they are started by root.
const USER: &str = "rlock-test";

/// As whom the sandbox is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    Root,
    Rootless,
}

/// A fresh directory with layers in it.
pub(super) struct Stage {
    pub(super) actor: Actor,
    directory: tempfile::TempDir,
    pub(super) lowers: Vec<PathBuf>,
}

/// What `examples/sandbox.rs` reads and writes.
#[derive(Serialize)]
pub(super) struct Scenario {
    pub(super) lowers: Vec<PathBuf>,
    pub(super) upper: PathBuf,
    pub(super) work: PathBuf,
    pub(super) target: PathBuf,
    pub(super) steps: Vec<Step>,
    pub(super) cancel_after_ms: Option<u64>,
    /// How a gate is attended to: see `examples/sandbox/gate.rs`.
    pub(super) gate: &'static str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) privilege: String,
    pub(super) steps: Vec<Ended>,
    pub(super) error: Option<String>,
    pub(super) hint: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ended {
    pub(super) exit: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    pub(super) elapsed_us: u64,
    pub(super) gate: Option<Seen>,
    pub(super) open_files: usize,
}

/// What came through a step's gate.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Seen {
    pub(super) connections: Vec<(String, String)>,
    pub(super) unknown: usize,
    pub(super) names: Vec<String>,
    pub(super) strays: Vec<String>,
}

impl Ended {
    pub(super) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(super) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl Stage {
    /// A stage for each kind of user that this machine allows; says which it leaves out, and why.
    pub(super) fn each() -> Vec<Self> {
        if !is_root() {
            println!("left out as root: the tests are not started by root");
            return vec![Self::new(Actor::Rootless)];
        }
        if let Err(reason) = make_user() {
            println!("left out rootless: {reason}");
            return vec![Self::new(Actor::Root)];
        }
        vec![Self::new(Actor::Root), Self::new(Actor::Rootless)]
    }

    pub(super) fn new(actor: Actor) -> Self {
        let directory = tempfile::Builder::new().prefix("rlock-sandbox-").tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let stage = Self { actor, lowers: vec![directory.path().join("base")], directory };
        for name in ["base", "upper", "work", "target"] {
            fs::create_dir(stage.path(name)).unwrap();
        }
        let base = stage.path("base");
        for name in ["usr", "etc", "tmp", "root"] {
            fs::create_dir(base.join(name)).unwrap();
        }
        for name in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{name}"), base.join(name)).unwrap();
        }
        let binary = stage.path("sandbox");
        fs::copy(example(), &binary).unwrap();
        stage
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A shell script as root, on the host's `/usr`.
    pub(super) fn step(&self, script: &str) -> Step {
        let usr = Bind { source: "/usr".into(), target: b"usr".to_vec(), read_only: true };
        Step {
            root: self.path("target"),
            argv: ["/bin/sh", "-c", script].map(|word| word.as_bytes().to_vec()).to_vec(),
            env: vec![(b"PATH".to_vec(), b"/usr/sbin:/usr/bin".to_vec())],
            cwd: b"/".to_vec(),
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            binds: vec![usr],
            surroundings: Surroundings::first(),
            network: Network::Host,
            stdin: None,
        }
    }

    pub(super) fn scenario(&self, steps: Vec<Step>) -> Scenario {
        Scenario {
            lowers: self.lowers.clone(),
            upper: self.path("upper"),
            work: self.path("work"),
            target: self.path("target"),
            steps,
            cancel_after_ms: None,
            gate: "answer",
        }
    }

    /// Runs one step that must be able to run.
    pub(super) fn run(&self, step: Step) -> Ended {
        let outcome = self.play(&self.scenario(vec![step]));
        assert_eq!(outcome.error, None, "{:?}: {:?}", self.actor, outcome.hint);
        outcome.steps.into_iter().next().unwrap()
    }

    /// Like [`Self::run`], with nothing above the base.
    pub(super) fn fresh_run(&self, step: Step) -> Ended {
        self.renew();
        self.run(step)
    }

    /// Empties the upper directory; a volatile work directory serves only once.
    pub(super) fn renew(&self) {
        for name in ["upper", "work"] {
            fs::remove_dir_all(self.path(name)).unwrap();
            fs::create_dir(self.path(name)).unwrap();
        }
    }

    pub(super) fn play(&self, scenario: &Scenario) -> Outcome {
        outcome(self.start(scenario))
    }

    pub(super) fn start(&self, scenario: &Scenario) -> Child {
        self.start_behind("", scenario)
    }

    /// Starts a scenario as this stage's user, by way of a prefix in a shell's words.
    pub(super) fn start_behind(&self, prefix: &str, scenario: &Scenario) -> Child {
        let file = self.path("scenario.json");
        fs::write(&file, serde_json::to_vec(scenario).unwrap()).unwrap();
        let mut user = String::new();
        if self.actor == Actor::Rootless && is_root() {
            self.give_to_user();
            user = format!("setpriv --reuid {USER} --regid {USER} --init-groups");
        }
        let mut command = Command::new("sh");
        // The shell is replaced, so that who kills the child kills the sandbox.
        command.arg("-c").arg(format!("exec {prefix} {user} \"$0\" \"$1\""));
        command.arg(self.path("sandbox")).arg(file).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn give_to_user(&self) {
        let owner = format!("{USER}:{USER}");
        let chown = |path: &Path| Command::new("chown").args(["-hR", &owner]).arg(path).status();
        assert!(chown(self.directory.path()).unwrap().success());
    }

    /// Everything that the steps left in the upper directory, sorted, relative.
    pub(super) fn left(&self) -> Vec<String> {
        let output = Command::new("find")
            .arg(self.path("upper"))
            .args(["-mindepth", "1", "-printf", "%P\n"])
            .output()
            .unwrap();
        let mut paths: Vec<String> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        paths.sort();
        paths
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Files of the user's further ids, which the user alone could not remove.
        if is_root() {
            let _gone = fs::remove_dir_all(self.directory.path());
        }
    }
}

/// What a started scenario says in the end.
pub(super) fn outcome(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The example, built first: `cargo test --test it` alone would leave an old one.
fn example() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let tests = std::env::current_exe().unwrap();
        let profile = tests.parent().unwrap().parent().unwrap();
        let name = profile.file_name().unwrap().to_str().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo says of this package to its tests would make it build dependencies anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        let built = cargo
            .args(["build", "--quiet", "--example", "sandbox"])
            .args(["--profile", if name == "debug" { "dev" } else { name }])
            .arg("--target-dir")
            .arg(profile.parent().unwrap())
            .status();
        assert!(built.unwrap().success(), "the example `sandbox` cannot be built");
        profile.join("examples/sandbox")
    })
}

/// Makes the user with ids of its own, once.
fn make_user() -> Result<(), String> {
    static MADE: OnceLock<Result<(), String>> = OnceLock::new();
    MADE.get_or_init(|| {
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output();
            match output {
                Ok(output) if output.status.success() => Ok(()),
                Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
                Err(error) => Err(format!("`{program}`: {error}")),
            }
        };
        if run("id", &[USER]).is_err() {
            run("useradd", &["--create-home", "--user-group", USER])?;
        }
        let listed =
            |file: &str| fs::read_to_string(file).unwrap_or_default().contains(&format!("{USER}:"));
        if !listed("/etc/subuid") {
            run("usermod", &["--add-subuids", "700000-765535", USER])?;
        }
        if !listed("/etc/subgid") {
            run("usermod", &["--add-subgids", "700000-765535", USER])?;
        }
        run("newuidmap", &[]).or_else(
            |reason| {
                if reason.contains("usage") { Ok(()) } else { Err(reason) }
            },
        )
    })
    .clone()
}

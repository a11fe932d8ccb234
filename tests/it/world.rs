//! A folder with a Dockerfile, a Store of its own, and the program to run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What steps call a server that the test runs on the loopback of this machine: theirs is another one.
pub(crate) const HOST: &str = "server.test";

/// The path of something in the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A base image that `make fixtures` makes.
pub(crate) fn base(name: &str) -> PathBuf {
    let path = project("target/fixtures").join(name);
    assert!(path.join("index.json").exists(), "{} is missing: run `make fixtures`", path.display());
    path
}

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails unless the program ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, code, "\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Fails unless stderr holds all of these.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no `{text}` in:\n{}", self.stderr);
        }
        self
    }

    /// The report on stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
        })
    }
}

/// A temporary folder to build in.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// A folder with this Dockerfile.
    pub(crate) fn new(dockerfile: &str) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.path("context")).unwrap();
        world.write("Dockerfile", dockerfile);
        world
    }

    /// A path beside the build context.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file of the build context.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path("context").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Reads a file of the build context.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.path("context").join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The program with a Store of this world, in the build context.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rlock"));
        command
            .current_dir(self.path("context"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("DOCKER_CONFIG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program with these arguments.
    pub(crate) fn rlock(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command().args(arguments).output().unwrap())
    }

    /// Runs a command with the busybox base image under the name `busybox`, and these arguments.
    pub(crate) fn on_busybox(&self, command: &str, arguments: &[&str]) -> Ran {
        let context = format!("busybox=oci-layout://{}:latest", base("busybox").display());
        let host = format!("{HOST}:127.0.0.1");
        let mut all = vec![command, "--build-context", &context, "--add-host", &host];
        all.extend(arguments);
        self.rlock(&all)
    }
}

/// A tool of others; a missing one is an error of the set-up.
pub(crate) fn tool(name: &str, package: &str) -> Command {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    assert!(found, "`{name}` is missing: run `make setup`, or install the package `{package}`");
    Command::new(name)
}

/// Runs a tool, which must succeed; answers what it printed.
#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let ran = Ran::of(&output);
    assert!(
        output.status.success(),
        "{command:?}\n--- stdout\n{}\n--- stderr\n{}",
        ran.stdout,
        ran.stderr
    );
    ran.stdout
}

/// Something that is dear to make: one for all tests that run at the same time, gone with the last of
/// them. What a static holds for good is never dropped.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The one that there is, or a new one.
    pub(crate) fn get(&self, make: impl FnOnce() -> T) -> Arc<T> {
        // Where making it failed in another test it fails here too, for the same reason.
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let made = Arc::new(make());
            *shared = Arc::downgrade(&made);
            made
        })
    }
}

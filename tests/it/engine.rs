//! A Docker engine for tests: its own, so that nothing of the machine's is touched.

use crate::world::{Shared, succeed, tool};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

static ENGINE: Shared<Engine> = Shared::new();

/// Waits for its standard input to end, be it because the tests were killed, and then ends the engine,
/// which leaves a mount behind.
const SCRIPT: &str =
    "\"$@\" & read -r _; kill $!; wait $!; umount \"$0/netns/default\" 2>/dev/null";

/// A running `dockerd`; it ends with this.
pub(crate) struct Engine {
    folder: tempfile::TempDir,
    script: Child,
}

/// Which builder `docker build` uses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DockerBuilder {
    Classic,
    BuildKit,
}

impl Engine {
    /// The one engine of all tests that run now.
    pub(crate) fn shared() -> Arc<Self> {
        ENGINE.get(Self::start)
    }

    fn start() -> Self {
        assert!(rustix::process::getuid().is_root(), "`dockerd` needs root: run the tests as root");
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let script = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(at("exec"))
            .arg(tool("dockerd", "docker.io").get_program())
            .arg("--host")
            .arg(format!("unix://{}", at("socket").display()))
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            // Steps use the host's network, and the host's firewall stays as it is.
            .args(["--bridge", "none", "--iptables=false"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let mut engine = Self { folder, script };
        engine.wait();
        engine
    }

    fn wait(&mut self) {
        let end = Instant::now() + Duration::from_mins(1);
        while !self.docker().arg("version").output().unwrap().status.success() {
            let is_over = self.script.try_wait().unwrap().is_some() || Instant::now() > end;
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(!is_over, "`dockerd` does not start:\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Where it listens, as tools want to be told.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}/socket", self.folder.path().display())
    }

    /// The client. Debian's own, which has the BuildKit of Debian's engine built in.
    pub(crate) fn docker(&self) -> Command {
        let client = "/usr/bin/docker";
        assert!(
            Path::new(client).exists(),
            "`{client}` is missing: install the package `docker.io`"
        );
        let mut command = Command::new(client);
        command.args(["--host", &self.host()]).env("DOCKER_CONFIG", self.folder.path());
        command
    }

    /// Builds the context and gives the result a name.
    pub(crate) fn build(&self, builder: DockerBuilder, context: &Path, name: &str) {
        let is_buildkit = matches!(builder, DockerBuilder::BuildKit);
        let mut command = self.docker();
        command.env("DOCKER_BUILDKIT", u8::from(is_buildkit).to_string());
        command.args(["build", "--no-cache", "--network", "host", "--tag", name]);
        succeed(command.arg(context));
    }

    /// `docker save`.
    pub(crate) fn save(&self, names: &[&str], archive: &Path) {
        succeed(self.docker().args(["save", "--output"]).arg(archive).args(names));
    }

    /// Removes an image, so that one of the same layers is unpacked anew.
    pub(crate) fn remove(&self, name: &str) {
        succeed(self.docker().args(["image", "rm", "--force", name]));
    }

    /// Runs the image's own command, or this one.
    pub(crate) fn run(&self, name: &str, command: &[&str]) -> String {
        succeed(self.docker().args(["run", "--rm", "--network", "host", name]).args(command))
    }

    /// The file tree of an image as its containers see it, mounted.
    pub(crate) fn mount(&self, name: &str) -> Mounted {
        // The upper directory is the highest layer; an image of one layer has no others.
        let format = "{{.GraphDriver.Data.UpperDir}}:{{.GraphDriver.Data.LowerDir}}";
        let layers = succeed(self.docker().args(["image", "inspect", "--format", format, name]));
        let layers = layers.trim().trim_end_matches(":<no value>");
        // One lower directory alone is no overlay: an empty one goes below.
        let empty = tempfile::tempdir_in(self.folder.path()).unwrap();
        let target = tempfile::tempdir_in(self.folder.path()).unwrap();
        let options = format!("ro,lowerdir={layers}:{}", empty.path().display());
        let mut command = Command::new("mount");
        command.args(["-t", "overlay", "overlay", "-o", &options]);
        succeed(command.arg(target.path()));
        Mounted { target, _empty: empty }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        self.script.wait().unwrap();
    }
}

/// A mounted file tree; it is unmounted with this.
pub(crate) struct Mounted {
    target: tempfile::TempDir,
    _empty: tempfile::TempDir,
}

impl Mounted {
    pub(crate) fn path(&self) -> PathBuf {
        self.target.path().to_owned()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        succeed(Command::new("umount").arg(self.target.path()));
    }
}

//! A Dockerfile that fetches from sites of the test, and the story that each client goes through.

use crate::upstream::{self, Site};
use crate::world::{Ran, Shared, World, base};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// When sites were filled first, and when they moved on, in seconds since 1970.
pub(crate) const OLD: i64 = 1_735_689_600;
pub(crate) const NEW: i64 = 1_767_225_600;

/// What programs in a step take for the time, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "apt in the step reads the real clock")]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

/// One Store for all clients: base images are unpacked once.
static STORE: Shared<tempfile::TempDir> = Shared::new();

/// A Dockerfile whose `FROM base` is one of the base images, and the sites that it fetches from.
pub(crate) struct Case<'a> {
    pub(crate) world: World,
    base: &'static str,
    sites: Vec<&'a Site>,
    arguments: Vec<String>,
    store: Arc<tempfile::TempDir>,
}

/// The tag of a base image.
fn tag(name: &str) -> &str {
    name.strip_prefix("debian-").unwrap_or("latest")
}

impl<'a> Case<'a> {
    pub(crate) fn new(base: &'static str, dockerfile: &str, sites: &[&'a Site]) -> Self {
        let world = World::new(&format!("FROM base\n{dockerfile}"));
        let store = STORE.get(|| tempfile::tempdir().unwrap());
        Self { world, base, sites: sites.to_vec(), arguments: Vec::new(), store }
    }

    /// The same, always with these arguments too.
    pub(crate) fn with(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// The same on a machine where nothing was built before.
    pub(crate) fn elsewhere(&mut self) {
        self.store = Arc::new(tempfile::tempdir().unwrap());
    }

    /// Runs the program on the Dockerfile.
    pub(crate) fn rlock(&self, command: &str, arguments: &[&str]) -> Ran {
        self.rlock_in(&self.world, command, arguments)
    }

    fn rlock_in(&self, world: &World, command: &str, arguments: &[&str]) -> Ran {
        let layout = base(self.base);
        let context = format!("base=oci-layout://{}:{}", layout.display(), tag(self.base));
        let (name, value) = upstream::trust(world);
        let output = world
            .command()
            .env("RLOCK_STORE", self.store.path())
            .env(name, value)
            .args([command, "--build-context", &context])
            .args(upstream::arguments(&self.sites))
            .args(&self.arguments)
            .args(arguments)
            .output();
        Ran::of(&output.unwrap())
    }

    /// The Store's directory.
    pub(crate) fn store(&self) -> &std::path::Path {
        self.store.path()
    }

    /// Makes the lock; the digest of the image that it records.
    #[track_caller]
    pub(crate) fn lock(&self) -> String {
        self.rlock("lock", &[]).expect(0);
        let lock = self.world.read("Dockerfile.lock");
        let result = lock.split("[result]\nimage = \"").nth(1);
        result
            .unwrap_or_else(|| panic!("no result in\n{lock}"))
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Builds from the lock, which must give what the lock records; the report.
    #[track_caller]
    pub(crate) fn verify(&self, arguments: &[&str], digest: &str) {
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        let report = self.rlock("verify", &all).expect(0).json();
        assert_eq!(report["build"]["manifest"], digest, "{report:#}");
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
        let coverage = &report["coverage"];
        assert_eq!(coverage["locked"], coverage["fetches"], "{coverage:#}");
        assert_eq!(coverage["fetched"], 0, "{coverage:#}");
        assert_eq!(coverage["refused"], serde_json::json!([]), "{coverage:#}");
        let lock = self.world.read("Dockerfile.lock");
        assert!(lock.contains(digest), "the lock has changed:\n{lock}");
    }

    /// The digest of what a build without a lock gives now.
    #[track_caller]
    pub(crate) fn unlocked(&self) -> String {
        let world = World::new(&self.world.read("Dockerfile"));
        let ran = self.rlock_in(&world, "build", &[]).expect(0);
        let first = ran.stdout.lines().next().unwrap_or_default();
        first.strip_prefix("built ").unwrap_or_else(|| panic!("{}", ran.stdout)).to_owned()
    }

    /// Locks; lets the sites move on, where the same Dockerfile without its lock gives another
    /// image; then stops them. The lock gives the same image all the time, and asks nobody.
    #[track_caller]
    pub(crate) fn assert_replays(&self, move_on: impl FnOnce()) {
        let digest = self.lock();
        move_on();
        let asked = self.asked();
        self.verify(&[], &digest);
        assert_eq!(self.asked(), asked, "a locked build asked a server for what the Store has");
        assert_ne!(self.unlocked(), digest, "the sites have not moved on");
        self.assert_replays_offline(&digest);
    }

    /// Stops the sites. The lock gives the same image.
    #[track_caller]
    pub(crate) fn assert_replays_offline(&self, digest: &str) {
        for site in &self.sites {
            site.stop();
        }
        self.verify(&["--offline"], digest);
    }

    fn asked(&self) -> usize {
        self.sites.iter().map(|site| site.seen().len()).sum()
    }
}

//! The story of the product: a Dockerfile is locked, everything that it builds on moves on and the old
//! is deleted, and the lock still gives the same image: with the servers, without them, and on another
//! machine, as another user, in another time zone.

use crate::clients::{NEW, OLD, now};
use crate::home::Home;
use crate::server::{Access, Server, Wire as RegistryWire};
use crate::upstream::apt::{self, Key, Package};
use crate::upstream::python::{self, Release};
use crate::upstream::{Site, Tree, Wire, arguments, trust};
use crate::world::{Ran, World, base};
use std::process::Command;
use std::time::Duration;

/// How long the signed index of the package archive holds.
const VALID_S: i64 = 60;

/// What the Dockerfile builds on.
struct Upstream {
    registry: Server,
    apt: Site,
    key: Key,
    python: Site,
}

impl Upstream {
    fn start() -> Self {
        let upstream = Self {
            registry: Server::start(Access::Open, RegistryWire::Plain),
            apt: Site::start("apt.test", Wire::Tls),
            key: Key::new(),
            python: Site::start("python.test", Wire::Tls),
        };
        upstream.registry.push(&base("python"), "latest", "library/base:1");
        upstream
    }

    fn from(&self) -> String {
        format!("FROM {}/library/base:1\n", at_localhost(&self.registry))
    }

    fn dockerfile(&self) -> String {
        format!(
            "{}{}RUN apt-get update && apt-get install -y greeter && rm -rf /var/lib/apt/lists/*\n\
             RUN pip install --no-cache-dir --break-system-packages --index-url {}/simple polite\n\
             RUN cat /usr/share/greeter > /srv/state && polite >> /srv/state\n",
            self.from(),
            apt::sources(&self.apt.url(), &self.key),
            self.python.url()
        )
    }

    /// The first day.
    fn publish(&self, valid_until: i64) {
        let archive = self.archive("1.0", valid_until - VALID_S, valid_until);
        self.apt.serve(archive);
        self.python.serve(index("1.0", OLD));
    }

    fn archive(&self, version: &'static str, modified: i64, valid_until: i64) -> Tree {
        let package = |name, depends| Package { name, version, depends };
        let packages = [package("greeter", Some("phrases")), package("phrases", None)];
        apt::archive(&self.key, &packages, modified, Some(valid_until))
    }

    /// A security patch, a new release and another base under the same tag; the old files are gone.
    fn move_on(&self, now: i64) {
        self.apt.serve(self.archive("1.0+deb1u1", now - 10, now + 1_000_000));
        self.python.serve(index("1.1", NEW));
        let maker = World::new("FROM base\nRUN echo 2 > /etc/base-version\n");
        let context = format!("base=oci-layout://{}:latest", base("python").display());
        let layout = maker.path("layout");
        let output = format!("oci:{}:v2", layout.display());
        maker.rlock(&["build", "--build-context", &context, "-o", &output]).expect(0);
        self.registry.push(&layout, "v2", "library/base:1");
    }

    fn stop(self) {
        self.apt.stop();
        self.python.stop();
    }
}

fn index(version: &'static str, modified: i64) -> Tree {
    python::index(&[Release { name: "polite", version, requires: None }], modified)
}

fn at_localhost(registry: &Server) -> String {
    registry.address.replace("127.0.0.1", "localhost")
}

/// A place to build: a user, a Store, a time zone.
struct Machine {
    home: Home,
    zone: &'static str,
    arguments: Vec<String>,
}

impl Machine {
    fn new(home: Home, zone: &'static str, upstream: &Upstream) -> Self {
        let _variable = trust(&home.world);
        home.give();
        Self { home, zone, arguments: arguments(&[&upstream.apt, &upstream.python]) }
    }

    /// Runs a command that builds.
    fn build(&self, command: &str, arguments: &[&str]) -> Ran {
        let mut all = vec![command];
        all.extend(self.arguments.iter().map(String::as_str));
        all.extend(arguments);
        self.rlock(&all)
    }

    fn rlock(&self, arguments: &[&str]) -> Ran {
        let mut words = self.home.words();
        let program = words.pop().unwrap();
        let authorities = self.home.world.path("authorities.pem");
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.arg(format!("SSL_CERT_FILE={}", authorities.display()));
        command.arg(format!("TZ={}", self.zone)).arg(program).args(arguments);
        command.current_dir(self.home.world.path("context"));
        Ran::of(&command.output().unwrap())
    }

    /// The digest of the image that the lock gives, which must be the one that it records.
    #[track_caller]
    fn verify(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        let report = self.build("verify", &all).expect(0).json();
        assert_eq!(report["build"]["manifest"], report["against"]["manifest"], "{report:#}");
        report["build"]["manifest"].as_str().unwrap().to_owned()
    }

    /// An image in a layout of this machine, as arguments name it.
    fn image(&self, name: &str) -> String {
        format!("oci:{}:v1", self.home.world.path(name).display())
    }
}

#[test]
fn a_lock_outlives_everything_that_it_was_made_from() {
    let upstream = Upstream::start();
    let first = Machine::new(Home::of_root(&upstream.from()), "UTC", &upstream);
    // The base image is here from now on, and the rest is quick.
    first.build("build", &[]).expect(0);
    std::fs::remove_file(first.home.world.path("context/Dockerfile.lock")).unwrap();
    first.home.world.write("Dockerfile", upstream.dockerfile());
    let valid_until = now() + VALID_S;
    upstream.publish(valid_until);
    first.build("lock", &[]).expect(0);
    let lock = first.home.world.read("Dockerfile.lock");

    upstream.move_on(now());
    let digest = first.verify(&[]);
    assert!(lock.contains(&format!("[result]\nimage = \"{digest}\"")), "{lock}");
    first.build("build", &["-o", &first.image("locked")]).expect(0);
    assert_moved(&first, &upstream);

    let team = Server::start(Access::Open, RegistryWire::Plain);
    let locks = format!("{}/team/locks", at_localhost(&team));
    first.rlock(&["store", "push", &locks]).expect(0);
    let second =
        Machine::new(Home::of_user(&upstream.dockerfile()), "Pacific/Kiritimati", &upstream);
    upstream.stop();
    assert_eq!(first.verify(&["--offline"]), digest);
    first.build("check", &["--frozen"]).expect(0);

    second.home.world.write("Dockerfile.lock", &lock);
    second.home.give();
    second.rlock(&["store", "pull", &locks]).expect(0);
    drop(team);
    while now() <= valid_until {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(second.verify(&["--offline"]), digest);
    second.build("check", &["--frozen"]).expect(0);
    for machine in [&first, &second] {
        assert_eq!(machine.home.world.read("Dockerfile.lock"), lock);
    }
    second.home.assert_tidy("no process");
}

/// Without the lock the image is another one, and a comparison says which packages moved.
#[track_caller]
fn assert_moved(first: &Machine, upstream: &Upstream) {
    let unlocked = Machine::new(Home::of_root(&upstream.dockerfile()), "UTC", upstream);
    unlocked.build("build", &["-o", &unlocked.image("unlocked")]).expect(0);
    let images = [first.image("locked"), unlocked.image("unlocked")];
    let report = first.rlock(&["diff", &images[0], &images[1], "-v"]).expect(1).stdout;
    for text in ["greeter", "phrases", "1.0+deb1u1", "polite-1.0", "polite-1.1", "base-version"] {
        assert!(report.contains(text), "no `{text}` in:\n{report}");
    }
}

//! `rlock review` of a pull request whose lock is poisoned: what a person sees who did not ask for a
//! proof. No server is there, and nothing is built.

use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::{Key, Package, archive, sources};
use crate::upstream::{Site, Wire};
use crate::world::{succeed, tool};
use serde_json::{Value, json};

const INSTALL: &str =
    "RUN apt-get update && apt-get install -y greeter && rm -rf /var/lib/apt/lists/*\n";

const PACKAGES: [Package; 2] = [
    Package { name: "greeter", version: "1.0", depends: Some("phrases") },
    Package { name: "phrases", version: "1.0", depends: None },
];

/// A branch whose lock is good.
struct PullRequest<'a> {
    case: Case<'a>,
    /// As it was before the archive had newer metadata.
    earlier: String,
    /// As the branch has it.
    good: String,
}

impl<'a> PullRequest<'a> {
    fn new(site: &'a Site, key: &Key) -> Self {
        site.serve(archive(key, &PACKAGES, OLD, None));
        let dockerfile = sources(&site.url(), key) + INSTALL;
        let case = Case::new("debian-bookworm", &dockerfile, &[site]);
        case.world.write("archive.asc", key.armored());
        case.world.write("rlock.toml", "[[key]]\npath = \"archive.asc\"\n");
        case.lock();
        let earlier = case.world.read("Dockerfile.lock");
        site.serve(archive(key, &PACKAGES, NEW, None));
        std::fs::remove_file(case.world.path("context/Dockerfile.lock")).unwrap();
        case.lock();
        site.stop();
        let good = case.world.read("Dockerfile.lock");
        assert_ne!(earlier, good);
        let request = Self { case, earlier, good };
        request.git(&["init", "--quiet", "--initial-branch=main"]);
        request.git(&["add", "--all"]);
        request.git(&["commit", "--quiet", "--message", "locked"]);
        request
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = tool("git", "git");
        git.current_dir(self.case.world.path("context"));
        git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
        succeed(&mut git);
    }

    /// The good lock with another line in the block of a package.
    #[track_caller]
    fn with(&self, package: &str, key: &str, change: impl Fn(&str) -> String) -> String {
        let name = format!("name = \"{package}\"");
        let block = self.good.split("\n\n").find(|block| block.contains(&name)).unwrap();
        let line = block.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        let changed = self.good.replace(block, &block.replace(line, &change(line)));
        assert_ne!(changed, self.good);
        changed
    }

    /// The review of a lock; it must be called poisoned, in every form that people read.
    #[track_caller]
    fn poisoned(&self, lock: &str) -> Value {
        self.case.world.write("Dockerfile.lock", lock);
        let body = self.case.world.path("body.md");
        let arguments = ["HEAD", "--format", "json", "--pr-body", body.to_str().unwrap()];
        let report = self.case.rlock("review", &arguments).expect(3).json();
        assert_eq!(report["status"], "integrity", "{report:#}");
        assert_eq!(report["findings"][0]["cause"], "poisoned-lock", "{report:#}");
        assert_eq!(report["trust"]["poisoned"].as_array().unwrap().len(), 1, "{report:#}");
        // Nothing that lets other findings pass lets this one pass.
        let text = self.case.rlock("review", &["HEAD", "--exit-zero"]).expect(3).stdout;
        for said in ["review: 1 poisoned entry", "\n  ! ", "`rlock lock --verify`"] {
            assert!(text.contains(said), "no `{said}` in:\n{text}");
        }
        let body = std::fs::read_to_string(body).unwrap();
        assert!(body.contains("rlock lock --verify"), "{body}");
        report
    }
}

fn risks(report: &Value) -> Vec<&str> {
    let risks = report["risks"].as_array().unwrap();
    risks.iter().map(|risk| risk["risk"].as_str().unwrap()).collect()
}

#[test]
fn a_review_says_that_a_lock_is_poisoned() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let request = PullRequest::new(&site, &key);
    let report = request.case.rlock("review", &["HEAD", "--format", "json"]).expect(0).json();
    assert_eq!(report["trust"]["poisoned"], json!([]), "{report:#}");

    // The same version with other content.
    let zeros = format!("sha256 = \"{}\"", "0".repeat(64));
    let report = request.poisoned(&request.with("greeter", "sha256", |_| zeros.clone()));
    assert_eq!(risks(&report), ["same-version-other-hash"], "{report:#}");
    assert_eq!(report["trust"]["poisoned"][0]["name"], "deb:greeter 1.0 all", "{report:#}");

    // Content from a host that nobody has named before.
    let evil = |line: &str| line.replace("apt.test", "evil.test");
    let report = request.poisoned(&request.with("greeter", "url", evil));
    assert!(risks(&report).contains(&"new-host"), "{report:#}");
    assert_eq!(report["trust"]["poisoned"][0]["name"], "deb:greeter 1.0 all", "{report:#}");

    // Metadata of before, which hides what was repaired since.
    let report = request.poisoned(&request.earlier);
    let reason = report["trust"]["poisoned"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("older than what the base lock has"), "{report:#}");
}

#[test]
fn a_review_hashes_what_moved_and_says_that_it_does_no_more() {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let request = PullRequest::new(&site, &key);
    let case = &request.case;
    let zeros = format!("sha256 = \"{}\"", "0".repeat(64));
    case.world.write("moved.lock", request.with("greeter", "sha256", |_| zeros.clone()));
    case.world.write("same.lock", &request.good);
    let (_, behind) = request.good.split_once("name = \"greeter\"").unwrap();
    let digest = behind.split("sha256 = \"").nth(1).unwrap().split('"').next().unwrap();
    let file = case.store().join("blobs/sha256").join(digest);
    let mut content = std::fs::read(&file).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(&file, content).unwrap();

    let review = |old, code| case.rlock("review", &[old, "--format", "json"]).expect(code).json();
    let report = review("moved.lock", 3);
    assert_eq!(report["trust"]["poisoned"][0]["name"], "deb:greeter 1.0 all", "{report:#}");
    let report = review("same.lock", 0);
    let notes = report["trust"]["notes"].to_string();
    assert!(notes.contains("not hashed again"), "{notes}");
    assert!(notes.contains("`rlock lock --verify` hashes all"), "{notes}");
    case.rlock("lock", &["--verify"]).expect(3);
}

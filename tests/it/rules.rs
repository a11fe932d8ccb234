//! By which rules a pull request is judged: by those of the branch that it goes into, whatever it does
//! to `rlock.toml`, to keys and data that this names, and to the names of its own branches. Nothing is
//! built, and no server is there.

use crate::schema;
use crate::world::{Ran, World, project, succeed, tool};
use rlock::oci::Digest;
use serde_json::{Value, json};
use std::fmt::Write as _;

const RULES: &str =
    "[advisories]\npaths = [\"osv\", \"more\"]\nservice = \"https://osv.example\"\n";

/// A lock with one package of Python in this version.
fn lock(version: &str) -> String {
    let digest = Digest::of(version.as_bytes()).hex();
    format!(
        "version = 1\nplatform = \"linux/amd64\"\nepoch = 0\ncanonical = 1\n\n[[package]]\n\
         type = \"pypi\"\nname = \"greeter\"\nversion = \"{version}\"\n\
         url = \"https://pypi.example/greeter-{version}-py3-none-any.whl\"\n\
         sha256 = \"{digest}\"\nsize = 3\nstep = \"1\"\nrequested = true\n\n[[stage]]\nbase = \"scratch\"\n\n\
         [[step]]\nid = \"1\"\ninput = \"sha256:{digest}\"\n"
    )
}

/// What concerns the version that the pull request brings.
fn advisory() -> String {
    let events = json!([{"introduced": "2.0"}, {"fixed": "3.0"}]);
    json!({
        "id": "PYSEC-1", "modified": "2026-11-20T00:00:00Z", "summary": "it is broken",
        "affected": [{
            "package": {"ecosystem": "PyPI", "name": "greeter"},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }],
    })
    .to_string()
}

/// A repository whose base branch is clean, and a work tree as the pull request has it.
struct Fork(World);

impl Fork {
    fn new(files: &[(&str, &str)]) -> Self {
        let fork = Self(World::new("FROM scratch\nCOPY note /\n"));
        for (path, content) in files {
            fork.0.write(path, content);
        }
        fork.git(&["init", "--quiet", "--initial-branch=main"]);
        fork.commit();
        fork.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        fork
    }

    /// With advisory data, and a lock that brings along what it concerns.
    fn vulnerable() -> Self {
        let fork = Self::new(&[
            ("note", "x"),
            ("rlock.toml", RULES),
            ("osv/1.json", &advisory()),
            ("Dockerfile.lock", &lock("1.0")),
        ]);
        fork.0.write("more/1.json", advisory().replace("PYSEC-1", "PYSEC-2"));
        fork.0.write("Dockerfile.lock", lock("2.0"));
        fork
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "next"]);
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = tool("git", "git");
        git.current_dir(self.0.path("context"));
        git.args(["-c", "user.name=it", "-c", "user.email=it@it.test"]).args(arguments);
        succeed(&mut git);
    }

    fn rlock(&self, arguments: &[&str]) -> Ran {
        let (command, rest) = arguments.split_first().unwrap();
        let mut run = self.0.command();
        for name in ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] {
            run.env_remove(name);
        }
        Ran::of(&run.arg(command).args(["--platform", "linux/amd64"]).args(rest).output().unwrap())
    }

    /// The review against the base branch: what was introduced must be told.
    #[track_caller]
    fn reviewed(&self) -> Value {
        let ran = self.rlock(&["review", "HEAD", "--format", "json"]).expect(1);
        let report = schema::report(&self.0, &ran);
        assert_eq!(report["advisories"]["ignored"], json!([]), "{report:#}");
        let ids = report["advisories"]["introduced"].to_string();
        assert!(ids.contains("PYSEC-1"), "{report:#}");
        report
    }
}

fn policy(report: &Value) -> Vec<String> {
    let risks = report["risks"].as_array().unwrap().iter();
    let of_policy = risks.filter(|risk| risk["risk"] == "policy-change");
    of_policy
        .map(|risk| {
            format!("{}: {}", risk["subject"].as_str().unwrap(), risk["detail"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn a_pull_request_does_not_say_what_is_passed_over() {
    let fork = Fork::vulnerable();
    let report = fork.reviewed();
    assert_eq!(report["policy"], "HEAD:rlock.toml");
    assert_eq!(policy(&report), Vec::<String>::new());
    let clean = report["checks"].as_array().unwrap().iter();
    let clean = clean.filter(|it| it["risk"] == "policy-change").collect::<Vec<_>>();
    assert_eq!((clean.len(), &clean[0]["found"]), (1, &json!(0)), "{clean:?}");

    let ignore = "\n[[advisories.ignore]]\nid = \"PYSEC-1\"\nreason = \"not used, @everyone\"\n";
    fork.0.write("rlock.toml", format!("{RULES}{ignore}"));
    let report = fork.reviewed();
    let told = "[[advisories.ignore]] PYSEC-1 of all packages: is passed over for ever: not used, @everyone";
    assert_eq!(policy(&report), [told], "{report:#}");
    let finding = report["findings"].as_array().unwrap().iter();
    let finding = finding.clone().find(|it| it["cause"] == "policy-change").unwrap();
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["location"]["file"], "rlock.toml", "{finding:#}");
    assert_eq!(finding["location"]["start_line"], 6, "{finding:#}");
    for format in ["text", "markdown", "sarif", "github"] {
        let shown = fork.rlock(&["review", "HEAD", "--format", format]).expect(1).stdout;
        assert!(shown.contains("policy-change"), "{format}: {shown}");
        assert!(format != "markdown" || !shown.contains("@everyone"), "{shown}");
    }
    // Two commits tell the same as a commit and the work tree.
    fork.commit();
    let ran = fork.rlock(&["review", "HEAD~1", "HEAD", "--format", "json"]).expect(1);
    // The commit has the data as well, which nobody has brought but itself.
    assert_eq!(policy(&ran.json()).first().map(String::as_str), Some(told));
    // What is merged counts.
    fork.0.write("Dockerfile.lock", lock("2.1"));
    let report = fork.rlock(&["review", "HEAD", "--format", "json"]).json();
    assert_eq!(policy(&report), Vec::<String>::new());
    assert!(report["advisories"]["ignored"].to_string().contains("PYSEC-1"), "{report:#}");
    // Of a file nobody knows what rules there were.
    fork.0.write("../old.lock", lock("1.0"));
    let report = fork.rlock(&["review", "../old.lock", "--format", "json"]).json();
    let checks = report["checks"].as_array().unwrap().iter();
    let check = checks.clone().find(|it| it["risk"] == "policy-change").unwrap();
    assert!(check.to_string().contains("is not known"), "{check:#}");
}

#[test]
fn a_pull_request_does_not_say_what_is_looked_into() {
    // Data that the base does not have is somebody else's, until the pull request has it.
    let fork = Fork::vulnerable();
    assert!(fork.reviewed()["advisories"].to_string().contains("PYSEC-2"));
    fork.git(&["add", "more"]);
    let report = fork.reviewed();
    assert!(!report["advisories"].to_string().contains("PYSEC-2"), "{report:#}");
    assert_eq!(
        policy(&report),
        ["[advisories] more: the change brings this data along: it was not looked into"]
    );
    // Data that was emptied, or is elsewhere now.
    let changed = "[advisories] osv: the data was changed: that of before was looked into";
    fork.git(&["rm", "--quiet", "--cached", "-r", "more"]);
    fork.0.write("osv/1.json", advisory().replace("PyPI", "npm"));
    assert_eq!(policy(&fork.reviewed()), [changed]);
    fork.git(&["rm", "--quiet", "-rf", "osv"]);
    assert_eq!(policy(&fork.reviewed()), [changed]);
    std::os::unix::fs::symlink("more", fork.0.path("context/osv")).unwrap();
    assert_eq!(policy(&fork.reviewed()), [changed]);
    // Rules that name no data, and none at all.
    fork.0.write("rlock.toml", "[advisories]\nservice = \"https://evil.example\"\n");
    let report = fork.reviewed();
    let told = policy(&report).join("\n");
    for expected in ["osv: no longer looked into", "https://osv.example/ → https://evil.example/"]
    {
        assert!(told.contains(expected), "{told}");
    }
    let asked = ["review", "HEAD", "--advisories-service", "--offline", "--format", "json"];
    let sources = fork.rlock(&asked).json()["advisory_sources"].to_string();
    assert!(sources.contains("https://osv.example") && !sources.contains("evil"), "{sources}");
    std::fs::remove_file(fork.0.path("context/rlock.toml")).unwrap();
    assert!(policy(&fork.reviewed()).join("\n").contains("osv: no longer looked into"));
}

#[test]
fn a_branch_of_a_fork_is_not_the_base_whatever_it_is_called() {
    let fork = Fork::vulnerable();
    fork.git(&["checkout", "--quiet", "-b", "origin/main"]);
    fork.commit();
    let run = |name: &str, branch: &str| {
        let mut run = fork.0.command();
        run.args(["review", "--platform", "linux/amd64", "--format", "json"]);
        for name in ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] {
            run.env_remove(name);
        }
        if !name.is_empty() {
            run.env(name, branch);
        }
        Ran::of(&run.output().unwrap())
    };
    for name in ["", "GITHUB_BASE_REF"] {
        let report = run(name, "main").expect(1).json();
        assert!(report["advisories"]["introduced"].to_string().contains("PYSEC-1"), "{report:#}");
    }
    // A branch that is called as the one that it goes into, in a clone that has no other.
    fork.git(&["branch", "--quiet", "--move", "-f", "main"]);
    fork.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    run("GITHUB_BASE_REF", "main").expect(2).says(&["which is not fetched"]);
}

/// A lock of an archive that a key of the fixtures signs, and the Store that it needs.
fn signed(fork: &Fork) -> String {
    let fixture = |name: &str| std::fs::read(project("fixtures/index").join(name)).unwrap();
    fork.rlock(&["lock", "--verify"]);
    let mut blocks = String::new();
    for (url, name) in [
        ("http://deb.example/debian/dists/stable/InRelease", "apt/InRelease.ed25519"),
        ("http://deb.example/debian/dists/stable/main/binary-amd64/Packages.xz", "apt/Packages.xz"),
    ] {
        let body = fixture(name);
        let digest = Digest::of(&body).hex();
        let folder = fork.0.path("cache/rlock/blobs/sha256");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(&digest), &body).unwrap();
        let size = body.len();
        write!(
            blocks,
            "[[fetch]]\nurl = \"{url}\"\nsha256 = \"{digest}\"\nsize = {size}\nstep = \"1\"\n\n"
        )
        .unwrap();
    }
    let text = lock("1.0");
    let (head, rest) = text.split_once("[[package]]").unwrap();
    let (_, rest) = rest.split_once("[[stage]]").unwrap();
    format!("{head}{blocks}[[stage]]{rest}")
}

#[test]
fn a_pull_request_does_not_say_whose_signatures_count() {
    let key = std::fs::read_to_string(project("fixtures/index/keys/ed25519.asc")).unwrap();
    let other = std::fs::read_to_string(project("fixtures/index/keys/rsa.asc")).unwrap();
    let named = "[[key]]\npath = \"keys/a.asc\"\n";
    let fork = Fork::new(&[("note", "x"), ("keys/a.asc", &key), ("rlock.toml", named)]);
    let good = signed(&fork);
    fork.0.write("Dockerfile.lock", &good);
    fork.commit();
    let verify = |code: i32| {
        let ran = fork.rlock(&["lock", "--verify", "--base", "HEAD", "--format", "json"]);
        ran.expect(code).json()
    };
    assert_eq!(verify(0)["summary"]["proven"], 2);
    // The key of the base counts, whatever the pull request has in its place.
    fork.0.write("keys/a.asc", &other);
    let report = verify(0);
    assert_eq!(report["summary"]["proven"], 2, "{report:#}");
    assert!(report["notes"].to_string().contains("that of the base is"), "{report:#}");
    fork.0.write("rlock.toml", "");
    assert_eq!(verify(0)["summary"]["proven"], 2);

    // A file that the base has, and does not name.
    fork.0.write("keys/a.asc", &key);
    fork.commit();
    fork.0.write("rlock.toml", named);
    let report = verify(5);
    assert_eq!(report["summary"]["proven"], 0, "{report:#}");
    assert!(report["notes"].to_string().contains("does not name `keys/a.asc`"), "{report:#}");
    let review = fork.rlock(&["review", "HEAD", "--format", "json"]).json();
    assert_eq!(policy(&review), ["[[key]] keys/a.asc: its signatures count"]);

    // A base without a lock has rules all the same.
    fork.git(&["rm", "--quiet", "--cached", "Dockerfile.lock", "rlock.toml"]);
    fork.git(&["commit", "--quiet", "--message", "no lock"]);
    fork.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let run = |base: &str| {
        let mut run = fork.0.command();
        run.args(["lock", "--verify", "--platform", "linux/amd64", "--format", "json"]);
        run.env_remove("CI_MERGE_REQUEST_TARGET_BRANCH_NAME").env("GITHUB_BASE_REF", base);
        Ran::of(&run.output().unwrap())
    };
    let report = run("main").expect(5).json();
    assert!(report["base"].as_str().unwrap().ends_with("which has no lock"), "{report:#}");
    assert_eq!(report["summary"]["proven"], 0, "{report:#}");
    // A clone that cannot tell what the change is says so.
    run("release").expect(2).says(&["fetch-depth: 0"]);
}

//! `scripts/ci/pull-request`: a real repository, a real remote, a fake forge.

use super::{Forge, script};
use crate::world::{Ran, succeed};
use serde_json::json;
use std::path::Path;
use std::process::Command;

struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap() };
        repository.outside(&["init", "--quiet", "--bare", "remote.git"]);
        repository.outside(&["init", "--quiet", "--initial-branch=main", "work"]);
        repository.write("web/Dockerfile.lock", "one\n");
        repository.git(&["add", "."]);
        repository.git(&["commit", "--quiet", "--message", "first"]);
        repository.git(&["remote", "add", "origin", "../remote.git"]);
        repository.git(&["push", "--quiet", "origin", "main"]);
        repository
    }

    fn outside(&self, arguments: &[&str]) -> String {
        self.run(self.folder.path(), arguments)
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.run(&self.folder.path().join("work"), arguments)
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=tester", "-c", "user.email=tester@host.example"];
        let mut git = Command::new("git");
        git.current_dir(folder).args(identity).args(arguments);
        git.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        succeed(&mut git)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.folder.path().join("work").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn request(&self, environment: &[(&str, &str)]) -> Ran {
        let body = self.folder.path().join("body.md");
        std::fs::write(&body, "**1 package** \"quoted\"\n").unwrap();
        let arguments = ["rlock/update", "Security updates", body.to_str().unwrap()];
        script("pull-request", &self.folder.path().join("work"), environment, &arguments)
    }
}

#[test]
fn a_pull_request_is_opened_once_and_then_refreshed() {
    let (forge, repository) = (Forge::start(), Repository::new());
    let url = forge.url();
    let environment = [
        ("GITHUB_API_URL", url.as_str()),
        ("GITHUB_REPOSITORY", "owner/project"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_TOKEN", "secret-token"),
    ];
    let ran = repository.request(&environment).expect(0);
    assert!(ran.stdout.contains("no lockfile has changed"), "{}", ran.stdout);
    assert!(forge.state.lock().unwrap().log.is_empty());

    repository.write("web/Dockerfile.lock", "two\n");
    repository.write("new/x.Dockerfile.linux-arm64.lock", "new\n");
    repository.write("notes.txt", "not ours\n");
    repository.write("Cargo.lock", "not ours\n");
    repository.request(&environment).expect(0);
    let files = repository.git(&["show", "--name-only", "--format=%s", "origin/rlock/update"]);
    assert_eq!(
        files,
        "Security updates\n\nnew/x.Dockerfile.linux-arm64.lock\nweb/Dockerfile.lock\n"
    );

    // The next day: again from the base.
    repository.git(&["reset", "--quiet", "--hard", "origin/main"]);
    repository.write("web/Dockerfile.lock", "three\n");
    repository.request(&environment).expect(0);
    assert_eq!(repository.git(&["rev-list", "--count", "origin/main..origin/rlock/update"]), "1\n");
    let state = forge.state.lock().unwrap();
    let [request] = &state.requests[..] else { panic!("{:?}", state.requests) };
    assert_eq!(request["head"], "rlock/update");
    assert_eq!(request["base"], "main");
    assert_eq!(request["body"], "**1 package** \"quoted\"\n");
    assert!(
        state.log.contains(&"PATCH /repos/owner/project/pulls/1".to_owned()),
        "{:?}",
        state.log
    );
    assert!(
        state.log[0].ends_with("/pulls?state=open&head=owner%3Arlock%2Fupdate&base=main"),
        "{:?}",
        state.log
    );
}

#[test]
fn a_merge_request_too() {
    let (forge, repository) = (Forge::start(), Repository::new());
    let url = forge.url();
    let environment = [
        ("GITLAB_CI", "true"),
        ("CI_API_V4_URL", url.as_str()),
        ("CI_PROJECT_ID", "3"),
        ("CI_COMMIT_REF_NAME", "main"),
        ("RLOCK_TOKEN", "secret-token"),
    ];
    for content in ["two\n", "three\n"] {
        repository.git(&["reset", "--quiet", "--hard", "origin/main"]);
        repository.write("web/Dockerfile.lock", content);
        repository.request(&environment).expect(0);
    }
    let state = forge.state.lock().unwrap();
    let [request] = &state.requests[..] else { panic!("{:?}", state.requests) };
    assert_eq!(request["source_branch"], "rlock/update");
    assert_eq!(request["description"], "**1 package** \"quoted\"\n");
    assert!(state.log.contains(&"PUT /projects/3/merge_requests/1".to_owned()), "{:?}", state.log);
    assert_eq!(state.credentials[0], "PRIVATE-TOKEN: secret-token");
}

#[test]
fn a_token_that_may_not_is_an_error_that_says_so() {
    let (forge, repository) = (Forge::start(), Repository::new());
    *forge.state.lock().unwrap() = super::server::State { read_only: true, ..Default::default() };
    repository.write("web/Dockerfile.lock", "two\n");
    let url = forge.url();
    let environment = [
        ("GITHUB_API_URL", url.as_str()),
        ("GITHUB_REPOSITORY", "owner/project"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_TOKEN", "secret-token"),
    ];
    let ran = repository.request(&environment).expect(5);
    let ran = ran.says(&["POST", "answers 403", "not accessible", "hint: may the token write"]);
    assert!(!ran.stderr.contains("secret-token"));
    assert_eq!(json!(forge.state.lock().unwrap().requests), json!([]));
}

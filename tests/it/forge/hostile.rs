//! What the pull request of a fork can make jobs do that know more than it does.

use super::{Forge, script};
use crate::world::{Ran, project};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

fn program(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_job_with_secrets_builds_nothing_of_a_pull_request() {
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("fake-rlock");
    program(&fake, "#!/bin/sh\necho run >>called\n");
    let event = folder.path().join("event.json");
    let called = folder.path().join("called");
    let run = |name: &str, of: &str, command: &[&str]| {
        std::fs::write(&event, of).unwrap();
        drop(std::fs::remove_file(&called));
        let environment = [
            ("RLOCK", fake.to_str().unwrap()),
            ("GITHUB_EVENT_NAME", name),
            ("GITHUB_EVENT_PATH", event.to_str().unwrap()),
        ];
        let ran = script("check", folder.path(), &environment, &[&["out"], command].concat());
        let code = if called.exists() { 0 } else { 2 };
        let ran = ran.expect(code);
        if code == 2 {
            ran.says(&["has secrets", "run it on `pull_request`"]);
        }
        code == 0
    };
    let request = r#"{"workflow_run": {"event": "pull_request"}}"#;
    let push = r#"{"workflow_run": {"event": "push"}}"#;
    let (check, review) = (&["check", "--locked", "."][..], &["review"][..]);
    for (event, of, command, expected) in [
        ("pull_request", "{}", check, true),
        ("push", "{}", check, true),
        ("pull_request_target", "{}", check, false),
        ("pull_request_target", "{}", &["verify"], false),
        ("pull_request_target", "{}", &["lock", "."], false),
        ("pull_request_target", "{}", &["lock", "--verify", "."], true),
        ("pull_request_target", "{}", review, true),
        ("pull_request_target", "{}", &["review", "--files"], false),
        ("workflow_run", request, check, false),
        ("workflow_run", request, review, true),
        ("workflow_run", push, check, true),
        // What started it is not known.
        ("workflow_run", "", check, false),
    ] {
        assert_eq!(run(event, of, command), expected, "{event} {of} {command:?}");
    }
}

#[test]
fn what_was_worked_out_is_not_taken_from_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let fake = path("fake-rlock");
    program(&fake, "#!/bin/sh\n");
    let restore = || {
        for file in ["blobs/sha256/a", "unpacked/0/b/c"] {
            let file = path(".cache/rlock").join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "x").unwrap();
        }
        // What nobody may list must go as well.
        let closed = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(path(".cache/rlock/unpacked/0/b"), closed).unwrap();
        std::fs::create_dir_all(path("outside")).unwrap();
        std::fs::write(path("outside/kept"), "x").unwrap();
        drop(symlink(path("outside"), path(".cache/rlock/derived")));
    };
    let is_there = |name: &str| std::fs::symlink_metadata(path(".cache/rlock").join(name)).is_ok();
    let run = |temporary: &str, restored: &str| {
        std::fs::create_dir_all(path(temporary)).unwrap();
        let temporary = path(temporary);
        let environment = [
            ("RLOCK", fake.to_str().unwrap()),
            ("RUNNER_TEMP", temporary.to_str().unwrap()),
            ("RLOCK_RESTORED", restored),
        ];
        script("check", folder.path(), &environment, &["out", "check"]).expect(0);
    };
    restore();
    run("first", "false");
    assert!(is_there("derived") && is_there("unpacked"));
    run("first", "true");
    assert!(!is_there("derived") && !is_there("unpacked") && is_there("blobs/sha256/a"));
    assert!(path("outside/kept").exists());
    // What the job itself works out afterwards is its own.
    std::fs::create_dir_all(path(".cache/rlock/derived/x")).unwrap();
    run("first", "true");
    assert!(is_there("derived/x"));
    run("second", "true");
    assert!(!is_there("derived"));
}

/// The lines of a job's script in the template for GitLab.
fn job(name: &str) -> String {
    let template = project("src/cli/init/templates/gitlab.yml");
    let text = std::fs::read_to_string(template).unwrap();
    let (_, job) = text.split_once(&format!("\n{name}:\n")).unwrap();
    let (_, lines) = job.split_once("\n  script:\n").unwrap();
    let lines = lines.lines().take_while(|line| line.starts_with("    "));
    let commands: Vec<&str> = lines.filter_map(|line| line.strip_prefix("    - ")).collect();
    assert!(!commands.is_empty(), "{name}");
    commands.join("\n")
}

fn run(job: &str, folder: &Path) -> Ran {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-e", "-c", job]).current_dir(folder.join("work")).env_clear();
    shell.env("PATH", path).env("RLOCK_DIRECTORY", ".").env("CI_MERGE_REQUEST_DIFF_BASE_SHA", "x");
    Ran::of(&shell.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_report_that_the_repository_brings_along_is_nobodys_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    program(&folder.path().join("bin/rlock"), "#!/bin/sh\nexit 3\n");
    program(&work.join(".gitlab/rlock/comment-gitlab"), "#!/bin/sh\ncat \"$2\" >../posted\n");
    std::fs::write(work.join("review.md"), "**nothing moved**\n").unwrap();
    std::fs::write(folder.path().join("outside"), "x").unwrap();
    symlink("../outside", work.join("codequality.json")).unwrap();
    std::fs::write(work.join("junit.xml"), "<good/>").unwrap();
    run(&job("rlock-review"), folder.path()).expect(3);
    assert!(!folder.path().join("posted").exists());
    run(&job("rlock-check"), folder.path()).expect(3);
    assert!(!work.join("junit.xml").exists() && !work.join("codequality.json").exists());
    assert_eq!(std::fs::read_to_string(folder.path().join("outside")).unwrap(), "x");
    // One that rlock has written is posted, and the job ends as rlock did.
    let writes = "#!/bin/sh\nfor it; do case $it in markdown=*) echo mine >\"${it#markdown=}\";; esac; done\nexit 1\n";
    program(&folder.path().join("bin/rlock"), writes);
    run(&job("rlock-review"), folder.path()).expect(1);
    assert_eq!(std::fs::read_to_string(folder.path().join("posted")).unwrap(), "mine\n");
}

/// Steps of a build see the work tree, `.git` and all.
#[test]
fn no_token_lies_in_a_work_tree_that_is_built() {
    for name in ["github-check.yml", "github-update.yml"] {
        let path = project("src/cli/init/templates").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        let checkouts: Vec<&str> = text.split("actions/checkout@").skip(1).collect();
        assert!(!checkouts.is_empty());
        for checkout in checkouts {
            let step = checkout.split("\n      - ").next().unwrap();
            assert!(step.contains("persist-credentials: false"), "{name}: {step}");
            assert!(!step.contains("token:"), "{name}: {step}");
        }
    }
    let template = project("src/cli/init/templates/gitlab.yml");
    let text = std::fs::read_to_string(template).unwrap();
    assert!(text.contains("git remote set-url origin \"$CI_PROJECT_URL.git\""));
}

#[test]
fn a_push_brings_its_token_along_once() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(folder.path()).args(["-c", "user.name=it", "-c", "user.email=it@it.test"]);
        git.env("HOME", folder.path()).env("GIT_CONFIG_NOSYSTEM", "1").args(arguments);
        assert!(git.status().unwrap().success());
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "first"]);
    git(&["remote", "add", "origin", &format!("{}/owner/project.git", forge.url())]);
    // As a checkout that persists its credentials leaves it.
    let kept = format!("http.{}/.extraheader", forge.url());
    git(&["config", &kept, "AUTHORIZATION: basic b2xk"]);
    std::fs::write(folder.path().join("Dockerfile.lock"), "x\n").unwrap();
    std::fs::write(folder.path().join("body.md"), "x\n").unwrap();
    let environment = [
        ("GITHUB_API_URL", &*forge.url()),
        ("GITHUB_SERVER_URL", &forge.url()),
        ("GITHUB_REPOSITORY", "owner/project"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_TOKEN", "secret-token"),
    ];
    let ran = script("pull-request", folder.path(), &environment, &["up", "Title", "body.md"]);
    assert_ne!(ran.code, 0, "the fake serves no repositories");
    assert!(!ran.stderr.contains("secret-token"), "{}", ran.stderr);
    let state = forge.state.lock().unwrap();
    assert!(state.log[0].starts_with("GET /owner/project.git/info/refs"), "{:?}", state.log);
    // `x-access-token:secret-token`
    let expected = "Authorization: Basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0LXRva2Vu";
    assert_eq!(state.credentials, [expected]);
    let config = std::fs::read_to_string(folder.path().join(".git/config")).unwrap();
    assert!(!config.contains("c2VjcmV0"), "{config}");
}

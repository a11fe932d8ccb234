//! `rlock init`, `rlock completions` and `rlock man`, as users run them.

use crate::world::{Ran, World, project, succeed, tool};
use std::process::Command;

const DOCKERFILE: &str = "FROM busybox\n";

fn repository(remote: &str) -> World {
    let world = World::new(DOCKERFILE);
    let git = |arguments: &[&str]| {
        succeed(Command::new("git").current_dir(world.path("context")).args(arguments));
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    if !remote.is_empty() {
        git(&["remote", "add", "origin", remote]);
    }
    world
}

fn lines(ran: &Ran) -> Vec<&str> {
    ran.stdout.lines().collect()
}

#[test]
fn workflows_for_github_are_written_and_never_over_what_is_there() {
    let world = repository("https://github.example/owner/project");
    world.write(".github/workflows/rlock-update.yml", "mine\n");
    world.write(".pre-commit-config.yaml", "repos: []\n");
    let ran = world.rlock(&["init"]).expect(0);
    assert_eq!(lines(&ran)[0], "wrote .github/workflows/rlock.yml");
    assert!(lines(&ran).contains(&"left  .github/workflows/rlock-update.yml"), "{}", ran.stdout);
    assert!(ran.stdout.contains("add to it:\n    repos:\n"), "{}", ran.stdout);
    assert_eq!(world.read(".github/workflows/rlock-update.yml"), "mine\n");
    let written = world.read(".github/rlock/comment-github");
    assert_eq!(written, std::fs::read_to_string(project("scripts/ci/comment-github")).unwrap());
    let script = world.path("context/.github/rlock/install");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(script).unwrap().permissions());
    assert_eq!(mode & 0o111, 0o111);
    // What is ours alone may be written anew; what holds things of others may not.
    world.rlock(&["init", "--force"]).expect(0);
    assert!(world.read(".github/workflows/rlock-update.yml").starts_with("# Written by"));
    assert_eq!(world.read(".pre-commit-config.yaml"), "repos: []\n");
}

#[test]
fn jobs_for_gitlab_are_written_for_a_directory() {
    let world = repository("git@gitlab.example:owner/project.git");
    world.write("docker/web/Dockerfile", DOCKERFILE);
    world.rlock(&["init", "docker/web"]).expect(0);
    assert!(world.read(".gitlab/rlock.yml").contains("RLOCK_DIRECTORY: \"docker/web\""));
    assert!(world.read(".gitlab/rlock.yml").contains("\"docker/web/Dockerfile.lock\""));
    assert!(world.read(".gitlab-ci.yml").contains("local: .gitlab/rlock.yml"));
    assert!(world.path("context/.gitlab/rlock/comment-gitlab").is_file());
    assert!(!world.path("context/.github").exists());
}

#[test]
fn what_cannot_be_known_is_asked_for() {
    let world = repository("");
    world.rlock(&["init"]).expect(2).says(&["which forge", "--forge github"]);
    world.rlock(&["init", "--forge", "gitlab"]).expect(0);
    let world = World::new(DOCKERFILE);
    world.rlock(&["init", "--forge", "github"]).expect(2).says(&["no git repository", "git init"]);
}

/// The hook reads two files: it needs no image, no network and no namespace.
#[test]
fn a_lock_is_judged_without_building() {
    let world = World::new("FROM scratch\nCOPY Dockerfile /\n");
    world.rlock(&["lock", "--frozen"]).expect(1);
    world.rlock(&["lock"]).expect(0);
    let started = std::time::Instant::now();
    world.rlock(&["lock", "--frozen"]).expect(0);
    assert!(started.elapsed().as_millis() < 1000, "{:?}", started.elapsed());
    world.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /other\n");
    world.rlock(&["lock", "--frozen"]).expect(1).says(&["does not fit"]);
}

/// Every format that is asked for, of a command that really ran, and of one that failed.
#[test]
fn a_command_writes_every_format_that_is_asked_for() {
    let world = World::new("FROM scratch\nCOPY Dockerfile /\n");
    let outputs = ["sarif", "github", "gitlab", "junit", "markdown", "json", "text"];
    let outputs: Vec<String> = outputs.iter().map(|it| format!("--output={it}={it}.out")).collect();
    let mut arguments = vec!["check"];
    arguments.extend(outputs.iter().map(String::as_str));
    let ran = world.rlock(&arguments).expect(0);
    assert!(ran.stdout.starts_with("reproducible: "), "{}", ran.stdout);
    assert!(world.read("sarif.out").contains("\"executionSuccessful\": true"));
    assert_eq!(world.read("gitlab.out"), "[]\n");
    assert!(world.read("junit.out").contains("failures=\"0\" errors=\"0\""));
    assert!(world.read("markdown.out").contains("✅ **reproducible**"));
    assert!(world.read("github.out").starts_with("::notice title=rlock check%3A reproducible::"));
    assert_eq!(world.read("text.out"), ran.stdout);
    world.write("Dockerfile", "FROM scratch\nNONSENSE\n");
    let ran = world.rlock(&arguments).expect(2);
    assert_eq!(ran.stdout, "");
    assert!(world.read("sarif.out").contains("\"executionSuccessful\": false"));
    assert!(world.read("junit.out").contains("errors=\"1\""));
    assert!(world.read("github.out").starts_with("::error file=Dockerfile,line=2"));
    assert!(
        world.read("markdown.out").contains("❌") && world.read("text.out").starts_with("error: ")
    );
    assert_ne!(world.read("gitlab.out"), "[]\n");
}

/// A real bash completes a command, an option and a value.
#[test]
fn completions_work_in_bash() {
    let world = World::new(DOCKERFILE);
    let script = world.rlock(&["completions", "bash"]).expect(0).stdout;
    world.write("completions", script);
    let complete = |words: &str, count: usize| {
        let program = format!(
            "source ./completions; COMP_WORDS=({words}); COMP_CWORD={count}; _rlock rlock \"${{COMP_WORDS[{count}]}}\" \"${{COMP_WORDS[{}]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            count - 1
        );
        let mut bash = tool("bash", "bash");
        succeed(bash.current_dir(world.path("context")).args(["--norc", "-c", &program]))
    };
    assert_eq!(complete("rlock ver", 1), "verify\n");
    assert!(complete("rlock check --form", 2).contains("--format\n"));
    let formats = complete("rlock check --format ''", 3);
    assert_eq!(
        formats.lines().collect::<Vec<_>>(),
        ["text", "json", "sarif", "github", "gitlab", "junit", "markdown"]
    );
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(world.rlock(&["completions", shell]).expect(0).stdout.contains("rlock"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let world = World::new(DOCKERFILE);
    let ran = world.rlock(&["man", "man1"]).expect(0);
    for page in ["rlock.1", "rlock-check.1", "rlock-store-push.1", "rlock-init.1"] {
        assert!(lines(&ran).contains(&format!("man1/{page}").as_str()), "{}", ran.stdout);
        assert!(world.read(&format!("man1/{page}")).contains(".TH "), "{page}");
    }
    assert!(world.read("man1/rlock-check.1").contains("\\-\\-locked"));
}

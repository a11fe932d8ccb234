//! The scripts that run in CI, really run, against a fake forge; and what `rlock init` writes.

mod init;
mod requests;
mod server;

use crate::world::{Ran, project, tool};
use server::{AUTHOR, Forge};
use std::path::Path;
use std::process::{Command, Stdio};

/// A script of `scripts/ci` in a folder, with nothing in its environment but this.
fn script(name: &str, folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
    // What the scripts need.
    for (program, package) in [("curl", "curl"), ("jq", "jq"), ("git", "git")] {
        drop(tool(program, package));
    }
    let output = Command::new(project("scripts/ci").join(name))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran::of(&output)
}

fn github(forge: &Forge, folder: &Path, key: &str, text: &str) -> Ran {
    let file = folder.join("report.md");
    std::fs::write(&file, text).unwrap();
    let summary = folder.join("summary");
    let environment = [
        ("GITHUB_API_URL", &*forge.url()),
        ("GITHUB_REPOSITORY", "owner/project"),
        ("GITHUB_TOKEN", "secret-token"),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ("RLOCK_PULL_REQUEST", "12"),
    ];
    script("comment-github", folder, &environment, &[key, file.to_str().unwrap()])
}

fn gitlab(forge: &Forge, folder: &Path, token: &str, text: &str) -> Ran {
    let file = folder.join("report.md");
    std::fs::write(&file, text).unwrap();
    let environment = [
        ("CI_API_V4_URL", &*forge.url()),
        ("CI_PROJECT_ID", "3"),
        ("CI_MERGE_REQUEST_IID", "12"),
        ("RLOCK_TOKEN", token),
    ];
    script("comment-gitlab", folder, &environment, &["review/.", file.to_str().unwrap()])
}

#[test]
fn a_comment_is_made_once_and_then_updated_in_place() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    forge.comment("somebody", "hello");
    let text = "## one \"quoted\" \\ `code` ü\n";
    github(&forge, folder.path(), "review/web", text).expect(0);
    assert_eq!(forge.ours(), [format!("<!-- rlock: review/web -->\n{text}")]);
    github(&forge, folder.path(), "review/web", "## two\n").expect(0);
    assert_eq!(forge.ours(), ["<!-- rlock: review/web -->\n## two\n"]);
    // Another Dockerfile has another comment.
    github(&forge, folder.path(), "review/db", "## db\n").expect(0);
    assert_eq!(forge.ours().len(), 2);
    let state = forge.state.lock().unwrap();
    assert!(state.credentials.iter().all(|it| it == "Authorization: Bearer secret-token"));
    assert!(
        state.log.contains(&"PATCH /repos/owner/project/issues/comments/2".to_owned()),
        "{:?}",
        state.log
    );
}

#[test]
fn our_comment_is_found_on_a_later_page_and_nobody_elses_is_taken_for_it() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    forge.comment("somebody", "<!-- rlock: review/. -->\nnot ours");
    for number in 0..230 {
        forge.comment(AUTHOR, &format!("number {number}: <!-- rlock: review/. --> in the middle"));
    }
    forge.comment(AUTHOR, "<!-- rlock: review/. -->\nold");
    github(&forge, folder.path(), "review/.", "new\n").expect(0);
    assert_eq!(forge.ours().last().unwrap(), "<!-- rlock: review/. -->\nnew\n");
    let state = forge.state.lock().unwrap();
    assert_eq!(state.comments[0]["body"], "<!-- rlock: review/. -->\nnot ours");
    assert_eq!(state.comments.len(), 232);
    assert_eq!(state.log.iter().filter(|it| it.starts_with("GET")).count(), 3);
}

#[test]
fn a_token_that_may_only_read_puts_the_text_into_the_summary() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    forge.state.lock().unwrap().read_only = true;
    let ran = github(&forge, folder.path(), "review/.", "## the text\n").expect(0);
    assert!(ran.stdout.contains("answers 403"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("secret-token") && !ran.stderr.contains("secret-token"));
    assert_eq!(std::fs::read_to_string(folder.path().join("summary")).unwrap(), "## the text\n");
}

#[test]
fn a_forge_that_is_unwell_for_a_moment_is_asked_again() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    forge.state.lock().unwrap().broken = 2;
    github(&forge, folder.path(), "review/.", "## text\n").expect(0);
    assert_eq!(forge.ours().len(), 1);
}

#[test]
fn a_text_that_is_too_long_is_in_the_summary_and_the_comment_says_so() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    let text = format!("## heading\n\n{}", "line\n".repeat(20_000));
    github(&forge, folder.path(), "review/.", &text).expect(0);
    let [comment] = &forge.ours()[..] else { panic!("not one comment") };
    assert!(comment.contains("## heading\n\nThis is longer than a comment may be"), "{comment}");
    assert_eq!(std::fs::read_to_string(folder.path().join("summary")).unwrap(), text);
}

#[test]
fn wrong_use_is_an_error() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    github(&forge, folder.path(), "a --> b", "x\n").expect(2).says(&["is not a key"]);
    github(&forge, folder.path(), "a", "").expect(2).says(&["missing or empty"]);
    assert!(forge.state.lock().unwrap().log.is_empty());
}

#[test]
fn a_note_on_gitlab_is_updated_in_place() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    forge.comment("somebody", "<!-- rlock: review/. -->\nnot ours");
    for _ in 0..120 {
        forge.comment("somebody", "hello");
    }
    gitlab(&forge, folder.path(), "secret-token", "## one\n").expect(0);
    gitlab(&forge, folder.path(), "secret-token", "## two\n").expect(0);
    assert_eq!(forge.ours(), ["<!-- rlock: review/. -->\n## two\n"]);
    assert_eq!(
        forge.state.lock().unwrap().comments[0]["body"],
        "<!-- rlock: review/. -->\nnot ours"
    );
    let ran = gitlab(&forge, folder.path(), "", "## three\n").expect(0);
    assert!(ran.stdout.contains("RLOCK_TOKEN is not set") && ran.stdout.contains("## three"));
    forge.state.lock().unwrap().read_only = true;
    let ran = gitlab(&forge, folder.path(), "secret-token", "## four\n").expect(0);
    assert!(ran.stdout.contains("answers 403") && ran.stdout.contains("## four"));
    assert_eq!(forge.ours().len(), 1);
}

/// The program's end becomes outputs of the step; a document that says nothing is not uploaded.
#[test]
fn the_end_of_a_command_becomes_outputs_of_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("fake-rlock");
    for (code, complete) in [(0, true), (1, true), (1, false), (5, false)] {
        let program = format!(
            "#!/bin/sh\nfor argument; do case $argument in markdown=*) echo text >\"${{argument#markdown=}}\";; sarif=*) echo '\"executionSuccessful\": {complete}' >\"${{argument#sarif=}}\";; esac; done\necho \"$@\" >called\nexit {code}\n"
        );
        std::fs::write(&fake, program).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&fake, mode).unwrap();
        let (output, summary) = (
            folder.path().join(format!("output{code}{complete}")),
            folder.path().join(format!("summary{code}{complete}")),
        );
        let environment = [
            ("RLOCK", fake.to_str().unwrap()),
            ("GITHUB_OUTPUT", output.to_str().unwrap()),
            ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ];
        script("check", folder.path(), &environment, &["out", "check", "--locked", "a b"])
            .expect(0);
        let text = std::fs::read_to_string(output).unwrap();
        assert_eq!(text, format!("exit-code={code}\ncomplete={complete}\n"));
        assert!(std::fs::read_to_string(summary).unwrap().starts_with("text"));
        let called = std::fs::read_to_string(folder.path().join("called")).unwrap();
        assert!(
            called
                .starts_with("check --locked a b --format github --output markdown=out/report.md"),
            "{called}"
        );
    }
}

//! The scripts that run in CI, really run, against a fake forge; and what `rlock init` writes.

mod hostile;
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
    assert_eq!(
        state.log.iter().filter(|it| it.starts_with("GET") && it.contains("page=")).count(),
        3
    );
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
    assert!(ran.stdout.contains("nor RLOCK_TOKEN is set") && ran.stdout.contains("## three"));
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
        assert_eq!(text, format!("exit-code={code}\ncomplete={complete}\nmoved=true\n"));
        assert!(std::fs::read_to_string(summary).unwrap().starts_with("text"));
        let called = std::fs::read_to_string(folder.path().join("called")).unwrap();
        assert!(
            called
                .starts_with("check --locked a b --format github --output markdown=out/report.md"),
            "{called}"
        );
    }
}

/// A review of a pull request that moves no lock makes no comment; where there is one it says so.
#[test]
fn nothing_to_be_told_updates_a_comment_and_makes_none() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    let url = forge.url();
    let file = folder.path().join("report.md");
    let summary = folder.path().join("summary");
    let github = |text: &str, is_new: &str| {
        std::fs::write(&file, text).unwrap();
        let environment = [
            ("GITHUB_API_URL", url.as_str()),
            ("GITHUB_REPOSITORY", "owner/project"),
            ("GITHUB_TOKEN", "secret-token"),
            ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
            ("RLOCK_PULL_REQUEST", "12"),
            ("RLOCK_COMMENT_NEW", is_new),
            ("RLOCK_SUMMARY", "false"),
        ];
        script("comment-github", folder.path(), &environment, &["review/.", file.to_str().unwrap()])
    };
    let ran = github("## nothing moved\n", "false").expect(0);
    assert!(ran.stdout.contains("nothing is to be told"), "{}", ran.stdout);
    assert_eq!(forge.ours(), [""; 0]);
    github("## one moved\n", "true").expect(0);
    github("## nothing moved\n", "false").expect(0);
    assert_eq!(forge.ours(), ["<!-- rlock: review/. -->\n## nothing moved\n"]);
    // The job's summary has the text already: it is not there twice.
    forge.state.lock().unwrap().read_only = true;
    github("## two moved\n", "true").expect(0);
    assert!(!summary.exists());

    let gitlab = |is_new: &str| {
        let environment = [
            ("CI_API_V4_URL", url.as_str()),
            ("CI_PROJECT_ID", "3"),
            ("CI_MERGE_REQUEST_IID", "12"),
            ("RLOCK_NOTE_TOKEN", "note-token"),
            ("RLOCK_TOKEN", "secret-token"),
            ("RLOCK_COMMENT_NEW", is_new),
        ];
        script("comment-gitlab", folder.path(), &environment, &["note/.", file.to_str().unwrap()])
    };
    forge.state.lock().unwrap().read_only = false;
    let before = forge.ours().len();
    gitlab("false").expect(0);
    assert_eq!(forge.ours().len(), before);
    gitlab("true").expect(0);
    gitlab("false").expect(0);
    assert_eq!(forge.ours().len(), before + 1);
    let state = forge.state.lock().unwrap();
    let last = state.credentials.last().unwrap();
    assert_eq!(last, "PRIVATE-TOKEN: note-token");
}

/// A token of somebody: whose comments are updated is asked for.
#[test]
fn comments_of_the_user_of_a_token_are_updated() {
    let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
    forge.state.lock().unwrap().login = Some("machine-user");
    github(&forge, folder.path(), "review/.", "## one\n").expect(0);
    github(&forge, folder.path(), "review/.", "## two\n").expect(0);
    let state = forge.state.lock().unwrap();
    let [comment] = &state.comments[..] else { panic!("{:?}", state.comments) };
    assert_eq!(comment["body"], "<!-- rlock: review/. -->\n## two\n");
}

/// What a review leaves for the steps after it, and what a step before it has left.
#[test]
fn a_review_says_whether_there_is_anything_to_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("fake-rlock");
    let nothing = r#"{"packages":[],"images":[],"fetches":[],"hosts":[],"risks":[],"findings":[],"steps":{"added":[],"changed":[],"removed":[]}FILES}"#;
    let moved = nothing.replace("\"images\":[]", "\"images\":[{}]");
    let long = "x".repeat(1_100_000);
    for (case, (json, code, report, expected)) in [
        (nothing.replace("FILES", ""), 0, "text", "false"),
        (nothing.replace("FILES", r#","files":{"changed":0}"#), 0, "text", "false"),
        (nothing.replace("FILES", r#","files":{"changed":2}"#), 0, "text", "true"),
        (moved.replace("FILES", ""), 0, "text", "true"),
        (nothing.replace("FILES", ""), 5, "text", "true"),
        ("not json".to_owned(), 0, "text", "true"),
        (moved.replace("FILES", ""), 0, &*long, "true"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = folder.path().join("out");
        std::fs::create_dir_all(&out).unwrap();
        for stale in ["report.sarif", "comment.md"] {
            std::fs::write(out.join(stale), "\"executionSuccessful\": true stale").unwrap();
        }
        std::fs::write(folder.path().join("json"), &json).unwrap();
        std::fs::write(folder.path().join("text"), report).unwrap();
        let program = format!(
            "#!/bin/sh\nwhile [ $# -gt 0 ]; do case $1 in markdown=*) cp text \"${{1#markdown=}}\";; \
             json=*) cp json \"${{1#json=}}\";; --pr-body) shift; echo short >\"$1\";; esac; shift; \
             done\nexit {code}\n"
        );
        std::fs::write(&fake, program).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&fake, mode).unwrap();
        let at = |name: &str| folder.path().join(format!("{name}{case}"));
        let (output, summary) = (at("output"), at("summary"));
        let environment = [
            ("RLOCK", fake.to_str().unwrap()),
            ("GITHUB_OUTPUT", output.to_str().unwrap()),
            ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ];
        script("check", folder.path(), &environment, &["out", "review", "HEAD"]).expect(0);
        let text = std::fs::read_to_string(output).unwrap();
        assert_eq!(text, format!("exit-code={code}\ncomplete=false\nmoved={expected}\n"), "{json}");
        assert_eq!(std::fs::read_to_string(out.join("comment.md")).unwrap(), "short\n");
        let summary = std::fs::read_to_string(summary).unwrap();
        assert_eq!(summary, if report == "text" { "text" } else { "short\n" });
    }
}

/// What users are given runs nothing that a tag or a pull request can change.
#[test]
fn workflows_take_actions_by_commit_and_no_text_of_others() {
    for path in [
        "action.yml",
        "src/cli/init/templates/github-check.yml",
        "src/cli/init/templates/github-update.yml",
    ] {
        let text = std::fs::read_to_string(project(path)).unwrap();
        let mut uses = 0;
        let mut is_script = None;
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            if let Some(action) = line.trim_start().trim_start_matches("- ").strip_prefix("uses: ")
            {
                uses += 1;
                let commit = action.split('@').nth(1).unwrap().split(' ').next().unwrap();
                let is_commit =
                    commit.len() == 40 && commit.bytes().all(|it| it.is_ascii_hexdigit());
                assert!(is_commit, "{path}: {line}");
            }
            // Expressions are put into a script as they are: `$(…)` in a title would be run.
            if is_script.is_some_and(|start| indent <= start && !line.trim().is_empty()) {
                is_script = None;
            }
            if line.trim_start().trim_start_matches("- ").starts_with("run:") {
                is_script = Some(indent);
            }
            assert!(is_script.is_none() || !line.contains("${{"), "{path}: {line}");
            assert!(!line.trim_start().starts_with("pull_request_target"), "{path}: {line}");
        }
        assert!(uses > 1, "{path}");
    }
}

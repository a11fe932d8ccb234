//! Which files a forge needs, and what is in them.

use super::ForgeName;

/// What the templates ask for.
pub(super) struct Place {
    /// Directory of the Dockerfile, relative to the top of the repository.
    pub(super) directory: String,
    /// The main branch.
    pub(super) branch: String,
}

/// A file to write.
pub(super) struct Planned {
    /// Relative to the top of the repository.
    pub(super) path: String,
    pub(super) content: String,
    pub(super) mode: u32,
    pub(super) replace: Replace,
    /// What a person adds where the file is there already.
    pub(super) by_hand: Option<String>,
}

/// What `--force` may replace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    /// The file, whatever is in it: nobody else writes one of this name.
    Any,
    /// Only what `rlock init` has written: others keep things of theirs in it.
    Ours,
}

const GITHUB_CHECK: &str = include_str!("templates/github-check.yml");
const GITHUB_UPDATE: &str = include_str!("templates/github-update.yml");
const GITLAB: &str = include_str!("templates/gitlab.yml");
const PRE_COMMIT: &str = include_str!("templates/pre-commit.yaml");
const GITLAB_INCLUDE: &str =
    "# Written by `rlock init`; it is yours to change.\ninclude:\n  - local: .gitlab/rlock.yml\n";

const INSTALL: (&str, &str) = ("install", include_str!("../../../scripts/ci/install"));
const CHECK: (&str, &str) = ("check", include_str!("../../../scripts/ci/check"));
const PULL_REQUEST: (&str, &str) =
    ("pull-request", include_str!("../../../scripts/ci/pull-request"));
const COMMENT_GITHUB: (&str, &str) =
    ("comment-github", include_str!("../../../scripts/ci/comment-github"));
const COMMENT_GITLAB: (&str, &str) =
    ("comment-gitlab", include_str!("../../../scripts/ci/comment-gitlab"));

/// The files, in the order in which they are named to the user.
pub(super) fn files(forge: ForgeName, place: &Place) -> Vec<Planned> {
    let mut files = match forge {
        ForgeName::Github => vec![
            any(".github/workflows/rlock.yml", filled(GITHUB_CHECK, place)),
            any(".github/workflows/rlock-update.yml", filled(GITHUB_UPDATE, place)),
        ],
        ForgeName::Gitlab => vec![
            any(".gitlab/rlock.yml", filled(GITLAB, place)),
            ours(".gitlab-ci.yml", GITLAB_INCLUDE.to_owned()),
        ],
    };
    let (folder, scripts) = match forge {
        ForgeName::Github => (".github", [INSTALL, CHECK, PULL_REQUEST, COMMENT_GITHUB].to_vec()),
        ForgeName::Gitlab => (".gitlab", [INSTALL, PULL_REQUEST, COMMENT_GITLAB].to_vec()),
    };
    files.extend(scripts.into_iter().map(|(name, content)| Planned {
        mode: 0o755,
        ..any(&format!("{folder}/rlock/{name}"), content.to_owned())
    }));
    files.push(ours(".pre-commit-config.yaml", filled(PRE_COMMIT, place)));
    files
}

/// What is left to do.
pub(super) fn next(forge: ForgeName) -> &'static str {
    match forge {
        ForgeName::Github => "Next: `rlock lock`, commit the lock with these files, and push.",
        ForgeName::Gitlab => {
            "Next: `rlock lock`, commit the lock with these files, push, and give the project \
             the variable RLOCK_TOKEN that .gitlab/rlock.yml describes."
        }
    }
}

fn any(path: &str, content: String) -> Planned {
    let path = path.to_owned();
    Planned { path, content, mode: 0o644, replace: Replace::Any, by_hand: None }
}

/// A file in which others have things of theirs: what is to be added is said.
fn ours(path: &str, content: String) -> Planned {
    let lines = content.lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<String> = lines.map(|line| format!("    {line}")).collect();
    let by_hand = Some(format!("  add to it:\n{}", lines.join("\n")));
    Planned { replace: Replace::Ours, by_hand, ..any(path, content) }
}

fn filled(template: &str, place: &Place) -> String {
    let lock = match place.directory.as_str() {
        "." => "Dockerfile.lock".to_owned(),
        directory => format!("{directory}/Dockerfile.lock"),
    };
    template
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@DIRECTORY@", &place.directory)
        .replace("@BRANCH@", &format!("\"{}\"", place.branch))
        .replace("@LOCK@", &lock)
}

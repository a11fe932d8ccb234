//! Which forge a repository is on, and which of its branches is the main one: from its own files.

use crate::cli::args::ForgeName;
use std::fs;
use std::path::Path;

/// By the remotes in `.git/config`; else by the files that one forge alone reads.
pub(super) fn detect(top: &Path) -> Option<ForgeName> {
    let config = fs::read_to_string(top.join(".git/config")).unwrap_or_default();
    let urls: Vec<String> = config
        .lines()
        .filter_map(|line| line.trim().strip_prefix("url")?.trim_start().strip_prefix('='))
        .map(str::to_ascii_lowercase)
        .collect();
    let names = |word: &str| urls.iter().any(|url| url.contains(word));
    let has = |path: &str| top.join(path).exists();
    match (names("github"), names("gitlab")) {
        (true, false) => Some(ForgeName::Github),
        (false, true) => Some(ForgeName::Gitlab),
        _ => match (has(".github"), has(".gitlab-ci.yml") || has(".gitlab")) {
            (true, false) => Some(ForgeName::Github),
            (false, true) => Some(ForgeName::Gitlab),
            _ => None,
        },
    }
}

/// The branch that the remote's HEAD names, else the one that is checked out, else `main`.
pub(super) fn branch(top: &Path) -> String {
    let read = |path: &str, prefix: &str| {
        let text = fs::read_to_string(top.join(".git").join(path)).ok()?;
        text.trim().strip_prefix("ref: ")?.strip_prefix(prefix).map(str::to_owned)
    };
    let plain = |branch: &String| {
        branch.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
    };
    read("refs/remotes/origin/HEAD", "refs/remotes/origin/")
        .or_else(|| read("HEAD", "refs/heads/"))
        .filter(plain)
        .unwrap_or_else(|| "main".to_owned())
}

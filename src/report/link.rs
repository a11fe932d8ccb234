//! Lines of files, for Markdown: a link to the forge where it is known, else plain text.
//!
//! A relative link is of no use: in a comment of a pull request a forge resolves it against the page of
//! the pull request.

use super::inert;
use super::outcome::Roots;
use crate::finding::Location;
use std::path::Path;

/// Where files are to be seen.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// What paths are relative to.
    pub roots: Roots,
    /// The forge that has the commit.
    pub forge: Option<Forge>,
}

/// A commit as a forge shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forge {
    /// The URL of its files, without their paths; ends with a slash.
    files: String,
}

impl Forge {
    /// On GitHub: of a server, `owner/name`, and a commit. None where one of them is not what it
    /// should be.
    pub fn github(server: &str, repository: &str, commit: &str) -> Option<Self> {
        let is_repository = repository.split('/').count() == 2;
        let url =
            is_repository.then(|| format!("{}/{repository}", server.trim_end_matches('/')))?;
        Self::of(&url, "blob", commit)
    }

    /// On GitLab: of a project's URL and a commit.
    pub fn gitlab(project: &str, commit: &str) -> Option<Self> {
        Self::of(project.trim_end_matches('/'), "-/blob", commit)
    }

    fn of(url: &str, kind: &str, commit: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~/:".contains(&byte);
        let has_parts = rest.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let is_commit = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        let files = format!("{url}/{kind}/{commit}/");
        (rest.bytes().all(is_plain) && has_parts && is_commit).then_some(Self { files })
    }
}

impl Links {
    /// A file by its path from the repository's top, as code.
    pub fn path(&self, file: &Path) -> String {
        inert::code(&self.roots.path(file))
    }

    /// The line of an instruction. `beside` is the file that the text is about: its name needs not be
    /// said.
    pub fn line(&self, location: &Location, beside: &Path) -> String {
        let line = location.start_line;
        let path = self.roots.path(&location.file);
        let url = self.forge.as_ref().zip(inert::target(&path));
        let url = url.map(|(forge, path)| format!("{}{path}#L{line}", forge.files));
        let is_beside = path == self.roots.path(beside);
        match (url, is_beside) {
            (Some(url), true) => format!("[{line}]({url})"),
            (Some(url), false) => format!("{} [{line}]({url})", inert::cell(&inert::code(&path))),
            (None, true) => line.to_string(),
            (None, false) => inert::cell(&inert::code(&format!("{path}:{line}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn location(file: &str) -> Location {
        let instruction = String::new();
        Location { file: file.into(), start_line: 3, end_line: 4, instruction }
    }

    fn links(forge: Option<Forge>) -> Links {
        let roots = Roots { directory: "/r/web".into(), repository: Some("/r".into()) };
        Links { roots, forge }
    }

    #[test]
    fn a_line_is_linked_where_the_forge_shows_it() {
        let github = Forge::github("https://forge.example", "owner/project", COMMIT);
        let gitlab = Forge::gitlab("https://forge.example/group/sub/project/", COMMIT);
        let beside = Path::new("Dockerfile");
        for (forge, file, expected) in [
            (
                &github,
                "Dockerfile",
                format!("[3](https://forge.example/owner/project/blob/{COMMIT}/web/Dockerfile#L3)"),
            ),
            (
                &gitlab,
                "../a b/Dockerfile",
                format!(
                    "`a b/Dockerfile` \
                     [3](https://forge.example/group/sub/project/-/blob/{COMMIT}/a%20b/Dockerfile#L3)"
                ),
            ),
            (&None, "Dockerfile", "3".to_owned()),
            (&None, "../a|b/x)](y", "`a\\|b/x)](y:3`".to_owned()),
            // What is not in the repository is on no forge.
            (&github, "/elsewhere/Dockerfile", "`/elsewhere/Dockerfile:3`".to_owned()),
        ] {
            assert_eq!(links(forge.clone()).line(&location(file), beside), expected);
        }
    }

    #[test]
    fn what_is_no_forge_gives_no_link() {
        for (server, repository, commit) in [
            ("javascript:alert(1)//", "owner/project", COMMIT),
            ("https://forge.example)](x", "owner/project", COMMIT),
            ("https://user@forge.example", "owner/project", COMMIT),
            ("https://forge.example", "owner/project/more", COMMIT),
            ("https://forge.example", "../project", COMMIT),
            ("https://forge.example", "owner/project", "main"),
            ("https://forge.example", "owner/project", ""),
            ("", "", COMMIT),
        ] {
            assert_eq!(Forge::github(server, repository, commit), None, "{server} {repository}");
        }
        assert_eq!(Forge::gitlab("https://forge.example/a?b=c", COMMIT), None);
    }
}

//! A repository as BuildKit's git URLs name it:
//! <https://docs.docker.com/build/concepts/context/#git-repositories>.

use super::super::state::absolute;
use super::{RemoteError, decoded};
use url::Url;

/// A commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// The repository, without what says which part of it.
    pub remote: Url,
    /// Branch, tag, full reference or commit; the default branch if there is none.
    pub reference: Option<String>,
    /// The directory of it that is added, relative and clean; empty for all.
    pub subdirectory: String,
    /// How the commit's id must start.
    pub checksum: Option<String>,
    /// Whether `.git` is added, too.
    pub keep_git_dir: bool,
    /// Whether submodules are fetched.
    pub submodules: bool,
}

/// Reads `…/repository.git?ref=…&subdir=…#ref:subdir`; also whether it says anything about `.git`.
pub(super) fn parse(url: &Url) -> Result<(GitSource, Option<bool>), RemoteError> {
    let mut remote = url.clone();
    remote.set_fragment(None);
    remote.set_query(None);
    let mut draft = Draft::default();
    if let Some(fragment) = url.fragment() {
        let fragment = decoded(fragment);
        let (reference, subdirectory) = fragment.split_once(':').unwrap_or((&fragment, ""));
        draft.reference = some(reference);
        draft.subdirectory = some(subdirectory);
    }
    let mut seen = Vec::new();
    for (key, value) in url.query_pairs() {
        if seen.contains(&key) {
            return Err(refused(format!("`{key}` stands twice in the URL")));
        }
        draft.set(&key, &value)?;
        seen.push(key);
    }
    draft.finish(remote)
}

/// A source whose parts are still coming in.
#[derive(Default)]
struct Draft {
    reference: Option<String>,
    subdirectory: Option<String>,
    tag: Option<String>,
    branch: Option<String>,
    checksum: Option<String>,
    keep_git_dir: Option<bool>,
    submodules: Option<bool>,
}

impl Draft {
    fn set(&mut self, key: &str, value: &str) -> Result<(), RemoteError> {
        match key {
            "keep-git-dir" => self.keep_git_dir = Some(boolean(key, value)?),
            "submodules" => self.submodules = Some(boolean(key, value)?),
            "ref" => agree(key, &mut self.reference, value)?,
            "subdir" => agree(key, &mut self.subdirectory, value)?,
            "tag" => self.tag = Some(with_prefix(key, "refs/tags/", value)?),
            "branch" => self.branch = Some(with_prefix(key, "refs/heads/", value)?),
            "checksum" | "commit" => agree(key, &mut self.checksum, value)?,
            _ => {
                let known = "ref, tag, branch, commit, checksum, subdir, keep-git-dir, submodules";
                return Err(RemoteError::new(
                    format!("a git URL knows no `{key}`"),
                    Some(&format!("known are {known}")),
                ));
            }
        }
        Ok(())
    }

    fn finish(mut self, remote: Url) -> Result<(GitSource, Option<bool>), RemoteError> {
        if let (Some(_), Some(_)) = (&self.tag, &self.branch) {
            return Err(refused("a git URL has a `tag` or a `branch`, not both".to_owned()));
        }
        for full in [self.tag.take(), self.branch.take()].into_iter().flatten() {
            agree("ref", &mut self.reference, &full)?;
        }
        if let Some(checksum) = &self.checksum {
            check_commit(checksum)?;
            // A commit that nothing else names is what is wanted.
            self.reference = self.reference.or_else(|| self.checksum.clone());
        }
        if let Some(reference) = &self.reference
            && (reference.starts_with('-') || reference.contains(char::is_control))
        {
            return Err(refused(format!("`{}` is no git reference", reference.escape_debug())));
        }
        let subdirectory = self.subdirectory.unwrap_or_default();
        let source = GitSource {
            remote,
            reference: self.reference,
            subdirectory: absolute("/", &subdirectory).trim_start_matches('/').to_owned(),
            checksum: self.checksum,
            keep_git_dir: self.keep_git_dir.unwrap_or(false),
            submodules: self.submodules.unwrap_or(true),
        };
        Ok((source, self.keep_git_dir))
    }
}

/// Refuses what cannot be the start of a commit's id.
pub(super) fn check_commit(text: &str) -> Result<(), RemoteError> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(hex) {
        return Ok(());
    }
    Err(RemoteError::new(
        format!("`{}` is not the id of a commit", text.escape_debug()),
        Some("the checksum of a repository is a commit's id, or how one starts"),
    ))
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn agree(key: &str, known: &mut Option<String>, value: &str) -> Result<(), RemoteError> {
    let value = valued(key, value)?;
    match known {
        Some(known) if *known != value => {
            Err(refused(format!("the git URL has two values of `{key}`: `{known}` and `{value}`")))
        }
        _ => {
            *known = Some(value);
            Ok(())
        }
    }
}

fn with_prefix(key: &str, prefix: &str, value: &str) -> Result<String, RemoteError> {
    let value = valued(key, value)?;
    Ok(if value.starts_with(prefix) { value } else { format!("{prefix}{value}") })
}

fn valued(key: &str, value: &str) -> Result<String, RemoteError> {
    some(value).ok_or_else(|| refused(format!("`{key}` in the git URL has no value")))
}

/// Go's `strconv.ParseBool`; a key alone is true.
fn boolean(key: &str, value: &str) -> Result<bool, RemoteError> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(refused(format!("`{key}={value}` in the git URL is neither true nor false"))),
    }
}

fn refused(message: String) -> RemoteError {
    RemoteError { message, hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(rest: &str) -> GitSource {
        let url = format!("https://h.example/a/b.git{rest}");
        let (source, _) = parse(&Url::parse(&url).unwrap()).unwrap();
        assert_eq!(source.remote.as_str(), "https://h.example/a/b.git");
        source
    }

    fn parts(rest: &str) -> (Option<String>, String) {
        let source = source(rest);
        (source.reference, source.subdirectory)
    }

    #[test]
    fn fragments_and_queries() {
        let wanted = |reference: &str, directory: &str| (some(reference), directory.to_owned());
        assert_eq!(parts(""), wanted("", ""));
        assert_eq!(parts("#v1"), wanted("v1", ""));
        assert_eq!(parts("#v1:docs/../x"), wanted("v1", "x"));
        assert_eq!(parts("#:/docs"), wanted("", "docs"));
        assert_eq!(parts("#:../../x"), wanted("", "x"));
        assert_eq!(parts("?ref=v1&subdir=a%2Fb"), wanted("v1", "a/b"));
        assert_eq!(parts("?ref=v1#v1"), wanted("v1", ""));
        assert_eq!(parts("?tag=v1"), wanted("refs/tags/v1", ""));
        assert_eq!(parts("?branch=refs/heads/x#refs/heads/x"), wanted("refs/heads/x", ""));
        let commit = source("?commit=abc0");
        assert_eq!(
            (commit.reference.as_deref(), commit.checksum.as_deref()),
            (Some("abc0"), Some("abc0"))
        );
        let said = source("?keep-git-dir&submodules=0");
        assert!(said.keep_git_dir && !said.submodules);
        let default = source("");
        assert!(!default.keep_git_dir && default.submodules);
    }

    #[test]
    fn contradictions_are_refused() {
        for (rest, text) in [
            ("?ref=a#b", "two values of `ref`"),
            ("?tag=a&branch=b", "not both"),
            ("?tag=a&ref=b", "two values of `ref`"),
            ("?subdir=a#b:c", "two values of `subdir`"),
            ("?ref=a&ref=a", "stands twice"),
            ("?ref=", "has no value"),
            ("?nope=1", "knows no `nope`"),
            ("?submodules=x", "neither true nor false"),
            ("?commit=XYZ", "not the id of a commit"),
            ("#--upload-pack=x", "is no git reference"),
        ] {
            let url = Url::parse(&format!("https://h.example/b.git{rest}")).unwrap();
            let error = parse(&url).unwrap_err();
            assert!(error.message.contains(text), "{rest}: {}", error.message);
        }
    }
}

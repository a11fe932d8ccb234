//! Sources of `ADD` that are not files of the build: what an URL or a git repository names.
//!
//! <https://docs.docker.com/reference/dockerfile/#adding-files-from-a-url>

mod git;

pub use git::GitSource;

use crate::oci::Digest;
use url::Url;

/// A file that is downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlSource {
    /// Where it is.
    pub url: Url,
    /// What it is called where the destination is a directory.
    pub name: String,
    /// What it must be, from `--checksum`.
    pub checksum: Option<Digest>,
    /// Whether an archive is extracted.
    pub unpack: bool,
}

/// What a source of `ADD` that is no path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remote {
    /// One file.
    Url(Url),
    /// A file tree; checksum and `.git` as far as the URL itself says.
    Git(GitSource, Option<bool>),
}

/// Why a source cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteError {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl RemoteError {
    fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { message: message.into(), hint: hint.map(str::to_owned) }
    }
}

/// What `source` names, if it is not a path. As in BuildKit an `http` URL whose path ends in `.git` is
/// a repository; anything with a scheme, and `user@host:path`, is no path.
pub(super) fn classify(source: &str) -> Option<Result<Remote, RemoteError>> {
    let Some(scheme) = scheme(source) else {
        return is_scp_style(source).then(|| Err(ssh(source)));
    };
    Some(match scheme.as_str() {
        "http" | "https" => of_url(source),
        "ssh" => Err(ssh(source)),
        "git" => Err(RemoteError::new(
            format!(
                "`{}` cannot be recorded: the git protocol is neither HTTP nor TLS",
                shown(source)
            ),
            Some("use the https address of the repository"),
        )),
        other => Err(RemoteError::new(
            format!("ADD knows no `{other}` URLs"),
            Some("http, https, and https addresses of git repositories are known"),
        )),
    })
}

fn of_url(source: &str) -> Result<Remote, RemoteError> {
    let url = Url::parse(source).map_err(|error| {
        RemoteError::new(format!("`{}` is not a URL: {error}", shown(source)), None)
    })?;
    // As git servers and BuildKit have it: in lower case.
    if decoded(url.path()).strip_suffix(".git").is_some() {
        return git::parse(&url).map(|(source, keep)| Remote::Git(source, keep));
    }
    Ok(Remote::Url(url))
}

fn ssh(source: &str) -> RemoteError {
    RemoteError::new(
        format!("`{}` cannot be recorded: ssh is neither HTTP nor TLS", shown(source)),
        Some("use the https address of the repository"),
    )
}

/// The letters and digits before `://`, in lower case.
fn scheme(source: &str) -> Option<String> {
    let (scheme, _) = source.split_once("://")?;
    let plain = !scheme.is_empty() && scheme.chars().all(|char| char.is_ascii_alphanumeric());
    plain.then(|| scheme.to_lowercase())
}

/// `user@host:path`, with nothing in user and host that they cannot have.
fn is_scp_style(source: &str) -> bool {
    let Some((user, rest)) = source.split_once('@') else { return false };
    let Some((host, _)) = rest.split_once(':') else { return false };
    let word = |text: &str, others: &[char]| {
        let allowed = |char: char| char.is_ascii_alphanumeric() || others.contains(&char);
        !text.is_empty() && text.chars().all(allowed)
    };
    word(user, &['-', '_']) && word(host, &['-', '.'])
}

/// A source in a message: without what may be a password.
fn shown(source: &str) -> String {
    match (source.split_once("://"), source.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => source.to_owned(),
    }
}

/// The name of the file that a URL names: the last part of its path.
pub(super) fn file_name(url: &Url) -> String {
    let path = decoded(url.path());
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // A name that says nothing about where it is.
    match name {
        "" | "." | ".." => "__unnamed__".to_owned(),
        name => name.replace('\0', "_"),
    }
}

/// Adds what `--checksum` says to a repository whose URL may say something, too.
pub(super) fn join_checksum(source: &mut GitSource, text: &str) -> Result<(), RemoteError> {
    git::check_commit(text)?;
    if let Some(known) = &source.checksum
        && known != text
    {
        let message = format!("the URL has the commit `{known}`, `--checksum` has `{text}`");
        return Err(RemoteError::new(message, None));
    }
    source.checksum = Some(text.to_owned());
    Ok(())
}

/// A part of a URL with its `%xx` resolved.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        match classify(text) {
            Some(Ok(Remote::Url(url))) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn paths_are_not_remote() {
        for path in ["a", "./a", "github.com/a/b", "a:b", "a b@c/d", "/x@y", "*.tar", "c:\\x"] {
            assert_eq!(classify(path), None, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_recorded_is_refused() {
        for (source, text) in [
            ("git@host.example:a/b.git", "`git@host.example:a/b.git` cannot be recorded: ssh"),
            ("ssh://git:pw@host.example/a", "`ssh://host.example/a` cannot be recorded: ssh"),
            ("git://host.example/a.git", "the git protocol"),
            ("ftp://host.example/a", "ADD knows no `ftp` URLs"),
            ("http://", "is not a URL"),
        ] {
            let error = classify(source).unwrap().unwrap_err();
            assert!(error.message.contains(text), "{}", error.message);
        }
    }

    #[test]
    fn files_are_named_after_the_last_part() {
        for (source, name) in [
            ("http://h.example/a/b.tgz", "b.tgz"),
            ("http://h.example/a/b/?q=/c", "b"),
            ("https://h.example", "__unnamed__"),
            ("https://h.example/?file=x", "__unnamed__"),
            ("https://h.example/a%20b%2Fc%zz", "c%zz"),
            ("https://h.example/%2e%2e", "__unnamed__"),
            ("HTTPS://h.example/a.gitx#f", "a.gitx"),
        ] {
            assert_eq!(file_name(&url(source)), name, "{source}");
        }
    }
}

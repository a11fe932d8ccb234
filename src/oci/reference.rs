//! Image references as Docker normalises them:
//! <https://pkg.go.dev/github.com/distribution/reference>.

use super::{Digest, DigestError};
use std::fmt;
use std::str::FromStr;

const DEFAULT_DOMAIN: &str = "docker.io";
const NAME_LENGTH_MAX: usize = 255;
const TAG_LENGTH_MAX: usize = 128;

/// A normalised reference: `debian` is `docker.io/library/debian:latest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Registry's host, with its port if one was given.
    pub domain: String,
    /// Path of the repository in the registry.
    pub repository: String,
    /// Tag; `latest` where neither tag nor digest was given.
    pub tag: Option<String>,
    /// Digest, which decides where there is one.
    pub digest: Option<Digest>,
}

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The name does not follow the grammar.
    #[error("`{text}` is not an image reference: {reason}")]
    Invalid {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What follows `@` is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Reference {
    /// The name without tag and digest: `docker.io/library/debian`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.repository)
    }

    /// The shortest text that Docker's users write: `debian:bookworm`.
    pub fn familiar(&self) -> String {
        let text = self.to_string();
        let hub = text.strip_prefix("docker.io/").unwrap_or(&text);
        let short = hub.strip_prefix("library/").filter(|rest| !rest.contains('/'));
        match (text.starts_with("docker.io/"), short) {
            (true, Some(short)) => short.to_owned(),
            (true, None) => hub.to_owned(),
            (false, _) => text,
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let invalid = |reason| ReferenceError::Invalid {
            text: text.chars().filter(|c| !c.is_control()).take(120).collect(),
            reason,
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        let (domain, repository) = split_domain(name);
        let repository = match (domain, repository.contains('/')) {
            (DEFAULT_DOMAIN, false) => format!("library/{repository}"),
            _ => repository.to_owned(),
        };
        if is_hex64(rest) {
            return Err(invalid("64 hexadecimal digits are an image id, not a name"));
        }
        if !is_domain(domain) {
            return Err(invalid("the registry's host is not a valid host name"));
        }
        if !repository.split('/').all(is_path_component) {
            return Err(invalid(
                "names are lower case letters, digits and single separators . _ -",
            ));
        }
        if domain.len() + repository.len() + 1 > NAME_LENGTH_MAX {
            return Err(invalid("the name is longer than 255 characters"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("the tag has a character that tags cannot have"));
        }
        let tag = match (tag, digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, None) => Some("latest".to_owned()),
            (None, Some(_)) => None,
        };
        Ok(Self { domain: domain.to_owned(), repository, tag, digest })
    }
}

/// A colon after the last slash starts a tag; an earlier one belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    let path_start = text.rfind('/').map_or(0, |slash| slash + 1);
    match text.get(path_start..).and_then(|last| last.find(':')) {
        Some(colon) => {
            let (name, tag) = text.split_at(path_start + colon);
            (name, tag.get(1..))
        }
        None => (text, None),
    }
}

/// The first component is a host if it has a dot, a port or upper case, or is `localhost`.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.chars().any(|character| character.is_ascii_uppercase()) =>
        {
            (if first == "index.docker.io" { DEFAULT_DOMAIN } else { first }, rest)
        }
        _ => (DEFAULT_DOMAIN, name),
    }
}

fn is_hex64(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or(""))),
            None => return false,
        },
        None => match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, None),
        },
    };
    let port_fits =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let host_fits = if domain.starts_with('[') {
        host.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') && !host.is_empty()
    } else {
        host.split('.').all(is_domain_label)
    };
    port_fits && host_fits
}

fn is_domain_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `[a-z0-9]+` joined by one of `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let separators: Vec<&str> = component
        .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .collect();
    let Some((first, rest)) = separators.split_first() else { return false };
    let Some((last, inner)) = rest.split_last() else { return false };
    let joins = |part: &&str| {
        matches!(*part, "" | "." | "_" | "__") || part.bytes().all(|byte| byte == b'-')
    };
    first.is_empty() && last.is_empty() && inner.iter().all(joins)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_LENGTH_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.domain, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_normalised_as_docker_does() {
        let digest = Digest::of(b"");
        for (text, expected) in [
            ("debian", "docker.io/library/debian:latest".to_owned()),
            ("debian:bookworm", "docker.io/library/debian:bookworm".to_owned()),
            ("user/app", "docker.io/user/app:latest".to_owned()),
            ("index.docker.io/debian", "docker.io/library/debian:latest".to_owned()),
            ("localhost/a", "localhost/a:latest".to_owned()),
            ("LOCALHOST/foo", "LOCALHOST/foo:latest".to_owned()),
            ("UPPER/foo", "UPPER/foo:latest".to_owned()),
            ("[::1]:5000/foo", "[::1]:5000/foo:latest".to_owned()),
            ("[2001:db8::1]/x", "[2001:db8::1]/x:latest".to_owned()),
            ("localhost:5000/a/b:c", "localhost:5000/a/b:c".to_owned()),
            ("a__b/c--d.e:T_1.x-y", "docker.io/a__b/c--d.e:T_1.x-y".to_owned()),
            (&format!("a@{digest}"), format!("docker.io/library/a@{digest}")),
            (&format!("a:t@{digest}"), format!("docker.io/library/a:t@{digest}")),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        let id = "0123456789abcdef".repeat(4);
        let long = "a/".repeat(140) + "a";
        for text in [
            "",
            ":",
            "a:",
            "a@",
            "Debian",
            "a//b",
            "/a",
            "a/",
            "a___b",
            "a..b",
            "-a",
            "a-",
            "a b",
            "a:b c",
            "a:-x",
            "a@sha256:zz",
            "host.:5000/a",
            "a.b:x/y",
            &id,
            &long,
            "a\n",
            "../x",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn familiar_names_are_what_users_write() {
        for text in ["debian:bookworm", "user/app:1", "quay.example/a/b:c"] {
            assert_eq!(text.parse::<Reference>().unwrap().familiar(), text);
        }
    }
}

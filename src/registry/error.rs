//! What goes wrong with a registry, with the URL or reference and never a secret.

use crate::oci::Mismatch;
use crate::store::StoreError;
use std::time::Duration;

/// A registry did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No connection, or one that broke more often than is tried again.
    #[error("no usable answer from {url}: {reason}")]
    Network {
        /// URL without query.
        url: String,
        /// What happened.
        reason: String,
    },
    /// TLS works, but the server is not who it says.
    #[error("the certificate of {url} is not trusted: {reason}")]
    Certificate {
        /// URL without query.
        url: String,
        /// What rustls says.
        reason: String,
    },
    /// Something else than TLS answers a host that must have it.
    #[error("{url} does not speak TLS")]
    NoTls {
        /// URL without query.
        url: String,
    },
    /// A status that means neither success nor one of the other errors.
    #[error("{url} answered {status}{detail}")]
    Status {
        /// URL without query.
        url: String,
        /// HTTP status code.
        status: u16,
        /// `: ` and the registry's message, or nothing.
        detail: String,
    },
    /// There is no such image or blob.
    #[error("`{reference}` is not in the registry{detail}")]
    NotFound {
        /// What was asked for.
        reference: String,
        /// `: ` and the registry's message, or nothing.
        detail: String,
    },
    /// The registry refuses access.
    #[error("{registry} refuses access to `{repository}`{detail}")]
    Unauthorized {
        /// The registry's host.
        registry: String,
        /// Repository in it.
        repository: String,
        /// `: ` and the registry's message, or nothing.
        detail: String,
        /// Whether no credentials were found for it.
        anonymous: bool,
    },
    /// The registry wants a token from a server that is not trusted with the request.
    #[error("{registry} sends clients to {realm} for a token: {problem}")]
    Realm {
        /// The registry's host.
        registry: String,
        /// URL of the token server, without query.
        realm: String,
        /// What is wrong with it.
        problem: RealmProblem,
    },
    /// A credential file or helper does not work.
    #[error("credentials for {registry}: {problem}")]
    Credentials {
        /// The registry's host.
        registry: String,
        /// What is wrong, with the file's or helper's name.
        problem: String,
    },
    /// Too many requests.
    #[error("{url} refuses more requests for now{detail}")]
    RateLimited {
        /// URL without query.
        url: String,
        /// `: ` and the registry's message, or nothing.
        detail: String,
        /// How long it asks to wait, if it says so.
        wait: Option<Duration>,
    },
    /// A redirect that is not followed.
    #[error("{url} redirects to {target}: {problem}")]
    Redirect {
        /// URL without query.
        url: String,
        /// Target without query.
        target: String,
        /// Why it is not followed.
        problem: &'static str,
    },
    /// A manifest, index or config is not what the specification says.
    #[error("`{reference}` is not a usable image: {problem}")]
    Invalid {
        /// What was read.
        reference: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something legal that is not read here.
    #[error("`{reference}` is not supported: {problem}")]
    Unsupported {
        /// What was read.
        reference: String,
        /// What it is.
        problem: String,
    },
    /// Content has other bytes than its digest or size promise.
    #[error("{url} is corrupt")]
    Corrupt {
        /// URL without query.
        url: String,
        /// Expected and found.
        source: Mismatch,
    },
    /// No image for this platform.
    #[error("`{reference}` has no image for {wanted}")]
    NoPlatform {
        /// What was read.
        reference: String,
        /// The platform asked for.
        wanted: String,
        /// The platforms that there are.
        offered: Vec<String>,
    },
    /// The Store does not take what was fetched.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The caller's flag was set.
    #[error("the transfer was cancelled")]
    Cancelled,
}

/// Why a token server is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RealmProblem {
    /// Not an absolute http or https URL without user and password.
    #[error("that is not a usable URL")]
    Malformed,
    /// No TLS, for a registry that has TLS.
    #[error("a password must not travel without TLS")]
    Plain,
    /// An address that only this machine, its network or its cloud's metadata service has.
    #[error("a public registry must not send clients to a private address")]
    Private,
    /// Another host, and there are credentials that it would get.
    #[error("credentials are for the registry's own host, and that is another one")]
    OtherHost,
}

/// What kind of failure an error is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The network or the registry did not answer.
    Network,
    /// Credentials are missing, wrong, or would go where they must not.
    Authentication,
    /// The image, or the platform's, does not exist.
    NotFound,
    /// The registry's content is not what it must be: never masked by anything else.
    Integrity,
    /// The image is of a kind that is not supported.
    Unsupported,
    /// The Store, or the user, ended it.
    Local,
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl RegistryError {
    /// What kind of failure it is.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Network { .. }
            | Self::Certificate { .. }
            | Self::NoTls { .. }
            | Self::Status { .. }
            | Self::RateLimited { .. } => Failure::Network,
            Self::Unauthorized { .. } | Self::Credentials { .. } => Failure::Authentication,
            Self::Realm { problem, .. } => match problem {
                RealmProblem::Plain | RealmProblem::Private => Failure::Integrity,
                RealmProblem::Malformed | RealmProblem::OtherHost => Failure::Authentication,
            },
            Self::NotFound { .. } | Self::NoPlatform { .. } => Failure::NotFound,
            Self::Redirect { .. } | Self::Invalid { .. } | Self::Corrupt { .. } => {
                Failure::Integrity
            }
            Self::Unsupported { .. } => Failure::Unsupported,
            Self::Store(error) if error.is_integrity() => Failure::Integrity,
            Self::Store(_) | Self::Cancelled => Failure::Local,
        }
    }

    /// Whether the registry gave content, or directions, that no honest one gives (exit code 3).
    pub fn is_integrity(&self) -> bool {
        self.failure() == Failure::Integrity
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Certificate { url, .. } => Some(format!(
                "add the registry's certificate authority to the system's trust store, or, in a \
                 network that you trust: `--insecure-registry {}`",
                host_in(url)
            )),
            Self::NoTls { url } => Some(format!(
                "if it is meant to have none, in a network that you trust: \
                 `--insecure-registry {}`",
                host_in(url)
            )),
            Self::Unauthorized { registry, anonymous: true, .. } => Some(format!(
                "the image may not exist, or need credentials: `docker login {registry}`"
            )),
            Self::Unauthorized { registry, anonymous: false, .. } => Some(format!(
                "the credentials for {registry} were sent and refused: `docker login {registry}`"
            )),
            Self::Credentials { registry, .. } => Some(format!(
                "mend the file or the helper that it names, or `docker login {registry}` again"
            )),
            Self::Realm { registry, realm, problem: RealmProblem::OtherHost } => Some(format!(
                "if that server is meant to have them: `--allow-auth-host {registry}={}`",
                host_in(realm)
            )),
            Self::RateLimited { wait: Some(wait), .. } => {
                Some(format!("the registry asks to wait {} seconds", wait.as_secs()))
            }
            Self::RateLimited { wait: None, .. } => {
                Some("log in for a higher limit, use a mirror, or try again later".to_owned())
            }
            Self::NoPlatform { offered, .. } if !offered.is_empty() => {
                Some(format!("it has: {}", offered.join(", ")))
            }
            Self::Store(error) => error.hint(),
            Self::NotFound { .. } => Some("check the name and the tag".to_owned()),
            _ => None,
        }
    }
}

/// The host in a redacted URL.
fn host_in(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// A text of the other side for a message: one line, bounded, no control characters.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 300;
    let shown: String = text
        .chars()
        .map(|character| if character.is_whitespace() { ' ' } else { character })
        .filter(|character| !character.is_control() && !is_bidirectional(*character))
        .take(SHOWN_MAX)
        .collect();
    shown.trim().to_owned()
}

/// Characters that reorder what a terminal shows: <https://trojansource.codes>.
fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_short_line() {
        let shown = quoted(&format!("a\n::error::\u{1b}[31m\u{202e}{}", "x".repeat(1000)));
        assert!(shown.starts_with("a ::error::[31mxx"), "{shown}");
        assert!(shown.len() <= 300);
    }

    #[test]
    fn the_hint_for_another_realm_names_the_option_to_use() {
        let error = RegistryError::Realm {
            registry: "reg.example".to_owned(),
            realm: "https://auth.example:8443/token".to_owned(),
            problem: RealmProblem::OtherHost,
        };
        let hint = error.hint().unwrap();
        assert!(hint.contains("--allow-auth-host reg.example=auth.example:8443"), "{hint}");
        assert_eq!(error.failure(), Failure::Authentication);
    }
}

//! Why a Door cannot be opened or used at all. What a step is refused is a
//! [`Refusal`](super::Refusal) and no error.

use std::io;

/// An error of the Door itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// The threads that serve could not be started.
    #[error("cannot start what serves the network of the steps")]
    Runtime(#[source] io::Error),
    /// No client for the outside: most often the host's trust roots cannot be read.
    #[error("cannot prepare connections to the outside: {0}")]
    Upstream(String),
    /// The certificate authority of a build could not be made.
    #[error("cannot make the certificate authority of the build: {0}")]
    Authority(String),
    /// A mirror or an archive that cannot be one.
    #[error("`{url}` is no {what}: {reason}")]
    Source {
        /// `mirror` or `archive`.
        what: &'static str,
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The lock has a URL that nothing can be fetched from.
    #[error("`{url}` in the lock is no URL that can be fetched: {reason}")]
    Locked {
        /// As the lock has it.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl DoorError {
    /// What the user can do, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Runtime(_) => Some("check the limits on processes and open files".to_owned()),
            Self::Upstream(_) => {
                Some("install the certificates of the host (`ca-certificates`)".to_owned())
            }
            Self::Source { what: "archive", .. } => {
                Some("an archive is an http(s) URL with `{date}` in it".to_owned())
            }
            Self::Source { .. } => Some("a mirror is a pair of http(s) URLs".to_owned()),
            _ => None,
        }
    }
}

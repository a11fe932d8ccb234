//! The OCI distribution API: authentication, resolving references, pulling images, pushing and
//! pulling blobs and artifacts of any kind; and, over the same connections, documents of a service.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>
//!
//! What a registry says is not believed: content is verified against the digest that was asked
//! for, credentials go only where they belong, and sizes, waits and tries are limited. Knows
//! nothing of Dockerfiles and of what images are used for.

mod blob;
mod challenge;
mod client;
mod credentials;
mod documents;
mod error;
mod helper;
mod host;
mod manifest;
mod opaque;
mod parallel;
mod pull;
mod push;
mod realm;
mod secret;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod transport;

pub use client::{Client, Resolved};
pub use credentials::credential_files;
pub use documents::{Documents, SizeLimits, service_address};
pub use error::{Failure, RealmProblem, RegistryError};
pub use opaque::{Fetched, WantedBlob};
pub use push::{Outgoing, Pushed};

use crate::oci::Digest;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How a [`Client`] works. The caller reads environment and arguments; this module does not.
#[derive(Clone)]
pub struct Options {
    /// Files of credentials in the order in which they are asked; see [`credential_files`]. One
    /// that does not exist has none.
    pub credential_files: Vec<PathBuf>,
    /// Folders in which credential helpers are searched; where empty, those of `PATH`.
    pub helper_directories: Vec<PathBuf>,
    /// Registries (`host` or `host:port`) that may be spoken to without TLS, or with certificates
    /// that nobody vouches for. Loopback is always one.
    pub insecure: Vec<String>,
    /// Pairs of a registry and the host of a token server that may see its credentials.
    pub allow_auth_hosts: Vec<(String, String)>,
    /// Told how the transfer of each blob goes; called from several threads.
    pub progress: Arc<dyn Fn(&Progress) + Send + Sync>,
    /// Set by the caller to end what is under way.
    pub cancelled: Arc<AtomicBool>,
    /// A blob that is larger is sent in pieces of so many bytes, so that a broken connection costs
    /// no more than one.
    pub chunk_size: u64,
    /// Time limits and tries.
    pub timing: Timing,
}

/// Of [`Options::chunk_size`]. Object storage behind registries takes pieces from 5 MiB on.
const CHUNK_SIZE: u64 = 16 << 20;

impl Default for Options {
    fn default() -> Self {
        Self {
            credential_files: Vec::new(),
            helper_directories: Vec::new(),
            insecure: Vec::new(),
            allow_auth_hosts: Vec::new(),
            progress: Arc::new(|_| {}),
            cancelled: Arc::default(),
            chunk_size: CHUNK_SIZE,
            timing: Timing::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("credential_files", &self.credential_files)
            .field("insecure", &self.insecure)
            .field("allow_auth_hosts", &self.allow_auth_hosts)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// Which way a blob goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the registry.
    Pull,
    /// To the registry.
    Push,
}

/// How far the transfer of one blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The blob: a layer or the config.
    pub digest: Digest,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all, as the manifest says.
    pub total: u64,
    /// Which way it goes.
    pub direction: Direction,
}

/// Time limits and tries.
#[derive(Debug, Clone)]
pub struct Timing {
    /// To connect, TLS included.
    pub connect_timeout: Duration,
    /// For the head of a response, and between two pieces of a body.
    pub read_timeout: Duration,
    /// A server that sends or takes less than `bytes_per_second_min` for this long counts as hanging.
    pub pace_window: Duration,
    /// See `pace_window`.
    pub bytes_per_second_min: u64,
    /// The first wait before something is tried again; each further one is twice as long.
    pub backoff: Duration,
    /// How often a request is tried again.
    pub retries_max: u32,
    /// How often the transfer of one blob goes on after its connection broke.
    pub resumes_max: u32,
    /// The longest that a registry may ask to wait; where it asks for more, nothing is tried again.
    pub retry_after_max: Duration,
    /// For a credential helper, which may ask the user to unlock something.
    pub helper_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(30),
            pace_window: Duration::from_mins(1),
            bytes_per_second_min: 512,
            backoff: Duration::from_millis(300),
            retries_max: 3,
            resumes_max: 8,
            retry_after_max: Duration::from_mins(1),
            helper_timeout: Duration::from_mins(1),
        }
    }
}

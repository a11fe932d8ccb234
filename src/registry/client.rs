//! The client: from a reference to the manifest of one platform.

use super::helper::Helpers;
use super::host::{Endpoint, Trust, redacted};
use super::manifest::{self, Document};
use super::realm::Policy;
use super::session::{Access, Call, Session};
use super::token::Authorizer;
use super::transport::{Broken, Transport};
use super::{Options, Progress, RegistryError, blob};
use crate::oci::{Descriptor, Digest, Manifest, Mismatch, Platform, Reference};
use reqwest::Method;
use reqwest::blocking::Response;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Speaks to registries. Keeps connections, tokens and credentials for as long as it lives.
pub struct Client {
    pub(super) transport: Transport,
    authorizer: Authorizer,
    pub(super) progress: Arc<dyn Fn(&Progress) + Send + Sync>,
    /// See [`Options::chunk_size`].
    pub(super) chunk_size: u64,
    /// Registries by their domain, as they were found to be reached.
    endpoints: Mutex<BTreeMap<String, Endpoint>>,
}

/// What a reference means at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The index that the reference points at, if it points at one.
    pub index: Option<Digest>,
    /// The platform's manifest.
    pub manifest: Digest,
}

/// A manifest with the bytes that its digest is over.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) index: Option<(Digest, Vec<u8>)>,
    pub(super) digest: Digest,
    pub(super) bytes: Vec<u8>,
    pub(super) manifest: Manifest,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl Client {
    /// A client. Nothing is connected or read yet.
    pub fn new(options: Options) -> Self {
        let Options { insecure, allow_auth_hosts, timing, .. } = options;
        let helpers =
            Helpers { directories: options.helper_directories, timeout: timing.helper_timeout };
        let policy = Policy { insecure: insecure.clone(), allow_auth_hosts };
        Self {
            transport: Transport::new(insecure, timing, options.cancelled),
            authorizer: Authorizer::new(options.credential_files, helpers, policy),
            progress: options.progress,
            chunk_size: options.chunk_size.max(1),
            endpoints: Mutex::default(),
        }
    }

    /// The digests that a reference means for a platform. A digest in the reference decides over
    /// its tag.
    pub fn resolve(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Resolved, RegistryError> {
        let session = self.session(reference)?;
        let found = find(&session, reference, platform, None)?;
        if found.index.is_none() {
            let config = blob::config(&session, &found.manifest.config)?;
            manifest::check_config(&config, &found.manifest, platform, &reference.to_string())?;
        }
        Ok(Resolved { index: found.index.map(|(digest, _)| digest), manifest: found.digest })
    }

    pub(super) fn session(&self, reference: &Reference) -> Result<Session<'_>, RegistryError> {
        self.session_for(reference, Access::Pull)
    }

    pub(super) fn session_for(
        &self,
        reference: &Reference,
        access: Access,
    ) -> Result<Session<'_>, RegistryError> {
        Ok(Session {
            transport: &self.transport,
            authorizer: &self.authorizer,
            endpoint: self.endpoint(reference)?,
            repository: reference.repository.clone(),
            access,
        })
    }

    /// HTTPS, and nothing else. Only this machine and registries that the user declared insecure
    /// are asked over HTTP, and only where HTTPS does not work, as Docker does it.
    fn endpoint(&self, reference: &Reference) -> Result<Endpoint, RegistryError> {
        let endpoint = Endpoint::of(reference, &self.transport.insecure_hosts)?;
        if endpoint.trust == Trust::Verified {
            return Ok(endpoint);
        }
        let known = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&endpoint.registry) {
            return Ok(known.clone());
        }
        drop(known);
        let endpoint = self.probe(endpoint)?;
        let mut known = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(endpoint.registry.clone(), endpoint.clone());
        Ok(endpoint)
    }

    /// Any answer to a ping will do: `401` is the usual one.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#determining-support>
    fn probe(&self, endpoint: Endpoint) -> Result<Endpoint, RegistryError> {
        let ping = |endpoint: &Endpoint| {
            let url = endpoint.url("/v2/");
            let request = self.transport.request(Method::GET, &url)?;
            self.transport.send(request, &url)
        };
        let over_tls = match ping(&endpoint) {
            Ok(_) => return Ok(endpoint),
            Err(broken) => broken.into_error(),
        };
        let reason = match &over_tls {
            RegistryError::Network { reason, .. } => reason.clone(),
            RegistryError::NoTls { .. } => "no TLS".to_owned(),
            _ => return Err(over_tls),
        };
        let Some(plain) = endpoint.over_http() else { return Err(over_tls) };
        match ping(&plain).map_err(Broken::into_error) {
            Ok(_) => Ok(plain),
            Err(RegistryError::Network { url, reason: over_http }) => {
                let reason = if reason == over_http {
                    over_http
                } else {
                    format!("{over_http} (and with https: {reason})")
                };
                Err(RegistryError::Network { url, reason })
            }
            Err(error) => Err(error),
        }
    }
}

/// Gives documents that need not be fetched.
pub(super) type Known<'a> = Option<&'a dyn Fn(&Digest) -> Option<Vec<u8>>>;

/// Fetches what the reference means: the manifest of the platform, by way of an index or not.
pub(super) fn find(
    session: &Session<'_>,
    reference: &Reference,
    platform: &Platform,
    known: Known<'_>,
) -> Result<Found, RegistryError> {
    let name = reference.to_string();
    let (digest, bytes) = root(session, reference, known)?;
    match manifest::parse(&bytes, &name)? {
        Document::Manifest(manifest) => Ok(Found { index: None, digest, bytes, manifest }),
        Document::Index(index) => {
            let entry = manifest::select(&index, platform, &name)?;
            let image = by_descriptor(session, entry, known)?;
            let name = format!("{}@{}", session.name(), entry.digest);
            match manifest::parse(&image, &name)? {
                Document::Manifest(manifest) => Ok(Found {
                    index: Some((digest, bytes)),
                    digest: entry.digest,
                    bytes: image,
                    manifest,
                }),
                Document::Index(_) => {
                    let problem = "the index holds another index for the platform".to_owned();
                    Err(RegistryError::Unsupported { reference: name, problem })
                }
            }
        }
    }
}

/// The document that the reference itself names.
pub(super) fn root(
    session: &Session<'_>,
    reference: &Reference,
    known: Known<'_>,
) -> Result<(Digest, Vec<u8>), RegistryError> {
    if let Some(digest) = reference.digest {
        return Ok((digest, by_digest(session, &digest, known)?));
    }
    let tag = reference.tag.as_deref().unwrap_or("latest");
    if let Some(known) = known
        && let Some(hint) = hint(session, tag, reference)?
        && let Some(bytes) = known(&hint)
    {
        return Ok((hint, bytes));
    }
    let call = call(session, Method::GET, tag, reference.to_string());
    let (bytes, hint) = document(session, &call)?;
    let found = Digest::of(&bytes);
    match hint {
        // Nothing else vouches for what a tag gives; the two must agree at least.
        Some(expected) if expected != found => {
            let source = Mismatch::Digest { expected, found };
            Err(RegistryError::Corrupt { url: redacted(&call.url), source })
        }
        _ => Ok((found, bytes)),
    }
}

/// The digest that a HEAD tells. It is trusted as much as the tag itself is; what has it may be
/// there already. Docker Hub counts each GET against a quota, and a HEAD not:
/// <https://docs.docker.com/docker-hub/usage/pulls/>.
fn hint(
    session: &Session<'_>,
    tag: &str,
    reference: &Reference,
) -> Result<Option<Digest>, RegistryError> {
    match session.send(&call(session, Method::HEAD, tag, reference.to_string())) {
        Ok(response) => Ok(digest_header(&response)),
        // Not every registry has HEAD; the GET tells what is really wrong.
        Err(RegistryError::NotFound { .. } | RegistryError::Status { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn by_digest(
    session: &Session<'_>,
    expected: &Digest,
    known: Known<'_>,
) -> Result<Vec<u8>, RegistryError> {
    if let Some(bytes) = known.and_then(|known| known(expected)) {
        return Ok(bytes);
    }
    let name = format!("{}@{expected}", session.name());
    let call = call(session, Method::GET, &expected.to_string(), name);
    // What `Docker-Content-Digest` says does not matter: the body is what counts.
    let (bytes, _) = document(session, &call)?;
    let found = Digest::of(&bytes);
    if found == *expected {
        return Ok(bytes);
    }
    let source = Mismatch::Digest { expected: *expected, found };
    Err(RegistryError::Corrupt { url: redacted(&call.url), source })
}

fn by_descriptor(
    session: &Session<'_>,
    descriptor: &Descriptor,
    known: Known<'_>,
) -> Result<Vec<u8>, RegistryError> {
    let bytes = by_digest(session, &descriptor.digest, known)?;
    let (found, expected) = (bytes.len() as u64, descriptor.size);
    if found == expected {
        return Ok(bytes);
    }
    let source = if found < expected {
        Mismatch::Short { expected, found }
    } else {
        Mismatch::Long { expected }
    };
    let url = redacted(&session.url(&format!("manifests/{}", descriptor.digest)));
    Err(RegistryError::Corrupt { url, source })
}

fn call(session: &Session<'_>, method: Method, tag_or_digest: &str, name: String) -> Call<'static> {
    let url = session.url(&format!("manifests/{tag_or_digest}"));
    Call { accept: Some(manifest::ACCEPT), ..Call::new(method, url, name) }
}

/// The body of a manifest, and the digest that its header claims.
fn document(
    session: &Session<'_>,
    call: &Call<'_>,
) -> Result<(Vec<u8>, Option<Digest>), RegistryError> {
    let transport = session.transport;
    let url = &call.url;
    let mut backoff = super::session::Backoff::new(transport);
    loop {
        let mut response = session.send(call)?;
        let hint = digest_header(&response);
        match transport.body(&mut response, url, manifest::SIZE_MAX) {
            Ok(Some(body)) => return Ok((body, hint)),
            Ok(None) => {
                let problem = format!("the manifest is larger than {} bytes", manifest::SIZE_MAX);
                let reference = call.name.clone();
                return Err(RegistryError::Invalid { reference, problem });
            }
            Err(broken) => backoff.wait_or_give_up(broken)?,
        }
    }
}

/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>
pub(super) fn digest_header(response: &Response) -> Option<Digest> {
    response.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

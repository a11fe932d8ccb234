//! Answers to a registry's challenge: tokens and passwords, each kept for the registry that asked.
//! <https://distribution.github.io/distribution/spec/auth/token/>

use super::RegistryError;
use super::challenge::Challenge;
use super::credentials::{self, Credential};
use super::helper::Helpers;
use super::host::Endpoint;
use super::realm::Policy;
use super::secret::Secret;
use super::status;
use super::transport::{Broken, Transport, authorization, authorize};
use base64::Engine as _;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const ANSWER_SIZE_MAX: usize = 1024 * 1024;
/// What a token lives where the answer does not say, and at least.
const LIFETIME_MIN_SECONDS: u64 = 60;
const LIFETIME_MAX_SECONDS: u64 = 24 * 60 * 60;
/// A token is renewed this long before it expires, for clocks and requests under way.
const LIFETIME_MARGIN_SECONDS: u64 = 10;

/// Origin of the registry, and repository (for credentials) or scope (for tokens): neither is ever
/// used for another.
type Key = (String, String);

/// Knows credentials and tokens.
#[derive(Debug)]
pub(super) struct Authorizer {
    pub(super) files: Vec<PathBuf>,
    pub(super) helpers: Helpers,
    pub(super) policy: Policy,
    credentials: Mutex<BTreeMap<Key, Option<Credential>>>,
    tokens: Mutex<BTreeMap<Key, Token>>,
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    expires: Option<Instant>,
}

/// <https://distribution.github.io/distribution/spec/auth/token/#token-response-fields>
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: Option<Secret>,
    #[serde(default)]
    access_token: Option<Secret>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Authorizer {
    pub(super) fn new(files: Vec<PathBuf>, helpers: Helpers, policy: Policy) -> Self {
        let (credentials, tokens) = (Mutex::default(), Mutex::default());
        Self { files, helpers, policy, credentials, tokens }
    }

    /// The header that this registry accepted for this scope before, if it has not expired.
    pub(super) fn known(&self, endpoint: &Endpoint, scope: &str) -> Option<HeaderValue> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.get(&key(endpoint, scope))?;
        let is_valid = token.expires.is_none_or(|expires| Instant::now() < expires);
        is_valid.then(|| token.header.clone())
    }

    /// The header that answers the challenges of this registry, for these scopes (separated by
    /// blanks) of the repository.
    pub(super) fn answer(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        repository: &str,
        scope: &str,
        challenges: &[Challenge],
    ) -> Result<HeaderValue, Broken> {
        let credential = self.credential(endpoint, repository)?;
        let find = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let credential = credential.as_ref();
        let request = Request { transport, endpoint, repository, scope, credential };
        let token = match (find("bearer"), find("basic"), credential) {
            (Some(bearer), _, _) => request.token(&self.policy, bearer)?,
            (None, Some(_), Some(Credential::Password { user, secret })) => {
                let header = basic(user, secret).ok_or_else(|| request.unauthorized(""))?;
                Token { header, expires: None }
            }
            _ => return Err(request.unauthorized("").into()),
        };
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(key(endpoint, scope), token.clone());
        Ok(token.header)
    }

    /// Whether there are credentials for the repository; only for messages.
    pub(super) fn is_anonymous(&self, endpoint: &Endpoint, repository: &str) -> bool {
        matches!(self.credential(endpoint, repository), Ok(None))
    }

    /// Files and helpers are asked once: a helper may ask the user.
    fn credential(
        &self,
        endpoint: &Endpoint,
        repository: &str,
    ) -> Result<Option<Credential>, RegistryError> {
        let mut known = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credential) = known.get(&key(endpoint, repository)) {
            return Ok(credential.clone());
        }
        let registry = &endpoint.registry;
        let found = credentials::find(&self.files, &self.helpers, registry, repository).map_err(
            |problem| RegistryError::Credentials { registry: registry.clone(), problem },
        )?;
        known.insert(key(endpoint, repository), found.clone());
        Ok(found)
    }
}

fn key(endpoint: &Endpoint, name: &str) -> Key {
    (endpoint.base.origin().ascii_serialization(), name.to_owned())
}

fn basic(user: &str, secret: &Secret) -> Option<HeaderValue> {
    let pair = format!("{user}:{}", secret.reveal());
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    authorization("Basic", &Secret::new(encoded))
}

/// One request for a token.
struct Request<'a> {
    transport: &'a Transport,
    endpoint: &'a Endpoint,
    repository: &'a str,
    scope: &'a str,
    credential: Option<&'a Credential>,
}

impl Request<'_> {
    fn token(&self, policy: &Policy, challenge: &Challenge) -> Result<Token, Broken> {
        let realm = challenge.get("realm").unwrap_or_default();
        let url = policy.realm(self.endpoint, realm, self.credential.is_some())?;
        // Of the challenge's own scope nothing is asked: we know what we need.
        let service = challenge.get("service");
        let request = match self.credential {
            Some(Credential::IdentityToken(token)) => self.exchange(&url, service, token),
            _ => self.ask(&url, service),
        }?;
        let mut response = self.transport.send(request, &url)?;
        // A redirect is not followed: it could lead where the realm must not.
        if response.status() != StatusCode::OK {
            return Err(status::failure(self.transport, response, &url, |status, detail| {
                let is_refused = matches!(
                    status,
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST
                );
                is_refused.then(|| self.unauthorized(detail))
            }));
        }
        let body = self.transport.body(&mut response, &url, ANSWER_SIZE_MAX)?;
        body.and_then(|body| read(&body)).ok_or_else(|| {
            let problem = "the token server's answer has no token";
            Broken::Final(RegistryError::Network {
                url: super::host::redacted(&url),
                reason: problem.to_owned(),
            })
        })
    }

    /// With the user's password, or anonymously.
    fn ask(
        &self,
        url: &Url,
        service: Option<&str>,
    ) -> Result<reqwest::blocking::RequestBuilder, Broken> {
        let mut asked = url.clone();
        asked.query_pairs_mut().extend_pairs(service.map(|service| ("service", service)));
        asked.query_pairs_mut().extend_pairs(self.scope.split(' ').map(|scope| ("scope", scope)));
        let header = match self.credential {
            Some(Credential::Password { user, secret }) => {
                asked.query_pairs_mut().append_pair("account", user);
                Some(basic(user, secret).ok_or_else(|| self.unauthorized(""))?)
            }
            _ => None,
        };
        let request = self.transport.request(Method::GET, &asked)?;
        Ok(authorize(request, header.as_ref()))
    }

    /// With an identity token: <https://distribution.github.io/distribution/spec/auth/oauth/>.
    fn exchange(
        &self,
        url: &Url,
        service: Option<&str>,
        token: &Secret,
    ) -> Result<reqwest::blocking::RequestBuilder, Broken> {
        // The query of a URL that is never sent is the form.
        let mut form = url.clone();
        form.set_query(None);
        form.query_pairs_mut()
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token.reveal())
            .append_pair("client_id", "rlock")
            .append_pair("scope", self.scope)
            .extend_pairs(service.map(|service| ("service", service)));
        let body = form.query().unwrap_or_default().to_owned();
        let request = self.transport.request(Method::POST, url)?;
        Ok(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body))
    }

    fn unauthorized(&self, detail: &str) -> RegistryError {
        RegistryError::Unauthorized {
            registry: self.endpoint.registry.clone(),
            repository: self.repository.to_owned(),
            detail: detail.to_owned(),
            anonymous: self.credential.is_none(),
        }
    }
}

fn read(body: &[u8]) -> Option<Token> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let is_there = |token: &Secret| !token.is_empty();
    let token = answer.token.filter(is_there).or(answer.access_token.filter(is_there))?;
    let seconds = answer.expires_in.unwrap_or(0).clamp(LIFETIME_MIN_SECONDS, LIFETIME_MAX_SECONDS);
    let lifetime = Duration::from_secs(seconds - LIFETIME_MARGIN_SECONDS);
    let header = authorization("Bearer", &token)?;
    Some(Token { header, expires: Some(Instant::now() + lifetime) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_a_token_are_read() {
        let header = |body: &str| {
            read(body.as_bytes()).map(|token| token.header.to_str().unwrap().to_owned())
        };
        assert_eq!(header(r#"{"token":"a"}"#).as_deref(), Some("Bearer a"));
        assert_eq!(header(r#"{"access_token":"a","expires_in":300}"#).as_deref(), Some("Bearer a"));
        assert_eq!(header(r#"{"token":"","access_token":"b"}"#).as_deref(), Some("Bearer b"));
        for body in
            ["", "{}", r#"{"token":""}"#, r#"{"token":"a\r\nX: y"}"#, r#"{"token":1}"#, "<html>"]
        {
            assert_eq!(header(body), None, "{body}");
        }
    }

    #[test]
    fn lifetimes_are_bounded() {
        let lifetime = |body: &str| {
            read(body.as_bytes()).unwrap().expires.unwrap().duration_since(Instant::now()).as_secs()
        };
        assert!((40..=50).contains(&lifetime(r#"{"token":"a","expires_in":1}"#)));
        assert!(lifetime(r#"{"token":"a","expires_in":18446744073709551615}"#) <= 24 * 60 * 60);
    }

    #[test]
    fn an_expired_token_is_not_used() {
        let helpers = Helpers { directories: vec![], timeout: Duration::ZERO };
        let authorizer = Authorizer::new(vec![], helpers, Policy::default());
        let endpoint = Endpoint::of(&"reg.example/a".parse().unwrap(), &[]).unwrap();
        let header = HeaderValue::from_static("Bearer a");
        for (expires, expected) in [
            (Some(Instant::now()), None),
            (Some(Instant::now() + Duration::from_secs(50)), Some(&header)),
            (None, Some(&header)),
        ] {
            let token = Token { header: header.clone(), expires };
            authorizer.tokens.lock().unwrap().insert(key(&endpoint, "a"), token);
            assert_eq!(authorizer.known(&endpoint, "a").as_ref(), expected);
            assert_eq!(authorizer.known(&endpoint, "b"), None);
        }
    }

    #[test]
    fn a_header_with_a_secret_is_not_shown() {
        let header = basic("user", &Secret::new("hunter2")).unwrap();
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}

//! Requests to one repository: authentication, redirects, and trying again.

use super::RegistryError;
use super::challenge;
use super::host::{Endpoint, redacted};
use super::realm::redirect_problem;
use super::status;
use super::token::Authorizer;
use super::transport::{Broken, Transport, authorize};
use reqwest::blocking::{Body, Response};
use reqwest::header::{
    ACCEPT, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION, RANGE, WWW_AUTHENTICATE,
};
use reqwest::{Method, StatusCode, Url};
use std::fmt;
use std::time::Duration;

const REDIRECTS_MAX: usize = 5;

/// One repository of one registry.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) transport: &'a Transport,
    pub(super) authorizer: &'a Authorizer,
    pub(super) endpoint: Endpoint,
    pub(super) repository: String,
    pub(super) access: Access,
}

/// What is done with a repository. No token is asked for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    Push,
    /// Writing, and reading another repository of the registry to take blobs from.
    Mount {
        /// That repository.
        from: String,
    },
}

impl Access {
    /// <https://distribution.github.io/distribution/spec/auth/scope/>, separated by blanks.
    fn scope(&self, repository: &str) -> String {
        match self {
            Self::Pull => format!("repository:{repository}:pull"),
            Self::Push => format!("repository:{repository}:pull,push"),
            Self::Mount { from } => {
                format!("repository:{repository}:pull,push repository:{from}:pull")
            }
        }
    }
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: Option<&'a str>,
    /// Bytes to leave out at the start.
    pub(super) offset: u64,
    /// What is sent.
    pub(super) content: Option<Content<'a>>,
    /// Statuses of success.
    pub(super) wanted: &'a [u16],
    /// What a message calls it.
    pub(super) name: String,
}

/// The body of a request.
pub(super) struct Content<'a> {
    pub(super) media_type: &'a str,
    /// First and last byte, where it is a part of something.
    pub(super) range: Option<(u64, u64)>,
    /// How long sending it may take.
    pub(super) timeout: Duration,
    /// Gives the body, for each try anew.
    pub(super) open: &'a dyn Fn() -> Result<Body, RegistryError>,
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Content")
            .field("media_type", &self.media_type)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl Call<'_> {
    /// A call without headers and body that status 200 answers.
    pub(super) fn new(method: Method, url: Url, name: String) -> Self {
        Self { method, url, accept: None, offset: 0, content: None, wanted: &[200], name }
    }
}

impl Session<'_> {
    /// The repository with its registry.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.endpoint.registry, self.repository)
    }

    /// The URL of something in the repository.
    pub(super) fn url(&self, path: &str) -> Url {
        self.endpoint.url(&format!("/v2/{}/{path}", self.repository))
    }

    /// A response with a wanted status, or 206 where an offset was asked for. Tried again where
    /// that may help, a bounded number of times.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Response, RegistryError> {
        let mut backoff = Backoff::new(self.transport);
        loop {
            match self.attempt(call) {
                Ok(response) => return Ok(response),
                Err(broken) => backoff.wait_or_give_up(broken)?,
            }
        }
    }

    /// As [`Session::send`], once.
    pub(super) fn attempt(&self, call: &Call<'_>) -> Result<Response, Broken> {
        let url = &call.url;
        let scope = self.access.scope(&self.repository);
        let known = self.authorizer.known(&self.endpoint, &scope);
        let (mut response, mut from) = self.follow(call, url, known.as_ref())?;
        // Only the registry itself is answered: a host that it redirects to is another party.
        if response.status() == StatusCode::UNAUTHORIZED && self.is_own(&from) {
            let headers = response.headers().get_all(WWW_AUTHENTICATE);
            let texts = headers.iter().filter_map(|header| header.to_str().ok());
            let challenges: Vec<_> = texts.flat_map(challenge::parse).collect();
            let (endpoint, repository) = (&self.endpoint, &self.repository);
            let answer = self.authorizer.answer(
                self.transport,
                endpoint,
                repository,
                &scope,
                &challenges,
            )?;
            (response, from) = self.follow(call, url, Some(&answer))?;
        }
        match response.status() {
            status if call.wanted.contains(&status.as_u16()) => Ok(response),
            StatusCode::PARTIAL_CONTENT if call.offset > 0 => Ok(response),
            _ => Err(status::failure(self.transport, response, &from, |status, detail| {
                self.named_error(call, status, detail)
            })),
        }
    }

    fn named_error(
        &self,
        call: &Call<'_>,
        status: StatusCode,
        detail: &str,
    ) -> Option<RegistryError> {
        let detail = detail.to_owned();
        match status {
            StatusCode::NOT_FOUND => {
                Some(RegistryError::NotFound { reference: call.name.clone(), detail })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(RegistryError::Unauthorized {
                registry: self.endpoint.registry.clone(),
                repository: self.repository.clone(),
                detail,
                anonymous: self.authorizer.is_anonymous(&self.endpoint, &self.repository),
            }),
            _ => None,
        }
    }

    /// Follows redirects; the response and the URL that it came from. The header goes to the
    /// registry alone: same scheme, host and port.
    fn follow(
        &self,
        call: &Call<'_>,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<(Response, Url), Broken> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let header = authorization.filter(|_| self.is_own(&url));
            let response = self.exchange(call, &url, header)?;
            match self.redirect(&response, &url)? {
                Some(target) => url = target,
                None => return Ok((response, url)),
            }
        }
        let target = redacted(&url);
        let (url, problem) = (redacted(&call.url), "too many redirects");
        Err(Broken::Final(RegistryError::Redirect { url, target, problem }))
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.base.origin()
    }

    fn exchange(
        &self,
        call: &Call<'_>,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Broken> {
        let mut request = self.transport.request(call.method.clone(), url)?;
        if let Some(accept) = call.accept {
            request = request.header(ACCEPT, accept);
        }
        if call.offset > 0 {
            request = request.header(RANGE, format!("bytes={}-", call.offset));
        }
        if let Some(content) = &call.content {
            request = request.header(CONTENT_TYPE, content.media_type);
            if let Some((first, last)) = content.range {
                // Not what HTTP has there, but what the specification of registries has.
                request = request.header(CONTENT_RANGE, format!("{first}-{last}"));
            }
            request = request.timeout(content.timeout).body((content.open)()?);
        }
        self.transport.send(authorize(request, authorization), url)
    }

    fn redirect(&self, response: &Response, url: &Url) -> Result<Option<Url>, RegistryError> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        self.location(response, url).map(Some)
    }

    /// Where a response sends its reader, if it may.
    pub(super) fn location(&self, response: &Response, url: &Url) -> Result<Url, RegistryError> {
        let refuse = |target: String, problem| RegistryError::Redirect {
            url: redacted(url),
            target,
            problem,
        };
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(target) = location.and_then(|location| url.join(location).ok()) else {
            return Err(refuse("nowhere".to_owned(), "there is no usable Location header"));
        };
        match redirect_problem(&self.endpoint, &target, &self.transport.insecure_hosts) {
            Some(problem) => Err(refuse(redacted(&target), problem)),
            None => Ok(target),
        }
    }
}

/// How often, and after what time, something is tried again.
#[derive(Debug)]
pub(super) struct Backoff<'a> {
    transport: &'a Transport,
    pub(super) left: u32,
    pub(super) wait: Duration,
}

impl<'a> Backoff<'a> {
    pub(super) fn new(transport: &'a Transport) -> Self {
        let timing = &transport.timing;
        Self { transport, left: timing.retries_max, wait: timing.backoff }
    }

    /// Waits before the next try, or gives the error back where there is none. What a server asks
    /// for is waited at least; each wait is twice the last.
    pub(super) fn wait_or_give_up(&mut self, broken: Broken) -> Result<(), RegistryError> {
        let (error, asked) = match broken {
            Broken::Final(error) => return Err(error),
            Broken::Transient(error, asked) => (error, asked),
        };
        let Some(left) = self.left.checked_sub(1) else { return Err(error) };
        self.left = left;
        let wait = asked.map_or(self.wait, |asked| asked.max(self.wait));
        tracing::debug!(%error, ?wait, "trying again");
        self.wait = self.wait.saturating_mul(2);
        self.transport.sleep(wait)
    }
}

//! Redirects. Most are facts that the client follows itself, and are recorded. One whose target
//! works for a while or for somebody only is followed here, and what it leads to is recorded under
//! the URL that the client asked for.

use super::super::key::{canonical, is_expiring};
use super::super::redact::Secrets;
use super::{Failure, Request, Upstream};
use http::StatusCode;
use http::header::{LOCATION, SET_COOKIE};
use reqwest::Response;
use url::Url;

/// More than that is a loop.
const HOPS_MAX: usize = 10;

/// Which redirects are followed.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Follow {
    /// Those that cannot be recorded, and what comes after them.
    Unrecordable,
    /// All.
    All,
    /// All, whatever they lead to: an archive by time leads to the nearest time that it has.
    Checked,
    /// None.
    None,
}

impl Upstream {
    /// Sends a request, follows redirects, and waits for the head of the last answer; says what
    /// was asked last.
    pub(in super::super) async fn follow(
        &self,
        request: &Request,
        follow: Follow,
        secrets: &Secrets,
    ) -> Result<(Response, Request), Failure> {
        let asked = canonical(&request.url);
        let mut request = request.clone();
        let mut follows_all = matches!(follow, Follow::All | Follow::Checked);
        for _ in 0..=HOPS_MAX {
            let response = self.send(&request).await?;
            let Some(target) = target(&response, &request.url) else {
                return Ok((response, request));
            };
            let returns = canonical(&target) == asked;
            let is_unrecordable =
                returns || is_expiring(&target) || secrets.are_in(target.as_str());
            follows_all |= is_unrecordable && matches!(follow, Follow::Unrecordable);
            if !follows_all {
                return Ok((response, request));
            }
            // All are followed only where the digest of what they lead to is known.
            if !matches!(follow, Follow::All) {
                check_target(&request.url, &target)?;
            }
            let is_same_host = target.origin() == request.url.origin();
            request = request.redirected(response.status(), target);
            if is_same_host {
                let cookies = response.headers().get_all(SET_COOKIE);
                request = request.with_cookies(cookies.iter());
            }
        }
        Err(Failure::Final(format!("it redirects more than {HOPS_MAX} times")))
    }
}

/// Where a response sends its client.
fn target(response: &Response, from: &Url) -> Option<Url> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(LOCATION).filter(|_| is_redirect)?;
    from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()
}

fn check_target(from: &Url, target: &Url) -> Result<(), Failure> {
    match (from.scheme(), target.scheme()) {
        ("http", "http" | "https") | ("https", "https") => Ok(()),
        ("https", "http") => {
            Err(Failure::Final("it redirects from https to http, which nobody asked for".into()))
        }
        _ => Err(Failure::Final("it redirects to what is neither https nor http".into())),
    }
}

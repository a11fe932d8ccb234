//! Asking again what was asked before: for indexes, of which is to be known whether they have moved on.

use super::super::exchange::{Exchange, Refusal};
use super::super::upstream::Request;
use super::super::visitor::Visitor;
use super::{Ledger, REDIRECTS_MAX};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::sync::Arc;
use url::Url;

impl Ledger {
    /// See [`Door::fetch_again`](super::super::Door::fetch_again).
    pub(in super::super) async fn fetch_again(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        url: &Url,
        variant: Option<&str>,
        known: Option<&Exchange>,
    ) -> Result<Exchange, Refusal> {
        let headers = accepting(variant);
        if let Some(known) = known
            && self.is_still(url, &headers, known).await
        {
            return Ok(known.clone());
        }
        self.fetch_as(visitor, url, &headers).await
    }

    /// Whether upstream says that an answer is what it was. Any doubt is a no.
    async fn is_still(&self, url: &Url, headers: &HeaderMap, known: &Exchange) -> bool {
        if self.offline || known.head.status != 200 || !self.contents.verify(known).await {
            return false;
        }
        let question = self.get(url.clone(), headers);
        let request = self.places.asked_at(&question.key.url, Request::of(&question.asked));
        let Some(mut request) = request.unless_still(&known.head) else { return false };
        for _ in 0..=REDIRECTS_MAX {
            let Ok(response) = self.upstream.send_any(&request).await else { return false };
            if !response.status().is_redirection() {
                return false;
            }
            if response.status() == StatusCode::NOT_MODIFIED {
                return true;
            }
            let Some(next) = response.headers().get(http::header::LOCATION) else { return false };
            let Some(Ok(next)) = next.to_str().ok().map(|next| request.url.join(next)) else {
                return false;
            };
            request = request.at(next);
        }
        false
    }
}

/// What asks for the representation that the key calls `variant`.
fn accepting(variant: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let media_type = match variant {
        None => return headers,
        Some("pypi-json") => "application/vnd.pypi.simple.v1+json".to_owned(),
        Some("npm-install") => "application/vnd.npm.install-v1+json".to_owned(),
        Some(subtype) => format!("application/{subtype}"),
    };
    if let Ok(value) = HeaderValue::try_from(media_type) {
        headers.insert(ACCEPT, value);
    }
    headers
}

//! Bringing back what the lock has.

use super::super::exchange::{Exchange, RefusalReason};
use super::super::sources::{RELEASE_SIZE_MAX, Release, Wanted};
use super::super::upstream::Request;
use super::{Ledger, Question};
use bytes::Bytes;
use std::cmp::Reverse;

impl Ledger {
    /// The locked answer to a question, with its content in the Store.
    pub(super) async fn obtain(&self, question: &Question) -> Result<Exchange, RefusalReason> {
        let Some(exchange) = self.locked.get(&question.key) else {
            return Err(RefusalReason::NotLocked);
        };
        if self.contents.verify(exchange).await {
            return Ok(exchange.clone());
        }
        if exchange.content.size == 0 {
            self.contents.put(Bytes::new()).await?;
            self.contents.check(exchange).await?;
            return Ok(exchange.clone());
        }
        let place = self.store.root().display();
        if self.offline {
            let digest = exchange.content.digest;
            let words = format!(
                "`{place}` does not have blob {digest} whole, and offline nothing else is asked"
            );
            return Err(RefusalReason::Unavailable(vec![words]));
        }
        let wanted = Wanted {
            upstream: &self.upstream,
            store: &self.store,
            declared: &self.secrets,
            secrets: &question.secrets,
            exchange,
        };
        // As the client spells it, since it may have a token that the lock has not.
        let mut places = vec![question.asked.url.clone()];
        places.extend(self.places.others(&exchange.key.url, &self.releases(&exchange.key.url)));
        self.fetcher.fetch(wanted, &Request::of(&question.asked), &places).await?;
        self.contents.trust(&exchange.content.digest);
        Ok(exchange.clone())
    }

    /// What the locked `Release` files above a URL say, the latest first.
    fn releases(&self, url: &str) -> Vec<Release> {
        if !self.places.has_archives() {
            return Vec::new();
        }
        let mut releases: Vec<Release> = self
            .locked
            .values()
            .filter(|it| it.head.status == 200 && it.content.size <= RELEASE_SIZE_MAX)
            .filter(|it| Release::root_of(&it.key.url).is_some_and(|root| url.starts_with(root)))
            .filter_map(|it| {
                let content = self.store.read_blob(&it.content.digest, it.content.size).ok()?;
                Release::parse(&it.key.url, &content)
            })
            .collect();
        releases.sort_by_key(|release| Reverse(release.date()));
        releases.dedup();
        releases
    }
}

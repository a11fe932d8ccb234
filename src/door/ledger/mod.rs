//! The ledger: a map from keys to answers, each asked for once.
//!
//! | the key is | the answer is |
//! | --- | --- |
//! | noise that a rule knows | the rule's |
//! | in the lock | what the lock says; bytes from the Store, else from a source that has them |
//! | settled in this run | the same again |
//! | flying | what the flight brings |
//! | new, while recording | asked of upstream, recorded, settled |
//! | new, in a locked build | a refusal |
//!
//! What settles: success, redirects, and that something is not there (404, 410). An answer that
//! asks for credentials, or finds another fault with the client, goes to the client and is
//! recorded, but a later success under the same key takes its place, and so does what credentials
//! bring where there was nothing without. A locked build gives the success at once.
//!
//! What never settles: 5xx, 408, 425, 429, broken connections and bodies. These are tried again
//! for a while and then refused; the next request starts anew.

mod again;
mod content;
mod flights;
mod locked;

#[cfg(test)]
mod tests;

use super::answer::{Answer, Asked, Body};
use super::error::DoorError;
use super::exchange::{Exchange, Key, Origin, Refusal, RefusalReason};
use super::held;
use super::key::canonical;
use super::options::{Mode, Options};
use super::pace::Lag;
use super::record::Recorder;
use super::redact::Secrets;
use super::rules::{Rule, When};
use super::sources::{Fetcher, Places};
use super::upstream::{Follow, Request, Timing, Upstream};
use super::visitor::Visitor;
use crate::store::Store;
use content::Contents;
use flights::{Flights, Landing, Met, Phase, Settled, Start};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

/// More redirects than that are a loop.
const REDIRECTS_MAX: usize = 10;

/// Answers requests, and remembers.
#[derive(Debug)]
pub struct Ledger {
    mode: Mode,
    offline: bool,
    store: Store,
    secrets: Secrets,
    locked: BTreeMap<Key, Exchange>,
    places: Places,
    fetcher: Fetcher,
    upstream: Upstream,
    contents: Contents,
    flights: Arc<Flights>,
}

impl Ledger {
    /// Opens a ledger with what a lock has. Fails where a source can be none, or where the host
    /// has no trust roots.
    pub fn open(options: Options) -> Result<Arc<Self>, DoorError> {
        Self::open_with(options, Timing::default())
    }

    fn open_with(options: Options, timing: Timing) -> Result<Arc<Self>, DoorError> {
        let Options { store, mode, offline, exchanges, secrets, hosts, sources, cancelled } =
            options;
        Ok(Arc::new(Self {
            mode,
            offline,
            secrets: Secrets::new(&secrets),
            locked: index(exchanges)?,
            places: Places::new(sources)?,
            fetcher: Fetcher::new(),
            upstream: Upstream::new(timing, hosts, cancelled)?,
            contents: Contents::new(store.clone()),
            store,
            flights: Arc::default(),
        }))
    }

    /// Answers a request of a step, and notes at the visitor what the step got or did not get. Must
    /// be called inside of a tokio runtime, which also brings to its end what nobody waits for.
    ///
    /// An answer whose body is still coming in is noted when all of it is there.
    pub async fn answer(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        asked: Asked,
    ) -> Result<Answer, Refusal> {
        let question = self.question(asked);
        match self.find(visitor, &question).await {
            Ok(Found::Streaming(answer, _)) => Ok(answer),
            Ok(Found::Whole(exchange)) => {
                let body = self.contents.body(&exchange).await;
                let answer = body.map(|body| Answer { head: exchange.head, body });
                answer.map_err(|reason| question.refuse(visitor, reason))
            }
            Ok(Found::Rule(exchange, body)) => {
                Ok(Answer { head: exchange.head, body: Body::Bytes(body) })
            }
            Err(reason) => Err(question.refuse(visitor, reason)),
        }
    }

    /// Fetches a URL for the builder itself (`ADD`), following redirects; what was passed on the
    /// way is noted at the visitor too. The content is in the Store then. An answer that there is
    /// nothing is an answer.
    pub async fn fetch(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        url: &Url,
    ) -> Result<Exchange, Refusal> {
        self.fetch_as(visitor, url, &HeaderMap::new()).await
    }

    async fn fetch_as(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Exchange, Refusal> {
        let mut next = url.clone();
        let mut question = self.get(next.clone(), headers);
        for _ in 0..=REDIRECTS_MAX {
            question = self.get(next.clone(), headers);
            let exchange = self
                .whole(visitor, &question)
                .await
                .map_err(|reason| question.refuse(visitor, reason))?;
            match exchange.head.status {
                200..300 => return Ok(exchange),
                300..400 => {
                    let target = exchange.head.location.as_deref().map(|it| next.join(it));
                    let Some(Ok(target)) = target else { break };
                    next = target;
                }
                _ => return Ok(exchange),
            }
        }
        let words = "it redirects to nothing that can be fetched".to_owned();
        Err(question.refuse(visitor, RefusalReason::Upstream(words)))
    }

    /// All that was recorded in this run, sorted by key; not what the lock had, nor what rules
    /// answered.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.flights.recorded()
    }

    /// A text as it may be reported: without the secrets.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    fn get(&self, url: Url, headers: &HeaderMap) -> Question {
        let (headers, body) = (headers.clone(), bytes::Bytes::new());
        Question::of(Asked { method: Method::GET, url, headers, body }, &self.secrets)
    }

    /// What a client asks. Of the held view of an archive only what is locked is asked there.
    fn question(&self, asked: Asked) -> Question {
        let Some(url) = held::real_url(&asked.url) else {
            return Question::of(asked, &self.secrets);
        };
        let question = Question::of(asked, &self.secrets);
        if self.locked.contains_key(&question.key) {
            return question;
        }
        Question::of(Asked { url, ..question.asked }, &self.secrets)
    }

    /// As [`Ledger::find`], when all of the body is there.
    async fn whole(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        question: &Question,
    ) -> Result<Exchange, RefusalReason> {
        let exchange = match self.find(visitor, question).await? {
            Found::Whole(exchange) => exchange,
            Found::Streaming(_, mut phase) => match flown(&mut phase, Phase::is_done).await? {
                Phase::Done(Ok(exchange)) => {
                    visitor.lag().after(Instant::now()).await;
                    exchange
                }
                Phase::Done(Err(refusal)) => return Err(refusal.reason),
                Phase::Asked | Phase::Streaming(..) => return Err(stopped()),
            },
            Found::Rule(exchange, body) => {
                self.contents.put(body).await?;
                exchange
            }
        };
        self.contents.check(&exchange).await?;
        Ok(exchange)
    }

    async fn find(
        self: &Arc<Self>,
        visitor: &Arc<Visitor>,
        question: &Question,
    ) -> Result<Found, RefusalReason> {
        question.check()?;
        if let Some(rule) = Rule::of(&question.asked, When::Always) {
            return Ok(Found::by_rule(rule, question, visitor));
        }
        loop {
            let start = |settled: Option<&Settled>| self.start(question, settled);
            let met = self.flights.join(&question.key, visitor, question.is_authorized, start);
            let (authorized, lag, phase) = match met {
                Met::Settled(settled) => {
                    let origin = match settled.origin {
                        Origin::Fetched => Origin::Frozen,
                        origin => origin,
                    };
                    visitor.note(&settled.exchange, origin);
                    visitor.lag().after(settled.moment).await;
                    return Ok(Found::Whole(settled.exchange));
                }
                Met::Unknown => {
                    return match Rule::of(&question.asked, When::Unlocked) {
                        Some(rule) => Ok(Found::by_rule(rule, question, visitor)),
                        None => Err(RefusalReason::NotLocked),
                    };
                }
                Met::Flying { authorized, phase } => (authorized, visitor.lag(), phase),
                Met::First { landing, phase } => {
                    tokio::spawn(fly(Arc::clone(self), question.clone(), landing));
                    (question.is_authorized, Lag::default(), phase)
                }
            };
            let found = reached(phase, lag).await?;
            // Somebody without credentials was asked for them, and this one has some.
            if question.is_authorized && !authorized && found.may_want_credentials() {
                continue;
            }
            return Ok(found);
        }
    }

    /// What to do for a request while nothing flies for its key.
    fn start(&self, question: &Question, settled: Option<&Settled>) -> Start {
        if let Some(settled) = settled {
            let exchange = &settled.exchange;
            let may_be_better = settled.origin == Origin::Fetched
                && (exchange.head.is_provisional()
                    || (question.is_authorized
                        && !settled.authorized
                        && is_client_error(exchange.head.status)));
            let is_lost = settled.origin == Origin::Locked && !self.contents.has(exchange);
            return match (may_be_better, is_lost) {
                (true, _) => Start::Fly(Origin::Fetched),
                (_, true) => Start::Fly(Origin::Locked),
                _ => Start::Keep,
            };
        }
        match (self.locked.get(&question.key), self.mode) {
            (Some(exchange), Mode::Record)
                if question.is_authorized && exchange.head.is_provisional() =>
            {
                Start::Fly(Origin::Fetched)
            }
            (Some(_), _) => Start::Fly(Origin::Locked),
            (None, Mode::Record) => Start::Fly(Origin::Fetched),
            (None, Mode::Locked) => Start::Nothing,
        }
    }
}

/// What the lock has, by key. Of several answers under one key the one that credentials brought
/// serves.
fn index(exchanges: Vec<Exchange>) -> Result<BTreeMap<Key, Exchange>, DoorError> {
    let mut locked = BTreeMap::new();
    for mut exchange in exchanges {
        let url = Url::parse(&exchange.key.url).map_err(|error| DoorError::Locked {
            url: exchange.key.url.clone(),
            reason: error.to_string(),
        })?;
        exchange.key.url = canonical(&url);
        let there = locked.entry(exchange.key.clone()).or_insert_with(|| exchange.clone());
        if is_client_error(there.head.status) && !is_client_error(exchange.head.status) {
            *there = exchange;
        }
    }
    Ok(locked)
}

fn is_client_error(status: u16) -> bool {
    (400..500).contains(&status)
}

fn stopped() -> RefusalReason {
    RefusalReason::Upstream("stopped on demand".to_owned())
}

/// Brings an answer, on a task of its own: it goes on though the client that asked dies.
async fn fly(ledger: Arc<Ledger>, question: Question, landing: Landing) {
    let key = landing.key().clone();
    let result = if landing.origin() == Origin::Locked {
        ledger.obtain(&question).await
    } else if ledger.offline {
        Err(RefusalReason::Upstream("nothing may be fetched while offline".to_owned()))
    } else {
        let asked = Request::of(&question.asked);
        let request = ledger.places.asked_at(&key.url, asked.clone());
        let is_elsewhere = request.url != asked.url;
        let recorder = Recorder {
            upstream: &ledger.upstream,
            store: &ledger.store,
            declared: &ledger.secrets,
            secrets: &question.secrets,
            follow: if is_elsewhere { Follow::Checked } else { Follow::Unrecordable },
        };
        let announce = |head, growing| landing.announce(head, growing);
        let recorded = recorder.record(&key, &request, announce).await;
        recorded.inspect(|exchange| ledger.contents.trust(&exchange.content.digest))
    };
    landing.land(result.map_err(|reason| Refusal { target: key.url, reason }));
}

/// Waits until a flight has something for its clients.
async fn reached(mut phase: watch::Receiver<Phase>, lag: Lag) -> Result<Found, RefusalReason> {
    match flown(&mut phase, |phase| !matches!(phase, Phase::Asked)).await? {
        Phase::Streaming(head, growing) => {
            let answer = Answer { head, body: Body::Growing(lag.behind(growing)) };
            Ok(Found::Streaming(answer, phase))
        }
        Phase::Done(Ok(exchange)) => {
            lag.after(Instant::now()).await;
            Ok(Found::Whole(exchange))
        }
        Phase::Done(Err(refusal)) => Err(refusal.reason),
        Phase::Asked => Err(stopped()),
    }
}

/// Waits until a flight is so far.
async fn flown(
    phase: &mut watch::Receiver<Phase>,
    is_there: impl FnMut(&Phase) -> bool,
) -> Result<Phase, RefusalReason> {
    phase.wait_for(is_there).await.map(|phase| phase.clone()).map_err(|_| stopped())
}

/// A request, and what is derived from it.
#[derive(Debug, Clone)]
struct Question {
    asked: Asked,
    key: Key,
    /// Those of the run and those of the request.
    secrets: Secrets,
    is_authorized: bool,
}

impl Question {
    fn of(asked: Asked, declared: &Secrets) -> Self {
        let secrets = declared.of_request(&asked.url, &asked.headers);
        let key = Key::of(&asked, &secrets);
        let has_user = !asked.url.username().is_empty() || asked.url.password().is_some();
        let is_authorized = has_user || asked.headers.contains_key(AUTHORIZATION);
        Self { asked, key, secrets, is_authorized }
    }

    fn check(&self) -> Result<(), RefusalReason> {
        let refused = |words: String| Err(RefusalReason::Unsupported(words));
        match (self.asked.url.scheme(), &self.asked.method) {
            ("http" | "https", method) if matches!(*method, Method::CONNECT | Method::TRACE) => {
                refused(format!("{method} cannot be recorded"))
            }
            ("http" | "https", _) => Ok(()),
            (scheme, _) => refused(format!("`{scheme}` is neither http nor https")),
        }
    }

    fn refuse(&self, visitor: &Visitor, reason: RefusalReason) -> Refusal {
        let refusal = Refusal { target: self.key.url.clone(), reason };
        visitor.refuse(refusal.clone());
        refusal
    }
}

/// What answers a request.
enum Found {
    Streaming(Answer, watch::Receiver<Phase>),
    Whole(Exchange),
    Rule(Exchange, bytes::Bytes),
}

impl Found {
    fn by_rule(rule: &'static Rule, question: &Question, visitor: &Visitor) -> Self {
        let (exchange, body) = rule.answer(question.key.clone());
        visitor.note(&exchange, Origin::Rule(rule.id));
        Self::Rule(exchange, body)
    }

    fn may_want_credentials(&self) -> bool {
        match self {
            Self::Streaming(answer, _) => is_client_error(answer.head.status),
            Self::Whole(exchange) => is_client_error(exchange.head.status),
            Self::Rule(..) => false,
        }
    }
}

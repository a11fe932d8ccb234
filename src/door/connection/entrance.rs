//! What all connections of one step share.

use crate::door::answer::{Answer, Asked};
use crate::door::authority::Authority;
use crate::door::exchange::{Refusal, RefusalReason};
use crate::door::names::NameTable;
use crate::door::serve::Buffers;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long connections may go on when their step has ended. Their clients have ended with it, so
/// that most are over at once.
const GRACE: Duration = Duration::from_secs(1);

/// A ledger that is being asked.
type Answering = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send>>;

/// The entrance of one step.
pub(in crate::door) struct Entrance {
    names: Arc<NameTable>,
    pub(super) authority: Authority,
    pub(super) buffers: Buffers,
    answer: Box<dyn Fn(Asked) -> Answering + Send + Sync>,
    refuse: Box<dyn Fn(Refusal) + Send + Sync>,
    connections: Mutex<JoinSet<()>>,
    /// Apart from connections: what was asked is answered, and recorded, though the client has gone.
    answers: Mutex<JoinSet<()>>,
    handshakes: Mutex<BTreeMap<String, Trust>>,
}

/// What is known about a client's trust in a host's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// Clients left behind the handshake, or in it. `GnuTLS` and Node do so where they do not trust.
    Doubted,
    /// A client has asked something.
    Shown,
}

impl fmt::Debug for Entrance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entrance").finish_non_exhaustive()
    }
}

impl Entrance {
    /// An entrance: requests go to `answer`, what is refused before it comes to one to `refuse`.
    pub(in crate::door) fn new<F>(
        names: Arc<NameTable>,
        authority: Authority,
        buffers: Buffers,
        answer: impl Fn(Asked) -> F + Send + Sync + 'static,
        refuse: impl Fn(Refusal) + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Answer, Refusal>> + Send + 'static,
    {
        Arc::new(Self {
            names,
            authority,
            buffers,
            answer: Box::new(move |asked| Box::pin(answer(asked))),
            refuse: Box::new(refuse),
            connections: Mutex::default(),
            answers: Mutex::default(),
            handshakes: Mutex::default(),
        })
    }

    /// The names of this Door.
    pub(in crate::door) fn names(&self) -> &Arc<NameTable> {
        &self.names
    }

    /// Answers a request. None only where the Door is being closed.
    pub(super) async fn answer(&self, asked: Asked) -> Option<Result<Answer, Refusal>> {
        let (sender, receiver) = oneshot::channel();
        let answering = (self.answer)(asked);
        spawn(&self.answers, async move {
            // The client may have gone: then nobody receives.
            drop(sender.send(answering.await));
        });
        receiver.await.ok()
    }

    /// Notes that something was refused.
    pub(in crate::door) fn refuse(&self, target: impl fmt::Display, reason: RefusalReason) {
        (self.refuse)(Refusal { target: target.to_string(), reason });
    }

    /// Runs a connection until it ends, or this entrance is closed.
    pub(super) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        spawn(&self.connections, connection);
    }

    /// A client has left during the handshake with this host, or right behind it.
    pub(super) fn doubt(&self, host: impl fmt::Display) {
        self.handshakes().entry(host.to_string()).or_insert(Trust::Doubted);
    }

    /// A client has asked something of this host, behind a handshake.
    pub(super) fn trust(&self, host: impl fmt::Display) {
        self.handshakes().insert(host.to_string(), Trust::Shown);
    }

    fn handshakes(&self) -> MutexGuard<'_, BTreeMap<String, Trust>> {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes: waits a little for connections, and as long as it takes for what was asked.
    pub(in crate::door) async fn close(&self) {
        let mut connections = take(&self.connections);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            connections.shutdown().await;
        }
        let mut answers = take(&self.answers);
        while answers.join_next().await.is_some() {}
        self.judge_handshakes();
    }

    /// Ends everything at once.
    pub(in crate::door) fn abort(&self) {
        take(&self.connections).abort_all();
        take(&self.answers).abort_all();
    }

    /// Hosts that all clients have left behind the handshake: one that leaves because it does not
    /// trust cannot be told from one that has no wish any more, but by what it does the next time.
    fn judge_handshakes(&self) {
        for (host, trust) in std::mem::take(&mut *self.handshakes()) {
            if trust == Trust::Doubted {
                let why = "the client left at the handshake".to_owned();
                self.refuse(host, RefusalReason::Untrusted(why));
            }
        }
    }
}

fn spawn(tasks: &Mutex<JoinSet<()>>, task: impl Future<Output = ()> + Send + 'static) {
    let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
    while tasks.try_join_next().is_some() {}
    tasks.spawn(task);
}

fn take(tasks: &Mutex<JoinSet<()>>) -> JoinSet<()> {
    std::mem::take(&mut *tasks.lock().unwrap_or_else(PoisonError::into_inner))
}

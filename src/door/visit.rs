//! One step at the Door: its gate is served until the step has ended.

use super::connection::{self, Entrance};
use super::exchange::{RefusalReason, Traffic};
use super::names::{self, NameTable};
use super::visitor::Visitor;
use crate::sandbox::{Gate, Stray};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// How often it is looked for strays. Nobody waits for them.
const STRAYS_PERIOD: Duration = Duration::from_millis(100);
/// How long the gate may take to say that there are no more, once the step has ended.
const STRAYS_GRACE: Duration = Duration::from_millis(500);
/// Different strays of one step that are reported.
const STRAYS_MAX: usize = 256;

/// What is to be done before a step gets further.
pub(super) type Refresh = Arc<dyn Fn() + Send + Sync>;

/// A step that is being served. Dropped, everything for it ends at once.
#[derive(Debug)]
pub struct Visit {
    runtime: Arc<Runtime>,
    visitor: Arc<Visitor>,
    entrance: Arc<Entrance>,
    listening: JoinSet<()>,
    strays: Option<JoinHandle<()>>,
    ended: watch::Sender<bool>,
}

impl Visit {
    /// Starts to serve. Where the gate's sockets cannot be served, the step reaches nothing and the
    /// traffic says so.
    pub(super) fn start(
        runtime: &Arc<Runtime>,
        gate: Gate,
        visitor: Arc<Visitor>,
        entrance: Arc<Entrance>,
        refresh: &Refresh,
    ) -> Self {
        let _inside = runtime.enter();
        let ended = watch::Sender::new(false);
        let mut visit = Self {
            visitor,
            entrance,
            listening: JoinSet::new(),
            strays: None,
            ended,
            runtime: Arc::clone(runtime),
        };
        if let Err(error) = visit.listen(gate, refresh) {
            let why = format!("the Door could not be opened for the step: {error}");
            visit.entrance.refuse("the network", RefusalReason::Unsupported(why));
        }
        visit
    }

    fn listen(&mut self, gate: Gate, refresh: &Refresh) -> io::Result<()> {
        let Gate { connections, names, names_stream, destinations, strays } = gate;
        let table = Arc::clone(self.entrance.names());
        names.set_nonblocking(true)?;
        let names = UdpSocket::from_std(names)?;
        let names_stream = listener(names_stream)?;
        let connections = listener(connections)?;
        self.listening.spawn(names::serve_datagrams(
            names,
            Arc::clone(&table),
            Arc::clone(refresh),
        ));
        self.listening.spawn(names::serve_listener(names_stream, table));
        let entrance = Arc::clone(&self.entrance);
        self.listening.spawn(connection::listen(
            connections,
            destinations,
            entrance,
            Arc::clone(refresh),
        ));
        let entrance = Arc::clone(&self.entrance);
        self.strays = Some(tokio::spawn(watch_strays(strays, self.ended.subscribe(), entrance)));
        Ok(())
    }

    /// Ends the visit of a step that has ended: takes nothing in any more, waits until what was asked
    /// is recorded, and says all that passed. Blocks.
    pub fn end(mut self) -> Traffic {
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(async {
            self.ended.send_replace(true);
            self.listening.shutdown().await;
            self.entrance.close().await;
            if let Some(strays) = self.strays.take() {
                // Fails only where the runtime is being shut down.
                drop(timeout(STRAYS_GRACE * 2, strays).await);
            }
            self.visitor.settle().await;
        });
        self.visitor.traffic()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.entrance.abort();
    }
}

fn listener(listener: StdTcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Refuses what the gate has seen going nowhere, each destination once.
async fn watch_strays(
    strays: Receiver<Stray>,
    mut ended: watch::Receiver<bool>,
    entrance: Arc<Entrance>,
) {
    let mut seen = BTreeSet::new();
    let mut deadline = None;
    loop {
        loop {
            match strays.try_recv() {
                Ok(stray) if seen.len() < STRAYS_MAX && seen.insert(stray) => {
                    let target = described(stray, entrance.names());
                    entrance.refuse(target, RefusalReason::Datagram);
                }
                Ok(_) => {}
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        match deadline {
            Some(deadline) if Instant::now() >= deadline => return,
            Some(_) => sleep(STRAYS_PERIOD / 10).await,
            None => {
                // Either the time has passed, or the visit has ended, or is gone altogether.
                drop(timeout(STRAYS_PERIOD, ended.wait_for(|ended| *ended)).await);
                deadline = ended.borrow().then(|| Instant::now() + STRAYS_GRACE);
            }
        }
    }
}

/// `HOST:PORT`, or what is sent to whom.
fn described(stray: Stray, names: &NameTable) -> String {
    let name = match stray.to.ip().to_canonical() {
        IpAddr::V4(address) => names.name_of(address),
        IpAddr::V6(_) => None,
    };
    let shown: &dyn fmt::Display = match &name {
        Some(name) => name,
        None => &stray.to.ip(),
    };
    match stray.protocol {
        1 | 58 => format!("{shown} (ICMP)"),
        _ if name.is_none() && stray.to.port() != 0 => stray.to.to_string(),
        _ if stray.to.port() != 0 => format!("{shown}:{}", stray.to.port()),
        protocol => format!("{shown} (IP protocol {protocol})"),
    }
}

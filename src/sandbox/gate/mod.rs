//! What a step's network namespace has instead of a way out: sockets in it that rlock holds.
//!
//! ```text
//! connect(192.0.2.7:443) ── seccomp notification ──> Redirect ── connects the step's own socket ──> connections
//! question for a name ─────────────────────────────────────────────────────────────────────────> names
//! any other datagram, ping ────────────────────────────────────────────────────────────────────> strays
//! ```
//!
//! Every IPv4 address is a local one in the namespace, so that a step may bind, listen on and connect to
//! whatever it likes among its own processes. What it connects to elsewhere is redirected (see [`Redirect`])
//! to one listener; what the redirection does not see ends in the namespace, where nobody listens.

mod attempt;
mod redirect;
mod stray;
mod wanted;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use redirect::Redirect;
pub(super) use stray::sockets as stray_sockets;

/// The name server that a step behind a gate asks, on port 53.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The port of name servers.
pub(super) const NAME_PORT: u16 = 53;

/// The sockets of one step with [`Network::Gate`](super::Network::Gate), made in its namespace.
#[derive(Debug)]
pub struct Gate {
    /// Whatever the step connects to, by TCP, to whatever address and port, arrives here.
    pub connections: TcpListener,
    /// Queries to [`NAME_SERVER`].
    pub names: UdpSocket,
    /// The same by TCP.
    pub names_stream: TcpListener,
    /// Where the connections wanted to go.
    pub destinations: Destinations,
    /// What was sent and reached nobody, each different one once; ends with the step.
    pub strays: Receiver<Stray>,
}

/// Where each connection of a step wanted to go, by the address that it comes from.
#[derive(Debug, Clone, Default)]
pub struct Destinations(Arc<Mutex<BTreeMap<SocketAddr, SocketAddr>>>);

impl Destinations {
    /// Takes out where the connection from `peer` wanted to go. It is known by the time that the
    /// connection is accepted, or was made by something that the gate does not see.
    pub fn take(&self, peer: SocketAddr) -> Option<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer)
    }

    /// Holds the map still while a connection is made, so that nobody accepts it unknown.
    pub fn while_connecting<T>(
        &self,
        connect: impl FnOnce(&mut BTreeMap<SocketAddr, SocketAddr>) -> T,
    ) -> T {
        connect(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A packet that is not recorded and reached nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stray {
    /// The number of the protocol: 17 for UDP, 1 for ICMP.
    /// <https://www.iana.org/assignments/protocol-numbers/>
    pub protocol: u8,
    /// Where it wanted to go; the port is 0 where the protocol has none.
    pub to: SocketAddr,
}

/// What the step's process makes and hands to rlock.
pub(super) struct Sockets {
    pub(super) connections: OwnedFd,
    pub(super) names: OwnedFd,
    pub(super) names_stream: OwnedFd,
    pub(super) strays: [OwnedFd; 2],
    /// Where the kernel asks what becomes of a `connect`.
    pub(super) notifications: OwnedFd,
}

impl Sockets {
    /// How many descriptors these are.
    pub(super) const COUNT: usize = 6;

    /// In the order in which they cross the control socket.
    pub(super) fn into_descriptors(self) -> [OwnedFd; Self::COUNT] {
        let [datagrams, echoes] = self.strays;
        let (names, names_stream) = (self.names, self.names_stream);
        [self.connections, names, names_stream, datagrams, echoes, self.notifications]
    }

    pub(super) fn from_descriptors(descriptors: [OwnedFd; Self::COUNT]) -> Self {
        let [connections, names, names_stream, datagrams, echoes, notifications] = descriptors;
        let strays = [datagrams, echoes];
        Self { connections, names, names_stream, strays, notifications }
    }

    /// The gate for the caller, and what is to be started once the caller has it.
    pub(super) fn open(self) -> io::Result<(Gate, redirect::Prepared)> {
        let connections = TcpListener::from(self.connections);
        let destinations = Destinations::default();
        let (to_strays, strays) = mpsc::channel();
        let prepared = redirect::Prepared {
            notifications: self.notifications,
            listener: connections.local_addr()?,
            destinations: destinations.clone(),
            strays: stray::Watch::new(self.strays, to_strays),
        };
        let (names, names_stream) = (self.names.into(), self.names_stream.into());
        Ok((Gate { connections, names, names_stream, destinations, strays }, prepared))
    }
}

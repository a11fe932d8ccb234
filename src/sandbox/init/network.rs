//! The step's network: its loopback interface, and behind a gate the gate's sockets.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};

use super::netlink;
use crate::sandbox::control::{self, During as _, Failure, Message};
use crate::sandbox::error::Doing;
use crate::sandbox::gate::{NAME_PORT, NAME_SERVER, Sockets, stray_sockets};
use crate::sandbox::{seccomp, system};

/// How many connections may wait to be accepted: as many as the kernel allows by default.
const BACKLOG: i32 = 4096;

/// An address for documentation, so that nobody is meant.
const SOMEWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), NAME_PORT);

/// What is made of a gate before the filter is loaded that asks for its attendance.
pub(super) struct Gate {
    connections: OwnedFd,
    names: OwnedFd,
    names_stream: OwnedFd,
    strays: [OwnedFd; 2],
}

/// Brings up `lo` in a new network namespace.
pub(super) fn bring_up_loopback() -> Result<(), Failure> {
    let socket = open(SocketType::DGRAM).during(Doing::Loopback)?;
    system::loopback_up(socket.as_fd()).during(Doing::Loopback)
}

/// Makes a gate's address, route and sockets.
pub(super) fn make_gate() -> Result<Gate, Failure> {
    let listener = |port| -> io::Result<OwnedFd> {
        let socket = open(SocketType::STREAM)?;
        bind(&socket, &SocketAddrV4::new(NAME_SERVER, port))?;
        listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    let datagrams = || -> io::Result<OwnedFd> {
        let socket = open(SocketType::DGRAM)?;
        bind(&socket, &SocketAddrV4::new(NAME_SERVER, NAME_PORT))?;
        Ok(socket)
    };
    netlink::add_address(NAME_SERVER).during(Doing::Gate)?;
    netlink::make_all_local().during(Doing::Gate)?;
    Ok(Gate {
        connections: listener(0).during(Doing::Gate)?,
        names: datagrams().during(Doing::Gate)?,
        names_stream: listener(NAME_PORT).during(Doing::Gate)?,
        strays: stray_sockets().during(Doing::Gate)?,
    })
}

impl Gate {
    /// Has the kernel ask for every `connect` from now on, and hands all to rlock. To be called with the
    /// power to load filters.
    pub(super) fn hand_over(self, control: &UnixStream) -> Result<(), Failure> {
        let filter = seccomp::connect_filter();
        let sockets = Sockets {
            connections: self.connections,
            names: self.names,
            names_stream: self.names_stream,
            strays: self.strays,
            notifications: system::load_notifying(&filter).during(Doing::Redirect)?,
        };
        control::send_with(control, &Message::Gate, &sockets.into_descriptors()).during(Doing::Gate)
    }
}

/// Waits until rlock attends to the gate, and makes sure that it can: as the step's user, since the kernel
/// looks at who is to be redirected.
pub(super) fn knock() -> Result<(), Failure> {
    let socket = open(SocketType::DGRAM).during(Doing::Gate)?;
    connect(&socket, &SOMEWHERE).during(Doing::Redirect)?;
    let peer = rustix::net::getpeername(&socket).during(Doing::Redirect)?;
    let expected = SocketAddrV4::new(NAME_SERVER, NAME_PORT);
    match peer.map(SocketAddrV4::try_from) {
        Some(Ok(peer)) if peer == expected => Ok(()),
        _ => Err(io::Error::other("a connection was not redirected")).during(Doing::Redirect),
    }
}

fn open(kind: SocketType) -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?)
}

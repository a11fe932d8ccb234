//! Where a connection wanted to go.

use crate::door::names::NameTable;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use url::Host;

/// The server that a client meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// A name in lower case, or an address that no name was given to.
    pub(super) host: Option<Host<String>>,
    /// The TCP port.
    pub(super) port: Option<u16>,
}

impl Wanted {
    /// From what the gate has seen, which may be nothing.
    pub(super) fn new(destination: Option<SocketAddr>, names: &NameTable) -> Self {
        let host = destination.map(|destination| match destination.ip().to_canonical() {
            IpAddr::V4(address) => names.name_of(address).map_or(Host::Ipv4(address), Host::Domain),
            IpAddr::V6(address) => Host::Ipv6(address),
        });
        Self { host, port: destination.map(|destination| destination.port()) }
    }

    /// From the target of a `CONNECT`, which always has a port.
    pub(super) fn parse(authority: &str, names: &NameTable) -> Option<Self> {
        let (host, port) = authority.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let host = match Host::parse(host).ok()? {
            Host::Ipv4(address) => return Some(Self::new(Some((address, port).into()), names)),
            host => host,
        };
        Some(Self { host: Some(host), port: Some(port) })
    }

    /// The same port of a server that has named itself otherwise.
    pub(super) fn named(&self, host: Host<String>) -> Self {
        Self { host: Some(host), port: self.port }
    }
}

/// `HOST:PORT`, as in messages.
impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (Some(host), Some(port)) => write!(formatter, "{host}:{port}"),
            (Some(host), None) => write!(formatter, "{host}"),
            (None, _) => write!(formatter, "an address that was not seen"),
        }
    }
}

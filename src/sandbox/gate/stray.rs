//! Packets that a step sends and that nobody receives.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::Sender;

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, ipproto, socket_with};

use super::{NAME_PORT, NAME_SERVER, Stray};
use crate::sandbox::system::{self, Instruction};

/// The longest head of an IPv4 packet, and the ports after it.
const HEAD_LENGTH: usize = 60 + 4;

/// How many different strays are told of; a step may send to every address there is.
const TOLD_MAX: usize = 1024;

const ICMP: u8 = 1;
const UDP: u8 = 17;
const ECHO_REQUEST: u8 = 8;

/// Sockets that receive a copy of every UDP and ICMP packet of this process's network namespace, but for
/// those to 127.0.0.0/8. (A packet socket would receive, and so slow down, all of TCP as well.)
pub(in crate::sandbox) fn sockets() -> io::Result<[OwnedFd; 2]> {
    let open = |protocol| -> io::Result<OwnedFd> {
        let kind = SocketType::RAW;
        let socket = socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, Some(protocol))?;
        system::attach_filter(socket.as_fd(), &NOT_TO_LOOPBACK)?;
        Ok(socket)
    };
    Ok([open(ipproto::UDP)?, open(ipproto::ICMP)?])
}

/// BPF: passes the head of a packet whose destination does not begin with 127.
const NOT_TO_LOOPBACK: [Instruction; 4] = [
    Instruction { code: 0x30, jt: 0, jf: 0, k: 16 }, // BPF_LD | BPF_B | BPF_ABS
    Instruction { code: 0x15, jt: 0, jf: 1, k: 127 }, // BPF_JMP | BPF_JEQ | BPF_K
    Instruction { code: 0x06, jt: 0, jf: 0, k: 0 },  // BPF_RET | BPF_K
    Instruction { code: 0x06, jt: 0, jf: 0, k: 64 },
];

/// Tells of each different stray once.
pub(super) struct Watch {
    sockets: [OwnedFd; 2],
    told: BTreeSet<Stray>,
    to: Sender<Stray>,
}

impl Watch {
    pub(super) fn new(sockets: [OwnedFd; 2], to: Sender<Stray>) -> Self {
        Self { sockets, told: BTreeSet::new(), to }
    }

    pub(super) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        self.sockets.each_ref().map(AsFd::as_fd)
    }

    /// Tells of everything that has arrived.
    pub(super) fn look(&mut self) -> io::Result<()> {
        let mut packet = [0; HEAD_LENGTH];
        for socket in &self.sockets {
            loop {
                let length = match rustix::net::recv(socket, &mut packet, RecvFlags::DONTWAIT) {
                    Ok((length, _)) => length,
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                };
                let stray = packet.get(..length).and_then(read);
                if let Some(stray) = stray.filter(|stray| !self.told.contains(stray))
                    && self.told.len() < TOLD_MAX
                {
                    self.told.insert(stray);
                    // Nobody may care.
                    let _unheard = self.to.send(stray);
                }
            }
        }
        Ok(())
    }
}

/// What an IPv4 packet ([RFC 791](https://www.rfc-editor.org/rfc/rfc791#section-3.1)) is to the gate:
/// names are asked and answered in packets, too, and only an echo request is sent by somebody on purpose.
fn read(packet: &[u8]) -> Option<Stray> {
    let length = usize::from(packet.first()? & 0xf).checked_mul(4)?;
    let (head, body) = packet.split_at_checked(length)?;
    let ip = |at: usize| {
        let octets: [u8; 4] = head.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    };
    let port = |at: usize| {
        let octets: [u8; 2] = body.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(u16::from_be_bytes(octets))
    };
    let (protocol, from, to) = (*head.get(9)?, ip(12)?, ip(16)?);
    let to_port = match protocol {
        UDP => {
            let is_names = |ip, port| ip == NAME_SERVER && port == NAME_PORT;
            if is_names(from, port(0)?) || is_names(to, port(2)?) {
                return None;
            }
            port(2)?
        }
        ICMP if *body.first()? == ECHO_REQUEST => 0,
        _ => return None,
    };
    (!to.is_loopback()).then_some(Stray { protocol, to: SocketAddr::new(IpAddr::V4(to), to_port) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(protocol: u8, from: [u8; 4], to: [u8; 4], body: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x46, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend([from, to, [0; 4]].concat());
        packet.extend(body);
        packet
    }

    fn datagram(from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
        let ports = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
        packet(UDP, from.0, to.0, &ports)
    }

    #[test]
    fn datagrams_and_echo_requests_are_strays() {
        let ntp = datagram(([1, 2, 3, 4], 50_000), ([1, 2, 3, 4], 123));
        let to = "1.2.3.4:123".parse().unwrap();
        assert_eq!(read(&ntp), Some(Stray { protocol: UDP, to }));
        let ping = packet(ICMP, [1, 2, 3, 4], [1, 2, 3, 4], &[ECHO_REQUEST, 0]);
        let to = "1.2.3.4:0".parse().unwrap();
        assert_eq!(read(&ping), Some(Stray { protocol: ICMP, to }));
        let other_server = datagram(([8, 8, 8, 8], 50_000), ([8, 8, 8, 8], 53));
        assert!(read(&other_server).is_some());
    }

    #[test]
    fn questions_answers_and_the_machine_itself_are_not() {
        let server = NAME_SERVER.octets();
        assert_eq!(read(&datagram((server, 50_000), (server, 53))), None);
        assert_eq!(read(&datagram((server, 53), (server, 50_000))), None);
        assert_eq!(read(&datagram(([127, 0, 0, 1], 5), ([127, 0, 0, 1], 6))), None);
        let reply = packet(ICMP, [1, 2, 3, 4], [1, 2, 3, 4], &[0, 0]);
        assert_eq!(read(&reply), None);
        assert_eq!(read(&packet(6, [1, 2, 3, 4], [1, 2, 3, 4], &[0; 4])), None);
    }

    #[test]
    fn a_cut_packet_is_none() {
        let whole = datagram(([1, 2, 3, 4], 50_000), ([1, 2, 3, 4], 123));
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
    }
}

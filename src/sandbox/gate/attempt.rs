//! One `connect` of a step, made on its own socket and for it: what is asked, where it goes instead, and
//! what the kernel says to it.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::sockopt::{socket_domain, socket_protocol, socket_type};
use rustix::net::{
    AddressFamily, Protocol, SocketType, connect, getpeername, getsockname, ipproto,
};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::wanted::{self, Wanted};
use super::{Destinations, NAME_PORT, NAME_SERVER};
use crate::sandbox::system::{self, Notification};

/// `PIDFD_THREAD`, Linux 6.9: the descriptor is of a thread and not of its process.
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(libc::O_EXCL.cast_unsigned());

/// The longest `struct sockaddr` that the kernel takes.
const LENGTH_MAX: u64 = 128;

/// A step's socket, and where it is to be connected to.
pub(super) struct Attempt {
    pub(super) socket: OwnedFd,
    family: AddressFamily,
    target: Target,
}

/// What an elsewhere becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The gate's one listener, which is told what was wanted.
    Listener { wanted: SocketAddr },
    /// Ours is the only name server.
    Names,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// What the program is told.
    Done(Result<(), Errno>),
    /// The program is willing to wait, and has to.
    Waiting,
}

impl Attempt {
    /// What a notified call is about; `None` where the kernel may do it as it is asked to: it fails, stays
    /// within the step's processes, or ends where nobody listens.
    pub(super) fn of(call: &Notification, listener: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        let Some(wanted) = wanted_of(call)?.filter(|wanted| wanted::is_elsewhere(wanted.to)) else {
            return Ok(None);
        };
        let process = match open(call.thread) {
            Err(Errno::SRCH) => return Ok(None),
            result => result?,
        };
        // From here on, both what was read and what was opened are known to be of the caller: while it
        // waits, nobody else has its id.
        if !system::is_waiting(listener, call.id)? {
            return Ok(None);
        }
        let [descriptor, ..] = call.arguments;
        let Some(descriptor) = descriptor_of(descriptor) else { return Ok(None) };
        let socket = match pidfd_getfd(&process, descriptor, PidfdGetfdFlags::empty()) {
            Err(Errno::BADF | Errno::SRCH) => return Ok(None),
            result => result?,
        };
        Ok(Self::on(socket, wanted))
    }

    fn on(socket: OwnedFd, wanted: Wanted) -> Option<Self> {
        // What is no socket of that family is refused by the kernel.
        let family = socket_domain(&socket).ok().filter(|family| *family == wanted.family)?;
        let protocol = socket_protocol(&socket).ok()??;
        let target = target(socket_type(&socket).ok()?, protocol, wanted.to)?;
        Some(Self { socket, family, target })
    }

    /// Connects it. Whatever the step's socket is set to, this does not wait; a program that would is said
    /// to be [`Progress::Waiting`], and this is called again when the socket can be written to.
    pub(super) fn make(
        &self,
        gate: SocketAddr,
        destinations: &Destinations,
    ) -> io::Result<Progress> {
        let flags = fcntl_getfl(&self.socket)?;
        if flags.contains(OFlags::NONBLOCK) {
            return Ok(Progress::Done(self.connect(gate, destinations)));
        }
        // The flag is seen by all who have the socket, for as long as two calls take. None of them can do
        // anything with it before it is connected.
        fcntl_setfl(&self.socket, flags | OFlags::NONBLOCK)?;
        let mut result = self.connect(gate, destinations);
        if result == Err(Errno::INPROGRESS) {
            // By now it is connected, but for a full backlog.
            result = self.connect(gate, destinations);
        }
        fcntl_setfl(&self.socket, flags)?;
        Ok(match result {
            Err(Errno::INPROGRESS | Errno::ALREADY) => Progress::Waiting,
            result => Progress::Done(result),
        })
    }

    fn connect(&self, gate: SocketAddr, destinations: &Destinations) -> Result<(), Errno> {
        let Target::Listener { wanted } = self.target else {
            let server = SocketAddrV4::new(NAME_SERVER, NAME_PORT).into();
            return connect(&self.socket, &in_family(self.family, server));
        };
        destinations.while_connecting(|known| {
            // A program may ask again whether it is connected: that connection has been noted, and perhaps
            // taken already.
            let is_new = getpeername(&self.socket).is_err();
            let result = connect(&self.socket, &in_family(self.family, gate));
            if is_new
                && matches!(result, Ok(()) | Err(Errno::INPROGRESS))
                && let Some(local) = local_address(&self.socket)
            {
                known.insert(local, wanted);
            }
            result
        })
    }
}

/// The address in the memory of the caller.
fn wanted_of(call: &Notification) -> io::Result<Option<Wanted>> {
    let [_, address, length, ..] = call.arguments;
    let length = length & u64::from(u32::MAX);
    let mut buffer = [0; wanted::ADDRESS_LENGTH];
    let length_read = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
    let Some(buffer) = buffer.get_mut(..length_read).filter(|_| length <= LENGTH_MAX) else {
        return Ok(None);
    };
    match system::read_memory(call.thread, address, buffer) {
        Ok(read) if read == buffer.len() => Ok(wanted::read(buffer)),
        Ok(_) => Ok(None),
        Err(error) => match error.raw_os_error() {
            Some(libc::EFAULT | libc::ESRCH) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Where a socket of that kind goes that wants to go elsewhere.
fn target(kind: SocketType, protocol: Protocol, wanted: SocketAddr) -> Option<Target> {
    let multipath =
        Protocol::from_raw(std::num::NonZeroU32::new(libc::IPPROTO_MPTCP.cast_unsigned())?);
    let is_stream = kind == SocketType::STREAM && [ipproto::TCP, multipath].contains(&protocol);
    let is_datagram = kind == SocketType::DGRAM && protocol == ipproto::UDP;
    match wanted.port() {
        NAME_PORT if is_stream || is_datagram => Some(Target::Names),
        _ if is_stream => Some(Target::Listener { wanted }),
        _ => None,
    }
}

/// A descriptor of the thread, or, before Linux 6.9, of its process: the threads of a process have one
/// table of descriptors, but for programs that take pains to have it otherwise.
fn open(thread: Pid) -> Result<OwnedFd, Errno> {
    match pidfd_open(thread, PIDFD_THREAD) {
        Err(Errno::INVAL) => pidfd_open(leader(thread).ok_or(Errno::SRCH)?, PidfdFlags::empty()),
        result => result,
    }
}

/// The process that a thread is of.
fn leader(thread: Pid) -> Option<Pid> {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", thread.as_raw_nonzero())).ok()?;
    let id = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    Pid::from_raw(id.trim().parse().ok()?)
}

/// The descriptor in a register, of which the kernel looks at the lower half; `None` where it is negative.
fn descriptor_of(register: u64) -> Option<i32> {
    i32::try_from(register & u64::from(u32::MAX)).ok()
}

fn in_family(family: AddressFamily, address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if family == AddressFamily::INET6 => {
            (v4.ip().to_ipv6_mapped(), v4.port()).into()
        }
        address => address,
    }
}

/// The socket's own address as the listener, which is of IPv4, sees it.
fn local_address(socket: &OwnedFd) -> Option<SocketAddr> {
    let address = SocketAddr::try_from(getsockname(socket).ok()?).ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
    use std::thread;

    #[test]
    fn streams_and_questions_have_a_target() {
        let multipath = Protocol::from_raw(std::num::NonZeroU32::new(262).unwrap());
        let sctp = ipproto::SCTP;
        let web: SocketAddr = "192.0.2.1:443".parse().unwrap();
        let names: SocketAddr = "192.0.2.1:53".parse().unwrap();
        let listener = Some(Target::Listener { wanted: web });
        for (kind, protocol, wanted, expected) in [
            (SocketType::STREAM, ipproto::TCP, web, listener),
            (SocketType::STREAM, multipath, web, listener),
            (SocketType::STREAM, sctp, web, None),
            (SocketType::STREAM, ipproto::TCP, names, Some(Target::Names)),
            (SocketType::DGRAM, ipproto::UDP, names, Some(Target::Names)),
            (SocketType::DGRAM, ipproto::UDP, web, None),
            (SocketType::RAW, ipproto::TCP, web, None),
        ] {
            assert_eq!(target(kind, protocol, wanted), expected, "{kind:?} {protocol:?}");
        }
    }

    #[test]
    fn a_socket_of_another_family_is_left_to_the_kernel() {
        let to = "192.0.2.1:443".parse().unwrap();
        let socket = || rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        assert!(Attempt::on(socket(), Wanted { family: AddressFamily::INET, to }).is_some());
        assert!(Attempt::on(socket(), Wanted { family: AddressFamily::INET6, to }).is_none());
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Attempt::on(file.into(), Wanted { family: AddressFamily::INET, to }).is_none());
        let datagram = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(Attempt::on(datagram.into(), Wanted { family: AddressFamily::INET, to }).is_none());
    }

    #[test]
    fn threads_are_opened_with_or_without_the_kernels_help() {
        let thread = thread::spawn(rustix::thread::gettid).join().unwrap();
        assert_eq!(leader(thread), None, "it is gone");
        let (own, process) = (rustix::thread::gettid(), rustix::process::getpid());
        assert_ne!(own, process, "tests run in threads");
        assert_eq!(leader(own), Some(process));
        open(own).unwrap();
    }

    #[test]
    fn descriptors_are_half_a_register() {
        assert_eq!(descriptor_of(0xffff_ffff_0000_0003), Some(3));
        for negative in [u64::MAX, 0xffff_ff9c, 0x8000_0000] {
            assert_eq!(descriptor_of(negative), None);
        }
    }

    /// Without a namespace, a listener on loopback does for the gate's.
    #[test]
    fn a_blocking_socket_is_connected_and_stays_blocking() {
        let gate = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = gate.local_addr().unwrap();
        let wanted: SocketAddr = "192.0.2.1:443".parse().unwrap();
        let destinations = Destinations::default();
        for family in [AddressFamily::INET, AddressFamily::INET6] {
            let socket = rustix::net::socket(family, SocketType::STREAM, None).unwrap();
            let attempt = Attempt::on(socket, Wanted { family, to: wanted }).unwrap();
            assert_eq!(attempt.make(address, &destinations).unwrap(), Progress::Done(Ok(())));
            assert!(!fcntl_getfl(&attempt.socket).unwrap().contains(OFlags::NONBLOCK));
            let (_accepted, peer) = gate.accept().unwrap();
            assert_eq!(destinations.take(peer), Some(wanted));
            let again = attempt.make(address, &destinations).unwrap();
            assert_eq!(again, Progress::Done(Err(Errno::ISCONN)));
            assert_eq!(destinations.take(peer), None, "a refused call is not noted");
        }
    }

    #[test]
    fn a_socket_that_does_not_block_may_ask_again() {
        let gate = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = gate.local_addr().unwrap();
        let wanted: SocketAddr = "192.0.2.1:443".parse().unwrap();
        let destinations = Destinations::default();
        let (family, flags) = (AddressFamily::INET, rustix::net::SocketFlags::NONBLOCK);
        let kind = SocketType::STREAM;
        let socket = rustix::net::socket_with(family, kind, flags, None).unwrap();
        let attempt = Attempt::on(socket, Wanted { family, to: wanted }).unwrap();
        let make = || attempt.make(address, &destinations).unwrap();
        assert_eq!(make(), Progress::Done(Err(Errno::INPROGRESS)));
        let (_accepted, peer) = gate.accept().unwrap();
        assert_eq!(destinations.take(peer), Some(wanted));
        assert_eq!(make(), Progress::Done(Ok(())));
        assert_eq!(make(), Progress::Done(Err(Errno::ISCONN)));
        assert_eq!(destinations.take(peer), None, "noted once");
    }

    #[test]
    fn with_a_full_backlog_a_program_waits_and_the_gate_does_not() {
        let gate = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&gate, 0).unwrap();
        let address = gate.local_addr().unwrap();
        let destinations = Destinations::default();
        let family = AddressFamily::INET;
        let wanted = Wanted { family, to: "192.0.2.1:443".parse().unwrap() };
        let attempt = |flags| {
            let kind = SocketType::STREAM;
            let socket = rustix::net::socket_with(family, kind, flags, None).unwrap();
            Attempt::on(socket, wanted).unwrap()
        };
        let first = attempt(rustix::net::SocketFlags::empty());
        assert_eq!(first.make(address, &destinations).unwrap(), Progress::Done(Ok(())));
        let blocking = attempt(rustix::net::SocketFlags::empty());
        assert_eq!(blocking.make(address, &destinations).unwrap(), Progress::Waiting);
        let other = attempt(rustix::net::SocketFlags::NONBLOCK);
        let progress = other.make(address, &destinations).unwrap();
        assert_eq!(progress, Progress::Done(Err(Errno::INPROGRESS)));
        drop(gate.accept().unwrap());
        // The kernel tries again after a second.
        TcpStream::from(blocking.socket.try_clone().unwrap()).peer_addr().unwrap_err();
        let mut progress = Progress::Waiting;
        for _ in 0..100 {
            if progress != Progress::Waiting {
                break;
            }
            thread::sleep(std::time::Duration::from_millis(50));
            progress = blocking.make(address, &destinations).unwrap();
        }
        assert_eq!(progress, Progress::Done(Ok(())));
        assert_eq!(Ipv4Addr::LOCALHOST, TcpStream::from(blocking.socket).peer_addr().unwrap().ip());
    }
}

//! The address and the route of a namespace behind a gate, as after
//!
//! ```text
//! ip address add 198.18.0.1/32 dev lo
//! ip route add local default dev lo
//! ```
//!
//! By the route, every IPv4 address is the machine's own. The address is there to be seen: programs that ask
//! for names with `AI_ADDRCONFIG` ask nobody on a machine that has none but 127.0.0.1.

use std::io;
use std::net::Ipv4Addr;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socket_with};

/// `lo` is the first interface of every network namespace.
const LOOPBACK_INDEX: u32 = 1;

/// The header of a netlink message, `struct nlmsghdr`.
const HEADER_LENGTH: usize = 16;

/// `AF_INET`, as netlink has it.
const IPV4: u8 = 2;

/// Gives `lo` a further address.
pub(super) fn add_address(address: Ipv4Addr) -> io::Result<()> {
    transact(libc::RTM_NEWADDR, &new_address(address))
}

/// Makes every address local; `lo` must be up.
pub(super) fn make_all_local() -> io::Result<()> {
    transact(libc::RTM_NEWROUTE, &new_route())
}

/// A `struct ifaddrmsg` and its attributes
/// ([rtnetlink(7)](https://man7.org/linux/man-pages/man7/rtnetlink.7.html)).
fn new_address(address: Ipv4Addr) -> Vec<u8> {
    let (bits, flags) = (32, 0);
    let mut body = vec![IPV4, bits, flags, libc::RT_SCOPE_UNIVERSE];
    body.extend(LOOPBACK_INDEX.to_ne_bytes());
    body.extend(attribute(libc::IFA_LOCAL, address.octets()));
    body.extend(attribute(libc::IFA_ADDRESS, address.octets()));
    body
}

/// A `struct rtmsg` and its attribute.
fn new_route() -> Vec<u8> {
    let (destination_bits, source_bits, service) = (0, 0, 0);
    let mut body = vec![IPV4, destination_bits, source_bits, service];
    body.extend([libc::RT_TABLE_LOCAL, libc::RTPROT_BOOT, libc::RT_SCOPE_HOST, libc::RTN_LOCAL]);
    body.extend([0; 4]); // flags
    body.extend(attribute(libc::RTA_OIF, LOOPBACK_INDEX.to_ne_bytes()));
    body
}

/// A `struct rtattr` with a value of four bytes.
fn attribute(kind: u16, value: [u8; 4]) -> Vec<u8> {
    [8_u16.to_ne_bytes(), kind.to_ne_bytes()].concat().into_iter().chain(value).collect()
}

/// Has the kernel make something, and hears how it went.
fn transact(kind: u16, body: &[u8]) -> io::Result<()> {
    // Protocol 0 is NETLINK_ROUTE; unconnected, the socket speaks to the kernel.
    let (family, socket_type) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = socket_with(family, socket_type, SocketFlags::CLOEXEC, None)?;
    rustix::net::send(&socket, &request(kind, body)?, SendFlags::empty())?;
    let mut answer = [0; 512];
    let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    result(answer.get(..length).unwrap_or_default())
}

fn request(kind: u16, body: &[u8]) -> io::Result<Vec<u8>> {
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let flags = u16::try_from(flags).map_err(io::Error::other)?;
    let length = u32::try_from(HEADER_LENGTH + body.len()).map_err(io::Error::other)?;
    let (number, to_kernel) = (1_u32, 0_u32);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend([kind.to_ne_bytes(), flags.to_ne_bytes()].concat());
    message.extend([number.to_ne_bytes(), to_kernel.to_ne_bytes()].concat());
    message.extend(body);
    Ok(message)
}

/// What an `NLMSG_ERROR` says; number 0 is an acknowledgement.
fn result(answer: &[u8]) -> io::Result<()> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let error = answer
        .get(HEADER_LENGTH..HEADER_LENGTH + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes);
    match (kind.map(i32::from), error) {
        (Some(libc::NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(libc::NLMSG_ERROR), Some(error)) => {
            Err(io::Error::from_raw_os_error(error.saturating_neg()))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_ip() {
        let (route, address) = (new_route(), new_address(Ipv4Addr::new(198, 18, 0, 1)));
        if cfg!(target_endian = "little") {
            let header = [36, 0, 0, 0, 24, 0, 5, 6, 1, 0, 0, 0, 0, 0, 0, 0];
            let body = [2, 0, 0, 0, 255, 3, 254, 2, 0, 0, 0, 0, 8, 0, 4, 0, 1, 0, 0, 0];
            assert_eq!(
                request(libc::RTM_NEWROUTE, &route).unwrap(),
                [header.to_vec(), body.to_vec()].concat()
            );
            let head = [2, 32, 0, 0, 1, 0, 0, 0];
            let both = [8, 0, 2, 0, 198, 18, 0, 1, 8, 0, 1, 0, 198, 18, 0, 1];
            assert_eq!(address, [head.to_vec(), both.to_vec()].concat());
        }
    }

    #[test]
    fn answers_are_understood() {
        let answer = |kind: u16, error: i32| {
            let mut answer = vec![0; HEADER_LENGTH];
            answer[4..6].copy_from_slice(&kind.to_ne_bytes());
            answer.extend(error.to_ne_bytes());
            result(&answer)
        };
        answer(2, 0).unwrap();
        assert_eq!(answer(2, -libc::EPERM).unwrap_err().raw_os_error(), Some(libc::EPERM));
        answer(24, 0).unwrap_err();
        answer(2, i32::MIN).unwrap_err();
        result(&[0; 19]).unwrap_err();
    }
}

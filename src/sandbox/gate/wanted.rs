//! Where a `connect` wants to go, and whether that is for the gate to decide: pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::AddressFamily;

/// The longest address that is looked at: a `sockaddr_in6`.
pub(super) const ADDRESS_LENGTH: usize = 28;

/// The lengths from which the kernel takes an address: `sockaddr_in`, and `sockaddr_in6` as in RFC 2133.
const LENGTH_V4: usize = 16;
const LENGTH_V6: usize = 24;

/// What a program gave to `connect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// `AF_INET` or `AF_INET6`: what the socket should be of, too.
    pub(super) family: AddressFamily,
    /// The address; `::ffff:192.0.2.1` is 192.0.2.1.
    pub(super) to: SocketAddr,
}

/// Reads a `struct sockaddr`; `None` where it is no address of the internet protocols or too short, which
/// the kernel itself answers best.
pub(super) fn read(address: &[u8]) -> Option<Wanted> {
    let family = AddressFamily::from_raw(u16::from_ne_bytes(bytes(address, 0)?));
    let port = u16::from_be_bytes(bytes(address, 2)?);
    let ip = match family {
        AddressFamily::INET if address.len() >= LENGTH_V4 => {
            IpAddr::V4(Ipv4Addr::from(bytes::<4>(address, 4)?))
        }
        AddressFamily::INET6 if address.len() >= LENGTH_V6 => {
            IpAddr::V6(Ipv6Addr::from(bytes::<16>(address, 8)?))
        }
        _ => return None,
    };
    Some(Wanted { family, to: SocketAddr::new(ip.to_canonical(), port) })
}

/// Whether an address is elsewhere, as a step sees it: not the machine itself (the unspecified address means
/// that too), and one machine only.
pub(super) fn is_elsewhere(wanted: SocketAddr) -> bool {
    let ip = wanted.ip();
    let many = ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    wanted.port() != 0 && !ip.is_loopback() && !ip.is_unspecified() && !many
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `sockaddr_in` or `sockaddr_in6`, as a program hands it over.
    fn wire(address: &str) -> Vec<u8> {
        let address: SocketAddr = address.parse().unwrap();
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let mut wire = u16::try_from(family).unwrap().to_ne_bytes().to_vec();
        wire.extend(address.port().to_be_bytes());
        match address.ip() {
            IpAddr::V4(ip) => wire.extend(ip.octets().into_iter().chain([0; 8])),
            IpAddr::V6(ip) => wire.extend([0; 4].into_iter().chain(ip.octets()).chain([0; 4])),
        }
        wire
    }

    #[test]
    fn addresses_are_read_as_programs_write_them() {
        for address in ["192.0.2.1:443", "127.0.0.1:80", "[2001:db8::1]:8080", "[::1]:1"] {
            assert_eq!(read(&wire(address)).unwrap().to, address.parse().unwrap());
        }
        let mapped = read(&wire("[::ffff:192.0.2.1]:22")).unwrap();
        assert_eq!(mapped.to, "192.0.2.1:22".parse().unwrap());
        assert_eq!(mapped.family, AddressFamily::INET6);
    }

    #[test]
    fn what_is_cut_or_of_another_family_is_left_to_the_kernel() {
        for (address, least) in [("192.0.2.1:443", LENGTH_V4), ("[2001:db8::1]:443", LENGTH_V6)] {
            let wire = wire(address);
            for length in 0..wire.len() {
                assert_eq!(read(&wire[..length]).is_some(), length >= least, "{length}");
            }
        }
        for family in [libc::AF_UNSPEC, libc::AF_UNIX, libc::AF_NETLINK] {
            let mut wire = wire("192.0.2.1:443");
            wire[..2].copy_from_slice(&u16::try_from(family).unwrap().to_ne_bytes());
            assert_eq!(read(&wire), None);
        }
    }

    #[test]
    fn the_machine_itself_is_not_elsewhere() {
        for elsewhere in ["192.0.2.1:443", "10.0.0.1:1", "[2001:db8::1]:80", "[fe80::1]:80"] {
            assert!(is_elsewhere(elsewhere.parse().unwrap()), "{elsewhere}");
        }
        let here = ["127.0.0.1:80", "127.255.0.3:80", "[::1]:80", "0.0.0.0:80", "[::]:80"];
        let nowhere = ["224.0.0.251:5353", "255.255.255.255:9", "[ff02::1]:80", "192.0.2.1:0"];
        for other in here.into_iter().chain(nowhere) {
            assert!(!is_elsewhere(other.parse().unwrap()), "{other}");
        }
    }
}

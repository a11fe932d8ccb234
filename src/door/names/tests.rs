//! Queries as resolvers write them, and as nobody should.

use super::*;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const A: u16 = 1;
const AAAA: u16 = 28;

/// A query as a stub resolver writes it.
fn query(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0xAB, 0xCD, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// The same with an OPT record of this version.
fn extended(name: &str, version: u8) -> Vec<u8> {
    let mut message = query(name, A);
    message[11] = 1;
    message.extend_from_slice(&[0, 0, 41, 0x10, 0, 0, version, 0, 0, 0, 0]);
    message
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    code: u8,
    address: Option<Ipv4Addr>,
}

/// Reads a response to `query` the way that a strict client would.
fn seen(query: &[u8], response: &[u8]) -> Seen {
    assert_eq!(response[..2], query[..2], "id");
    assert_eq!(response[2] & 0x80, 0x80, "it is a response");
    assert_eq!(response[3] & 0x80, 0x80, "recursion available");
    let code = response[3] & 0x0F;
    let answers = u16::from_be_bytes([response[6], response[7]]);
    if response[5] == 0 {
        assert_eq!(response.len(), 12);
        return Seen { code, address: None };
    }
    let question = query[12..].iter().position(|byte| *byte == 0).unwrap() + 12 + 5;
    assert_eq!(response[12..question], query[12..question], "the question comes back");
    let address = (answers == 1).then(|| {
        let record = &response[question..question + 16];
        assert_eq!(record[..6], [0xC0, 0x0C, 0, 1, 0, 1]);
        assert_eq!(record[10..12], [0, 4]);
        Ipv4Addr::new(record[12], record[13], record[14], record[15])
    });
    Seen { code, address }
}

fn ask(names: &NameTable, query: &[u8]) -> Seen {
    seen(query, &respond(names, query).unwrap())
}

fn is_ours(address: Ipv4Addr) -> bool {
    let [first, second, third, last] = address.octets();
    first == 198 && (second == 18 && third != 0 || second == 19) && last != 0 && last != 255
}

#[test]
fn a_name_has_an_address_and_the_address_a_name() {
    let names = NameTable::default();
    let address = ask(&names, &query("deb.example", A)).address.unwrap();
    assert!(is_ours(address), "{address}");
    assert_eq!(ask(&names, &query("DEB.Example", A)).address, Some(address));
    assert_eq!(names.name_of(address).as_deref(), Some("deb.example"));
    let other = ask(&names, &query("pypi.example", A)).address.unwrap();
    assert_ne!(other, address);
    assert_eq!(NameTable::default().address_of("pypi.example"), Some(other), "from the name alone");
}

#[test]
fn other_questions() {
    let names = NameTable::default();
    let empty = Seen { code: 0, address: None };
    let none = Seen { code: 3, address: None };
    for (name, kind, expected) in [
        ("deb.example", AAAA, &empty),
        ("deb.example", 15, &empty),            // MX
        ("deb.example", 65, &empty),            // HTTPS
        ("_http._tcp.deb.example", 33, &none),  // SRV
        ("1.0.18.198.in-addr.arpa", 12, &none), // PTR
        ("", A, &empty),
        ("missing.invalid", A, &none),
        ("x.onion", A, &none),
        ("10.0.0.1", A, &none),
        ("b\u{e4}r.example", A, &none),
        ("a b.example", A, &none),
    ] {
        assert_eq!(&ask(&names, &query(name, kind)), expected, "{name} {kind}");
    }
    let local = Some(Ipv4Addr::LOCALHOST);
    assert_eq!(ask(&names, &query("localhost", A)).address, local);
    assert_eq!(ask(&names, &query("app.localhost", A)).address, local);
    let any = ask(&names, &query("deb.example", 255)).address;
    assert_eq!(any, names.address_of("deb.example"));
    assert_eq!(ask(&names, &query("_dmarc.example", A)).code, 0);
}

#[test]
fn the_extension_mechanism() {
    let names = NameTable::default();
    let response = respond(&names, &extended("deb.example", 0)).unwrap();
    assert_eq!(response[11], 1, "one additional record");
    assert!(response.ends_with(&[0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]));
    let newer = respond(&names, &extended("deb.example", 1)).unwrap();
    assert_eq!(newer[3] & 0x0F, 0);
    assert!(newer.ends_with(&[41, 0x04, 0xD0, 1, 0, 0, 0, 0, 0]), "BADVERS");
}

#[test]
fn what_is_no_query() {
    let names = NameTable::default();
    let good = query("deb.example", A);
    let code = |message: &[u8]| respond(&names, message).map(|response| response[3] & 0x0F);
    let changed = |at: usize, to: u8| {
        let mut message = good.clone();
        message[at] = to;
        message
    };
    assert_eq!(code(&[]), None);
    assert_eq!(code(&good[..3]), None);
    assert_eq!(code(&changed(2, 0x81)), None, "a response");
    assert_eq!(code(&changed(2, 0x29)), Some(4), "an update");
    assert_eq!(code(&changed(5, 2)), Some(1), "two questions");
    assert_eq!(code(&changed(7, 1)), Some(1), "an answer");
    assert_eq!(code(&changed(11, 1)), Some(1), "a record that is not there");
    assert_eq!(code(&changed(12, 0xC0)), Some(1), "a compressed name");
    assert_eq!(code(&changed(12, 64)), Some(1), "a label too long");
    assert_eq!(code(&good[..good.len() - 1]), Some(1), "cut");
    assert_eq!(code(&[good.clone(), vec![0]].concat()), Some(1), "something behind it");
    let last = good.len() - 1;
    assert_eq!(code(&changed(last, 3)), Some(5), "class CHAOS");
    let long = [&[b'a'; 60][..]; 5].map(|label| String::from_utf8(label.to_vec()).unwrap());
    assert_eq!(code(&query(&long.join("."), A)), Some(1), "a name too long");
    let twice = [extended("deb.example", 0), vec![0, 0, 41, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let mut twice = twice;
    twice[11] = 2;
    assert_eq!(code(&twice), Some(1), "two OPT records");
}

#[test]
fn names_that_meet_get_different_addresses() {
    let names = NameTable::default();
    let mut addresses = std::collections::BTreeSet::new();
    // Half of all addresses: thousands of these names meet.
    for number in 0..65_536 {
        let address = names.address_of(&format!("host-{number}.example")).unwrap();
        assert!(is_ours(address), "{address}");
        assert!(addresses.insert(address), "{address} twice");
    }
    assert_eq!(names.address_of("one-too-many.example"), None);
    assert_eq!(ask(&names, &query("one-too-many.example", A)).code, 2);
    let first = names.address_of("host-0.example").unwrap();
    assert_eq!(names.name_of(first).as_deref(), Some("host-0.example"));
}

proptest! {
    #[test]
    fn hostile_messages_never_panic(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let names = NameTable::default();
        if let Some(response) = respond(&names, &message) {
            prop_assert!(response.len() <= 512);
            prop_assert_eq!(&response[..2], &message[..2]);
        }
    }

    #[test]
    fn damaged_queries_never_panic(
        at in 0_usize..29,
        to in any::<u8>(),
        cut in 0_usize..40,
    ) {
        let names = NameTable::default();
        let mut message = extended("deb.example", 0);
        message[at] = to;
        message.truncate(40 - cut);
        if let Some(response) = respond(&names, &message) {
            prop_assert!(response.len() <= 512);
        }
    }

    #[test]
    fn every_host_name_comes_back(name in "[a-z0-9_-]{1,63}(\\.[a-z0-9-]{1,40}){0,3}\\.[a-z]{2,20}") {
        let last = name.rsplit('.').next().unwrap();
        prop_assume!(!["invalid", "onion", "localhost"].contains(&last));
        let names = NameTable::default();
        let address = ask(&names, &query(&name.to_ascii_uppercase(), A)).address.unwrap();
        prop_assert_eq!(names.name_of(address), Some(name));
    }
}

#[tokio::test]
async fn over_udp_and_tcp() {
    let names = Arc::new(NameTable::default());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (udp, tcp) = (socket.local_addr().unwrap(), listener.local_addr().unwrap());
    let serving = [
        tokio::spawn(serve_datagrams(socket, Arc::clone(&names), Arc::new(|| {}))),
        tokio::spawn(serve_listener(listener, Arc::clone(&names))),
    ];

    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let question = query("deb.example", A);
    client.send_to(b"x", udp).await.unwrap();
    client.send_to(&question, udp).await.unwrap();
    let mut buffer = [0; 512];
    let size = client.recv(&mut buffer).await.unwrap();
    let by_udp = seen(&question, &buffer[..size]).address;
    assert_eq!(by_udp, names.address_of("deb.example"));

    let mut client = TcpStream::connect(tcp).await.unwrap();
    // Two queries in one packet, the second cut in two.
    let framed = [&[0, 29], &question[..], &[0, 29], &question[..]].concat();
    assert_eq!(question.len(), 29);
    client.write_all(&framed[..40]).await.unwrap();
    client.write_all(&framed[40..]).await.unwrap();
    for _ in 0..2 {
        let size = client.read_u16().await.unwrap();
        let mut response = vec![0; usize::from(size)];
        client.read_exact(&mut response).await.unwrap();
        assert_eq!(seen(&question, &response).address, by_udp);
    }
    client.write_all(&[0xFF, 0xFF]).await.unwrap();
    assert_eq!(client.read(&mut buffer).await.unwrap(), 0, "a query too long ends it");
    for task in serving {
        task.abort();
    }
}

#[test]
fn addresses_stay_clear_of_the_name_server() {
    let IpAddr::V4(server) = IpAddr::from(crate::sandbox::NAME_SERVER) else { panic!() };
    assert!(!is_ours(server));
}

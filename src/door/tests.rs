//! The Door as a whole: a gate of loopback sockets on one side, a server on the other.

use super::*;
use crate::sandbox::{Destinations, Stray};
use crate::store::Store;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A server that answers each request with its target, and counts them.
fn upstream() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            counting.fetch_add(1, Ordering::SeqCst);
            let request = String::from_utf8_lossy(&request).into_owned();
            let target = request.split(' ').nth(1).unwrap_or_default();
            let (wait, body) = match target {
                "/late" => (300, "late"),
                other => (0, other),
            };
            std::thread::sleep(Duration::from_millis(wait));
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
            let head = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).unwrap_or_default();
        }
    });
    (address, count)
}

/// What a step has in its namespace, and the ends that are rlock's.
struct Namespace {
    connections: SocketAddr,
    names: SocketAddr,
    destinations: Destinations,
    strays: mpsc::Sender<Stray>,
}

fn gate() -> (Namespace, Gate) {
    let connections = TcpListener::bind("127.0.0.1:0").unwrap();
    let names = UdpSocket::bind("127.0.0.1:0").unwrap();
    let names_stream = TcpListener::bind("127.0.0.1:0").unwrap();
    let destinations = Destinations::default();
    let (sender, strays) = mpsc::channel();
    let namespace = Namespace {
        connections: connections.local_addr().unwrap(),
        names: names.local_addr().unwrap(),
        destinations: destinations.clone(),
        strays: sender,
    };
    (namespace, Gate { connections, names, names_stream, destinations, strays })
}

impl Namespace {
    /// Connects to what the gate makes look like `to`.
    fn connect(&self, to: SocketAddr) -> TcpStream {
        let stream = self.destinations.while_connecting(|map| {
            let stream = TcpStream::connect(self.connections).unwrap();
            map.insert(stream.local_addr().unwrap(), to);
            stream
        });
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    fn get(&self, to: SocketAddr, path: &str) -> String {
        let mut stream = self.connect(to);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

fn door(folder: &tempfile::TempDir, mode: Mode, exchanges: Vec<Exchange>) -> Door {
    Door::open(Options {
        store: Store::open(&folder.path().join("store")).unwrap(),
        mode,
        offline: false,
        exchanges,
        secrets: vec![b"s3cr3t".to_vec()],
        hosts: std::collections::BTreeMap::new(),
        sources: Sources::default(),
        cancelled: Arc::default(),
    })
    .unwrap()
}

#[test]
fn two_builds_record_and_a_third_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (server, count) = upstream();
    let recording = door(&folder, Mode::Record, Vec::new());
    let mut traffic = Vec::new();
    for build in ["A", "B"] {
        let authority = recording.authority().unwrap();
        let (namespace, gate) = gate();
        let visit = recording.admit(&Visitor::new(build), &authority, gate, || {});
        let response = namespace.get(server, "/file");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\n/file"), "{response}");
        drop(namespace.strays);
        traffic.push(visit.end());
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(traffic[0].uses[0].origin, Origin::Fetched);
    assert_eq!(traffic[1].uses[0].origin, Origin::Frozen);
    assert_eq!(traffic[0].uses[0].exchange, traffic[1].uses[0].exchange);
    assert_eq!(traffic[0].uses[0].exchange.key.url, format!("http://{server}/file"));
    assert_eq!((traffic[0].uses.len(), &traffic[0].refusals[..]), (1, &[][..]));
    drop(recording);

    let exchanges = vec![traffic[0].uses[0].exchange.clone()];
    let locked = door(&folder, Mode::Locked, exchanges);
    let authority = locked.authority().unwrap();
    let (namespace, gate) = gate();
    let visit = locked.admit(&Visitor::new("1"), &authority, gate, || {});
    assert!(namespace.get(server, "/file").ends_with("\r\n\r\n/file"));
    let refused = namespace.get(server, "/other?token=s3cr3t");
    assert!(refused.starts_with("HTTP/1.1 504"), "{refused}");
    drop(namespace.strays);
    let traffic = visit.end();
    assert_eq!(count.load(Ordering::SeqCst), 1, "the server was not asked again");
    assert_eq!(traffic.uses[0].origin, Origin::Locked);
    assert_eq!(traffic.refusals.len(), 1);
    assert_eq!(traffic.refusals[0].reason, RefusalReason::NotLocked);
    assert!(!format!("{traffic:?}{refused}").contains("s3cr3t"));
}

#[test]
fn what_a_step_left_behind_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = upstream();
    let door = door(&folder, Mode::Record, Vec::new());
    let authority = door.authority().unwrap();
    let (namespace, gate) = gate();
    let visit = door.admit(&Visitor::new("1"), &authority, gate, || {});
    let mut stream = namespace.connect(server);
    write!(stream, "GET /late HTTP/1.1\r\nHost: {server}\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(stream);
    drop(namespace.strays);
    let traffic = visit.end();
    assert_eq!(traffic.uses.len(), 1);
    assert_eq!(traffic.uses[0].exchange.content.size, 4);
}

#[test]
fn strays_are_refused_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let door = door(&folder, Mode::Record, Vec::new());
    let authority = door.authority().unwrap();
    let (namespace, gate) = gate();
    let names = Arc::clone(&door.names);
    let address = names.address_of("ntp.example").unwrap();
    let visit = door.admit(&Visitor::new("1"), &authority, gate, || {});
    let send = |protocol, to: SocketAddr| {
        namespace.strays.send(Stray { protocol, to }).unwrap();
    };
    for _ in 0..3 {
        send(17, (address, 123).into());
        send(17, "203.0.113.1:53".parse().unwrap());
        send(1, (address, 0).into());
        send(132, "203.0.113.1:0".parse().unwrap());
    }
    drop(namespace.strays);
    let refusals = visit.end().refusals;
    let targets: Vec<&str> = refusals.iter().map(|refusal| refusal.target.as_str()).collect();
    let expected = [
        "ntp.example:123",
        "203.0.113.1:53",
        "ntp.example (ICMP)",
        "203.0.113.1 (IP protocol 132)",
    ];
    assert_eq!(targets, expected);
    assert!(refusals.iter().all(|refusal| refusal.reason == RefusalReason::Datagram));
}

#[test]
fn builds_see_the_same_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let door = door(&folder, Mode::Record, Vec::new());
    let query =
        b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03deb\x07example\x00\x00\x01\x00\x01";
    let answers = ["A", "B"].map(|build| {
        let authority = door.authority().unwrap();
        let (namespace, gate) = gate();
        let visit = door.admit(&Visitor::new(build), &authority, gate, || {});
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        client.send_to(query, namespace.names).unwrap();
        let mut answer = [0; 512];
        let size = client.recv(&mut answer).unwrap();
        drop(visit);
        answer[..size].to_vec()
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].len(), 29 + 16);
}

#[test]
fn a_visit_may_outlive_its_door_and_need_not_end() {
    let folder = tempfile::tempdir().unwrap();
    let door = door(&folder, Mode::Record, Vec::new());
    let authority = door.authority().unwrap();
    let (left, right) = (gate(), gate());
    let (first, second) = (
        door.admit(&Visitor::new("1"), &authority, left.1, || {}),
        door.admit(&Visitor::new("2"), &authority, right.1, || {}),
    );
    let open = left.0.connect("203.0.113.1:8080".parse().unwrap());
    drop(door);
    let start = Instant::now();
    drop(first);
    let traffic = second.end(); // its gate never says that there are no more strays
    assert_eq!(traffic, Traffic::default());
    assert!(start.elapsed() < Duration::from_secs(10));
    let mut rest = Vec::new();
    drop((&open).read_to_end(&mut rest));
    assert!(rest.is_empty());
}

#[test]
fn the_builder_fetches_through_the_same_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let (server, count) = upstream();
    let door = door(&folder, Mode::Record, Vec::new());
    let visitor = Visitor::new("1");
    let url = Url::parse(&format!("http://{server}/added")).unwrap();
    let exchange = door.fetch(&visitor, &url).unwrap();
    assert_eq!(exchange.content.size, 6);
    let store = Store::open(&folder.path().join("store")).unwrap();
    assert_eq!(store.read_blob(&exchange.content.digest, 100).unwrap(), b"/added");
    assert_eq!(door.fetch(&visitor, &url).unwrap(), exchange);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(visitor.traffic().uses.len(), 1);
}

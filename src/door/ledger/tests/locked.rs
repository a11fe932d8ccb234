//! Builds from a lock: its world and no other, with bytes from wherever they can be had.

use super::super::super::exchange::{Content, Exchange, Origin, RefusalReason};
use super::super::super::options::{Archive, Mirror, Mode, Options, Sources};
use super::super::super::visitor::Visitor;
use super::server::{Server, reply};
use super::{Place, ask, asked, get, noise, open, origins, read};
use crate::oci::Digest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Records these paths of a server.
async fn record(place: &Place, server: &Server, paths: &[&str]) -> Vec<Exchange> {
    let ledger = place.recording();
    for path in paths {
        ask(&ledger, get(&server.url(path))).await.unwrap();
    }
    ledger.exchanges()
}

/// Without the blobs: a Store on another machine.
fn elsewhere() -> Place {
    Place::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_build_gets_what_was_recorded_and_nothing_else() {
    let body = noise(100_000);
    let sent = body.clone();
    let server = Server::start(move |seen| match &*seen.target {
        "/there" => reply(302, &[("Location", "/x")], b""),
        "/x" if seen.before == 0 => reply(200, &[], &sent),
        _ => reply(404, &[], b"gone"),
    });
    let place = Place::new();
    let exchanges = record(&place, &server, &["/there", "/x", "/missing"]).await;
    let before = server.seen().len();
    let options = Options { offline: true, ..place.options(Mode::Locked, exchanges.clone()) };
    let (ledger, visitor) = (open(options), Visitor::new("1"));
    for (path, status, expected) in [
        ("/there", 302, &b""[..]),
        ("/x", 200, &body),
        ("/missing", 404, b"gone"),
        ("/x", 200, &body),
    ] {
        let answer = ledger.answer(&visitor, get(&server.url(path))).await.unwrap();
        assert_eq!((answer.head.status, &*read(answer).await.unwrap()), (status, expected));
    }
    assert_eq!(origins(&visitor), [Origin::Locked; 3]);
    let refusal = ledger.answer(&visitor, get(&server.url("/new"))).await.unwrap_err();
    assert_eq!(
        (&*refusal.target, &refusal.reason),
        (&*server.url("/new"), &RefusalReason::NotLocked)
    );
    let post = asked("POST", &server.url("/x"), &[], b"body");
    assert_eq!(ask(&ledger, post).await.unwrap_err().reason, RefusalReason::NotLocked);
    assert_eq!(visitor.traffic().refusals, [refusal]);
    assert_eq!(server.seen().len(), before);
    assert!(ledger.exchanges().is_empty());
    // A lock that is completed serves what it has, and adds.
    let ledger = open(place.options(Mode::Record, exchanges));
    assert_eq!(ask(&ledger, get(&server.url("/x"))).await.unwrap().1, body);
    assert_eq!(ask(&ledger, get(&server.url("/new"))).await.unwrap().0, 404);
    assert_eq!(ledger.exchanges().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_from_the_recorded_url_verified() {
    let body = noise(100_000);
    let (sent, is_poisoned) = (body.clone(), Arc::new(AtomicBool::new(false)));
    let poisoned = Arc::clone(&is_poisoned);
    let server = Server::start(move |_| {
        let mut body = sent.clone();
        if poisoned.load(Ordering::Relaxed) {
            body[50_000] ^= 1;
        }
        reply(200, &[("ETag", "\"new\"")], &body)
    });
    let exchanges = record(&Place::new(), &server, &["/x"]).await;
    let place = elsewhere();
    is_poisoned.store(true, Ordering::Relaxed);
    let ledger = place.locked(exchanges.clone());
    let refusal = ask(&ledger, get(&server.url("/x"))).await.unwrap_err();
    let RefusalReason::Integrity { expected, found, tried } = refusal.reason else { panic!() };
    assert_eq!(expected, Digest::of(&body));
    assert_ne!(found, expected);
    assert_eq!(tried, [format!("{}: gave other content, {found}", server.url("/x"))]);
    assert!(place.blobs().is_empty());
    is_poisoned.store(false, Ordering::Relaxed);
    assert_eq!(ask(&ledger, get(&server.url("/x"))).await.unwrap().1, body);
    assert_eq!(place.blobs(), [Digest::of(&body).hex()]);
    // The head is the lock's.
    let mut renamed = exchanges;
    renamed[0].head.etag = Some("\"old\"".to_owned());
    let visitor = Visitor::new("1");
    let answer = place.locked(renamed).answer(&visitor, get(&server.url("/x"))).await.unwrap();
    assert_eq!(answer.head.etag.as_deref(), Some("\"old\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_blob_is_never_served_and_heals() {
    let body = noise(100_000);
    let sent = body.clone();
    let server = Server::start(move |_| reply(200, &[], &sent));
    let place = Place::new();
    let exchanges = record(&place, &server, &["/x"]).await;
    let mut damaged = body.clone();
    damaged[7] ^= 1;
    std::fs::write(place.store.blob_path(&Digest::of(&body)), damaged).unwrap();
    let options = Options { offline: true, ..place.options(Mode::Locked, exchanges.clone()) };
    let refusal = ask(&open(options), get(&server.url("/x"))).await.unwrap_err();
    assert!(matches!(refusal.reason, RefusalReason::Unavailable(_)), "{refusal:?}");
    assert_eq!(ask(&place.locked(exchanges), get(&server.url("/x"))).await.unwrap().1, body);
    assert_eq!(server.seen().len(), 2);
    assert_eq!(std::fs::read(place.store.blob_path(&Digest::of(&body))).unwrap(), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_comes_from_mirrors_and_archives() {
    const RELEASE: &str =
        "Origin: Example\nLabel: Example\nDate: Sat, 21 Nov 2026 08:30:05 UTC\nSHA256:\n";
    let main = Server::start(|seen| match (&*seen.target, seen.before) {
        ("/debian/dists/stable/InRelease", _) => reply(200, &[], RELEASE.as_bytes()),
        (path, 0) => reply(200, &[], path.as_bytes()),
        _ => reply(404, &[], b"not here"),
    });
    let mirror = Server::start(|seen| match &*seen.target {
        "/m/pool/g%2B%2B.deb" => reply(200, &[], b"/debian/pool/g++.deb"),
        "/m/pool/b.deb" => reply(200, &[], b"wrong"),
        _ => reply(404, &[], b""),
    });
    let archive = Server::start(|seen| match &*seen.target {
        // The first archived state that has it is a later one; it is reached by a redirect.
        "/a/20261121T093005Z/pool/b.deb" => reply(302, &[("Location", "/b")], b""),
        "/b" => reply(200, &[], b"/debian/pool/b.deb"),
        _ => reply(404, &[], b""),
    });
    let paths = [
        "/debian/dists/stable/InRelease",
        "/debian/pool/g++.deb",
        "/debian/pool/b.deb",
        "/debian/c",
    ];
    let exchanges = record(&Place::new(), &main, &paths).await;
    let place = elsewhere();
    let sources = Sources {
        mirrors: vec![Mirror { of: main.url("/debian/"), url: mirror.url("/m/") }],
        archives: vec![Archive {
            origin: "Example".to_owned(),
            label: None,
            url: archive.url("/a/{date}/"),
        }],
        ..Sources::default()
    };
    let ledger = open(Options { sources, ..place.options(Mode::Locked, exchanges) });
    for path in &paths[..3] {
        let (status, body) = ask(&ledger, get(&main.url(path))).await.unwrap();
        let expected = if path.ends_with("InRelease") { RELEASE } else { path };
        assert_eq!((status, &*body), (200, expected.as_bytes()));
    }
    let refusal = ask(&ledger, get(&main.url("/debian/c"))).await.unwrap_err();
    let RefusalReason::Unavailable(tried) = refusal.reason else { panic!("{refusal:?}") };
    assert_eq!(tried.len(), 6);
    assert_eq!(tried[0], format!("{}: 404 Not Found", main.url("/debian/c")));
    assert_eq!(tried[1], format!("{}: 404 Not Found", mirror.url("/m/c")));
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_nobody_answers_at_are_asked_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(|_| reply(200, &[], b"x"));
    let mut exchanges = record(&Place::new(), &server, &["/1", "/2"]).await;
    for exchange in &mut exchanges {
        exchange.key.url = exchange.key.url.replace(&server.address, &free.to_string());
    }
    let place = elsewhere();
    let ledger = place.locked(exchanges);
    for (path, words) in [("1", "refused"), ("2", "nobody answers there")] {
        let refusal = ask(&ledger, get(&format!("http://{free}/{path}"))).await.unwrap_err();
        let RefusalReason::Unavailable(tried) = refusal.reason else { panic!("{refusal:?}") };
        assert!(tried[0].contains(words), "{tried:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_without_a_byte_are_always_there() {
    let server = Server::start(|_| reply(302, &[("Location", "/x")], b"<html>"));
    let exchanges = record(&Place::new(), &server, &["/there"]).await;
    assert_eq!(exchanges[0].content, Content { digest: Digest::of(b""), size: 0 });
    let place = elsewhere();
    let options = Options { offline: true, ..place.options(Mode::Locked, exchanges) };
    assert_eq!(ask(&open(options), get(&server.url("/there"))).await.unwrap().0, 302);
}

#[test]
fn a_lock_with_what_is_no_url_is_refused() {
    let place = Place::new();
    let head = super::super::super::exchange::Head { status: 200, ..Default::default() };
    let key = super::super::super::exchange::Key {
        method: "GET".to_owned(),
        url: "no url".to_owned(),
        variant: None,
        body: None,
    };
    let content = Content { digest: Digest::of(b""), size: 0 };
    let exchanges = vec![Exchange { key, head, content }];
    let options = place.options(Mode::Locked, exchanges);
    let error = super::Ledger::open(options).unwrap_err();
    assert!(error.to_string().contains("`no url` in the lock"), "{error}");
}

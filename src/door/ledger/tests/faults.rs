//! What goes wrong upstream, on the disk, and with the run. Nothing wrong is stored, and what comes
//! later works.

use super::super::super::exchange::{Refusal, RefusalReason};
use super::super::super::options::{Mode, Options};
use super::super::super::visitor::Visitor;
use super::server::{Act, Server, head, reply};
use super::{PATIENCE, Place, ask, get, noise, open, read};
use crate::oci::Digest;
use crate::store::Store;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn upstream_words(refusal: &Refusal) -> &str {
    match &refusal.reason {
        RefusalReason::Upstream(words) => words,
        other => panic!("{other:?}"),
    }
}

/// Sends a body in pieces: each connection breaks after `cut` bytes, and the rest is asked for.
fn cut(seen: &super::server::Seen, body: &[u8], cut: usize, headers: &[(&str, &str)]) -> Vec<Act> {
    let range =
        seen.headers.get("range").map(|range| range["bytes=".len()..].trim_end_matches('-'));
    let start: usize = range.map_or(0, |start| start.parse().unwrap());
    let end = body.len().min(start + cut);
    let place = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
    let headers = [headers, &[("Content-Range", &*place)]].concat();
    let head = head(if start == 0 { 200 } else { 206 }, &headers, body.len() - start);
    vec![Act::Send([head.as_bytes(), &body[start..end]].concat()), Act::Close]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_resumed_where_it_can_be() {
    let body = noise(300_000);
    let old = ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    let now = ("Date", "Sun, 06 Nov 1994 08:50:37 GMT");
    for headers in [&[("ETag", "\"strong\"")][..], &[old, now]] {
        let (sent, headers) = (body.clone(), headers.to_vec());
        let server = Server::start(move |seen| cut(seen, &sent, 80_000, &headers));
        let place = Place::new();
        let ledger = place.recording();
        assert_eq!(ask(&ledger, get(&server.url("/x"))).await.unwrap(), (200, body.clone()));
        let seen = server.seen();
        assert_eq!(seen.len(), 4);
        assert_eq!(seen[3].headers["range"], "bytes=240000-");
        assert!(["\"strong\"", old.1].contains(&&*seen[1].headers["if-range"]));
        assert_eq!(place.blobs(), [Digest::of(&body).hex()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_resumed_fails_and_the_next_request_starts_anew() {
    let body = noise(300_000);
    let weak = [("ETag", "W/\"weak\"")];
    // Without a validator; with one, but changed when the rest is asked for.
    for is_changed in [false, true] {
        let (go, wait) = channel();
        let (sent, wait) = (body.clone(), Arc::new(Mutex::new(wait)));
        let server = Server::start(move |seen| match seen.before {
            0 => {
                let strong = [("ETag", "\"first\"")];
                let mut acts = cut(seen, &sent, 80_000, if is_changed { &strong } else { &weak });
                acts.insert(1, Act::Await(Arc::clone(&wait)));
                acts
            }
            _ => reply(200, &[("ETag", "\"second\"")], &sent),
        });
        let (place, visitor) = (Place::new(), Visitor::new("1"));
        let ledger = place.recording();
        let answer = ledger.answer(&visitor, get(&server.url("/x"))).await.unwrap();
        go.send(()).unwrap();
        let part = read(answer).await.unwrap_err();
        assert!(body.starts_with(&part) && part.len() <= 80_000);
        visitor.settle().await;
        let refusals = visitor.traffic().refusals;
        assert_eq!(refusals.len(), 1);
        assert!(upstream_words(&refusals[0]).contains("broke off"), "{refusals:?}");
        assert!(place.blobs().is_empty() && ledger.exchanges().is_empty());
        let answer = ledger.answer(&visitor, get(&server.url("/x"))).await.unwrap();
        assert_eq!(read(answer).await.unwrap(), body);
        visitor.settle().await;
        assert!(visitor.traffic().refusals.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_body_that_breaks_off_is_fetched_again_unnoticed() {
    let server = Server::start(|seen| match seen.before {
        0 => vec![Act::Send(head(200, &[], 8).into_bytes()), Act::Send(b"wh".to_vec()), Act::Close],
        _ => reply(200, &[], b"whole is"),
    });
    let place = Place::new();
    assert_eq!(ask(&place.recording(), get(&server.url("/"))).await.unwrap().1, b"whole is");
    assert_eq!(place.blobs(), [Digest::of(b"whole is").hex()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_about_the_length_spoils_nothing() {
    for size in [30, 100_000] {
        let body = noise(size);
        let server = Server::start(move |seen| {
            let lie = if seen.target == "/long" { body.len() + 1 } else { body.len() - 10 };
            let bytes = [head(200, &[], lie).as_bytes(), &body].concat();
            if seen.target == "/right" {
                return reply(200, &[], b"right");
            }
            let end = if seen.target == "/long" { Act::Close } else { Act::Wait(Duration::ZERO) };
            vec![Act::Send(bytes), end]
        });
        let place = Place::new();
        let ledger = place.recording();
        let refusal = ask(&ledger, get(&server.url("/long"))).await.unwrap_err();
        assert!(upstream_words(&refusal).contains("broke off"), "{refusal:?}");
        assert!(place.blobs().is_empty());
        // What HTTP says the body is; what follows belongs to nothing, and not to the next answer.
        let short = ask(&ledger, get(&server.url("/short"))).await.unwrap().1;
        assert_eq!(short, noise(size)[..size - 10]);
        assert_eq!(ask(&ledger, get(&server.url("/right"))).await.unwrap().1, b"right");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_asked_again_when_it_says() {
    let server = Server::start(|seen| match (&*seen.target, seen.before) {
        ("/soon", 0) => reply(503, &[("Retry-After", "1")], b"busy"),
        ("/often", 0) => reply(429, &[], b"slow down"),
        ("/often", 1) => reply(408, &[], b"slow down"),
        ("/never", _) => reply(502, &[], b"bad"),
        ("/tomorrow", _) => reply(429, &[("Retry-After", "86400")], b"quota"),
        ("/unknown", _) => reply(501, &[], b"what"),
        ("/limit", _) => reply(403, &[("X-RateLimit-Remaining", "0")], b"limit"),
        _ => reply(200, &[], b"ready"),
    });
    let place = Place::new();
    let ledger = place.recording();
    let start = Instant::now();
    assert_eq!(ask(&ledger, get(&server.url("/soon"))).await.unwrap().1, b"ready");
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(ask(&ledger, get(&server.url("/often"))).await.unwrap().1, b"ready");
    for (path, words, tries) in [
        ("/never", "502 Bad Gateway", 3),
        ("/tomorrow", "429 Too Many Requests", 1),
        ("/unknown", "501 Not Implemented", 1),
        ("/limit", "403 Forbidden: its limit of requests is used up", 1),
    ] {
        let refusal = ask(&ledger, get(&server.url(path))).await.unwrap_err();
        assert_eq!(upstream_words(&refusal), words);
        assert_eq!(refusal.target, server.url(path));
        assert_eq!(server.seen().iter().filter(|seen| seen.target == path).count(), tries);
    }
    assert_eq!(ledger.exchanges().len(), 2);
    assert_eq!(place.blobs(), [Digest::of(b"ready").hex()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_speak_http_or_not_at_all_is_refused() {
    let server = Server::start(|_| vec![Act::Send(b"220 smtp.example\r\n".to_vec()), Act::Close]);
    let place = Place::new();
    let ledger = place.recording();
    let refusal = ask(&ledger, get(&server.url("/"))).await.unwrap_err();
    assert!(upstream_words(&refusal).contains("HTTP"), "{refusal:?}");
    assert_eq!(server.seen().len(), 1);
    // Nobody listens at a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refusal = ask(&ledger, get(&format!("http://{free}/"))).await.unwrap_err();
    assert!(upstream_words(&refusal).contains("refused"), "{refusal:?}");
    let refusal = ask(&ledger, get("ftp://a.example/x")).await.unwrap_err();
    assert!(matches!(refusal.reason, RefusalReason::Unsupported(_)));
}

/// A file system of one mebibyte; none where it may not be mounted.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(place: &Place) -> Option<Self> {
        let path = place.folder.path().join("small");
        std::fs::create_dir(&path).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "small"])
            .arg(&path)
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(path)),
            _ => None,
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(&self.0).status().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_leaves_nothing() {
    let outer = Place::new();
    let Some(small) = Small::mount(&outer) else {
        println!("skipped: a small file system can be mounted by root only");
        return;
    };
    {
        let server = Server::start(|seen| match &*seen.target {
            "/large" => reply(200, &[], &noise(4 << 20)),
            _ => reply(200, &[], &noise(200_000)),
        });
        let store = Store::open(&small.0).unwrap();
        let options = Options { store: store.clone(), ..outer.options(Mode::Record, Vec::new()) };
        let ledger = open(options);
        let visitor = Visitor::new("1");
        // It may be full before the client has the head.
        if let Ok(answer) = ledger.answer(&visitor, get(&server.url("/large"))).await {
            assert!(read(answer).await.unwrap_err().len() < 1 << 20);
        }
        visitor.settle().await;
        let refusals = visitor.traffic().refusals;
        assert!(
            matches!(&refusals[0].reason, RefusalReason::Store(words) if words.contains("No space left")),
            "{refusals:?}"
        );
        assert!(super::list(&small.0.join("blobs/sha256")).is_empty());
        // There is room again.
        assert_eq!(ask(&ledger, get(&server.url("/"))).await.unwrap().1, noise(200_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_removed_is_said() {
    let server = Server::start(|seen| match &*seen.target {
        "/small" => reply(200, &[], b"small"),
        _ => reply(200, &[], &noise(200_000)),
    });
    let place = Place::new();
    let ledger = place.recording();
    ask(&ledger, get(&server.url("/large"))).await.unwrap();
    std::fs::remove_dir_all(place.folder.path().join("store")).unwrap();
    for path in ["/large", "/large?2", "/small"] {
        let refusal =
            ask(&ledger, get(&server.url(path.trim_end_matches("?2")))).await.unwrap_err();
        assert!(matches!(refusal.reason, RefusalReason::Store(_)), "{refusal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_its_downloads() {
    let server = Server::start(|seen| {
        let half = [head(200, &[("ETag", "\"e\"")], 200_000).as_bytes(), &noise(100_000)].concat();
        match &*seen.target {
            "/stalls" => vec![Act::Send(half), Act::Wait(PATIENCE)],
            _ => reply(503, &[("Retry-After", "2")], b""),
        }
    });
    let (place, visitor) = (Place::new(), Visitor::new("1"));
    let ledger = place.recording();
    let answer = ledger.answer(&visitor, get(&server.url("/stalls"))).await.unwrap();
    let start = Instant::now();
    let cancelled = Arc::clone(&place.cancelled);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancelled.store(true, Ordering::Relaxed);
    });
    let waiting = ask(&ledger, get(&server.url("/waits"))).await.unwrap_err();
    assert_eq!(upstream_words(&waiting), "stopped on demand");
    read(answer).await.unwrap_err();
    visitor.settle().await;
    assert_eq!(upstream_words(&visitor.traffic().refusals[0]), "stopped on demand");
    assert!(start.elapsed() < Duration::from_millis(1500));
    assert!(place.blobs().is_empty());
}

//! What is asked of upstream, what is recorded, and who gets it.

use super::super::super::answer::{Body, Progress};
use super::super::super::exchange::{Origin, RefusalReason};
use super::super::super::visitor::Visitor;
use super::server::{Act, Server, head, reply};
use super::{PATIENCE, Place, ask, asked, get, noise, origins, read};
use crate::oci::Digest;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_is_frozen() {
    let server = Server::start(|seen| reply(200, &[], format!("{}", seen.before).as_bytes()));
    let (place, visitor) = (Place::new(), Visitor::new("1"));
    let ledger = place.recording();
    let url = server.url("/g%2b%2b?b=1&a=2");
    for spelled in [&url, &server.url("/g++?a=2&b=1"), &url] {
        let answer = ledger.answer(&visitor, get(spelled)).await.unwrap();
        assert_eq!(read(answer).await.unwrap(), b"0");
    }
    assert_eq!(origins(&visitor), [Origin::Fetched]);
    let other = Visitor::new("2");
    ledger.answer(&other, get(&url)).await.unwrap();
    assert_eq!(origins(&other), [Origin::Frozen]);
    // As the client wrote it: some servers take a `+` for a blank.
    assert_eq!(server.seen().len(), 1);
    assert_eq!(server.seen()[0].target, "/g%2b%2b?b=1&a=2");
    let exchanges = ledger.exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].key.url, server.url("/g++?a=2&b=1"));
    assert_eq!(exchanges[0].content.digest, Digest::of(b"0"));
    assert_eq!(place.blobs(), [Digest::of(b"0").hex()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_object_is_asked_for_and_the_client_is_let_through() {
    let server = Server::start(|_| {
        let headers = [
            ("Content-Type", "text/plain"),
            ("ETag", "\"e\""),
            ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("Link", "<x>; rel=next"),
            ("Set-Cookie", "a=b"),
            ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("X-Served-By", "cache"),
        ];
        reply(200, &headers, b"body")
    });
    let place = Place::new();
    let ledger = place.recording();
    let headers = [
        ("host", "other.example"),
        ("user-agent", "curl/8"),
        ("authorization", "Bearer 0123456789"),
        ("cookie", "session=0123456789"),
        ("accept-encoding", "gzip, br"),
        ("range", "bytes=1-2"),
        ("if-range", "\"e\""),
        ("if-none-match", "\"e\""),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic eA=="),
        ("expect", "100-continue"),
    ];
    let (status, body) =
        ask(&ledger, asked("HEAD", &server.url("/"), &headers, b"")).await.unwrap();
    assert_eq!((status, &*body), (200, &b"body"[..]));
    let seen = server.seen().remove(0);
    assert_eq!(seen.method, "GET");
    let mut names: Vec<&str> = seen.headers.keys().map(String::as_str).collect();
    names.retain(|name| *name != "accept");
    assert_eq!(names, ["accept-encoding", "authorization", "cookie", "host", "user-agent"]);
    assert_eq!(seen.headers["accept-encoding"], "identity");
    assert_eq!(seen.headers["host"], server.address);
    let head = ledger.exchanges().remove(0).head;
    assert_eq!(head.media_type.as_deref(), Some("text/plain"));
    assert_eq!((head.etag.as_deref(), head.modified), (Some("\"e\""), Some(784_111_777)));
    assert_eq!(
        head.others.into_iter().collect::<Vec<_>>(),
        [("link".into(), "<x>; rel=next".into())]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_credentials_bring_takes_the_place_of_a_challenge() {
    for status in [401, 403, 404] {
        let server = Server::start(move |seen| match seen.headers.get("authorization") {
            Some(_) => reply(200, &[], b"secret page"),
            None => reply(status, &[("WWW-Authenticate", "Basic realm=\"r\"")], b"who?"),
        });
        let (place, visitor) = (Place::new(), Visitor::new("1"));
        let ledger = place.recording();
        let url = server.url("/x");
        let answer = ledger.answer(&visitor, get(&url)).await.unwrap();
        assert_eq!(answer.head.status, status);
        assert_eq!(answer.head.others["www-authenticate"], "Basic realm=\"r\"");
        assert_eq!(ledger.exchanges()[0].head.status, status);
        let with = asked("GET", &url, &[("authorization", "Basic dXNlcjpwYXNzd29yZA==")], b"");
        assert_eq!(ask(&ledger, with).await.unwrap().1, b"secret page");
        // From now on for everybody.
        let answer = ledger.answer(&visitor, get(&url)).await.unwrap();
        assert_eq!(answer.head.status, 200);
        assert_eq!(server.seen().len(), 2);
        assert_eq!(ledger.exchanges()[0].head.status, 200);
        if status != 404 {
            assert_eq!(visitor.traffic().uses[0].exchange.head.status, 200);
        }
        let locked = place.locked(ledger.exchanges());
        assert_eq!(ask(&locked, get(&url)).await.unwrap().0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_something_is_not_there_is_a_fact() {
    let server = Server::start(|seen| match &*seen.target {
        "/gone" => reply(410, &[], b"gone"),
        _ => reply(404, &[], b"not found"),
    });
    let place = Place::new();
    let ledger = place.recording();
    for _ in 0..2 {
        assert_eq!(ask(&ledger, get(&server.url("/gone"))).await.unwrap(), (410, b"gone".to_vec()));
        assert_eq!(ask(&ledger, get(&server.url("/x"))).await.unwrap().0, 404);
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_facts_unless_they_expire() {
    let files = Server::start(|_| reply(200, &[("Content-Type", "x/y")], b"file"));
    let target = files.url("/f?X-Amz-Signature=0123&id=7");
    let server = Server::start(move |seen| match (&*seen.target, seen.headers.get("cookie")) {
        ("/plain", _) => reply(302, &[("Location", "/there?x=1#top")], b"<html>1763000000</html>"),
        ("/signed", _) => reply(307, &[("Location", &target)], b"moved"),
        ("/again", None) => {
            reply(302, &[("Location", "/again"), ("Set-Cookie", "c=d; Path=/")], b"")
        }
        ("/again", Some(_)) => reply(200, &[], b"with a cookie"),
        ("/loop", _) => reply(302, &[("Location", "/loop")], b""),
        _ => reply(404, &[], b""),
    });
    let place = Place::new();
    let ledger = place.recording();
    let visitor = Visitor::new("1");
    let answer = ledger.answer(&visitor, get(&server.url("/plain"))).await.unwrap();
    assert_eq!(answer.head.location.as_deref(), Some("/there?x=1#top"));
    assert_eq!(read(answer).await.unwrap(), b"");
    let with = [("authorization", "Bearer 0123456789")];
    let signed = asked("GET", &server.url("/signed"), &with, b"");
    assert_eq!(ask(&ledger, signed).await.unwrap(), (200, b"file".to_vec()));
    assert!(!files.seen()[0].headers.contains_key("authorization"));
    assert_eq!(ask(&ledger, get(&server.url("/again"))).await.unwrap().1, b"with a cookie");
    let refusal = ask(&ledger, get(&server.url("/loop"))).await.unwrap_err();
    assert!(
        matches!(&refusal.reason, RefusalReason::Upstream(words) if words.contains("redirects"))
    );
    let urls: Vec<String> = ledger.exchanges().into_iter().map(|it| it.key.url).collect();
    assert_eq!(urls, [server.url("/again"), server.url("/plain"), server.url("/signed")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_builder_fetches_follows_redirects() {
    let server = Server::start(|seen| match &*seen.target {
        "/a" => reply(301, &[("Location", "/b")], b""),
        "/b" => reply(200, &[], &noise(1 << 20)),
        _ => reply(404, &[], b""),
    });
    let (place, visitor) = (Place::new(), Visitor::new("1"));
    let ledger = place.recording();
    let exchange = ledger.fetch(&visitor, &server.url("/a").parse().unwrap()).await.unwrap();
    assert_eq!(exchange.key.url, server.url("/b"));
    assert_eq!(place.store.size(&exchange.content.digest).unwrap(), 1 << 20);
    assert_eq!(visitor.traffic().uses.len(), 2);
    let missing = ledger.fetch(&visitor, &server.url("/c").parse().unwrap()).await.unwrap();
    assert_eq!(missing.head.status, 404);
    let locked = place.locked(ledger.exchanges());
    let again = locked.fetch(&visitor, &server.url("/a").parse().unwrap()).await.unwrap();
    assert_eq!(again, exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_requests_are_part_of_what_is_asked() {
    let server = Server::start(|seen| reply(200, &[], &[b"got ", &*seen.body].concat()));
    let place = Place::new();
    let ledger = place.recording();
    for body in ["a", "b", "a"] {
        let post = asked("POST", &server.url("/"), &[], body.as_bytes());
        assert_eq!(ask(&ledger, post).await.unwrap().1, format!("got {body}").as_bytes());
    }
    assert_eq!(server.seen().len(), 2);
    assert_eq!(ledger.exchanges().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_answered_by_rule() {
    let server = Server::start(|_| reply(200, &[], b"found 17 vulnerabilities"));
    let place = Place::new();
    let ledger = place.recording();
    let visitor = Visitor::new("1");
    let agent = [("user-agent", "npm/11.0.0")];
    let audit = server.url("/-/npm/v1/security/advisories/bulk");
    let answer = ledger.answer(&visitor, asked("POST", &audit, &agent, b"{}")).await.unwrap();
    assert_eq!(read(answer).await.unwrap(), b"{}");
    assert_eq!(origins(&visitor), [Origin::Rule("npm-audit")]);
    assert!(server.seen().is_empty() && ledger.exchanges().is_empty());
    // The same request may be made for a result, so only a locked build answers it by rule.
    let check = asked("GET", &server.url("/npm"), &agent, b"");
    assert_eq!(ask(&ledger, check.clone()).await.unwrap().0, 200);
    assert_eq!(ask(&place.locked(Vec::new()), check.clone()).await.unwrap().0, 404);
    assert_eq!(ask(&place.locked(ledger.exchanges()), check).await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_equal_requests_are_one() {
    let body = noise(300_000);
    let sent = body.clone();
    let server = Server::start(move |_| reply(200, &[], &sent));
    let place = Place::new();
    let ledger = place.recording();
    let visitor = Visitor::new("1");
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let (ledger, visitor) = (Arc::clone(&ledger), Arc::clone(&visitor));
            let asked = get(&server.url("/x"));
            tokio::spawn(async move {
                let answer = ledger.answer(&visitor, asked).await.unwrap();
                Digest::of(&read(answer).await.unwrap())
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Digest::of(&body));
    }
    visitor.settle().await;
    assert_eq!(server.seen().len(), 1);
    assert_eq!(origins(&visitor), [Origin::Fetched]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_served_while_it_comes_in_and_recorded_though_nobody_waits() {
    let body = noise(200_000);
    let (go, wait) = channel();
    let (sent, wait) = (body.clone(), Arc::new(Mutex::new(wait)));
    let server = Server::start(move |_| {
        let first = [head(200, &[], sent.len()).as_bytes(), &sent[..70_000]].concat();
        vec![Act::Send(first), Act::Await(Arc::clone(&wait)), Act::Send(sent[70_000..].to_vec())]
    });
    let (place, visitor) = (Place::new(), Visitor::new("1"));
    let ledger = place.recording();
    let answer = ledger.answer(&visitor, get(&server.url("/x"))).await.unwrap();
    let Body::Growing(mut growing) = answer.body else { panic!("{:?}", answer.body) };
    assert_eq!(growing.size, Some(200_000));
    let half = growing.progress.wait_for(|progress| *progress == Progress::Written(70_000));
    tokio::time::timeout(PATIENCE, half).await.unwrap().unwrap();
    let mut first = vec![0; 70_000];
    std::os::unix::fs::FileExt::read_exact_at(&*growing.file, &mut first, 0).unwrap();
    assert_eq!(first, body[..70_000]);
    drop(growing);
    assert!(visitor.traffic().uses.is_empty());
    go.send(()).unwrap();
    tokio::time::timeout(PATIENCE, visitor.settle()).await.unwrap();
    assert_eq!(visitor.traffic().uses[0].exchange.content.digest, Digest::of(&body));
    assert_eq!(ask(&ledger, get(&server.url("/x"))).await.unwrap().1, body);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_and_codings_arrive_as_they_are() {
    let body = noise(100_000);
    let chunks: Vec<u8> = body
        .chunks(30_000)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .collect();
    let server = Server::start(move |seen| match &*seen.target {
        "/chunks" => {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            vec![Act::Send([head, &*chunks, b"0\r\n\r\n"].concat())]
        }
        _ => reply(200, &[("Content-Encoding", "gzip")], b"\x1f\x8b as it is"),
    });
    let place = Place::new();
    let ledger = place.recording();
    assert_eq!(ask(&ledger, get(&server.url("/chunks"))).await.unwrap().1, body);
    assert_eq!(ask(&ledger, get(&server.url("/x.tgz"))).await.unwrap().1, b"\x1f\x8b as it is");
    let coded = ledger.exchanges().into_iter().find(|it| it.key.url.ends_with("/x.tgz")).unwrap();
    assert_eq!(coded.head.others["content-encoding"], "gzip");
}

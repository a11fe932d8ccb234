//! Requests as no library writes them, and connections that are no HTTP.

use super::*;
use tokio::net::TcpSocket;

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let fixture = Fixture::new("deb.example:80").await;
    let requests: String = ["slow", "a", "large", "b"]
        .map(|path| format!("GET /{path} HTTP/1.1\r\nHost: deb.example\r\n\r\n"))
        .concat();
    let mut stream = fixture.connect().await;
    stream.write_all(requests.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    let text = String::from_utf8_lossy(&response);
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 4);
    let places = ["slow", "GET http://deb.example/a", "GET http://deb.example/b"]
        .map(|body| text.find(&format!("\r\n\r\n{body}")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert!(places[2] - places[1] > LARGE);
    assert_eq!(
        fixture.urls(),
        ["slow", "a", "large", "b"].map(|path| format!("GET http://deb.example/{path}"))
    );
}

#[tokio::test]
async fn old_clients_and_sloppy_ones() {
    let fixture = Fixture::new("deb.example:80").await;
    let text = fixture.exchange("GET /old HTTP/1.0\r\n\r\n").await;
    assert!(text.ends_with("\r\n\r\nGET http://deb.example/old"), "{text}");
    let text = fixture.exchange("\r\n\r\nGET /lines HTTP/1.1\r\nHost: deb.example\r\n\r\n").await;
    assert!(text.ends_with("\r\n\r\nGET http://deb.example/lines"), "{text}");
    let h2c = "GET /java HTTP/1.1\r\nHost: deb.example\r\nConnection: Upgrade, HTTP2-Settings\r\n\
               Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n";
    let text = fixture.exchange(h2c).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert_eq!(fixture.refusals(), []);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused() {
    for (wanted, request, status, target) in [
        (
            "deb.example:80",
            "GET /chat?token=secret HTTP/1.1\r\nHost: deb.example\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n",
            "501",
            "http://deb.example/chat",
        ),
        (
            "deb.example:80",
            "POST /x HTTP/1.1\r\nHost: deb.example\r\nContent-Length: 67108865\r\nExpect: 100-continue\r\n\r\n",
            "413",
            "http://deb.example/x",
        ),
        (
            "deb.example:80",
            "OPTIONS * HTTP/1.1\r\nHost: deb.example\r\n\r\n",
            "400",
            "deb.example:80",
        ),
        ("", "GET / HTTP/1.0\r\n\r\n", "400", "an address that was not seen"),
        ("deb.example:80", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "400", "deb.example:80"),
        ("deb.example:80", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "deb.example:80"),
    ] {
        let fixture = Fixture::new(wanted).await;
        let text = fixture.exchange(request).await;
        assert_eq!(text.split(' ').nth(1).unwrap_or_default(), status, "{request} {text}");
        let [refusal] = &fixture.refusals()[..] else { panic!("{:?}", fixture.refusals()) };
        assert_eq!(refusal.target, target);
        assert!(matches!(refusal.reason, RefusalReason::Unsupported(_)), "{refusal:?}");
        assert_eq!(fixture.urls(), [""; 0]);
    }
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    let fixture = Fixture::new("deb.example:80").await;
    let mut stream = fixture.connect().await;
    let head = "POST /x HTTP/1.1\r\nHost: deb.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move {
        let chunk = [&b"100000\r\n"[..], &vec![b'x'; 0x10_0000], b"\r\n"].concat();
        for _ in 0..70 {
            if writing.write_all(&chunk).await.is_err() {
                break;
            }
        }
    });
    let mut response = vec![0; 12];
    reading.read_exact(&mut response).await.unwrap();
    assert_eq!(response, b"HTTP/1.1 413");
    sending.abort();
    assert_eq!(fixture.refusals().len(), 1);
}

#[tokio::test]
async fn other_protocols_are_refused() {
    for (wanted, says) in [
        ("git.example:22", ""),
        ("mail.example:25", ""),
        ("db.example:5432", "\0\0\0\u{8}\u{4}"),
        ("git.example:9418", "0032git-upload-pack"),
        ("ssh.example:443", "SSH-2.0-x\r\n"),
    ] {
        let fixture = Fixture::new(wanted).await;
        let mut stream = fixture.connect().await;
        stream.write_all(says.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        // Not shut down: the server must end it, by a reset where it has not read all.
        drop(stream.read_to_end(&mut response).await);
        assert_eq!(response, b"");
        let expected = Refusal { target: wanted.to_owned(), reason: RefusalReason::NotHttp };
        assert_eq!(fixture.refusals(), [expected]);
    }
}

#[tokio::test]
async fn the_silent_are_refused_but_not_who_leaves() {
    let fixture = Fixture::new("db.example:1521").await;
    let start = std::time::Instant::now();
    let mut stream = fixture.connect().await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(start.elapsed() >= PATIENCE);
    assert_eq!(fixture.refusals().len(), 1);
    drop(fixture.connect().await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(fixture.refusals().len(), 1);
}

#[tokio::test]
async fn tunnels_end_somewhere() {
    let fixture = Fixture::new("proxy.example:3128").await;
    let mut stream = fixture.connect().await;
    for depth in 0..=DEPTH_MAX {
        let connect = format!("CONNECT p{depth}.example:3128 HTTP/1.1\r\n\r\n");
        stream.write_all(connect.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            response.push(stream.read_u8().await.unwrap());
        }
        let status = if depth < DEPTH_MAX { "HTTP/1.1 200" } else { "HTTP/1.1 501" };
        let response = String::from_utf8_lossy(&response);
        assert!(response.starts_with(status), "{depth}: {response}");
    }
    assert_eq!(fixture.refusals().len(), 1);
    let bad = fixture.exchange("CONNECT nowhere HTTP/1.1\r\n\r\n").await;
    assert!(bad.starts_with("HTTP/1.1 400"), "{bad}");
}

#[tokio::test]
async fn what_was_asked_is_answered_though_the_client_has_gone() {
    let fixture = Fixture::new("deb.example:80").await;
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: deb.example\r\n\r\n").await.unwrap();
    while fixture.urls().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    fixture.entrance.close().await;
    assert_eq!(*fixture.world.answered.lock().unwrap(), 1);
}

/// A body goes from the disk to the client, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_costs_no_memory() {
    const SIZE: u64 = 1 << 30;
    let fixture = Fixture::new("deb.example:80").await;
    let path = fixture.folder.path().join("huge");
    File::create(&path).unwrap().set_len(SIZE).unwrap();
    *fixture.world.huge.lock().unwrap() = Some((path, SIZE));
    let before = resident_bytes();
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /huge HTTP/1.1\r\nHost: deb.example\r\n\r\n").await.unwrap();
    let mut start = [0; 17];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK\r\n");
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let more = resident_bytes().saturating_sub(before);
        assert!(more < SIZE / 4, "{more} bytes");
    }
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn closing_does_not_wait_for_idle_clients() {
    let fixture = Fixture::new("deb.example:80").await;
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: deb.example\r\n\r\n").await.unwrap();
    let silent = fixture.connect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = std::time::Instant::now();
    fixture.entrance.close().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    assert!(response.ends_with(b"GET http://deb.example/a"));
    drop(silent);
}

#[tokio::test]
async fn destinations_decide() {
    let fixture = Fixture::new("unused.example:80").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let destinations = Destinations::default();
    let entrance = Arc::clone(&fixture.entrance);
    let listening = tokio::spawn(listen(listener, destinations.clone(), entrance, Arc::new(|| {})));
    let deb = fixture.entrance.names().address_of("deb.example").unwrap();
    for (wanted, expected) in [
        (SocketAddr::from((deb, 80)), "http://deb.example/"),
        ("203.0.113.9:8080".parse().unwrap(), "http://203.0.113.9:8080/"),
    ] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let from = socket.local_addr().unwrap();
        destinations.while_connecting(|map| map.insert(from, wanted));
        let mut stream = socket.connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.ends_with(&format!("GET {expected}")), "{response}");
    }
    listening.abort();
}

#[tokio::test]
async fn names_are_answered_on_any_server() {
    let fixture = Fixture::new("192.0.2.53:53").await;
    let mut stream = fixture.connect().await;
    let query = b"\x00\x1d\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03deb\x07example\x00\x00\x01\x00\x01";
    stream.write_all(query).await.unwrap();
    let size = stream.read_u16().await.unwrap();
    let mut response = vec![0; usize::from(size)];
    stream.read_exact(&mut response).await.unwrap();
    let address = fixture.entrance.names().address_of("deb.example").unwrap();
    assert!(response.ends_with(&address.octets()));
}

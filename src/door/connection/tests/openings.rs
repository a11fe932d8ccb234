//! First bytes.

use super::*;
use proptest::prelude::*;

async fn opening(bytes: &[u8]) -> (String, Vec<u8>) {
    let (opening, mut rest) = opening::open(bytes, Some(Duration::from_secs(5))).await;
    let mut read = Vec::new();
    rest.read_to_end(&mut read).await.unwrap();
    (format!("{opening:?}"), read)
}

#[tokio::test]
async fn what_clients_say_first() {
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "Http"),
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "Http"),
        (b"GET http://deb.example/ HTTP/1.1\r\n", "Http"),
        (b"CONNECT deb.example:443 HTTP/1.1\r\n", "Http"),
        (b"OPTIONS * HTTP/1.1\r\n", "Http"),
        (b"PROPFIND /svn HTTP/1.1\r\n", "Http"),
        (b"VERSION-CONTROL /svn HTTP/1.1\r\n", "Http"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "Http2"),
        (b"\x16\x03\x01\x02\x00\x01", "Tls"),
        (b"\x16", "Tls"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "Foreign"),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "Foreign"), // PostgreSQL
        (b"0032git-upload-pack /x\0host=y\0", "Foreign"),
        (b"@RSYNCD: 31.0\n", "Foreign"),
        (b"*1\r\n$4\r\nPING\r\n", "Foreign"), // Redis
        (b"PING\r\n", "Foreign"),
        (b"NICK someone\r\n", "Foreign"),
        (b"EHLO deb.example\r\n", "Foreign"),
        (b"get / http/1.1\r\n", "Foreign"),
        (b" GET /", "Foreign"),
        (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "Foreign"),
        (b"GE", "Foreign"),
        (b"\r\n", "Foreign"),
        (b"", "Closed"),
    ] {
        let (seen, read) = opening(bytes).await;
        assert_eq!(seen, expected, "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!(read, bytes, "nothing is lost");
    }
}

#[tokio::test]
async fn byte_by_byte() {
    let (mut client, server) = tokio::io::duplex(1);
    let writing = tokio::spawn(async move {
        client.write_all(b"GET /x").await.unwrap();
        client
    });
    let (opening, mut rest) = opening::open(server, Some(Duration::from_secs(5))).await;
    assert!(matches!(opening, Opening::Http));
    drop(writing);
    let mut read = vec![0; 4];
    rest.read_exact(&mut read).await.unwrap();
    assert_eq!(read, b"GET ");
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let (mut client, server) = tokio::io::duplex(64);
    client.write_all(b"GE").await.unwrap();
    let (opening, _) = opening::open(server, Some(Duration::from_millis(20))).await;
    assert!(matches!(opening, Opening::Silent));
}

proptest! {
    #[test]
    fn nothing_is_lost_whatever_it_is(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (_, read) = runtime.block_on(opening(&bytes));
        prop_assert_eq!(read, bytes);
    }
}

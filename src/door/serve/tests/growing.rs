//! Bodies that are served while they come in.

use super::*;
use crate::door::answer::Growing;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Somebody who writes a body.
struct Writer {
    file: Arc<File>,
    progress: watch::Sender<Progress>,
    written: u64,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) {
        self.file.write_all_at(bytes, self.written).unwrap();
        self.written += bytes.len() as u64;
        self.progress.send_replace(Progress::Written(self.written));
    }

    fn complete(self) {
        self.progress.send_replace(Progress::Complete(self.written));
    }
}

fn growing(size: Option<u64>) -> (Writer, Answer) {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let (sender, receiver) = watch::channel(Progress::Written(0));
    let writer = Writer { file: Arc::clone(&file), progress: sender, written: 0 };
    let body = Body::Growing(Growing { file, size, progress: receiver });
    (writer, Answer { head: head(), body })
}

async fn begun(request: &Parts, answer: Answer) -> Response<Served> {
    response(request, answer, &Buffers::default()).await.unwrap()
}

/// The next piece; it must be there.
async fn piece(body: &mut Served) -> Option<Vec<u8>> {
    use bytes::Buf as _;
    let frame = timeout(Duration::from_secs(10), body.frame()).await.expect("a piece in time")?;
    let piece = frame.unwrap().into_data().unwrap();
    Some(piece.chunk().to_vec())
}

async fn nothing_yet(body: &mut Served) {
    assert!(timeout(Duration::from_millis(50), body.frame()).await.is_err());
}

#[tokio::test]
async fn pieces_are_served_as_they_come() {
    for size in [Some(6), None] {
        let (mut writer, answer) = growing(size);
        let response = begun(&get(&[]), answer).await;
        let length =
            response.headers().get("content-length").map(|length| length.to_str().unwrap());
        assert_eq!(length, size.map(|_| "6"));
        let mut body = response.into_body();
        nothing_yet(&mut body).await;
        writer.write(b"abc");
        assert_eq!(piece(&mut body).await.unwrap(), b"abc");
        nothing_yet(&mut body).await;
        writer.write(b"def");
        writer.complete();
        assert_eq!(piece(&mut body).await.unwrap(), b"def");
        assert_eq!(piece(&mut body).await, None);
    }
}

#[tokio::test]
async fn a_body_that_fails_breaks_off() {
    for size in [Some(6), None] {
        for gone in [false, true] {
            let (mut writer, answer) = growing(size);
            let mut body = begun(&get(&[]), answer).await.into_body();
            writer.write(b"abc");
            assert_eq!(piece(&mut body).await.unwrap(), b"abc");
            if !gone {
                writer.progress.send_replace(Progress::Failed);
            }
            drop(writer);
            assert!(body.frame().await.unwrap().is_err());
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_too_early_breaks_off() {
    let (mut writer, answer) = growing(Some(6));
    let body = begun(&get(&[]), answer).await.into_body();
    writer.write(b"abc");
    writer.complete();
    assert!(body.collect().await.is_err());
}

#[tokio::test]
async fn a_range_waits_for_what_it_needs_only() {
    let (mut writer, answer) = growing(Some(1000));
    let response = begun(&get(&[("range", "bytes=1-2,4-5")]), answer).await;
    assert_eq!(response.status(), 206);
    let mut body = response.into_body();
    assert!(piece(&mut body).await.unwrap().starts_with(b"\r\n--rlock"));
    nothing_yet(&mut body).await;
    writer.write(b"abcdef");
    assert_eq!(piece(&mut body).await.unwrap(), b"bc");
    piece(&mut body).await.unwrap();
    assert_eq!(piece(&mut body).await.unwrap(), b"ef");
    assert!(piece(&mut body).await.unwrap().ends_with(b"--\r\n"));
    assert_eq!(piece(&mut body).await, None, "though 994 bytes have not come");
}

#[tokio::test]
async fn who_needs_the_size_waits_for_it() {
    let old = {
        let mut request = get(&[]);
        request.version = Version::HTTP_10;
        request
    };
    let ranged = get(&[("range", "bytes=-2")]);
    for (request, status, content) in
        [(asked(Method::HEAD, &[]), 200, &b""[..]), (old, 200, b"abcdef"), (ranged, 206, b"ef")]
    {
        let (mut writer, answer) = growing(None);
        let serving = tokio::spawn(async move { got(&request, answer).await });
        writer.write(b"abc");
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!serving.is_finished());
        writer.write(b"def");
        writer.complete();
        let got = serving.await.unwrap();
        assert_eq!((got.status, &got.body[..]), (status, content));
        assert_eq!(got.header("content-length"), Some(if status == 206 { "2" } else { "6" }));
    }
}

#[tokio::test]
async fn who_waits_for_the_size_of_what_fails_is_told() {
    let (writer, answer) = growing(None);
    writer.progress.send_replace(Progress::Failed);
    let error = response(&asked(Method::HEAD, &[]), answer, &Buffers::default()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn several_clients_read_one_body() {
    let (mut writer, answer) = growing(None);
    let Body::Growing(growing) = answer.body else { unreachable!() };
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let answer = Answer { head: head(), body: Body::Growing(growing.clone()) };
            tokio::spawn(async move { got(&get(&[]), answer).await.body })
        })
        .collect();
    let bytes = vec![7; 1_000_000];
    for chunk in bytes.chunks(33_333) {
        writer.write(chunk);
        tokio::task::yield_now().await;
    }
    writer.complete();
    for client in clients {
        assert!(client.await.unwrap()[..] == bytes[..]);
    }
}

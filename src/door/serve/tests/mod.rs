//! Responses made of answers: what RFC 9110 wants of them.

mod growing;
mod ranges;

use super::*;
use http::Request;
use http_body_util::BodyExt as _;
use std::io::Write as _;

const TEXT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const TIME: i64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A request of these headers.
fn asked(method: Method, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn get(headers: &[(&str, &str)]) -> Parts {
    asked(Method::GET, headers)
}

fn head() -> Head {
    Head {
        status: 200,
        media_type: Some("text/plain".to_owned()),
        modified: Some(TIME),
        etag: Some("\"one\"".to_owned()),
        ..Head::default()
    }
}

fn answer() -> Answer {
    Answer { head: head(), body: Body::Bytes(Bytes::from_static(TEXT)) }
}

/// An answer whose body is a file of these bytes.
fn file(bytes: &[u8]) -> (Answer, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let body = Body::File { path: file.path().to_owned(), size: bytes.len() as u64 };
    (Answer { head: head(), body }, file)
}

/// What a client gets.
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn got(request: &Parts, answer: Answer) -> Got {
    let response = response(request, answer, &Buffers::default()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if let Some(length) = parts.headers.get(header::CONTENT_LENGTH)
        && request.method != Method::HEAD
    {
        assert_eq!(length.to_str().unwrap(), body.len().to_string());
    }
    Got { status: parts.status.as_u16(), headers: parts.headers, body }
}

#[tokio::test]
async fn the_whole_of_it() {
    let (from_file, _file) = file(TEXT);
    for answer in [answer(), from_file] {
        let got = got(&get(&[]), answer).await;
        assert_eq!((got.status, &got.body[..]), (200, TEXT));
        assert_eq!(got.header("content-length"), Some("36"));
        assert_eq!(got.header("content-type"), Some("text/plain"));
        assert_eq!(got.header("last-modified"), Some(DATE));
        assert_eq!(got.header("etag"), Some("\"one\""));
        assert_eq!(got.header("accept-ranges"), Some("bytes"));
        assert_eq!(got.header("date"), None);
    }
}

#[tokio::test]
async fn head_has_all_but_the_body() {
    let (from_file, _file) = file(TEXT);
    for answer in [answer(), from_file] {
        let got = got(&asked(Method::HEAD, &[("range", "bytes=0-1")]), answer).await;
        assert_eq!((got.status, got.body.len()), (200, 0));
        assert_eq!(got.header("content-length"), Some("36"));
        assert_eq!(got.header("accept-ranges"), Some("bytes"));
    }
}

#[tokio::test]
async fn facts_are_served_as_they_are() {
    for status in [201, 301, 404, 410] {
        let head = Head {
            status,
            location: Some("http://deb.example/there".to_owned()),
            others: [("link", "<x>; rel=next"), ("date", "now"), ("transfer-encoding", "chunked")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..head()
        };
        let answer = Answer { head, body: Body::Bytes(Bytes::from_static(b"gone")) };
        let got = got(&get(&[("range", "bytes=0-1"), ("if-none-match", "*")]), answer).await;
        assert_eq!((got.status, &got.body[..]), (status, &b"gone"[..]));
        assert_eq!(got.header("location"), Some("http://deb.example/there"));
        assert_eq!(got.header("link"), Some("<x>; rel=next"));
        assert_eq!(got.header("transfer-encoding"), None);
        assert_eq!(got.header("date"), None);
    }
    let nothing = Answer { head: Head { status: 204, ..Head::default() }, ..answer() };
    let got = got(&get(&[]), nothing).await;
    assert_eq!((got.status, got.header("content-length"), got.body.len()), (204, None, 0));
}

#[tokio::test]
async fn headers_of_a_poisoned_lock_are_left_out() {
    let head = Head {
        media_type: Some("text/plain\r\nx-evil: 1".to_owned()),
        modified: Some(i64::MAX),
        others: [("bad name".to_owned(), "x".to_owned()), ("x".to_owned(), "a\nb".to_owned())]
            .into(),
        ..head()
    };
    let got = got(&get(&[]), Answer { head, ..answer() }).await;
    assert_eq!((got.status, got.headers.len()), (200, 3), "{:?}", got.headers);
}

#[tokio::test]
async fn conditions() {
    let served = 200;
    for (headers, expected) in [
        (&[("if-none-match", "\"one\"")][..], 304),
        (&[("if-none-match", "W/\"one\"")], 304),
        (&[("if-none-match", "\"zero\", \"a,b\" ,\"one\"")], 304),
        (&[("if-none-match", "\"zero\""), ("if-none-match", "\"one\"")], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"two\"")], served),
        (&[("if-none-match", "one")], served),
        (&[("if-none-match", "")], served),
        (&[("if-modified-since", DATE)], 304),
        // Later, as the mtime of a file in the image may be; earlier; not a date.
        (&[("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")], served),
        (&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], served),
        (&[("if-modified-since", "yesterday")], served),
        // The tag decides where there are both.
        (&[("if-none-match", "\"two\""), ("if-modified-since", DATE)], served),
        (&[("if-match", "\"one\"")], served),
        (&[("if-match", "*")], served),
        (&[("if-match", "\"two\"")], 412),
        (&[("if-match", "W/\"one\"")], 412),
        (&[("if-unmodified-since", DATE)], served),
        (&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], 412),
    ] {
        let got = got(&get(headers), answer()).await;
        assert_eq!(got.status, expected, "{headers:?}");
        assert_eq!(got.body.len(), if expected == served { TEXT.len() } else { 0 });
        if expected == 304 {
            assert_eq!(got.header("etag"), Some("\"one\""));
            assert_eq!(got.header("content-length"), None);
        }
    }
    let bare = || Head { status: 200, ..Head::default() };
    for headers in [[("if-none-match", "\"one\"")], [("if-modified-since", DATE)]] {
        let answer = Answer { head: bare(), ..answer() };
        assert_eq!(got(&get(&headers), answer).await.status, 200, "nothing to compare with");
    }
}

#[tokio::test]
async fn a_large_file_comes_whole() {
    let bytes: Vec<u8> =
        (0..3 * buffers::PIECE + 7).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
    let (answer, _file) = file(&bytes);
    let got = got(&get(&[]), answer).await;
    assert!(got.body[..] == bytes[..]);
}

#[tokio::test]
async fn a_file_that_is_shorter_than_it_should_be_breaks_off() {
    let (mut answer, file) = file(TEXT);
    answer.body = Body::File { path: file.path().to_owned(), size: 100 };
    let response = response(&get(&[]), answer, &Buffers::default()).await.unwrap();
    assert_eq!(response.headers()["content-length"], "100");
    assert!(response.into_body().collect().await.is_err());
    let missing =
        Answer { head: head(), body: Body::File { path: "/nonexistent/body".into(), size: 1 } };
    let error = super::response(&get(&[]), missing, &Buffers::default()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    use crate::door::exchange::{Refusal, RefusalReason};
    let target = "http://deb.example/x".to_owned();
    for (reason, status, says) in [
        (
            RefusalReason::NotLocked,
            504,
            "rlock: http://deb.example/x is not locked; run `rlock lock` or `rlock update`\n",
        ),
        (
            RefusalReason::Unavailable(vec!["a".to_owned(), "b".to_owned()]),
            504,
            "rlock: nobody has http://deb.example/x any more; tried: a, b\n",
        ),
        (
            RefusalReason::Upstream("timed out".to_owned()),
            502,
            "rlock: http://deb.example/x: timed out\n",
        ),
    ] {
        let response = refusal(&Refusal { target: target.clone(), reason });
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], says.as_bytes());
    }
}

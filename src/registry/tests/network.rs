//! Broken connections, slow servers, limits.

use super::fake::{Content, Fake, Received, head, reply};
use super::{Bench, amd64, honest, reference};
use crate::oci::{Descriptor, media_type};
use crate::registry::blob::{self, DownloadError};
use crate::registry::{Failure, RegistryError};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Serves `content`; requests for its first layer go to `bad` with their number, from 0.
fn flaky(
    content: &Content,
    bad: impl Fn(usize, &[u8], &Received, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> Fake {
    let (content, count) = (content.clone(), AtomicUsize::new(0));
    let layer = content.layers[0].to_string();
    Fake::start("127.0.0.1", move |request, stream| {
        if request.is_for(&layer) {
            let number = count.fetch_add(1, Ordering::SeqCst);
            return bad(number, &content.blobs[&layer], request, stream);
        }
        content.serve(request, stream)
    })
}

/// Serves `content`; the first `failures` requests for a manifest get this status.
fn failing(
    content: &Content,
    failures: usize,
    status: u16,
    headers: &'static [(&str, &str)],
) -> Fake {
    let (content, count) = (content.clone(), AtomicUsize::new(0));
    Fake::start("127.0.0.1", move |request, stream| {
        if request.is_for("/manifests/") && count.fetch_add(1, Ordering::SeqCst) < failures {
            return reply(stream, status, headers, b"<html>busy</html>");
        }
        content.serve(request, stream)
    })
}

/// Sends `bytes` of a body of `length` bytes, and breaks.
fn cut(stream: &mut TcpStream, status: u16, length: usize, bytes: &[u8]) -> io::Result<()> {
    head(stream, status, &[("Content-Length", &length.to_string())])?;
    stream.write_all(bytes)
}

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    let content = Content::new(&[500_000]);
    let served = content.clone();
    let fake = flaky(&content, move |number, blob, request, stream| match number {
        0 => cut(stream, 200, blob.len(), &blob[..200_000]),
        _ => served.serve(request, stream),
    });
    Bench::new().pull(&fake).unwrap();
    let layer = content.layers[0].to_string();
    let requests: Vec<_> = fake.received().into_iter().filter(|it| it.is_for(&layer)).collect();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].range(), requests[1].range()), (None, Some(200_000)));
}

#[test]
fn a_server_without_ranges_starts_over() {
    let content = Content::new(&[500_000]);
    let fake = flaky(&content, |number, blob, _, stream| match number {
        0 => cut(stream, 200, blob.len(), &blob[..300_000]),
        1 => cut(stream, 200, blob.len(), &blob[..100_000]),
        _ => reply(stream, 200, &[], blob),
    });
    Bench::new().pull(&fake).unwrap();
}

#[test]
fn a_server_with_wrong_ranges_is_asked_for_the_whole() {
    let content = Content::new(&[1000]);
    let fake = flaky(&content, |number, blob, request, stream| match (number, request.range()) {
        (0, _) => cut(stream, 200, blob.len(), &blob[..500]),
        (_, Some(_)) => reply(stream, 206, &[("Content-Range", "bytes 0-999/1000")], blob),
        (_, None) => reply(stream, 200, &[], blob),
    });
    Bench::new().pull(&fake).unwrap();
}

#[test]
fn a_server_that_refuses_ranges_is_asked_for_the_whole() {
    let content = Content::new(&[1000]);
    let fake = flaky(&content, |number, blob, request, stream| match (number, request.range()) {
        (0, _) => cut(stream, 200, blob.len(), &blob[..500]),
        (_, Some(_)) => reply(stream, 416, &[], b""),
        (_, None) => reply(stream, 200, &[], blob),
    });
    Bench::new().pull(&fake).unwrap();
}

#[test]
fn a_download_that_always_breaks_ends() {
    let content = Content::new(&[1000]);
    let fake = flaky(&content, |_, blob, request, stream| {
        let start = request.range().unwrap_or(0);
        let range = format!("bytes {start}-999/1000");
        let status = if start > 0 { 206 } else { 200 };
        head(
            stream,
            status,
            &[("Content-Range", &range), ("Content-Length", &(1000 - start).to_string())],
        )?;
        stream.write_all(&blob[start..=start])
    });
    let mut bench = Bench::new();
    bench.options.timing.resumes_max = 3;
    let error = bench.pull(&fake).unwrap_err();
    assert_eq!(error.failure(), Failure::Network, "{error}");
    assert_eq!(fake.count("GET", &content.layers[0].to_string()), 4);
    assert!(!bench.store().contains(&content.layers[0]));
}

#[test]
fn a_body_without_length_that_ends_early_goes_on() {
    let content = Content::new(&[1000]);
    let served = content.clone();
    let fake = flaky(&content, move |number, blob, request, stream| match number {
        0 => {
            head(stream, 200, &[])?;
            stream.write_all(&blob[..10])
        }
        _ => served.serve(request, stream),
    });
    Bench::new().pull(&fake).unwrap();
}

#[test]
fn a_broken_manifest_is_fetched_again() {
    let content = Content::new(&[10]);
    let (served, count) = (content.clone(), AtomicUsize::new(0));
    let fake = Fake::start("127.0.0.1", move |request, stream| {
        let is_manifest = request.is_for("/manifests/") && request.method == "GET";
        if is_manifest && count.fetch_add(1, Ordering::SeqCst) == 0 {
            return cut(stream, 200, 500, b"{");
        }
        served.serve(request, stream)
    });
    Bench::new().pull(&fake).unwrap();
}

#[test]
fn a_day_of_waiting_is_not_waited() {
    let fake = failing(&Content::new(&[1]), usize::MAX, 429, &[("Retry-After", "86400")]);
    let start = Instant::now();
    let error = Bench::new().resolve(&fake).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(error.failure(), Failure::Network);
    assert!(error.hint().unwrap().contains("86400 seconds"), "{:?}", error.hint());
    assert_eq!(fake.count("GET", "/manifests/"), 1, "once");
}

#[test]
fn short_waits_are_waited_and_server_errors_tried_again() {
    for (status, headers) in [
        (429, &[("Retry-After", "0")][..]),
        (429, &[]),
        (503, &[("Retry-After", "1")]),
        (500, &[]),
        (502, &[]),
        (504, &[]),
    ] {
        let content = Content::new(&[1]);
        let fake = failing(&content, 2, status, headers);
        let start = Instant::now();
        assert_eq!(Bench::new().resolve(&fake).unwrap().manifest, content.manifest);
        let waited = start.elapsed() >= Duration::from_secs(1);
        assert!(waited || headers != [("Retry-After", "1")], "{status}");
    }
}

#[test]
fn tries_are_limited() {
    let fake = failing(&Content::new(&[1]), usize::MAX, 500, &[]);
    let mut bench = Bench::new();
    bench.options.timing.retries_max = 2;
    let error = bench.resolve(&fake).unwrap_err();
    assert!(matches!(error, RegistryError::Status { status: 500, .. }), "{error}");
    assert_eq!(fake.count("GET", "/manifests/"), 3);
}

#[test]
fn what_cannot_get_better_is_not_tried_again() {
    for status in [400, 404, 405, 410, 418] {
        let fake = failing(&Content::new(&[1]), usize::MAX, status, &[]);
        Bench::new().resolve(&fake).unwrap_err();
        assert_eq!(fake.count("GET", "/manifests/"), 1, "{status}");
    }
}

#[test]
fn a_used_up_quota_is_not_tried_again() {
    let content = Content::new(&[1]);
    let fake = Fake::start("127.0.0.1", move |request, stream| {
        if request.is_for("/manifests/") {
            let body = br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
            return reply(stream, 429, &[("Retry-After", "1")], body);
        }
        content.serve(request, stream)
    });
    let error = Bench::new().resolve(&fake).unwrap_err();
    assert!(error.to_string().contains("pull rate limit"), "{error}");
    assert_eq!(fake.count("GET", "/manifests/"), 1);
}

#[test]
fn a_server_that_sends_nothing_is_given_up() {
    let content = Content::new(&[1]);
    let fake = Fake::start("127.0.0.1", move |request, stream| {
        if request.is_for("/manifests/") {
            std::thread::sleep(Duration::from_secs(30));
        }
        content.serve(request, stream)
    });
    let mut bench = Bench::new();
    bench.options.timing.read_timeout = Duration::from_millis(300);
    bench.options.timing.retries_max = 1;
    let start = Instant::now();
    let error = bench.resolve(&fake).unwrap_err();
    assert_eq!(error.failure(), Failure::Network, "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_server_that_trickles_is_given_up() {
    let content = Content::new(&[100_000]);
    let fake = flaky(&content, |_, blob, _, stream| {
        head(stream, 200, &[("Content-Length", &blob.len().to_string())])?;
        blob.iter().try_for_each(|byte| {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        })
    });
    let mut bench = Bench::new();
    bench.options.timing.pace_window = Duration::from_millis(500);
    bench.options.timing.resumes_max = 0;
    let error = bench.pull(&fake).unwrap_err();
    assert!(error.to_string().contains("too slowly"), "{error}");
}

#[test]
fn a_cancelled_download_ends_soon() {
    let content = Content::new(&[100_000]);
    let fake = flaky(&content, |_, blob, _, stream| {
        head(stream, 200, &[("Content-Length", &blob.len().to_string())])?;
        blob.iter().try_for_each(|byte| {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        })
    });
    let bench = Bench::new();
    let cancelled = std::sync::Arc::clone(&bench.options.cancelled);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancelled.store(true, Ordering::Relaxed);
    });
    let start = Instant::now();
    let error = bench.pull(&fake).unwrap_err();
    assert!(matches!(error, RegistryError::Cancelled), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_wait_can_be_cancelled() {
    let fake = failing(&Content::new(&[1]), usize::MAX, 503, &[("Retry-After", "50")]);
    let bench = Bench::new();
    let cancelled = std::sync::Arc::clone(&bench.options.cancelled);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancelled.store(true, Ordering::Relaxed);
    });
    let error = bench.client().resolve(&reference(&fake), &amd64()).unwrap_err();
    assert!(matches!(error, RegistryError::Cancelled), "{error}");
}

/// A plain registry at 0.0.0.0, which leads to this machine and is no loopback address.
fn plain_elsewhere() -> (Fake, String) {
    let content = Content::new(&[1]);
    let fake = Fake::start("0.0.0.0", move |request, stream| content.serve(request, stream));
    let text = format!("{}/a/b:c", fake.address);
    (fake, text)
}

#[test]
fn a_registry_elsewhere_is_never_asked_without_tls() {
    let (fake, text) = plain_elsewhere();
    let error = Bench::new().client().resolve(&text.parse().unwrap(), &amd64()).unwrap_err();
    assert!(matches!(error, RegistryError::NoTls { .. }), "{error}");
    let option = format!("--insecure-registry {}", fake.address);
    assert!(error.hint().unwrap().contains(&option), "{:?}", error.hint());
    assert!(fake.received().is_empty());
}

#[test]
fn a_registry_elsewhere_that_is_declared_insecure_is() {
    let (fake, text) = plain_elsewhere();
    let mut bench = Bench::new();
    bench.options.insecure = vec![fake.address.clone()];
    bench.client().resolve(&text.parse().unwrap(), &amd64()).unwrap();
}

/// Takes a number of bytes, then is full.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_is_full_is_not_the_registrys_fault() {
    let content = Content::new(&[500_000]);
    let fake = honest(&content);
    let client = Bench::new().client();
    let session = client.session(&reference(&fake)).unwrap();
    let descriptor = Descriptor {
        media_type: media_type::LAYER.to_owned(),
        digest: content.layers[0],
        size: 500_000,
        platform: None,
        annotations: BTreeMap::default(),
    };
    let outcome = blob::download(&session, &descriptor, &mut Full(100_000), &|_| {});
    let Err(DownloadError::Output(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(fake.count("GET", "/blobs/"), 1, "trying again would not help");
}

//! A service that speaks JSON, and what it may not do.

use super::fake::{Fake, Received, head, reply};
use crate::registry::{Documents, RegistryError, SizeLimits, Timing, service_address};
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LIMITS: SizeLimits = SizeLimits { one: 1000, all: 2500 };

fn at(address: &str) -> Documents {
    let timing = Timing {
        backoff: Duration::from_millis(2),
        read_timeout: Duration::from_millis(500),
        retries_max: 2,
        ..Timing::default()
    };
    let address = service_address(address).unwrap();
    Documents::at(&address, timing, Arc::default()).unwrap()
}

/// A service whose answers these are, and what it says to one document.
fn ask(
    handler: impl Fn(&Received, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> (Fake, Result<Vec<u8>, RegistryError>) {
    let fake = Fake::start("127.0.0.1", handler);
    let answer = at(&format!("http://{}", fake.address)).post("/v1/x", "{}", LIMITS);
    (fake, answer)
}

#[test]
fn documents_are_sent_and_fetched_below_the_address() {
    let fake = Fake::start("127.0.0.1", |request, stream| {
        reply(stream, 200, &[], request.target.as_bytes())
    });
    let service = at(&format!("http://{}/api/", fake.address));
    assert_eq!(service.post("/v1/x", "{\"a\":1}", LIMITS).unwrap(), b"/api/v1/x");
    let sent = fake.received().remove(0);
    assert_eq!((&*sent.method, &*sent.body), ("POST", "{\"a\":1}"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("authorization"), None);
    let paths: Vec<String> = (0..9).map(|number| format!("/{number}")).collect();
    let documents = service.get_all(&paths, LIMITS).unwrap();
    let expected: Vec<Vec<u8>> = paths.iter().map(|path| format!("/api{path}").into()).collect();
    assert_eq!(documents, expected, "in their order");
}

#[test]
fn a_busy_service_is_asked_again_as_it_says() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (_fake, answer) = ask(move |_, stream| match seen.fetch_add(1, Ordering::SeqCst) {
        0 => reply(stream, 429, &[("Retry-After", "0")], b""),
        1 => reply(stream, 502, &[], b"<html>"),
        _ => reply(stream, 200, &[], b"[]"),
    });
    assert_eq!(answer.unwrap(), b"[]");
    assert_eq!(count.load(Ordering::SeqCst), 3);
    let (fake, answer) = ask(|_, stream| reply(stream, 429, &[], b""));
    assert!(matches!(answer, Err(RegistryError::RateLimited { .. })), "{answer:?}");
    assert_eq!(fake.received().len(), 3, "a bounded number of times");
    let (fake, answer) = ask(|_, stream| reply(stream, 429, &[("Retry-After", "86400")], b""));
    assert!(answer.is_err());
    assert_eq!(fake.received().len(), 1, "a day is not waited");
    let (fake, answer) = ask(|_, stream| reply(stream, 404, &[], b""));
    assert!(matches!(answer, Err(RegistryError::Status { status: 404, .. })), "{answer:?}");
    assert_eq!(fake.received().len(), 1);
}

#[test]
fn what_it_sends_is_bounded() {
    let (_fake, answer) = ask(|_, stream| reply(stream, 200, &[], &[b'x'; 1001]));
    assert!(answer.unwrap_err().to_string().contains("more than 1000 bytes"));
    // Without an end.
    let (_fake, answer) = ask(|_, stream| {
        head(stream, 200, &[])?;
        loop {
            stream.write_all(&[b'x'; 500])?;
        }
    });
    assert!(answer.unwrap_err().to_string().contains("more than 1000 bytes"));
    let (_fake, answer) = ask(|_, _| {
        std::thread::sleep(Duration::from_secs(5));
        Ok(())
    });
    assert!(matches!(answer, Err(RegistryError::Network { .. })), "{answer:?}");
    let fake = Fake::start("127.0.0.1", |_, stream| reply(stream, 200, &[], &[b'x'; 900]));
    let paths: Vec<String> = (0..20).map(|number| format!("/{number}")).collect();
    let all = at(&format!("http://{}", fake.address)).get_all(&paths, LIMITS);
    assert!(all.unwrap_err().to_string().contains("which are not read"));
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Fake::start("127.0.0.2", |_, stream| reply(stream, 200, &[], b"[]"));
    let target = format!("http://{}/v1/x?secret", other.address);
    let (_fake, answer) = ask(move |_, stream| reply(stream, 307, &[("Location", &target)], b""));
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("redirects to http://127.0.0.2:"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    assert_eq!(other.received().len(), 0);
}

#[test]
fn an_address_has_tls_and_no_password() {
    for good in
        ["https://osv.example", "http://127.0.0.1:1/api", "http://localhost:1", "http://[::1]/"]
    {
        service_address(good).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for (bad, reason) in [
        ("http://osv.example", "has no TLS"),
        ("http://127.0.0.1.example/", "has no TLS"),
        ("http://10.0.0.1/", "has no TLS"),
        ("ftp://osv.example", "neither"),
        ("osv.example", "no URL"),
        ("https://u:hunter2@osv.example", "user or password"),
        ("https://osv.example/?key=hunter2", "has a query"),
    ] {
        let error = service_address(bad).expect_err(bad);
        assert!(error.contains(reason) && !error.contains("hunter2"), "{bad}: {error}");
    }
}

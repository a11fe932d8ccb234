//! Uploads, and what can go wrong with them.

use super::fake::{Fake, Received, noise, reply};
use super::{Bench, basic, reference};
use crate::oci::{Digest, media_type};
use crate::registry::{Direction, Failure, Outgoing, Pushed, RegistryError};
use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A registry that takes uploads, as the specification says, and puts them together.
#[derive(Default)]
struct Depot {
    blobs: Mutex<BTreeMap<String, Vec<u8>>>,
    manifests: Mutex<BTreeMap<String, Vec<u8>>>,
    uploads: Mutex<BTreeMap<String, Vec<u8>>>,
    /// What another repository has, for mounts.
    elsewhere: Vec<String>,
    /// Told with the first answer to an upload.
    chunk_size_min: Option<&'static str>,
}

impl Depot {
    fn serve(&self, request: &Received, stream: &mut TcpStream) -> io::Result<()> {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let name = path.rsplit('/').next().unwrap();
        match (&*request.method, path.contains("/uploads/")) {
            (_, false) if path == "/v2/" => reply(stream, 200, &[], b"{}"),
            ("HEAD", false) => match self.blobs.lock().unwrap().get(name) {
                Some(blob) => {
                    super::fake::head(stream, 200, &[("Content-Length", &blob.len().to_string())])
                }
                None => reply(stream, 404, &[], b""),
            },
            ("PUT", false) => {
                self.manifests.lock().unwrap().insert(name.to_owned(), request.bytes.clone());
                let digest = Digest::of(&request.bytes).to_string();
                reply(stream, 201, &[("Docker-Content-Digest", &digest)], b"")
            }
            ("POST", _) => self.open(query, stream),
            ("PATCH", _) => self.append(name, request, stream),
            ("GET", _) => match self.uploads.lock().unwrap().get(name) {
                Some(bytes) => reply(stream, 204, &[("Range", &range(bytes.len()))], b""),
                None => reply(stream, 404, &[], br#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#),
            },
            ("PUT", true) => self.close(name, query, request, stream),
            _ => reply(stream, 405, &[], b""),
        }
    }

    fn open(&self, query: &str, stream: &mut TcpStream) -> io::Result<()> {
        let mounted =
            self.elsewhere.iter().find(|digest| query.contains(&digest.replace(':', "%3A")));
        if let Some(digest) = mounted {
            self.blobs.lock().unwrap().insert(digest.clone(), Vec::new());
            return reply(stream, 201, &[], b"");
        }
        let mut uploads = self.uploads.lock().unwrap();
        let id = format!("u{}", uploads.len());
        // Relative, and with a state, as docker-registry has it.
        let location = format!("/v2/a/b/blobs/uploads/{id}?_state=x%3D");
        uploads.insert(id, Vec::new());
        let mut headers = vec![("Location", &*location), ("Range", "0-0")];
        headers.extend(self.chunk_size_min.map(|size| ("OCI-Chunk-Min-Length", size)));
        reply(stream, 202, &headers, b"")
    }

    fn append(&self, id: &str, request: &Received, stream: &mut TcpStream) -> io::Result<()> {
        let mut uploads = self.uploads.lock().unwrap();
        let Some(upload) = uploads.get_mut(id) else { return reply(stream, 404, &[], b"") };
        let start = request.header("content-range").unwrap().split_once('-').unwrap().0;
        if start.parse::<usize>().unwrap() != upload.len() {
            return reply(stream, 416, &[("Range", &range(upload.len()))], b"");
        }
        upload.extend_from_slice(&request.bytes);
        if request.is_cut {
            return Ok(());
        }
        let location = format!("/v2/a/b/blobs/uploads/{id}?_state={}", upload.len());
        reply(stream, 202, &[("Location", &location), ("Range", &range(upload.len()))], b"")
    }

    fn close(
        &self,
        id: &str,
        query: &str,
        request: &Received,
        stream: &mut TcpStream,
    ) -> io::Result<()> {
        let Some(mut bytes) = self.uploads.lock().unwrap().remove(id) else {
            return reply(stream, 404, &[], b"");
        };
        bytes.extend_from_slice(&request.bytes);
        if request.is_cut {
            return Ok(());
        }
        assert!(query.contains("_state="), "the upload's state is sent back: {query}");
        let digest = Digest::of(&bytes).to_string();
        if !query.contains(&digest.replace(':', "%3A")) {
            return reply(stream, 400, &[], br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
        }
        self.blobs.lock().unwrap().insert(digest.clone(), bytes);
        reply(stream, 201, &[("Docker-Content-Digest", &digest)], b"")
    }
}

fn range(length: usize) -> String {
    format!("0-{}", length.saturating_sub(1))
}

/// What is to be done with a request instead of serving it.
type Fault = dyn Fn(&Received, &mut TcpStream) -> Option<io::Result<()>> + Send + Sync;

fn depot(fault: Box<Fault>) -> (Fake, Arc<Depot>) {
    start(Depot::default(), |_| None, fault)
}

fn start(
    depot: Depot,
    cut: impl Fn(&Received) -> Option<usize> + Send + Sync + 'static,
    fault: Box<Fault>,
) -> (Fake, Arc<Depot>) {
    let depot = Arc::new(depot);
    let served = Arc::clone(&depot);
    let fake = Fake::start_cutting("127.0.0.1", cut, move |request, stream| {
        fault(request, stream).unwrap_or_else(|| served.serve(request, stream))
    });
    (fake, depot)
}

fn never() -> Box<Fault> {
    Box::new(|_, _| None)
}

/// True for the first of these requests.
fn first(method: &'static str, part: &'static str) -> impl Fn(&Received) -> bool + Send + Sync {
    let count = AtomicUsize::new(0);
    move |request| {
        request.method == method
            && request.is_for(part)
            && count.fetch_add(1, Ordering::SeqCst) == 0
    }
}

/// A bench whose uploads go in pieces of this size, with a blob in its Store.
fn bench(chunk_size: u64, size: usize) -> (Bench, Vec<u8>, Digest) {
    let mut bench = Bench::new();
    bench.options.chunk_size = chunk_size;
    let bytes = noise(7, size);
    let digest = bench.store().put(&bytes).unwrap();
    (bench, bytes, digest)
}

fn push(bench: &Bench, fake: &Fake, digest: Digest) -> Result<Pushed, RegistryError> {
    let blobs = [Outgoing { digest, mount_from: None }];
    let pushed = bench.client().push_blobs(&reference(fake), &blobs, &bench.store())?;
    Ok(pushed[0])
}

fn assert_has(depot: &Depot, bytes: &[u8]) {
    let digest = Digest::of(bytes).to_string();
    assert!(depot.blobs.lock().unwrap().get(&digest).is_some_and(|blob| blob == bytes));
}

#[test]
fn a_small_blob_goes_in_one_request_and_once() {
    let (fake, depot) = depot(never());
    let (mut bench, bytes, digest) = bench(1000, 1000);
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    bench.options.progress = Arc::new(move |progress| log.lock().unwrap().push(*progress));
    assert_eq!(push(&bench, &fake, digest).unwrap(), Pushed::Sent(1000));
    assert_has(&depot, &bytes);
    assert_eq!((fake.count("PATCH", ""), fake.count("PUT", "")), (0, 1));
    assert_eq!(push(&bench, &fake, digest).unwrap(), Pushed::There);
    assert_eq!(fake.count("POST", ""), 1, "what is there is not sent again");
    let told = told.lock().unwrap();
    assert_eq!((told.first().unwrap().received, told.last().unwrap().received), (0, 1000));
    assert!(told.iter().all(|step| step.direction == Direction::Push && step.total == 1000));
}

#[test]
fn an_empty_blob_is_one_too() {
    let (fake, depot) = depot(never());
    let (bench, bytes, digest) = bench(1000, 0);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    let lengths = |method: &str| {
        let received = fake.received();
        let one = received.iter().find(|request| request.method == method).unwrap();
        one.header("content-length").map(str::to_owned)
    };
    assert_eq!(lengths("POST").as_deref(), Some("0"));
    assert_eq!(lengths("PUT").as_deref(), Some("0"));
}

#[test]
fn a_large_blob_goes_in_pieces() {
    let (fake, depot) = depot(never());
    let (bench, bytes, digest) = bench(300, 1000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    let ranges: Vec<String> = fake
        .received()
        .iter()
        .filter_map(|request| request.header("content-range").map(str::to_owned))
        .collect();
    assert_eq!(ranges, ["0-299", "300-599", "600-899", "900-999"]);
}

#[test]
fn pieces_are_as_large_as_the_registry_wants_them() {
    let depot = Depot { chunk_size_min: Some("700"), ..Depot::default() };
    let (fake, depot) = start(depot, |_| None, never());
    let (bench, bytes, digest) = bench(300, 1000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    assert_eq!(fake.count("PATCH", ""), 2);
}

#[test]
fn an_upload_that_was_cut_goes_on_where_the_registry_is() {
    let is_first = first("PATCH", "");
    let cut = move |request: &Received| is_first(request).then_some(130_000);
    let (fake, depot) = start(Depot::default(), cut, never());
    let (bench, bytes, digest) = bench(500_000, 900_000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    let starts: Vec<String> = fake
        .received()
        .iter()
        .filter_map(|request| request.header("content-range").map(str::to_owned))
        .collect();
    assert_eq!(starts, ["0-499999", "130000-629999", "630000-899999"]);
    assert_eq!(fake.count("POST", ""), 1, "the same upload");
}

#[test]
fn a_small_upload_that_was_cut_is_sent_again() {
    let is_first = first("PUT", "");
    let cut = move |request: &Received| is_first(request).then_some(100);
    let (fake, depot) = start(Depot::default(), cut, never());
    let (bench, bytes, digest) = bench(1_000_000, 900_000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    assert_eq!(fake.count("POST", ""), 2);
}

#[test]
fn an_upload_that_the_registry_forgot_starts_over() {
    let is_second = {
        let count = AtomicUsize::new(0);
        move |request: &Received| {
            request.method == "PATCH" && count.fetch_add(1, Ordering::SeqCst) == 1
        }
    };
    let (fake, depot) = depot(Box::new(move |request, stream| {
        is_second(request).then(|| reply(stream, 404, &[], b""))
    }));
    let (bench, bytes, digest) = bench(300, 1000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    assert_eq!(fake.count("POST", ""), 2);
}

#[test]
fn a_registry_that_takes_no_pieces_gets_the_whole() {
    let (fake, depot) = depot(Box::new(|request, stream| {
        (request.method == "PATCH").then(|| reply(stream, 405, &[], b""))
    }));
    let (bench, bytes, digest) = bench(300, 1000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    assert_eq!(fake.count("PATCH", ""), 1);
}

#[test]
fn a_busy_registry_is_asked_again_a_bounded_number_of_times() {
    for (method, part) in [("POST", ""), ("PATCH", ""), ("PUT", ""), ("HEAD", "/blobs/")] {
        let is_first = first(method, part);
        let (fake, depot) = depot(Box::new(move |request, stream| {
            is_first(request).then(|| reply(stream, 502, &[], b"<html>"))
        }));
        let (bench, bytes, digest) = bench(300, 1000);
        push(&bench, &fake, digest).unwrap_or_else(|error| panic!("{method}: {error}"));
        assert_has(&depot, &bytes);
    }
    let (fake, _) = depot(Box::new(|request, stream| {
        (request.method == "PUT").then(|| reply(stream, 502, &[], b""))
    }));
    let (bench, _, digest) = bench(300, 1000);
    let error = push(&bench, &fake, digest).unwrap_err();
    assert_eq!(error.failure(), Failure::Network, "{error}");
    assert!(fake.count("PUT", "") <= 5, "{}", fake.count("PUT", ""));
}

#[test]
fn an_answer_that_was_lost_is_not_a_blob_that_was_lost() {
    let is_first = first("PUT", "");
    let depot = Arc::new(Depot::default());
    let served = Arc::clone(&depot);
    let fake = Fake::start("127.0.0.1", move |request, stream| {
        if is_first(request) {
            let mut nobody = TcpStream::connect(stream.local_addr()?)?;
            return served.serve(request, &mut nobody);
        }
        served.serve(request, stream)
    });
    let (bench, bytes, digest) = bench(300, 1000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    assert_eq!(fake.count("POST", ""), 1);
}

#[test]
fn a_token_that_expires_midway_is_renewed() {
    let count = AtomicUsize::new(0);
    let tokens = Fake::start("127.0.0.1", move |_, stream| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        reply(stream, 200, &[], format!(r#"{{"token":"t{number}"}}"#).as_bytes())
    });
    let challenge = format!(r#"Bearer realm="http://{}/token",service="it""#, tokens.address);
    let patches = AtomicUsize::new(0);
    let (fake, depot) = depot(Box::new(move |request, stream| {
        let number = match &*request.method {
            "PATCH" => patches.fetch_add(1, Ordering::SeqCst),
            _ => patches.load(Ordering::SeqCst),
        };
        let valid = if number < 2 { "Bearer t0" } else { "Bearer t1" };
        (request.header("authorization") != Some(valid))
            .then(|| reply(stream, 401, &[("WWW-Authenticate", &challenge)], b""))
    }));
    let (bench, bytes, digest) = bench(300, 1000);
    push(&bench, &fake, digest).unwrap();
    assert_has(&depot, &bytes);
    let asked = tokens.received();
    assert_eq!(asked.len(), 2);
    assert!(
        asked[0].target.contains("scope=repository%3Aa%2Fb%3Apull%2Cpush"),
        "{}",
        asked[0].target
    );
}

#[test]
fn who_may_not_write_is_told_so() {
    let (fake, _) = depot(Box::new(|request, stream| {
        (request.method == "POST").then(|| {
            let body = br#"{"errors":[{"code":"DENIED","message":"read only"}]}"#;
            reply(stream, 403, &[], body)
        })
    }));
    let (bench, _, digest) = bench(300, 100);
    let error = push(&bench, &fake, digest).unwrap_err();
    assert_eq!(error.failure(), Failure::Authentication);
    assert!(error.to_string().contains("read only"), "{error}");
    assert_eq!(fake.count("POST", ""), 1);
}

#[test]
fn a_password_goes_to_the_registry_and_not_to_where_it_sends_uploads() {
    let other = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&other);
    let storage = Fake::start("127.0.0.2", move |request, stream| {
        log.lock().unwrap().push(request.bytes.clone());
        let digest = Digest::of(&request.bytes).to_string();
        reply(stream, 201, &[("Docker-Content-Digest", &digest)], b"")
    });
    let address = storage.address.clone();
    let expected = format!("Basic {}", basic());
    let fake = Fake::start("127.0.0.1", move |request, stream| {
        if request.header("authorization") != Some(&*expected) {
            return reply(stream, 401, &[("WWW-Authenticate", "Basic realm=x")], b"");
        }
        match &*request.method {
            "POST" => {
                let location = format!("http://{address}/upload?sig=1");
                reply(stream, 202, &[("Location", &location)], b"")
            }
            _ => reply(stream, 404, &[], b""),
        }
    });
    let mut bench = Bench::with_password(&fake.address);
    bench.options.chunk_size = 1000;
    let digest = bench.store().put(b"content").unwrap();
    push(&bench, &fake, digest).unwrap();
    assert_eq!(*other.lock().unwrap(), [b"content".to_vec()]);
    assert!(!storage.saw(&basic()), "the password is for the registry");
}

#[test]
fn an_upload_is_not_sent_where_a_redirect_must_not_lead() {
    let (fake, _) = depot(Box::new(|request, stream| {
        let location = [("Location", "http://169.254.169.254/upload")];
        (request.method == "POST").then(|| reply(stream, 202, &location, b""))
    }));
    let (bench, _, digest) = bench(1000, 100);
    let error = push(&bench, &fake, digest).unwrap_err();
    assert!(error.is_integrity() && error.to_string().contains("link-local"), "{error}");
}

#[test]
fn a_registry_that_took_something_else_is_not_believed() {
    let (fake, _) = depot(Box::new(|request, stream| {
        let other = Digest::of(b"other").to_string();
        (request.method == "PUT")
            .then(|| reply(stream, 201, &[("Docker-Content-Digest", &other)], b""))
    }));
    let (bench, _, digest) = bench(1000, 100);
    let error = push(&bench, &fake, digest).unwrap_err();
    assert!(error.is_integrity(), "{error}");
    let client = bench.client();
    let error =
        client.push_manifest(&reference(&fake), "x", media_type::MANIFEST, b"{}").unwrap_err();
    assert!(error.is_integrity(), "{error}");
}

#[test]
fn a_registry_that_always_finds_another_digest_is_given_up() {
    let (fake, _) = depot(Box::new(|request, stream| {
        let body =
            br#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]}"#;
        (request.method == "PUT").then(|| reply(stream, 400, &[], body))
    }));
    let (bench, _, digest) = bench(1000, 100);
    let error = push(&bench, &fake, digest).unwrap_err();
    assert_eq!(error.failure(), Failure::Network);
    assert!(error.to_string().contains("did not match"), "{error}");
    assert_eq!(fake.count("PUT", ""), 4, "tried again, in case that the way there was at fault");
}

#[test]
fn a_damaged_blob_is_not_sent() {
    let (fake, _) = depot(never());
    let (bench, _, digest) = bench(1000, 100);
    std::fs::write(bench.store().blob_path(&digest), noise(8, 100)).unwrap();
    let error = push(&bench, &fake, digest).unwrap_err();
    assert!(error.is_integrity() && error.to_string().contains("is damaged"), "{error}");
    assert_eq!(fake.count("POST", ""), 0);
}

#[test]
fn a_push_that_is_cancelled_ends_soon() {
    let is_patch = |request: &Received| (request.method == "PATCH").then_some(100);
    let (fake, _) = start(Depot::default(), is_patch, never());
    let (mut bench, _, digest) = bench(300, 1000);
    bench.options.timing.resumes_max = u32::MAX;
    let cancelled = Arc::clone(&bench.options.cancelled);
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        cancelled.store(true, Ordering::Relaxed);
    });
    bench.options.chunk_size = 1;
    let error = push(&bench, &fake, digest).unwrap_err();
    assert!(matches!(error, RegistryError::Cancelled), "{error}");
}

#[test]
fn a_blob_of_another_repository_is_mounted() {
    let bytes = noise(7, 1000);
    let digest = Digest::of(&bytes);
    let depot = Depot { elsewhere: vec![digest.to_string()], ..Depot::default() };
    let (fake, _) = start(depot, |_| None, never());
    let bench = Bench::new();
    bench.store().put(&bytes).unwrap();
    let blobs = [Outgoing { digest, mount_from: Some("team/base".to_owned()) }];
    let pushed = bench.client().push_blobs(&reference(&fake), &blobs, &bench.store()).unwrap();
    assert_eq!(pushed, [Pushed::Mounted]);
    let posted = fake.received().into_iter().find(|request| request.method == "POST").unwrap();
    assert!(posted.target.ends_with("&from=team%2Fbase"), "{}", posted.target);
    assert_eq!(fake.count("PUT", ""), 0);
}

#[test]
fn what_is_not_mounted_is_sent() {
    let (fake, depot) = depot(never());
    let (bench, bytes, digest) = bench(1000, 100);
    let blobs = [Outgoing { digest, mount_from: Some("team/base".to_owned()) }];
    let pushed = bench.client().push_blobs(&reference(&fake), &blobs, &bench.store()).unwrap();
    assert_eq!(pushed, [Pushed::Sent(100)]);
    assert_has(&depot, &bytes);
}

#[test]
fn manifests_go_under_their_tag_and_within_their_limit() {
    let (fake, depot) = depot(never());
    let client = Bench::new().client();
    let repository = reference(&fake);
    client.push_manifest(&repository, "lock-1", media_type::MANIFEST, b"{}").unwrap();
    assert_eq!(depot.manifests.lock().unwrap()["lock-1"], b"{}");
    let put = fake.received().into_iter().find(|request| request.method == "PUT").unwrap();
    assert_eq!(put.header("content-type"), Some(media_type::MANIFEST));
    let large = vec![b' '; 5 << 20];
    let error = client.push_manifest(&repository, "x", media_type::MANIFEST, &large).unwrap_err();
    assert_eq!(error.failure(), Failure::Unsupported);
}

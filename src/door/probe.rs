//! Whether a URL still gives the bytes that it once gave. Asks, and keeps nothing.

use super::Content;
use crate::oci::VerifiedReader;
use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use reqwest::{Method, StatusCode, Url};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For the head of a response, and between two pieces of a body.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Tries of what may work when tried again.
const TRIES_MAX: u32 = 3;
/// The wait before the second try; each further one is twice as long.
const BACKOFF: Duration = Duration::from_millis(500);
/// Error texts of the other side and of libraries are cut here.
const REASON_MAX: usize = 160;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// A head that tells the size; the body only where no head tells it.
    Head,
    /// The body, and its digest.
    Body,
}

/// What a URL gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// The bytes: their digest is right.
    Verified,
    /// As many bytes.
    Likely,
    /// Other bytes.
    Changed,
    /// Nothing: 404, 410 and the like.
    Gone,
    /// It could not be determined, and why.
    Unknown(String),
}

/// Asks URLs. Cheap to clone; may be used from several threads.
#[derive(Debug, Clone)]
pub struct Probe {
    client: Client,
    cancelled: Arc<AtomicBool>,
}

impl Probe {
    /// A probe with the host's trust roots and proxy settings. Fails where the host's trust roots
    /// cannot be read; the text says why.
    pub fn new(cancelled: Arc<AtomicBool>) -> Result<Self, String> {
        // Whoever installs it first; without one reqwest panics.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("rlock/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(READ_TIMEOUT)
            .referer(false)
            .build()
            .map_err(|error| innermost(&error))?;
        Ok(Self { client, cancelled })
    }

    /// Whether the URL gives `content`. Redirects are followed; nothing but the digest is believed,
    /// where it is looked at.
    pub fn ask(&self, url: &str, content: &Content, depth: Depth) -> Presence {
        let url = match Url::parse(url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => return Presence::Unknown("it is neither an http nor an https URL".to_owned()),
        };
        let mut wait = BACKOFF;
        for attempt in 1.. {
            let answer = match depth {
                Depth::Head => self.head(&url, content),
                Depth::Body => self.body(&url, content),
            };
            match answer {
                Ok(presence) => return presence,
                Err(Trouble::Lasting(reason)) => return Presence::Unknown(reason),
                Err(Trouble::Passing(reason)) if attempt >= TRIES_MAX || self.is_cancelled() => {
                    return Presence::Unknown(reason);
                }
                Err(Trouble::Passing(_)) => std::thread::sleep(wait),
            }
            wait *= 2;
        }
        Presence::Unknown("it was not asked".to_owned())
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// A head with the right size counts. Any other head may be a lie: servers that make pages as
    /// they go tell no size, and some answer HEAD with an error though they have the page.
    fn head(&self, url: &Url, content: &Content) -> Result<Presence, Trouble> {
        let response = self.send(Method::HEAD, url)?;
        let is_plain = !response.headers().contains_key(CONTENT_ENCODING);
        if response.status() == StatusCode::OK
            && is_plain
            && length(&response) == Some(content.size)
        {
            return Ok(Presence::Likely);
        }
        self.body(url, content)
    }

    fn body(&self, url: &Url, content: &Content) -> Result<Presence, Trouble> {
        let response = self.send(Method::GET, url)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Presence::Gone),
            status if is_passing(status) => {
                return Err(Trouble::Passing(format!("it answers {}", status.as_u16())));
            }
            status => return Err(Trouble::Lasting(format!("it answers {}", status.as_u16()))),
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(Trouble::Lasting("it sends the body encoded, unasked".to_owned()));
        }
        // What says to be of another size need not be read.
        if length(&response).is_some_and(|length| length != content.size) {
            return Ok(Presence::Changed);
        }
        let body = Cancellable { inner: response, cancelled: &self.cancelled };
        // One byte more than wanted is enough to know.
        let mut reader = VerifiedReader::new(
            body.take(content.size.saturating_add(1)),
            content.digest,
            content.size,
        );
        match io::copy(&mut reader, &mut io::sink()) {
            Ok(_) => Ok(Presence::Verified),
            Err(error) if crate::oci::Mismatch::of(&error).is_some() => Ok(Presence::Changed),
            Err(error) => Err(Trouble::Passing(innermost(&error))),
        }
    }

    fn send(&self, method: Method, url: &Url) -> Result<Response, Trouble> {
        if self.is_cancelled() {
            return Err(Trouble::Lasting("stopped".to_owned()));
        }
        let request = self.client.request(method, url.clone()).header(ACCEPT_ENCODING, "identity");
        // The URL in reqwest's message may hold more than its reader should see.
        request.send().map_err(|error| Trouble::Passing(innermost(&error.without_url())))
    }
}

/// Why there is no answer.
enum Trouble {
    /// Another try may help.
    Passing(String),
    /// None will.
    Lasting(String),
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

fn length(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The innermost words, which say what happened.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let last = std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error);
    last.to_string().chars().filter(|character| !character.is_control()).take(REASON_MAX).collect()
}

struct Cancellable<'a> {
    inner: Response,
    cancelled: &'a AtomicBool,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        self.inner.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::Mutex;

    /// A server that answers each request with the next of these (the last again and again); HEADs
    /// get no body. The methods that it was asked with.
    fn serve(answers: &'static [(&str, &str)]) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let methods = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&methods);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                let method = first.split(' ').next().unwrap_or_default().to_owned();
                lines.by_ref().find(String::is_empty);
                let (head, body) = answers[number.min(answers.len() - 1)];
                let body = if method == "HEAD" { "" } else { body };
                log.lock().unwrap().push(method);
                let text = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
                let _gone = (&stream).write_all(text.as_bytes());
            }
        });
        (url, methods)
    }

    fn ask(answers: &'static [(&str, &str)], depth: Depth) -> (Presence, String) {
        let (url, methods) = serve(answers);
        let content = Content { digest: Digest::of(b"hello"), size: 5 };
        let presence = Probe::new(Arc::default()).unwrap().ask(&url, &content, depth);
        let methods = methods.lock().unwrap().join(" ");
        (presence, methods)
    }

    const RIGHT: (&str, &str) = ("200 OK\r\nContent-Length: 5", "hello");

    const OTHER: (&str, &str) = ("200 OK\r\nContent-Length: 5", "world");

    #[test]
    fn a_right_head_is_enough_unless_the_digest_is_asked_for() {
        assert_eq!(ask(&[RIGHT], Depth::Head), (Presence::Likely, "HEAD".into()));
        assert_eq!(ask(&[RIGHT], Depth::Body), (Presence::Verified, "GET".into()));
        assert_eq!(ask(&[OTHER], Depth::Head).0, Presence::Likely);
        assert_eq!(ask(&[OTHER], Depth::Body).0, Presence::Changed);
    }

    #[test]
    fn a_head_that_lies_is_followed_by_a_look() {
        let both = "HEAD GET".to_owned();
        for head in ["200 OK", "200 OK\r\nContent-Length: 0", "405 No", "404 No", "403 No"] {
            let answers: &'static [(&str, &str)] = vec![(head, ""), RIGHT].leak();
            assert_eq!(ask(answers, Depth::Head), (Presence::Verified, both.clone()), "{head}");
        }
        let longer = [("200 OK", ""), ("200 OK", "hello, world")];
        assert_eq!(ask(vec![longer[0], longer[1]].leak(), Depth::Head).0, Presence::Changed);
        assert_eq!(ask(&[("200 OK\r\nContent-Length: 9", "")], Depth::Head).0, Presence::Changed);
    }

    #[test]
    fn what_is_gone_is_not_what_is_not_known() {
        assert_eq!(ask(&[("404 No", "")], Depth::Head), (Presence::Gone, "HEAD GET".into()));
        assert_eq!(ask(&[("410 No", "")], Depth::Body).0, Presence::Gone);
        let unknown = |text: &str| Presence::Unknown(text.to_owned());
        assert_eq!(ask(&[("403 No", "")], Depth::Body), (unknown("it answers 403"), "GET".into()));
        let (presence, methods) = ask(&[("503 No", "")], Depth::Body);
        assert_eq!((presence, &*methods), (unknown("it answers 503"), "GET GET GET"));
        assert_eq!(ask(&[("503 No", ""), RIGHT], Depth::Body).0, Presence::Verified);
        let content = Content { digest: Digest::of(b""), size: 0 };
        let probe = Probe::new(Arc::default()).unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for url in [&*format!("http://{closed}/"), "ssh://a.example/x", "nothing"] {
            let presence = probe.ask(url, &content, Depth::Head);
            assert!(matches!(presence, Presence::Unknown(_)), "{url}: {presence:?}");
        }
    }
}

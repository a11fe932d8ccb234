//! An origin on loopback, under a name of its own, that does what a test tells it, byte by byte.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The name that Dockerfiles know it by.
pub(super) const HOST: &str = "files.test";

/// What tells rlock where that is.
pub(super) const AT: &str = "--add-host=files.test:127.0.0.1";

/// A request that the origin got.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) target: String,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    /// How many came for this target before.
    pub(super) before: usize,
}

/// What the origin does about a request, in this order. It keeps the connection if not told to
/// close it.
pub(super) enum Act {
    Send(Vec<u8>),
    Wait(Duration),
    Close,
}

/// A running origin; it ends with this.
pub(super) struct Origin {
    pub(super) port: u16,
    log: Arc<Mutex<Vec<Seen>>>,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Origin {
    /// Starts one on a free port.
    pub(super) fn start(handle: impl Fn(&Seen) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::<Mutex<Vec<Seen>>>::default();
        let is_over = Arc::<AtomicBool>::default();
        let (noted, over) = (Arc::clone(&log), Arc::clone(&is_over));
        let handle = Arc::new(handle);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (handle, log) = (Arc::clone(&handle), Arc::clone(&noted));
                // A client that goes is none of the origin's business.
                std::thread::spawn(move || drop(serve(stream.unwrap(), &*handle, &log)));
            }
        });
        Self { port, log, is_over, accepting: Some(accepting) }
    }

    /// One that has these files, and nothing else.
    pub(super) fn of(files: &'static [(&'static str, &'static str)]) -> Self {
        Self::start(move |seen| {
            let file = files.iter().find(|(path, _)| *path == seen.target);
            file.map_or_else(nothing, |(_, body)| reply(200, &[], body.as_bytes()))
        })
    }

    /// The URL of a path, which begins with `/`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{HOST}:{}{path}", self.port)
    }

    /// What it was asked for, in order.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }

    /// What it was asked for, sorted.
    pub(super) fn targets(&self) -> Vec<String> {
        let mut targets: Vec<_> = self.seen().into_iter().map(|seen| seen.target).collect();
        targets.sort();
        targets
    }

    /// Forgets what it was asked for.
    pub(super) fn forget(&self) {
        self.log.lock().unwrap().clear();
    }

    /// Ends it: from now on nobody listens there.
    pub(super) fn stop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A whole response.
pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Act> {
    vec![Act::Send([&head(status, headers, body.len())[..], body].concat())]
}

/// That it has no such thing.
pub(super) fn nothing() -> Vec<Act> {
    reply(404, &[], b"nothing\n")
}

/// A head that promises a body of this size.
pub(super) fn head(status: u16, headers: &[(&str, &str)], size: usize) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {size}\r\n");
    for (name, value) in headers {
        head.extend([*name, ": ", value, "\r\n"]);
    }
    [head.as_bytes(), b"\r\n"].concat()
}

fn serve(
    stream: TcpStream,
    handle: &(dyn Fn(&Seen) -> Vec<Act> + Send + Sync),
    log: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let mut output = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while let Some(mut seen) = receive(&mut input)? {
        {
            let mut log = log.lock().unwrap();
            seen.before = log.iter().filter(|other| other.target == seen.target).count();
            log.push(seen.clone());
        }
        for act in handle(&seen) {
            match act {
                Act::Send(bytes) => output.write_all(&bytes)?,
                Act::Wait(time) => std::thread::sleep(time),
                Act::Close => return Ok(()),
            }
        }
    }
    Ok(())
}

fn receive(input: &mut BufReader<TcpStream>) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let size = headers.get("content-length").map_or(0, |size| size.parse().unwrap());
    input.read_exact(&mut vec![0; size])?;
    Ok(Some(Seen { target, headers, before: 0 }))
}

//! A server on loopback that does what a test tells it, byte by byte.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request that the server got.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    /// How many came for this target before.
    pub(super) before: usize,
}

/// What the server does about a request, in this order. It keeps the connection if not told to
/// close it.
pub(super) enum Act {
    Send(Vec<u8>),
    /// Until the test says so, or has ended.
    Await(Arc<Mutex<Receiver<()>>>),
    Wait(Duration),
    Close,
}

pub(super) struct Server {
    pub(super) address: String,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(super) fn start(handle: impl Fn(&Seen) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let log = Arc::<Mutex<Vec<Seen>>>::default();
        let (handle, noted) = (Arc::new(handle), Arc::clone(&log));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (handle, log) = (Arc::clone(&handle), Arc::clone(&noted));
                // A client that goes is none of the server's business.
                std::thread::spawn(move || drop(serve(stream.unwrap(), &*handle, &log)));
            }
        });
        Self { address, log }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }
}

/// A whole response.
pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Act> {
    vec![Act::Send([head(status, headers, body.len()).into_bytes(), body.to_vec()].concat())]
}

/// A head that promises a body of this size.
pub(super) fn head(status: u16, headers: &[(&str, &str)], size: usize) -> String {
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| {
            format!(
                "{name}: {value}
"
            )
        })
        .collect();
    let headers = headers.concat();
    format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {size}\r\n\r\n")
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
                Act::Await(go) => drop(go.lock().unwrap().recv()),
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
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let size = headers.get("content-length").map_or(0, |size| size.parse().unwrap());
    let mut body = vec![0; size];
    input.read_exact(&mut body)?;
    Ok(Some(Seen { method, target, headers, body, before: 0 }))
}

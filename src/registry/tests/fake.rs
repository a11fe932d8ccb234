//! A registry in this process that does what it is told, however hostile.

use crate::oci::{Digest, media_type};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    /// The body as text.
    pub(super) body: String,
    /// The body.
    pub(super) bytes: Vec<u8>,
    /// Whether the connection is cut before the rest of the body has come.
    pub(super) is_cut: bool,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| &**value)
    }

    /// The first byte of a `Range`.
    pub(super) fn range(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }

    pub(super) fn is_for(&self, part: &str) -> bool {
        self.target.contains(part)
    }
}

/// Answers one request on a connection that is closed afterwards.
pub(super) type Handler = dyn Fn(&Received, &mut TcpStream) -> io::Result<()> + Send + Sync;

/// A listening server, and all that it was sent.
pub(super) struct Fake {
    pub(super) address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Fake {
    /// Listens on `host`, an address of 127.0.0.0/8.
    pub(super) fn start(
        host: &str,
        handler: impl Fn(&Received, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::start_cutting(host, |_| None, handler)
    }

    /// As [`Fake::start`]; of some requests only so many bytes of the body are read, and the
    /// connection is cut after the handler has seen them.
    pub(super) fn start_cutting(
        host: &str,
        cut: impl Fn(&Received) -> Option<usize> + Send + Sync + 'static,
        handler: impl Fn(&Received, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, handler, cut) = (Arc::clone(&received), Arc::new(handler), Arc::new(cut));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                let cut = Arc::clone(&cut);
                std::thread::spawn(move || answer(stream, &log, &*cut, &*handler));
            }
        });
        Self { address, received }
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(super) fn count(&self, method: &str, part: &str) -> usize {
        let is_one = |request: &&Received| request.method == method && request.is_for(part);
        self.received().iter().filter(is_one).count()
    }

    /// Whether any request had this text anywhere.
    pub(super) fn saw(&self, text: &str) -> bool {
        format!("{:?}", self.received()).contains(text)
    }
}

fn answer(
    mut stream: TcpStream,
    log: &Mutex<Vec<Received>>,
    cut: &dyn Fn(&Received) -> Option<usize>,
    handler: &Handler,
) {
    let mut first = [0];
    if !matches!(stream.peek(&mut first), Ok(1)) || first == [0x16] {
        // A TLS handshake: answered as Go's servers do, not with silence.
        let _gone = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        return;
    }
    if let Some(request) = read(&stream, cut) {
        log.lock().unwrap().push(request.clone());
        // The client may have hung up on what it was sent.
        let _hung_up = handler(&request, &mut stream);
    }
}

fn read(stream: &TcpStream, cut: &dyn Fn(&Received) -> Option<usize>) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let (body, bytes) = (String::new(), Vec::new());
    let head = Received { method, target, headers, body, bytes, is_cut: false };
    let cut = cut(&head);
    let mut bytes = vec![0; cut.unwrap_or(length).min(length)];
    reader.read_exact(&mut bytes).ok()?;
    let body = String::from_utf8_lossy(&bytes).into_owned();
    Some(Received { body, bytes, is_cut: cut.is_some(), ..head })
}

/// Writes a whole response.
pub(super) fn reply(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    let length = body.len().to_string();
    head(stream, status, &[headers, &[("Content-Length", &length)]].concat())?;
    stream.write_all(body)
}

/// Writes the head of a response; the body may follow.
pub(super) fn head(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, &str)],
) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all((text + "\r\n").as_bytes())
}

/// An image behind an index, in `a/b` under the tag `c`.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) documents: BTreeMap<String, Vec<u8>>,
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
    pub(super) index: Digest,
    pub(super) manifest: Digest,
    pub(super) layers: Vec<Digest>,
}

impl Content {
    /// With layers of these sizes. They are no archives: the client does not look into them.
    pub(super) fn new(sizes: &[usize]) -> Self {
        let layers: Vec<Vec<u8>> =
            (1..).zip(sizes).map(|(seed, size)| noise(seed, *size)).collect();
        let digests: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": digests },
        });
        let config = config.to_string().into_bytes();
        let descriptor = |media_type: &str, bytes: &[u8]| serde_json::json!({ "mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len() });
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media_type::MANIFEST,
            "config": descriptor(media_type::CONFIG, &config),
            "layers": layers.iter().map(|layer| descriptor(media_type::LAYER, layer)).collect::<Vec<_>>(),
        });
        let manifest = manifest.to_string().into_bytes();
        let mut entry = descriptor(media_type::MANIFEST, &manifest);
        entry["platform"] = serde_json::json!({ "os": "linux", "architecture": "amd64" });
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": [entry] });
        Self::of(index.to_string().into_bytes(), manifest, config, layers)
    }

    fn of(index: Vec<u8>, manifest: Vec<u8>, config: Vec<u8>, layers: Vec<Vec<u8>>) -> Self {
        let (index_digest, manifest_digest) = (Digest::of(&index), Digest::of(&manifest));
        let digests = layers.iter().map(|layer| Digest::of(layer)).collect();
        let named = |bytes: Vec<u8>| (Digest::of(&bytes).to_string(), bytes);
        let blobs = layers.into_iter().chain([config]).map(named).collect();
        let documents = [("c".to_owned(), index.clone()), named(index), named(manifest)].into();
        Self { documents, blobs, index: index_digest, manifest: manifest_digest, layers: digests }
    }

    /// What an honest registry does.
    pub(super) fn serve(&self, request: &Received, stream: &mut TcpStream) -> io::Result<()> {
        let name = request.target.rsplit('/').next().unwrap_or_default();
        if request.target == "/v2/" {
            return reply(stream, 200, &[], b"{}");
        }
        if let Some(document) =
            self.documents.get(name).filter(|_| request.is_for("/a/b/manifests/"))
        {
            let digest = Digest::of(document).to_string();
            let body = if request.method == "HEAD" { &[][..] } else { document };
            return reply(stream, 200, &[("Docker-Content-Digest", &digest)], body);
        }
        match (self.blobs.get(name).filter(|_| request.is_for("/a/b/blobs/")), request.range()) {
            (Some(blob), None) => reply(stream, 200, &[], blob),
            (Some(blob), Some(start)) => {
                let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
                reply(stream, 206, &[("Content-Range", &range)], &blob[start..])
            }
            (None, _) => reply(
                stream,
                404,
                &[],
                br#"{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}"#,
            ),
        }
    }
}

/// Bytes that repeat nothing, the same for the same seed.
pub(super) fn noise(seed: u32, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..size).map(|_| next()).collect()
}

//! A project with content in a registry and on the web, for the tests beside this.

use crate::server::Server;
use crate::world::{Ran, World, base};
use rlock::oci::Digest;
use rlock::store::Store;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const STEP: &str = "RUN echo made > /made\n";

/// The registry as Dockerfiles and settings name it.
pub(super) fn at(server: &Server, name: &str) -> String {
    format!("{}/{name}", server.address.replace("127.0.0.1", "localhost"))
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

/// A web server whose files come and go.
pub(super) struct Web {
    pub(super) address: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Web {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let served = Arc::clone(&files);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = Arc::clone(&served);
                std::thread::spawn(move || answer(stream, &served));
            }
        });
        Self { address, files }
    }

    pub(super) fn put(&self, path: &str, content: &[u8]) -> String {
        self.files.lock().unwrap().insert(path.to_owned(), content.to_owned());
        format!("http://{}{path}", self.address)
    }

    pub(super) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(path);
    }
}

fn answer(mut stream: TcpStream, files: &Mutex<BTreeMap<String, Vec<u8>>>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        request.push(byte[0]);
    }
    let text = String::from_utf8(request).unwrap();
    let mut words = text.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let file = files.lock().unwrap().get(path).cloned();
    let status = if file.is_some() { "200 OK" } else { "404 Not Found" };
    let body = file.unwrap_or_default();
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let body = if method == "HEAD" { &[][..] } else { &body };
    let _gone = stream.write_all(&[head.as_bytes(), body].concat());
}

/// A project with a base image in a registry, a lock, and bodies that the lock names.
pub(super) struct Project {
    pub(super) world: World,
    pub(super) bodies: Vec<Vec<u8>>,
}

impl Project {
    pub(super) fn new(server: &Server, bodies: &[(&str, Vec<u8>)]) -> Self {
        server.push(&base("busybox"), "latest", "team/base:1");
        let image = at(server, "team/base:1");
        let world = World::new(&format!("FROM {image}\n{STEP}"));
        world.rlock(&["lock"]).expect(0);
        let project = Self { world, bodies: bodies.iter().map(|(_, body)| body.clone()).collect() };
        for (url, body) in bodies {
            project.lock_fetch(url, body);
            project.store("cache/rlock").put(body).unwrap();
        }
        project
    }

    /// What a step that fetched this would have added.
    pub(super) fn lock_fetch(&self, url: &str, body: &[u8]) {
        let lock = self.world.read("Dockerfile.lock");
        let (sha256, size) = (Digest::of(body).hex(), body.len());
        let block = format!(
            "\n[[fetch]]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\nsize = {size}\nstep = \"1\"\n"
        );
        self.world.write("Dockerfile.lock", lock + &block);
    }

    pub(super) fn settings(&self, text: &str) {
        self.world.write("rlock.toml", text);
    }

    pub(super) fn store(&self, name: &str) -> Store {
        Store::open(&self.world.path(name)).unwrap()
    }

    pub(super) fn rlock(&self, arguments: &[&str]) -> Ran {
        self.world.rlock(arguments)
    }

    /// Runs a command with another Store than the world's own.
    pub(super) fn elsewhere(&self, store: &str, arguments: &[&str]) -> Ran {
        let path = self.world.path(store).display().to_string();
        self.world.rlock(&[arguments, &["--store", &path]].concat())
    }

    /// The manifest of the base image.
    pub(super) fn manifest(&self) -> Digest {
        let lock = rlock::lock::Lockfile::parse(&self.world.read("Dockerfile.lock")).unwrap();
        lock.images[0].manifest
    }

    /// Every blob that the lock needs.
    pub(super) fn needs(&self) -> Vec<Digest> {
        let manifest = self.manifest();
        let blobs = self.store("cache/rlock").image_blobs(&manifest).unwrap();
        let blobs = blobs.into_iter().map(|blob| blob.digest);
        blobs.chain([manifest]).chain(self.bodies.iter().map(|body| Digest::of(body))).collect()
    }

    pub(super) fn assert_complete(&self, store: &str) {
        let (ours, theirs) = (self.store("cache/rlock"), self.store(store));
        for digest in self.needs() {
            let read = |store: &Store| store.read_blob(&digest, u64::MAX).unwrap();
            assert_eq!(read(&ours), read(&theirs), "{digest}");
        }
    }
}

/// Where the registry keeps a blob.
pub(super) fn in_registry(server: &Server, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    let folder = server.folder.path().join("data/docker/registry/v2/blobs/sha256");
    folder.join(&hex[..2]).join(&hex).join("data")
}

pub(super) fn three_bodies() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("http://a.example/one", noise(1, 700_000)),
        ("http://a.example/two", noise(2, 30_000_000)),
        ("http://a.example/empty", Vec::new()),
    ]
}

/// Passes bytes on, so many a second.
pub(super) fn slow(server: &Server, bytes_per_second: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, target) = (listener.local_addr().unwrap().to_string(), server.address.clone());
    let pass = |mut from: TcpStream, mut to: TcpStream, rate: Option<usize>| {
        std::thread::spawn(move || {
            let mut buffer = vec![0; rate.unwrap_or(1 << 20) / 20];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..count]).is_err() {
                    return;
                }
                rate.inspect(|_| std::thread::sleep(Duration::from_millis(50)));
            }
            let _gone = to.shutdown(std::net::Shutdown::Both);
        });
    };
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&target) else { return };
            pass(client.try_clone().unwrap(), server.try_clone().unwrap(), None);
            pass(server, client, Some(bytes_per_second));
        }
    });
    address
}

impl Project {
    /// How many blobs the lock at this path needs.
    pub(super) fn needs_of(&self, lock: &Path) -> usize {
        let lock = rlock::lock::Lockfile::parse(&std::fs::read(lock).unwrap()).unwrap();
        let image = self.store("cache/rlock").image_blobs(&lock.images[0].manifest).unwrap();
        image.len() + lock.images.len() + lock.fetches.len()
    }
}

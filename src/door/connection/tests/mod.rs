//! Connections of real clients, and of some that break every rule.

mod clients;
mod encrypted;
mod openings;
mod raw;
mod requests;

use super::*;
use crate::door::answer::{Answer, Asked, Body, Growing, Progress};
use crate::door::authority::Authority;
use crate::door::exchange::{Head, Refusal};
use crate::door::names::NameTable;
use crate::door::serve::Buffers;
use bytes::Bytes;
use std::fs::File;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The size of what `/large` answers.
const LARGE: usize = 3_000_000;

/// A listener in front of a ledger that answers everything.
struct Fixture {
    address: SocketAddr,
    entrance: Arc<Entrance>,
    world: Arc<World>,
    folder: tempfile::TempDir,
}

/// What the ledger saw, and does.
#[derive(Default)]
struct World {
    asked: Mutex<Vec<Asked>>,
    /// Requests that were answered to their end.
    answered: Mutex<usize>,
    refused: Mutex<Vec<Refusal>>,
    large: Mutex<Option<std::path::PathBuf>>,
    /// What `/huge` answers.
    huge: Mutex<Option<(std::path::PathBuf, u64)>>,
}

impl Fixture {
    /// A listener for connections that all wanted to go to `wanted`.
    async fn new(wanted: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Arc::new(World::default());
        let large = folder.path().join("large");
        std::fs::write(&large, large_bytes()).unwrap();
        *world.large.lock().unwrap() = Some(large);
        let names = Arc::new(NameTable::default());
        let authority = Authority::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
        let (answering, refusing) = (Arc::clone(&world), Arc::clone(&world));
        let entrance = Entrance::new(
            names,
            authority,
            Buffers::default(),
            move |asked| answer(Arc::clone(&answering), asked),
            move |refusal| refusing.refused.lock().unwrap().push(refusal),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wanted = match wanted {
            "" => Wanted::new(None, entrance.names()),
            wanted => Wanted::parse(wanted, entrance.names()).unwrap(),
        };
        let accepting = Arc::clone(&entrance);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let link =
                    Link { entrance: Arc::clone(&accepting), wanted: wanted.clone(), depth: 0 };
                accepting.spawn(serve(stream, link));
            }
        });
        Self { address, entrance, world, folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends this and reads all that comes, until the connection ends.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut response = Vec::new();
        // A refused connection may be reset.
        drop(stream.read_to_end(&mut response).await);
        String::from_utf8_lossy(&response).into_owned()
    }

    /// Runs curl with all connections to here.
    async fn curl(&self, arguments: &[&str]) -> Output {
        let to = format!("::{}", self.address);
        let common = ["-sS", "--max-time", "20", "--noproxy", "none.example", "--connect-to", &to];
        run("curl", &[&common[..], arguments].concat()).await
    }

    fn ca(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// The URLs that were asked for.
    fn urls(&self) -> Vec<String> {
        let asked = self.world.asked.lock().unwrap();
        asked.iter().map(|asked| format!("{} {}", asked.method, asked.url)).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        self.world.refused.lock().unwrap().clone()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.entrance.abort();
    }
}

/// Runs a program, without any settings of whoever runs the test.
async fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    tokio::task::spawn_blocking(move || command.stdin(std::process::Stdio::null()).output())
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn stdout(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{} {text} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn large_bytes() -> Vec<u8> {
    (0..LARGE).map(|byte| u8::try_from(byte % 251).unwrap()).collect()
}

fn head() -> Head {
    Head {
        status: 200,
        etag: Some("\"one\"".to_owned()),
        modified: Some(784_111_777),
        ..Head::default()
    }
}

/// What a request is answered depends on the first part of its path.
async fn answer(world: Arc<World>, asked: Asked) -> Result<Answer, Refusal> {
    world.asked.lock().unwrap().push(asked.clone());
    let text = |text: String| Body::Bytes(Bytes::from(text));
    let body = match asked.url.path().split('/').nth(1).unwrap_or_default() {
        "large" => {
            let path = world.large.lock().unwrap().clone().unwrap();
            Body::File { path, size: LARGE as u64 }
        }
        "huge" => {
            let (path, size) = world.huge.lock().unwrap().clone().unwrap();
            Body::File { path, size }
        }
        "slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            text("slow".to_owned())
        }
        "body" => Body::Bytes(asked.body.clone()),
        "missing" => {
            return Err(Refusal {
                target: asked.url.to_string(),
                reason: RefusalReason::NotLocked,
            });
        }
        "fails" => growing_up(&asked, Progress::Failed),
        "streams" => growing_up(&asked, Progress::Complete(2 * 100_000)),
        _ => text(format!("{} {}", asked.method, asked.url)),
    };
    *world.answered.lock().unwrap() += 1;
    Ok(Answer { head: head(), body })
}

/// A body that comes in two pieces; in the end it is as said. `?sized` says its size before.
fn growing_up(asked: &Asked, end: Progress) -> Body {
    use std::os::unix::fs::FileExt as _;
    const PIECE: usize = 100_000;
    let file = Arc::new(tempfile::tempfile().unwrap());
    let (sender, progress) = watch::channel(Progress::Written(0));
    let writer: Arc<File> = Arc::clone(&file);
    tokio::spawn(async move {
        for piece in 1..=2_u64 {
            writer.write_all_at(&vec![b'x'; PIECE], (piece - 1) * PIECE as u64).unwrap();
            sender.send_replace(Progress::Written(piece * PIECE as u64));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sender.send_replace(end);
    });
    let size = (asked.url.query() == Some("sized")).then_some(3 * PIECE as u64);
    Body::Growing(Growing { file, size, progress })
}

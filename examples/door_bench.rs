//! How fast the Door serves stored bodies to four curls, in clear and by TLS, without a sandbox.
//!
//! `cargo run --release --example door_bench [MEBIBYTES [ROUNDS]]`

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rlock::door::{Content, Door, Exchange, Head, Key, Mode, Options, Sources, Visitor};
use rlock::oci::Digest;
use rlock::sandbox::{Destinations, Gate};
use rlock::store::Store;

/// Clients at once.
const CLIENTS: u32 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mebibytes: u64 = arguments.next().map_or(Ok(512), |argument| argument.parse())?;
    let rounds: u32 = arguments.next().map_or(Ok(3), |argument| argument.parse())?;
    let folder = tempfile::tempdir()?;
    let store = Store::open(&folder.path().join("store"))?;
    let (digest, size) = body(&store, mebibytes)?;
    let exchanges = ["http", "https"].map(|scheme| exchange(scheme, digest, size)).to_vec();
    let door = Door::open(Options {
        store,
        mode: Mode::Locked,
        offline: true,
        exchanges,
        secrets: Vec::new(),
        hosts: BTreeMap::new(),
        sources: Sources::default(),
        cancelled: Arc::default(),
    })?;
    let authority = door.authority()?;
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, authority.certificate_pem())?;
    let (gate, address) = gate()?;
    let visit = door.admit(&Visitor::new("bench"), &authority, gate, || {});
    for scheme in ["http", "https"] {
        fetch(scheme, address, &trusted, 1)?; // the body is verified once
        for _ in 0..rounds {
            let elapsed = fetch(scheme, address, &trusted, CLIENTS)?;
            report(scheme, size * u64::from(CLIENTS), elapsed)?;
        }
    }
    let traffic = visit.end();
    assert!(traffic.refusals.is_empty(), "{:?}", traffic.refusals);
    Ok(())
}

/// A body that no compression makes smaller, in the Store.
fn body(store: &Store, mebibytes: u64) -> Result<(Digest, u64), Box<dyn Error>> {
    let mut writer = store.writer()?;
    let mut state = 1_u64;
    for _ in 0..mebibytes * 128 {
        let mut piece = Vec::with_capacity(8192);
        while piece.len() < 8192 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            piece.extend_from_slice(&state.to_be_bytes());
        }
        writer.write_all(&piece)?;
    }
    Ok(writer.commit()?)
}

fn exchange(scheme: &str, digest: Digest, size: u64) -> Exchange {
    Exchange {
        key: Key {
            method: "GET".to_owned(),
            url: format!("{scheme}://deb.example/body"),
            variant: None,
            body: None,
        },
        head: Head { status: 200, others: BTreeMap::new(), ..Head::default() },
        content: Content { digest, size },
    }
}

fn gate() -> Result<(Gate, SocketAddr), Box<dyn Error>> {
    let connections = TcpListener::bind("127.0.0.1:0")?;
    let address = connections.local_addr()?;
    let (_, strays) = mpsc::channel();
    let gate = Gate {
        connections,
        names: UdpSocket::bind("127.0.0.1:0")?,
        names_stream: TcpListener::bind("127.0.0.1:0")?,
        destinations: Destinations::default(),
        strays,
    };
    Ok((gate, address))
}

/// Lets so many curls fetch the body at once.
fn fetch(
    scheme: &str,
    address: SocketAddr,
    trusted: &Path,
    clients: u32,
) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let curls = (0..clients)
        .map(|_| {
            Command::new("curl")
                .args(["-sS", "--fail", "-o", "/dev/null", "--noproxy", "*", "--cacert"])
                .arg(trusted)
                .args(["--connect-to", &format!("::{address}")])
                .arg(format!("{scheme}://deb.example/body"))
                .stdin(Stdio::null())
                .spawn()
        })
        .collect::<Result<Vec<_>, _>>()?;
    for mut curl in curls {
        let status = curl.wait()?;
        if !status.success() {
            return Err(format!("curl: {status}").into());
        }
    }
    Ok(start.elapsed())
}

fn report(scheme: &str, bytes: u64, elapsed: Duration) -> Result<(), Box<dyn Error>> {
    let milliseconds = u64::try_from(elapsed.as_millis())?.max(1);
    let rate = bytes / milliseconds / 1000;
    writeln!(std::io::stdout(), "{scheme:5} {CLIENTS} clients: {rate} MB/s")?;
    Ok(())
}

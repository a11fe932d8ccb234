//! Attends to a step's gate in a test's stead: says to each connection where it wanted to go, answers every
//! name with one address, and notes all of it.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rlock::sandbox::{Destinations, Gate, Stray};
use serde::{Deserialize, Serialize};

/// What every name means.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 77, 7);

/// What is done with the step's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Manner {
    /// Say where each wanted to go, and hear what it has to say.
    #[default]
    Answer,
    /// Say where each wanted to go, and hang up: for many, one after the other.
    Brief,
    /// Never accept one, with room for two.
    Ignore,
    /// Refuse all.
    Refuse,
}

/// What came through a gate.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Seen {
    /// Where each connection wanted to go, and what it said.
    connections: Vec<(String, String)>,
    /// Connections that nothing is known of.
    unknown: usize,
    /// The names that were asked for, with the protocol.
    names: Vec<String>,
    strays: Vec<String>,
}

/// A gate that is attended to.
pub(crate) struct Attended {
    listeners: Vec<OwnedFd>,
    threads: Vec<JoinHandle<()>>,
    strays: Receiver<Stray>,
    seen: Arc<Mutex<Seen>>,
    /// Open as long as the step runs.
    _ignored: Option<TcpListener>,
}

impl Attended {
    pub(crate) fn start(gate: Gate, manner: Manner) -> io::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let Gate { connections, names, names_stream, destinations, strays } = gate;
        let mut listeners = vec![names.as_fd().try_clone_to_owned()?];
        listeners.push(names_stream.as_fd().try_clone_to_owned()?);
        let mut threads = Vec::new();
        let note = Arc::clone(&seen);
        threads.push(thread::spawn(move || answer_names(&names, &note)));
        let note = Arc::clone(&seen);
        threads.push(thread::spawn(move || answer_streams(&names_stream, &note)));
        let mut ignored = None;
        match manner {
            Manner::Answer | Manner::Brief => {
                listeners.push(connections.as_fd().try_clone_to_owned()?);
                let note = Arc::clone(&seen);
                let brief = manner == Manner::Brief;
                threads
                    .push(thread::spawn(move || accept(&connections, &destinations, brief, &note)));
            }
            Manner::Ignore => {
                rustix::net::listen(&connections, 1)?;
                ignored = Some(connections);
            }
            Manner::Refuse => drop(connections),
        }
        Ok(Self { listeners, threads, strays, seen, _ignored: ignored })
    }

    /// What was seen until the step ended, which it must have.
    pub(crate) fn end(self) -> Seen {
        let strays: Vec<String> =
            self.strays.iter().map(|stray| format!("{} {}", stray.protocol, stray.to)).collect();
        for listener in &self.listeners {
            let _woken = rustix::net::shutdown(listener, rustix::net::Shutdown::Both);
        }
        for thread in self.threads {
            let _panicked = thread.join();
        }
        let mut seen = std::mem::take(&mut *lock(&self.seen));
        seen.strays = strays;
        seen.connections.sort();
        seen
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(
    listener: &TcpListener,
    destinations: &Destinations,
    brief: bool,
    seen: &Arc<Mutex<Seen>>,
) {
    let mut talks = Vec::new();
    while let Ok((stream, peer)) = listener.accept() {
        let Some(wanted) = destinations.take(peer) else {
            lock(seen).unknown += 1;
            continue;
        };
        if brief {
            let _gone = (&stream).write_all(format!("{wanted}\n").as_bytes());
            lock(seen).connections.push((wanted.to_string(), String::new()));
        } else {
            let seen = Arc::clone(seen);
            talks.push(thread::spawn(move || {
                let said =
                    talk(&stream, &format!("{wanted}\n")).unwrap_or_else(|error| error.to_string());
                lock(&seen).connections.push((wanted.to_string(), said));
            }));
        }
    }
    for talk in talks {
        let _panicked = talk.join();
    }
}

fn talk(mut stream: &TcpStream, words: &str) -> io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(words.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

fn answer_names(socket: &UdpSocket, seen: &Mutex<Seen>) {
    let mut buffer = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let Some((name, answer)) = buffer.get(..length).and_then(answer) else { break };
        lock(seen).names.push(format!("udp {name}"));
        let _gone = socket.send_to(&answer, from);
    }
}

fn answer_streams(listener: &TcpListener, seen: &Mutex<Seen>) {
    while let Ok((mut stream, _)) = listener.accept() {
        let mut length = [0; 2];
        if stream.read_exact(&mut length).is_err() {
            continue;
        }
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_ok()
            && let Some((name, answer)) = answer(&question)
            && let Ok(length) = u16::try_from(answer.len())
        {
            lock(seen).names.push(format!("tcp {name}"));
            let _gone = stream.write_all(&[&length.to_be_bytes(), answer.as_slice()].concat());
        }
    }
}

/// The name that a question asks for, and the answer.
fn answer(question: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*question.get(at)?);
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at + 1..at + 1 + length)?).into_owned());
        at += 1 + length;
    }
    let asked = question.get(12..at + 5)?;
    let is_address = question.get(at + 1..at + 3)? == [0, 1];
    let mut answer = question.get(..2)?.to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    answer.extend(asked);
    if is_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(ADDRESS.octets());
    }
    Some((labels.join("."), answer))
}

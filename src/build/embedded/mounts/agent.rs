//! `RUN --mount=type=ssh`: a socket of the step's own whose connections go on to the user's agent.
//!
//! The agent's own socket would not do: it belongs to the user, and the agent listens only to that one.

use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Connections that a step may have open at the same time.
const CONNECTIONS_MAX: usize = 64;

/// A socket that is served as long as this lives.
#[derive(Debug)]
pub(super) struct Forwarding {
    socket: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarding {
    /// Makes the socket `name` in `folder` and forwards its connections to `agent`.
    pub(super) fn start(folder: &Path, name: &str, agent: &Path) -> io::Result<Self> {
        let socket = folder.join(name);
        let listener = listen(folder, name)?;
        let ended = Arc::new(AtomicBool::new(false));
        let (agent, flag) = (agent.to_owned(), Arc::clone(&ended));
        let thread = std::thread::Builder::new()
            .name("ssh agent".to_owned())
            .spawn(move || serve(&listener, &agent, &flag))?;
        Ok(Self { socket, ended, thread: Some(thread) })
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes it up. Where that fails it has ended already.
        let woken = connect(&self.socket);
        if let (Ok(_), Some(thread)) = (&woken, self.thread.take()) {
            let _panicked = thread.join();
        }
    }
}

/// Names of sockets have at most 107 bytes: the folder goes by its descriptor.
fn listen(folder: &Path, name: &str) -> io::Result<UnixListener> {
    let directory = std::fs::File::open(folder)?;
    UnixListener::bind(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()))
}

fn connect(socket: &Path) -> io::Result<UnixStream> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory = std::fs::File::open(folder)?;
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    UnixStream::connect(Path::new(&path).join(name))
}

fn serve(listener: &UnixListener, agent: &Path, ended: &AtomicBool) {
    let mut open: Vec<JoinHandle<()>> = Vec::new();
    for step in listener.incoming() {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        open.retain(|thread| !thread.is_finished());
        // What cannot be forwarded is closed, which the step's client understands.
        let Ok(step) = step else { continue };
        if open.len() < CONNECTIONS_MAX
            && let Ok(agent) = connect(agent)
        {
            open.push(std::thread::spawn(move || forward(&step, &agent)));
        }
    }
}

/// Passes bytes on in both directions until both are at their end.
fn forward(step: &UnixStream, agent: &UnixStream) {
    std::thread::scope(|scope| {
        scope.spawn(|| pass(step, agent));
        pass(agent, step);
    });
}

fn pass(mut from: &UnixStream, mut to: &UnixStream) {
    let _broken = io::copy(&mut from, &mut to);
    let _closed = to.shutdown(std::net::Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn connections_reach_the_agent_whatever_the_path_is() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("x".repeat(120));
        std::fs::create_dir(&folder).unwrap();
        let agent = UnixListener::bind(root.path().join("agent")).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = agent.accept().unwrap();
            let mut asked = String::new();
            stream.read_to_string(&mut asked).unwrap();
            stream.write_all(format!("answer to {asked}").as_bytes()).unwrap();
        });
        let path = root.path().join("agent");
        let forwarding = Forwarding::start(&folder, "socket", &path).unwrap();
        let mut step = connect(&folder.join("socket")).unwrap();
        step.write_all(b"question").unwrap();
        step.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        step.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "answer to question");
        thread.join().unwrap();
        drop(forwarding);
    }

    #[test]
    fn without_an_agent_connections_end() {
        let root = tempfile::tempdir().unwrap();
        let forwarding =
            Forwarding::start(root.path(), "socket", &root.path().join("nobody")).unwrap();
        let mut step = connect(&root.path().join("socket")).unwrap();
        assert_eq!(step.read(&mut [0; 8]).unwrap(), 0);
        drop(forwarding);
    }
}

//! A named server on a port of loopback, which can be given other content and stopped.

use super::authority;
use super::http::{self, Stream};
use super::tree::Tree;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a site is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    /// With a certificate of the tests' own authority.
    Tls,
}

/// What a site answers with.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Files(Arc<Tree>),
    /// The repositories in a folder, through `git http-backend`.
    Git(PathBuf),
}

/// What connections and the test share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) content: Mutex<Content>,
    /// Every request so far: method and path with query.
    pub(crate) seen: Mutex<Vec<String>>,
    open: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

/// A running server. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Site {
    name: &'static str,
    address: SocketAddr,
    wire: Wire,
    state: Arc<State>,
}

impl Site {
    /// An empty one of this name on a free port.
    pub(crate) fn start(name: &'static str, wire: Wire) -> Self {
        Self::holding(name, wire, Content::Files(Arc::default()))
    }

    /// One that serves the git repositories in a folder.
    pub(crate) fn git(name: &'static str, wire: Wire, folder: PathBuf) -> Self {
        Self::holding(name, wire, Content::Git(folder))
    }

    fn holding(name: &'static str, wire: Wire, content: Content) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            content: Mutex::new(content),
            seen: Mutex::default(),
            open: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || accept(&listener, name, wire, &shared));
        Self { name, address, wire, state }
    }

    /// The host name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// `https://NAME:PORT`.
    pub(crate) fn url(&self) -> String {
        let scheme = match self.wire {
            Wire::Plain => "http",
            Wire::Tls => "https",
        };
        format!("{scheme}://{}:{}", self.name, self.address.port())
    }

    /// From now on it holds this and nothing else.
    pub(crate) fn serve(&self, tree: Tree) {
        *self.state.content.lock().unwrap() = Content::Files(Arc::new(tree));
    }

    /// The requests so far: `GET /path?query`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Nobody listens any more.
    pub(crate) fn stop(&self) {
        if !self.state.stopped.swap(true, Ordering::SeqCst) {
            // Wakes the listener, which then goes.
            let _woken = TcpStream::connect(self.address);
            while TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        for connection in self.state.open.lock().unwrap().drain(..) {
            let _closed = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: &TcpListener, name: &'static str, wire: Wire, state: &Arc<State>) {
    for connection in listener.incoming() {
        if state.stopped.load(Ordering::SeqCst) {
            return;
        }
        let connection = connection.unwrap();
        state.open.lock().unwrap().push(connection.try_clone().unwrap());
        let state = Arc::clone(state);
        std::thread::spawn(move || {
            // What goes wrong with one client is for that client to report.
            let _ended =
                open(connection, name, wire).and_then(|stream| http::serve(stream, &state));
        });
    }
}

fn open(connection: TcpStream, name: &'static str, wire: Wire) -> io::Result<Box<dyn Stream>> {
    connection.set_nodelay(true)?;
    Ok(match wire {
        Wire::Plain => Box::new(connection),
        Wire::Tls => Box::new(authority::accept(connection, name)?),
    })
}

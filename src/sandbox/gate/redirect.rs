//! The thread of rlock that answers a step's `connect` calls.
//!
//! A seccomp filter in the step has the kernel ask (see `init::network`). What goes elsewhere is connected
//! by rlock itself, on the very socket of the step (`pidfd_getfd`), to the gate; so its options, its
//! place in the step's `epoll` sets and its copies stay what they are. Since rlock reads the address once and
//! then acts on what it has read, a program that changes it meanwhile gains nothing.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, PipeWriter};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_cookie;

use super::Destinations;
use super::attempt::{Attempt, Progress};
use super::stray::Watch;
use crate::sandbox::system::{self, Notification, Reply};

/// A redirection that has not begun: until then, every `connect` of the step waits.
pub(in crate::sandbox) struct Prepared {
    pub(super) notifications: OwnedFd,
    pub(super) listener: SocketAddr,
    pub(super) destinations: Destinations,
    pub(super) strays: Watch,
}

impl Prepared {
    pub(in crate::sandbox) fn start(self) -> io::Result<Redirect> {
        let (stopped, stop) = io::pipe()?;
        system::answer_on_the_same_processor(self.notifications.as_fd());
        let redirector = Redirector {
            gate: self,
            stopped,
            waiting: Vec::new(),
            unheard: BTreeSet::new(),
            failed: None,
        };
        let thread = thread::Builder::new().name("gate".to_owned()).spawn(|| redirector.serve())?;
        Ok(Redirect { stop: Some(stop), thread: Some(thread) })
    }
}

/// A running redirection. It ends with the step's last process, at [`Self::finish`], or when dropped.
pub(in crate::sandbox) struct Redirect {
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Redirect {
    /// Ends it; an error where a call of the step could not be answered as it should.
    pub(in crate::sandbox) fn finish(mut self) -> io::Result<()> {
        self.stop = None;
        let thread = self.thread.take();
        let panicked = || io::Error::other("the thread that answers its calls panicked");
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| Err(panicked())))
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _result = thread.join();
        }
    }
}

/// What the thread has.
struct Redirector {
    gate: Prepared,
    /// At its end when the thread is to end.
    stopped: PipeReader,
    /// Calls whose program waits for a place in the gate's backlog, by their notification.
    waiting: Vec<(u64, Attempt)>,
    /// Sockets, by their cookies, that were connected by a call which a signal interrupted before it could
    /// be told so (before Linux 5.19). The program repeats the call, and is told then.
    unheard: BTreeSet<u64>,
    /// The first thing that went wrong by no fault of the step.
    failed: Option<io::Error>,
}

/// What there is to do.
struct Ready {
    stop: bool,
    call: bool,
    gone: bool,
    stray: bool,
    /// For each of the waiting, in their order.
    connected: Vec<bool>,
}

impl Redirector {
    fn serve(mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.stray || ready.stop {
                self.gate.strays.look()?;
            }
            if ready.stop || (ready.gone && !ready.call) {
                return self.failed.map_or(Ok(()), Err);
            }
            self.go_on(&ready.connected)?;
            if ready.call
                && let Some(call) = system::receive(self.gate.notifications.as_fd())?
            {
                self.decide(&call)?;
            }
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        let [datagrams, echoes] = self.gate.strays.descriptors();
        let fixed = [self.stopped.as_fd(), self.gate.notifications.as_fd(), datagrams, echoes];
        let readable = fixed.into_iter().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let writable =
            self.waiting.iter().map(|(_, attempt)| PollFd::new(&attempt.socket, PollFlags::OUT));
        let mut entries: Vec<PollFd<'_>> = readable.chain(writable).collect();
        while let Err(error) = poll(&mut entries, None) {
            if error != Errno::INTR {
                return Err(error.into());
            }
        }
        let mut results = entries.iter().map(PollFd::revents);
        let mut next = || results.next().unwrap_or(PollFlags::empty());
        let (stop, calls, datagrams, echoes) = (next(), next(), next(), next());
        Ok(Ready {
            stop: !stop.is_empty(),
            call: calls.contains(PollFlags::IN),
            gone: calls.intersects(PollFlags::HUP | PollFlags::ERR),
            stray: !(datagrams | echoes).is_empty(),
            connected: results.map(|result| !result.is_empty()).collect(),
        })
    }

    fn decide(&mut self, call: &Notification) -> io::Result<()> {
        match Attempt::of(call, self.gate.notifications.as_fd()) {
            Ok(Some(attempt)) => self.make(call.id, attempt),
            Ok(None) => self.answer(call.id, Reply::Continue).map(drop),
            Err(error) => self.fail(call.id, error),
        }
    }

    /// Takes up the attempts whose sockets have something to say.
    fn go_on(&mut self, connected: &[bool]) -> io::Result<()> {
        if !connected.contains(&true) {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        for ((id, attempt), connected) in waiting.into_iter().zip(connected) {
            if *connected {
                self.make(id, attempt)?;
            } else {
                self.waiting.push((id, attempt));
            }
        }
        Ok(())
    }

    fn make(&mut self, id: u64, attempt: Attempt) -> io::Result<()> {
        let result = match attempt.make(self.gate.listener, &self.gate.destinations) {
            Ok(Progress::Done(result)) => result,
            Ok(Progress::Waiting) => {
                self.waiting.push((id, attempt));
                return Ok(());
            }
            Err(error) => return self.fail(id, error),
        };
        let result = match result {
            Err(Errno::ISCONN) if self.forget_unheard(&attempt) => Ok(()),
            result => result,
        };
        let heard = self.answer(id, Reply::Done(result))?;
        if !heard && result.is_ok() {
            self.unheard.extend(socket_cookie(&attempt.socket));
        }
        Ok(())
    }

    /// Whether the socket was connected by a call that was not told so.
    fn forget_unheard(&mut self, attempt: &Attempt) -> bool {
        !self.unheard.is_empty()
            && socket_cookie(&attempt.socket).is_ok_and(|cookie| self.unheard.remove(&cookie))
    }

    /// The program is told what rlock was; a program that is gone is no failure.
    fn fail(&mut self, id: u64, error: io::Error) -> io::Result<()> {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::NETUNREACH);
        if self.answer(id, Reply::Done(Err(errno)))? {
            self.failed.get_or_insert(error);
        }
        Ok(())
    }

    fn answer(&self, id: u64, reply: Reply) -> io::Result<bool> {
        system::answer(self.gate.notifications.as_fd(), id, reply)
    }
}

//! rlock's side of a step: start its process, pass its output on, stop it on demand.

use std::fmt;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::control::{self, Message};
use super::error::{Doing, SandboxError};
use super::gate::{Gate, Redirect, Sockets};
use super::system::{self, Ready};
use super::{Exit, INIT_ARGUMENT, Step, Stream};

/// How long a set flag may go unnoticed.
const CANCELLATION_INTERVAL: Duration = Duration::from_millis(50);

/// What is read from a pipe at once: a pipe's usual size.
const CHUNK_LENGTH: usize = 64 << 10;

/// Who attends to a step while it runs.
pub struct Attendant<'a> {
    /// Takes its output as it comes.
    pub output: &'a mut dyn FnMut(Stream, &[u8]),
    /// Takes its gate, once, before the command runs: where the step's network is
    /// [`Network::Gate`](super::Network::Gate).
    pub gate: &'a mut dyn FnMut(Gate),
}

impl fmt::Debug for Attendant<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attendant").finish_non_exhaustive()
    }
}

/// Runs a step, attended to by `attendant`, and returns when all its processes are gone.
///
/// When `cancelled` becomes true, the step is killed with all its processes. The executable of this
/// very process is started anew and must call [`init_main`](super::init_main) when its first argument is
/// [`INIT_ARGUMENT`].
pub fn run(
    step: &Step,
    mut attendant: Attendant<'_>,
    cancelled: &AtomicBool,
) -> Result<Exit, SandboxError> {
    let failed = |source| SandboxError::Run { source };
    let (mut running, mut streams) = Running::start().map_err(failed)?;
    // The process reads all of it before it does anything else. Where it cannot, it says why.
    let sent = control::send(&running.control, step);
    let was_cancelled = streams.pump(&mut running, &mut attendant, cancelled).map_err(failed)?;
    let status = running.child.wait().map_err(failed)?;
    let redirected = streams.redirect.take().map_or(Ok(()), Redirect::finish);
    if was_cancelled {
        return Ok(Exit::Cancelled);
    }
    // A step that was not answered as it should has not run as it should, whatever it made of that.
    redirected.map_err(|source| SandboxError::Step { doing: Doing::Redirect, source })?;
    match streams.last_word().map_err(failed)? {
        Some(Message::Failed(failure)) => Err(failure.into_error()),
        Some(Message::NotExecuted { code, reason }) => {
            (attendant.output)(Stream::Stderr, format!("{reason}\n").as_bytes());
            Ok(Exit::Code(code))
        }
        Some(Message::Exited(code)) => Ok(Exit::Code(code)),
        Some(Message::Signaled(signal)) => Ok(Exit::Signal(signal)),
        Some(Message::Gate) | None => {
            sent.map_err(failed)?;
            Err(SandboxError::Lost { status })
        }
    }
}

/// The started process. Dropped early (a panic in the caller's `output`), it takes the step with it.
struct Running {
    child: Child,
    control: UnixStream,
}

impl Running {
    fn start() -> io::Result<(Self, Streams)> {
        let (control, theirs) = UnixStream::pair()?;
        let (stdout, stdout_theirs) = io::pipe()?;
        let (stderr, stderr_theirs) = io::pipe()?;
        let child = Command::new("/proc/self/exe")
            .arg0("rlock")
            .arg(INIT_ARGUMENT)
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(stdout_theirs)
            .stderr(stderr_theirs)
            // Ctrl-C on the terminal is for rlock, which then stops the step in order.
            .process_group(0)
            .spawn()?;
        let streams = Streams {
            stdout: Some(stdout),
            stderr: Some(stderr),
            open: true,
            messages: Vec::new(),
            redirect: None,
        };
        Ok((Self { child, control }, streams))
    }

    /// Asks the supervisor to kill the step; it ends when the step's last process has.
    fn stop(&self) -> io::Result<()> {
        match self.control.shutdown(std::net::Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a successful `wait` both do nothing.
        if self.stop().is_ok() {
            let _status = self.child.wait();
        }
    }
}

/// What comes from a step's processes; `None` or closed after the end.
struct Streams {
    stdout: Option<io::PipeReader>,
    stderr: Option<io::PipeReader>,
    open: bool,
    messages: Vec<u8>,
    /// Where the step is behind a gate.
    redirect: Option<Redirect>,
}

impl Streams {
    /// Passes on and collects until every stream is at its end, which is when no process of the step is
    /// left; returns whether the step was cancelled.
    fn pump(
        &mut self,
        running: &mut Running,
        attendant: &mut Attendant<'_>,
        cancelled: &AtomicBool,
    ) -> io::Result<bool> {
        let mut stopped = false;
        let mut buffer = vec![0; CHUNK_LENGTH];
        while self.open || self.stdout.is_some() || self.stderr.is_some() {
            if !stopped && cancelled.load(Ordering::Relaxed) {
                running.stop()?;
                stopped = true;
            }
            let [from_stdout, from_stderr, from_control] = system::poll(
                [
                    self.stdout.as_ref().map(|pipe| pipe.as_fd()),
                    self.stderr.as_ref().map(|pipe| pipe.as_fd()),
                    self.open.then(|| running.control.as_fd()),
                ],
                (!stopped).then_some(CANCELLATION_INTERVAL),
            )?;
            let mut pass = |stream, bytes: &[u8]| {
                if !stopped {
                    (attendant.output)(stream, bytes);
                }
            };
            drain(from_stdout, &mut self.stdout, &mut buffer, &mut |bytes| {
                pass(Stream::Stdout, bytes);
            })?;
            drain(from_stderr, &mut self.stderr, &mut buffer, &mut |bytes| {
                pass(Stream::Stderr, bytes);
            })?;
            if from_control == Ready(true) {
                let sockets = self.collect(&running.control, &mut buffer)?;
                if let Some(sockets) = sockets.filter(|_| !stopped) {
                    let (gate, redirect) = sockets.open()?;
                    (attendant.gate)(gate);
                    self.redirect = Some(redirect.start()?);
                }
            }
        }
        Ok(stopped)
    }

    /// Takes what there is of the messages, and the gate that comes with one of them.
    fn collect(&mut self, control: &UnixStream, buffer: &mut [u8]) -> io::Result<Option<Sockets>> {
        let (length, descriptors) = control::receive_some(control, buffer)?;
        self.messages.extend_from_slice(buffer.get(..length).unwrap_or_default());
        self.open = length > 0;
        Ok(descriptors.try_into().ok().map(Sockets::from_descriptors))
    }

    /// What became of the step: what is said first after the gate was handed over.
    fn last_word(&self) -> io::Result<Option<Message>> {
        let mut messages = self.messages.as_slice();
        loop {
            match control::receive(&mut messages)? {
                Some(Message::Gate) => {}
                other => return Ok(other),
            }
        }
    }
}

/// One read of a pipe that is ready; at its end the pipe is put away.
fn drain(
    ready: Ready,
    pipe: &mut Option<io::PipeReader>,
    buffer: &mut [u8],
    pass: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    let Some(reader) = pipe.as_mut().filter(|_| ready == Ready(true)) else { return Ok(()) };
    let length = reader.read(buffer)?;
    match buffer.get(..length) {
        Some(bytes) if length > 0 => pass(bytes),
        _ => *pipe = None,
    }
    Ok(())
}

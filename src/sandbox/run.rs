//! rlock's side of a step: start its process, pass its output on, stop it on demand.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::control::{self, Message};
use super::error::SandboxError;
use super::system::{self, Ready};
use super::{Exit, INIT_ARGUMENT, Step, Stream};

/// How long a set flag may go unnoticed.
const CANCELLATION_INTERVAL: Duration = Duration::from_millis(50);

/// What is read from a pipe at once: a pipe's usual size.
const CHUNK_LENGTH: usize = 64 << 10;

/// Runs a step, hands its output to `output` as it comes, and returns when all its processes are gone.
///
/// When `cancelled` becomes true, the step is killed with all its processes. The executable of this
/// very process is started anew and must call [`init_main`](super::init_main) when its first argument is
/// [`INIT_ARGUMENT`].
pub fn run(
    step: &Step,
    output: &mut dyn FnMut(Stream, &[u8]),
    cancelled: &AtomicBool,
) -> Result<Exit, SandboxError> {
    let failed = |source| SandboxError::Run { source };
    let (mut running, mut streams) = Running::start().map_err(failed)?;
    // The process reads all of it before it does anything else. Where it cannot, it says why.
    let sent = control::send(&running.control, step);
    let was_cancelled = streams.pump(&mut running, output, cancelled).map_err(failed)?;
    let status = running.child.wait().map_err(failed)?;
    let mut messages = streams.messages.as_slice();
    while let Some(message) = control::receive(&mut messages).map_err(failed)? {
        match message {
            _ if was_cancelled => {}
            Message::Failed(failure) => return Err(failure.into_error()),
            Message::NotExecuted { code, reason } => {
                output(Stream::Stderr, format!("{reason}\n").as_bytes());
                return Ok(Exit::Code(code));
            }
            Message::Exited(code) => return Ok(Exit::Code(code)),
            Message::Signaled(signal) => return Ok(Exit::Signal(signal)),
        }
    }
    if was_cancelled {
        return Ok(Exit::Cancelled);
    }
    sent.map_err(failed)?;
    Err(SandboxError::Lost { status })
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
}

impl Streams {
    /// Passes on and collects until every stream is at its end, which is when no process of the step is
    /// left; returns whether the step was cancelled.
    fn pump(
        &mut self,
        running: &mut Running,
        output: &mut dyn FnMut(Stream, &[u8]),
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
                    output(stream, bytes);
                }
            };
            drain(from_stdout, &mut self.stdout, &mut buffer, &mut |bytes| {
                pass(Stream::Stdout, bytes);
            })?;
            drain(from_stderr, &mut self.stderr, &mut buffer, &mut |bytes| {
                pass(Stream::Stderr, bytes);
            })?;
            if from_control == Ready(true) {
                self.open = self.collect(&running.control, &mut buffer)?;
            }
        }
        Ok(stopped)
    }

    /// Takes what there is of the messages; false at their end.
    fn collect(&mut self, mut control: &UnixStream, buffer: &mut [u8]) -> io::Result<bool> {
        let length = match control.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error),
        };
        self.messages.extend_from_slice(buffer.get(..length).unwrap_or_default());
        Ok(length > 0)
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

//! The processes of a step (see the [module above](super)): each one thread, each with one task.

mod command;
mod devices;
mod identity;
mod netlink;
mod network;
mod stubs;
mod tree;

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal, waitpid,
};
use rustix::thread::UnshareFlags;

use super::control::{self, During as _, Failure, Message};
use super::error::Doing;
use super::step::{Network, Step};
use super::system::{self, Fork, Ready};

/// The first argument that makes rlock's executable a step's process.
pub const INIT_ARGUMENT: &str = "__step";

/// The exit code of a process that could not do its task; its reason goes over the socket.
const FAILED: u8 = 125;

/// What `main` does when its first argument is [`INIT_ARGUMENT`]: nothing else may have been done before.
pub fn init_main() -> ExitCode {
    match take_control() {
        Ok(control) => report(&control, supervise(&control)),
        // Started by hand: there is nobody to tell.
        Err(_) => ExitCode::from(2),
    }
}

/// Tells rlock how it went, where there is something to tell.
fn report(control: &UnixStream, result: Result<Option<Message>, Failure>) -> ExitCode {
    let (message, code) = match result {
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(message)) => (message, ExitCode::SUCCESS),
        Err(failure) => (Message::Failed(failure), ExitCode::from(FAILED)),
    };
    // Where rlock is gone, there is nobody to tell.
    if control::send(control, &message).is_ok() { code } else { ExitCode::from(FAILED) }
}

/// Takes the socket from standard input, where it was handed over, and puts `/dev/null` there.
fn take_control() -> std::io::Result<UnixStream> {
    let control = std::io::stdin().as_fd().try_clone_to_owned()?;
    rustix::net::sockopt::socket_type(&control)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    system::replace_stdin(null.as_fd())?;
    Ok(UnixStream::from(control))
}

/// The supervisor: starts the warden, and kills it when rlock says so or is gone.
fn supervise(control: &UnixStream) -> Result<Option<Message>, Failure> {
    set_parent_process_death_signal(Some(Signal::KILL)).during(Doing::Processes)?;
    let step: Step = control::receive(control)
        .and_then(|step| step.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into()))
        .during(Doing::Receive)?;
    let own =
        pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).during(Doing::Processes)?;
    system::unshare(UnshareFlags::NEWPID).during(Doing::Processes)?;
    let warden = match system::fork().during(Doing::Processes)? {
        Fork::Child => return guard(&step, &own, control),
        Fork::Parent(warden) => warden,
    };
    let descriptor = pidfd_open(warden, PidfdFlags::empty()).during(Doing::Processes)?;
    loop {
        let ready = system::poll([Some(descriptor.as_fd()), Some(control.as_fd())], None)
            .during(Doing::Processes)?;
        match ready {
            [Ready(false), Ready(false)] => {}
            [Ready(false), Ready(true)] => {
                // Nothing more is ever written to us: this is the end of the stream.
                pidfd_send_signal(&descriptor, Signal::KILL).during(Doing::Processes)?;
                break;
            }
            [Ready(true), _] => break,
        }
    }
    // A killed process 1 can be waited for when all other processes of its namespace are gone.
    wait_for(warden).during(Doing::Processes)?;
    Ok(None)
}

/// The warden: makes what mount points are missing, starts the command, and tidies up after it.
fn guard(
    step: &Step,
    supervisor: &OwnedFd,
    control: &UnixStream,
) -> Result<Option<Message>, Failure> {
    set_parent_process_death_signal(Some(Signal::KILL)).during(Doing::Processes)?;
    let gone = system::poll([Some(supervisor.as_fd())], Some(std::time::Duration::ZERO));
    if gone.during(Doing::Processes)? == [Ready(true)] {
        return Ok(None);
    }
    let stubs = stubs::Stubs::make(step)?;
    system::unshare(UnshareFlags::NEWPID).during(Doing::Processes)?;
    let command = match system::fork().during(Doing::Processes)? {
        Fork::Child => return become_command(step, control),
        Fork::Parent(command) => command,
    };
    let status = wait_for(command);
    stubs.remove()?;
    let status = status.during(Doing::Processes)?;
    // Where the command's process has said something already, rlock takes that.
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Some(Message::Exited(code)),
        (None, signal) => Some(Message::Signaled(signal.unwrap_or_default())),
    })
}

fn wait_for(process: Pid) -> std::io::Result<WaitStatus> {
    loop {
        match waitpid(Some(process), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The command: makes its surroundings, gives up its powers, and becomes the program.
fn become_command(step: &Step, control: &UnixStream) -> Result<Option<Message>, Failure> {
    rustix::process::setsid().during(Doing::Processes)?;
    let filters = super::seccomp::filters().during(Doing::Seccomp)?;
    make_namespaces(step)?;
    let gate = make_network(step.network)?;
    tree::change_root(step)?;
    identity::set_limits(step)?;
    identity::set_streams(step)?;
    for filter in &filters {
        // Before capabilities are dropped: see `load_seccomp`.
        system::load_seccomp(filter).during(Doing::Seccomp)?;
    }
    if let Some(gate) = gate {
        gate.hand_over(control)?;
    }
    identity::become_user(step)?;
    // Changing the user forgets it.
    set_parent_process_death_signal(Some(Signal::KILL)).during(Doing::Processes)?;
    let cwd = step.cwd.as_slice();
    rustix::process::chdir(cwd)
        .during(Doing::WorkingDirectory(String::from_utf8_lossy(cwd).into_owned()))?;
    if step.network == Network::Gate {
        network::knock()?;
    }
    system::close_on_exec_from(3).during(Doing::Limits)?;
    let (code, reason) = command::execute(step);
    Ok(Some(Message::NotExecuted { code, reason }))
}

fn make_namespaces(step: &Step) -> Result<(), Failure> {
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC;
    if step.network != Network::Host {
        flags |= UnshareFlags::NEWNET;
    }
    system::unshare(flags).during(Doing::Namespaces)?;
    match system::unshare(UnshareFlags::NEWCGROUP) {
        // A kernel without control groups has none to hide.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
        result => result.during(Doing::Namespaces)?,
    }
    system::join_new_session_keyring();
    rustix::system::sethostname(step.surroundings.hostname.as_bytes()).during(Doing::Hostname)?;
    rustix::system::setdomainname(b"(none)").during(Doing::Hostname)?;
    Ok(())
}

fn make_network(network: Network) -> Result<Option<network::Gate>, Failure> {
    match network {
        Network::Host => Ok(None),
        Network::None => network::bring_up_loopback().map(|()| None),
        Network::Gate => {
            network::bring_up_loopback()?;
            network::make_gate().map(Some)
        }
    }
}

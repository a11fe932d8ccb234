//! Entering the namespaces of a building command, before it has threads.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use rustix::thread::{CapabilitySet, UnshareFlags};

use super::error::SandboxError;
use super::subordinate::{Range, map_arguments, range_of, user_name};
use super::system::{self, Fork};
use super::{Settings, control};

/// As whom the sandbox runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// As root (of the machine, or of a container that may mount).
    Root,
    /// As an ordinary user, who is root in a user namespace.
    Rootless,
}

/// Where distributions put the setuid programs of the package uidmap.
const TOOL_DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"];

/// Enters a mount namespace (and, where not root, a user namespace) that this process and what it
/// starts have for themselves, so that what they mount is gone when they are, however they end.
///
/// To be called once, before there is a second thread. The process keeps its id. Not root, it becomes
/// user 0 of its namespace, which outside is still the user; further ids come from `/etc/subuid`
/// and `/etc/subgid`.
pub fn enter() -> Result<Privilege, SandboxError> {
    let failed = |doing| move |source| SandboxError::Enter { doing, source };
    system::require_single_thread().map_err(failed("counting threads"))?;
    if rustix::process::geteuid().is_root() {
        system::unshare(UnshareFlags::NEWNS)
            .and_then(|()| make_mounts_private())
            .map_err(|source| SandboxError::NotPrivileged { source })?;
        return Ok(Privilege::Root);
    }
    enter_user_namespace()?;
    make_mounts_private().map_err(refused)?;
    if !may_administer() {
        return Err(refused(io::Error::from_raw_os_error(libc::EPERM)));
    }
    Ok(Privilege::Rootless)
}

fn make_mounts_private() -> io::Result<()> {
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", flags).map_err(io::Error::from)
}

/// Ubuntu's AppArmor lets the namespace be made and then takes the capabilities in it away.
fn may_administer() -> bool {
    rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

fn refused(source: io::Error) -> SandboxError {
    let uid = rustix::process::getuid().as_raw();
    SandboxError::UserNamespace { uid, settings: Box::new(Settings::read()), source }
}

/// What the helper outside is to run: the tools with the ranges.
struct Maps {
    own: (u32, u32),
    user: (&'static str, String, Range),
    group: (&'static str, String, Range),
}

impl Maps {
    fn of_this_user() -> Result<Self, SandboxError> {
        let uid = rustix::process::getuid().as_raw();
        let gid = rustix::process::getgid().as_raw();
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        // Directories (LDAP and the like) may know the user where the file does not; /etc/subuid may
        // then still name the id.
        let user = user_name(&passwd, uid).map_or_else(|| uid.to_string(), str::to_owned);
        let map = |tool: &'static str, file: &'static str| {
            let program = TOOL_DIRECTORIES
                .iter()
                .map(|directory| format!("{directory}/{tool}"))
                .find(|path| Path::new(path).is_file())
                .ok_or(SandboxError::ToolMissing { tool })?;
            let range = range_of(&fs::read_to_string(file).unwrap_or_default(), &user, uid)
                .ok_or_else(|| SandboxError::RangeMissing { file, user: user.clone() })?;
            Ok((tool, program, range))
        };
        Ok(Self {
            own: (uid, gid),
            user: map("newuidmap", "/etc/subuid")?,
            group: map("newgidmap", "/etc/subgid")?,
        })
    }

    /// Runs both tools for a process; what they said, where one refused.
    fn apply(&self, process: Pid) -> Result<(), (String, String)> {
        let jobs = [(&self.user, self.own.0), (&self.group, self.own.1)];
        for ((tool, program, range), own) in jobs {
            let arguments = map_arguments(process.as_raw_nonzero().get(), own, *range);
            let refused = |message: String| ((*tool).to_owned(), message);
            let output = Command::new(program)
                .args(arguments)
                .env_clear()
                .output()
                .map_err(|error| refused(error.to_string()))?;
            if !output.status.success() {
                let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(refused(message));
            }
        }
        Ok(())
    }
}

/// Makes a user and a mount namespace. A helper is forked before that and stays outside: only there
/// do the setuid programs have the power to set the ids.
fn enter_user_namespace() -> Result<(), SandboxError> {
    let failed = |doing| move |source: io::Error| SandboxError::Enter { doing, source };
    let maps = Maps::of_this_user()?;
    let process = getpid();
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from);
    let (go_read, go_write) = pipe().map_err(failed("making a pipe"))?;
    let (result_read, result_write) = pipe().map_err(failed("making a pipe"))?;
    let helper = match system::fork().map_err(failed("starting a helper"))? {
        Fork::Child => {
            drop((go_write, result_read));
            help_from_outside(&maps, process, go_read, result_write);
        }
        Fork::Parent(helper) => helper,
    };
    drop((go_read, result_write));
    // Where this fails, the helper's pipe is closed, and the helper goes away by itself.
    system::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(refused)?;
    fs::File::from(go_write).write_all(b"!").map_err(failed("waking the helper"))?;
    let result: Option<Result<(), (String, String)>> =
        control::receive(fs::File::from(result_read)).map_err(failed("hearing the helper"))?;
    waitpid(Some(helper), WaitOptions::empty())
        .map_err(|error| failed("waiting for the helper")(error.into()))?;
    match result {
        Some(Ok(())) => become_root().map_err(failed("becoming user 0 of the namespace")),
        Some(Err((tool, message))) => Err(SandboxError::MapRefused { tool, message }),
        None => Err(failed("hearing the helper")(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// The helper's whole life: wait until the namespace is there, set its ids, say how it went.
fn help_from_outside(maps: &Maps, process: Pid, go: OwnedFd, result: OwnedFd) -> ! {
    let mut signal = [0];
    let called = fs::File::from(go).read_exact(&mut signal).is_ok();
    let told = called && control::send(fs::File::from(result), &maps.apply(process)).is_ok();
    system::exit(i32::from(!told))
}

fn become_root() -> io::Result<()> {
    let (uid, gid) = (rustix::process::Uid::ROOT, rustix::process::Gid::ROOT);
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

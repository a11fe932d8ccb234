//! What can go wrong, and which setting to change.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::refusal;

/// A sandbox that could not be made, or could not be watched.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel refused a user namespace, or what is needed inside one.
    #[error("the kernel refuses a user namespace to user id {uid}")]
    UserNamespace {
        /// The user who asked.
        uid: u32,
        /// The settings that decide, as they were then.
        settings: Box<super::Settings>,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Root without the power to mount: a container's.
    #[error("root is not allowed to make a mount namespace here")]
    NotPrivileged {
        /// The kernel's answer.
        source: io::Error,
    },
    /// `newuidmap` or `newgidmap` is not there.
    #[error("`{tool}` is not installed")]
    ToolMissing {
        /// Its name.
        tool: &'static str,
    },
    /// The user has no range of subordinate ids.
    #[error("`{file}` has no line with ids for user `{user}`")]
    RangeMissing {
        /// `/etc/subuid` or `/etc/subgid`.
        file: &'static str,
        /// The user's name, or id where there is no name.
        user: String,
    },
    /// `newuidmap` or `newgidmap` refused.
    #[error("`{tool}` could not set the ids: {message}")]
    MapRefused {
        /// Its name.
        tool: String,
        /// What it said.
        message: String,
    },
    /// A call of [`enter`](super::enter) failed that should not.
    #[error("cannot enter the sandbox: {doing}")]
    Enter {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// An overlay could not be mounted.
    #[error("cannot mount an overlay file system on `{}`{}", target.display(), said(message))]
    Overlay {
        /// Where.
        target: PathBuf,
        /// What the kernel said beyond the error number; may be empty.
        message: String,
        /// Why it failed.
        source: io::Error,
    },
    /// An overlay could not be unmounted.
    #[error("cannot unmount `{}`", target.display())]
    Unmount {
        /// Where.
        target: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A step's surroundings could not be made.
    #[error("cannot prepare the step: {doing}")]
    Step {
        /// What was being done.
        doing: Doing,
        /// Why it failed.
        source: io::Error,
    },
    /// The step's process could not be started or watched.
    #[error("cannot run the step's process")]
    Run {
        /// Why it failed.
        source: io::Error,
    },
    /// The step's process was killed from outside, or ran out of memory.
    #[error("the step's process ended without a word ({status})")]
    Lost {
        /// How it ended.
        status: std::process::ExitStatus,
    },
}

impl SandboxError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UserNamespace { settings, source, .. } => {
                Some(refusal::user_namespace(source.raw_os_error(), settings))
            }
            Self::NotPrivileged { .. } => Some(refusal::not_privileged().to_owned()),
            Self::ToolMissing { tool } => Some(refusal::tool_missing(tool)),
            Self::RangeMissing { file, user } => Some(refusal::range_missing(file, user)),
            Self::MapRefused { tool, .. } => Some(refusal::map_refused(tool)),
            Self::Overlay { source, .. } => refusal::overlay(source.raw_os_error()),
            Self::Step { doing, source } => refusal::step(doing, source.raw_os_error()),
            Self::Enter { .. } | Self::Unmount { .. } | Self::Run { .. } => None,
            Self::Lost { .. } => {
                Some("see `dmesg` for an out-of-memory kill of `rlock`".to_owned())
            }
        }
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}

/// What a step's process was doing when it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Doing {
    /// Reading what the step is.
    Receive,
    /// Starting and watching its processes.
    Processes,
    /// Making its namespaces.
    Namespaces,
    /// Changing to its root.
    Root,
    /// Making a mount point that the image lacks.
    MountPoint(String),
    /// Mounting a file system in its root.
    Mount(String),
    /// Binding a file or directory from outside.
    Bind {
        /// Outside.
        source: String,
        /// Inside.
        target: String,
    },
    /// Hiding a path, or making it read-only.
    Mask(String),
    /// Making a device.
    Device(String),
    /// Setting the host name.
    Hostname,
    /// Bringing up `lo`.
    Loopback,
    /// Making a gate's route and sockets.
    Gate,
    /// Having its connections redirected to the gate.
    Redirect,
    /// Setting limits, processors, streams and the like.
    Limits,
    /// Loading the seccomp filter.
    Seccomp,
    /// Dropping capabilities.
    Capabilities,
    /// Becoming the step's user.
    User {
        /// The user id.
        uid: u32,
        /// The group id.
        gid: u32,
    },
    /// Changing to its working directory.
    WorkingDirectory(String),
}

impl fmt::Display for Doing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receive => write!(formatter, "reading what it is"),
            Self::Processes => write!(formatter, "starting its processes"),
            Self::Namespaces => write!(formatter, "making its namespaces"),
            Self::Root => write!(formatter, "changing to its root"),
            Self::MountPoint(path) => write!(formatter, "making the mount point `{path}`"),
            Self::Mount(path) => write!(formatter, "mounting `{path}`"),
            Self::Bind { source, target } => {
                write!(formatter, "binding `{source}` to `{target}`")
            }
            Self::Mask(path) => write!(formatter, "masking `{path}`"),
            Self::Device(path) => write!(formatter, "making the device `{path}`"),
            Self::Hostname => write!(formatter, "setting its host name"),
            Self::Loopback => write!(formatter, "bringing up its loopback interface"),
            Self::Gate => write!(formatter, "making the sockets of its network"),
            Self::Redirect => write!(formatter, "redirecting its connections"),
            Self::Limits => write!(formatter, "setting its limits and streams"),
            Self::Seccomp => write!(formatter, "loading its seccomp filter"),
            Self::Capabilities => write!(formatter, "dropping its capabilities"),
            Self::User { uid, gid } => write!(formatter, "becoming user {uid}, group {gid}"),
            Self::WorkingDirectory(path) => {
                write!(formatter, "changing to its working directory `{path}`")
            }
        }
    }
}

//! What a step is: plain values, handed to the process that becomes it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Surroundings;

/// One command, to be run in a mounted root file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The root file system: an [`Overlay`](super::Overlay)'s target, or any directory.
    #[serde(with = "path_bytes")]
    pub root: PathBuf,
    /// The program (looked up in `PATH` of `env` where it has no slash) and its arguments.
    pub argv: Vec<Vec<u8>>,
    /// The whole environment, `NAME` and value, in order; nothing is added.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// The working directory, absolute within the root. It must exist.
    pub cwd: Vec<u8>,
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The supplementary group ids.
    pub groups: Vec<u32>,
    /// Files and directories from outside, in the order they are bound.
    pub binds: Vec<Bind>,
    /// What the command sees of the machine.
    pub surroundings: Surroundings,
    /// Its network.
    pub network: Network,
    /// What it reads from its standard input; `None` is `/dev/null`.
    pub stdin: Option<Vec<u8>>,
}

/// A file or directory from outside that a step sees at a place in its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Outside.
    #[serde(with = "path_bytes")]
    pub source: PathBuf,
    /// Inside: relative to the root, symbolic links followed within it. Where nothing is there, it is
    /// made for the time of the step, and leaves no trace in the overlay's upper directory but the
    /// directory that it was in; [`mount_points_layer`](super::mount_points_layer) avoids even that.
    pub target: Vec<u8>,
    /// Whether the step may not write to it. Docker's `/etc/resolv.conf` and `/etc/hosts` are
    /// writable: for these, bind a copy that is made for the step.
    pub read_only: bool,
}

/// The network of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The host's.
    Host,
    /// A namespace of its own with nothing but `lo`.
    None,
    /// A namespace of its own whose only way out is a [`Gate`](super::Gate).
    Gate,
}

/// Where a piece of output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code. 127: there is no such program; 126: it cannot be executed; in both
    /// cases the last line on standard error says why.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Killed because the caller's flag was set.
    Cancelled,
}

/// Paths as bytes: they need not be UTF-8.
mod path_bytes {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Vec::deserialize(from).map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn paths_need_not_be_text() {
        let source = PathBuf::from(OsStr::from_bytes(b"/\xff\n"));
        let bind = Bind { source, target: b"\xfe".to_vec(), read_only: true };
        let wire = serde_json::to_vec(&bind).unwrap();
        assert_eq!(serde_json::from_slice::<Bind>(&wire).unwrap(), bind);
    }
}

//! What happens during a build, as it happens: plain values for whoever shows progress.
//! Knows nothing of terminals.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Receives events, from any thread. Must be quick: builds wait for it.
pub type Sink = dyn Fn(Event) + Send + Sync;

/// Which build of the command something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuildName {
    /// The command builds once, or the work serves all its builds (pulling a base image).
    Only,
    /// The first build of a check.
    A,
    /// The second build of a check, in varied surroundings.
    B,
}

impl fmt::Display for BuildName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Only => "",
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// Place of a step among the steps of its build, both counted from one: the 2 and the 5 of `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the step.
    pub number: usize,
    /// How many steps the build has.
    pub total: usize,
}

/// Where a program wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Descriptor 1.
    Standard,
    /// Descriptor 2.
    Error,
}

/// Something happened to a step.
#[derive(Debug, Clone)]
pub struct Event {
    /// The build.
    pub build: BuildName,
    /// Id of the step, unique in its build: `1`, `final/3`, or the reference of an image being pulled.
    pub step: Arc<str>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a step.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// It started. A step starts at most once; later events without a start are ignored.
    Started {
        /// The instruction as written, or what is being done: `pull debian:bookworm`. May hold any
        /// text of the Dockerfile.
        name: Arc<str>,
        /// Its place, where it has one.
        place: Option<Place>,
    },
    /// It wrote these bytes, not necessarily whole lines.
    Output {
        /// Where to.
        stream: OutputStream,
        /// The bytes, as the program wrote them.
        bytes: Arc<[u8]>,
    },
    /// So many bytes have been moved so far (a download, the taking of a layer).
    Transferred {
        /// Bytes so far, from the beginning.
        done: u64,
        /// All bytes, where known.
        total: Option<u64>,
    },
    /// It is done.
    Finished {
        /// How long it took.
        elapsed: Duration,
    },
    /// Nothing had to be done: its result was there already.
    Cached,
    /// It was stopped before its end: by the user, or since something else failed.
    Stopped {
        /// After how long.
        elapsed: Duration,
    },
    /// It failed; the error itself is returned by the build.
    Failed {
        /// How long it took.
        elapsed: Duration,
    },
}

impl Event {
    /// An event of `step` in `build`.
    pub fn new(build: BuildName, step: impl Into<Arc<str>>, kind: EventKind) -> Self {
        Self { build, step: step.into(), kind }
    }
}

/// A sink that shows nothing.
pub fn ignore(_event: Event) {}

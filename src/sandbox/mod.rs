//! Namespaces, mounts, seccomp and processes: where a RUN step lives. All unsafe code lives here.
//!
//! [`enter`] is called first and once, by a command that builds. [`Overlay`] mounts the layers of an
//! image, [`run`] runs one [`Step`] in them. A step is four processes:
//!
//! ```text
//! rlock ── supervisor (`/proc/self/exe __step`) ── warden ── command (process 1 of the step)
//! ```
//!
//! - The *supervisor* is executed anew, because a process with threads must not do work between `fork`
//!   and `exec`. It hears from rlock when to stop.
//! - The *warden* is process 1 of a process namespace that only it and the step are in. Where rlock
//!   ends, by whatever signal, the kernel kills the supervisor, then the warden, and with it every
//!   process of the step: the warden never changes its user, so it cannot lose its death signal, as the
//!   command does when it is a setuid program.
//! - The *command* is process 1 of a further namespace, as runc has it: where it exits, all that it
//!   started and left behind is killed.
//!
//! A step's [`Network`] is the host's, none, or one whose only way out is a [`Gate`]: sockets in the step's own
//! network namespace that the caller of [`run`] gets, where everything arrives that the step connects to.
//!
//! This module does not know images, Dockerfiles or layers' contents.

mod control;
mod enter;
mod error;
mod gate;
mod init;
mod memory;
mod overlay;
mod points;
mod refusal;
mod run;
mod seccomp;
mod step;
mod subordinate;
mod surroundings;
mod system;
mod tmpfs;

pub use enter::{Privilege, enter};
pub use error::{Doing, SandboxError};
pub use gate::{Destinations, Gate, NAME_SERVER, Stray};
pub use init::{INIT_ARGUMENT, init_main};
pub use memory::available_memory;
pub use overlay::Overlay;
pub use points::mount_points_layer;
pub use refusal::Settings;
pub use run::{Attendant, run};
pub use step::{Bind, Exit, Network, Step, Stream};
pub use surroundings::{Processors, Surroundings};
pub use tmpfs::Tmpfs;

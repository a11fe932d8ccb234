//! The arguments of each command. Words are cargo's where the lock is meant, docker's where the
//! build is meant.

#![expect(clippy::doc_markdown, reason = "the comments are the help pages, which are plain text")]

mod advisories;
mod command;
mod given;
mod integration;
mod registry;
mod review;
mod source;
mod store;
mod update;
mod value;

#[cfg(test)]
mod tests;

pub use advisories::AdvisoryArguments;
pub use command::Command;
pub use given::{AgentArgument, HostArgument, SecretArgument, SecretSource};
pub use integration::{CompletionsArguments, ForgeName, InitArguments, ManArguments};
pub use registry::{AuthHost, RegistryArguments, RegistryHost};
pub use review::ReviewArguments;
pub use source::{BuildContext, ImageArgument, ImageSource, ImageTarget, LayoutSelector};
pub use store::{
    LockPlaceArguments, Place, RemoteArgument, StoreArguments, StoreCommand, StoreGcArguments,
    StorePullArguments, StorePushArguments, StoreStatusArguments, StoreVerifyArguments,
};
pub use update::{ChangelogChoice, OutdatedArguments, UpdateArguments, WantedName};
pub use value::{BuildArgument, Format, OutputFile, RuleName, SchemaArgument, Size};

use crate::finding::Severity;
use crate::oci::Platform;
use crate::report::FindingsExit;
use clap::{Args, Parser, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  reproducible, equal, or nothing to do
  1  findings: not reproducible, different, a lock that does not fit under --locked
  2  wrong use or configuration, a Dockerfile that cannot be read
  3  integrity: a digest, an archive or a lock is not what it claims to be
  4  the build itself failed
  5  could not be determined: network, authentication, no builder
If several hold: 3, 4, 2, 5, 1, 0. Stopped by Ctrl-C: 130, by SIGTERM: 143.";

/// A lockfile for container builds.
///
/// Builds a Dockerfile twice, compares the two images file by file, says what differs, why, and
/// which line did it, and pins what came from outside in Dockerfile.lock.
#[derive(Debug, Parser)]
#[command(name = "rlock", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArguments,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalArguments {
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
    /// How progress is shown on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    pub progress: ProgressChoice,
    /// Show everything that a report counts; twice: what rlock does
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// The Store.
    #[arg(
        help = "Directory of blobs and images [default: $XDG_CACHE_HOME/rlock]",
        long,
        global = true,
        value_name = "DIR",
        env = "RLOCK_STORE",
        hide_env_values = true
    )]
    pub store: Option<PathBuf>,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--progress`, in docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressChoice {
    /// Live on a terminal, one line a step elsewhere
    #[default]
    Auto,
    /// Live lines
    Tty,
    /// One line a step, and everything that RUN instructions write
    Plain,
    /// Nothing
    Quiet,
}

/// What to build, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Build")]
pub struct InputArguments {
    /// Build context
    #[arg(value_name = "DIR", default_value = ".", value_parser = value::context)]
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub directory: PathBuf,
    /// The Dockerfile.
    #[arg(
        help = "Dockerfile [default: DIR/Dockerfile]",
        short, long, value_name = "FILE", value_parser = value::dockerfile)]
    pub file: Option<PathBuf>,
    /// The stage.
    #[arg(help = "Stage to build [default: the last]", long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Set a build argument; without a value it comes from the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub build_arguments: Vec<BuildArgument>,
    /// What replaces images, stages and contexts.
    #[arg(
        help = "Use something else for the image, stage or context NAME",
        long_help = "Use something else for the image, stage or context NAME\n\n\
                     SOURCE is oci-layout://DIR[:TAG][@DIGEST], docker-image://REFERENCE, \
                     docker-archive:FILE[:NAME:TAG], or a directory.",
        long = "build-context",
        value_name = "NAME=SOURCE"
    )]
    pub build_contexts: Vec<BuildContext>,
    /// What `RUN --mount=type=secret` may ask for.
    #[arg(
        help = "Give the build a secret, from a file or a variable; nothing keeps it",
        long = "secret",
        value_name = "id=ID[,src=FILE|,env=NAME]"
    )]
    pub secrets: Vec<SecretArgument>,
    /// What `RUN --mount=type=ssh` may ask for.
    #[arg(
        help = "Give the build an SSH agent [socket: $SSH_AUTH_SOCK]",
        long = "ssh",
        value_name = "default|ID[=SOCKET]"
    )]
    pub agents: Vec<AgentArgument>,
    /// Where hosts are.
    #[arg(
        help = "Where the host NAME is, for all that steps fetch; without any proxy",
        long = "add-host",
        value_name = "NAME:ADDRESS"
    )]
    pub hosts: Vec<HostArgument>,
    /// The platform.
    #[arg(help = "Platform of the image [default: the host's]", long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
    /// Do not apply a normaliser, or `all` of them
    #[arg(long = "no-normalize", value_name = "RULE")]
    pub no_normalize: Vec<RuleName>,
    /// How much is built at the same time.
    #[arg(
        help = "How much is built at the same time; with 1, B is built after A [default: number of CPUs]",
        short,
        long,
        value_name = "N"
    )]
    pub jobs: Option<NonZeroUsize>,
    /// Memory for files of steps.
    #[arg(
        help = "Memory that the files of RUN steps may take in each build before they go to the disk, \
                such as 512M [default: a quarter of what is available]",
        long,
        value_name = "SIZE"
    )]
    pub scratch_memory: Option<Size>,
    /// Registries.
    #[command(flatten)]
    pub registries: RegistryArguments,
}

impl InputArguments {
    /// Path of the Dockerfile.
    pub fn dockerfile(&self) -> PathBuf {
        self.file.clone().unwrap_or_else(|| match self.directory.to_str() {
            Some(".") => PathBuf::from("Dockerfile"),
            _ => self.directory.join("Dockerfile"),
        })
    }

    /// Build arguments with their values; those without a value here or in `environment` are left
    /// out, as docker does. The last of a name wins.
    pub fn resolved_build_arguments(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> std::collections::BTreeMap<String, String> {
        self.build_arguments.iter().filter_map(|argument| argument.resolve(environment)).collect()
    }
}

/// What may be changed, and what may be fetched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Lock")]
pub struct LockingArguments {
    /// The lock must exist and fit: write nothing, and fail if it does not
    #[arg(long)]
    pub locked: bool,
    /// Do not touch the network
    #[arg(long)]
    pub offline: bool,
    /// Both --locked and --offline
    #[arg(long)]
    pub frozen: bool,
}

/// Whether the lock may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// It may.
    Writable,
    /// It must exist and fit.
    Locked,
}

/// Whether rlock itself may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkMode {
    /// It may.
    Online,
    /// It must not.
    Offline,
}

impl LockingArguments {
    /// Whether the lock may be written.
    pub fn lock_mode(&self) -> LockMode {
        if self.locked || self.frozen { LockMode::Locked } else { LockMode::Writable }
    }

    /// Whether the network may be used.
    pub fn network_mode(&self) -> NetworkMode {
        if self.offline || self.frozen { NetworkMode::Offline } else { NetworkMode::Online }
    }
}

/// How the report is given, and what fails.
#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub struct ReportArguments {
    /// Format on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Also write the report to a file; may be repeated
    #[arg(long = "output", value_name = "FORMAT=FILE")]
    pub outputs: Vec<OutputFile>,
    /// Exit with 1 from findings of this severity on
    #[arg(long, value_enum, default_value = "error", value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Exit with 0 despite findings; other failures keep their codes
    #[arg(long)]
    pub exit_zero: bool,
    /// Put the time that things took into JSON, too
    #[arg(long)]
    pub timings: bool,
}

impl ReportArguments {
    /// What `--exit-zero` asks for.
    pub fn findings_exit(&self) -> FindingsExit {
        if self.exit_zero { FindingsExit::Zero } else { FindingsExit::One }
    }
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Everything that is found
    Note,
    /// What should be looked at
    Warning,
    /// What makes an image not reproducible
    Error,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Note => Self::Note,
            FailOn::Warning => Self::Warning,
            FailOn::Error => Self::Error,
        }
    }
}

/// `rlock check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// What to build.
    #[command(flatten)]
    pub input: InputArguments,
    /// The lock.
    #[command(flatten)]
    pub locking: LockingArguments,
    /// The report.
    #[command(flatten)]
    pub report: ReportArguments,
}

/// `rlock lock`.
#[derive(Debug, Args)]
pub struct LockArguments {
    /// Derive each entry of the lock again from signed metadata in the Store; build nothing
    ///
    /// Says of each entry whether a signed index has it, which key signs that, or why it is not
    /// known. Nothing is run, no URL of the lock is followed, and without --pull the network is not
    /// touched. Ends with 3 where an entry is not what it should be, with 5 where that could not be
    /// found out.
    #[arg(long)]
    pub verify: bool,
    /// The lock that this one is to replace, which is believed: a file, REV, or REV:PATH
    ///
    /// No metadata may be older than there, and no signature be missing that is there. Without
    /// this: where the current branch left the one that it is to be merged into, if git knows.
    #[arg(long, value_name = "REV|FILE", requires = "verify")]
    pub base: Option<String>,
    /// Bring what the Store lacks from the remote of rlock.toml
    #[arg(long, requires = "verify", conflicts_with_all = ["offline", "frozen"])]
    pub pull: bool,
    /// What to build.
    #[command(flatten)]
    pub input: InputArguments,
    /// The lock.
    #[command(flatten)]
    pub locking: LockingArguments,
    /// The report.
    #[command(flatten)]
    pub report: ReportArguments,
}

/// `rlock verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// What to build.
    #[command(flatten)]
    pub input: InputArguments,
    /// Compare with this image instead of the layers in the lock
    ///
    /// In the forms that `rlock diff --help` lists.
    #[arg(long, value_name = "IMAGE", value_parser = ImageArgument::parse_image)]
    pub against: Option<ImageArgument>,
    /// Do not touch the network
    #[arg(long)]
    pub offline: bool,
    /// The report.
    #[command(flatten)]
    pub report: ReportArguments,
}

/// `rlock build`.
#[derive(Debug, Args)]
pub struct BuildArguments {
    /// What to build.
    #[command(flatten)]
    pub input: InputArguments,
    /// Where the image goes.
    #[arg(
        help = "Where to put the image: oci:DIR[:TAG] or docker-archive:FILE[:NAME:TAG]; may be repeated",
        short,
        long = "output",
        value_name = "TARGET"
    )]
    pub outputs: Vec<ImageTarget>,
    /// The lock.
    #[command(flatten)]
    pub locking: LockingArguments,
}

/// `rlock diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// The first image
    #[arg(value_name = "A")]
    pub left: ImageArgument,
    /// The second image
    #[arg(value_name = "B")]
    pub right: ImageArgument,
    /// The platform.
    #[arg(
        help = "Platform to take from images for several [default: the host's]",
        long,
        value_name = "OS/ARCH"
    )]
    pub platform: Option<Platform>,
    /// Report only what is at or below this path in the image; may be repeated
    #[arg(long = "path", value_name = "PATH", value_parser = value::image_path)]
    pub paths: Vec<String>,
    /// Do not touch the network
    #[arg(long)]
    pub offline: bool,
    /// Registries.
    #[command(flatten)]
    pub registries: RegistryArguments,
    /// The report.
    #[command(flatten)]
    pub report: ReportArguments,
}

/// `rlock explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// Id of a cause or of a rule
    #[arg(value_name = "CAUSE|RULE")]
    pub name: Option<String>,
}

/// `rlock schema`.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// Command whose report is meant
    #[arg(value_enum)]
    pub name: SchemaArgument,
}

//! The arguments of `rlock store`.

use super::{Format, OutputFile, RegistryArguments, value};
use crate::oci::{Digest, Platform, Reference};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;

/// `rlock store`.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// One variant a command.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Put a lock, and all content that it pins, into a repository of any OCI registry
    #[command(after_help = PUSH_HELP)]
    Push(StorePushArguments),
    /// Bring the content that a lock pins from a repository into the Store
    #[command(after_help = PULL_HELP)]
    Pull(StorePullArguments),
    /// Hash everything in the Store again, or what a lock needs, and name what is damaged
    #[command(after_help = VERIFY_HELP)]
    Verify(StoreVerifyArguments),
    /// Remove what nobody has used for a while and no lock needs
    #[command(after_help = GC_HELP)]
    Gc(StoreGcArguments),
    /// Say where each locked URL can still be had
    #[command(after_help = STATUS_HELP)]
    Status(StoreStatusArguments),
}

const PUSH_HELP: &str = "\
Examples:
  rlock store push                             to the `remote` of rlock.toml
  rlock store push registry.example/team/locks
  rlock store push registry.example/team/locks:web docker/web

A lock is found again by its content. With :TAG it gets that name, too, and whoever had
it before loses it. Content that the repository has is not sent again, whichever lock
brought it.

rlock.toml, beside the Dockerfile:
  [store]
  remote = \"registry.example/team/locks\"
  push = \"auto\"                                after each build; or \"never\", the default";

const PULL_HELP: &str = "\
Examples:
  rlock store pull                             what Dockerfile.lock pins, from the `remote`
  rlock store pull registry.example/team/locks:web docker/web

The lock in the project decides what is pulled. Where there is none, REF needs a tag,
and the lockfile is written.";

const VERIFY_HELP: &str = "\
Examples:
  rlock store verify                           everything
  rlock store verify --remove                  and let it be fetched again
  rlock store verify --lock Dockerfile.lock    can this lock be built offline?";

const GC_HELP: &str = "\
Examples:
  rlock store gc --dry-run
  rlock store gc --unused-for 7
  rlock store gc --all-but-locks web/Dockerfile.lock api

The content of locks that were used with this Store stays as long as the lockfiles are
where they were. Unpacked layers always go: they are made again when they are needed.
A collection waits until no other rlock uses the Store.";

const STATUS_HELP: &str = "\
Examples:
  rlock store status
  rlock store status --deep                    fetch everything and compare digests
  rlock store status --format json

Without --deep an answer of the right size counts. Exit code 1: the bytes of a URL cannot
be had anywhere any more.";

/// Which lock.
#[derive(Debug, Clone, Args)]
pub struct LockPlaceArguments {
    /// The Dockerfile.
    #[arg(
        help = "Dockerfile that the lock belongs to [default: DIR/Dockerfile]",
        short, long, value_name = "FILE", value_parser = value::dockerfile)]
    pub file: Option<PathBuf>,
    /// The platform.
    #[arg(help = "Platform of the lock [default: the host's]", long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
}

/// `rlock store push`.
#[derive(Debug, Args)]
pub struct StorePushArguments {
    /// The repository.
    #[arg(help = "HOST/NAME[:TAG] [default: `remote` of rlock.toml]", value_name = "REF")]
    pub first: Option<Place>,
    /// Directory of the Dockerfile and its lock [default: .]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The lock.
    #[command(flatten)]
    pub lock: LockPlaceArguments,
    /// Registries.
    #[command(flatten)]
    pub registries: RegistryArguments,
}

/// `rlock store pull`.
#[derive(Debug, Args)]
pub struct StorePullArguments {
    /// The repository.
    #[arg(help = "HOST/NAME[:TAG][@DIGEST] [default: `remote` of rlock.toml]", value_name = "REF")]
    pub first: Option<Place>,
    /// Directory of the Dockerfile and its lock [default: .]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The lock.
    #[command(flatten)]
    pub lock: LockPlaceArguments,
    /// Registries.
    #[command(flatten)]
    pub registries: RegistryArguments,
}

/// `rlock store verify`.
#[derive(Debug, Args)]
pub struct StoreVerifyArguments {
    /// Look only at what this lockfile needs, and whether all of it is there; may be repeated
    #[arg(long = "lock", value_name = "PATH")]
    pub locks: Vec<PathBuf>,
    /// Remove what is damaged
    #[arg(long)]
    pub remove: bool,
}

/// `rlock store gc`.
#[derive(Debug, Args)]
pub struct StoreGcArguments {
    /// Remove blobs that were not used for so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=36_500))]
    pub unused_for: u32,
    /// Keep the content of these lockfiles (or of those in these directories) and nothing else,
    /// however new
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "unused_for")]
    pub all_but_locks: Vec<PathBuf>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `rlock store status`.
#[derive(Debug, Args)]
pub struct StoreStatusArguments {
    /// Directory of the Dockerfile and its lock
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// The lock.
    #[command(flatten)]
    pub lock: LockPlaceArguments,
    /// Fetch whatever can be had, and compare digests
    #[arg(long)]
    pub deep: bool,
    /// Ask nobody: what does the Store have?
    #[arg(long, conflicts_with = "deep")]
    pub offline: bool,
    /// Registries.
    #[command(flatten)]
    pub registries: RegistryArguments,
    /// Format on standard output
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = value::plain_format())]
    pub format: Format,
    /// Also write the report to a file; may be repeated
    #[arg(long = "output", value_name = "FORMAT=FILE", value_parser = value::plain_output)]
    pub outputs: Vec<OutputFile>,
}

/// The first argument of push and pull: what looks like a path is the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A repository, and maybe what is meant in it.
    Remote(RemoteArgument),
    /// A directory.
    Directory(PathBuf),
}

/// A repository with its host, and maybe something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteArgument {
    /// The repository, without tag and digest.
    pub repository: Reference,
    /// A tag, if one was written.
    pub tag: Option<String>,
    /// A digest, if one was written.
    pub digest: Option<Digest>,
}

impl RemoteArgument {
    /// The reference of the tag or digest, if there is one.
    pub fn named(&self) -> Option<Reference> {
        let (tag, digest) = (self.tag.clone(), self.digest);
        (tag.is_some() || digest.is_some()).then(|| Reference {
            tag,
            digest,
            ..self.repository.clone()
        })
    }
}

impl FromStr for RemoteArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let reference: Reference =
            text.parse().map_err(|error: crate::oci::ReferenceError| error.to_string())?;
        if !text.starts_with(&format!("{}/", reference.domain)) {
            return Err("it has no host: write HOST/NAME".to_owned());
        }
        // Without one the parser supplies `latest`.
        let name = text.split('@').next().unwrap_or(text);
        let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        let tag = reference.tag.clone().filter(|_| has_tag);
        let digest = reference.digest;
        let repository = Reference { tag: None, digest: None, ..reference };
        Ok(Self { repository, tag, digest })
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_path = matches!(text, "." | "..")
            || ["/", "./", "../"].iter().any(|start| text.starts_with(start));
        if is_path {
            return Ok(Self::Directory(text.into()));
        }
        let remote =
            text.parse().map_err(|problem| format!("{problem}; for a directory write ./DIR"))?;
        Ok(Self::Remote(remote))
    }
}

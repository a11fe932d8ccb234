//! From a Dockerfile to steps: which stages the target needs, which images they start from, and what
//! each instruction does once its variables are resolved. Pure: nothing here touches a file.

mod arguments;
mod chmod;
mod closed;
mod configure;
mod error;
mod evaluate;
mod input;
mod mounts;
mod outline;
mod refuse;
mod remote;
mod require;
mod signal;
mod sources;
mod state;

pub use arguments::Arguments;
pub use chmod::{Chmod, ChmodError};
pub use error::PlanError;
pub use evaluate::plan;
pub use input::{StepInput, stage_id};
pub use mounts::{Attributes, RunMount, RunMountKind};
pub use outline::{ImageUse, NamedContexts, OtherStage, Outline, OutlineStage, Wish, outline};
pub use remote::{GitSource, UrlSource};
pub use require::require;

use super::event::Place;
use crate::dockerfile::Network;
use crate::oci::{Digest, RuntimeConfig};
use crate::store::Image;
use crate::text::Span;
use error::{at, expansion};
use std::collections::BTreeMap;

/// Where a stage starts, or where `COPY --from` takes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// Nothing: `FROM scratch`.
    Scratch,
    /// An earlier stage, by its index in the Dockerfile.
    Stage(usize),
    /// An image, by its normalised reference.
    Image(String),
    /// A directory given with `--build-context NAME=DIR`, by its name.
    Context(String),
}

/// Everything that a builder has to do, in order.
#[derive(Debug)]
pub struct Plan {
    /// The needed stages, each after those that it takes from.
    pub stages: Vec<StagePlan>,
    /// Index in the Dockerfile of the stage that becomes the image.
    pub target: usize,
    /// Build arguments that were given and that nothing declares.
    pub unused_arguments: Vec<String>,
}

/// One stage, ready to be built.
#[derive(Debug)]
pub struct StagePlan {
    /// Index in the Dockerfile.
    pub index: usize,
    /// Where it starts.
    pub base: Base,
    /// Its instructions, those that the base image triggers first.
    pub steps: Vec<Step>,
    /// What containers start with when the stage is done.
    pub config: RuntimeConfig,
    /// Author, from `MAINTAINER`.
    pub author: Option<String>,
}

/// One instruction with everything resolved that can be before it runs.
#[derive(Debug, Clone)]
pub struct Step {
    /// `stage/instruction`, both as people count; no stage where the Dockerfile has only one.
    pub id: String,
    /// The instruction in the Dockerfile; the `FROM` for a trigger of the base image.
    pub span: Span,
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// The instruction in one line, as people recognise it.
    pub text: String,
    /// The whole instruction in canonical form, heredocs included.
    pub script: String,
    /// Of the instruction as parsed and its resolved arguments: what makes the step stale.
    pub input: Digest,
    /// Whether it is an `ONBUILD` trigger of the base image, which the image's digest pins.
    pub triggered: bool,
    /// Whether nothing of the build context can have reached what the step makes.
    pub closed: bool,
    /// Text for the image's history.
    pub created_by: String,
    /// What it does.
    pub action: Action,
}

impl Step {
    /// Where a `COPY --from` takes from.
    pub fn source(&self) -> Option<&Base> {
        match &self.action {
            Action::Copy(copy) => copy.from.as_ref(),
            _ => None,
        }
    }

    /// What `COPY --from` and `RUN --mount=from=` take from.
    pub fn sources(&self) -> impl Iterator<Item = &Base> {
        let mounts = self.mounts().iter().filter_map(RunMount::source);
        self.source().into_iter().chain(mounts)
    }

    /// The mounts of a `RUN`.
    pub fn mounts(&self) -> &[RunMount] {
        match &self.action {
            Action::Run(run) => &run.mounts,
            _ => &[],
        }
    }
}

impl StagePlan {
    /// The stages that it starts from and takes from.
    pub fn dependencies(&self) -> impl Iterator<Item = usize> {
        let sources = self.steps.iter().flat_map(Step::sources);
        std::iter::once(&self.base).chain(sources).filter_map(Base::stage)
    }
}

impl Plan {
    /// All steps in the order of the plan.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// The place of the step with this id among all.
    pub fn place(&self, id: &str) -> Place {
        let number = self.steps().position(|step| step.id == id).map_or(0, |index| index + 1);
        Place { number, total: self.steps().count() }
    }
}

/// What a step does to the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: only the config changes.
    Configure,
    /// `WORKDIR`: the directory exists afterwards.
    MakeDirectory(String),
    /// `RUN`.
    Run(RunAction),
    /// `COPY` and `ADD`.
    Copy(CopyAction),
}

impl Action {
    /// Whether what it brings may be from outside of the build: a command, other stages and images,
    /// downloads. What only the build context has in it is the user's own, and no lock is about it.
    pub fn takes_from_outside(&self) -> bool {
        match self {
            Self::Configure | Self::MakeDirectory(_) => false,
            Self::Run(_) => true,
            Self::Copy(copy) => {
                let is_download = |source: &CopySource| !matches!(source, CopySource::Path(_));
                let is_tree = !matches!(copy.from, None | Some(Base::Context(_)));
                is_tree || copy.sources.iter().any(is_download)
            }
        }
    }
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunAction {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment: build arguments, then the image's own.
    pub env: BTreeMap<String, String>,
    /// `USER` in force, unresolved; empty is root.
    pub user: String,
    /// Working directory, absolute.
    pub cwd: String,
    /// What it may reach.
    pub network: Network,
    /// A heredoc that is a script of its own: its name and text. There is no `argv` then.
    pub script: Option<(String, String)>,
    /// What it sees and does not keep.
    pub mounts: Vec<RunMount>,
}

/// Something to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopySource {
    /// Files: a path or a pattern, resolved.
    Path(String),
    /// A file to download.
    Url(UrlSource),
    /// A repository.
    Git(GitSource),
}

/// Files to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyAction {
    /// Where from; `None` is the build context.
    pub from: Option<Base>,
    /// What, in order.
    pub sources: Vec<CopySource>,
    /// Files given in the Dockerfile itself: name and content.
    pub inline: Vec<(String, String)>,
    /// Absolute; ends with a slash where the instruction's did.
    pub destination: String,
    /// `--chown`, resolved but not looked up.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<Chmod>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--parents`.
    pub parents: bool,
    /// Whether archives among the paths are extracted: `ADD`.
    pub extract: bool,
}

/// The images that a plan's bases stand for, by normalised reference.
pub type Images = BTreeMap<String, Image>;

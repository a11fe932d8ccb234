//! What a command is about: the Dockerfile, its build context, and the lock beside it.

use super::args::{BuildContext, ImageSource, InputArguments};
use super::context::Context;
use super::failure::{DOCKERFILE, InDockerfile, InLockfile, Unreadable};
use super::settings::Settings;
use crate::build::plan::{
    self, Arguments, Base, Images, NamedContexts, Outline, Plan, Wish, stage_id,
};
use crate::dockerfile::{self, Dockerfile, InstructionKind};
use crate::door::Mirror;
use crate::finding::Location;
use crate::lock::{self, Elsewhere, Lockfile, Wanted, WantedImage, WantedStage, WantedStep};
use crate::normalize;
use crate::oci::{Digest, Platform};
use crate::report::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Everything that is known before an image is looked at.
pub(super) struct Project {
    /// The Dockerfile as reports name it: as the user did.
    pub(super) path: PathBuf,
    /// Where it lies: elsewhere where it is of another revision.
    pub(super) file: PathBuf,
    /// The build context.
    pub(super) directory: PathBuf,
    pub(super) dockerfile: Dockerfile,
    pub(super) outline: Outline,
    pub(super) platform: Platform,
    pub(super) lock_path: PathBuf,
    /// The lock as it is on disk.
    pub(super) lock: Option<Lockfile>,
    pub(super) contexts: Vec<BuildContext>,
    /// What `rlock.toml` beside the Dockerfile says.
    pub(super) settings: Settings,
    /// What an update lets move; nothing elsewhere.
    pub(super) moving: Moving,
    target: Option<String>,
    arguments: Arguments,
    named: NamedContexts,
}

/// What an update lets move.
#[derive(Debug, Clone, Default)]
pub(super) struct Moving {
    /// Names of operating system packages that may have any version.
    pub(super) packages: BTreeSet<String>,
    /// What is asked instead of upstream: archives as they were at a time.
    pub(super) instead: Vec<Mirror>,
}

impl Project {
    /// Reads and parses; touches neither network nor Store.
    pub(super) fn load(input: &InputArguments, context: &Context) -> anyhow::Result<Self> {
        let path = input.dockerfile();
        let source = read_dockerfile(&path)?;
        let dockerfile = dockerfile::parse(&source)
            .map_err(|error| InDockerfile::parse(&path, &source, error))?;
        let host = Platform::host();
        let platform = input.platform.clone().unwrap_or_else(|| host.clone());
        let given = input.resolved_build_arguments(&|name| context.variable(name));
        let arguments = Arguments::new(given, &platform);
        let named = named_contexts(&input.build_contexts);
        let target = input.target.clone();
        let wish = Wish {
            target: target.as_deref(),
            arguments: &arguments,
            platform: &platform,
            contexts: &named,
        };
        let outline = plan::outline(&dockerfile, &wish)
            .map_err(|error| InDockerfile::plan(&path, &source, error))?;
        let lock_path = Lockfile::file_name(&path, &platform, &host);
        let lock = read_lock(&lock_path)?;
        let settings = Settings::beside(&path)?;
        let directory = input.directory.clone();
        require_directory(&directory)?;
        let contexts = input.build_contexts.clone();
        Ok(Self {
            file: path.clone(),
            path,
            directory,
            dockerfile,
            outline,
            platform,
            lock_path,
            lock,
            contexts,
            settings,
            moving: Moving::default(),
            target,
            arguments,
            named,
        })
    }

    /// The plan, once the images are known.
    pub(super) fn plan(&self, images: &Images) -> anyhow::Result<Plan> {
        let wish = Wish {
            target: self.target.as_deref(),
            arguments: &self.arguments,
            platform: &self.platform,
            contexts: &self.named,
        };
        let planned = plan::plan(&self.dockerfile, &self.outline, &wish, images);
        Ok(planned
            .map_err(|error| InDockerfile::plan(&self.path, &self.dockerfile.source, error))?)
    }

    /// Refuses a plan that cannot do without what is not given.
    pub(super) fn require(
        &self,
        plan: &Plan,
        secrets: &BTreeSet<String>,
        agents: &BTreeSet<String>,
    ) -> anyhow::Result<()> {
        let required = plan::require(plan, secrets, agents);
        Ok(required
            .map_err(|error| InDockerfile::plan(&self.path, &self.dockerfile.source, error))?)
    }

    /// What a lock must hold to fit.
    pub(super) fn wanted(&self) -> anyhow::Result<Wanted> {
        let uses = self.outline.images(&self.dockerfile);
        let images = uses.into_iter().map(|used| {
            let reference = used.reference.parse()?;
            Ok(WantedImage { reference, line: self.dockerfile.line(used.span) })
        });
        let steps = self.outline.stages.iter().flat_map(|stage| &stage.inputs);
        Ok(Wanted {
            platform: self.platform.clone(),
            canonical: normalize::CANONICAL,
            images: images.collect::<anyhow::Result<_>>()?,
            stages: self.stages(),
            steps: steps
                .map(|step| WantedStep {
                    id: step.id.clone(),
                    input: step.input,
                    line: step.line,
                    instruction: step.text.clone(),
                })
                .collect(),
            elsewhere: self.elsewhere()?,
        })
    }

    /// The stages that the target needs, with what each starts from.
    pub(super) fn stages(&self) -> Vec<WantedStage> {
        let stage = |outlined: &plan::OutlineStage| {
            let from = &self.dockerfile.stages.get(outlined.index)?.from;
            Some(WantedStage {
                id: stage_id(&self.dockerfile, outlined.index),
                base: match &outlined.base {
                    Base::Scratch => "scratch".to_owned(),
                    Base::Stage(index) => stage_id(&self.dockerfile, *index),
                    Base::Image(name) | Base::Context(name) => name.clone(),
                },
                line: self.dockerfile.line(from.span),
                instruction: self.dockerfile.first_line(from.span),
            })
        };
        self.outline.stages.iter().filter_map(stage).collect()
    }

    /// The stages that the target does not need.
    pub(super) fn elsewhere(&self) -> anyhow::Result<Elsewhere> {
        let others = &self.outline.others;
        let images = others.iter().flat_map(|other| &other.images);
        Ok(Elsewhere {
            stages: others.iter().map(|other| other.id.clone()).collect(),
            images: images.map(|image| image.parse()).collect::<Result<_, _>>()?,
        })
    }

    /// Whether the target is the Dockerfile's last stage, whose image the lock records.
    pub(super) fn is_whole(&self) -> bool {
        self.outline.target + 1 == self.dockerfile.stages.len()
    }

    /// The image that the lock records for this target.
    pub(super) fn recorded_image(&self) -> Option<Digest> {
        let result = self.lock.as_ref()?.result.as_ref()?;
        self.is_whole().then_some(result.image)
    }

    /// What the report says was built.
    pub(super) fn target(&self) -> Target {
        Target {
            dockerfile: self.path.clone(),
            stage: self.target.clone(),
            platform: self.platform.clone(),
        }
    }

    /// Directories given with `--build-context`, by name.
    pub(super) fn directories(&self) -> BTreeMap<String, PathBuf> {
        let directory = |context: &BuildContext| match &context.source {
            ImageSource::Directory(path) => Some((context.name.clone(), path.clone())),
            _ => None,
        };
        self.contexts.iter().filter_map(directory).collect()
    }

    /// Whether a step of any stage takes files from outside of the Dockerfile's world.
    pub(super) fn takes_context(&self) -> bool {
        let stages = self.dockerfile.stages.iter();
        let takes = |kind: &InstructionKind| match kind {
            InstructionKind::Add(_) => true,
            InstructionKind::Copy(copy) => copy.from.is_none(),
            InstructionKind::Run(run) => !run.mounts.is_empty(),
            _ => false,
        };
        stages.flat_map(|stage| &stage.instructions).any(|instruction| takes(&instruction.kind))
    }

    /// Where a step stands, for findings.
    pub(super) fn location(&self, step: &plan::Step) -> Location {
        Location {
            file: self.path.clone(),
            start_line: step.lines.0,
            end_line: step.lines.1,
            instruction: self.dockerfile.first_line(step.span),
        }
    }
}

fn named_contexts(contexts: &[BuildContext]) -> NamedContexts {
    let (directories, images): (Vec<_>, Vec<_>) =
        contexts.iter().partition(|context| matches!(context.source, ImageSource::Directory(_)));
    let names = |contexts: Vec<&BuildContext>| contexts.iter().map(|c| c.name.clone()).collect();
    NamedContexts { images: names(images), directories: names(directories) }
}

fn require_directory(path: &Path) -> anyhow::Result<()> {
    let not_one = || std::io::Error::from(std::io::ErrorKind::NotADirectory);
    let found = std::fs::metadata(path);
    let found = found.and_then(|found| found.is_dir().then_some(()).ok_or_else(not_one));
    let unreadable = |source| Unreadable { what: "build context", path: path.to_owned(), source };
    Ok(found.map_err(unreadable)?)
}

fn read_dockerfile(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = read_at_most(path, dockerfile::SIZE_BYTES_MAX);
    let unreadable = |source| Unreadable { what: DOCKERFILE, path: path.to_owned(), source };
    Ok(read.map_err(unreadable)?)
}

/// Reads a file, and one byte more than it may have where it is too large.
pub(super) fn read_at_most(path: &Path, size_max: usize) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let limit = u64::try_from(size_max).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

fn read_lock(path: &Path) -> anyhow::Result<Option<Lockfile>> {
    let path = path.to_owned();
    let text = match read_at_most(&path, lock::SIZE_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Unreadable { what: "lockfile", path, source }.into()),
    };
    let lock = Lockfile::parse(&text).map_err(|error| InLockfile { path, error })?;
    Ok(Some(lock))
}

//! `RUN --mount`: what a step sees besides its image, made before it and gone after it.
//!
//! <https://docs.docker.com/reference/dockerfile/#run---mount>

mod agent;
mod cache;
mod points;
mod redact;

pub(crate) use cache::Caches;
pub use points::PointError;
pub(crate) use redact::Redactor;

use super::copy::{CopyError, Place};
use super::mounted::{Folder, Mounted};
use super::stage::Surrounding;
use crate::build::plan::{Attributes, Base, RunMount, RunMountKind, Step};
use crate::build::{BuildError, FailedReason, FailedStep};
use crate::sandbox::{Bind, Tmpfs};
use crate::store::rooted::{Owner, Root};
use agent::Forwarding;
use cache::{Key, Lease};
use points::{Image, Point, Target};
use std::path::{Path, PathBuf};

/// Where programs look for the socket of an agent.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// The mounts of one step. Dropped, they are gone.
pub(crate) struct Mounts<'a> {
    binds: Vec<Bind>,
    env: Vec<(String, Vec<u8>)>,
    /// An agent that is named only where the step names none.
    agent: Option<String>,
    points: Vec<Point>,
    /// What secrets of the step look like.
    secrets: Vec<Vec<u8>>,
    // In this order: sockets and overlays go before what they are in.
    _agents: Vec<Forwarding>,
    trees: Vec<Mounted>,
    _memory: Vec<Tmpfs>,
    _leases: Vec<Lease<'a>>,
}

impl<'a> Mounts<'a> {
    /// Makes the mounts of `step`, whose image is `lowers`. `folder` is the step's.
    pub(crate) fn prepare(
        surrounding: Surrounding<'a>,
        step: &Step,
        lowers: &[PathBuf],
        folder: &Folder,
    ) -> Result<Self, BuildError> {
        let mut making = Making {
            surrounding,
            step,
            folder: folder.files.join("mounts"),
            folders: 0,
            ready: Vec::new(),
            env: Vec::new(),
            agent: None,
            secrets: Vec::new(),
            agents: Vec::new(),
            trees: Vec::new(),
            memory: Vec::new(),
            leases: Vec::new(),
        };
        let mounts = step.mounts();
        if !mounts.is_empty() {
            create(&making.folder)?;
            making.lease(mounts)?;
            for mount in mounts {
                making.make(mount)?;
            }
        }
        making.place(&Image { lowers, folder })
    }

    /// What is bound into the step, those that others lie in first.
    pub(crate) fn binds(&self) -> Vec<Bind> {
        self.binds.clone()
    }

    /// What secrets say in variables; they win over the Dockerfile's. An agent's place does not.
    pub(crate) fn add_variables(&self, env: &mut Vec<(Vec<u8>, Vec<u8>)>) {
        if let Some(agent) = &self.agent
            && !env.iter().any(|(name, _)| name == AGENT_VARIABLE.as_bytes())
        {
            env.push((AGENT_VARIABLE.into(), agent.clone().into_bytes()));
        }
        for (variable, value) in &self.env {
            env.retain(|(name, _)| name != variable.as_bytes());
            env.push((variable.clone().into_bytes(), value.clone()));
        }
    }

    /// Makes what the image lacks to be mounted over in `directory`, the lowest layer.
    pub(crate) fn make_points(&self, directory: &Path, epoch: i64) -> Result<(), BuildError> {
        let made = self.points.iter().try_for_each(|point| points::make(directory, point, epoch));
        made.map_err(|source| BuildError::io(directory, source))
    }

    /// What takes the secrets of the step out of its output.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(self.secrets.clone())
    }

    /// Takes the mounts away after the step, which wrote `upper`: no secret may be in there.
    pub(crate) fn finish(self, step: &Step, upper: &Path) -> Result<(), BuildError> {
        let Self { secrets, trees, .. } = self;
        for tree in trees {
            tree.unmount()?;
        }
        if secrets.is_empty() {
            return Ok(());
        }
        let found = redact::find(upper, &secrets);
        match found.map_err(|source| BuildError::io(upper, source))? {
            None => Ok(()),
            Some(path) => {
                let reason = FailedReason::SecretLeft { path: Path::new("/").join(path) };
                Err(FailedStep::of(step, reason, Vec::new()).into())
            }
        }
    }
}

/// Something that is ready to be seen.
struct Ready {
    target: String,
    source: PathBuf,
    read_only: bool,
    is_directory: bool,
}

/// Mounts that are being made.
struct Making<'s, 'a> {
    surrounding: Surrounding<'a>,
    step: &'s Step,
    folder: PathBuf,
    /// Counts what was made in it.
    folders: usize,
    ready: Vec<Ready>,
    env: Vec<(String, Vec<u8>)>,
    agent: Option<String>,
    secrets: Vec<Vec<u8>>,
    agents: Vec<Forwarding>,
    trees: Vec<Mounted>,
    memory: Vec<Tmpfs>,
    leases: Vec<Lease<'a>>,
}

impl<'a> Making<'_, 'a> {
    /// Takes the caches of the step, each once, in one order for all steps.
    fn lease(&mut self, mounts: &[RunMount]) -> Result<(), BuildError> {
        let mut wanted = Vec::new();
        for mount in mounts {
            if let RunMountKind::Cache { from, sharing, .. } = &mount.kind {
                wanted.extend(key_of(mount).map(|key| (key, from, *sharing)));
            }
        }
        wanted.sort_by(|(left, ..), (right, ..)| left.cmp(right));
        wanted.dedup_by(|(left, ..), (right, ..)| left == right);
        for (key, from, sharing) in wanted {
            let lowers = match from {
                None => Vec::new(),
                Some(from) => self.layers(from)?,
            };
            let Surrounding { request, shared, .. } = self.surrounding;
            self.leases.push(shared.caches.lease(request, key, sharing, &lowers)?);
        }
        Ok(())
    }

    /// The layers of what a mount takes from, the lowest first; at least one.
    fn layers(&self, from: &Base) -> Result<Vec<PathBuf>, BuildError> {
        if let Base::Context(name) = from {
            return Ok(vec![self.context(Some(name), "/")?]);
        }
        let lowers = self.surrounding.base(from)?.lowers;
        if lowers.is_empty() {
            let empty = self.folder.join("nothing");
            if !empty.exists() {
                create(&empty)?;
            }
            return Ok(vec![empty]);
        }
        Ok(lowers)
    }

    /// A copy of a part of a context.
    fn context(&self, name: Option<&str>, source: &str) -> Result<PathBuf, BuildError> {
        let Surrounding { request, shared, .. } = self.surrounding;
        let copied = shared.contexts.copy(request, name, source)?;
        copied.map_err(|error| self.failed(FailedReason::Copy(error)))
    }

    fn make(&mut self, mount: &RunMount) -> Result<(), BuildError> {
        match &mount.kind {
            RunMountKind::Bind { from, source } => self.bind(mount, from.as_ref(), source),
            RunMountKind::Cache { source, .. } => self.cache(mount, source),
            RunMountKind::Tmpfs { size } => {
                // As the kernel has it by default, and so BuildKit.
                let path = self.memory(0o1777, *size)?;
                self.show(mount, path, true);
                Ok(())
            }
            RunMountKind::Secret { id, env, attributes, .. } => {
                self.secret(mount, id, env.as_deref(), *attributes)
            }
            RunMountKind::Ssh { id, attributes, .. } => self.ssh(mount, id, *attributes),
        }
    }

    /// Files of something else, with an overlay that takes what the step writes.
    fn bind(
        &mut self,
        mount: &RunMount,
        from: Option<&Base>,
        source: &str,
    ) -> Result<(), BuildError> {
        let context = match from {
            None => Some(None),
            Some(Base::Context(name)) => Some(Some(name.as_str())),
            Some(_) => None,
        };
        let (layers, source) = match (context, from) {
            (Some(name), _) => {
                let copy = self.context(name, source)?;
                if !copy.is_dir() {
                    let file = self.fresh()?.join("file");
                    std::fs::copy(&copy, &file)
                        .and_then(|_| same_time(&copy, &file))
                        .map_err(|error| BuildError::io(&file, error))?;
                    self.show(mount, file, false);
                    return Ok(());
                }
                (vec![copy], "/")
            }
            (None, Some(from)) => (self.layers(from)?, source),
            (None, None) => return Err(BuildError::NoSuchBase),
        };
        let tree = Mounted::mount(&layers, &Folder::create(&self.next_folder())?)?;
        tree.pin_root_time(self.surrounding.request.epoch)?;
        let path = self.find(tree.root(), source)?;
        let is_directory = path.is_dir();
        self.trees.push(tree);
        self.show(mount, path, is_directory);
        Ok(())
    }

    /// A path in a tree, links resolved.
    fn find(&self, root: &Root, source: &str) -> Result<PathBuf, BuildError> {
        let look = || {
            let path = root.resolve(source.as_bytes())?;
            let found = root.entry(&path)?;
            Ok::<_, std::io::Error>(found.map(|_| joined(root.path(), &path)))
        };
        match look() {
            Ok(Some(path)) => Ok(path),
            Err(error) if error.kind() != std::io::ErrorKind::NotADirectory => {
                Err(BuildError::io(source, error))
            }
            Ok(None) | Err(_) => {
                let (pattern, place) = (source.to_owned(), Place::Tree);
                Err(self.failed(FailedReason::Copy(CopyError::Missing { pattern, place })))
            }
        }
    }

    fn cache(&mut self, mount: &RunMount, source: &str) -> Result<(), BuildError> {
        let key = key_of(mount);
        let lease = self.leases.iter().find(|lease| Some(lease.key()) == key.as_ref());
        let directory = lease.ok_or(BuildError::NoSuchBase)?.directory().to_owned();
        let root = Root::open(&directory).map_err(|error| BuildError::io(&directory, error))?;
        let path = self.find(&root, source)?;
        let is_directory = path.is_dir();
        self.show(mount, path, is_directory);
        Ok(())
    }

    fn secret(
        &mut self,
        mount: &RunMount,
        id: &str,
        env: Option<&str>,
        attributes: Attributes,
    ) -> Result<(), BuildError> {
        // Where it is required, its absence was noticed before the build.
        let Some(content) = self.surrounding.request.secrets.get(id) else { return Ok(()) };
        self.secrets.extend(self.surrounding.request.secrets.values_of([id].into_iter()));
        self.secrets.sort_by_key(|value| std::cmp::Reverse(value.len()));
        self.secrets.dedup();
        if let Some(name) = env {
            if content.contains(&0) {
                return Err(self.failed(FailedReason::SecretVariable { id: id.to_owned() }));
            }
            self.env.push((name.to_owned(), content.to_vec()));
        }
        if mount.target.is_some() {
            // Never on a disk.
            let folder = self.memory(0o700, None)?;
            let file = folder.join("secret");
            std::fs::write(&file, content)
                .and_then(|()| set(&folder, b"secret", attributes))
                .map_err(|error| BuildError::io(&file, error))?;
            self.show(mount, file, false);
        }
        Ok(())
    }

    fn ssh(
        &mut self,
        mount: &RunMount,
        id: &str,
        attributes: Attributes,
    ) -> Result<(), BuildError> {
        self.agent = self.agent.take().or_else(|| mount.target.clone());
        let Some(agent) = self.surrounding.request.agents.get(id) else { return Ok(()) };
        let folder = self.memory(0o700, None)?;
        let forwarding = Forwarding::start(&folder, "agent", agent)
            .and_then(|forwarding| set(&folder, b"agent", attributes).map(|()| forwarding))
            .map_err(|error| BuildError::io(agent, error))?;
        self.agents.push(forwarding);
        self.show(mount, folder.join("agent"), false);
        Ok(())
    }

    fn show(&mut self, mount: &RunMount, source: PathBuf, is_directory: bool) {
        if let Some(target) = mount.target.clone() {
            // A socket that cannot be written to cannot be connected to.
            let is_agent = matches!(mount.kind, RunMountKind::Ssh { .. });
            let read_only = mount.read_only && !is_agent;
            self.ready.push(Ready { target, source, read_only, is_directory });
        }
    }

    fn memory(&mut self, mode: u32, size: Option<u64>) -> Result<PathBuf, BuildError> {
        let path = self.fresh()?;
        let made = Tmpfs::mount(&path, mode, size);
        self.memory.push(made.map_err(|error| BuildError::io(&path, error))?);
        Ok(path)
    }

    /// A new directory of the step's own.
    fn fresh(&mut self) -> Result<PathBuf, BuildError> {
        let path = self.next_folder();
        create(&path)?;
        Ok(path)
    }

    fn next_folder(&mut self) -> PathBuf {
        self.folders += 1;
        self.folder.join(self.folders.to_string())
    }

    /// Puts everything in its place.
    fn place(mut self, image: &Image<'_>) -> Result<Mounts<'a>, BuildError> {
        self.ready.sort_by(|left, right| left.target.cmp(&right.target));
        let epoch = self.surrounding.request.epoch;
        let mut targets = Vec::new();
        for (number, ready) in self.ready.iter().enumerate() {
            let before = self.ready.get(..number).unwrap_or_default();
            let (path, is_directory) = (ready.target.as_str(), ready.is_directory);
            let outer = before.iter().rev().find_map(|outer| below(outer, path));
            targets.push(Target { path, is_directory, is_covered: outer.is_some() });
            if let Some((outer, path)) = outer {
                let point = Point { path: path.as_bytes().to_vec(), is_directory };
                points::make(&outer.source, &point, epoch)
                    .map_err(|error| BuildError::io(&ready.target, error))?;
            }
        }
        let points = image.missing(&targets)?;
        let points = points.map_err(|error| self.failed(FailedReason::Mount(error)))?;
        let bind = |ready: Ready| Bind {
            source: ready.source,
            target: ready.target.trim_start_matches('/').as_bytes().to_vec(),
            read_only: ready.read_only,
        };
        Ok(Mounts {
            binds: self.ready.into_iter().map(bind).collect(),
            env: self.env,
            agent: self.agent,
            points,
            secrets: self.secrets,
            _agents: self.agents,
            trees: self.trees,
            _memory: self.memory,
            _leases: self.leases,
        })
    }

    fn failed(&self, reason: FailedReason) -> BuildError {
        FailedStep::of(self.step, reason, Vec::new()).into()
    }
}

fn key_of(mount: &RunMount) -> Option<Key> {
    match &mount.kind {
        RunMountKind::Cache { id, from, attributes, .. } => {
            Some(Key { id: id.clone(), from: from.clone(), attributes: *attributes })
        }
        _ => None,
    }
}

/// The mount, and the path in it, where `target` lies in `outer`.
fn below<'r, 't>(outer: &'r Ready, target: &'t str) -> Option<(&'r Ready, &'t str)> {
    let path = target.strip_prefix(outer.target.as_str())?.strip_prefix('/')?;
    Some((outer, path)).filter(|_| outer.is_directory)
}

fn joined(directory: &Path, path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    directory.join(std::ffi::OsStr::from_bytes(path))
}

fn create(path: &Path) -> Result<(), BuildError> {
    std::fs::create_dir(path).map_err(|source| BuildError::io(path, source))
}

fn set(folder: &Path, name: &[u8], attributes: Attributes) -> std::io::Result<()> {
    let root = Root::open(folder)?;
    root.set_owner(name, Owner { uid: attributes.uid, gid: attributes.gid })?;
    root.set_mode(name, attributes.mode)
}

fn same_time(from: &Path, to: &Path) -> std::io::Result<()> {
    let time = std::fs::metadata(from)?.modified()?;
    std::fs::File::options().write(true).open(to)?.set_modified(time)
}

//! `RUN --mount` once variables are known, with the defaults that BuildKit fills in.
//!
//! <https://docs.docker.com/reference/dockerfile/#run---mount>

use super::state::absolute;
use super::{Base, PlanError, at};
use crate::dockerfile::expand::ExpandError;
use crate::dockerfile::{InstructionKind, Mount, MountFlag, MountKind, Sharing, Word};
use crate::text::Span;

/// Where secrets are seen that say no place.
const SECRETS_FOLDER: &str = "/run/secrets";

/// Where agents are seen that say no place; a number follows.
const AGENT_SOCKET: &str = "/run/buildkit/ssh_agent.";

/// Which agent is meant where none is named.
const DEFAULT_AGENT: &str = "default";

/// Something that a `RUN` sees and that is no part of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMount {
    /// Where, absolute and clean; none for a secret that is only a variable.
    pub target: Option<String>,
    /// Whether the command may not write there.
    pub read_only: bool,
    /// What.
    pub kind: RunMountKind,
    /// The mount in the Dockerfile.
    pub span: Span,
}

/// What a mount shows. Where `from` is a choice, none is the build context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunMountKind {
    /// Files of the context, a stage or an image. What is written there is dropped.
    Bind {
        /// Whose files.
        from: Option<Base>,
        /// The path in it, absolute and clean.
        source: String,
    },
    /// A directory that the steps of one build share, and that is thrown away with it.
    Cache {
        /// Its name.
        id: String,
        /// What it starts with; nothing if there is none.
        from: Option<Base>,
        /// The path in that.
        source: String,
        /// How steps at the same time share it.
        sharing: Sharing,
        /// Mode and owner of the directory where the mount gives any of them.
        attributes: Option<Attributes>,
    },
    /// A file system in memory.
    Tmpfs {
        /// The most bytes that it holds.
        size: Option<u64>,
    },
    /// A secret: a file where there is a target, a variable where `env` names one, or both.
    Secret {
        /// Its name.
        id: String,
        /// The variable.
        env: Option<String>,
        /// Whether there is no build without it.
        required: bool,
        /// Of the file.
        attributes: Attributes,
    },
    /// The socket of an SSH agent.
    Ssh {
        /// Its name.
        id: String,
        /// Whether there is no build without it.
        required: bool,
        /// Of the socket.
        attributes: Attributes,
    },
}

/// Mode and owner of what is made for a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributes {
    /// The permissions.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl RunMount {
    /// The stage, image or named context that it takes from.
    pub fn source(&self) -> Option<&Base> {
        match &self.kind {
            RunMountKind::Bind { from, .. } | RunMountKind::Cache { from, .. } => from.as_ref(),
            _ => None,
        }
    }

    /// Whether it shows files of the build context or of a directory given with `--build-context`.
    pub(super) fn shows_context(&self) -> bool {
        match &self.kind {
            RunMountKind::Bind { from, .. } => matches!(from, None | Some(Base::Context(_))),
            RunMountKind::Cache { from, .. } => matches!(from, Some(Base::Context(_))),
            _ => false,
        }
    }
}

/// The name that a mount's `from` gives. As in BuildKit it needs no variables and no type to count.
pub(super) fn from_of(flag: &MountFlag) -> Option<&Word> {
    let mut froms = flag.options.iter().filter(|option| option.key == "from");
    froms.next_back()?.value.as_ref().filter(|value| !value.text.is_empty())
}

/// The mounts of an instruction that name a source, by their number.
pub(super) fn sources(kind: &InstructionKind) -> Vec<(usize, &Word)> {
    let InstructionKind::Run(run) = kind else { return Vec::new() };
    let named = run.mounts.iter().enumerate();
    named.filter_map(|(number, flag)| Some((number, from_of(flag)?))).collect()
}

/// Resolves the mounts of a `RUN` in `directory`; `source` finds what the `from` of one stands for.
pub(super) fn resolve(
    flags: &[MountFlag],
    directory: &str,
    expand: &dyn Fn(&str) -> Result<String, ExpandError>,
    source: &dyn Fn(usize) -> Option<Base>,
) -> Result<Vec<RunMount>, PlanError> {
    let mut mounts = Vec::new();
    let mut agents = 0;
    for (number, flag) in flags.iter().enumerate() {
        let mount = flag.resolve(expand)?;
        let place = Place { directory, span: flag.span, from: source(number), agents };
        agents += usize::from(matches!(mount.kind, MountKind::Ssh { .. }));
        mounts.push(place.fill_in(mount)?);
    }
    Ok(mounts)
}

/// What a mount's defaults depend on.
struct Place<'a> {
    directory: &'a str,
    span: Span,
    from: Option<Base>,
    /// How many agents are mounted before.
    agents: usize,
}

impl Place<'_> {
    fn fill_in(self, mount: Mount) -> Result<RunMount, PlanError> {
        let owner = |mode: u32| Attributes {
            mode: mount.mode.unwrap_or(mode),
            uid: mount.uid.unwrap_or(0),
            gid: mount.gid.unwrap_or(0),
        };
        let given = (!mount.target.is_empty()).then(|| mount.target.clone());
        let named = mount.mode.is_some() || mount.uid.is_some() || mount.gid.is_some();
        let (target, kind) = match mount.kind {
            MountKind::Bind { source, .. } => {
                let source = absolute("/", &source);
                (given, RunMountKind::Bind { from: self.from.clone(), source })
            }
            MountKind::Cache { id, source, sharing, .. } => {
                let source = absolute("/", &source);
                let from = self.from.clone().filter(|from| *from != Base::Scratch);
                if from.is_none() && source != "/" {
                    let message = "a cache mount with `source` needs `from`".to_owned();
                    let hint =
                        "a cache is an empty directory where nothing says what it starts with";
                    return Err(at(self.span, message, Some(hint.to_owned())));
                }
                let id = id.unwrap_or_else(|| clean(&mount.target));
                let attributes = named.then(|| owner(0o755));
                (given, RunMountKind::Cache { id, from, source, sharing, attributes })
            }
            MountKind::Tmpfs { size } => (given, RunMountKind::Tmpfs { size }),
            MountKind::Secret { id, env, required } => {
                let name = id.rsplit('/').next().unwrap_or_default();
                let default = env.is_none().then(|| format!("{SECRETS_FOLDER}/{name}"));
                let attributes = owner(0o400);
                (given.or(default), RunMountKind::Secret { id, env, required, attributes })
            }
            MountKind::Ssh { id, required } => {
                let id = id.unwrap_or_else(|| DEFAULT_AGENT.to_owned());
                let default = format!("{AGENT_SOCKET}{}", self.agents);
                let attributes = owner(0o600);
                (given.or(Some(default)), RunMountKind::Ssh { id, required, attributes })
            }
        };
        let target = target.map(|target| self.target(&target)).transpose()?;
        Ok(RunMount { target, read_only: mount.read_only, kind, span: self.span })
    }

    fn target(&self, target: &str) -> Result<String, PlanError> {
        match absolute(self.directory, target).as_str() {
            "/" => Err(at(
                self.span,
                format!("a mount cannot cover the root of the image, as target `{target}` would"),
                Some("mount it at a directory below".to_owned()),
            )),
            absolute => Ok(absolute.to_owned()),
        }
    }
}

/// A path as a name: without double slashes and dots, absolute or not as it was.
fn clean(path: &str) -> String {
    let absolute = absolute("/", path);
    if path.starts_with('/') { absolute } else { absolute.trim_start_matches('/').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::{Run, parse_instruction};

    fn mounts(text: &str, from: Option<&Base>) -> Result<Vec<RunMount>, PlanError> {
        let instruction = parse_instruction(&format!("RUN {text} true"), '\\').unwrap();
        let InstructionKind::Run(Run { mounts, .. }) = instruction.kind else { panic!() };
        resolve(&mounts, "/base", &|text| Ok(text.to_owned()), &|_| from.cloned())
    }

    fn one(text: &str) -> RunMount {
        mounts(text, None).unwrap().remove(0)
    }

    #[test]
    fn defaults_are_those_of_buildkit() {
        let bind = one("--mount=target=.,source=sub/../src");
        assert_eq!(bind.target.as_deref(), Some("/base"));
        assert!(bind.read_only);
        assert_eq!(bind.kind, RunMountKind::Bind { from: None, source: "/src".into() });

        let cache = one("--mount=type=cache,target=a//b");
        let RunMountKind::Cache { id, attributes: None, sharing: Sharing::Shared, .. } = cache.kind
        else {
            panic!("{cache:?}")
        };
        assert_eq!((cache.target.as_deref(), id.as_str()), (Some("/base/a/b"), "a/b"));
        assert!(!cache.read_only);
        let cache = one("--mount=type=cache,target=/c,uid=5");
        let RunMountKind::Cache { attributes, .. } = cache.kind else { panic!() };
        assert_eq!(attributes, Some(Attributes { mode: 0o755, uid: 5, gid: 0 }));

        let secret = one("--mount=type=secret,id=a/b");
        assert_eq!(secret.target.as_deref(), Some("/run/secrets/b"));
        let RunMountKind::Secret { attributes, .. } = secret.kind else { panic!() };
        assert_eq!(attributes, Attributes { mode: 0o400, uid: 0, gid: 0 });
        assert_eq!(one("--mount=type=secret,id=a,env=A").target, None);
        let both = one("--mount=type=secret,id=a,env=A,target=t");
        assert_eq!(both.target.as_deref(), Some("/base/t"));

        let agents = mounts("--mount=type=ssh --mount=type=tmpfs,target=/t --mount=type=ssh", None);
        let targets: Vec<_> = agents.unwrap().into_iter().filter_map(|m| m.target).collect();
        assert_eq!(targets, ["/run/buildkit/ssh_agent.0", "/t", "/run/buildkit/ssh_agent.1"]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let message = |text| mounts(text, None).unwrap_err().to_string();
        assert!(message("--mount=target=/").contains("cannot cover the root"));
        assert!(message("--mount=target=..").contains("cannot cover the root"));
        assert!(message("--mount=type=cache,target=/c,source=/s").contains("needs `from`"));
        assert!(mounts("--mount=type=cache,target=/c,source=/s", Some(&Base::Stage(0))).is_ok());
    }

    #[test]
    fn sources_are_known_before_variables() {
        let instruction =
            parse_instruction("RUN --mount=target=/a --mount=type=$T,from=b,target=/b x", '\\');
        let instruction = instruction.unwrap();
        let sources = sources(&instruction.kind);
        let named: Vec<_> =
            sources.iter().map(|(number, word)| (*number, word.text.as_str())).collect();
        assert_eq!(named, [(1, "b")]);
    }
}

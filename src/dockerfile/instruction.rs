//! The instructions as values.

use super::healthcheck;
use super::{Flag, Heredoc, Keyword, MountFlag, Word};
use crate::text::Span;

pub use healthcheck::{Healthcheck, Test};

/// One instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the end of the last line, heredoc bodies and terminators included.
    pub span: Span,
    /// Its name.
    pub keyword: Keyword,
    /// Where the name stands.
    pub keyword_span: Span,
    /// The flags as written, in order.
    pub flags: Vec<Flag>,
    /// What it says.
    pub kind: InstructionKind,
}

/// What an instruction says, with all flags read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the language's own words")]
pub enum InstructionKind {
    Add(Add),
    Arg(Arg),
    Cmd(Command),
    Copy(Copy),
    Entrypoint(Command),
    Env(Env),
    Expose(Expose),
    Healthcheck(Healthcheck),
    Label(Label),
    Maintainer(Word),
    Onbuild(Onbuild),
    Run(Run),
    Shell(Shell),
    Stopsignal(Word),
    User(Word),
    Volume(Volume),
    Workdir(Word),
}

/// `FROM image [AS name]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromInstruction {
    /// The whole instruction.
    pub span: Span,
    /// Where `FROM` stands.
    pub keyword_span: Span,
    /// The flags as written.
    pub flags: Vec<Flag>,
    /// An image reference, `scratch`, or the name of a stage above; not expanded yet.
    pub image: Word,
    /// The name after `AS`, as written.
    pub name: Option<Word>,
    /// The value of `--platform`.
    pub platform: Option<Word>,
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Text for the shell.
    Shell {
        /// The text as the shell gets it: lines joined, nothing else changed. May be empty.
        text: String,
        /// The text with the white space around each joint of lines folded into one space where
        /// the shell cannot see the difference; for comparing, not for running.
        folded: String,
        /// Where the text stands.
        span: Span,
    },
    /// A JSON array: a program and its arguments. May be empty.
    Exec {
        /// The decoded strings.
        arguments: Vec<Word>,
        /// The whole array.
        span: Span,
    },
}

impl Command {
    /// Where the command stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Shell { span, .. } | Self::Exec { span, .. } => *span,
        }
    }
}

/// `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The command as written; [`Run::script`] says what to execute.
    pub command: Command,
    /// Its heredocs, in order.
    pub heredocs: Vec<Heredoc>,
    /// `--mount`, in order.
    pub mounts: Vec<MountFlag>,
    /// `--network`.
    pub network: Network,
    /// `--security`.
    pub security: Security,
    /// `--device`, in order.
    pub devices: Vec<Word>,
}

/// What a `RUN` executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// A program with its arguments, without a shell.
    Exec(Vec<String>),
    /// One argument for the shell, behind `/bin/sh -c` or what `SHELL` says.
    Shell(String),
    /// A file to be executed, because the one heredoc starts with `#!`.
    File {
        /// The name of the file.
        name: String,
        /// What is in it.
        contents: String,
    },
}

impl Run {
    /// What to execute. A command that is nothing but a heredoc runs the heredoc's body; else the
    /// shell gets the bodies behind the command and reads them itself. The builder expands no
    /// variable in either.
    pub fn script(&self) -> Script {
        let text = match &self.command {
            Command::Exec { arguments, .. } => {
                return Script::Exec(arguments.iter().map(|word| word.text.clone()).collect());
            }
            Command::Shell { text, .. } => text,
        };
        match self.heredocs.as_slice() {
            [] => Script::Shell(text.clone()),
            [heredoc] if self.is_only_heredoc() => {
                let contents = heredoc.contents().into_owned();
                if heredoc.body.starts_with("#!") {
                    Script::File { name: heredoc.name.clone(), contents }
                } else {
                    Script::Shell(contents)
                }
            }
            heredocs => {
                let mut full = text.clone();
                for heredoc in heredocs {
                    full.extend(["\n", &heredoc.body, &heredoc.name]);
                }
                Script::Shell(full)
            }
        }
    }

    /// Whether the command's text is a heredoc marker and nothing else.
    fn is_only_heredoc(&self) -> bool {
        self.heredocs.first().is_some_and(|heredoc| heredoc.marker == self.command.span())
    }
}

/// `RUN --network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// The builder's default network.
    #[default]
    Default,
    /// No network.
    None,
    /// The host's network.
    Host,
}

/// `RUN --security`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// Confined, as by default.
    #[default]
    Sandbox,
    /// Without confinement.
    Insecure,
}

/// `COPY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// `--from`: a stage's name or number, an image, or a named context. Never expanded.
    pub from: Option<Word>,
    /// `--chown`.
    pub chown: Option<Word>,
    /// `--chmod`.
    pub chmod: Option<Word>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`, in order.
    pub exclude: Vec<Word>,
    /// What is copied; at least one.
    pub sources: Vec<Source>,
    /// Where to.
    pub destination: Word,
}

/// `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// `--chown`.
    pub chown: Option<Word>,
    /// `--chmod`.
    pub chmod: Option<Word>,
    /// `--link`.
    pub link: bool,
    /// `--keep-git-dir`.
    pub keep_git_dir: bool,
    /// `--checksum`.
    pub checksum: Option<Word>,
    /// `--unpack`; by default local archives are unpacked and downloaded ones are not.
    pub unpack: Option<bool>,
    /// `--exclude`, in order.
    pub exclude: Vec<Word>,
    /// What is added; at least one.
    pub sources: Vec<Source>,
    /// Where to.
    pub destination: Word,
}

/// A source of `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path, a pattern, or in `ADD` a URL; not expanded yet.
    Path(Word),
    /// A file written into the Dockerfile.
    Heredoc(Heredoc),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key, not expanded.
    pub key: Word,
    /// The value, not expanded.
    pub value: Word,
}

/// `ENV`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Env {
    /// The variables in order; all are expanded with the values from before this instruction.
    pub pairs: Vec<Pair>,
    /// Whether it is the old form `ENV key value`, in which the rest of the line is the value.
    pub legacy: bool,
}

/// `LABEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The labels in order.
    pub pairs: Vec<Pair>,
    /// Whether it is the old form `LABEL key value`.
    pub legacy: bool,
}

/// `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// The whole instruction, so that an `ARG` before the first `FROM` has its place too.
    pub span: Span,
    /// The arguments in order; each default may use those before it.
    pub pairs: Vec<ArgPair>,
}

/// One argument of `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgPair {
    /// The name.
    pub name: Word,
    /// The default, not expanded.
    pub value: Option<Word>,
}

/// `EXPOSE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose {
    /// The ports, not expanded; [`ports`](super::ports) reads what the expansion gives.
    pub ports: Vec<Word>,
}

/// `VOLUME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The paths, not expanded.
    pub paths: Vec<Word>,
}

/// `SHELL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// The shell and its arguments; at least one.
    pub arguments: Vec<Word>,
}

/// `ONBUILD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onbuild {
    /// The instruction to be carried out in builds on top of the image.
    pub trigger: Box<Instruction>,
    /// Its text as the image's config holds it.
    pub text: String,
}

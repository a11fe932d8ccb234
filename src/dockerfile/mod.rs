//! The Dockerfile language: text in, values out; no I/O.
//!
//! The language is what `BuildKit`'s frontend accepts; where its reference manual is silent, its
//! parser decides. A file goes through these rooms, each of which knows only the one before it:
//!
//! | room | from | to |
//! |---|---|---|
//! | `directive` | the comments on top | the escape character |
//! | `line` | physical lines | logical lines, which know where each byte came from |
//! | `flag`, `word`, `json` | a logical line | flags and words with spans |
//! | `heredoc` | a logical line | markers, and the bodies below it |
//! | `arguments` | words | typed instructions |
//! | `canonical`, `fold` | an instruction | a text that its layout does not change |
//! | [`expand`] | a word, variables | the word that the build uses |

mod arguments;
mod canonical;
mod directive;
mod error;
pub mod expand;
mod flag;
mod fold;
mod healthcheck;
mod heredoc;
pub mod ignore;
mod instruction;
mod json;
mod keyword;
mod line;
mod mount;
mod parser;
pub mod pattern;
mod port;
#[cfg(test)]
mod tests;
mod word;

pub use directive::{Directive, Directives};
pub use error::{ParseError, ParseWarning};
pub use flag::Flag;
pub use heredoc::Heredoc;
pub use instruction::{
    Add, Arg, ArgPair, Command, Copy, Env, Expose, FromInstruction, Healthcheck, Instruction,
    InstructionKind, Label, Network, Onbuild, Pair, Run, Script, Security, Shell, Source, Test,
    Volume,
};
pub use keyword::{Expansion, Keyword};
pub use mount::{Mount, MountFlag, MountKind, MountOption, Sharing};
pub use parser::{parse, parse_instruction};
pub use port::{PortError, ports};
pub use word::Word;

use crate::text::{LineIndex, Span};

/// The longest Dockerfile that is read, in bytes. Real ones stay under 100 KiB; the rest is room
/// for generated files with heredocs.
pub const SIZE_BYTES_MAX: usize = 16 << 20;

/// The most build stages that a file may have.
pub const STAGES_MAX: usize = 10_000;

/// The most heredocs that one instruction may open.
pub const HEREDOCS_MAX: usize = 1000;

/// A parsed Dockerfile.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// The file as read; all spans are offsets into it.
    pub source: Vec<u8>,
    /// Its lines, to turn spans into line numbers.
    pub lines: LineIndex,
    /// The parser directives on top.
    pub directives: Directives,
    /// The `ARG`s before the first `FROM`.
    pub global_args: Vec<Arg>,
    /// The stages, at least one, in the order of the file.
    pub stages: Vec<Stage>,
    /// The comments, in the order of the file, from `#` to the end of the line.
    pub comments: Vec<Span>,
    /// What is legal but surprising.
    pub warnings: Vec<ParseWarning>,
}

impl Dockerfile {
    /// The stage that `--target` or `COPY --from` means by `name_or_index`, with its index: a
    /// number counts from zero, a name is compared without case, and of several stages with one
    /// name the last one counts.
    pub fn stage(&self, name_or_index: &str) -> Option<(usize, &Stage)> {
        let index = match name_or_index.parse::<usize>() {
            Ok(index) => index,
            Err(_) => self.stage_before(name_or_index, self.stages.len())?,
        };
        self.stages.get(index).map(|stage| (index, stage))
    }

    /// The index of the last stage called `name` among the first `before` stages: what `FROM
    /// name` means in stage number `before`. A stage cannot be built on a number.
    pub fn stage_before(&self, name: &str, before: usize) -> Option<usize> {
        let name = name.to_lowercase();
        self.stages.iter().take(before).rposition(|stage| stage.name.as_ref() == Some(&name))
    }

    /// The first line, from 1, of `span`.
    pub fn line(&self, span: Span) -> usize {
        self.lines.line(span.start)
    }

    /// The first physical line of `span` without the line end, for messages and reports.
    pub fn first_line(&self, span: Span) -> String {
        let text = span.of(&self.source);
        let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }
}

/// One build stage: a `FROM` and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The `FROM` instruction.
    pub from: FromInstruction,
    /// The name after `AS`, in lower case.
    pub name: Option<String>,
    /// The instructions after `FROM`.
    pub instructions: Vec<Instruction>,
    /// From `FROM` to the end of the last instruction.
    pub span: Span,
}

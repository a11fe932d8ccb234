//! The instructions' names, and what the language lets each of them do: one table.

use super::flag::FlagKind::{self, Switch, Value, Values};

/// The name of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the variants are the language's own words")]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
}

/// How the words of an instruction are expanded before the instruction is carried out.
///
/// <https://docs.docker.com/reference/dockerfile/#environment-replacement>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expansion {
    /// The builder expands nothing; a shell in the image may.
    Nothing,
    /// Each word becomes one word ([`expand::expand`](super::expand::expand)).
    Word,
    /// Each word may become several ([`expand::expand_words`](super::expand::expand_words)).
    Words,
    /// Only the values of `--mount` options are expanded, each to one word.
    Mounts,
    /// Nothing now; the trigger is expanded when it is carried out in another build.
    Trigger,
}

struct Row {
    keyword: Keyword,
    name: &'static str,
    expansion: Expansion,
    flags: &'static [(&'static str, FlagKind)],
}

const fn row(
    keyword: Keyword,
    name: &'static str,
    expansion: Expansion,
    flags: &'static [(&'static str, FlagKind)],
) -> Row {
    Row { keyword, name, expansion, flags }
}

/// What each instruction expands, and its flags.
///
/// Expanded parts: `ADD` and `COPY` sources, destination, `--chown`, `--chmod`, `--checksum`,
/// `--exclude`, and the bodies of unquoted heredocs; `ARG` names and defaults; `ENV` and `LABEL`
/// keys and values; `FROM` image and `--platform`, by global `ARG`s only; `EXPOSE`, `STOPSIGNAL`,
/// `USER`, `VOLUME`, `WORKDIR` arguments. Never expanded: `--from`, `--network`, `--security`,
/// the flags of `HEALTHCHECK`, and the name after `AS`.
static TABLE: [Row; 18] = {
    use Expansion::{Mounts, Nothing, Trigger, Word, Words};
    [
        row(
            Keyword::Add,
            "ADD",
            Word,
            &[
                ("chown", Value),
                ("chmod", Value),
                ("link", Switch),
                ("keep-git-dir", Switch),
                ("checksum", Value),
                ("unpack", Switch),
                ("exclude", Values),
            ],
        ),
        row(Keyword::Arg, "ARG", Word, &[]),
        row(Keyword::Cmd, "CMD", Nothing, &[]),
        row(
            Keyword::Copy,
            "COPY",
            Word,
            &[
                ("from", Value),
                ("chown", Value),
                ("chmod", Value),
                ("link", Switch),
                ("parents", Switch),
                ("exclude", Values),
            ],
        ),
        row(Keyword::Entrypoint, "ENTRYPOINT", Nothing, &[]),
        row(Keyword::Env, "ENV", Word, &[]),
        row(Keyword::Expose, "EXPOSE", Words, &[]),
        row(Keyword::From, "FROM", Word, &[("platform", Value)]),
        row(
            Keyword::Healthcheck,
            "HEALTHCHECK",
            Nothing,
            &[
                ("interval", Value),
                ("timeout", Value),
                ("start-period", Value),
                ("start-interval", Value),
                ("retries", Value),
            ],
        ),
        row(Keyword::Label, "LABEL", Word, &[]),
        row(Keyword::Maintainer, "MAINTAINER", Nothing, &[]),
        row(Keyword::Onbuild, "ONBUILD", Trigger, &[]),
        row(
            Keyword::Run,
            "RUN",
            Mounts,
            &[("mount", Values), ("network", Value), ("security", Value), ("device", Values)],
        ),
        row(Keyword::Shell, "SHELL", Nothing, &[]),
        row(Keyword::Stopsignal, "STOPSIGNAL", Word, &[]),
        row(Keyword::User, "USER", Word, &[]),
        row(Keyword::Volume, "VOLUME", Word, &[]),
        row(Keyword::Workdir, "WORKDIR", Word, &[]),
    ]
};

impl Keyword {
    /// Reads a keyword in any case.
    pub fn parse(text: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name.eq_ignore_ascii_case(text)).map(|row| row.keyword)
    }

    /// The keyword in upper case.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// What the builder expands in this instruction.
    pub fn expansion(self) -> Expansion {
        self.row().map_or(Expansion::Nothing, |row| row.expansion)
    }

    /// The flags that this instruction takes.
    pub(super) fn flags(self) -> &'static [(&'static str, FlagKind)] {
        self.row().map_or(&[], |row| row.flags)
    }

    /// All keywords' names, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|row| row.name)
    }

    /// Whether the arguments may open heredocs.
    pub(super) fn takes_heredocs(self) -> bool {
        matches!(self, Self::Add | Self::Copy | Self::Run)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.keyword == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keyword_has_its_row() {
        for name in Keyword::names() {
            let keyword = Keyword::parse(&name.to_lowercase()).unwrap();
            assert_eq!(keyword.name(), name);
        }
        assert!(Keyword::names().is_sorted());
        assert_eq!(Keyword::parse("RUNN"), None);
    }
}

//! From the words of an instruction to the typed instruction.

use super::flag::{self, Flags};
use super::heredoc::{self, Marker};
use super::line::Text;
use super::word::{split_blanks, split_first, split_quoted};
use super::{
    Add, Arg, ArgPair, Command, Copy, Env, Expose, Flag, FromInstruction, Healthcheck, Heredoc,
    InstructionKind, Keyword, Label, MountFlag, Network, Pair, ParseError, Run, Security, Shell,
    Source, Test, Volume, Word, fold, json, port,
};
use crate::text::Span;

/// An instruction split into keyword, flags and arguments; its heredocs are not read yet.
pub(super) struct Head<'a> {
    pub(super) keyword: Keyword,
    pub(super) keyword_text: Text<'a>,
    pub(super) flags: Vec<Flag>,
    rest: Text<'a>,
    escape: char,
    /// Everything behind the keyword, for `ONBUILD`.
    pub(super) behind_keyword: Text<'a>,
}

impl<'a> Head<'a> {
    pub(super) fn parse(line: Text<'a>, escape: char) -> Result<Self, ParseError> {
        let line = line.trim();
        let (keyword_text, behind_keyword) = split_first(line);
        let keyword = Keyword::parse(keyword_text.as_str())
            .ok_or_else(|| unknown_instruction(keyword_text))?;
        let (flags, rest) = flag::take(behind_keyword, escape);
        Ok(Self { keyword, keyword_text, flags, rest, escape, behind_keyword })
    }

    /// The heredoc markers in `line`, of which this is the instruction or the trigger.
    pub(super) fn markers(&self, line: Text<'_>) -> Result<Vec<Marker>, ParseError> {
        let may = self.keyword.takes_heredocs() && line.as_str().contains("<<");
        if !may || json::strings(self.rest)?.is_some() {
            return Ok(Vec::new());
        }
        heredoc::markers(line)
    }

    fn error(&self, message: impl std::fmt::Display) -> ParseError {
        let span = if self.rest.is_empty() { self.keyword_text } else { self.rest }.span();
        ParseError::new(span, format!("{} {message}", self.keyword.name()))
    }

    /// The arguments as one word.
    fn single(&self) -> Result<Word, ParseError> {
        if self.rest.is_empty() {
            return Err(self.error("requires exactly one argument"));
        }
        Ok(Word::new(self.rest))
    }

    fn at_least_one<T>(&self, arguments: Vec<T>) -> Result<Vec<T>, ParseError> {
        if arguments.is_empty() {
            return Err(self.error("requires at least one argument"));
        }
        Ok(arguments)
    }

    fn command(&self, text: Text<'_>) -> Result<Command, ParseError> {
        Ok(match json::strings(text)? {
            Some(arguments) => Command::Exec { arguments, span: text.span() },
            None => Command::Shell {
                text: text.as_str().to_owned(),
                folded: fold::fold(text, self.escape),
                span: text.span(),
            },
        })
    }

    /// A JSON array, or words between white space.
    fn list(&self) -> Result<Vec<Word>, ParseError> {
        let words = || split_blanks(self.rest).into_iter().map(Word::new).collect();
        Ok(json::strings(self.rest)?.unwrap_or_else(words))
    }
}

fn unknown_instruction(keyword: Text<'_>) -> ParseError {
    let name = keyword.as_str();
    let shown: String = name.chars().take(40).collect();
    let error = ParseError::new(keyword.span(), format!("unknown instruction `{shown}`"));
    if name.contains(char::is_whitespace) {
        return error.with_hint("there is a special white space in it; write a plain one");
    }
    let error = error.with_nearest(name, Keyword::names());
    if error.hint.is_some() {
        return error;
    }
    error.with_hint("if this line belongs to the one above, end that one with `\\`")
}

/// Makes the instruction, with the heredocs that its markers opened.
pub(super) fn kind(
    head: &Head<'_>,
    span: Span,
    heredocs: Vec<Heredoc>,
) -> Result<InstructionKind, ParseError> {
    let flags = Flags::check(head.keyword, &head.flags)?;
    Ok(match head.keyword {
        Keyword::Add => InstructionKind::Add(add(head, &flags, heredocs)?),
        Keyword::Arg => InstructionKind::Arg(arg(head, span)?),
        Keyword::Cmd => InstructionKind::Cmd(head.command(head.rest)?),
        Keyword::Copy => InstructionKind::Copy(copy(head, &flags, heredocs)?),
        Keyword::Entrypoint => InstructionKind::Entrypoint(head.command(head.rest)?),
        Keyword::Env => {
            let (pairs, legacy) = pairs(head)?;
            InstructionKind::Env(Env { pairs, legacy })
        }
        Keyword::Expose => InstructionKind::Expose(expose(head)?),
        Keyword::Healthcheck => InstructionKind::Healthcheck(healthcheck(head, &flags)?),
        Keyword::Label => {
            let (pairs, legacy) = pairs(head)?;
            InstructionKind::Label(Label { pairs, legacy })
        }
        Keyword::Maintainer => InstructionKind::Maintainer(head.single()?),
        Keyword::Run => InstructionKind::Run(run(head, &flags, heredocs)?),
        Keyword::Shell => InstructionKind::Shell(shell(head)?),
        Keyword::Stopsignal => InstructionKind::Stopsignal(head.single()?),
        Keyword::User => InstructionKind::User(head.single()?),
        Keyword::Volume => InstructionKind::Volume(volume(head)?),
        Keyword::Workdir => InstructionKind::Workdir(head.single()?),
        // The parser takes these two before it comes here.
        Keyword::From | Keyword::Onbuild => return Err(head.error("is not allowed here")),
    })
}

/// `FROM image [AS name]`: <https://docs.docker.com/reference/dockerfile/#from>
pub(super) fn from(head: &Head<'_>, span: Span) -> Result<FromInstruction, ParseError> {
    let flags = Flags::check(head.keyword, &head.flags)?;
    let words: Vec<Word> = split_blanks(head.rest).into_iter().map(Word::new).collect();
    let (image, name) = match words.as_slice() {
        [image] => (image, None),
        [image, r#as, name] if r#as.text.eq_ignore_ascii_case("as") => (image, Some(name)),
        _ => {
            return Err(head
                .error("requires either one or three arguments")
                .with_hint("write `FROM image` or `FROM image AS name`"));
        }
    };
    if let Some(name) = name {
        check_stage_name(name)?;
    }
    Ok(FromInstruction {
        span,
        keyword_span: head.keyword_text.span(),
        platform: flags.value("platform"),
        image: image.clone(),
        name: name.cloned(),
        flags: head.flags.clone(),
    })
}

/// A stage name is a letter and then letters, digits, `-`, `_`, `.`; case does not count.
fn check_stage_name(name: &Word) -> Result<(), ParseError> {
    let mut chars = name.text.chars();
    let first = chars.next().is_some_and(|first| first.is_ascii_alphabetic());
    if first && chars.all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char)) {
        return Ok(());
    }
    let message = format!("invalid name for a build stage: `{}`", name.text);
    let hint = "start with a letter, and go on with letters, digits, `-`, `_` or `.`";
    Err(ParseError::new(name.span, message).with_hint(hint))
}

/// <https://docs.docker.com/reference/dockerfile/#run>
fn run(head: &Head<'_>, flags: &Flags<'_>, heredocs: Vec<Heredoc>) -> Result<Run, ParseError> {
    let command = head.command(head.rest)?;
    if matches!(&command, Command::Exec { arguments, .. } if arguments.is_empty()) {
        return Err(head.error("needs a program in its array"));
    }
    let mounts = flags.values("mount");
    let choice = |name: &str, known: &[&str]| match flags.value(name) {
        Some(word) if !known.contains(&word.text.as_str()) => {
            let message = format!("`{}` is no value of `--{name}`", word.text);
            let error = ParseError::new(word.span, message);
            let hint = format!("it can be `{}`", known.join("`, `"));
            Err(error.with_hint(hint))
        }
        value => Ok(value.map(|word| word.text)),
    };
    Ok(Run {
        command,
        heredocs,
        mounts: mounts.iter().map(MountFlag::parse).collect::<Result<_, _>>()?,
        network: match choice("network", &["default", "none", "host"])?.as_deref() {
            Some("none") => Network::None,
            Some("host") => Network::Host,
            _ => Network::Default,
        },
        security: match choice("security", &["sandbox", "insecure"])?.as_deref() {
            Some("insecure") => Security::Insecure,
            _ => Security::Sandbox,
        },
        devices: flags.values("device"),
    })
}

/// <https://docs.docker.com/reference/dockerfile/#copy>
fn copy(head: &Head<'_>, flags: &Flags<'_>, heredocs: Vec<Heredoc>) -> Result<Copy, ParseError> {
    let (sources, destination) = sources(head, heredocs)?;
    Ok(Copy {
        from: flags.value("from"),
        chown: flags.value("chown"),
        chmod: flags.value("chmod"),
        link: flags.switch("link")?.unwrap_or(false),
        parents: flags.switch("parents")?.unwrap_or(false),
        exclude: flags.values("exclude"),
        sources,
        destination,
    })
}

/// <https://docs.docker.com/reference/dockerfile/#add>
fn add(head: &Head<'_>, flags: &Flags<'_>, heredocs: Vec<Heredoc>) -> Result<Add, ParseError> {
    let (sources, destination) = sources(head, heredocs)?;
    Ok(Add {
        chown: flags.value("chown"),
        chmod: flags.value("chmod"),
        link: flags.switch("link")?.unwrap_or(false),
        keep_git_dir: flags.switch("keep-git-dir")?.unwrap_or(false),
        checksum: flags.value("checksum"),
        unpack: flags.switch("unpack")?,
        exclude: flags.values("exclude"),
        sources,
        destination,
    })
}

/// The sources and the destination of `COPY` and `ADD`.
fn sources(head: &Head<'_>, heredocs: Vec<Heredoc>) -> Result<(Vec<Source>, Word), ParseError> {
    let mut words = head.list()?;
    let destination = words
        .pop()
        .filter(|_| !words.is_empty())
        .ok_or_else(|| head.error("requires at least two arguments: what to copy, and where to"))?;
    let mut heredocs = heredocs.into_iter().peekable();
    let mut sources = Vec::new();
    for word in words {
        let is_heredoc = heredocs.peek().is_some_and(|heredoc| heredoc.marker == word.span);
        sources.push(match heredocs.next_if(|_| is_heredoc) {
            Some(heredoc) => Source::Heredoc(heredoc),
            None => Source::Path(word),
        });
    }
    match heredocs.next() {
        Some(heredoc) if heredoc.marker == destination.span => {
            Err(ParseError::new(heredoc.marker, "a heredoc cannot be a destination"))
        }
        Some(heredoc) => {
            let message = format!("heredoc `{}` is not a source of its own", heredoc.name);
            let hint = "write `<<` and the name without white space between them";
            Err(ParseError::new(heredoc.marker, message).with_hint(hint))
        }
        None => Ok((sources, destination)),
    }
}

/// <https://docs.docker.com/reference/dockerfile/#arg>
fn arg(head: &Head<'_>, span: Span) -> Result<Arg, ParseError> {
    let words = head.at_least_one(split_quoted(head.rest, head.escape))?;
    let pairs = words.into_iter().map(|word| match Word::pair(word, '=') {
        Some((name, _)) if name.text.is_empty() => Err(blank_name(word)),
        Some((name, value)) => Ok(ArgPair { name, value: Some(value) }),
        None => Ok(ArgPair { name: Word::new(word), value: None }),
    });
    Ok(Arg { span, pairs: pairs.collect::<Result<_, _>>()? })
}

fn blank_name(word: Text<'_>) -> ParseError {
    ParseError::new(word.span(), "a name before `=` is missing")
}

/// The pairs of `ENV` and `LABEL`, and whether they are in the old form, which is the form
/// without `=` in the first word: <https://docs.docker.com/reference/dockerfile/#env>
fn pairs(head: &Head<'_>) -> Result<(Vec<Pair>, bool), ParseError> {
    let words = head.at_least_one(split_quoted(head.rest, head.escape))?;
    if words.first().is_some_and(|word| !word.as_str().contains('=')) {
        let (key, value) = split_first(head.rest);
        if value.is_empty() {
            let hint = format!("write `{} {}=…`", head.keyword.name(), key.as_str());
            return Err(head.error("requires a name and a value").with_hint(hint));
        }
        return Ok((vec![Pair { key: Word::new(key), value: Word::new(value) }], true));
    }
    let pairs = words.into_iter().map(|word| match Word::pair(word, '=') {
        Some((key, _)) if key.text.is_empty() => Err(blank_name(word)),
        Some((key, value)) => Ok(Pair { key, value }),
        None => {
            let message = format!("`{}` is not of the form `name=value`", word.as_str());
            let hint = "put double quotes around a value with white space";
            Err(ParseError::new(word.span(), message).with_hint(hint))
        }
    });
    Ok((pairs.collect::<Result<_, _>>()?, false))
}

/// <https://docs.docker.com/reference/dockerfile/#expose>
fn expose(head: &Head<'_>) -> Result<Expose, ParseError> {
    let words = split_blanks(head.rest).into_iter().map(Word::new).collect();
    let words: Vec<Word> = head.at_least_one(words)?;
    for word in words.iter().filter(|word| word.is_plain()) {
        port::ports(&word.text).map_err(|error| {
            let parse_error = ParseError::new(word.span, error.to_string());
            ParseError { hint: error.hint(), ..parse_error }
        })?;
    }
    Ok(Expose { ports: words })
}

/// <https://docs.docker.com/reference/dockerfile/#volume>
fn volume(head: &Head<'_>) -> Result<Volume, ParseError> {
    let mut paths = head.at_least_one(head.list()?)?;
    for path in &mut paths {
        path.text = path.text.trim().to_owned();
        if path.text.is_empty() {
            return Err(ParseError::new(path.span, "a volume cannot be an empty path"));
        }
    }
    Ok(Volume { paths })
}

/// <https://docs.docker.com/reference/dockerfile/#shell>
fn shell(head: &Head<'_>) -> Result<Shell, ParseError> {
    let Some(arguments) = json::strings(head.rest)? else {
        let hint = "write `SHELL [\"/bin/bash\", \"-c\"]`";
        return Err(head.error("requires its arguments in JSON form").with_hint(hint));
    };
    Ok(Shell { arguments: head.at_least_one(arguments)? })
}

/// <https://docs.docker.com/reference/dockerfile/#healthcheck>
fn healthcheck(head: &Head<'_>, flags: &Flags<'_>) -> Result<Healthcheck, ParseError> {
    let (kind, command) = split_first(head.rest);
    let test = match kind.as_str().to_uppercase().as_str() {
        "" => return Err(head.error("requires at least one argument")),
        "NONE" if command.is_empty() => Test::None,
        "NONE" => {
            return Err(ParseError::new(command.span(), "HEALTHCHECK NONE takes no arguments"));
        }
        "CMD" => match head.command(command)? {
            Command::Shell { text, .. } if text.is_empty() => {
                return Err(ParseError::new(
                    kind.span(),
                    "a command after HEALTHCHECK CMD is missing",
                ));
            }
            Command::Exec { arguments, span } if arguments.is_empty() => {
                return Err(ParseError::new(span, "a command after HEALTHCHECK CMD is missing"));
            }
            command => Test::Command(command),
        },
        _ => {
            let message = format!("unknown kind of health check `{}`", kind.as_str());
            return Err(ParseError::new(kind.span(), message)
                .with_hint("write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`"));
        }
    };
    Healthcheck::new(test, flags)
}

//! A parse result as text that people can review.

use super::super::*;
use std::fmt::Write as _;

/// A token: what it is, where it stands, and its text.
pub(super) type Token = (String, Span, String);

/// The whole result: the file's parts, or the error with its line.
pub(super) fn result(source: &[u8]) -> String {
    match parse(source) {
        Ok(file) => dump(&file),
        Err(error) => render(source, &error),
    }
}

fn render(source: &[u8], error: &ParseError) -> String {
    let lines = LineIndex::new(source);
    let at = error.position(&lines);
    let line = source.split(|byte| *byte == b'\n').nth(at.line - 1).unwrap_or_default();
    let shown = String::from_utf8_lossy(line);
    let width = (error.span.end.min(error.span.start - (at.column - 1) + line.len()))
        .saturating_sub(error.span.start)
        .max(1);
    let mut text = format!("{}:{}: error: {error}\n", at.line, at.column);
    writeln!(text, "  | {}", shown.trim_end()).unwrap();
    let label = error.label.as_ref().map(|label| format!(" {label}")).unwrap_or_default();
    writeln!(text, "  | {}{}{label}", " ".repeat(at.column - 1), "^".repeat(width)).unwrap();
    if let Some(hint) = error.hint() {
        writeln!(text, "hint: {hint}").unwrap();
    }
    text
}

fn dump(file: &Dockerfile) -> String {
    let mut text = String::new();
    let directives = &file.directives;
    for (name, directive) in [("syntax", &directives.syntax), ("check", &directives.check)] {
        if let Some(directive) = directive {
            writeln!(text, "directive {name} = {}", directive.value).unwrap();
        }
    }
    if directives.escape != '\\' {
        writeln!(text, "directive escape = {}", directives.escape).unwrap();
    }
    for arg in &file.global_args {
        writeln!(text, "{} global ARG", place(file, arg.span)).unwrap();
        tokens_to(&mut text, file, &arg_tokens(arg));
    }
    for (index, stage) in file.stages.iter().enumerate() {
        let name = stage.name.as_deref().unwrap_or("-");
        writeln!(text, "stage {index} {name} {}", place(file, stage.span)).unwrap();
        writeln!(text, "{} {}", place(file, stage.from.span), stage.from.normalized()).unwrap();
        tokens_to(&mut text, file, &from_tokens(&stage.from));
        for instruction in &stage.instructions {
            let normalized = instruction.normalized().replace('\n', "\n    | ");
            writeln!(text, "{} {normalized}", place(file, instruction.span)).unwrap();
            tokens_to(&mut text, file, &tokens(instruction));
        }
    }
    for warning in &file.warnings {
        writeln!(text, "{} warning: {}", place(file, warning.span), warning.message).unwrap();
    }
    text
}

fn place(file: &Dockerfile, span: Span) -> String {
    let start = file.lines.position(span.start);
    let end = file.lines.position(span.end);
    format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column)
}

fn tokens_to(text: &mut String, file: &Dockerfile, tokens: &[Token]) {
    for (label, span, token) in tokens {
        writeln!(text, "    {label} {} {token:?}", place(file, *span)).unwrap();
    }
}

fn word(label: &str, word: &Word) -> Token {
    (label.to_owned(), word.span, word.text.clone())
}

fn words(label: &str, words: &[Word]) -> Vec<Token> {
    words.iter().map(|each| word(label, each)).collect()
}

fn flags(flags: &[Flag]) -> Vec<Token> {
    let parts = |flag: &Flag| {
        let value = flag.value.as_ref().map(|value| word("value", value));
        [Some(word("flag", &flag.name)), value].into_iter().flatten().collect::<Vec<_>>()
    };
    flags.iter().flat_map(parts).collect()
}

pub(super) fn from_tokens(from: &FromInstruction) -> Vec<Token> {
    let mut tokens = flags(&from.flags);
    tokens.push(word("image", &from.image));
    tokens.extend(from.name.as_ref().map(|name| word("name", name)));
    tokens
}

pub(super) fn arg_tokens(arg: &Arg) -> Vec<Token> {
    let mut tokens = Vec::new();
    for pair in &arg.pairs {
        tokens.push(word("name", &pair.name));
        tokens.extend(pair.value.as_ref().map(|value| word("default", value)));
    }
    tokens
}

/// All tokens of an instruction in the order of the file.
pub(super) fn tokens(instruction: &Instruction) -> Vec<Token> {
    let mut tokens = flags(&instruction.flags);
    tokens.extend(match &instruction.kind {
        InstructionKind::Add(Add { sources, destination, .. })
        | InstructionKind::Copy(Copy { sources, destination, .. }) => paths(sources, destination),
        InstructionKind::Arg(arg) => arg_tokens(arg),
        InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => {
            command_tokens(command)
        }
        InstructionKind::Env(Env { pairs, .. }) | InstructionKind::Label(Label { pairs, .. }) => {
            let pair = |pair: &Pair| [word("key", &pair.key), word("value", &pair.value)];
            pairs.iter().flat_map(pair).collect()
        }
        InstructionKind::Expose(expose) => words("port", &expose.ports),
        InstructionKind::Healthcheck(check) => match &check.test {
            Test::None => Vec::new(),
            Test::Command(command) => command_tokens(command),
        },
        InstructionKind::Onbuild(onbuild) => self::tokens(&onbuild.trigger),
        InstructionKind::Run(run) => {
            let mut tokens = command_tokens(&run.command);
            tokens.extend(run.heredocs.iter().flat_map(heredoc));
            tokens
        }
        InstructionKind::Shell(shell) => words("argument", &shell.arguments),
        InstructionKind::Volume(volume) => words("path", &volume.paths),
        InstructionKind::Maintainer(text)
        | InstructionKind::Stopsignal(text)
        | InstructionKind::User(text)
        | InstructionKind::Workdir(text) => vec![word("argument", text)],
    });
    tokens
}

fn paths(sources: &[Source], destination: &Word) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut bodies = Vec::new();
    for source in sources {
        match source {
            Source::Path(path) => tokens.push(word("source", path)),
            Source::Heredoc(file) => {
                tokens.push(("file".to_owned(), file.marker, file.name.clone()));
                bodies.extend(heredoc(file));
            }
        }
    }
    tokens.push(word("destination", destination));
    tokens.extend(bodies);
    tokens
}

fn command_tokens(command: &Command) -> Vec<Token> {
    match command {
        Command::Shell { text, span, .. } => vec![("shell".to_owned(), *span, text.clone())],
        Command::Exec { arguments, .. } => words("argument", arguments),
    }
}

fn heredoc(heredoc: &Heredoc) -> Vec<Token> {
    let tabs = if heredoc.strip_tabs { " without tabs" } else { "" };
    let expand = if heredoc.expand { "" } else { " as it is" };
    let label = format!("heredoc {} fd {}{tabs}{expand}", heredoc.name, heredoc.descriptor);
    vec![
        (label, heredoc.body_span, heredoc.body.clone()),
        ("terminator".to_owned(), heredoc.terminator, heredoc.name.clone()),
    ]
}

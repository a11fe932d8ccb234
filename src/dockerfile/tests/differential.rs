//! The same files through `parse-dockerfile`, where that is known to be right.

use super::super::*;
use parse_dockerfile as other;
use std::path::Path;

/// Cases in which the other parser differs from `BuildKit`, and how.
const OTHER_IS_WRONG: &[(&str, &str)] = &[
    ("byte-order-mark", "offsets do not count the mark"),
    ("copy-add", "a lone `--` does not end the flags"),
    ("escaped-escape-at-end", "two escapes at the end of a line continue it"),
    ("exec-forms", "no empty ENTRYPOINT array, no CMD without arguments"),
    ("flag-quotes", "quotes do not hold a flag together"),
    ("heredoc-empty", "no number before `<<`"),
    ("heredoc-redirect", "a heredoc must be the whole command"),
    ("heredoc-space", "no white space behind `<<`"),
];

#[test]
fn another_parser_reads_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfile");
    let mut compared = 0;
    let mut wrong = Vec::new();
    for case in root.read_dir().unwrap().map(|entry| entry.unwrap()) {
        let name = case.file_name().into_string().unwrap();
        let source = std::fs::read(case.path().join("Dockerfile")).unwrap();
        let (Ok(text), Ok(ours)) = (std::str::from_utf8(&source), parse(&source)) else { continue };
        if OTHER_IS_WRONG.iter().any(|(case, _)| *case == name) {
            continue;
        }
        let theirs: Result<Vec<String>, String> =
            other::parse_iter(text).map_err(|error| error.to_string()).and_then(|found| {
                found
                    .map(|each| each.map(|each| facts_of_other(&each)).map_err(|e| e.to_string()))
                    .collect()
            });
        let ours = facts(&ours);
        compared += 1;
        if theirs.as_ref() != Ok(&ours) {
            wrong.push(format!("{name}:\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(compared > 20, "only {compared} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each instruction as keyword, offset and the arguments that both parsers split alike.
fn facts(file: &Dockerfile) -> Vec<String> {
    let mut facts: Vec<(usize, String)> = Vec::new();
    for arg in &file.global_args {
        facts.push((arg.span.start, format!("ARG {}", arg.span.start)));
    }
    for stage in &file.stages {
        let from = &stage.from;
        let name = from.name.as_ref().map(|name| name.text.as_str());
        let text = format!("FROM {} {} {name:?}", from.span.start, from.image.text);
        facts.push((from.span.start, text));
        for instruction in &stage.instructions {
            let start = instruction.span.start;
            let arguments = arguments(&instruction.kind);
            facts.push((start, format!("{} {start}{arguments}", instruction.keyword.name())));
        }
    }
    facts.sort();
    facts.into_iter().map(|(_, fact)| fact).collect()
}

fn arguments(kind: &InstructionKind) -> String {
    match kind {
        InstructionKind::Copy(Copy { sources, destination, .. })
        | InstructionKind::Add(Add { sources, destination, .. }) => {
            let paths = sources.iter().map(|source| match source {
                Source::Path(path) => path.text.clone(),
                Source::Heredoc(file) => file.contents().into_owned(),
            });
            format!(" {:?} {:?}", paths.collect::<Vec<_>>(), destination.text)
        }
        InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => match command {
            Command::Shell { text, .. } => format!(" {text:?}"),
            Command::Exec { arguments, .. } => {
                format!(" {:?}", arguments.iter().map(|each| &each.text).collect::<Vec<_>>())
            }
        },
        InstructionKind::User(word)
        | InstructionKind::Workdir(word)
        | InstructionKind::Stopsignal(word) => format!(" {:?}", word.text),
        InstructionKind::Expose(expose) => {
            format!(" {:?}", expose.ports.iter().map(|each| &each.text).collect::<Vec<_>>())
        }
        _ => String::new(),
    }
}

fn facts_of_other(instruction: &other::Instruction<'_>) -> String {
    use other::Instruction as Other;
    let strings = |all: &[other::UnescapedString<'_>]| {
        all.iter().map(|each| each.value.to_string()).collect::<Vec<_>>()
    };
    let source = |each: &other::Source<'_>| match each {
        other::Source::Path(path) => path.value.to_string(),
        other::Source::HereDoc(body) => body.value.to_string(),
        _ => "?".to_owned(),
    };
    let command = |each: &other::Command<'_>| match each {
        other::Command::Exec(all) => format!(" {:?}", strings(&all.value)),
        other::Command::Shell(text) => format!(" {:?}", text.value),
        _ => " ?".to_owned(),
    };
    let (name, start, rest) = match instruction {
        Other::Add(each) => {
            let paths: Vec<String> = each.src.iter().map(source).collect();
            ("ADD", each.add.span.start, format!(" {paths:?} {:?}", each.dest.value))
        }
        Other::Copy(each) => {
            let paths: Vec<String> = each.src.iter().map(source).collect();
            ("COPY", each.copy.span.start, format!(" {paths:?} {:?}", each.dest.value))
        }
        Other::From(each) => {
            let name = each.as_.as_ref().map(|(_, name)| name.value.as_ref());
            ("FROM", each.from.span.start, format!(" {} {name:?}", each.image.value))
        }
        Other::Cmd(each) => ("CMD", each.cmd.span.start, command(&each.arguments)),
        Other::Entrypoint(each) => {
            ("ENTRYPOINT", each.entrypoint.span.start, command(&each.arguments))
        }
        Other::User(each) => ("USER", each.user.span.start, format!(" {:?}", each.arguments.value)),
        Other::Workdir(each) => {
            ("WORKDIR", each.workdir.span.start, format!(" {:?}", each.arguments.value))
        }
        Other::Stopsignal(each) => {
            ("STOPSIGNAL", each.stopsignal.span.start, format!(" {:?}", each.arguments.value))
        }
        Other::Expose(each) => {
            ("EXPOSE", each.expose.span.start, format!(" {:?}", strings(&each.arguments)))
        }
        Other::Arg(each) => ("ARG", each.arg.span.start, String::new()),
        Other::Env(each) => ("ENV", each.env.span.start, String::new()),
        Other::Healthcheck(each) => ("HEALTHCHECK", each.healthcheck.span.start, String::new()),
        Other::Label(each) => ("LABEL", each.label.span.start, String::new()),
        Other::Maintainer(each) => ("MAINTAINER", each.maintainer.span.start, String::new()),
        Other::Onbuild(each) => ("ONBUILD", each.onbuild.span.start, String::new()),
        Other::Run(each) => ("RUN", each.run.span.start, String::new()),
        Other::Shell(each) => ("SHELL", each.shell.span.start, String::new()),
        Other::Volume(each) => ("VOLUME", each.volume.span.start, String::new()),
        _ => ("?", 0, String::new()),
    };
    format!("{name} {start}{rest}")
}

//! The whole file: logical lines, their heredocs, and the stages that they make up.

use super::arguments::{self, Head};
use super::line::{LogicalLine, Reader, Text};
use super::{
    Arg, Command, Directives, Dockerfile, FromInstruction, Heredoc, Instruction, InstructionKind,
    Keyword, Onbuild, ParseError, ParseWarning, Run, SIZE_BYTES_MAX, STAGES_MAX, Stage, heredoc,
};
use crate::text::{LineIndex, Span};
use std::collections::BTreeSet;

/// Parses a Dockerfile.
pub fn parse(source: &[u8]) -> Result<Dockerfile, ParseError> {
    check_encoding(source)?;
    let directives = Directives::read(source)?;
    let mut reader = Reader::new(source, directives.escape);
    let mut draft = Draft::default();
    while let Some(line) = reader.logical_line()? {
        let statement = statement(&mut reader, source, &line, directives.escape)?;
        draft.add(statement)?;
    }
    if draft.stages.is_empty() {
        let end = Span::new(source.len(), source.len());
        return Err(match draft.global_args.last() {
            Some(arg) => ParseError::new(arg.span, "the file has no build stage")
                .with_hint("start one with `FROM image`"),
            None => ParseError::new(end, "the file has no instructions"),
        });
    }
    let mut warnings = reader.warnings;
    warnings.append(&mut draft.warnings);
    warnings.sort_by_key(|warning| warning.span);
    Ok(Dockerfile {
        source: source.to_vec(),
        lines: LineIndex::new(source),
        directives,
        global_args: draft.global_args,
        stages: draft.stages,
        comments: reader.comments,
        warnings,
    })
}

/// Parses the text of one instruction, such as an `ONBUILD` trigger from an image's config. Spans
/// are offsets into `text`.
pub fn parse_instruction(text: &str, escape: char) -> Result<Instruction, ParseError> {
    let source = text.as_bytes();
    check_encoding(source)?;
    let mut reader = Reader::new(source, escape);
    let Some(line) = reader.logical_line()? else {
        return Err(ParseError::new(Span::new(0, source.len()), "an instruction is missing"));
    };
    let instruction = match statement(&mut reader, source, &line, escape)? {
        Statement::Instruction(instruction) => instruction,
        Statement::From(from) => {
            return Err(ParseError::new(from.keyword_span, "FROM is not allowed here"));
        }
    };
    match reader.logical_line()? {
        Some(line) => {
            Err(ParseError::new(line.as_text().span(), "only one instruction is allowed here"))
        }
        None => Ok(instruction),
    }
}

fn check_encoding(source: &[u8]) -> Result<(), ParseError> {
    if source.len() > SIZE_BYTES_MAX {
        let message = format!("the file is larger than {SIZE_BYTES_MAX} bytes");
        return Err(ParseError::new(Span::new(0, 0), message));
    }
    if source.starts_with(b"\xff\xfe") || source.starts_with(b"\xfe\xff") {
        return Err(ParseError::new(Span::new(0, 2), "the file is UTF-16")
            .with_hint("save the file as UTF-8"));
    }
    Ok(())
}

enum Statement {
    From(FromInstruction),
    Instruction(Instruction),
}

fn statement(
    reader: &mut Reader<'_>,
    source: &[u8],
    line: &LogicalLine,
    escape: char,
) -> Result<Statement, ParseError> {
    let text = line.as_text().trim();
    let head = Head::parse(text, escape)?;
    if head.keyword == Keyword::From {
        return arguments::from(&head, text.span()).map(Statement::From);
    }
    let trigger = match head.keyword {
        Keyword::Onbuild => Some(trigger(&head, escape)?),
        _ => None,
    };
    let markers = trigger.as_ref().unwrap_or(&head).markers(text)?;
    let heredocs = heredoc::bodies(reader, source, markers)?;
    let end = heredocs.last().map_or(text.span().end, |heredoc| heredoc.terminator.end);
    let whole = Whole { span: Span::new(text.span().start, end), heredocs };
    let instruction = match trigger {
        Some(trigger) => whole.onbuild(&head, &trigger)?,
        None => whole.instruction(&head)?,
    };
    Ok(Statement::Instruction(instruction))
}

/// The instruction behind `ONBUILD`.
fn trigger<'a>(head: &Head<'a>, escape: char) -> Result<Head<'a>, ParseError> {
    let text: Text<'a> = head.behind_keyword.trim();
    if text.is_empty() {
        let span = head.keyword_text.span();
        return Err(ParseError::new(span, "ONBUILD requires an instruction"));
    }
    let trigger = Head::parse(text, escape)?;
    if matches!(trigger.keyword, Keyword::From | Keyword::Maintainer | Keyword::Onbuild) {
        let message = format!("{} is not allowed after ONBUILD", trigger.keyword.name());
        return Err(ParseError::new(trigger.keyword_text.span(), message));
    }
    Ok(trigger)
}

/// What belongs to an instruction besides its head.
struct Whole {
    span: Span,
    heredocs: Vec<Heredoc>,
}

impl Whole {
    fn instruction(self, head: &Head<'_>) -> Result<Instruction, ParseError> {
        let kind = arguments::kind(head, self.span, self.heredocs)?;
        Ok(Self::build(head, self.span, kind))
    }

    fn onbuild(self, head: &Head<'_>, trigger: &Head<'_>) -> Result<Instruction, ParseError> {
        let mut text = head.behind_keyword.trim().as_str().to_owned();
        for heredoc in &self.heredocs {
            text.extend(["\n", &heredoc.body, &heredoc.name]);
        }
        let span = self.span;
        let inner = Self { span: Span::new(trigger.keyword_text.span().start, span.end), ..self };
        let trigger = Box::new(inner.instruction(trigger)?);
        Ok(Self::build(head, span, InstructionKind::Onbuild(Onbuild { trigger, text })))
    }

    fn build(head: &Head<'_>, span: Span, kind: InstructionKind) -> Instruction {
        Instruction {
            span,
            keyword: head.keyword,
            keyword_span: head.keyword_text.span(),
            flags: head.flags.clone(),
            kind,
        }
    }
}

/// The stages as they grow.
#[derive(Default)]
struct Draft {
    global_args: Vec<Arg>,
    stages: Vec<Stage>,
    names: BTreeSet<String>,
    warnings: Vec<ParseWarning>,
}

impl Draft {
    fn add(&mut self, statement: Statement) -> Result<(), ParseError> {
        match statement {
            Statement::From(from) if self.stages.len() == STAGES_MAX => {
                let message = format!("more than {STAGES_MAX} build stages");
                return Err(ParseError::new(from.keyword_span, message));
            }
            Statement::From(from) => self.start(from),
            Statement::Instruction(instruction) => match (self.stages.last_mut(), instruction) {
                (Some(stage), instruction) => {
                    self.warnings.extend(not_quite_json(&instruction));
                    stage.span = stage.span.join(instruction.span);
                    stage.instructions.push(instruction);
                }
                (None, Instruction { kind: InstructionKind::Arg(arg), .. }) => {
                    self.global_args.push(arg);
                }
                (None, instruction) => {
                    let message = format!("{} before the first FROM", instruction.keyword.name());
                    return Err(ParseError::new(instruction.keyword_span, message)
                        .with_hint("only `ARG` may stand before the first `FROM`"));
                }
            },
        }
        Ok(())
    }

    fn start(&mut self, from: FromInstruction) {
        let name = from.name.as_ref().map(|name| name.text.to_lowercase());
        let earlier = name.clone().is_some_and(|name| !self.names.insert(name));
        if let Some(word) = from.name.as_ref().filter(|_| earlier) {
            let message =
                format!("another stage is called `{}`, too; the last one counts", word.text);
            self.warnings.push(ParseWarning { span: word.span, message });
        }
        let span = from.span;
        self.stages.push(Stage { from, name, instructions: Vec::new(), span });
    }
}

/// A command that was meant to be an array but is none, so that a shell runs it.
fn not_quite_json(instruction: &Instruction) -> Option<ParseWarning> {
    let (InstructionKind::Cmd(command)
    | InstructionKind::Entrypoint(command)
    | InstructionKind::Run(Run { command, .. })) = &instruction.kind
    else {
        return None;
    };
    let Command::Shell { text, span, .. } = command else { return None };
    let looks_so = text.ends_with(']') && (text.starts_with("[\"") || text.starts_with("['"));
    let message = "this is no JSON array, so a shell runs it with its brackets".to_owned();
    looks_so.then_some(ParseWarning { span: *span, message })
}

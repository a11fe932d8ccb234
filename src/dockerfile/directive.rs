//! Parser directives: `# syntax=`, `# escape=` and `# check=` on top of a file.
//!
//! <https://docs.docker.com/reference/dockerfile/#parser-directives>

use super::ParseError;
use super::line::Reader;
use crate::text::Span;

/// The parser directives of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// The frontend image, as written after `syntax=`.
    pub syntax: Option<Directive>,
    /// The escape character: `\` if the file does not say.
    pub escape: char,
    /// The build checks, as written after `check=`.
    pub check: Option<Directive>,
}

/// A directive's value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The value without white space around it.
    pub value: String,
    /// The value's place.
    pub span: Span,
}

impl Directives {
    /// Reads the directives: they stop at the first line that is no known directive.
    pub(super) fn read(source: &[u8]) -> Result<Self, ParseError> {
        let mut escape = None;
        let mut directives = Self { syntax: None, escape: '\\', check: None };
        let mut reader = Reader::new(source, '\\');
        while let Some((line, _)) = reader.physical_line() {
            let Some((name, directive)) = split(source, line) else { break };
            let slot = match name.as_str() {
                "syntax" => &mut directives.syntax,
                "check" => &mut directives.check,
                "escape" => &mut escape,
                _ => break,
            };
            if slot.is_some() {
                let message = format!("only one `{name}` parser directive can be used");
                return Err(ParseError::new(line, message));
            }
            if name == "escape" {
                directives.escape = escape_character(&directive)?;
            }
            *slot = Some(directive);
        }
        Ok(directives)
    }
}

fn escape_character(directive: &Directive) -> Result<char, ParseError> {
    match directive.value.as_str() {
        "\\" => Ok('\\'),
        "`" => Ok('`'),
        other => {
            let message = format!("the escape character can be `\\` or a backtick, not `{other}`");
            Err(ParseError::new(directive.span, message))
        }
    }
}

/// Splits `# name = value`; the name comes back in lower case.
fn split(source: &[u8], line: Span) -> Option<(String, Directive)> {
    let text = std::str::from_utf8(line.of(source)).ok()?;
    let (name, value) = text.trim_start().strip_prefix('#')?.split_once('=')?;
    let name = name.trim();
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|char| char.is_ascii_alphanumeric());
    let end = line.start + text.trim_end().len();
    let value = value.trim();
    if !is_name || value.is_empty() {
        return None;
    }
    let directive = Directive { value: value.to_owned(), span: Span::new(end - value.len(), end) };
    Some((name.to_lowercase(), directive))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Directives {
        Directives::read(source.as_bytes()).unwrap()
    }

    #[test]
    fn directives_stand_on_top() {
        let source = "# syntax = docker/dockerfile:1 \n#Escape=`\r\n# check=skip=all\nFROM a";
        let directives = read(source);
        let syntax = directives.syntax.unwrap();
        assert_eq!(syntax.value, "docker/dockerfile:1");
        assert_eq!(syntax.span.of(source.as_bytes()), b"docker/dockerfile:1");
        assert_eq!(directives.escape, '`');
        assert_eq!(directives.check.unwrap().value, "skip=all");
    }

    #[test]
    fn anything_else_ends_them() {
        for before in ["\n", "# note\n", "# name=x\n", "FROM a\n", "#=\n", "# syntax=\n"] {
            assert_eq!(read(&format!("{before}# escape=`\n")).escape, '\\', "{before:?}");
        }
    }

    #[test]
    fn a_second_one_and_a_wrong_escape_are_errors() {
        let error = Directives::read(b"# escape=`\n# ESCAPE=\\\n").unwrap_err();
        assert_eq!(error.message, "only one `escape` parser directive can be used");
        let error = Directives::read(b"# escape=x\n").unwrap_err();
        assert_eq!(error.span, Span::new(9, 10));
    }
}

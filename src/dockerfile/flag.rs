//! Flags: the `--name=value` words between an instruction's name and its arguments.

use super::line::Text;
use super::{Keyword, ParseError, Word};
use crate::text::Span;

/// A flag as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The name without `--`.
    pub name: Word,
    /// What stands behind `=`, without the quotes and escapes that held the flag together.
    pub value: Option<Word>,
    /// The whole flag.
    pub span: Span,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlagKind {
    /// `true`, `false` or nothing.
    Switch,
    /// A value; the flag may stand once.
    Value,
    /// A value each time it stands.
    Values,
}

/// Takes the flags off the front of an instruction's arguments. Flags end at the first word that
/// does not start with `--`, or behind a lone `--`.
pub(super) fn take(arguments: Text<'_>, escape: char) -> (Vec<Flag>, Text<'_>) {
    let mut flags = Vec::new();
    let mut rest = arguments.trim();
    while rest.as_str().starts_with("--") {
        let (text, length) = unquote(rest.as_str(), escape);
        let written = rest.slice(0..length);
        rest = rest.from(length).trim();
        if text == "--" {
            break;
        }
        flags.push(flag(written, text));
    }
    (flags, rest)
}

/// The first word without its quotes and escapes, and how long it is as written.
fn unquote(string: &str, escape: char) -> (String, usize) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = string.char_indices();
    while let Some((at, char)) = chars.next() {
        if quote.is_none() && char.is_whitespace() {
            return (word, at);
        }
        if quote == Some(char) {
            quote = None;
        } else if quote.is_none() && matches!(char, '\'' | '"') {
            quote = Some(char);
        } else if char == escape {
            word.extend(chars.next().map(|(_, escaped)| escaped));
        } else {
            word.push(char);
        }
    }
    (word, string.len())
}

/// Splits a flag into name and value. Their places are exact unless quotes or escapes had to go.
fn flag(written: Text<'_>, text: String) -> Flag {
    let span = written.span();
    let exact = written.as_str() == text;
    let word = Word { text, span };
    let split = if exact { Word::pair(written, '=') } else { word.split_once('=') };
    let (name, value) = match split {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    Flag { name: name.part("--".len(), name.text.len()), value, span }
}

/// Flags that were held against the table of their instruction.
#[derive(Debug)]
pub(super) struct Flags<'a>(&'a [Flag]);

impl<'a> Flags<'a> {
    /// Refuses flags that the instruction does not take, and flags without or with a wrong value.
    pub(super) fn check(keyword: Keyword, flags: &'a [Flag]) -> Result<Self, ParseError> {
        for (index, flag) in flags.iter().enumerate() {
            let name = flag.name.text.as_str();
            let known = keyword.flags();
            let Some((_, kind)) = known.iter().find(|(known, _)| *known == name) else {
                return Err(unknown(keyword, flag));
            };
            let stands_before = || flags.iter().take(index).any(|flag| flag.name.text == name);
            if *kind != FlagKind::Values && stands_before() {
                return Err(ParseError::new(flag.span, format!("duplicate flag `--{name}`")));
            }
            match (kind, &flag.value) {
                (FlagKind::Switch, value) => {
                    switch(flag, value.as_ref())?;
                }
                (_, None) => {
                    let message = format!("flag `--{name}` needs a value");
                    let hint = format!("write `--{name}=…`, without white space around `=`");
                    return Err(ParseError::new(flag.span, message).with_hint(hint));
                }
                (_, Some(_)) => {}
            }
        }
        Ok(Self(flags))
    }

    /// The value of a flag that may stand once. An empty one counts as none, as in `BuildKit`.
    pub(super) fn value(&self, name: &str) -> Option<Word> {
        let flag = self.0.iter().find(|flag| flag.name.text == name)?;
        flag.value.clone().filter(|value| !value.text.is_empty())
    }

    /// The values of a flag that may stand often.
    pub(super) fn values(&self, name: &str) -> Vec<Word> {
        let flags = self.0.iter().filter(|flag| flag.name.text == name);
        flags.filter_map(|flag| flag.value.clone()).collect()
    }

    /// Whether a switch is on, or nothing if it does not stand there.
    pub(super) fn switch(&self, name: &str) -> Result<Option<bool>, ParseError> {
        let flag = self.0.iter().find(|flag| flag.name.text == name);
        flag.map(|flag| switch(flag, flag.value.as_ref())).transpose()
    }
}

fn switch(flag: &Flag, value: Option<&Word>) -> Result<bool, ParseError> {
    let Some(value) = value else { return Ok(true) };
    match value.text.to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            let (name, value) = (&flag.name.text, &value.text);
            let message = format!("flag `--{name}` can be `true` or `false`, not `{value}`");
            Err(ParseError::new(flag.span, message))
        }
    }
}

fn unknown(keyword: Keyword, flag: &Flag) -> ParseError {
    let name = &flag.name.text;
    let error =
        ParseError::new(flag.span, format!("unknown flag `--{name}` for {}", keyword.name()));
    let known: Vec<String> =
        keyword.flags().iter().map(|(known, _)| format!("--{known}")).collect();
    let error = error.with_nearest(&format!("--{name}"), known.iter().map(String::as_str));
    let before = format!("put `--` before the arguments if `--{name}` is meant for the command");
    match keyword {
        Keyword::Cmd | Keyword::Entrypoint => error.with_hint(before),
        _ => error,
    }
}

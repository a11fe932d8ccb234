//! Reads a word from left to right and writes what it stands for.

use super::glob::{Glob, Reach};
use super::{DEPTH_MAX, ExpandError, Lexed, LexedWord, Mode, Quotes, Variables};
use std::borrow::Cow;

pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
    variables: &'a dyn Variables,
    mode: Mode,
    depth: usize,
    length_max: usize,
    bytes_left: usize,
}

type Result<T> = std::result::Result<T, ExpandError>;

impl<'a> Lexer<'a> {
    pub(super) fn new(
        source: &'a str,
        variables: &'a dyn Variables,
        mode: Mode,
        length_max: usize,
        bytes_left: usize,
    ) -> Self {
        Self { source, at: 0, variables, mode, depth: 0, length_max, bytes_left }
    }

    pub(super) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Reads the whole text.
    pub(super) fn run(&mut self) -> Result<Lexed> {
        self.until(None)
    }

    /// Reads up to `stop` and past it.
    fn until(&mut self, stop: Option<char>) -> Result<Lexed> {
        let mut output = Output::default();
        while let Some(char) = self.peek() {
            let start = self.at;
            if stop == Some(char) {
                self.next();
                return Ok(output.finish());
            }
            let quoted = self.mode.quotes != Quotes::Text;
            let (text, splits) = match char {
                '$' => (self.dollar()?, true),
                '\'' if quoted => (Cow::Owned(self.single_quoted()?), false),
                '"' if quoted => (Cow::Owned(self.double_quoted()?), false),
                '<' => (Cow::Borrowed(self.redirection()), false),
                _ if char == self.mode.escape => (Cow::Borrowed(self.escaped()), false),
                _ => {
                    self.next();
                    (Cow::Borrowed(self.since(start)), true)
                }
            };
            self.charge(text.len(), output.text.len())?;
            output.push(&text, splits, start, self.at);
        }
        match stop {
            Some(stop) => Err(ExpandError::Missing(stop)),
            None => Ok(output.finish()),
        }
    }

    /// Reads up to `stop` one level deeper, with escape characters kept or not.
    fn nested(&mut self, stop: char, keep_escapes: bool) -> Result<String> {
        if self.depth == DEPTH_MAX {
            return Err(ExpandError::TooDeep);
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.mode.keep_escapes, keep_escapes);
        let lexed = self.until(Some(stop));
        self.mode.keep_escapes = outer;
        self.depth -= 1;
        lexed.map(|lexed| lexed.text)
    }

    /// An escape character and what it escapes. At the end it escapes nothing, and goes.
    fn escaped(&mut self) -> &'a str {
        let start = self.at;
        self.next();
        let escaped = self.at;
        self.next();
        self.since(if self.mode.keep_escapes { start } else { escaped })
    }

    fn single_quoted(&mut self) -> Result<String> {
        let start = self.at;
        self.next();
        let inside = self.at;
        loop {
            let end = self.at;
            match self.next() {
                Some('\'') if self.mode.quotes == Quotes::Keep => {
                    return Ok(self.since(start).to_owned());
                }
                Some('\'') => {
                    return Ok(self.source.get(inside..end).unwrap_or_default().to_owned());
                }
                Some(_) => {}
                None => return Err(ExpandError::Unclosed('\'')),
            }
        }
    }

    /// Between double quotes only `$` means something, and only `"`, `$` and the escape character
    /// itself can be escaped.
    fn double_quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        let keep = |char: Option<char>, text: &mut String, mode: Mode| {
            text.extend(char.filter(|_| mode.quotes == Quotes::Keep));
        };
        keep(self.next(), &mut text, self.mode);
        while let Some(char) = self.peek() {
            if char == '$' {
                let value = self.dollar()?;
                self.charge(value.len(), text.len())?;
                text.push_str(&value);
                continue;
            }
            self.next();
            if char == '"' {
                keep(Some(char), &mut text, self.mode);
                return Ok(text);
            }
            if char == self.mode.escape {
                if self.mode.keep_escapes {
                    text.push(char);
                }
                match self.peek() {
                    None => break,
                    Some(next) if matches!(next, '"' | '$') || next == self.mode.escape => {
                        text.extend(self.next());
                    }
                    Some(_) => text.push(char),
                }
                continue;
            }
            text.push(char);
        }
        Err(ExpandError::Unclosed('"'))
    }

    /// `<`, or `<<` with the white space behind it, which belongs to a heredoc's marker.
    fn redirection(&mut self) -> &'a str {
        let start = self.at;
        self.next();
        if self.peek() == Some('<') {
            self.next();
            while matches!(self.peek(), Some(' ' | '\t' | '\r')) {
                self.next();
            }
        }
        self.since(start)
    }

    /// `$name` or `${…}`.
    fn dollar(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at;
        self.next();
        if self.peek() == Some('{') {
            self.next();
            return self.braced(start);
        }
        match self.name() {
            "" => Ok(Cow::Borrowed("$")),
            name => Ok(self.value_or_written(name, start)),
        }
    }

    /// What follows `${`.
    fn braced(&mut self, start: usize) -> Result<Cow<'a, str>> {
        match self.peek() {
            None => return Err(ExpandError::Missing('}')),
            Some('{' | '}' | ':') => return Err(ExpandError::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            None => Err(ExpandError::Missing('}')),
            Some('}') => Ok(self.value_or_written(name, start)),
            Some('/') => self.replace(name, start),
            Some(':') => match self.next() {
                None => Err(ExpandError::Missing('}')),
                Some(operator @ ('+' | '-' | '?')) => self.choose(name, operator, true, start),
                Some(other) => Err(ExpandError::UnsupportedModifier(format!(":{other}"))),
            },
            Some(operator @ ('+' | '-' | '?')) => self.choose(name, operator, false, start),
            Some(side @ ('#' | '%')) => self.trim(name, side, start),
            Some(other) => Err(ExpandError::UnsupportedModifier(other.to_string())),
        }
    }

    /// `${name-word}`, `${name+word}`, `${name?word}`, and with `:` before the operator.
    fn choose(
        &mut self,
        name: &str,
        operator: char,
        empty_is_unset: bool,
        start: usize,
    ) -> Result<Cow<'a, str>> {
        let word = self.nested('}', false)?;
        let value = self.variables.get(name);
        if value.is_none() && self.mode.keep_unset {
            return Ok(Cow::Borrowed(self.since(start)));
        }
        let is_set = value.is_some();
        let usable = value.filter(|value| !(empty_is_unset && value.is_empty()));
        match (operator, usable) {
            ('-' | '?', Some(value)) => Ok(value),
            ('-', None) | ('+', Some(_)) => Ok(Cow::Owned(word)),
            ('+', None) => Ok(Cow::Borrowed("")),
            (_, _) => {
                let default = if is_set { "must not be empty" } else { "must be set" };
                let message = if word.is_empty() { default.to_owned() } else { word };
                Err(ExpandError::Required { name: name.to_owned(), message })
            }
        }
    }

    /// `${name#pattern}`, `${name##pattern}`, `${name%pattern}`, `${name%%pattern}`.
    fn trim(&mut self, name: &str, side: char, start: usize) -> Result<Cow<'a, str>> {
        let word = self.nested('}', true)?;
        let Some(value) = self.variables.get(name) else {
            return Ok(Cow::Borrowed(if self.mode.keep_unset { self.since(start) } else { "" }));
        };
        let (reach, pattern) = match word.strip_prefix(side) {
            Some(pattern) => (Reach::Longest, pattern),
            None => (Reach::Shortest, word.as_str()),
        };
        let glob = Glob::parse(pattern)?;
        self.charge_steps(glob.steps_to_match(value.len()))?;
        let kept = match side {
            '#' => glob.match_start(&value, reach).map(|length| length..value.len()),
            _ => glob.match_end(&value, reach).map(|length| 0..value.len() - length),
        };
        Ok(match kept {
            Some(kept) => Cow::Owned(value.get(kept).unwrap_or_default().to_owned()),
            None => value,
        })
    }

    /// `${name/pattern/replacement}`, `${name//pattern/replacement}`.
    fn replace(&mut self, name: &str, start: usize) -> Result<Cow<'a, str>> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let pattern = self.nested('/', true)?;
        let replacement = self.nested('}', true)?;
        let Some(value) = self.variables.get(name) else {
            return Ok(Cow::Borrowed(if self.mode.keep_unset { self.since(start) } else { "" }));
        };
        let glob = Glob::parse(&pattern)?;
        self.charge_steps(glob.steps_to_replace(value.len()))?;
        let times = if all { usize::MAX } else { 1 };
        let length_max = self.length_max.min(self.bytes_left);
        let replaced = glob.replace(&value, &replacement, times, length_max);
        replaced.map(Cow::Owned).ok_or(ExpandError::TooLong)
    }

    fn value_or_written(&self, name: &str, start: usize) -> Cow<'a, str> {
        match self.variables.get(name) {
            Some(value) => value,
            None if self.mode.keep_unset => Cow::Borrowed(self.since(start)),
            None => Cow::Borrowed(""),
        }
    }

    /// A name: letters, digits and `_`; or digits only; or one of the shell's special parameters.
    fn name(&mut self) -> &'a str {
        let start = self.at;
        match self.peek() {
            Some(first) if first.is_numeric() => self.skip_while(char::is_numeric),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.next();
            }
            _ => self.skip_while(|char| char.is_alphanumeric() || char == '_'),
        }
        self.since(start)
    }

    fn skip_while(&mut self, is_part: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_part) {
            self.next();
        }
    }

    /// Counts `added` bytes that are about to stand behind `length` others.
    fn charge(&mut self, added: usize, length: usize) -> Result<()> {
        if length.saturating_add(added) > self.length_max {
            return Err(ExpandError::TooLong);
        }
        self.bytes_left = self.bytes_left.checked_sub(added).ok_or(ExpandError::TooMuch)?;
        Ok(())
    }

    /// Counts steps of a pattern; each takes as long as some bytes to write.
    fn charge_steps(&mut self, steps: usize) -> Result<()> {
        let bytes = steps.saturating_mul(16);
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(ExpandError::TooMuch)?;
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn since(&self, start: usize) -> &'a str {
        self.source.get(start..self.at).unwrap_or_default()
    }
}

/// The text and its words as they grow.
#[derive(Default)]
struct Output {
    text: String,
    words: Vec<LexedWord>,
    word: String,
    word_start: usize,
    word_end: usize,
    in_word: bool,
}

impl Output {
    /// Adds a piece that stood from `start` to `end`; its white space ends words if it `splits`.
    fn push(&mut self, piece: &str, splits: bool, start: usize, end: usize) {
        self.text.push_str(piece);
        if !splits {
            self.grow(piece, start, end);
            return;
        }
        for part in piece.split_inclusive(char::is_whitespace) {
            let solid = part.trim_end_matches(char::is_whitespace);
            if !solid.is_empty() {
                self.grow(solid, start, end);
            }
            if solid.len() < part.len() {
                self.end_word();
            }
        }
    }

    fn grow(&mut self, text: &str, start: usize, end: usize) {
        if !self.in_word {
            self.word_start = start;
        }
        self.in_word = true;
        self.word_end = end;
        self.word.push_str(text);
    }

    /// Ends the word. Empty quotes alone are no word, and stay part of the next one.
    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        self.in_word = false;
        let text = std::mem::take(&mut self.word);
        self.words.push(LexedWord { text, start: self.word_start, end: self.word_end });
    }

    fn finish(mut self) -> Lexed {
        self.end_word();
        Lexed { text: self.text, words: self.words }
    }
}

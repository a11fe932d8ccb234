//! Which white space of a shell command is layout only.

use super::line::Text;

/// Folds the white space around each joint of lines into one space, where a POSIX shell sees no
/// difference.
///
/// Only a joint that surely stands outside of quotes is folded: as soon as the text holds what
/// needs a shell's whole grammar to follow (`` ` ``, `$'…'`, `<<`, a comment), everything from
/// there on stays as it is. So two commands that mean different things never become one.
pub(super) fn fold(text: Text<'_>, escape: char) -> String {
    let string = text.as_str();
    let joints: Vec<usize> = text.joints().collect();
    if joints.is_empty() || escape != '\\' {
        return string.to_owned();
    }
    let mut folded = String::with_capacity(string.len());
    let mut written = 0;
    let mut quotes = QuoteScanner::new(string);
    for joint in joints {
        let (before, after) = string.split_at_checked(joint).unwrap_or((string, ""));
        let start = before.trim_end_matches([' ', '\t']).len();
        let end = string.len() - after.trim_start_matches([' ', '\t']).len();
        if start == end || start < written || !quotes.is_outside(start) {
            continue;
        }
        folded.push_str(string.get(written..start).unwrap_or_default());
        folded.push(' ');
        written = end;
    }
    folded.push_str(string.get(written..).unwrap_or_default());
    folded
}

/// Follows the quotes of a shell command as far as that is simple.
struct QuoteScanner<'a> {
    text: &'a str,
    at: usize,
    /// What is open, the innermost last.
    open: Vec<Open>,
    /// The character before, or a letter in place of an escaped one.
    previous: char,
    /// Whether something came that this scanner does not understand.
    lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `$(…)`, with the number of parentheses to close.
    Command(usize),
    /// `${…}`
    Variable,
}

impl<'a> QuoteScanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), previous: ' ', lost: false }
    }

    /// Whether the place at `offset` is surely outside of quotes. Offsets must not go down.
    fn is_outside(&mut self, offset: usize) -> bool {
        while !self.lost && self.at < offset {
            self.step(offset);
        }
        let plain = matches!(self.open.last(), None | Some(Open::Command(_)));
        plain && !self.lost && !matches!(self.previous, '\\' | '$' | '<')
    }

    fn step(&mut self, offset: usize) {
        let before = self.at;
        let Some(char) = self.next() else {
            self.lost = true;
            return;
        };
        let previous = std::mem::replace(&mut self.previous, char);
        match (self.open.last().copied(), char) {
            (Some(Open::Single), '\'') | (Some(Open::Double), '"') => self.close(),
            (Some(Open::Single), _) => {}
            (Some(Open::Variable), '}') => self.close(),
            // What quotes mean in there depends on the operator and on the shell.
            (Some(Open::Variable), '\'' | '"' | '\\' | '`' | '$' | '{') => self.lost = true,
            (Some(Open::Variable), _) => {}
            (_, '`') => self.lost = true,
            (_, '\\') if self.at < offset => {
                self.next();
                self.previous = 'x';
            }
            (_, '(') if previous == '$' => self.open.push(Open::Command(1)),
            (_, '{') if previous == '$' => self.open.push(Open::Variable),
            (Some(Open::Double), _) => {}
            (inside, _) => self.plain(inside, previous, char, before),
        }
    }

    /// A character outside of quotes, perhaps inside of `$(…)`.
    fn plain(&mut self, inside: Option<Open>, previous: char, char: char, before: usize) {
        match (inside, char) {
            (_, '\'' | '"') if previous == '$' => self.lost = true,
            (_, '\'') => self.open.push(Open::Single),
            (_, '"') => self.open.push(Open::Double),
            (_, '<') if previous == '<' => self.lost = true,
            // A comment starts where a word could start.
            (_, '#') => self.lost = previous.is_whitespace() || ";&|()<>".contains(previous),
            (Some(Open::Command(1)), ')') => self.close(),
            (Some(Open::Command(_)), '(' | ')') => self.count_parenthesis(char),
            // Its patterns have parentheses that nothing opens.
            (Some(Open::Command(_)), _) if char.is_whitespace() => {
                self.lost = self.text.get(..before).is_some_and(|text| text.ends_with("case"));
            }
            _ => {}
        }
    }

    fn count_parenthesis(&mut self, char: char) {
        if let Some(Open::Command(depth)) = self.open.last_mut() {
            *depth = if char == '(' { *depth + 1 } else { *depth - 1 };
        }
    }

    /// Leaves the innermost quotes or substitution; what closes them is part of a word.
    fn close(&mut self) {
        self.open.pop();
        self.previous = 'x';
    }

    fn next(&mut self) -> Option<char> {
        let char = self.text.get(self.at..)?.chars().next()?;
        self.at += char.len_utf8();
        Some(char)
    }
}

//! One pattern of `.dockerignore`, compiled.
//!
//! Docker turns a pattern with wildcards into a regular expression by replacing its characters one
//! by one, without knowing whether it is within `[…]`, and compiles that with RE2. Oddities follow
//! from it (`[*]` is not a star) that a matcher of its own would not have, so this does the same:
//! the same translation, then the part of RE2 that a translation can contain.

use super::super::pattern::{PatternError, decode, validate};
use super::expression::Expression;

/// A pattern, relative to the context's root and clean.
#[derive(Debug)]
pub(super) struct Glob {
    pattern: Vec<u8>,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    /// No wildcard: the path itself.
    Exact,
    /// `abc**` without another wildcard: all paths that start so.
    Prefix,
    /// `**abc` without another wildcard: all paths that end so; `**/abc` also matches `abc`.
    Suffix,
    /// Everything else.
    Expression(Expression),
}

impl Glob {
    pub(super) fn new(pattern: &[u8]) -> Result<Self, PatternError> {
        // Docker checks no more than a match against `.` happens to reach; a pattern that is wrong
        // further on can match nothing that its author meant.
        validate(pattern)?;
        let (kind, expression) = translate(&characters(pattern));
        let matcher = match kind {
            Kind::Exact => Matcher::Exact,
            Kind::Prefix => Matcher::Prefix,
            Kind::Suffix => Matcher::Suffix,
            Kind::Expression => Matcher::Expression(
                Expression::compile(&expression)
                    .map_err(|reason| PatternError::new(pattern, reason))?,
            ),
        };
        Ok(Self { pattern: pattern.to_vec(), matcher })
    }

    /// Whether the pattern matches `path` itself; what is above it is the caller's to ask.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Exact => path == self.pattern,
            Matcher::Prefix => {
                path.starts_with(self.pattern.strip_suffix(b"**").unwrap_or(&self.pattern))
            }
            Matcher::Suffix => {
                let suffix = self.pattern.strip_prefix(b"**").unwrap_or(&self.pattern);
                path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path)
            }
            Matcher::Expression(expression) => expression.matches(path),
        }
    }

    /// Whether the pattern could match a path below `directory`: compares the components that
    /// both have, and takes each with a special character for one that fits.
    pub(super) fn may_match_below(&self, directory: &[u8]) -> bool {
        let special = |part: &[u8], bytes: &[u8]| part.iter().any(|byte| bytes.contains(byte));
        // Components that could match a slash, so that counting them says nothing.
        let is_open =
            |part: &[u8]| part.windows(2).any(|two| two == b"**") || special(part, b"[]\\");
        let mut parts = self.pattern.split(|byte| *byte == b'/');
        for wanted in directory.split(|byte| *byte == b'/') {
            match parts.next() {
                Some(part) if is_open(part) => return true,
                Some(part) if special(part, b"*?") || part == wanted => {}
                _ => return false,
            }
        }
        parts.next().is_some()
    }
}

fn characters(text: &[u8]) -> Vec<char> {
    let mut rest = text;
    let mut characters = Vec::with_capacity(text.len());
    while let Some((character, length)) = decode(rest) {
        characters.push(character);
        rest = rest.get(length..).unwrap_or_default();
    }
    characters
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Expression,
}

/// Docker's translation into a regular expression, here without its `^` and `$`:
/// `Pattern.compile` of <https://pkg.go.dev/github.com/moby/patternmatcher>.
fn translate(pattern: &[char]) -> (Kind, Vec<char>) {
    let mut kind = Kind::Exact;
    let mut expression = Vec::new();
    let mut rest = pattern;
    while let Some((character, after)) = rest.split_first() {
        let is_first = rest.len() == pattern.len();
        rest = after;
        match character {
            '*' if rest.first() == Some(&'*') => {
                rest = rest.get(1..).unwrap_or_default();
                rest = rest.strip_prefix(&['/']).unwrap_or(rest);
                let is_last = rest.is_empty();
                if is_last && kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    expression.extend(if is_last { ".*" } else { "(.*/)?" }.chars());
                    kind = Kind::Expression;
                }
                if is_first {
                    kind = Kind::Suffix;
                }
                continue;
            }
            '*' => expression.extend("[^/]*".chars()),
            '?' => expression.extend("[^/]".chars()),
            '\\' => {
                expression.push('\\');
                expression.extend(rest.first());
                rest = rest.get(1..).unwrap_or_default();
            }
            '[' | ']' => expression.push(*character),
            '.' | '+' | '(' | ')' | '$' => {
                expression.extend(['\\', *character]);
                continue;
            }
            literal => {
                expression.push(*literal);
                continue;
            }
        }
        kind = Kind::Expression;
    }
    (kind, expression)
}

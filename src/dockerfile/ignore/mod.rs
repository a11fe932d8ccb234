//! `.dockerignore`, and the patterns of COPY and ADD `--exclude`.
//!
//! Another dialect than [`super::pattern`]: `**` crosses slashes, `!` takes back, and a pattern
//! that matches a directory matches what is below it. It is not gitignore: patterns are anchored
//! at the context's root, and a slash at the end says nothing.
//! Rules: <https://docs.docker.com/build/concepts/context/#dockerignore-files>; where those are
//! silent, what `github.com/moby/patternmatcher` does while BuildKit walks a context.

mod expression;
mod glob;

use super::pattern::PatternError;
use bstr::ByteSlice as _;
use glob::Glob;

/// Lines longer than this are refused, as Go's `bufio.Scanner` does for Docker.
const LINE_LENGTH_MAX: usize = 64 * 1024 - 1;

/// Which paths of a context are left out.
#[derive(Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    glob: Glob,
    /// Starts with `!`: takes back what earlier rules left out.
    is_exception: bool,
}

/// A line of `.dockerignore`, or an `--exclude`, that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct IgnoreError {
    /// Line of the file, or place of the pattern in the list, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: IgnoreErrorKind,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreErrorKind {
    /// It does not follow the grammar.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A `!` without a pattern.
    #[error("`!` stands alone; a pattern must follow it")]
    LoneException,
    /// More than Docker reads.
    #[error("the line is longer than {LINE_LENGTH_MAX} bytes")]
    TooLong,
}

impl IgnoreError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self.kind {
            IgnoreErrorKind::Pattern(_) => Some(
                "write a backslash before a `*`, `?`, `[` or `\\` that is part of a name"
                    .to_owned(),
            ),
            IgnoreErrorKind::LoneException | IgnoreErrorKind::TooLong => None,
        }
    }
}

impl Ignore {
    /// Leaves nothing out.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a `.dockerignore` file: comments, blank lines, a byte order mark, slashes at the start.
    pub fn parse(text: &[u8]) -> Result<Self, IgnoreError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let at = |kind| IgnoreError { line: index + 1, kind };
            if line.len() > LINE_LENGTH_MAX {
                return Err(at(IgnoreErrorKind::TooLong));
            }
            // Only a `#` in the first column starts a comment.
            if !line.starts_with(b"#") {
                rules.extend(Rule::new(&relative_to_context(line.trim())).map_err(at)?);
            }
        }
        Ok(Self { rules })
    }

    /// Takes patterns as they are, as `--exclude` gives them: neither comments nor absolute paths.
    pub fn from_patterns(patterns: &[String]) -> Result<Self, IgnoreError> {
        let mut rules = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let at = |kind| IgnoreError { line: index + 1, kind };
            rules.extend(Rule::new(pattern.as_bytes()).map_err(at)?);
        }
        Ok(Self { rules })
    }

    /// Whether nothing can be left out.
    pub fn is_empty(&self) -> bool {
        self.rules.iter().all(|rule| rule.is_exception)
    }

    /// Whether `path`, relative to the context's root, is left out. The root itself never is.
    ///
    /// The last rule that matches the path or a directory above it decides. As in Docker's walk, an
    /// exception that matches a directory counts for what is below it only if it took back that
    /// directory itself: with `a/b` and then `!a`, `a/b` stays left out.
    pub fn is_ignored(&self, path: &(impl AsRef<[u8]> + ?Sized)) -> bool {
        let path = path.as_ref();
        let mut matched_above = vec![false; self.rules.len()];
        let mut is_ignored = false;
        for end in ends_of_ancestors(path) {
            is_ignored = self.step(path.get(..end).unwrap_or(path), &mut matched_above);
        }
        is_ignored
    }

    /// Decides for one path, knowing which rules matched its parent, and notes which match it.
    fn step(&self, path: &[u8], matched: &mut [bool]) -> bool {
        let mut is_ignored = false;
        for (rule, matched) in self.rules.iter().zip(matched) {
            // A rule that could not change the outcome is not asked, and so not remembered either.
            if !*matched && rule.is_exception == is_ignored {
                *matched = rule.glob.matches(path);
            }
            if *matched {
                is_ignored = !rule.is_exception;
            }
        }
        is_ignored
    }

    /// Whether a walk must go into `directory`: it is kept, or an exception could take back
    /// something below it. May say yes too often, never no where it should be yes.
    pub fn may_match_below(&self, directory: &(impl AsRef<[u8]> + ?Sized)) -> bool {
        let directory = directory.as_ref();
        let reaches = |rule: &Rule| rule.is_exception && rule.glob.may_match_below(directory);
        !self.is_ignored(directory) || self.rules.iter().any(reaches)
    }
}

/// Where each of the path's ancestors ends, from the top, and last the path's own end.
fn ends_of_ancestors(path: &[u8]) -> impl Iterator<Item = usize> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let own = (!path.is_empty() && path != b".").then_some(path.len());
    slashes.chain(own)
}

impl Rule {
    /// None where the pattern is empty.
    fn new(pattern: &[u8]) -> Result<Option<Self>, IgnoreErrorKind> {
        let trimmed = pattern.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let cleaned = clean(trimmed);
        let (is_exception, pattern) = match cleaned.strip_prefix(b"!") {
            Some([]) => return Err(IgnoreErrorKind::LoneException),
            Some(rest) => (true, rest),
            None => (false, &*cleaned),
        };
        Ok(Some(Self { glob: Glob::new(pattern)?, is_exception }))
    }
}

/// Absolute paths of a `.dockerignore` are relative to the context; `!` may stand apart.
fn relative_to_context(line: &[u8]) -> Vec<u8> {
    let (mark, pattern) = match line.strip_prefix(b"!") {
        Some(rest) => (&b"!"[..], rest.trim()),
        None => (&b""[..], line),
    };
    let cleaned = if pattern.is_empty() { Vec::new() } else { clean(pattern) };
    let relative = match cleaned.strip_prefix(b"/") {
        Some(rest) if !rest.is_empty() => rest,
        _ => &cleaned,
    };
    [mark, relative].concat()
}

/// Go's `filepath.Clean` on Unix: <https://pkg.go.dev/path/filepath#Clean>.
fn clean(path: &[u8]) -> Vec<u8> {
    let is_absolute = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => drop(parts.pop()),
                _ if is_absolute => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (is_absolute, joined.is_empty()) {
        (true, _) => [b"/", &*joined].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests;

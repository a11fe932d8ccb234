//! Variables: what `$name` and `${name…}` in an instruction stand for.
//!
//! The rules are `BuildKit`'s, which are like a shell's without being one:
//!
//! | written | means |
//! |---|---|
//! | `$v`, `${v}` | the value, or nothing |
//! | `${v:-w}`, `${v-w}` | `w` if `v` is unset (`:` or empty) |
//! | `${v:+w}`, `${v+w}` | `w` if `v` is set (`:` and not empty), else nothing |
//! | `${v:?m}`, `${v?m}` | an error with text `m` if `v` is unset (`:` or empty) |
//! | `${v#p}`, `${v##p}` | without the shortest, longest start that matches `p` |
//! | `${v%p}`, `${v%%p}` | without the shortest, longest end that matches `p` |
//! | `${v/p/r}`, `${v//p/r}` | the first match, all matches of `p` replaced by `r` |
//!
//! In a pattern `*` is any text within a line and `?` any character. Single quotes keep all, double
//! quotes all but `$`; the escape character keeps the next one.
//! <https://docs.docker.com/reference/dockerfile/#environment-replacement>

mod glob;
mod lexer;
#[cfg(test)]
mod tests;

use lexer::Lexer;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

/// The longest text that one word may become, in bytes. A process takes no longer argument than
/// 128 KiB on Linux, so this keeps everything that could be of use.
pub const WORD_BYTES_MAX: usize = 1 << 20;

/// The work that one [`Expander`] does before it gives up, in bytes written (a pattern costs more).
/// A chain of `ARG`s that each double the one before reaches it in milliseconds.
pub const TOTAL_BYTES_MAX: usize = 64 << 20;

/// How deep `${a:-${b:-…}}` may go.
pub const DEPTH_MAX: usize = 64;

/// Where values come from.
pub trait Variables {
    /// The value of a variable, or nothing if it is unset.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl Variables for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        Self::get(self, name).map(|value| Cow::Borrowed(value.as_str()))
    }
}

/// Pairs, as in an image's config; the last one of a name counts.
impl Variables for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let pair = self.iter().rev().find(|(key, _)| key == name);
        pair.map(|(_, value)| Cow::Borrowed(value.as_str()))
    }
}

/// A function as [`Variables`].
#[derive(Debug, Clone, Copy)]
pub struct Lookup<F>(pub F);

impl<F: Fn(&str) -> Option<String>> Variables for Lookup<F> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        (self.0)(name).map(Cow::Owned)
    }
}

/// Why a word cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote is not closed.
    #[error("unexpected end while looking for the matching `{0}`")]
    Unclosed(char),
    /// `${` without its `}`, or `${v/p` without its second `/`.
    #[error("missing `{0}` in a substitution")]
    Missing(char),
    /// `${}`, `${:…}` or `${{`.
    #[error("bad substitution")]
    BadSubstitution,
    /// Something after the name that has no meaning.
    #[error("unsupported modifier `{0}` in a substitution")]
    UnsupportedModifier(String),
    /// `${v?}` found no value.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// The text after `?`, or that it must be set.
        message: String,
    },
    /// An escape in a pattern that escapes nothing.
    #[error("invalid escape in pattern `{0}`")]
    Pattern(String),
    /// The word grows beyond [`WORD_BYTES_MAX`].
    #[error("a word expands to more than {WORD_BYTES_MAX} bytes")]
    TooLong,
    /// All words together take more than [`TOTAL_BYTES_MAX`].
    #[error("the variables of this file take more than {TOTAL_BYTES_MAX} bytes to expand")]
    TooMuch,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("substitutions are nested more than {DEPTH_MAX} deep")]
    TooDeep,
}

impl ExpandError {
    /// The way out, where the text of the error does not say it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unclosed(quote) => Some(format!("close the quote, or write `\\{quote}`")),
            Self::Missing(_) | Self::BadSubstitution | Self::UnsupportedModifier(_) => {
                Some("write `\\$` for a dollar sign that is not a variable".to_owned())
            }
            Self::Required { name, .. } => Some(format!("give it with `--build-arg {name}=…`")),
            Self::Pattern(_) => Some("only `*`, `?` and `\\` can be escaped".to_owned()),
            Self::TooLong | Self::TooMuch | Self::TooDeep => None,
        }
    }
}

/// Expands the words of one Dockerfile, and keeps count of what they come to.
#[derive(Debug)]
pub struct Expander {
    escape: char,
    bytes_left: Cell<usize>,
}

impl Expander {
    /// An expander for a file with this escape character.
    pub fn new(escape: char) -> Self {
        Self { escape, bytes_left: Cell::new(TOTAL_BYTES_MAX) }
    }

    /// Expands one word to one word: quotes and escapes go, white space stays.
    pub fn word(&self, word: &str, variables: &dyn Variables) -> Result<String, ExpandError> {
        let mode = Mode { escape: self.escape, ..Mode::EXPAND };
        self.run(word, variables, mode, WORD_BYTES_MAX).map(|lexed| lexed.text)
    }

    /// Expands one word and splits what comes out at white space outside of quotes, as `EXPOSE`
    /// does.
    pub fn words(&self, word: &str, variables: &dyn Variables) -> Result<Vec<String>, ExpandError> {
        let mode = Mode { escape: self.escape, ..Mode::EXPAND };
        let lexed = self.run(word, variables, mode, WORD_BYTES_MAX)?;
        Ok(lexed.words.into_iter().map(|word| word.text).collect())
    }

    /// Expands the body of a heredoc of `COPY` or `ADD`: quotes are text there, and `\` escapes
    /// whatever the file's escape character is.
    pub fn heredoc(&self, body: &str, variables: &dyn Variables) -> Result<String, ExpandError> {
        let mode = Mode { quotes: Quotes::Text, ..Mode::EXPAND };
        self.run(body, variables, mode, TOTAL_BYTES_MAX).map(|lexed| lexed.text)
    }

    fn run(
        &self,
        source: &str,
        variables: &dyn Variables,
        mode: Mode,
        length_max: usize,
    ) -> Result<Lexed, ExpandError> {
        let mut lexer = Lexer::new(source, variables, mode, length_max, self.bytes_left.get());
        let lexed = lexer.run();
        self.bytes_left.set(lexer.bytes_left());
        lexed
    }
}

/// Expands one word to one word; see [`Expander::word`].
pub fn expand(word: &str, variables: &dyn Variables, escape: char) -> Result<String, ExpandError> {
    Expander::new(escape).word(word, variables)
}

/// Expands one word to any number of words; see [`Expander::words`].
pub fn expand_words(
    word: &str,
    variables: &dyn Variables,
    escape: char,
) -> Result<Vec<String>, ExpandError> {
    Expander::new(escape).words(word, variables)
}

/// What the lexer does with quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// They hold text together, and go.
    Drop,
    /// They hold text together, and stay.
    Keep,
    /// They are text.
    Text,
}

/// What the lexer keeps of what it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    escape: char,
    quotes: Quotes,
    /// Whether escape characters stay.
    keep_escapes: bool,
    /// Whether a variable without a value stays as written.
    keep_unset: bool,
}

impl Mode {
    const EXPAND: Self =
        Self { escape: '\\', quotes: Quotes::Drop, keep_escapes: false, keep_unset: false };
    /// For reading a heredoc's name.
    pub(super) const KEEP_UNSET: Self = Self { keep_unset: true, ..Self::EXPAND };
    /// For finding out whether a heredoc's name is quoted.
    pub(super) const KEEP_QUOTES: Self = Self { quotes: Quotes::Keep, ..Self::KEEP_UNSET };
    /// For finding heredocs in a line.
    pub(super) const KEEP_ALL: Self = Self { keep_escapes: true, ..Self::KEEP_QUOTES };
}

/// What the lexer made of a text.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) text: String,
    pub(super) words: Vec<LexedWord>,
}

/// A word and where in the text it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LexedWord {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Splits `source` into words without any variables.
pub(super) fn lex(source: &str, mode: Mode) -> Result<Lexed, ExpandError> {
    // The line was held against the size of the file already; nothing grows here.
    let none = BTreeMap::new();
    Lexer::new(source, &none, mode, usize::MAX, usize::MAX).run()
}

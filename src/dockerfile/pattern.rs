//! Patterns of COPY and ADD sources: Go's `filepath.Match`, its errors included, because that is
//! what BuildKit expands them with: <https://pkg.go.dev/path/filepath#Match>.
//!
//! A pattern matches a whole path, `*` and `?` stop at a slash. Names are bytes: what is not UTF-8
//! counts as one character a byte, as in Go.

/// A pattern that does not follow the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a valid pattern: {reason}")]
pub struct PatternError {
    /// The pattern, without control characters and cut at 120 characters.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PatternError {
    pub(super) fn new(pattern: &[u8], reason: &'static str) -> Self {
        let text = String::from_utf8_lossy(pattern);
        Self { pattern: text.chars().filter(|c| !c.is_control()).take(120).collect(), reason }
    }
}

/// Whether `pattern` matches all of `name`, as Go's `filepath.Match(pattern, name)` on Unix.
///
/// Like Go it notices an error only in a part of the pattern that the name reaches; [`validate`]
/// notices all.
pub fn matches_go_path(
    pattern: &(impl AsRef<[u8]> + ?Sized),
    name: &(impl AsRef<[u8]> + ?Sized),
) -> Result<bool, PatternError> {
    let pattern = pattern.as_ref();
    parse(pattern).matches(name.as_ref()).map_err(|reason| PatternError::new(pattern, reason))
}

/// Refuses a pattern that has an error anywhere.
pub fn validate(pattern: &(impl AsRef<[u8]> + ?Sized)) -> Result<(), PatternError> {
    let pattern = pattern.as_ref();
    match parse(pattern).error {
        Some(reason) => Err(PatternError::new(pattern, reason)),
        None => Ok(()),
    }
}

/// Whether `pattern` has a character that is special in a pattern, so that it needs a walk.
pub fn has_wildcards(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '\\'])
}

/// A pattern up to its first error.
#[derive(Debug, Default)]
struct Pattern {
    chunks: Vec<Chunk>,
    /// What is wrong in the chunk that would follow.
    error: Option<&'static str>,
}

/// A run of atoms, and whether a `*` stands before it.
#[derive(Debug, Default)]
struct Chunk {
    after_star: bool,
    atoms: Vec<Atom>,
}

#[derive(Debug)]
enum Atom {
    /// One byte; a literal of several bytes is several atoms.
    Byte(u8),
    /// `?`: one character that is not a slash.
    AnyButSlash,
    /// `[a-z]`. Unlike `*` and `?` it may match a slash, as in Go.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

fn parse(pattern: &[u8]) -> Pattern {
    let mut parsed = Pattern::default();
    let mut chunk = Chunk::default();
    let mut rest = pattern;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b"*") {
            if !chunk.atoms.is_empty() {
                parsed.chunks.push(std::mem::take(&mut chunk));
            }
            chunk.after_star = true;
            rest = after;
            continue;
        }
        match parse_atom(rest) {
            Ok((atom, after)) => {
                chunk.atoms.push(atom);
                rest = after;
            }
            Err(reason) => {
                parsed.error = Some(reason);
                return parsed;
            }
        }
    }
    if chunk.after_star || !chunk.atoms.is_empty() {
        parsed.chunks.push(chunk);
    }
    parsed
}

/// One atom, and what follows it.
fn parse_atom(text: &[u8]) -> Result<(Atom, &[u8]), &'static str> {
    match text {
        [b'?', after @ ..] => Ok((Atom::AnyButSlash, after)),
        [b'[', after @ ..] => parse_class(after),
        [b'\\', escaped, after @ ..] => Ok((Atom::Byte(*escaped), after)),
        [b'\\'] => Err("it ends in a backslash, which escapes nothing"),
        [literal, after @ ..] => Ok((Atom::Byte(*literal), after)),
        [] => Err(UNCLOSED),
    }
}

const UNCLOSED: &str = "a `[` is not closed";

/// Reads a class after its `[`; gives what follows its `]`.
fn parse_class(text: &[u8]) -> Result<(Atom, &[u8]), &'static str> {
    let (negated, mut rest) = match text.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut ranges = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"]").filter(|_| !ranges.is_empty()) {
            return Ok((Atom::Class { negated, ranges }, after));
        }
        let (low, after) = class_character(rest)?;
        let (high, after) = match after.strip_prefix(b"-") {
            Some(after) => class_character(after)?,
            None => (low, after),
        };
        ranges.push((low, high));
        rest = after;
    }
}

/// One character of a class. Something must follow it: at least the `]`.
fn class_character(text: &[u8]) -> Result<(char, &[u8]), &'static str> {
    let text = match text.split_first() {
        None => return Err(UNCLOSED),
        Some((b'-' | b']', _)) => return Err("in `[…]`, `-` and `]` must be escaped"),
        Some((b'\\', after)) => after,
        Some(_) => text,
    };
    let (character, length) = decode(text).ok_or(UNCLOSED)?;
    if character == char::REPLACEMENT_CHARACTER && length == 1 {
        return Err("`[…]` holds what is not UTF-8");
    }
    match text.get(length..) {
        Some(rest) if !rest.is_empty() => Ok((character, rest)),
        _ => Err(UNCLOSED),
    }
}

/// The first character of `text` and its length; a byte that is not UTF-8 is U+FFFD of length one.
pub(super) fn decode(text: &[u8]) -> Option<(char, usize)> {
    let whole = |length: usize| {
        let bytes = text.get(..length)?;
        std::str::from_utf8(bytes).ok()?.chars().next().map(|character| (character, length))
    };
    match text.first()? {
        ascii if ascii.is_ascii() => Some((char::from(*ascii), 1)),
        _ => Some((2..=4).find_map(whole).unwrap_or((char::REPLACEMENT_CHARACTER, 1))),
    }
}

impl Pattern {
    /// Each chunk takes the first place where it fits and never moves again: Go does not go back
    /// either, which shows where a class matches a slash.
    fn matches(&self, name: &[u8]) -> Result<bool, &'static str> {
        let mut name = name;
        for (index, chunk) in self.chunks.iter().enumerate() {
            let is_last = index + 1 == self.chunks.len() && self.error.is_none();
            if chunk.after_star && chunk.atoms.is_empty() {
                return Ok(!name.contains(&b'/'));
            }
            let slash = || name.iter().position(|byte| *byte == b'/').unwrap_or(name.len());
            let reach = if chunk.after_star { slash() } else { 0 };
            let place = (0..=reach)
                .filter_map(|skipped| name.get(skipped..))
                .filter_map(|from| strip_atoms(&chunk.atoms, from))
                .find(|rest| rest.is_empty() || !is_last);
            match place {
                Some(rest) => name = rest,
                None => return Ok(false),
            }
        }
        self.error.map_or(Ok(name.is_empty()), Err)
    }
}

/// What is left of `name` after the atoms, if they match its start.
fn strip_atoms<'a>(atoms: &[Atom], name: &'a [u8]) -> Option<&'a [u8]> {
    let mut name = name;
    for atom in atoms {
        let (character, length) = decode(name)?;
        let taken = match atom {
            Atom::Byte(byte) => (name.first() == Some(byte)).then_some(1),
            Atom::AnyButSlash => (character != '/').then_some(length),
            Atom::Class { negated, ranges } => {
                let within = |(low, high): &(char, char)| (*low..=*high).contains(&character);
                (ranges.iter().any(within) != *negated).then_some(length)
            }
        };
        name = name.get(taken?..)?;
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn matches_what_go_matches() {
        let table = std::fs::read_to_string("fixtures/dockerignore/go-match.txt").unwrap();
        let mut count = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let [pattern, name, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not three columns: {line:?}")
            };
            let found = match matches_go_path(pattern, name) {
                Ok(true) => "match",
                Ok(false) => "no match",
                Err(_) => "error",
            };
            assert_eq!(found, expected, "{pattern} {name}");
            count += 1;
        }
        assert!(count > 300, "only {count} cases were read");
    }

    #[test]
    fn what_is_not_utf8_is_one_character_a_byte() {
        assert_eq!(matches_go_path(&b"a??b"[..], &b"a\xe2\x82b"[..]), Ok(true));
        assert_eq!(matches_go_path(&b"\xff*"[..], &b"\xff\xfe"[..]), Ok(true));
        assert!(matches_go_path(&b"[\xff]"[..], &b"\xff"[..]).is_err());
    }

    #[test]
    fn errors_name_the_pattern_and_the_reason() {
        let error = matches_go_path("src/[a", "x").unwrap_err();
        assert_eq!(error.to_string(), "`src/[a` is not a valid pattern: a `[` is not closed");
        let error = matches_go_path(&format!("\u{1b}[31m{}", "x".repeat(999)), "x").unwrap_err();
        assert_eq!(error.pattern.chars().count(), 120);
        assert!(!error.pattern.contains('\u{1b}'));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(200) + "b";
        assert_eq!(matches_go_path(&pattern, &"a".repeat(4000)), Ok(false));
    }

    proptest! {
        #[test]
        fn no_input_panics(pattern: Vec<u8>, name: Vec<u8>) {
            drop(matches_go_path(&pattern, &name));
        }

        #[test]
        fn an_escaped_name_matches_itself_alone(name in "[ -~é]{0,12}", other in "[ -~é]{0,12}") {
            let escaped: String = name.chars().flat_map(|c| {
                c.is_ascii_punctuation().then_some('\\').into_iter().chain([c])
            }).collect();
            prop_assert_eq!(matches_go_path(&escaped, &name), Ok(true));
            prop_assert_eq!(matches_go_path(&escaped, &other), Ok(name == other));
        }
    }
}

//! The patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*`, `?` and nothing else.

use super::ExpandError;

/// How much a pattern takes where it has a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Shortest,
    Longest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`: any character but a line end, as in Go's expressions.
    Any,
    /// `*`: any number of characters but line ends.
    Star,
}

#[derive(Debug)]
pub(super) struct Glob {
    tokens: Vec<Token>,
}

impl Glob {
    pub(super) fn parse(pattern: &str) -> Result<Self, ExpandError> {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(char) = chars.next() {
            tokens.push(match char {
                '*' => Token::Star,
                '?' => Token::Any,
                // These are escaped for the sake of the substitution, not of the pattern.
                '\\' if matches!(chars.peek(), Some('}' | '/')) => continue,
                '\\' => match chars.next() {
                    Some(escaped @ ('*' | '?' | '\\')) => Token::Char(escaped),
                    _ => return Err(ExpandError::Pattern(pattern.to_owned())),
                },
                _ => Token::Char(char),
            });
        }
        // Several stars match what one matches; without this they would cost time.
        tokens.dedup_by(|left, right| (*left, *right) == (Token::Star, Token::Star));
        Ok(Self { tokens })
    }

    /// The steps that one match in a text of this length takes at most.
    pub(super) fn steps_to_match(&self, length: usize) -> usize {
        length.saturating_mul(self.tokens.len() + 1)
    }

    /// The steps that looking for all matches takes at most: a match is tried at each place, and
    /// only a star makes it look further than the pattern is long.
    pub(super) fn steps_to_replace(&self, length: usize) -> usize {
        let has_star = self.tokens.contains(&Token::Star);
        let seen = if has_star { length } else { length.min(self.tokens.len() + 1) };
        self.steps_to_match(seen).saturating_mul(length)
    }

    /// How many bytes at the start of `text` match.
    pub(super) fn match_start(&self, text: &str, reach: Reach) -> Option<usize> {
        matched(&self.tokens, text.chars(), reach)
    }

    /// How many bytes at the end of `text` match.
    pub(super) fn match_end(&self, text: &str, reach: Reach) -> Option<usize> {
        let tokens: Vec<Token> = self.tokens.iter().rev().copied().collect();
        matched(&tokens, text.chars().rev(), reach)
    }

    /// Replaces the first matches from the left, each as long as can be; nothing if the result
    /// gets longer than `length_max`.
    pub(super) fn replace(
        &self,
        text: &str,
        replacement: &str,
        times: usize,
        length_max: usize,
    ) -> Option<String> {
        let mut replaced = String::new();
        let mut rest = text;
        let mut left = times;
        let mut after_match = false;
        loop {
            let found = if left > 0 { self.match_start(rest, Reach::Longest) } else { None };
            // An empty match right behind another match does not count, as in Go.
            let found = found.filter(|length| *length > 0 || !after_match);
            if found.is_some() {
                left -= 1;
                replaced.push_str(replacement);
            }
            let taken = found.unwrap_or(0);
            rest = rest.get(taken..).unwrap_or_default();
            after_match = taken > 0;
            if replaced.len() > length_max {
                return None;
            }
            if taken > 0 && !rest.is_empty() {
                continue;
            }
            let Some(char) = rest.chars().next() else { return Some(replaced) };
            replaced.push(char);
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
            after_match = false;
        }
    }
}

/// Runs through `chars` with the set of places in the pattern that are reached, so the time is
/// at most that of text times pattern, whatever the pattern.
fn matched(tokens: &[Token], chars: impl Iterator<Item = char>, reach: Reach) -> Option<usize> {
    let mut reached = vec![false; tokens.len() + 1];
    let mut next = reached.clone();
    reach_from(tokens, &mut reached, 0);
    let mut best = None;
    let mut length = 0;
    let mut chars = chars;
    loop {
        if reached.last() == Some(&true) {
            best = Some(length);
            if reach == Reach::Shortest {
                return best;
            }
        }
        let Some(char) = chars.next() else { return best };
        length += char.len_utf8();
        next.fill(false);
        let mut alive = false;
        for (at, token) in tokens.iter().enumerate() {
            if reached.get(at) != Some(&true) {
                continue;
            }
            let to = match token {
                Token::Char(wanted) if *wanted == char => at + 1,
                Token::Any if char != '\n' => at + 1,
                Token::Star if char != '\n' => at,
                _ => continue,
            };
            alive = true;
            reach_from(tokens, &mut next, to);
        }
        if !alive {
            return best;
        }
        std::mem::swap(&mut reached, &mut next);
    }
}

/// Marks a place, and the one behind it if a star there may match nothing.
fn reach_from(tokens: &[Token], reached: &mut [bool], at: usize) {
    for place in at..=tokens.len() {
        if let Some(mark) = reached.get_mut(place) {
            *mark = true;
        }
        if tokens.get(place) != Some(&Token::Star) {
            return;
        }
    }
}

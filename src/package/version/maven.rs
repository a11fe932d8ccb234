//! Maven's order: <https://maven.apache.org/pom.html#version-order-specification>.
//!
//! A version is a list of tokens, each with what stands before it (`.` or `-`; between digits and
//! letters stands an invisible `-`). Tokens that mean nothing (`0`, `final`, `ga`, `release`) are
//! cut off at the end, and before each `-` and each word.

use super::number;
use std::cmp::Ordering;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Hyphen,
    Dot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    separator: Separator,
    value: String,
}

/// In this order; the empty one is the release, and what is not here follows by its letters.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (tokens(left)?, tokens(right)?);
    for index in 0..left.len().max(right.len()) {
        let order = match (left.get(index), right.get(index)) {
            (Some(left), Some(right)) => token(left, right),
            (Some(left), None) => token(left, &nothing(left)),
            (None, Some(right)) => token(&nothing(right), right),
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

/// What the shorter version is taken to have.
fn nothing(other: &Token) -> Token {
    let value = if number::is_number(&other.value) { "0" } else { "" };
    Token { separator: other.separator, value: value.to_owned() }
}

/// `.qualifier` = `-qualifier` < `-number` < `.number`.
fn token(left: &Token, right: &Token) -> Ordering {
    let class = |token: &Token| match (number::is_number(&token.value), token.separator) {
        (false, _) => 0,
        (true, Separator::Hyphen) => 1,
        (true, Separator::Dot) => 2,
    };
    class(left).cmp(&class(right)).then_with(|| match class(left) {
        0 => qualifier(&left.value).cmp(&qualifier(&right.value)),
        _ => number::compare(&left.value, &right.value),
    })
}

fn qualifier(value: &str) -> (usize, &str) {
    match QUALIFIERS.iter().position(|known| *known == value) {
        Some(rank) => (rank, ""),
        None => (QUALIFIERS.len(), value),
    }
}

/// None for what hardly is a version: characters beyond ASCII, or none at all.
fn tokens(version: &str) -> Option<Vec<Token>> {
    // `_` became a separator in Maven 3.9: before and after it the order is not the same.
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
    if version.is_empty() || !version.chars().all(fits) {
        return None;
    }
    let mut tokens = Vec::new();
    let lower = version.to_ascii_lowercase();
    let mut current = Token { separator: Separator::Hyphen, value: String::new() };
    let mut was_digit = None;
    // Whether what stands before a token is really there.
    let mut explicit = vec![true];
    for character in lower.chars() {
        let separator = match character {
            '.' => Some(Separator::Dot),
            '-' => Some(Separator::Hyphen),
            _ => None,
        };
        if let Some(separator) = separator {
            push(
                &mut tokens,
                std::mem::replace(&mut current, Token { separator, value: String::new() }),
                false,
            );
            explicit.push(true);
            was_digit = None;
            continue;
        }
        let digit = character.is_ascii_digit();
        if was_digit.is_some_and(|was| was != digit) {
            let next = Token { separator: Separator::Hyphen, value: String::new() };
            push(&mut tokens, std::mem::replace(&mut current, next), digit);
            explicit.push(false);
        }
        current.value.push(character);
        was_digit = Some(digit);
    }
    push(&mut tokens, current, false);
    if !is_certain(&tokens, &explicit) {
        return None;
    }
    trim(&mut tokens);
    Some(tokens)
}

/// Whether all versions of Maven agree: they do not about whether zeros count before a word that
/// has a dot before it and a dot or hyphen behind it, `1.0.BUILD-SNAPSHOT`.
fn is_certain(tokens: &[Token], explicit: &[bool]) -> bool {
    let means_nothing = |token: &Token| token.value.bytes().all(|byte| byte == b'0');
    let mut places = tokens.array_windows().zip(explicit.iter().skip(2));
    !places.any(|([before, word, _], is_explicit)| {
        *is_explicit
            && means_nothing(before)
            && word.separator == Separator::Dot
            && !word.value.is_empty()
            && !number::is_number(&word.value)
    })
}

/// Empty tokens are zeros; `a1` is short for `alpha-1`, and some words mean the same.
fn push(tokens: &mut Vec<Token>, mut token: Token, digit_follows: bool) {
    token.value = match &*token.value {
        "" => "0".to_owned(),
        "a" if digit_follows => "alpha".to_owned(),
        "b" if digit_follows => "beta".to_owned(),
        "m" if digit_follows => "milestone".to_owned(),
        "cr" => "rc".to_owned(),
        "ga" | "final" | "release" => String::new(),
        _ => token.value,
    };
    tokens.push(token);
}

fn trim(tokens: &mut Vec<Token>) {
    let mut end = tokens.len();
    while end > 1 {
        let means_nothing =
            tokens.get(end - 1).is_some_and(|token| token.value.bytes().all(|byte| byte == b'0'));
        if means_nothing {
            tokens.remove(end - 1);
            end -= 1;
            continue;
        }
        // On to what stands before the next hyphen or word.
        let starts = |token: &Token| {
            token.separator == Separator::Hyphen || !number::is_number(&token.value)
        };
        let Some(index) = tokens.get(..end).and_then(|tokens| tokens.iter().rposition(starts))
        else {
            break;
        };
        end = index;
    }
}

//! apk's order. A version is
//!
//! ```text
//! 1.2.03  b  _rc1_p2  ~0af3  -r4
//! │       │  │        │      └ revision of the package
//! │       │  │        └ commit that it was built from
//! │       │  └ suffixes, each with a number: alpha beta pre rc < none < cvs svn git hg p
//! │       └ one letter
//! └ numbers; behind the first, one that starts with 0 is a decimal fraction
//! ```
//!
//! Versions are compared part by part. The one that has a part where the other goes on with one
//! further right in the picture (or ends) is higher, unless that part is a suffix below none.

use super::number;
use std::cmp::Ordering;

/// Parts in the order in which they may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    First(&'a str),
    Number(&'a str),
    Letter(char),
    /// Rank of the suffix: below [`NO_SUFFIX`] before the release, above it after it.
    Suffix(usize),
    SuffixNumber(&'a str),
    Commit(&'a str),
    Revision(&'a str),
}

const SUFFIXES: [&str; 10] = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];
const NO_SUFFIX: usize = 4;

impl Part<'_> {
    /// Its place in the picture.
    fn place(self) -> usize {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Commit(_) => 5,
            Self::Revision(_) => 6,
        }
    }

    fn is_before_release(self) -> bool {
        matches!(self, Self::Suffix(rank) if rank < NO_SUFFIX)
    }
}

/// Behind every part.
const END: usize = 7;

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (parts(left)?, parts(right)?);
    let mut left = left.into_iter();
    let mut right = right.into_iter();
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Some(Ordering::Equal),
            (Some(one), Some(other)) if one.place() == other.place() => same_place(one, other),
            (one, other) => return Some(other_places(one, other)),
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
}

fn same_place(left: Part<'_>, right: Part<'_>) -> Ordering {
    match (left, right) {
        // 1.05 < 1.1 < 1.10: a fraction where one has a zero in front.
        (Part::Number(left), Part::Number(right))
            if left.starts_with('0') || right.starts_with('0') =>
        {
            left.cmp(right)
        }
        (
            Part::First(left)
            | Part::Number(left)
            | Part::SuffixNumber(left)
            | Part::Revision(left),
            Part::First(right)
            | Part::Number(right)
            | Part::SuffixNumber(right)
            | Part::Revision(right),
        ) => number::compare(left, right),
        (Part::Letter(left), Part::Letter(right)) => left.cmp(&right),
        (Part::Suffix(left), Part::Suffix(right)) => left.cmp(&right),
        (Part::Commit(left), Part::Commit(right)) => left.cmp(right),
        _ => Ordering::Equal,
    }
}

fn other_places(left: Option<Part<'_>>, right: Option<Part<'_>>) -> Ordering {
    match (left, right) {
        (Some(left), _) if left.is_before_release() => Ordering::Less,
        (_, Some(right)) if right.is_before_release() => Ordering::Greater,
        _ => {
            let place = |part: Option<Part<'_>>| part.map_or(END, Part::place);
            place(right).cmp(&place(left))
        }
    }
}

/// Takes a version apart; none where it is not one.
fn parts(version: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let (first, mut rest) = digits(version)?;
    parts.push(Part::First(first));
    while let Some(after) = rest.strip_prefix('.') {
        let (number, after) = digits(after)?;
        parts.push(Part::Number(number));
        rest = after;
    }
    if let Some(letter) = rest.chars().next().filter(char::is_ascii_lowercase) {
        parts.push(Part::Letter(letter));
        rest = rest.get(1..)?;
    }
    while let Some(after) = rest.strip_prefix('_') {
        let length = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (name, after) = after.split_at_checked(length)?;
        let rank = SUFFIXES.iter().position(|known| *known == name)?;
        (rank != NO_SUFFIX).then(|| parts.push(Part::Suffix(rank)))?;
        rest = after;
        if let Some((number, after)) = digits(rest) {
            parts.push(Part::SuffixNumber(number));
            rest = after;
        }
    }
    if let Some(after) = rest.strip_prefix('~') {
        let is_hash = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let length = after.bytes().take_while(is_hash).count();
        let (hash, after) = after.split_at_checked(length).filter(|_| length > 0)?;
        parts.push(Part::Commit(hash));
        rest = after;
    }
    if let Some(after) = rest.strip_prefix("-r") {
        let (number, after) = digits(after)?;
        parts.push(Part::Revision(number));
        rest = after;
    }
    rest.is_empty().then_some(parts)
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(length).filter(|_| length > 0)
}

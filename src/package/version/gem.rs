//! `Gem::Version`'s order: segments of digits and of letters; letters are before digits, so that
//! `1.0.a < 1.0`; zeros at the end of the numbers, and of what follows them, do not count.
//! <https://guides.rubygems.org/reference/gem_version/> and its documentation in `Gem::Version`.

use super::number;
use std::cmp::Ordering;

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (segments(left)?, segments(right)?);
    for index in 0..left.len().max(right.len()) {
        let order = match (left.get(index), right.get(index)) {
            (Some(left), Some(right)) => segment(left, right),
            // What is missing is a zero, and a word is less than that.
            (Some(left), None) => segment(left, "0"),
            (None, Some(right)) => segment("0", right),
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

fn segment(left: &str, right: &str) -> Ordering {
    match (number::is_number(left), number::is_number(right)) {
        (true, true) => number::compare(left, right),
        (false, false) => left.cmp(right),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
    }
}

/// Segments, canonical; none where it is not a version.
fn segments(version: &str) -> Option<Vec<String>> {
    let version = version.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let (main, pre) = version.split_once('-').map_or((version, None), |(a, b)| (a, Some(b)));
    let mut main = main.split('.');
    let is_version = version.chars().all(fits)
        && main.next().is_some_and(number::is_number)
        && main.all(|part| !part.is_empty())
        && pre.is_none_or(|pre| pre.split('.').all(|part| !part.is_empty()));
    if !is_version {
        return None;
    }
    let mut segments = Vec::new();
    for part in version.replace('-', ".pre.").split('.') {
        split_kinds(part, &mut segments);
    }
    let pre = segments.iter().position(|segment| !number::is_number(segment));
    let mut behind = segments.split_off(pre.unwrap_or(segments.len()));
    for part in [&mut segments, &mut behind] {
        while part.last().is_some_and(|last| last.bytes().all(|byte| byte == b'0')) {
            part.pop();
        }
    }
    segments.append(&mut behind);
    Some(segments)
}

/// `12rc3` is `12`, `rc`, `3`.
fn split_kinds(part: &str, segments: &mut Vec<String>) {
    let mut kind = None;
    for character in part.chars() {
        let now = Some(character.is_ascii_digit());
        match segments.last_mut() {
            Some(segment) if kind == now => segment.push(character),
            _ => segments.push(character.to_string()),
        }
        kind = now;
    }
}

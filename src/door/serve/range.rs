//! The `Range` header: RFC 9110, section 14.

use std::ops::Range;

/// Ranges that one request may have. dnf asks for up to 256 (zchunk).
const RANGES_MAX: usize = 1024;

/// What of a body a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: there is no such header, or none that can be understood, which is then ignored.
    Whole,
    /// These parts, in this order; at least one, none of them empty, all within the body.
    Parts(Vec<Range<u64>>),
    /// Only parts that the body does not have.
    Nothing,
}

/// Reads the header's value, for a body of `size` bytes.
pub(super) fn parse(value: &str, size: u64) -> Wanted {
    let Some(specs) = specs(value) else { return Wanted::Whole };
    let parts: Vec<_> = specs.iter().filter_map(|spec| spec.within(size)).collect();
    if parts.is_empty() { Wanted::Nothing } else { Wanted::Parts(parts) }
}

/// `first-last`, `first-`, or `-count`.
#[derive(Debug, Clone, Copy)]
enum Spec {
    From { first: u64, last: u64 },
    Last { count: u64 },
}

impl Spec {
    fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From { first, last } => first..last.saturating_add(1).min(size),
            Self::Last { count } => size.saturating_sub(count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// None where the value is not as the grammar has it, or has more ranges than anybody needs.
fn specs(value: &str) -> Option<Vec<Spec>> {
    let (unit, list) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if specs.len() == RANGES_MAX {
            return None;
        }
        specs.push(spec(item)?);
    }
    (!specs.is_empty()).then_some(specs)
}

fn spec(item: &str) -> Option<Spec> {
    let (first, last) = item.split_once('-')?;
    if first.is_empty() {
        return Some(Spec::Last { count: number(last)? });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    (first <= last).then_some(Spec::From { first, last })
}

/// Digits alone. A number too large for any body is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

//! Versions of Go modules, with the `v` in front or without, pseudo-versions
//! (<https://go.dev/ref/mod#pseudo-versions>) among them, which are semantic versions too; and
//! releases of Go itself (`go1.21rc2`), which are not.

use semver::Version;
use std::cmp::Ordering;

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    Some(version(left)?.cmp_precedence(&version(right)?))
}

fn version(text: &str) -> Option<Version> {
    let bare = text.strip_prefix("go").or_else(|| text.strip_prefix('v')).unwrap_or(text);
    Version::parse(bare).ok().or_else(|| release(bare))
}

/// `1.21`, `1.21rc2`: <https://go.dev/doc/toolchain#version>.
fn release(text: &str) -> Option<Version> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (numbers, pre) = text.split_at_checked(end)?;
    let mut numbers: Vec<&str> = numbers.split('.').collect();
    numbers.resize(numbers.len().max(3), "0");
    let pre = match pre.find(|c: char| c.is_ascii_digit()) {
        None if pre.is_empty() => String::new(),
        Some(start) if matches!(pre.get(..start)?, "rc" | "beta") => {
            format!("-{}.{}", pre.get(..start)?, pre.get(start..)?)
        }
        _ => return None,
    };
    Version::parse(&format!("{}{pre}", numbers.join("."))).ok()
}

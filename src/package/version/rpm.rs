//! rpm's order of `epoch:version-release`, by the crate; here only what it is lax about.

use super::number;
use rpm_version::Evr;
use std::cmp::Ordering;

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    Some(evr(left)?.cmp(&evr(right)?))
}

/// The epoch is a number, 0 where there is none, and neither version nor release has the
/// characters that stand between them.
fn evr(text: &str) -> Option<Evr<'_>> {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) if !release.is_empty() => (version, release),
        Some(_) => return None,
        None => (rest, ""),
    };
    let fits = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+~^%{}".contains(&byte))
    };
    let is_evr = number::is_number(epoch) && !version.is_empty() && fits(version) && fits(release);
    is_evr.then(|| Evr::new(epoch, version, release))
}

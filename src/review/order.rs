//! Parts of versions: epoch, upstream version, revision of the distribution.

use std::cmp::Ordering;

/// Which of two versions of a kind of package is later; none where that cannot be said.
pub(super) fn compare(kind: &str, left: &str, right: &str) -> Option<Ordering> {
    crate::package::version::compare(kind, left, right)
}

/// `EPOCH:UPSTREAM-REVISION`, as dpkg and rpm write versions; apk has no epoch and `-rN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) epoch: &'a str,
    pub(super) upstream: &'a str,
}

/// The parts of a version of a distribution's package; none for other kinds.
pub(super) fn parts<'a>(kind: &str, version: &'a str) -> Option<Parts<'a>> {
    if !matches!(kind, "deb" | "rpm" | "apk") {
        return None;
    }
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if kind != "apk" => (epoch, rest),
        _ => ("0", version),
    };
    let upstream = rest.rsplit_once('-').map_or(rest, |(upstream, _)| upstream);
    Some(Parts { epoch, upstream })
}

/// Whether a security team would call the step from one upstream version to another a new version,
/// and how large it is: the number of leading numbers that stay. `3.0.20` to `3.0.22` is micro.
pub(super) fn step(old: &str, new: &str) -> Option<Step> {
    let (old, new) = (released(old), released(new));
    if old == new {
        return None;
    }
    let numbers = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect()
    };
    let (old, new) = (numbers(old), numbers(new));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    Some(if same >= 2 { Step::Micro } else { Step::Larger })
}

/// How far an upstream version moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first two numbers stay.
    Micro,
    /// They do not.
    Larger,
}

/// Without what a distribution appends to say what it changed in the sources: `+dfsg`, `+really…`
/// excepted, which is the version that it really is.
fn released(upstream: &str) -> &str {
    if let Some((_, really)) = upstream.split_once("+really") {
        return really;
    }
    let end = ["+dfsg", "+ds", "+repack", "~dfsg", ".dfsg", "+deb"];
    let cut = end.iter().filter_map(|mark| upstream.find(mark)).min();
    cut.and_then(|at| upstream.get(..at)).unwrap_or(upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_parts() {
        let parts = |kind, version| parts(kind, version).map(|it| (it.epoch, it.upstream));
        assert_eq!(parts("deb", "8:6.9.11.60+dfsg-1.6+deb12u5"), Some(("8", "6.9.11.60+dfsg")));
        assert_eq!(parts("deb", "2.36"), Some(("0", "2.36")));
        assert_eq!(parts("rpm", "1:1.1.1k-9.el8"), Some(("1", "1.1.1k")));
        assert_eq!(parts("apk", "1.2.5-r3"), Some(("0", "1.2.5")));
        assert_eq!(parts("pypi", "1.0"), None);
    }

    #[test]
    fn upstream_versions_move_by_steps() {
        for (old, new, expected) in [
            ("3.0.20", "3.0.22", Some(Step::Micro)),
            ("2.5.0", "2.5.0", None),
            ("3.2.7", "3.5.0+ds1", Some(Step::Larger)),
            ("6.9.11.60+dfsg", "6.9.11.60+dfsg2", None),
            ("1.0", "2.0", Some(Step::Larger)),
            ("5.8.2+really5.4.5", "5.4.5", None),
            ("1.1.1k", "1.1.1n", Some(Step::Micro)),
        ] {
            assert_eq!(step(old, new), expected, "{old} to {new}");
        }
    }
}

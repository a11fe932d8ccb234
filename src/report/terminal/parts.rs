//! Parts that several reports share: what was compared, what was normalised, recorded steps, lock,
//! guarantees.

use super::{BAD, DIM, Detail, HEADING, LEFT, Page, RIGHT, RULE, Screen, more, paint};
use super::{findings, hanging};
use crate::diff::ConfigDifference;
use crate::finding::Finding;
use crate::report::{
    Comparison, Guarantee, LockState, LockSummary, NormalisedFile, StepRow, inert, words,
};
use std::collections::BTreeSet;

/// `6,223 files compared, 33 differ (2 layers read, 1 of equal digest not)`.
pub(super) fn comparison(comparison: &Comparison) -> String {
    if comparison.files_compared == 0 && comparison.layers_read == 0 {
        let layers = words::counted(comparison.layers_equal, "layer");
        return format!("{layers} of equal digest, so no file had to be compared");
    }
    let files = words::counted(comparison.files_compared, "file");
    let layers = match (comparison.layers_read, comparison.layers_equal) {
        (0, 0) => String::new(),
        (0, equal) => format!(" ({} of equal digest)", words::counted(equal, "layer")),
        (read, 0) => format!(" ({} read)", words::counted(read, "layer")),
        (read, equal) => {
            format!(" ({} read, {equal} of equal digest not)", words::counted(read, "layer"))
        }
    };
    let different = match comparison.files_different {
        0 => "none differs".to_owned(),
        1 => "1 differs".to_owned(),
        some => format!("{} differ", words::count(some)),
    };
    format!("{files} compared, {different}{layers}")
}

/// Differing fields of the config, a line or two each; a single one is told by its finding.
pub(super) fn config(
    screen: Screen,
    rows: &[ConfigDifference],
    findings: &[Finding],
    max: usize,
) -> Vec<String> {
    let told = rows.len() == 1 && findings.iter().any(|found| found.cause.id == "image-config");
    if rows.is_empty() || told {
        return Vec::new();
    }
    let max = if screen.detail == Detail::All { usize::MAX } else { max };
    let mut lines = vec![paint(HEADING, "image config")];
    for row in rows.iter().take(max) {
        let field = inert::text(&row.field);
        let side = |value: &Option<String>| match value {
            Some(value) => inert::text(value),
            None => "(missing)".to_owned(),
        };
        let (left, right) = (side(&row.left), side(&row.right));
        let together = field.chars().count() + left.chars().count() + right.chars().count() + 8;
        if together <= screen.width {
            lines.push(format!("  {field}: {} → {}", paint(LEFT, &left), paint(RIGHT, &right)));
        } else {
            let width = screen.width.saturating_sub(6);
            let cut = |value: &str| inert::shorten_middle(value, width);
            lines.push(format!("  {field}:"));
            lines.push(format!("    - {}", paint(LEFT, &cut(&left))));
            lines.push(format!("    + {}", paint(RIGHT, &cut(&right))));
        }
    }
    if rows.len() > max {
        lines.push(format!("  {}", paint(DIM, &more(rows.len() - max))));
    }
    lines
}

/// What the normalisers did in one line, for where it is not what matters.
pub(super) fn normalised_briefly(
    screen: Screen,
    files: &[NormalisedFile],
    clamped: u64,
) -> Vec<String> {
    let rules: BTreeSet<&str> = files.iter().map(|file| &*file.rule).collect();
    let rules: Vec<String> = rules.into_iter().map(inert::text).collect();
    let count = files.len() as u64;
    let files =
        (count > 0).then(|| format!("{} ({})", words::counted(count, "file"), words::list(&rules)));
    let times = (clamped > 0).then(|| words::counted(clamped, "modification time"));
    let parts: Vec<String> = files.into_iter().chain(times).collect();
    if parts.is_empty() {
        return Vec::new();
    }
    hanging(screen, "normalised: ", &words::list(&parts), anstyle::Style::new())
}

/// Normalised files, grouped by rule, and how many times were clamped.
pub(super) fn normalised(
    screen: Screen,
    files: &[NormalisedFile],
    clamped: u64,
    epoch: i64,
) -> Vec<String> {
    const FILES_MAX: usize = 12;
    let max = if screen.detail == Detail::All { usize::MAX } else { FILES_MAX };
    let mut page = Page::default();
    if !files.is_empty() || clamped > 0 {
        page.line(paint(HEADING, "normalised (noise; `rlock explain RULE` says why)"));
    }
    let rule_width = files.iter().map(|file| file.rule.chars().count()).max().unwrap_or(0);
    let mut previous: Option<&str> = None;
    for file in files.iter().take(max) {
        let rule = if previous == Some(&*file.rule) { "" } else { &*file.rule };
        previous = Some(&*file.rule);
        let path_width = screen.width.saturating_sub(rule_width + 4 + "  differed".len());
        let path = inert::shorten_middle(&inert::bytes(&file.path), path_width);
        let rule = paint(RULE, &format!("{rule:rule_width$}"));
        page.line(if file.differed {
            format!("  {rule}  {path:path_width$}  differed")
        } else {
            format!("  {rule}  {path}")
        });
    }
    if files.len() > max {
        page.line(format!("  {}", paint(DIM, &more(files.len() - max))));
    }
    if clamped > 0 {
        let times = words::counted(clamped, "modification time");
        page.line(format!("  {times} set back to {}", words::moment(epoch)));
    }
    page.lines
}

/// Steps whose layer is not the recorded one.
pub(super) fn mismatches(screen: Screen, steps: &[StepRow]) -> Vec<String> {
    let mut lines = Vec::new();
    for step in steps.iter().filter(|step| step.differs()) {
        lines.push(match &step.location {
            Some(_) => findings::place(screen, step.location.as_ref()),
            None => paint(HEADING, &format!("step {}", inert::text(&step.id))),
        });
        let digest = |digest: Option<crate::oci::Digest>| match digest {
            Some(digest) => digest.to_string(),
            None => "(no layer)".to_owned(),
        };
        lines.push(format!("  lock  {}", paint(LEFT, &digest(step.recorded))));
        lines.push(format!("  built {}", paint(RIGHT, &digest(step.built))));
    }
    lines
}

/// The lock in one line, and why it does not fit.
pub(super) fn lock(screen: Screen, lock: &LockSummary) -> Vec<String> {
    let name = lock.path.file_name().unwrap_or(lock.path.as_os_str());
    let path = inert::text(&name.to_string_lossy());
    let content = format!(
        "{}, {}, {} ({} recorded)",
        words::counted(lock.images, "image"),
        words::counted(lock.packages, "package"),
        words::counted(lock.steps, "step"),
        words::counted(lock.layers, "layer"),
    );
    let says = |state: &str| {
        hanging(screen, "", &format!("{path} {state}: {content}"), anstyle::Style::new())
    };
    match &lock.state {
        LockState::Written => says("written"),
        LockState::Current => says("fits"),
        LockState::Updated => says("updated"),
        LockState::Missing => {
            vec![format!("{path} {}: `rlock lock` makes it", paint(BAD, "is missing"))]
        }
        LockState::Stale(misfits) => {
            let mut lines = vec![format!("{path} {}", paint(BAD, "does not fit the Dockerfile"))];
            for misfit in misfits {
                let line = misfit.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                let reason = inert::text(&misfit.reason);
                lines.extend(hanging(screen, &format!("  {line}"), &reason, anstyle::Style::new()));
            }
            lines
                .push("  `rlock lock` completes it and keeps every pin that still fits".to_owned());
            lines
        }
    }
}

/// What the builder does not promise; what it promises needs no words.
pub(super) fn guarantees(screen: Screen, builder: &str, guarantees: &[Guarantee]) -> Vec<String> {
    let mut lines = Vec::new();
    for guarantee in guarantees.iter().filter(|guarantee| !guarantee.holds) {
        let text = inert::text(&guarantee.text);
        let first = format!("not guaranteed by the {} builder: ", inert::text(builder));
        lines.extend(words::wrap(&format!("{first}{text}"), screen.width));
    }
    lines.iter().map(|line| paint(DIM, line)).collect()
}

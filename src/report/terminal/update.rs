//! `rlock update` and `rlock outdated`.

use super::{
    BAD, DIM, Detail, GOOD, Page, Screen, advisories, findings, held_back, lifecycle, more, paint,
    parts,
};
use crate::report::{
    MoveRow, OutdatedReport, OutdatedRow, UpdateOutcome, UpdateReport, inert, words,
};
use std::collections::BTreeSet;

/// Renders what `rlock update` did.
pub fn update(report: &UpdateReport, screen: Screen) -> String {
    let mut page = Page::default();
    let moved = words::count(report.moves.len() as u64);
    let (title, sentence, style) = match report.outcome {
        UpdateOutcome::NothingToDo => {
            ("nothing to do", "the lock has what there is".to_owned(), GOOD)
        }
        UpdateOutcome::Planned => ("would move", format!("{moved} packages"), GOOD),
        UpdateOutcome::Written => {
            ("updated", format!("{moved} packages moved, built twice, identical"), GOOD)
        }
        UpdateOutcome::Refused => ("not updated", "the lock is as it was".to_owned(), BAD),
    };
    page.verdict(screen, &format!("{title}: "), &sentence, style);
    page.append(shown(screen, &report.moves, move_line));
    if !report.moves.is_empty() {
        page.line(paint(DIM, &format!("{} packages held", words::count(report.held))));
    }
    held_back::section(&mut page, &report.held_back, screen);
    for note in &report.notes {
        page.line(format!("note: {}", inert::text(note)));
    }
    page.gap();
    advisories::sources(&mut page, &report.advisories, screen);
    page.gap();
    page.append(findings::lines(screen, &report.findings, screen.height / 2));
    page.gap();
    page.append(parts::lock(screen, &report.lock));
    page.line(format!("{} in all", words::seconds(report.timings.total)));
    page.finish()
}

fn move_line(row: &MoveRow) -> String {
    let name = name(&row.kind, &row.name);
    let versions = match (&row.from, &row.to) {
        (Some(from), Some(to)) => format!("{} -> {}", inert::text(from), inert::text(to)),
        (None, Some(to)) => format!("new: {}", inert::text(to)),
        (Some(from), None) => format!("{} -> ?", inert::text(from)),
        (None, None) => String::new(),
    };
    let reason = row.reason.as_ref().map(|reason| format!(", because {}", inert::text(reason)));
    let all: BTreeSet<&String> = row.repairs.iter().flat_map(|repair| &repair.ids).collect();
    format!(
        "  {name} {versions}{}{}{}",
        source(row.archive.as_ref(), row.security),
        ids(&all.into_iter().collect::<Vec<_>>()),
        reason.unwrap_or_default()
    )
}

/// Renders what is outdated.
pub fn outdated(report: &OutdatedReport, screen: Screen) -> String {
    let mut page = Page::default();
    let fixes = report.rows.iter().filter(|row| row.security).count();
    let rows = report.rows.len();
    let counted = |count: usize, one: &str, many: &str| {
        format!("{} {}", words::count(count as u64), if count == 1 { one } else { many })
    };
    if rows == 0 {
        let what = if report.security_only { "no security fix" } else { "nothing outdated" };
        let checked = format!("among {} packages", words::count(report.checked));
        page.verdict(screen, &format!("{what}: "), &checked, GOOD);
    } else {
        let title = counted(fixes, "security fix", "security fixes");
        let sentence = format!(
            "{} of {} can move",
            counted(rows, "package", "packages"),
            words::count(report.checked)
        );
        page.verdict(screen, &format!("{title}: "), &sentence, if fixes > 0 { BAD } else { GOOD });
    }
    page.append(shown(screen, &report.rows, outdated_line));
    held_back::section(&mut page, &report.held_back, screen);
    page.gap();
    advisories::sources(&mut page, &report.advisories, screen);
    lifecycle::lines(&mut page, &report.lifecycle, screen);
    if !report.unchecked.is_empty() {
        page.gap();
        page.line(format!("not checked ({}):", report.unchecked.len()));
        page.append(shown(screen, &report.unchecked, |what| format!("  {}", inert::text(what))));
    }
    page.finish()
}

fn outdated_line(row: &OutdatedRow) -> String {
    let held = if row.held { " (held)" } else { "" };
    let fixes = ids(&row.fixes.iter().collect::<Vec<_>>());
    let ignored = row
        .ignored
        .iter()
        .map(|fix| format!("  {} is ignored: {}", inert::text(&fix.id), inert::text(&fix.reason)));
    let ignored: String = ignored.collect();
    let repair = row.repair.as_ref().filter(|repair| **repair != row.available);
    let repair = repair.map(|it| format!(" (--security: {})", inert::text(it))).unwrap_or_default();
    format!(
        "  {} {} -> {}{repair}{}{fixes}{ignored}{held}",
        name(&row.kind, &row.name),
        inert::text(&row.locked),
        inert::text(&row.available),
        source(row.archive.as_ref(), row.security)
    )
}

/// The first of them.
fn ids(all: &[&String]) -> String {
    const SHOWN_MAX: usize = 3;
    let shown: Vec<String> = all.iter().take(SHOWN_MAX).map(|id| inert::text(id)).collect();
    match all.len().saturating_sub(SHOWN_MAX) {
        _ if shown.is_empty() => String::new(),
        0 => format!("  {}", shown.join(" ")),
        rest => format!("  {} and {rest} more", shown.join(" ")),
    }
}

fn name(kind: &str, name: &str) -> String {
    format!("{}:{}", inert::text(kind), inert::text(name))
}

fn source(archive: Option<&String>, security: bool) -> String {
    let archive = archive.map(|archive| format!("  {}", inert::text(archive))).unwrap_or_default();
    if security { format!("{archive}  {}", paint(BAD, "security")) } else { archive }
}

fn shown<T>(screen: Screen, rows: &[T], line: impl Fn(&T) -> String) -> Vec<String> {
    let max = match screen.detail {
        Detail::All => rows.len(),
        Detail::Fit => screen.height,
    };
    let mut lines: Vec<String> = rows.iter().take(max).map(line).collect();
    if let Some(rest) = rows.len().checked_sub(max).filter(|rest| *rest > 0) {
        lines.push(format!("  {}", paint(DIM, &more(rest))));
    }
    lines
}

//! Findings grouped by instruction: cause, count, examples, mend.

use super::{BAD, DIM, Detail, HEADING, Page, RULE, Screen, hanging, more, paint, path_lines};
use crate::finding::{Finding, Location, Severity};
use crate::report::{inert, words};
use std::collections::BTreeSet;

/// How much of each finding is shown.
#[derive(Clone, Copy)]
struct Plan {
    paths: usize,
    mends: Mends,
    findings: usize,
}

/// How mends are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mends {
    Whole,
    FirstLine,
    Hidden,
}

/// As much of `findings` as fits into `room` lines; at least a line for each of the first three.
pub(super) fn lines(screen: Screen, findings: &[Finding], room: usize) -> Vec<String> {
    let plan = |mends, paths, findings| Plan { paths, mends, findings };
    if screen.detail == Detail::All {
        return planned(screen, findings, plan(Mends::Whole, usize::MAX, usize::MAX));
    }
    let whole = [6, 3, 2, 1].map(|paths| plan(Mends::Whole, paths, usize::MAX));
    let first_line = [2, 1, 0].map(|paths| plan(Mends::FirstLine, paths, usize::MAX));
    let fewer = (3..=findings.len()).rev().map(|count| plan(Mends::Hidden, 0, count));
    let plans = whole.into_iter().chain(first_line).chain(fewer);
    plans
        .map(|plan| planned(screen, findings, plan))
        .find(|lines| lines.len() <= room)
        .unwrap_or_else(|| planned(screen, findings, plan(Mends::Hidden, 0, 3)))
}

fn planned(screen: Screen, findings: &[Finding], plan: Plan) -> Vec<String> {
    let mut page = Page::default();
    let mut mended = BTreeSet::new();
    let located = findings.iter().any(|finding| finding.location.is_some());
    for (location, group) in by_location(findings.iter().take(plan.findings)) {
        if located {
            page.line(place(screen, location));
        }
        for finding in group {
            page.append(one(screen, finding, plan));
            if mended.insert(finding.mend()) {
                page.append(mend(screen, finding, plan.mends));
            }
        }
    }
    if plan.mends != Mends::Whole && !findings.is_empty() {
        page.line(format!(
            "  {}",
            paint(DIM, "`rlock explain CAUSE` says more, and how to mend it")
        ));
    }
    let rest = findings.len().saturating_sub(plan.findings);
    if rest > 0 {
        page.line(format!("  {}", paint(DIM, &more(rest))));
    }
    page.lines
}

/// Groups in the order in which each location comes first.
fn by_location<'a>(
    findings: impl Iterator<Item = &'a Finding>,
) -> Vec<(Option<&'a Location>, Vec<&'a Finding>)> {
    let mut groups: Vec<(Option<&Location>, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let location = finding.location.as_ref();
        match groups.iter_mut().find(|(of, _)| *of == location) {
            Some((_, group)) => group.push(finding),
            None => groups.push((location, vec![finding])),
        }
    }
    groups
}

fn mend(screen: Screen, finding: &Finding, shown: Mends) -> Vec<String> {
    const FIRST: &str = "    mend: ";
    let text = inert::text(finding.mend());
    match shown {
        _ if text.is_empty() => Vec::new(),
        Mends::Hidden => Vec::new(),
        Mends::Whole => hanging(screen, FIRST, &text, HEADING),
        Mends::FirstLine => {
            let line = inert::shorten_end(&text, screen.width.saturating_sub(FIRST.len()));
            vec![format!("{FIRST}{}", paint(HEADING, &line))]
        }
    }
}

/// `Dockerfile:3  RUN pip install flask`.
pub(super) fn place(screen: Screen, location: Option<&Location>) -> String {
    let Some(location) = location else {
        return paint(HEADING, "outside the Dockerfile's instructions");
    };
    let file = inert::text(&location.file.to_string_lossy());
    let place = match location.lines() {
        Some((line, _)) => format!("{file}:{line}"),
        None => file,
    };
    let width = screen.width.saturating_sub(place.chars().count() + 2).max(20);
    let instruction = inert::shorten_end(&inert::text(&location.instruction), width);
    format!("{}  {instruction}", paint(HEADING, &place))
}

/// The sentence of a finding, with the cause in colour, and its paths. Sentences name their cause,
/// how many files there are, and the file if it is only one; what one does not name is added.
fn one(screen: Screen, finding: &Finding, plan: Plan) -> Vec<String> {
    let message = inert::text(&finding.message);
    let id = finding.cause.id;
    let named = message.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == id);
    let head = match (named, finding.paths.len() as u64) {
        (true, _) => message,
        (false, 0) => format!("{id}: {message}"),
        (false, count) => format!("{id}, {}: {message}", words::counted(count, "file")),
    };
    let told = match finding.paths.as_slice() {
        [only] => head.contains(&inert::bytes(only)),
        _ => false,
    };
    let head = match finding.severity {
        Severity::Error => head,
        other => format!("{}: {head}", other.name()),
    };
    let style = if finding.severity == Severity::Error { BAD } else { RULE };
    let narrower = Screen { width: screen.width.saturating_sub(4), ..screen };
    let lines = hanging(narrower, "  ", &head, anstyle::Style::new());
    let mut painted = false;
    let paint_id = |(index, line): (usize, String)| {
        let line = if index == 0 { line } else { format!("    {line}") };
        if painted {
            return line;
        }
        painted = line.contains(id);
        line.replacen(id, &paint(style, id), 1)
    };
    let mut lines: Vec<String> = lines.into_iter().enumerate().map(paint_id).collect();
    if !told {
        lines.extend(path_lines(screen, 4, &finding.paths, plan.paths));
    }
    lines
}

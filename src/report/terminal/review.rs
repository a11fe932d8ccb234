//! The screen of `rlock review`.

use super::{
    BAD, DIM, Detail, GOOD, HEADING, Page, RULE, Screen, advisories, hanging, held_back, lifecycle,
    paint, path_lines,
};
use crate::finding::Severity;
use crate::report::grouped::{self, Row};
use crate::report::review::{self, ReviewReport, ReviewSide};
use crate::report::{inert, words};
use crate::review::files::Unexplained;
use crate::review::{BaseMove, Ships};
use anstyle::Style;

/// Rows of a table on a screen that is to fit.
const ROWS_MAX: usize = 12;

/// Renders the report.
pub fn review(report: &ReviewReport, screen: Screen) -> String {
    let mut page = Page::default();
    let bad = report.findings.iter().any(|finding| finding.severity == Severity::Error);
    let sentence = report.headline().join(", ");
    page.verdict(screen, "review: ", &sentence, if bad { BAD } else { GOOD });
    side(&mut page, "-", &report.old, screen);
    side(&mut page, "+", &report.new, screen);
    let rules = inert::text(&report.policy);
    page.append(hanging(screen, "  by the rules of ", &rules, DIM));
    page.gap();
    packages(&mut page, report, screen);
    bases(&mut page, report, screen);
    security(&mut page, report, screen);
    advisories::sources(&mut page, &report.advisories, screen);
    page.gap();
    flags(&mut page, report, screen);
    files(&mut page, report, screen);
    trust(&mut page, report, screen);
    lifecycle::lines(&mut page, &report.lifecycle, screen);
    held_back::section(&mut page, &report.held_back, screen);
    not_checked(&mut page, report, screen);
    page.finish()
}

fn side(page: &mut Page, sign: &str, side: &ReviewSide, screen: Screen) {
    let width = screen.width.saturating_sub(4);
    let digest = side.digest.map_or("no lock".to_owned(), |digest| digest.short());
    let name = inert::shorten_middle(&inert::text(&side.name), width.saturating_sub(24));
    page.line(format!("  {sign} {name}  {}", paint(DIM, &digest)));
}

fn shown_max(screen: Screen) -> usize {
    if screen.detail == Detail::All { usize::MAX } else { ROWS_MAX }
}

fn rest(page: &mut Page, all: usize, shown: usize) {
    if all > shown {
        page.line(format!("  {}", paint(DIM, &super::more(all - shown))));
    }
}

fn packages(page: &mut Page, report: &ReviewReport, screen: Screen) {
    let packages = &report.review.packages;
    if packages.is_empty() {
        return;
    }
    page.line(paint(HEADING, "packages"));
    let rows = grouped::rows(report);
    let (mut left, max) = (packages.len(), shown_max(screen));
    for row in rows.iter().take(max) {
        one(page, report, row, screen);
        left = left.saturating_sub(1 + row.others.len());
    }
    rest(page, left, 0);
    page.line(format!("  {}", paint(DIM, &format!("{} unchanged", report.review.unchanged))));
    page.gap();
}

fn one<'a>(page: &mut Page, report: &'a ReviewReport, row: &Row<'a>, screen: Screen) {
    let package = row.first;
    let name = inert::text(&package.moved.name);
    let mut words = vec![review::versions(package, &inert::text)];
    words.extend(package.location.as_ref().map(|location| {
        let kind = if package.moved.requested { "" } else { ", a dependency" };
        format!("(line {}{kind})", location.start_line)
    }));
    match package.ships {
        Ships::Yes => {}
        Ships::No => words.push("does not ship".to_owned()),
        Ships::Partly => words.push("ships in part".to_owned()),
        Ships::Unknown => words.push("ships: not known".to_owned()),
    }
    match package.evidence.fixes.known() {
        Some(fixes) if !fixes.ids.is_empty() => {
            words.push(format!("{} fixed", words::count(fixes.ids.len() as u64)));
            words.extend(fixes.urgency.as_ref().map(|word| format!("({})", inert::text(word))));
        }
        Some(_) => {}
        None if package.moved.versions().is_some() => words.push("fixes: not checked".to_owned()),
        None => {}
    }
    page.append(hanging(screen, &format!("  {name}  "), &words.join(" "), Style::new()));
    if !row.others.is_empty() {
        let others: Vec<String> = row.others.iter().map(|it| inert::text(&it.moved.name)).collect();
        page.append(hanging(screen, "    with ", &others.join(" "), DIM));
    }
    let origin = review::origin(package, &inert::text);
    if !origin.is_empty() {
        page.append(hanging(screen, "    ", &origin.join(", "), DIM));
    }
    let ids = package.evidence.fixes.known().map(|fixes| &fixes.ids);
    if let Some(ids) = ids.filter(|ids| !ids.is_empty() && screen.detail == Detail::All) {
        let ids: Vec<String> = ids.iter().map(|id| inert::text(id)).collect();
        page.append(hanging(screen, "    fixes ", &ids.join(" "), DIM));
    }
    for flag in row.flags(report).into_iter().filter(|flag| flag.paths.is_empty()) {
        let text = format!("{}: {}", flag.risk.id(), inert::text(&flag.detail));
        page.append(hanging(screen, "    ! ", &text, RULE));
    }
}

fn bases(page: &mut Page, report: &ReviewReport, screen: Screen) {
    for base in &report.review.bases {
        page.line(paint(HEADING, &format!("base image {}", inert::text(base.reference()))));
        page.append(base_lines(base, screen));
        page.gap();
    }
}

fn base_lines(base: &BaseMove, screen: Screen) -> Vec<String> {
    let digest = |pin: &Option<crate::review::BasePin>| {
        pin.as_ref().map_or("none".to_owned(), |pin| pin.manifest.short())
    };
    let mut page = Page::default();
    page.line(format!("  {} → {}", digest(&base.old), digest(&base.new)));
    let Some(packages) = &base.packages else {
        if base.old.is_some() && base.new.is_some() {
            page.line("  packages: not checked, a lock does not list them");
        }
        return page.lines;
    };
    for package in packages.iter().take(shown_max(screen)) {
        let version = |version: &Option<String>| version.as_deref().map(inert::text);
        let versions = match (version(&package.old), version(&package.new)) {
            (Some(old), Some(new)) => format!("{old} → {new}"),
            (None, Some(new)) => format!("new: {new}"),
            (Some(old), None) => format!("gone: {old}"),
            (None, None) => String::new(),
        };
        let first = format!("  {}  ", inert::text(&package.name));
        page.append(hanging(screen, &first, &versions, Style::new()));
    }
    rest(&mut page, packages.len(), shown_max(screen));
    page.line(format!("  {}", paint(DIM, &format!("{} unchanged", base.unchanged))));
    page.lines
}

fn security(page: &mut Page, report: &ReviewReport, screen: Screen) {
    let Some(security) = &report.review.security else { return };
    page.line(paint(HEADING, "advisories"));
    // Where nothing is covered, empty lists would look like good news.
    if security.covered == 0 {
        page.line("  not checked: no data covers anything of the lock");
        return;
    }
    for (word, found) in [
        ("introduced", &security.introduced),
        ("still open", &security.open),
        ("fixed", &security.fixed),
        ("ignored", &security.ignored),
    ] {
        let ids: Vec<String> = found
            .iter()
            .map(|it| {
                let reason = it.advisory.ignored.as_deref();
                let reason = reason.map(|reason| format!(": {}", inert::text(reason)));
                let (id, package) = (inert::text(&it.advisory.id), inert::text(&it.package));
                format!("{id} ({package}{})", reason.unwrap_or_default())
            })
            .collect();
        let text = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
        page.append(hanging(screen, &format!("  {word}: "), &text, Style::new()));
    }
    let missing = security.not_covered.len() as u64;
    let covered = words::counted(security.covered, "package");
    page.line(format!("  {covered} covered, {missing} not checked"));
    page.gap();
}

/// What is about no package of the table above.
fn flags(page: &mut Page, report: &ReviewReport, screen: Screen) {
    let told = |flag: &crate::review::Flag| {
        flag.paths.is_empty()
            && report.review.packages.iter().any(|package| {
                flag.package.as_ref().is_some_and(|(kind, name)| package.moved.is_of(kind, name))
            })
    };
    let flags: Vec<_> = report.review.risks.flags.iter().filter(|flag| !told(flag)).collect();
    if flags.is_empty() {
        return;
    }
    page.line(paint(HEADING, "to be looked at"));
    for flag in flags.iter().take(shown_max(screen)) {
        let text = format!("{}: {}", inert::text(&flag.subject), inert::text(&flag.detail));
        page.append(hanging(screen, &format!("  {}  ", flag.risk.id()), &text, Style::new()));
    }
    rest(page, flags.len(), shown_max(screen));
    page.gap();
}

fn files(page: &mut Page, report: &ReviewReport, screen: Screen) {
    let Some(files) = &report.review.files else { return };
    page.line(paint(HEADING, "changed files"));
    for sum in review::file_sums(report, &inert::text) {
        let count = words::count(sum.files);
        let size = review::growth(sum.old_size, sum.new_size);
        let text = format!("{} ({size})", sum.words);
        page.append(hanging(screen, &format!("  {count:>6}  "), &text, Style::new()));
    }
    let count = words::count(files.unexplained.len() as u64);
    let style = if files.unexplained.is_empty() { GOOD } else { BAD };
    page.line(format!("  {count:>6}  {}", paint(style, "unexplained")));
    let compared = words::counted(files.compared, "file");
    let changed = words::count(files.changed());
    let text = format!("{compared} of {changed} compared with what package files bring");
    page.line(format!("  {}", paint(DIM, &text)));
    for file in files.unexplained.iter().take(shown_max(screen)) {
        page.append(unexplained(file, screen));
    }
    rest(page, files.unexplained.len(), shown_max(screen));
    for (field, old, new) in &files.config {
        let side = |value: &Option<String>| value.as_deref().map_or("none".into(), inert::text);
        let text = format!("{}: {} → {}", inert::text(field), side(old), side(new));
        page.append(hanging(screen, "  config  ", &text, Style::new()));
    }
    page.gap();
}

fn unexplained(file: &Unexplained, screen: Screen) -> Vec<String> {
    let mut lines = path_lines(screen, 4, std::slice::from_ref(&file.path), 1);
    let place = file.location.as_ref().map(|it| format!(", line {}", it.start_line));
    let text =
        format!("{}{}: {}", file.change, place.unwrap_or_default(), inert::text(&file.reason));
    lines.extend(hanging(screen, "      ", &text, DIM));
    lines
}

fn trust(page: &mut Page, report: &ReviewReport, screen: Screen) {
    let Some(trust) = &report.trust else {
        page.line("trust: not checked, the Dockerfile is not here");
        return;
    };
    page.line(paint(HEADING, "entries of the new lock"));
    for (verdict, count) in trust.counts() {
        page.line(format!("  {:>6}  {}", words::count(count), verdict.meaning()));
    }
    let poisoned: Vec<_> = trust.poisoned().collect();
    for row in poisoned.iter().take(shown_max(screen)) {
        let text = format!("{}: {}", inert::text(&row.name), inert::text(&row.reason));
        page.append(hanging(screen, "  ! ", &text, BAD));
    }
    rest(page, poisoned.len(), shown_max(screen));
    if !poisoned.is_empty() {
        page.line(format!("  {}", paint(DIM, "`rlock lock --verify` says what should be there")));
    }
    for note in trust.notes.iter().take(shown_max(screen)) {
        page.append(hanging(screen, "  ", &inert::text(note), DIM));
    }
    rest(page, trust.notes.len(), shown_max(screen));
    page.gap();
}

fn not_checked(page: &mut Page, report: &ReviewReport, screen: Screen) {
    for (reason, risks, subjects) in review::reasons(report) {
        let about = match subjects.len() {
            0 => String::new(),
            1..=3 => format!(" of {}", words::list(&subjects)),
            many => format!(" of {many} subjects"),
        };
        let text = format!("{}{about}: {reason}", risks.join(", "));
        page.append(hanging(screen, "not checked: ", &inert::text(&text), DIM));
    }
    let clean = report.clean();
    if !clean.is_empty() {
        let ids: Vec<&str> = clean.iter().map(|outcome| outcome.risk.id()).collect();
        page.append(hanging(screen, "nothing found: ", &ids.join(", "), DIM));
    }
}

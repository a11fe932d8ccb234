//! The screen of `rlock lock --verify`.

use super::{BAD, DIM, Detail, GOOD, HEADING, Page, Screen, hanging, more, paint};
use crate::report::{ProofReport, ProofRow, ProofVerdict, Status, inert, words};
use std::collections::BTreeMap;

/// Entries of one verdict before the rest is counted.
const ROWS_MAX: usize = 8;

/// Renders what was proven, and what was not.
pub fn proof(report: &ProofReport, screen: Screen) -> String {
    let mut page = Page::default();
    verdict(&mut page, report, screen);
    counts(&mut page, report);
    for verdict in ProofVerdict::ALL {
        let is_fine =
            matches!(verdict, ProofVerdict::Proven | ProofVerdict::Held | ProofVerdict::Empty);
        if !is_fine || screen.detail == Detail::All {
            rows(&mut page, report, verdict, screen);
        }
    }
    proofs(&mut page, report, screen);
    for note in &report.notes {
        page.append(hanging(screen, "  ", &inert::text(note), DIM));
    }
    page.gap();
    page.line(format!("{} in all", words::seconds(report.elapsed)));
    page.finish()
}

fn verdict(page: &mut Page, report: &ProofReport, screen: Screen) {
    let file = inert::text(&report.lock.to_string_lossy());
    let all = report.rows.len() as u64;
    let of = |verdict| words::count(report.count(verdict));
    let (word, sentence, style) = match report.status {
        Status::Integrity => (
            "poisoned: ",
            format!("{} of {} of {file}", of(ProofVerdict::Poisoned), entries(all)),
            BAD,
        ),
        Status::Ok if report.count(ProofVerdict::Proven) == all => {
            ("proven: ", format!("all {} of {file}", entries(all)), GOOD)
        }
        Status::Ok => (
            "nothing wrong: ",
            format!("{} of {} of {file} are proven", of(ProofVerdict::Proven), entries(all)),
            GOOD,
        ),
        _ => (
            "not determined: ",
            format!("{} of {file} are not all shown to be what they should be", entries(all)),
            BAD,
        ),
    };
    page.verdict(screen, word, &sentence, style);
}

fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{} entries", words::count(count)) }
}

fn counts(page: &mut Page, report: &ProofReport) {
    for verdict in ProofVerdict::ALL {
        let count = report.count(verdict);
        if count > 0 {
            page.line(format!("  {:>7}  {}", words::count(count), verdict.meaning()));
        }
    }
    match &report.base {
        Some(base) => page.line(format!("  compared with {}", inert::text(base))),
        None => page.line("  compared with no older lock: `--base REV|FILE` names one"),
    }
    page.gap();
}

fn rows(page: &mut Page, report: &ProofReport, verdict: ProofVerdict, screen: Screen) {
    let rows: Vec<&ProofRow> = report.rows.iter().filter(|row| row.verdict == verdict).collect();
    if rows.is_empty() {
        return;
    }
    page.line(paint(HEADING, verdict.meaning()));
    // What is poisoned is shown, all of it.
    let is_cut = screen.detail == Detail::Fit && verdict != ProofVerdict::Poisoned;
    let shown = if is_cut { ROWS_MAX } else { rows.len() };
    let file = inert::text(&report.lock.to_string_lossy());
    for row in rows.iter().take(shown) {
        let place = row.line.map_or(String::new(), |line| format!("{file}:{line} "));
        let first = format!("  {place}{}", inert::text(&row.name));
        page.line(inert::shorten_middle(&first, screen.width));
        page.append(hanging(screen, "    ", &inert::text(&row.reason), DIM));
        let key = row.key.unwrap_or_default();
        for (word, value) in [("expected", &row.expected), ("found", &row.found)] {
            if let Some(value) = value {
                page.append(hanging(
                    screen,
                    &format!("    {word:<8} {key} "),
                    &inert::text(value),
                    DIM,
                ));
            }
        }
    }
    if let Some(rest) = rows.len().checked_sub(shown).filter(|rest| *rest > 0) {
        page.line(format!("  {}", paint(DIM, &more(rest))));
    }
    page.gap();
}

/// By whom: each signed index once, with how many entries it proves.
fn proofs(page: &mut Page, report: &ProofReport, screen: Screen) {
    let mut chains: BTreeMap<&str, u64> = BTreeMap::new();
    for row in report.rows.iter().filter(|row| row.verdict == ProofVerdict::Proven) {
        let signed = row.reason.split(" → ").next().unwrap_or_default();
        *chains.entry(signed).or_default() += 1;
    }
    if chains.is_empty() {
        return;
    }
    page.line(paint(HEADING, "proven by"));
    let shown = if screen.detail == Detail::All { chains.len() } else { ROWS_MAX };
    for (chain, count) in chains.iter().take(shown) {
        let first = format!("  {:>5}  ", words::count(*count));
        page.append(hanging(screen, &first, &inert::text(chain), DIM));
    }
    if let Some(rest) = chains.len().checked_sub(shown).filter(|rest| *rest > 0) {
        page.line(format!("  {}", paint(DIM, &more(rest))));
    }
    page.gap();
}

//! `rlock store status`: how safe the bytes behind a lock are.

use super::{BAD, DIM, Detail, GOOD, HEADING, Page, Screen, hanging, more, paint};
use crate::report::{StoreStatusReport, Supply, SupplyRow, SupplyState, inert, words};

/// Rows of one state before the rest is counted.
const ROWS_MAX: usize = 8;
/// Columns beside the URL.
const OTHERS_WIDTH: usize = 40;

/// Renders who has what the lock pins.
pub fn store_status(report: &StoreStatusReport, screen: Screen) -> String {
    let mut page = Page::default();
    let all = report.rows.len() as u64;
    let lost = report.count(SupplyState::Lost);
    let unknown = report.count(SupplyState::Unknown);
    let (first, sentence, style) = match (lost, unknown) {
        (0, 0) => ("all there: ", of_all(all), GOOD),
        (0, unknown) => ("unknown: ", format!("{} of {}", words::count(unknown), of_all(all)), BAD),
        (lost, _) => ("lost: ", format!("{} of {}", words::count(lost), of_all(all)), BAD),
    };
    page.verdict(screen, first, &sentence, style);
    counts(&mut page, report);
    for state in SupplyState::ALL {
        // What is safe is only worth a list for who asks for everything.
        if state != SupplyState::Safe || screen.detail == Detail::All {
            rows(&mut page, screen, report, state);
        }
    }
    if report.without_digest > 0 {
        let packages = words::counted(report.without_digest, "package");
        let text = format!("{packages} of the lock have no digest: nothing is known of them");
        page.append(hanging(screen, "", &text, DIM));
    }
    page.finish()
}

fn of_all(all: u64) -> String {
    words::counted(all, "locked URL")
}

fn counts(page: &mut Page, report: &StoreStatusReport) {
    for state in SupplyState::ALL {
        let count = report.count(state);
        if count > 0 {
            page.line(format!("  {:>7}  {}", words::count(count), meaning(state)));
        }
    }
    let gone = report.gone_upstream();
    if gone > 0 {
        page.line(format!("  {:>7}  gone or changed upstream", words::count(gone)));
    }
    page.gap();
}

fn meaning(state: SupplyState) -> &'static str {
    match state {
        SupplyState::Lost => "lost: nobody has the bytes any more, and only a new lock helps",
        SupplyState::Unknown => "unknown: nobody is known to have them, somebody did not answer",
        SupplyState::OnlyHere => "only in this Store: `rlock store push` shares them",
        SupplyState::OneSource => "one source left, not this Store: a build or a pull saves them",
        SupplyState::Safe => "in two places or more",
    }
}

fn rows(page: &mut Page, screen: Screen, report: &StoreStatusReport, state: SupplyState) {
    let rows: Vec<&SupplyRow> = report.rows.iter().filter(|row| row.state() == state).collect();
    if rows.is_empty() {
        return;
    }
    let shown = if screen.detail == Detail::All { rows.len() } else { ROWS_MAX };
    let width = screen.width.saturating_sub(OTHERS_WIDTH).max(20);
    let url = |row: &SupplyRow| inert::shorten_middle(&inert::text(&row.url), width);
    let urls: Vec<String> = rows.iter().take(shown).map(|row| url(row)).collect();
    let title = state.name().replace('-', " ");
    let longest = urls.iter().map(|url| url.chars().count()).max().unwrap_or(0);
    // The title starts two columns before the URLs.
    let column = longest.max(title.len());
    let words = if rows.iter().any(|row| !row.mirrors.is_empty()) { "mirrors" } else { "" };
    let heading = format!("store  remote   upstream  {words}");
    let space = " ".repeat(column + 2 - title.len());
    page.line(format!("{}{space}  {}", paint(HEADING, &title), paint(DIM, heading.trim_end())));
    for (row, url) in rows.iter().zip(urls) {
        let space = " ".repeat(column - url.chars().count());
        page.line(format!("  {url}{space}  {}", supplies(row)).trim_end().to_owned());
        if let Some(reason) = reason(row) {
            let reason = inert::shorten_end(&inert::text(reason), screen.width.saturating_sub(4));
            page.line(format!("    {}", paint(DIM, &reason)));
        }
    }
    if let Some(rest) = rows.len().checked_sub(shown).filter(|rest| *rest > 0) {
        page.line(format!("  {}", paint(DIM, &more(rest))));
    }
    page.gap();
}

fn supplies(row: &SupplyRow) -> String {
    let mirrors: Vec<&str> = row.mirrors.iter().map(|(_, supply)| word(supply)).collect();
    let [store, remote, upstream] = [&row.store, &row.remote, &row.upstream].map(word);
    format!("{store:<7}{remote:<9}{upstream:<10}{}", mirrors.join(" "))
}

fn word(supply: &Supply) -> &'static str {
    match supply {
        Supply::Verified | Supply::Likely => "yes",
        Supply::Changed => "changed",
        Supply::Gone => "no",
        Supply::Unknown(_) => "?",
        Supply::NotAsked(_) => "-",
    }
}

fn reason(row: &SupplyRow) -> Option<&str> {
    let mirrors = row.mirrors.iter().map(|(_, supply)| supply);
    [&row.upstream, &row.remote].into_iter().chain(mirrors).find_map(|supply| match supply {
        Supply::Unknown(reason) => Some(&**reason),
        _ => None,
    })
}

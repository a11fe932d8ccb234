//! What of the outside is locked: one line where all is well.

use super::{BAD, DIM, Detail, RULE, Screen, hanging, more, paint};
use crate::finding::Location;
use crate::report::{Coverage, RefusedFetch, inert, words};

/// Refusals that are shown unless everything is.
const REFUSED_MAX: usize = 5;

/// `121 of 121 fetches locked, 0 refused, 2 answered by rule`, and what was refused.
pub(super) fn coverage(screen: Screen, coverage: Option<&Coverage>) -> Vec<String> {
    let Some(coverage) = coverage else { return Vec::new() };
    let Coverage { fetches, locked, refused, rules, .. } = coverage;
    if *fetches == 0 && rules.is_empty() {
        return vec!["no step fetched anything".to_owned()];
    }
    let fetched = if *fetches == 1 { "fetch" } else { "fetches" };
    let total = format!("{} {fetched}", words::count(*fetches));
    let refusals = format!("{} refused", words::count(refused.len() as u64));
    let by_rule = words::count(coverage.questions_by_rule());
    let refusals = if refused.is_empty() { refusals } else { paint(BAD, &refusals) };
    let count = words::count(*locked);
    let mut lines =
        vec![format!("{count} of {total} locked, {refusals}, {by_rule} answered by rule")];
    let all = screen.detail == Detail::All;
    lines.extend(refusals_table(screen, refused, if all { usize::MAX } else { REFUSED_MAX }));
    for used in rules.iter().filter(|_| all) {
        let text = format!("{} answered {}", inert::text(&used.rule), inert::text(&used.target));
        lines.extend(hanging(screen, "  ", &text, DIM));
    }
    lines
}

/// `line 2  unlocked-fetch  http://deb.example/x`: findings say the rest.
fn refusals_table(screen: Screen, refused: &[RefusedFetch], max: usize) -> Vec<String> {
    let shown = refused.get(..max.min(refused.len())).unwrap_or_default();
    let rows: Vec<(String, &RefusedFetch)> = shown.iter().map(|row| (place(row), row)).collect();
    let place_width = rows.iter().map(|(place, _)| place.chars().count()).max().unwrap_or(0);
    let cause_width = rows.iter().map(|(_, row)| row.cause.id.len()).max().unwrap_or(0);
    let width = screen.width.saturating_sub(place_width + cause_width + 6).max(20);
    let mut lines = Vec::new();
    for (place, RefusedFetch { cause, target, .. }) in &rows {
        let cause = paint(RULE, &format!("{:cause_width$}", cause.id));
        let target = inert::shorten_middle(&inert::text(target), width);
        lines.push(format!("  {place:place_width$}  {cause}  {target}"));
    }
    if refused.len() > shown.len() {
        lines.push(format!("  {}", paint(DIM, &more(refused.len() - shown.len()))));
    }
    lines
}

fn place(refused: &RefusedFetch) -> String {
    match refused.location.as_ref().and_then(Location::lines) {
        Some((line, _)) => format!("line {line}"),
        None => format!("step {}", inert::text(&refused.step)),
    }
}

//! What stands around a change: until when the distributions get updates, what stays behind, and how
//! to go on.

use super::details::Caps;
use super::{code, section};
use crate::report::review::ReviewReport;
use crate::report::{HeldBack, inert};
use std::fmt::Write as _;

/// Lines of the section on trust: checked where a distribution is regularly supported.
pub(super) fn lifecycle(report: &ReviewReport, caps: Caps) -> String {
    let mut text = String::new();
    let (shown, note) = caps.of(&report.lifecycle);
    for row in shown {
        let mark = if row.is_good() { 'x' } else { ' ' };
        let words = inert::markdown(&inert::shorten_end(&inert::text(&row.words()), 300));
        let _ = writeln!(text, "- [{mark}] {}: {words}", code(&row.subject));
    }
    if text.is_empty() { note } else { format!("\n{text}{note}") }
}

/// What is not taken though there is something later.
pub(super) fn held_back(report: &ReviewReport, caps: Caps) -> Option<String> {
    let all = &report.held_back;
    if all.is_empty() {
        return None;
    }
    let mut text = String::new();
    let (shown, note) = caps.of(all);
    for held in shown {
        let words = inert::markdown(&inert::shorten_end(&inert::text(&held.words()), 300));
        let _ = writeln!(text, "- {} {words}", code(&held.name));
    }
    let mut title = HeldBack::heading(all);
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Some(section(&title, &(text + &note)))
}

/// How to run it again, and how one move is taken back.
pub(super) fn footer(report: &ReviewReport) -> String {
    let moved = report.review.packages.iter().find(|package| package.moved.versions().is_some());
    let undo = moved.map(|package| {
        let command = code(&format!("rlock update --keep {}", package.moved.name));
        format!(" · undo one move: restore the old lock, then {command}")
    });
    format!("\n<sub>Re-run: `rlock review`{}</sub>\n", undo.unwrap_or_default())
}

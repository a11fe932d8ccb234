//! What stays behind.

use super::{Detail, HEADING, Page, Screen, hanging, more, paint};
use crate::report::{HeldBack, inert};
use anstyle::Style;

/// Rows on a screen that is to fit.
const ROWS_MAX: usize = 12;

/// A heading and a line for each; nothing where nothing is held back.
pub(super) fn section(page: &mut Page, all: &[HeldBack], screen: Screen) {
    if all.is_empty() {
        return;
    }
    page.gap();
    page.line(paint(HEADING, &HeldBack::heading(all)));
    let max = if screen.detail == Detail::All { all.len() } else { ROWS_MAX };
    for held in all.iter().take(max) {
        let first = format!("  {} ", held.shown_name());
        page.append(hanging(screen, &first, &inert::text(&held.words()), Style::new()));
    }
    if all.len() > max {
        page.line(format!("  {}", more(all.len() - max)));
    }
}

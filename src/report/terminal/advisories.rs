//! Where advisories are known from: the tiers, ignores that have ended, what is required.

use super::{BAD, DIM, HEADING, Page, RULE, Screen, hanging, paint};
use crate::report::advisories::{self, AdvisorySources};
use crate::report::inert;

/// A heading and a line for each source.
pub(super) fn sources(page: &mut Page, sources: &AdvisorySources, screen: Screen) {
    if sources.tiers.is_empty() {
        return;
    }
    page.line(paint(HEADING, "advisories are known from"));
    for row in &sources.tiers {
        let first = format!("  {}  ", row.tier);
        page.append(hanging(screen, &first, &inert::text(&row.words()), DIM));
    }
    for ignore in &sources.expired {
        let text = inert::text(&advisories::expired(ignore));
        page.append(hanging(screen, "  ended  ", &text, RULE));
    }
    for text in &sources.lacking {
        page.append(hanging(screen, "  required  ", &inert::text(text), BAD));
    }
}

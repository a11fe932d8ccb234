//! Until when the distributions of a lock get updates.

use super::{DIM, Page, RULE, Screen, hanging};
use crate::report::{LifecycleRow, inert};

/// A line for each image.
pub(super) fn lines(page: &mut Page, rows: &[LifecycleRow], screen: Screen) {
    for row in rows {
        let first = format!("  {}  ", inert::shorten_middle(&inert::text(&row.subject), 48));
        let style = if row.is_good() { DIM } else { RULE };
        page.append(hanging(screen, &first, &inert::text(&row.words()), style));
    }
}

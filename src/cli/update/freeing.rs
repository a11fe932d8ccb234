//! An update of everything but what is held back: what belongs to no index is asked anew, too.

use super::planning::Planner;
use super::unheld;
use crate::lock::LockedFetch;
use crate::update::{LanguagePage, file_identity, locked_archives};
use std::collections::BTreeSet;

impl Planner<'_> {
    /// Whether everything is to move that need not stay.
    pub(super) fn is_all(&self) -> bool {
        let arguments = self.arguments;
        arguments.names.is_empty() && !arguments.security && arguments.to.is_none()
    }

    /// Drops what neither an index nor a package answers: downloads, repositories of sources.
    pub(super) fn free_the_rest(&mut self, pages: &[LanguagePage]) {
        // With the earlier states that the draft has under names of their own.
        let archives = locked_archives(&self.draft.lock);
        let is_index = |url: &str| {
            archives.iter().any(|archive| archive.has(url))
                || unheld::KINDS.iter().any(|kind| unheld::is_repository(kind, url))
        };
        let is_page = |fetch: &LockedFetch| {
            pages.iter().any(|page| page.fetch.question() == fetch.question())
        };
        let packages: BTreeSet<&str> =
            self.lock.packages.iter().filter_map(|package| package.url.as_deref()).collect();
        let is_file = |url: &str| packages.contains(url) || file_identity(url).is_some();
        self.draft.drop_answer(|fetch| {
            fetch.status.is_none()
                && !is_index(&fetch.url)
                && !is_page(fetch)
                && !is_file(&fetch.url)
        });
        let held = self.held_back.iter().map(|held| (held.kind.clone(), held.name.clone()));
        self.announced.all_but = Some(held.collect());
    }
}

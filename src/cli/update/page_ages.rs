//! Index pages of which some versions must wait: the page that is locked offers only the others, and
//! its manager takes the best of these.

use super::planning::Planner;
use super::policy::{Age, Later, held};
use crate::lock::LockedFetch;
use crate::package::version;
use crate::report::{HeldBack, HeldCause};
use crate::update::{Identity, LanguagePage, Published, offer_fewer, published, releases};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// An answer, and its content.
type Answer = (LockedFetch, Vec<u8>);

impl Planner<'_> {
    /// The page without the versions that must wait; none where nothing later is left, which is noted.
    pub(super) fn old_enough_page(
        &mut self,
        page: &LanguagePage,
        (answer, content): Answer,
        own: &[Identity],
    ) -> anyhow::Result<Option<Answer>> {
        let locked: Vec<&Identity> =
            own.iter().filter(|it| page.is_of(&it.kind, &it.name)).collect();
        if !self.policy.is_something() || answer.sha256 == page.fetch.sha256 {
            return Ok(Some((answer, content)));
        }
        let Ok(released) = releases(page.kind, &page.name, &content) else {
            return Ok(Some((answer, content)));
        };
        let later = later(page, &released.versions, &locked);
        if let Some((first, last)) = locked.first().zip(released.latest.as_deref())
            && self.policy.keeps(|word| page.is_named(word))
        {
            // Somebody else's need has led here: nobody asks for what is kept.
            if later.contains(&last) {
                let offered = Later { package: first, version: last, repairs: false };
                let reason = "kept by `--keep`, though another package needs a later one";
                self.held_back.push(held(offered, HeldCause::Kept, reason.to_owned()));
            }
            return Ok(None);
        }
        let (young, rows) = self.too_young(page, &later, &locked, &content);
        if young.is_empty() {
            return Ok(Some((answer, content)));
        }
        let best = rows.into_iter().find(|row| Some(&row.available) == released.latest.as_ref());
        self.held_back.extend(best);
        if later.iter().all(|version| young.contains(*version)) {
            return Ok(None);
        }
        let is_left = |version: &str| !young.contains(version);
        let fewer = offer_fewer(page.kind, &page.name, &content, &is_left)
            .with_context(|| format!("{} cannot offer fewer versions", page.fetch.url))?;
        Ok(Some(match fewer {
            Some(fewer) => (self.narrowed(answer, &fewer)?, fewer),
            None => (answer, content),
        }))
    }

    /// Which of the later versions must wait, and the rows about them.
    fn too_young(
        &self,
        page: &LanguagePage,
        later: &[&str],
        locked: &[&Identity],
        content: &[u8],
    ) -> (BTreeSet<String>, Vec<HeldBack>) {
        let mut known = published(page.kind, &page.name, content).unwrap_or_default();
        let mut problem = self.ask_for_times(page, later, &mut known);
        let bare = Identity {
            kind: page.kind.to_owned(),
            name: page.name.clone(),
            architecture: String::new(),
            version: String::new(),
        };
        let package = locked.first().copied().unwrap_or(&bare);
        let mut rows = Vec::new();
        for version in later {
            let repairs = locked.iter().any(|it| self.known.repairs(it, None, version));
            let offered = Later { package, version, repairs };
            let wait = self.policy.wait(offered, |word| page.is_named(word));
            let age = || match known.of(version) {
                Some(at) => Age::Known { at, source: "by its index".to_owned() },
                None => Age::Unknown(
                    problem.take().unwrap_or_else(|| "its index does not say it".to_owned()),
                ),
            };
            rows.extend(self.policy.judge(offered, wait, age));
        }
        (rows.iter().map(|row| row.available.clone()).collect(), rows)
    }

    /// Where a page has no times and another answer of the registry does, asks for that. Why not, where
    /// it cannot be had.
    fn ask_for_times(
        &self,
        page: &LanguagePage,
        later: &[&str],
        known: &mut Published,
    ) -> Option<String> {
        let is_old = |known: &Published| {
            known.modified.is_some_and(|at| self.policy.is_old_enough_for_all(at))
        };
        match page.kind {
            "npm" if !is_old(known) && !later.iter().any(|version| known.says(version)) => {
                // What npm asks for is abbreviated, and has no times.
                let full = self.scout.content(&page.fetch.url, None);
                let full = full.and_then(|full| Ok(published(page.kind, &page.name, &full)?));
                full.map(|full| *known = full).err().map(|error| format!("{error:#}"))
            }
            "golang" => self.ask_go(page, later, known),
            _ => None,
        }
    }

    /// `…/@v/VERSION.info`, from the latest down to one that is old enough: Go takes that.
    fn ask_go(&self, page: &LanguagePage, later: &[&str], known: &mut Published) -> Option<String> {
        let (module, _) = page.fetch.url.rsplit_once("/@")?;
        for version in later {
            if !known.says(version) {
                let info = self.scout.content(&format!("{module}/@v/{version}.info"), None);
                let info = info.and_then(|info| Ok(published(page.kind, &page.name, &info)?));
                match info {
                    Ok(info) => known.versions.extend(info.versions),
                    Err(error) => return Some(format!("{error:#}")),
                }
            }
            if known.of(version).is_some_and(|at| self.policy.is_old_enough_for_all(at)) {
                // What is older is not taken while there is this one.
                let at = known.of(version).unwrap_or_default();
                for older in later {
                    known.versions.entry((*older).to_owned()).or_insert(at);
                }
                return None;
            }
        }
        None
    }
}

/// The versions that are later than every locked one, the latest first.
fn later<'v>(page: &LanguagePage, versions: &'v [String], locked: &[&Identity]) -> Vec<&'v str> {
    let is_later = |version: &&String| {
        locked
            .iter()
            .all(|it| version::compare(page.kind, version, &it.version) == Some(Ordering::Greater))
    };
    let mut later: Vec<&str> = versions.iter().filter(is_later).map(String::as_str).collect();
    later
        .sort_by(|left, right| version::compare(page.kind, right, left).unwrap_or(Ordering::Equal));
    later.dedup();
    later
}

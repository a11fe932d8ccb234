//! Managers with an index page for each package: the pages of what is to move are asked anew, and
//! those of what must move along. Where not the newest is wanted, they show no more than is.

use super::course::{Aim, Course, Forced};
use super::planning::Planner;
use crate::index::pypi;
use crate::lock::LockedFetch;
use crate::report::MoveRow;
use crate::update::{
    Identity, LanguagePage, Need, file_identity, module_needs, narrow, needs, python_needs,
    releases,
};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use url::Url;

/// Kinds of which another index says what there is.
const IN_OTHER_INDEXES: [&str; 3] = ["deb", "apk", "rpm"];

/// A page that is to be asked anew, and what needs its package where nobody asked for that.
type Wanted<'a> = (&'a LanguagePage, Option<Forced>);

impl Planner<'_> {
    /// Moves the pages of what is wanted, and of what it forces along.
    pub(super) fn plan_pages(&mut self, pages: &[LanguagePage]) -> anyhow::Result<()> {
        let mut course = Course::new(self.lock, pages);
        let asked = pages.iter().filter(|page| self.is_asked(page, &course.own));
        let mut wanted: VecDeque<Wanted<'_>> = asked.map(|page| (page, None)).collect();
        let mut looked_at: BTreeSet<(String, Option<Need>)> = BTreeSet::new();
        while let Some((page, forced)) = wanted.pop_front() {
            let need = forced.as_ref().map(|forced| forced.need.clone());
            let place = format!("{} {:?}", page.fetch.url, page.fetch.variant);
            if !looked_at.insert((place, need)) {
                continue;
            }
            let Some(content) = self.move_page(page, forced.as_ref(), &mut course)? else {
                continue;
            };
            for version in course.news(page) {
                for need in self.needs_of(page, &version, &content) {
                    if !course.is_broken(page.kind, &need) {
                        continue;
                    }
                    let reason = format!("{} {version} needs {need}", page.name);
                    let forced = Forced { reason, need };
                    let is_its = |it: &&LanguagePage| it.is_of(page.kind, &forced.need.name);
                    let of_need = pages.iter().filter(is_its);
                    wanted.extend(of_need.map(|other| (other, Some(forced.clone()))));
                }
            }
        }
        // What is about all packages of a manager says nothing about one that is not there.
        let of_all = pages.iter().filter(|page| page.name.is_empty());
        for page in of_all.filter(|page| course.has_moved(page.kind)) {
            self.draft.drop_answer(|fetch| fetch.question() == page.fetch.question());
        }
        if self.arguments.security {
            self.note_unseen(pages, &course.own);
        }
        Ok(())
    }

    /// Whether the user asked for it. Clients look at pages of what they do not install, too.
    fn is_asked(&self, page: &LanguagePage, own: &[Identity]) -> bool {
        self.names.iter().any(|name| page.is_named(name))
            || self.names.is_empty() && own.iter().any(|it| page.is_of(&it.kind, &it.name))
    }

    /// Asks a page anew and gives it to the steps that asked for it, as far as it is to be seen; the
    /// whole page, where something moves.
    fn move_page(
        &mut self,
        page: &LanguagePage,
        forced: Option<&Forced>,
        course: &mut Course<'_>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        if !self.may_move(page, forced, course) {
            return Ok(None);
        }
        let mut asked = Some(self.scout.now(&page.fetch)?);
        if self.version_of(page).is_none() {
            asked = asked
                .map(|asked| self.old_enough_page(page, asked, &course.own))
                .transpose()?
                .flatten();
        }
        let Some((mut answer, content)) = asked else { return Ok(None) };
        let released = releases(page.kind, &page.name, &content).ok();
        let aim = self.aim(page, forced, released.as_ref(), course)?;
        if let Aim::To(moves) = &aim {
            if moves.is_empty() {
                return Ok(None);
            }
            match narrow(page.kind, &page.name, &content, &course.shown(page, moves)) {
                Ok(None) => {}
                Ok(Some(narrowed)) => answer = self.narrowed(answer, &narrowed)?,
                Err(error) => {
                    // A module has another page, with all versions.
                    if !course.is_of_latest(page) {
                        let what = format!("{} {} stays: {error}", page.kind, page.name);
                        self.note(what);
                    }
                    return Ok(None);
                }
            }
        }
        let question = page.fetch.question();
        let mut drafted = self.draft.lock.fetches.iter();
        let drafted = drafted.find(|fetch| fetch.question() == question);
        if drafted.is_some_and(|drafted| drafted.sha256 == answer.sha256) {
            return Ok(None);
        }
        let asking = self.lock.fetches.iter().filter(|fetch| fetch.question() == question);
        let steps: Vec<String> = asking.map(|fetch| fetch.step.clone()).collect();
        self.draft.answer(&steps, &answer);
        self.draft.drop_packages(page.kind, |name, _| page.is_of(page.kind, name));
        if course.settled(page, forced).is_none() {
            self.announce_page(page, forced, &course.pairs(page, &aim, released.as_ref()));
        }
        course.decide((page, aim), released, forced);
        Ok(Some(content))
    }

    /// A page in the Store that shows less than its index has. Nothing about it is what the index says
    /// of its own: it must not be taken for that when the index is asked whether it is so still.
    pub(super) fn narrowed(&self, answer: LockedFetch, page: &[u8]) -> anyhow::Result<LockedFetch> {
        Ok(LockedFetch {
            sha256: self.scout.store().put(page)?,
            size: page.len() as u64,
            etag: None,
            modified: None,
            headers: BTreeMap::new(),
            ..answer
        })
    }

    fn announce_page(
        &mut self,
        page: &LanguagePage,
        forced: Option<&Forced>,
        pairs: &[(Option<String>, Option<String>)],
    ) {
        let rows = &mut self.announced.rows;
        rows.retain(|row| !page.is_of(&row.kind, &row.name));
        rows.extend(pairs.iter().map(|(from, to)| MoveRow {
            kind: page.kind.to_owned(),
            name: page.name.clone(),
            architecture: String::new(),
            from: from.clone(),
            to: to.clone().filter(|to| Some(to) != from.as_ref()),
            archive: None,
            security: self.arguments.security && forced.is_none(),
            repairs: Vec::new(),
            reason: forced.map(|forced| forced.reason.clone()),
        }));
    }

    /// What the latest version needs of others. Where that cannot be known, its manager says what is
    /// missing when it is built.
    fn needs_of(&mut self, page: &LanguagePage, version: &str, content: &[u8]) -> Vec<Need> {
        let found = match page.kind {
            "pypi" => self.python_metadata(page, version, content).map(|text| python_needs(&text)),
            "golang" => self.go_mod(page, version).map(|text| module_needs(&text)),
            _ => Ok(needs(page.kind, content, version)),
        };
        found.unwrap_or_else(|error| {
            let what = format!("what {} {version} needs is not known: {error:#}", page.name);
            self.notes.push(what);
            Vec::new()
        })
    }

    /// The metadata of a wheel, where the page says that it is beside it; else nothing.
    fn python_metadata(
        &self,
        page: &LanguagePage,
        version: &str,
        content: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let base = Url::parse(&page.fetch.url).context("the page has no URL")?;
        for link in pypi::links(content)? {
            let (Ok(url), Some(metadata)) = (base.join(&link.url), link.metadata) else { continue };
            let is_it = |it: Identity| page.is_of(&it.kind, &it.name) && it.version == version;
            if file_identity(url.as_str()).is_some_and(is_it) {
                return self.scout.content(&format!("{url}.metadata"), Some(&metadata));
            }
        }
        anyhow::bail!("its index has no metadata of it")
    }

    /// `…/@v/VERSION.mod` beside `…/@v/list` or `…/@latest`.
    fn go_mod(&self, page: &LanguagePage, version: &str) -> anyhow::Result<Vec<u8>> {
        let (module, _) = page.fetch.url.rsplit_once("/@").context("it is no page of a proxy")?;
        self.scout.content(&format!("{module}/@v/{version}.mod"), None)
    }

    /// What is known to be affected, and of which no index of the lock says whether there is a fix.
    fn note_unseen(&mut self, pages: &[LanguagePage], own: &[Identity]) {
        let names = &self.names;
        let is_asked = |it: &&Identity| names.is_empty() || names.contains(&it.name);
        let is_unseen = |it: &&Identity| {
            !IN_OTHER_INDEXES.contains(&&*it.kind)
                && !pages.iter().any(|page| page.is_of(&it.kind, &it.name))
        };
        let note = |it: &Identity| {
            let ids = self.known.concerning(it, None)?;
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let Identity { kind, name, version, .. } = it;
            (!ids.is_empty()).then(|| {
                format!(
                    "{kind} {name} {version} stays with {}: no index in the lock says whether a later \
                     version repairs it",
                    ids.join(", ")
                )
            })
        };
        let notes: Vec<String> =
            own.iter().filter(is_asked).filter(is_unseen).filter_map(note).collect();
        self.notes.extend(notes);
    }
}

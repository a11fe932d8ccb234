//! Managers with an index page for each package: the pages of what is to move are asked anew, and
//! those of what must move along.

use super::planning::Planner;
use crate::index::pypi;
use crate::package::version;
use crate::report::MoveRow;
use crate::update::{
    Identity, LanguagePage, Need, file_identity, is_met, listed, module_needs, needs, python_needs,
    releases,
};
use anyhow::Context as _;
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use url::Url;

/// Kinds of which another index says what there is.
const IN_OTHER_INDEXES: [&str; 3] = ["deb", "apk", "rpm"];

/// A page that is to be asked anew, and the reason where nobody asked for its package.
type Wanted<'a> = (&'a LanguagePage, Option<String>);

impl Planner<'_> {
    /// Moves the pages of what is wanted, and of what it forces along.
    pub(super) fn plan_pages(&mut self, pages: &[LanguagePage]) -> anyhow::Result<()> {
        let own = listed(self.lock).into_keys().collect::<Vec<_>>();
        let mut wanted: VecDeque<Wanted<'_>> = pages
            .iter()
            .filter(|page| self.is_asked(page, &own))
            .map(|page| (page, None))
            .collect();
        let mut looked_at: BTreeSet<String> = BTreeSet::new();
        let mut moved: BTreeSet<&str> = BTreeSet::new();
        while let Some((page, reason)) = wanted.pop_front() {
            if !looked_at.insert(format!("{} {:?}", page.fetch.url, page.fetch.variant)) {
                continue;
            }
            let Some((latest, content)) = self.move_page(page, reason, &own)? else { continue };
            moved.insert(page.kind);
            let Some(latest) = latest else { continue };
            for need in self.needs_of(page, &latest, &content) {
                if !is_broken(&own, page.kind, &need) {
                    continue;
                }
                let reason = format!("{} {latest} needs {need}", page.name);
                let of_need = pages.iter().filter(|other| other.is_of(page.kind, &need.name));
                wanted.extend(of_need.map(|other| (other, Some(reason.clone()))));
            }
        }
        // What is about all packages of a manager says nothing about one that is not there.
        for page in pages.iter().filter(|page| page.name.is_empty() && moved.contains(page.kind)) {
            self.draft.drop_answer(|fetch| fetch.question() == page.fetch.question());
        }
        if self.arguments.security {
            self.note_unseen(pages, &own);
        }
        Ok(())
    }

    /// Whether the user asked for it. Clients look at pages of what they do not install, too.
    fn is_asked(&self, page: &LanguagePage, own: &[Identity]) -> bool {
        let names = &self.arguments.names;
        names.iter().any(|name| page.is_named(name))
            || names.is_empty() && own.iter().any(|it| page.is_of(&it.kind, &it.name))
    }

    /// Asks a page anew; the latest version that it offers and the page, where something moves.
    fn move_page(
        &mut self,
        page: &LanguagePage,
        reason: Option<String>,
        own: &[Identity],
    ) -> anyhow::Result<Option<(Option<String>, Vec<u8>)>> {
        let (answer, content) = self.scout.now(&page.fetch)?;
        let latest = releases(page.kind, &page.name, &content).ok();
        let latest = latest.and_then(|released| released.latest);
        let mut locked = own.iter().filter(|it| page.is_of(&it.kind, &it.name));
        let is_repaired = |locked: &Identity| {
            latest.as_deref().is_some_and(|latest| self.known.repairs(locked, None, latest))
        };
        let is_wanted =
            reason.is_some() || !self.arguments.security || locked.clone().any(is_repaired);
        if answer.sha256 == page.fetch.sha256 || !is_wanted {
            return Ok(None);
        }
        let question = page.fetch.question();
        let asking = self.lock.fetches.iter().filter(|fetch| fetch.question() == question);
        let steps: Vec<String> = asking.map(|fetch| fetch.step.clone()).collect();
        self.draft.answer(&steps, &answer);
        self.draft.drop_packages(page.kind, |name, _| page.is_of(page.kind, name));
        let from = locked.next().map(|identity| identity.version.clone());
        self.announced.rows.push(MoveRow {
            kind: page.kind.to_owned(),
            name: page.name.clone(),
            architecture: String::new(),
            to: latest.clone().filter(|latest| Some(latest) != from.as_ref()),
            from,
            archive: None,
            security: self.arguments.security && reason.is_none(),
            repairs: Vec::new(),
            reason,
        });
        Ok(Some((latest, content)))
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
        let names = &self.arguments.names;
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

/// Whether none of what is locked of a package is what is needed. Go takes the highest of what is
/// needed, wherever.
fn is_broken(own: &[Identity], kind: &str, need: &Need) -> bool {
    let is_it = |it: &&Identity| (&*it.kind, &it.name) == (kind, &need.name);
    let is_wrong = |locked: &Identity| match kind {
        "golang" => {
            version::compare(kind, &locked.version, &need.requirement) == Some(Ordering::Less)
        }
        _ => is_met(kind, &need.requirement, &locked.version) == Some(false),
    };
    let mut locked = own.iter().filter(is_it).peekable();
    locked.peek().is_some() && locked.all(is_wrong)
}

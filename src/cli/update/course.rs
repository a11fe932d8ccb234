//! What an update has decided of packages that have an index page each, while it goes from one to what
//! that needs.

use crate::lock::Lockfile;
use crate::package::version;
use crate::update::{Identity, LanguagePage, Need, Released, is_met, listed};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A package that must move along.
#[derive(Debug, Clone)]
pub(super) struct Forced {
    /// In words, why.
    pub(super) reason: String,
    pub(super) need: Need,
}

/// Where the locked versions of a package go.
#[derive(Debug, Clone)]
pub(super) enum Aim {
    /// To the newest that there is.
    Newest,
    /// From one version to another; what is not named stays.
    To(Vec<(String, String)>),
}

/// What is locked, and what becomes of it.
pub(super) struct Course<'a> {
    pub(super) own: Vec<Identity>,
    pub(super) pages: &'a [LanguagePage],
    /// The versions that are to be, and of these the new ones.
    decided: BTreeMap<(&'static str, String), Decided>,
}

struct Decided {
    aim: Aim,
    versions: BTreeSet<String>,
    news: BTreeSet<String>,
    needs: Vec<Need>,
}

impl<'a> Course<'a> {
    pub(super) fn new(lock: &Lockfile, pages: &'a [LanguagePage]) -> Self {
        Self { own: listed(lock).into_keys().collect(), pages, decided: BTreeMap::new() }
    }

    /// What is locked of a page's package.
    pub(super) fn locked(&self, page: &LanguagePage) -> Vec<Identity> {
        self.own.iter().filter(|it| page.is_of(&it.kind, &it.name)).cloned().collect()
    }

    /// What a page goes on to show: where versions go, and those that stay.
    pub(super) fn shown(
        &self,
        page: &LanguagePage,
        moves: &[(String, String)],
    ) -> BTreeSet<String> {
        let locked = self.locked(page).into_iter().map(|it| it.version);
        let stays = locked.filter(|version| !moves.iter().any(|(from, _)| from == version));
        stays.chain(moves.iter().map(|(_, to)| to.clone())).collect()
    }

    /// The moves of a page's package, for a report.
    pub(super) fn pairs(
        &self,
        page: &LanguagePage,
        aim: &Aim,
        released: Option<&Released>,
    ) -> Vec<(Option<String>, Option<String>)> {
        match aim {
            Aim::To(moves) => {
                moves.iter().map(|(from, to)| (Some(from.clone()), Some(to.clone()))).collect()
            }
            Aim::Newest => {
                let from = self.locked(page).into_iter().next().map(|it| it.version);
                vec![(from, released.and_then(|released| released.latest.clone()))]
            }
        }
    }

    /// What was decided of a page's package, where that is what is needed, too: it may have another
    /// page.
    pub(super) fn settled(&self, page: &LanguagePage, forced: Option<&Forced>) -> Option<Aim> {
        let decided = self.decided.get(&(page.kind, page.name.clone()))?;
        let is_wrong = forced.is_some_and(|forced| self.is_broken(page.kind, &forced.need));
        (!is_wrong).then(|| decided.aim.clone())
    }

    /// Notes what becomes of a page's package.
    pub(super) fn decide(
        &mut self,
        (page, aim): (&LanguagePage, Aim),
        released: Option<Released>,
        forced: Option<&Forced>,
    ) {
        let (versions, news) = match &aim {
            Aim::To(moves) => {
                (self.shown(page, moves), moves.iter().map(|(_, to)| to.clone()).collect())
            }
            Aim::Newest => {
                let latest: BTreeSet<String> =
                    released.and_then(|released| released.latest).into_iter().collect();
                // Where nobody says which it is, it is taken to be what it was.
                let locked = || self.locked(page).into_iter().map(|it| it.version).collect();
                (if latest.is_empty() { locked() } else { latest.clone() }, latest)
            }
        };
        let key = (page.kind, page.name.clone());
        let mut needs = self.needs_on(page);
        needs.extend(forced.map(|forced| forced.need.clone()));
        self.decided.insert(key, Decided { aim, versions, news, needs });
    }

    /// The new versions of a page's package.
    pub(super) fn news(&self, page: &LanguagePage) -> BTreeSet<String> {
        let decided = self.decided.get(&(page.kind, page.name.clone()));
        decided.map(|decided| decided.news.clone()).unwrap_or_default()
    }

    /// Whether a package of this kind moves.
    pub(super) fn has_moved(&self, kind: &str) -> bool {
        self.decided.keys().any(|(of, _)| *of == kind)
    }

    /// What others need of a page's package, so far.
    pub(super) fn needs_on(&self, page: &LanguagePage) -> Vec<Need> {
        let decided = self.decided.get(&(page.kind, page.name.clone()));
        decided.map(|decided| decided.needs.clone()).unwrap_or_default()
    }

    /// Whether it is the page of the one latest version of a module that has one of all, too.
    pub(super) fn is_of_latest(&self, page: &LanguagePage) -> bool {
        let is_list = |other: &LanguagePage| {
            other.is_of(page.kind, &page.name) && other.fetch.url.ends_with("/@v/list")
        };
        page.fetch.url.ends_with("/@latest") && self.pages.iter().any(is_list)
    }

    /// Whether none of what is there of a package is what is needed.
    pub(super) fn is_broken(&self, kind: &str, need: &Need) -> bool {
        let decided = self.decided.iter().find(|((of, name), _)| (*of, name) == (kind, &need.name));
        if let Some((_, decided)) = decided {
            return decided.versions.iter().all(|version| is_wrong(kind, need, version));
        }
        let is_it = |it: &&Identity| (&*it.kind, &it.name) == (kind, &need.name);
        let mut locked = self.own.iter().filter(is_it).peekable();
        locked.peek().is_some() && locked.all(|it| is_wrong(kind, need, &it.version))
    }
}

/// Whether a version is not what is needed. Go takes the highest of what is needed, wherever.
pub(super) fn is_wrong(kind: &str, need: &Need, version: &str) -> bool {
    match kind {
        "golang" => version::compare(kind, version, &need.requirement) == Some(Ordering::Less),
        _ => is_met(kind, &need.requirement, version) == Some(false),
    }
}

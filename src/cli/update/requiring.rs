//! What packages that stay need of one that is to move, as far as the Store knows it.

use crate::lock::Lockfile;
use crate::store::Store;
use crate::update::{Identity, LanguagePage, Need, file_identity, is_met, needs, python_needs};

/// Bytes of the metadata of a wheel; larger ones are not read.
const METADATA_SIZE_MAX: u64 = 16 << 20;

/// Needs of one package, each with who has it: `tool 1.0`.
#[derive(Debug)]
pub(super) struct Requirements(Vec<(String, Need)>);

impl Requirements {
    /// What packages that stay need of a page's package. An index that the Store does not have says
    /// nothing: then the package manager has the last word.
    pub(super) fn on(
        page: &LanguagePage,
        (lock, pages, own): (&Lockfile, &[LanguagePage], &[Identity]),
        stays: &dyn Fn(&Identity) -> bool,
        store: &Store,
    ) -> Self {
        let others = own.iter().filter(|it| it.kind == page.kind && it.name != page.name);
        let mut all = Vec::new();
        for other in others.filter(|other| stays(other)) {
            let found = match page.kind {
                "pypi" => of_wheel(other, lock, store),
                _ => of_page(other, pages, store),
            };
            let by = format!("{} {}", other.name, other.version);
            let on = found.into_iter().filter(|need| need.name == page.name);
            all.extend(on.map(|need| (by.clone(), need)));
        }
        Self(all)
    }

    /// Why a version cannot take the place of the locked one.
    pub(super) fn refuse(&self, locked: &Identity, version: &str) -> Option<String> {
        let met = |need: &Need, version| is_met(&locked.kind, &need.requirement, version);
        let is_broken = |need: &Need| {
            met(need, &locked.version) == Some(true) && met(need, version) == Some(false)
        };
        let (by, need) = self.0.iter().find(|(_, need)| is_broken(need))?;
        Some(format!("{by} needs {need}"))
    }
}

fn of_page(package: &Identity, pages: &[LanguagePage], store: &Store) -> Vec<Need> {
    let mut own = pages.iter().filter(|page| page.is_of(&package.kind, &package.name));
    let content = own.find_map(|page| store.read_blob(&page.fetch.sha256, page.fetch.size).ok());
    content.map(|content| needs(&package.kind, &content, &package.version)).unwrap_or_default()
}

/// The metadata that an installer has read beside a wheel.
fn of_wheel(package: &Identity, lock: &Lockfile, store: &Store) -> Vec<Need> {
    let is_its = |url: &str| {
        let file = url.strip_suffix(".metadata").and_then(file_identity);
        file.is_some_and(|file| (&file.name, &file.version) == (&package.name, &package.version))
    };
    let mut own = lock.fetches.iter().filter(|fetch| fetch.size <= METADATA_SIZE_MAX);
    let own = own.find(|fetch| fetch.status.is_none() && is_its(&fetch.url));
    let content = own.and_then(|fetch| store.read_blob(&fetch.sha256, fetch.size).ok());
    content.map(|content| python_needs(&content)).unwrap_or_default()
}

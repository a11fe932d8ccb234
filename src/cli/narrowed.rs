//! Pages of indexes that a lock has in a shorter form than their index gives them: no upstream has such
//! a page, so it is made again of what there is.

use super::args::{InputArguments, NetworkMode};
use super::context::Context;
use super::project::Project;
use super::scout::Scout;
use crate::lock::Lockfile;
use crate::oci::Digest;
use crate::store::Store;
use crate::update::{LanguagePage, language_pages, listed, narrow};
use std::collections::BTreeSet;

/// Makes the pages that an update has narrowed and the Store does not have. What cannot be made is left
/// to the Door, which says what is missing.
pub(super) fn bring_back(
    project: &Project,
    store: &Store,
    input: &InputArguments,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<()> {
    let Some(lock) = project.lock.as_ref().filter(|_| network == NetworkMode::Online) else {
        return Ok(());
    };
    let pages = language_pages(lock);
    let mut missing =
        pages.iter().filter(|page| may_be_narrowed(page) && !has(store, page)).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    let scout = Scout::open((project, lock), input, network, Vec::new(), context)?;
    for page in missing {
        if let Err(error) = bring(page, lock, &scout) {
            tracing::debug!(url = page.fetch.url, %error, "the page is not made again");
        }
    }
    Ok(())
}

/// A narrowed page has no tag or time of its index.
fn may_be_narrowed(page: &LanguagePage) -> bool {
    !page.name.is_empty() && page.fetch.etag.is_none() && page.fetch.modified.is_none()
}

fn has(store: &Store, page: &LanguagePage) -> bool {
    store.contains(&page.fetch.sha256)
}

fn bring(page: &LanguagePage, lock: &Lockfile, scout: &Scout<'_>) -> anyhow::Result<()> {
    let (answer, content) = scout.now(&page.fetch)?;
    if answer.sha256 == page.fetch.sha256 {
        return Ok(());
    }
    let own = listed(lock).into_keys().filter(|it| page.is_of(&it.kind, &it.name));
    let wanted: BTreeSet<String> = own.map(|it| it.version).collect();
    if let Some(narrowed) = narrow(page.kind, &page.name, &content, &wanted)?
        && Digest::of(&narrowed) == page.fetch.sha256
    {
        scout.store().put(&narrowed)?;
    }
    Ok(())
}

//! What `ADD` takes from elsewhere: fetched into a folder of the step's, to be copied from there.

mod file;
mod git;
mod host;
mod refs;

pub use git::GitError;

use super::mounted::Folder;
use super::stage::Surrounding;
use crate::build::BuildError;
use crate::build::plan::{CopyAction, CopySource, Step};
use crate::store::rooted::Root;
use std::path::Path;
use url::Url;

/// Something that was fetched.
pub(crate) struct Fetched {
    /// The tree that it lies in.
    pub(crate) root: Root,
    /// Its path there, whatever characters it has.
    pub(crate) path: String,
    /// Whether an archive is extracted.
    pub(crate) extract: bool,
}

/// Fetches the sources of an `ADD`, in order; none for what is local.
pub(crate) fn fetch(
    surrounding: Surrounding<'_>,
    step: &Step,
    action: &CopyAction,
    folder: &Folder,
) -> Result<Vec<Option<Fetched>>, BuildError> {
    let mut fetched = Vec::new();
    for (number, source) in action.sources.iter().enumerate() {
        let folder = folder.files.join(format!("fetched-{number}"));
        fetched.push(match source {
            CopySource::Path(_) => None,
            CopySource::Url(source) => {
                create(&folder)?;
                Some(file::fetch(surrounding, step, source, &folder)?)
            }
            CopySource::Git(source) => {
                create(&folder)?;
                Some(git::fetch(surrounding, step, source, &folder)?)
            }
        });
    }
    Ok(fetched)
}

fn create(path: &Path) -> Result<(), BuildError> {
    std::fs::create_dir(path).map_err(|error| BuildError::io(path, error))
}

/// A URL without the credentials in it.
fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have any.
    if url.set_username("").is_ok() {
        let _password = url.set_password(None);
    }
    url
}

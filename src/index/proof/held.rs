//! Earlier states of repositories, which an update holds beside the present ones under a host name of
//! their own.

use super::Verdict;
use crate::door::{held_host, real_host, with_host};
use crate::lock::Lockfile;
use crate::oci::Digest;
use url::Url;

/// The URLs of the root of what an index is of: packages keep the URL that they have at the repository
/// itself.
pub(super) fn roots(root: &str) -> Vec<String> {
    let mut roots = vec![root.to_owned()];
    roots.extend(real(root));
    roots
}

/// The same place at the repository itself, where this is one of a view.
fn real(url: &str) -> Option<String> {
    let host = host(url)?;
    with_host(url, real_host(&host)?)
}

fn host(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.host_str()?.to_owned())
}

/// A view that the first index of a repository is of.
pub(super) struct View {
    /// Whether it is what it is named after.
    is_named_right: bool,
    /// The index's URL at the repository itself.
    pub(super) at_real: String,
}

impl View {
    /// None where the URL is of no view.
    pub(super) fn of(url: &str, digest: &Digest) -> Option<Self> {
        let host = host(url)?;
        let is_named_right = held_host(real_host(&host)?, digest) == host;
        Some(Self { is_named_right, at_real: real(url)? })
    }

    /// The verdict where it is named after something else.
    pub(super) fn misnamed(&self) -> Option<Verdict> {
        let misnamed = || Verdict::poisoned("the view is named after another index", "url");
        (!self.is_named_right).then(misnamed)
    }

    /// Whether a lock has this state, as the present one or as a view: who holds it takes no step back.
    pub(super) fn is_in(&self, base: &Lockfile, url: &str, digest: &Digest) -> bool {
        let is_it = |it: &str| it == self.at_real || it == url;
        base.fetches.iter().any(|fetch| is_it(&fetch.url) && fetch.sha256 == *digest)
    }
}

//! How a build reaches what is not here, and what of it stays as it was.

use crate::door::{Authority, Door, Exchange, Lag, Refusal, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use url::Url;

/// The Door, and what this build's steps know it by.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    /// Records, or answers from what was recorded.
    pub door: &'a Door,
    /// Signs the certificates that steps of this build see. Each build has one of its own, so that
    /// a comparison shows what is left of it.
    pub authority: &'a Authority,
    /// Whether there is a lock, with what may have expired since.
    pub replays: bool,
    /// How far this build is to stay behind another one that runs at the same time.
    pub lag: Lag,
    /// What stays as it was though the archive that it comes from has moved on.
    pub held: &'a Held,
}

impl Outside<'_> {
    /// Gets a URL for rlock itself: redirects followed, the body whole and in the Store.
    pub(crate) fn fetch(&self, visitor: &Arc<Visitor>, url: &Url) -> Result<Exchange, Refusal> {
        self.door.fetch(visitor, url)
    }
}

/// What stays as it was though the archive that it comes from has moved on, by the plan's id of the
/// step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// One entry for each step that gets something.
    pub steps: BTreeMap<String, HeldStep>,
}

/// What one step is held to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldStep {
    /// Archives of which the step sees an earlier state, beside what they are now.
    pub views: Vec<HeldView>,
    /// The packages that must have one version.
    pub pins: Vec<HeldPackage>,
    /// Names of packages that may have any version. What is installed and neither here nor pinned
    /// stays as it is.
    pub free: BTreeSet<String>,
    /// Whether the image may lack a source for a view.
    pub is_optional: bool,
}

/// An earlier state of an archive, as a second archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldView {
    /// The purl type of its packages: `deb`, `apk`, `rpm`.
    pub kind: &'static str,
    /// The archive, as its sources name it, with a slash at the end: `http://deb.example/debian/`.
    pub archive: String,
    /// The suite, as its sources name it: `stable`, `bookworm-security`; empty where
    /// the manager has none.
    pub suite: String,
    /// What the earlier state is called: `http://deb.example.held-0123abcd/debian/`.
    pub view: String,
}

/// A package that must have one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldPackage {
    /// The purl type.
    pub kind: String,
    /// Name.
    pub name: String,
    /// The manager's word for the architecture; Debian's `all` for any.
    pub architecture: String,
    /// Version.
    pub version: String,
}

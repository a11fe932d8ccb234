//! Packages that real package managers of languages install: the lock has what they list themselves,
//! entry by entry.

mod copied;
mod go;
mod java;
mod node;
mod python;
mod ruby;

use crate::clients::Case;
use rlock::archive::tar::{Limits, Reader};
use rlock::lock::{LockedPackage, Lockfile};
use rlock::oci::Platform;
use rlock::store::layout::{self, Selector};
use std::collections::BTreeSet;

/// Where a step puts what its package manager lists.
const LISTED: &str = "/srv/listed";

/// Names with their versions.
type Packages = BTreeSet<(String, String)>;

/// What was built.
struct Locked {
    lock: Lockfile,
    listed: String,
}

impl Locked {
    /// Locks and builds a case; its last step writes [`LISTED`].
    #[track_caller]
    fn of(case: &Case<'_>) -> Self {
        case.lock();
        let image = case.world.path("image");
        case.rlock("build", &["-o", &format!("oci:{}", image.display())]).expect(0);
        let lock = Lockfile::parse(&case.world.read("Dockerfile.lock")).unwrap();
        let image = layout::open(&image, &Selector::Any, &Platform::host()).unwrap();
        let mut listed = None;
        for layer in &image.layers {
            let mut files = Reader::new(layer.open().unwrap(), Limits::default());
            while let Some(entry) = files.next_entry().unwrap() {
                if entry.path == LISTED.trim_start_matches('/').as_bytes() {
                    let mut text = Vec::new();
                    let mut take = |bytes: &[u8]| {
                        text.extend_from_slice(bytes);
                        Ok(())
                    };
                    files.copy_body(&mut take).unwrap();
                    listed = Some(String::from_utf8(text).unwrap());
                }
            }
        }
        Self { lock, listed: listed.unwrap() }
    }

    /// What the manager printed, as JSON.
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.listed)
            .unwrap_or_else(|error| panic!("{error}: {}", self.listed))
    }

    /// What the base image has of a kind.
    fn of_base(&self, kind: &str) -> Packages {
        let start = format!("{kind}:");
        let texts = self.lock.images.iter().flat_map(|image| &image.packages);
        let own = texts.filter_map(|text| text.strip_prefix(&start)?.split_once(' '));
        own.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
    }

    /// What the steps brought of a kind.
    fn of_steps(&self, kind: &str) -> Packages {
        let own = self.lock.packages.iter().filter(|package| package.kind == kind);
        own.map(|package| (package.name.clone(), package.version.clone())).collect()
    }

    fn all(&self, kind: &str) -> Packages {
        self.of_base(kind).union(&self.of_steps(kind)).cloned().collect()
    }

    /// The one package of this name that a step brought.
    #[track_caller]
    fn package(&self, kind: &str, name: &str) -> &LockedPackage {
        let mut own = self.lock.packages.iter();
        let found = own.find(|package| package.kind == kind && package.name == name);
        found.unwrap_or_else(|| panic!("no {kind}:{name} in\n{}", self.lock.write()))
    }
}

fn pairs(list: &[(&str, &str)]) -> Packages {
    list.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
}

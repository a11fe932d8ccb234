//! Packages that managers of languages fetched and that leave no mark in an image: crates, modules of
//! Go, Java archives. The lock has them as fetches.
//!
//! What was fetched may be anybody's, a package's script among them. So only fetches of steps count
//! whose command calls such a manager, from hosts that the other lock names, too.

use crate::lock::{LockedFetch, Lockfile};
use crate::oci::Digest;
use crate::package::{self, PackageFile};
use crate::review::files::Layers;
use crate::review::{Change, Move, Pin};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

/// Programs that fetch packages, by the type of these.
const MANAGERS: [(&str, &[&str]); 6] = [
    ("cargo", &["cargo"]),
    ("golang", &["go"]),
    ("maven", &["mvn", "mvnw", "gradle", "gradlew", "sbt"]),
    ("gem", &["gem", "bundle", "bundler"]),
    ("npm", &["npm", "npx", "yarn", "pnpm", "corepack"]),
    ("pypi", &["pip", "pip3", "pipx", "uv", "poetry"]),
];

/// Type and name.
type Name = (&'static str, String);

/// What managers fetched for one image, and not for the other.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// The packages.
    packages: BTreeMap<Name, Vec<(Pin, String)>>,
    /// All bodies.
    pub(super) bodies: BTreeSet<Digest>,
}

/// Of `own`, whose steps have these commands.
pub(super) fn of(own: &Lockfile, other: &Lockfile, layers: &Layers, store: &Store) -> Fetched {
    let hosts: BTreeSet<&str> = urls(other).filter_map(host).collect();
    let known: BTreeSet<(&str, Digest)> =
        other.fetches.iter().map(|fetch| (&*fetch.url, fetch.sha256)).collect();
    let mut found = Fetched::default();
    for fetch in &own.fetches {
        let is_new = !known.contains(&(&*fetch.url, fetch.sha256));
        let is_plain = fetch.method.is_none() && fetch.status.is_none();
        if !(is_new && is_plain && host(&fetch.url).is_some_and(|host| hosts.contains(host))) {
            continue;
        }
        let command = layers.commands.get(&fetch.step);
        let calls = |(_, programs): &&(&str, &[&str])| {
            command.is_some_and(|command| command.calls(programs))
        };
        let called: BTreeSet<&str> = MANAGERS.iter().filter(calls).map(|(kind, _)| *kind).collect();
        if called.is_empty() {
            continue;
        }
        found.bodies.insert(fetch.sha256);
        if let Some(package) = identify(fetch, store).filter(|it| called.contains(it.kind)) {
            found.add(package, fetch);
        }
    }
    found
}

impl Fetched {
    fn add(&mut self, package: PackageFile, fetch: &LockedFetch) {
        let pin = Pin {
            version: package.version,
            source: None,
            url: Some(fetch.url.clone()),
            sha256: Some(fetch.sha256),
            size: Some(fetch.size),
        };
        let pins = self.packages.entry((package.kind, package.name)).or_default();
        // A mirror, or another step, has the same file.
        if pins.iter().all(|(known, _)| known.sha256 != pin.sha256) {
            pins.push((pin, fetch.step.clone()));
        }
    }
}

/// The packages of both sides, without the files that the moves of the locks have by themselves. Of one
/// package there may be several versions.
pub(super) fn moves(old: &Fetched, new: &Fetched, known: &[Move]) -> Vec<Move> {
    let pins = known.iter().flat_map(|moved| [&moved.old, &moved.new]).flatten();
    let files: BTreeSet<Digest> = pins.filter_map(|pin| pin.sha256).collect();
    let of = |side: &Fetched, key: &Name| -> Vec<(Pin, String)> {
        let pins = side.packages.get(key).into_iter().flatten();
        let unknown = pins.filter(|(pin, _)| pin.sha256.is_none_or(|it| !files.contains(&it)));
        unknown.cloned().collect()
    };
    let names: BTreeSet<&Name> = old.packages.keys().chain(new.packages.keys()).collect();
    let mut moves = Vec::new();
    for name in names {
        let (mut before, mut after) = (of(old, name).into_iter(), of(new, name).into_iter());
        loop {
            let (old, new) = (before.next(), after.next());
            let change = match (&old, &new) {
                (None, None) => break,
                (None, Some(_)) => Change::Added,
                (Some(_), None) => Change::Removed,
                (Some(_), Some(_)) => Change::Changed,
            };
            let steps = new.iter().chain(&old).map(|(_, step)| step.clone()).take(1).collect();
            moves.push(Move {
                kind: name.0.to_owned(),
                name: name.1.clone(),
                architecture: String::new(),
                change,
                old: old.map(|(pin, _)| pin),
                new: new.map(|(pin, _)| pin),
                steps,
                requested: false,
            });
        }
    }
    moves
}

fn identify(fetch: &LockedFetch, store: &Store) -> Option<PackageFile> {
    let body = File::open(store.blob_path(&fetch.sha256)).ok()?;
    package::identify(body).ok().flatten()
}

fn urls(lock: &Lockfile) -> impl Iterator<Item = &str> {
    let packages = lock.packages.iter().filter_map(|package| package.url.as_deref());
    lock.fetches.iter().map(|fetch| &*fetch.url).chain(packages)
}

/// `https://host:port` of a URL.
fn host(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url.get(start..)?.find('/').map_or(url.len(), |slash| start + slash);
    url.get(..end)
}

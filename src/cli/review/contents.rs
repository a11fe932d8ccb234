//! What an image in the Store says of itself: its distribution and its packages. Read from its
//! layers, without unpacking them.

use crate::archive::tar::{Kind, Limits, Reader};
use crate::oci::Digest;
use crate::package::{self, DATABASES, Distribution, Files, Package};
use crate::store::{Image, Store};
use std::collections::{BTreeMap, BTreeSet};

/// Where an image says what it is, the one that counts last.
const OS_RELEASE: [&[u8]; 2] = [b"etc/os-release", b"usr/lib/os-release"];

/// Bytes of one file.
const FILE_MAX: u64 = 256 << 20;

/// What an image has.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    pub(super) release: Distribution,
    packages: Vec<Package>,
}

impl Contents {
    /// Of the image with this manifest; none where the Store does not have it, or cannot read it.
    pub(super) fn of(manifest: &Digest, store: &Store) -> Option<Self> {
        let image = store.image(manifest).ok()?;
        let files = files(&image)?;
        let mut release =
            OS_RELEASE.iter().filter_map(|path| Distribution::parse(files.get(*path)?));
        let release = release.next_back().unwrap_or_default();
        let read = |path: &[u8]| Ok(files.get(path).cloned());
        let list = |path: &[u8]| Ok(names(&files, path));
        let link = |_: &[u8]| Ok(None);
        let packages = package::read_all(Files { read: &read, list: &list, link: &link });
        let packages = packages
            .inspect_err(|error| tracing::debug!(%manifest, %error, "packages cannot be read"));
        Some(Self { release, packages: packages.ok()? })
    }

    /// The package, of any architecture.
    pub(super) fn package(&self, kind: &str, name: &str, version: &str) -> Option<&Package> {
        let is_it = |package: &&Package| {
            (package.kind, &*package.name, &*package.version) == (kind, name, version)
        };
        self.packages.iter().find(is_it)
    }
}

/// Names in a directory, by the paths of all files.
fn names(files: &BTreeMap<Vec<u8>, Vec<u8>>, directory: &[u8]) -> Vec<Vec<u8>> {
    let start = [directory, &b"/"[..]].concat();
    let below = files.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
    let names = below.filter_map(|(path, _)| {
        let rest = path.get(start.len()..)?;
        Some(rest.split(|byte| *byte == b'/').next()?.to_vec())
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The files that are asked for, as the topmost layer has them.
fn files(image: &Image) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for layer in &image.layers {
        let mut files = Reader::new(layer.open().ok()?, Limits::default());
        let mut of_layer = BTreeMap::new();
        while let Some(entry) = files.next_entry().ok()? {
            remove(&mut found, &entry.path);
            if !(entry.kind == Kind::File && is_wanted(&entry.path) && entry.size <= FILE_MAX) {
                continue;
            }
            let mut content = Vec::new();
            let copied = files.copy_body(&mut |bytes| {
                content.extend_from_slice(bytes);
                Ok(())
            });
            copied.ok()?;
            of_layer.insert(entry.path, content);
        }
        found.extend(of_layer);
    }
    Some(found)
}

fn is_wanted(path: &[u8]) -> bool {
    let is_below = |start: &&str| {
        path.strip_prefix(start.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let mut databases = DATABASES.iter().flat_map(|database| database.paths());
    OS_RELEASE.contains(&path) || databases.any(is_below)
}

/// What layers below have, and a whiteout takes away:
/// <https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts>.
fn remove(found: &mut BTreeMap<Vec<u8>, Vec<u8>>, entry: &[u8]) {
    let (directory, name) = match entry.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => entry.split_at(slash + 1),
        None => (&b""[..], entry),
    };
    match name.strip_prefix(b".wh.") {
        Some(b".wh..opq") => found.retain(|path, _| !path.starts_with(directory)),
        Some(name) => {
            let gone = [directory, name].concat();
            let below = [&gone[..], b"/"].concat();
            found.retain(|path, _| *path != gone && !path.starts_with(&below));
        }
        None => {}
    }
}

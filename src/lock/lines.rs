//! On which lines of a lockfile its values stand, for messages about a file that has been read.

use super::{LockedFetch, LockedImage, LockedPackage};
use crate::text::LineIndex;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// The lines of a lockfile's blocks.
#[derive(Debug, Default)]
pub struct Lines {
    blocks: BTreeMap<Identity, Block>,
}

/// What tells a block from all others: its kind, and the values of some of its keys.
type Identity = (&'static str, Vec<Option<String>>);

#[derive(Debug)]
struct Block {
    start: usize,
    keys: BTreeMap<String, usize>,
}

const IMAGE: (&str, &[&str]) = ("image", &["reference"]);
const PACKAGE: (&str, &[&str]) = ("package", &["type", "name", "architecture", "version", "step"]);
const FETCH: (&str, &[&str]) = ("fetch", &["url", "method", "variant", "request", "step"]);

type Table = Spanned<BTreeMap<String, Spanned<Value>>>;

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    image: Vec<Table>,
    #[serde(default)]
    package: Vec<Table>,
    #[serde(default)]
    fetch: Vec<Table>,
}

impl Lines {
    /// Of a text that is a lockfile; no line is known of one that is none.
    pub fn of(text: &[u8]) -> Self {
        let lines = LineIndex::new(text);
        let wire =
            std::str::from_utf8(text).ok().and_then(|text| toml::from_str::<Wire>(text).ok());
        let mut blocks = BTreeMap::new();
        let Some(wire) = wire else { return Self::default() };
        let all = [(IMAGE, wire.image), (PACKAGE, wire.package), (FETCH, wire.fetch)];
        for ((kind, identity), tables) in all {
            for table in tables {
                let start = lines.line(table.span().start);
                let table = table.into_inner();
                let value = |key: &&str| {
                    let value = table.get(*key)?.get_ref();
                    value.as_str().map(str::to_owned)
                };
                let identity = identity.iter().map(value).collect();
                let keys = table.iter().map(|(key, it)| (key.clone(), lines.line(it.span().start)));
                blocks.insert((kind, identity), Block { start, keys: keys.collect() });
            }
        }
        Self { blocks }
    }

    /// The line of an image's key; of its block where it has no such key.
    pub fn image(&self, image: &LockedImage, key: &str) -> Option<usize> {
        self.find(&(IMAGE.0, vec![Some(image.reference.to_string())]), key)
    }

    /// The line of a package's key; of its block where it has no such key.
    pub fn package(&self, package: &LockedPackage, key: &str) -> Option<usize> {
        let (kind, name, architecture, version, step) = package.key();
        let identity = [kind, name, architecture, version, step];
        let identity = identity.into_iter().map(|it| Some(it.to_owned())).collect();
        self.find(&(PACKAGE.0, identity), key)
    }

    /// The line of a fetch's key; of its block where it has no such key.
    pub fn fetch(&self, fetch: &LockedFetch, key: &str) -> Option<usize> {
        let request = fetch.request.map(|it| it.hex());
        let (method, variant) = (fetch.method.clone(), fetch.variant.clone());
        let (url, step) = (Some(fetch.url.clone()), Some(fetch.step.clone()));
        self.find(&(FETCH.0, vec![url, method, variant, request, step]), key)
    }

    fn find(&self, identity: &Identity, key: &str) -> Option<usize> {
        let block = self.blocks.get(identity)?;
        Some(block.keys.get(key).copied().unwrap_or(block.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Lockfile;

    #[test]
    fn every_value_has_its_line() {
        let text = include_bytes!("../../fixtures/lock/Dockerfile.lock");
        let (lock, lines) = (Lockfile::parse(text).unwrap(), Lines::of(text));
        let source: Vec<&str> = std::str::from_utf8(text).unwrap().lines().collect();
        let on = |line: Option<usize>| source[line.unwrap() - 1];
        for image in &lock.images {
            assert!(on(lines.image(image, "manifest")).contains(&image.manifest.to_string()));
        }
        for package in &lock.packages {
            assert!(on(lines.package(package, "version")).contains(&package.version));
            assert_eq!(on(lines.package(package, "nothing")), "[[package]]");
        }
        for fetch in &lock.fetches {
            assert!(on(lines.fetch(fetch, "sha256")).contains(&fetch.sha256.hex()));
        }
        assert!(!lock.images.is_empty() && !lock.packages.is_empty() && !lock.fetches.is_empty());
    }
}

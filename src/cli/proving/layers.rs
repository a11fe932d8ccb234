//! What the layers of an image say of keys: files of keys, and of the sources of apt and dnf.

use super::keys::is_key;
use super::{Reading, bound, yum};
use crate::archive::tar::{Kind, Limits, Reader};
use crate::store::{Image, Layer, Store, StoreError};
use std::collections::BTreeMap;
use std::io::BufRead as _;

/// The kind of what is kept of a layer, with the number of its form: the places may become more.
const KIND: &str = "keys-2";

/// Bytes of one file of keys.
pub(super) const FILE_MAX: usize = 16 << 20;

/// Files of keys in one image.
const FILES_MAX: usize = 2000;

/// Files of an image that say which keys are believed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InImage {
    /// Keys, and the sources of apt and dnf, by path.
    pub(super) contents: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Targets of links in their places, by path.
    pub(super) links: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What one layer does to them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    /// What it removes of the layers below, or replaces. With a slash at its end, all below it.
    gone: Vec<Vec<u8>>,
    /// What it has itself.
    own: InImage,
}

/// The files as the layers of an image leave them. Links are not followed: what they lead to is in one
/// of the places itself.
pub(super) fn files(image: &Image, store: &Store, reading: Reading) -> Result<InImage, StoreError> {
    let mut files = InImage::default();
    for layer in &image.layers {
        let Changes { gone, own } = changes(layer, store, reading)?;
        for map in [&mut files.contents, &mut files.links] {
            map.retain(|path, _| !gone.iter().any(|gone| is_below(path, gone)));
        }
        files.contents.extend(own.contents);
        files.links.extend(own.links);
    }
    Ok(files)
}

/// Where not all has to be read again, what was read of the layer before is believed: as far as the
/// Store's folder is, which is less than its blobs are.
fn changes(layer: &Layer, store: &Store, reading: Reading) -> Result<Changes, StoreError> {
    let blob = &layer.descriptor.digest;
    if reading == Reading::Moved
        && let Some(known) = store.derived(KIND, blob).and_then(|bytes| Changes::parse(&bytes))
    {
        return Ok(known);
    }
    let changes = Changes::read(layer)?;
    if let Err(error) = store.keep_derived(KIND, blob, &changes.written()) {
        tracing::debug!(%blob, %error, "the keys of a layer are not kept");
    }
    Ok(changes)
}

fn is_wanted(path: &[u8]) -> bool {
    is_key(path) || bound::is_source(path) || yum::is_source(path)
}

impl Changes {
    /// Reads a layer to its end, which verifies it.
    fn read(layer: &Layer) -> Result<Self, StoreError> {
        let damaged = |error| StoreError::archive(layer.diff_id.to_string(), error);
        let mut changes = Self::default();
        let mut reader = Reader::new(layer.open()?, Limits::default());
        while let Some(entry) = reader.next_entry().map_err(damaged)? {
            // Whiteouts concern lower layers only, wherever they stand.
            if let Some(path) = whiteout(&entry.path) {
                changes.gone.push(path);
                continue;
            }
            if !is_wanted(&entry.path) {
                continue;
            }
            changes.replace(&entry.path);
            let own = &mut changes.own;
            let is_read = entry.kind == Kind::File && entry.size <= FILE_MAX as u64;
            if is_read && own.contents.len() < FILES_MAX {
                let mut content = Vec::new();
                let mut keep = |bytes: &[u8]| {
                    content.extend_from_slice(bytes);
                    Ok(())
                };
                reader.copy_body(&mut keep).map_err(damaged)?;
                own.contents.insert(entry.path, content);
            } else if entry.kind == Kind::Symlink && own.links.len() < FILES_MAX {
                own.links.insert(entry.path, entry.link);
            }
        }
        let mut rest = reader.finish().map_err(damaged)?;
        std::io::copy(&mut rest, &mut std::io::sink())
            .map_err(|error| StoreError::io("read", &layer.location.path_of_blob(), error))?;
        Ok(changes)
    }

    fn replace(&mut self, path: &[u8]) {
        self.own.contents.remove(path);
        self.own.links.remove(path);
        self.gone.push(path.to_owned());
    }

    /// Records: a line with a word and two numbers of bytes; then so many of path and of content.
    fn written(&self) -> Vec<u8> {
        let gone = self.gone.iter().map(|path| ("gone", path, &[][..]));
        let files = self.own.contents.iter().map(|(path, content)| ("file", path, &**content));
        let links = self.own.links.iter().map(|(path, target)| ("link", path, &**target));
        let mut bytes = Vec::new();
        for (word, path, content) in gone.chain(files).chain(links) {
            let line = format!("{word} {} {}\n", path.len(), content.len());
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(path);
            bytes.extend_from_slice(content);
        }
        bytes
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut changes = Self::default();
        while !bytes.is_empty() {
            let mut line = String::new();
            bytes.read_line(&mut line).ok()?;
            let mut words = line.strip_suffix('\n')?.split(' ');
            let word = words.next()?;
            let mut taken = || {
                let (taken, rest) = bytes.split_at_checked(words.next()?.parse().ok()?)?;
                bytes = rest;
                Some(taken.to_vec())
            };
            let (path, content) = (taken()?, taken()?);
            match word {
                "gone" => changes.gone.push(path),
                "file" => drop(changes.own.contents.insert(path, content)),
                "link" => drop(changes.own.links.insert(path, content)),
                _ => return None,
            }
        }
        Some(changes)
    }
}

/// What a whiteout removes: a path, or with a slash at its end all below it.
fn whiteout(path: &[u8]) -> Option<Vec<u8>> {
    let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = path.split_at_checked(at)?;
    let name = name.strip_prefix(b".wh.")?;
    Some(if name == b".wh..opq" { folder.to_vec() } else { [folder, name].concat() })
}

fn is_below(path: &[u8], gone: &[u8]) -> bool {
    path.strip_prefix(gone).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(b"/") || gone.ends_with(b"/") || gone.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_layer_is_read_again() {
        let map = |path: &str, content: &[u8]| {
            BTreeMap::from([(path.as_bytes().to_vec(), content.to_vec())])
        };
        let own = InImage {
            contents: map("etc/apt/keyrings/a\nb.gpg", b"\0\nfile 1 1\n"),
            links: map("usr/share/keyrings/c", b"../d"),
        };
        let changes = Changes { gone: vec![b"etc/apt/".to_vec(), Vec::new()], own };
        let bytes = changes.written();
        assert_eq!(Changes::parse(&bytes), Some(changes));
        assert_eq!(Changes::parse(b""), Some(Changes::default()));
        for damaged in [&b"gone 1 0\n"[..], b"gone 0\n", b"other 0 0\n", b"gone 0 0", b"\xff 0 0\n"]
        {
            assert_eq!(Changes::parse(damaged), None);
        }
    }

    #[test]
    fn whiteouts_remove_what_is_below() {
        for (path, gone, below) in [
            ("etc/apt/.wh.keyrings", "etc/apt/keyrings", true),
            ("etc/apt/.wh..wh..opq", "etc/apt/", true),
            ("etc/apt/.wh.key", "etc/apt/key", false),
        ] {
            let found = whiteout(path.as_bytes()).unwrap();
            assert_eq!(found, gone.as_bytes());
            assert_eq!(is_below(b"etc/apt/keyrings/a.gpg", &found), below, "{path}");
        }
        assert_eq!(whiteout(b"etc/apt/keyrings"), None);
    }
}

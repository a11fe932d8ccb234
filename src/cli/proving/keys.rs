//! Keys that signatures are believed of: those of the locked images, and those that rlock.toml names.

use super::base::Base;
use crate::archive::tar::{Kind, Limits, Reader};
use crate::cli::failure::Unreadable;
use crate::cli::project::{Project, read_at_most};
use crate::index::apk::ApkKeys;
use crate::index::openpgp::Keyring;
use crate::lock::{LockedImage, Lockfile};
use crate::oci::Reference;
use crate::store::{Image, Store};
use std::collections::BTreeMap;

/// Where images keep keys of archives: apt's, those of its `Signed-By`, apk's, rpm's.
const PLACES: [&str; 7] = [
    "etc/apt/trusted.gpg",
    "etc/apt/trusted.gpg.d/",
    "etc/apt/keyrings/",
    "usr/share/keyrings/",
    "etc/apk/keys/",
    "usr/share/apk/keys/",
    "etc/pki/rpm-gpg/",
];

/// Bytes of one file of keys.
const FILE_MAX: usize = 16 << 20;

/// Files of keys in one image.
const FILES_MAX: usize = 2000;

/// Keys that are believed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) openpgp: Keyring,
    pub(super) apk: ApkKeys,
}

/// Reads all of them. What cannot be read is noted: who signs with such a key is then not known.
pub(super) fn collect(
    project: &Project,
    lock: &Lockfile,
    base: Option<&Base>,
    store: &Store,
    notes: &mut Vec<String>,
) -> anyhow::Result<Keys> {
    let mut keys = Keys::default();
    let before = base.map_or(&[][..], |base| &base.lock.images);
    let mut images: BTreeMap<String, &LockedImage> = BTreeMap::new();
    for image in lock.images.iter().chain(before) {
        images.entry(image.manifest.to_string()).or_insert(image);
    }
    for image in images.values() {
        let name = name(&image.reference);
        let read = store.image(&image.manifest).map_err(anyhow::Error::from);
        match read.and_then(|image| files(&image)) {
            Ok(files) => files.iter().for_each(|(path, file)| keys.add(path, &name, file, notes)),
            Err(error) => {
                if let Some(error) = error.downcast_ref::<crate::store::StoreError>()
                    && error.is_integrity()
                {
                    return Err(anyhow::anyhow!("the image {name} is damaged: {error}"));
                }
                notes.push(format!("the keys of the image {name} are not known: {error:#}"));
            }
        }
    }
    for path in &project.settings.keys {
        let file = project.path.with_file_name("").join(path);
        let unreadable = |source| Unreadable { what: "key", path: file.clone(), source };
        let content = read_at_most(&file, FILE_MAX).map_err(unreadable)?;
        if base.is_some_and(|base| !base.has(path, &content)) {
            let path = path.display();
            notes.push(format!("`{path}` is another file in the base, and not believed"));
            continue;
        }
        keys.add(path.to_string_lossy().as_bytes(), "rlock.toml", &content, notes);
    }
    Ok(keys)
}

fn name(reference: &Reference) -> String {
    reference.familiar()
}

/// Files of keys in an image, as its layers leave them. Links are not followed: what they lead to is
/// in one of the places itself.
fn files(image: &Image) -> anyhow::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut files: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for layer in &image.layers {
        // Whiteouts concern lower layers only, wherever they stand.
        let mut own = BTreeMap::new();
        let mut gone = Vec::new();
        let mut reader = Reader::new(layer.open()?, Limits::default());
        while let Some(entry) = reader.next_entry()? {
            if let Some(path) = whiteout(&entry.path) {
                gone.push(path);
                continue;
            }
            if !is_key(&entry.path) {
                continue;
            }
            own.remove(&entry.path);
            gone.push(entry.path.clone());
            let is_read = entry.kind == Kind::File && entry.size <= FILE_MAX as u64;
            if is_read && own.len() < FILES_MAX {
                let mut content = Vec::new();
                reader.copy_body(&mut |bytes| {
                    content.extend_from_slice(bytes);
                    Ok(())
                })?;
                own.insert(entry.path, content);
            }
        }
        std::io::copy(&mut reader.finish()?, &mut std::io::sink())?;
        files.retain(|path, _| !gone.iter().any(|gone| is_below(path, gone)));
        files.extend(own);
    }
    Ok(files)
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

/// Whether a file has keys of archives that are believed. Debian keeps keys that it has withdrawn in
/// a file of their own beside the others.
fn is_key(path: &[u8]) -> bool {
    let is_here = |place: &str| {
        if place.ends_with('/') {
            path.starts_with(place.as_bytes()) && path.len() > place.len()
        } else {
            path == place.as_bytes()
        }
    };
    let is_withdrawn = bstr::ByteSlice::find(path, "removed-keys").is_some();
    PLACES.iter().any(|place| is_here(place)) && !is_withdrawn && !path.ends_with(b"~")
}

impl Keys {
    fn add(&mut self, path: &[u8], source: &str, content: &[u8], notes: &mut Vec<String>) {
        let path = String::from_utf8_lossy(path);
        let place = format!("{path} of {source}");
        let file = path.rsplit('/').next().unwrap_or(&path);
        let is_apk = file.rsplit_once('.').is_some_and(|(_, extension)| extension == "pub");
        let added = if is_apk {
            self.apk.add(file, &place, content).map_err(|error| error.to_string())
        } else {
            self.openpgp.add(&place, content).map_err(|error| error.to_string())
        };
        if let Err(error) = added {
            notes.push(format!("the keys in {place} cannot be read: {error}"));
        }
    }
}

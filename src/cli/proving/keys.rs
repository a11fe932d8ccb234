//! Keys that signatures are believed of: those of the locked images, and those that rlock.toml names.

use super::base::Base;
use super::layers::{self, FILE_MAX};
use super::{Reading, bound, yum};
use crate::cli::failure::Unreadable;
use crate::cli::project::{Project, read_at_most};
use crate::index::apk::ApkKeys;
use crate::index::openpgp::Keyring;
use crate::index::proof::Binding;
use crate::lock::{LockedImage, Lockfile};
use crate::oci::Reference;
use crate::store::{Store, StoreError};
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

/// Keys that are believed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) openpgp: Keyring,
    pub(super) apk: ApkKeys,
    /// Which of them count for which archive.
    pub(super) bindings: Vec<Binding>,
}

/// Reads all of them. What cannot be read is noted: who signs with such a key is then not known.
pub(super) fn collect(
    project: &Project,
    lock: &Lockfile,
    base: Option<&Base>,
    (store, reading): (&Store, Reading),
    notes: &mut Vec<String>,
) -> anyhow::Result<Keys> {
    let mut keys = Keys::default();
    let (mut read_images, mut own) = (Vec::new(), Keyring::default());
    let before = base.map_or(&[][..], |base| &base.lock.images);
    let mut images: BTreeMap<String, &LockedImage> = BTreeMap::new();
    for image in lock.images.iter().chain(before) {
        images.entry(image.manifest.to_string()).or_insert(image);
    }
    let read = |manifest| layers::files(&store.image(manifest)?, store, reading);
    for image in images.values() {
        let name = name(&image.reference);
        match read(&image.manifest) {
            Ok(files) => {
                let of_keys = files.contents.iter().filter(|(path, _)| is_key(path));
                of_keys.for_each(|(path, file)| keys.add(path, &name, file, notes));
                read_images.push((name, files));
            }
            // Not being there is no damage, though a Store that promised it is at fault.
            Err(error) if error.is_integrity() && !matches!(error, StoreError::Missing { .. }) => {
                return Err(
                    anyhow::Error::new(error).context(format!("the image {name} is damaged"))
                );
            }
            Err(error) => {
                let error = anyhow::Error::new(error);
                notes.push(format!("the keys of the image {name} are not known: {error:#}"));
            }
        }
    }
    for path in &project.settings.keys {
        let file = project.file.with_file_name("").join(path);
        let unreadable = |source| Unreadable { what: "key", path: file.clone(), source };
        let content = read_at_most(&file, FILE_MAX).map_err(unreadable)?;
        if base.is_some_and(|base| !base.has(path, &content)) {
            let path = path.display();
            notes.push(format!("`{path}` is another file in the base, and not believed"));
            continue;
        }
        keys.add(path.to_string_lossy().as_bytes(), "rlock.toml", &content, notes);
        // What is no OpenPGP key has been noted.
        drop(own.add("rlock.toml", &content));
    }
    keys.bindings = bound::bindings(&read_images, &own);
    keys.bindings.extend(yum::bindings(&read_images, lock, &own, notes));
    Ok(keys)
}

fn name(reference: &Reference) -> String {
    reference.familiar()
}

/// Whether a file has keys of archives that are believed. Debian keeps keys that it has withdrawn in
/// a file of their own beside the others.
pub(super) fn is_key(path: &[u8]) -> bool {
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

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
use crate::oci::{Digest, Reference};
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where images keep keys of archives: apt's, those of its `Signed-By`, apk's, rpm's.
const PLACES: [&str; 8] = [
    "etc/apt/trusted.gpg",
    "etc/apt/trusted.gpg.d/",
    "etc/apt/keyrings/",
    "usr/share/keyrings/",
    "etc/apk/keys/",
    "usr/share/apk/keys/",
    "etc/pki/rpm-gpg/",
    "usr/lib/rpm/gnupg/keys/",
];

/// Bytes of a list of mirrors.
const LIST_MAX: u64 = 1 << 20;

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
    let before = base.and_then(|base| base.lock.as_ref());
    let before = before.map_or(&[][..], |lock| &lock.images);
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
    for (path, content) in named(project, base, notes)? {
        keys.add(path.to_string_lossy().as_bytes(), "rlock.toml", &content, notes);
        // What is no OpenPGP key has been noted.
        drop(own.add("rlock.toml", &content));
    }
    let body = |digest: &Digest| store.read_blob(digest, LIST_MAX).ok();
    keys.bindings = bound::bindings(&read_images, &own);
    keys.bindings.extend(yum::bindings(&read_images, (lock, &body), &own, notes));
    Ok(keys)
}

/// The keys that rlock.toml names, as the base has it: who proposes a lock would otherwise say as well
/// whose signatures count for it.
fn named(
    project: &Project,
    base: Option<&Base>,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let here = &project.settings.keys;
    let read = |path: &PathBuf| {
        let file = project.file.with_file_name("").join(path);
        read_at_most(&file, FILE_MAX).map_err(|source| Unreadable {
            what: "key",
            path: file,
            source,
        })
    };
    let before = base.map(|base| base.settings().map(|it| it.map(|settings| (base, settings))));
    let Some((base, before)) = before.transpose()?.flatten() else {
        let found = here.iter().map(|path| Ok((path.clone(), read(path)?)));
        return found.collect();
    };
    for path in here.iter().filter(|path| !before.keys.contains(path)) {
        let path = path.display();
        notes.push(format!("rlock.toml of the base does not name `{path}`: it is not believed"));
    }
    let mut found = Vec::new();
    for path in before.keys {
        let Some(content) = base.file_beside(&path) else {
            notes.push(format!("the base does not have `{}`, which it names", path.display()));
            continue;
        };
        if here.contains(&path) && read(&path)? != content {
            let path = path.display();
            notes.push(format!(
                "`{path}` is another file than in the base, and not believed: that of the base is"
            ));
        }
        found.push((path, content));
    }
    Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_believed_in_the_places_of_their_managers_alone() {
        for (path, expected) in [
            ("etc/apt/trusted.gpg", true),
            ("etc/apt/trusted.gpg.d/a.asc", true),
            ("etc/apt/keyrings/a.gpg", true),
            ("usr/share/keyrings/debian-archive-keyring.gpg", true),
            ("etc/apk/keys/a.rsa.pub", true),
            ("usr/share/apk/keys/x86_64/a.rsa.pub", true),
            ("etc/pki/rpm-gpg/a", true),
            // Withdrawn, left behind by an editor, or somewhere else.
            ("usr/share/keyrings/debian-archive-removed-keys.gpg", false),
            ("etc/apt/trusted.gpg~", false),
            ("etc/apt/trusted.gpg.d/a.asc~", false),
            ("etc/apt/trusted.gpg.d/", false),
            ("etc/apt/trusted.gpgx", false),
            ("etc/apt/trusted", false),
            ("root/etc/apt/trusted.gpg", false),
            ("usr/local/share/keyrings/a.gpg", false),
            ("home/a.gpg", false),
        ] {
            assert_eq!(is_key(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn a_key_is_apks_by_its_name_and_what_is_none_is_noted() {
        let fixture = |path: &str| {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            std::fs::read(root.join("fixtures/index").join(path)).unwrap()
        };
        let (mut keys, mut notes) = (Keys::default(), Vec::new());
        let name = "it@index.test.rsa.pub";
        let content = fixture(&format!("apk/{name}"));
        keys.add(format!("etc/apk/keys/{name}").as_bytes(), "alpine", &content, &mut notes);
        let content = fixture("keys/ed25519.asc");
        keys.add(b"etc/apt/keyrings/a.asc", "debian", &content, &mut notes);
        assert_eq!((keys.apk.len(), keys.openpgp.len(), notes.len()), (1, 1, 0), "{notes:?}");
        for path in ["etc/apk/keys/b.pub", "etc/apt/keyrings/b.gpg"] {
            keys.add(path.as_bytes(), "it", b"no key", &mut notes);
            let note = notes.pop().unwrap();
            assert!(
                note.starts_with(&format!("the keys in {path} of it cannot be read: ")),
                "{note}"
            );
        }
        assert_eq!((keys.apk.len(), keys.openpgp.len()), (1, 1));
    }
}
